"""What is selected from Goose's database: each session whole, with its messages and its ledger.

Columns came with the versions of the schema (1 to 17). A name that a table does not have is looked
up in the query around it, where `_LATER` has it as NULL: one text fits all versions. The ledger
of calls came with version 15. Read from session_manager.rs and recorded databases, 2026-11-22.
"""

from __future__ import annotations

from typing import Final

_LATER: Final = """(SELECT NULL AS name, NULL AS user_set_name, NULL AS session_type,
    NULL AS provider_name, NULL AS model_config_json, NULL AS parent_session_id,
    NULL AS accumulated_cache_read_tokens, NULL AS accumulated_cache_write_tokens,
    NULL AS message_id, NULL AS metadata_json) later"""

_JSON_OR_NULL: Final = "json(CASE WHEN json_valid({0}) THEN {0} END)"

_SUBAGENT: Final = """'"subagent_session_id":"' || s.id || '"'"""

_DELEGATED: Final = f"""(SELECT m.session_id FROM messages m
    WHERE m.timestamp BETWEEN s.created_at AND datetime(s.updated_at, '+1 day')
        AND instr(m.content_json, {_SUBAGENT}) LIMIT 1)"""
"""The session that an answer of its tool `delegate` names this one in (before version 15)."""

_PARENT: Final = f"""(SELECT json_object('id', other, 'created_at', begun)
    FROM (SELECT id AS other, created_at AS begun FROM sessions)
    WHERE other = coalesce(parent_session_id,
        CASE WHEN session_type = 'sub_agent' THEN {_DELEGATED} END))"""

_MESSAGES: Final = f"""(SELECT json_group_array(json(message)) FROM (
    SELECT json_object('id', message_id, 'role', m.role, 'created', m.created_timestamp,
        'content', {_JSON_OR_NULL.format("m.content_json")},
        'metadata', {_JSON_OR_NULL.format("metadata_json")}) AS message
    FROM messages m WHERE m.session_id = s.id ORDER BY m.id))"""

_LEDGER: Final = """(SELECT json_group_array(json_object('id', u.id,
        'created', u.created_timestamp, 'model', u.model, 'input_tokens', u.input_tokens,
        'output_tokens', u.output_tokens, 'total_tokens', u.total_tokens,
        'cache_read_tokens', u.cache_read_tokens, 'cache_write_tokens', u.cache_write_tokens,
        'cost', u.cost, 'cost_source', u.cost_source, 'is_compaction', u.is_compaction))
    FROM usage_ledger u WHERE u.session_id = s.id)"""

_SESSION: Final = f"""json_object('id', s.id, 'created_at', s.created_at,
    'working_dir', s.working_dir, 'name', name, 'description', s.description,
    'user_set_name', user_set_name, 'session_type', session_type,
    'provider_name', provider_name, 'model_config', {_JSON_OR_NULL.format("model_config_json")},
    'accumulated_input_tokens', s.accumulated_input_tokens,
    'accumulated_output_tokens', s.accumulated_output_tokens,
    'accumulated_total_tokens', s.accumulated_total_tokens,
    'accumulated_cache_read_tokens', accumulated_cache_read_tokens,
    'accumulated_cache_write_tokens', accumulated_cache_write_tokens,
    'parent', json({_PARENT}), 'conversation', json({_MESSAGES}), 'ledger', json({{ledger}}))"""

_STATEMENT: Final = f"""
    SELECT changed, (SELECT {_SESSION} FROM sessions s WHERE s.id = told)
    FROM {_LATER}, (SELECT id AS told, CAST(strftime('%s', updated_at) AS INTEGER) * 1000 AS changed
        FROM sessions)
    WHERE changed >= :since {{when}} ORDER BY changed, told
    """

_NO_LEDGER: Final = "AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'usage_ledger')"

STATEMENTS: Final = (
    _STATEMENT.format(ledger="NULL", when=_NO_LEDGER),
    _STATEMENT.format(ledger=_LEDGER, when=""),
)
