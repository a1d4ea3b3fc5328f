"""What is selected from OpenCode's database: sessions, and messages with all that belongs to them.

Each row gives the milliseconds of its last change and a record of the shape that a file of the
older tree is read in. Texts that are no JSON are told as unreadable. The schemas are those of 1.2
to 1.18, read 2026-11-22.
"""

from __future__ import annotations

from typing import Final

_SESSION: Final = """json_object(
    'id', s.id, 'parentID', s.parent_id, 'directory', s.directory, 'title', s.title,
    'version', s.version, 'time', json_object('created', s.time_created))"""

_CHANGED: Final = """max(m.time_updated, coalesce(
    (SELECT max(p.time_updated) FROM part p WHERE p.message_id = m.id), 0))"""

_TORN: Final = "json_object('sessionID', m.session_id, 'role', 'unreadable')"

STATEMENTS: Final = (
    f"""
    SELECT s.time_updated, '{{"document":' || {_SESSION} || '}}' FROM session s
    WHERE s.time_updated >= :since ORDER BY s.time_updated, s.id
    """,
    f"""
    SELECT {_CHANGED} AS changed,
        '{{"document":' || CASE WHEN json_valid(m.data) THEN
            json_set(m.data, '$.id', m.id, '$.sessionID', m.session_id) ELSE {_TORN} END
        || ',"beside":[' || coalesce((SELECT {_SESSION} FROM session s WHERE s.id = m.session_id),
            'null')
        || coalesce((SELECT ',' || group_concat(body, ',') FROM (
            SELECT CASE WHEN json_valid(p.data) THEN json_set(p.data, '$.id', p.id)
                ELSE json_object('type', 'unreadable') END AS body
            FROM part p WHERE p.message_id = m.id ORDER BY p.id)), '')
        || ']}}'
    FROM message m WHERE changed >= :since ORDER BY changed, m.id
    """,
    f"""
    SELECT m.time_updated,
        '{{"document":' || CASE WHEN json_valid(m.data) THEN json_set(
            m.data, '$.id', m.id, '$.sessionID', m.session_id, '$.type', m.type) ELSE {_TORN} END
        || ',"beside":[' || coalesce((SELECT {_SESSION} FROM session s WHERE s.id = m.session_id),
            'null')
        || ']}}'
    FROM session_message m WHERE m.time_updated >= :since ORDER BY m.time_updated, m.id
    """,
)
