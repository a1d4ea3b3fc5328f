"""How much each version of an agent told, for what is missing in newer ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tachlog.analysis.drift import VersionCounts
from tachlog.stores.database import Database
from tachlog.stores.rows import Row

_BY_VERSION: Final = """
    WITH spans AS (
        SELECT thread, value AS version, first_us AS from_us,
            row_number() OVER (PARTITION BY thread ORDER BY first_us, value) AS place,
            lead(first_us) OVER (PARTITION BY thread ORDER BY first_us, value) AS until_us
        FROM marks WHERE name = 'version'),
    sources AS (
        SELECT d.thread, min(f.source) AS one, max(f.source) AS other
        FROM told d JOIN files f ON f.id = d.file GROUP BY d.thread),
    holders AS (
        SELECT t.id AS thread, t.agent, CASE
            WHEN EXISTS (SELECT 1 FROM spans s WHERE s.thread = t.id) THEN t.id ELSE r.id END
            AS holder
        FROM threads t JOIN threads r ON r.session_id = t.root AND r.agent = t.agent)
    SELECT f.one, f.other, h.agent, v.version, {counts}
    FROM {table} o JOIN holders h ON h.thread = o.thread JOIN sources f ON f.thread = o.thread
    JOIN spans v ON v.thread = h.holder AND (v.place = 1 OR o.at_us >= v.from_us)
        AND (v.until_us IS NULL OR o.at_us < v.until_us)
    GROUP BY f.one, f.other, h.agent, v.version
"""
"""A thread that tells no version has its main conversation's; one that was resumed under another
version has several, each from when it was first told."""


def by_version(database: Database) -> list[VersionCounts]:
    """What each version of each agent told, by source, agent and version; others are left out."""
    replies = _counted(database, "calls", "count(*), count(o.input), count(o.stop_reason)")
    tools = _counted(
        database,
        "tool_calls",
        "count(*), count(o.end_us),"
        " count(*) FILTER (WHERE o.end_us IS NOT NULL AND o.duration_ms IS NOT NULL)",
    )
    return [
        VersionCounts(*whose, *replies.get(whose, (0, 0, 0)), *tools.get(whose, (0, 0, 0)))
        for whose in sorted(replies.keys() | tools.keys())
    ]


def _counted(
    database: Database, table: str, counts: str
) -> dict[tuple[str, str, str], Sequence[int]]:
    def whose(row: Row) -> tuple[str, str, str]:
        return (row[0] if row[0] == row[1] else f"{row[0]}+{row[1]}", row[2], row[3])

    return {
        whose(row): row[4:] for row in database.rows(_BY_VERSION.format(table=table, counts=counts))
    }
