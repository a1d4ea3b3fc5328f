"""What changed in the archive since a mirror was last fed, in order and a bounded step at a time.

A mirror's cursor is the number of a change of the archive and, within it, of a thread. Of a thread
that changed since, its figures are told, and the operations of those quarter hours that changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tachlog.analysis.units import rfc3339
from tachlog.metrics import QUARTER_US
from tachlog.stores.database import LISTED, Database, listed, replacing
from tachlog.stores.following import AlertFacts, CallFacts, Change, Mirrored, MirrorState
from tachlog.stores.loading import FAILURES, TOOLS, Table, operations
from tachlog.stores.summaries import metrics_of
from tachlog.stores.words import Words

MOST_THREADS: Final = 500
MOST_OPERATIONS: Final = 20_000
"""A step has no more of them, unless one thread alone has."""

STATE_COLUMNS: Final = (
    "name, changed, thread, written_us, failed_us, fault, expired, dropped, prepared"
)


def state(database: Database, name: str) -> MirrorState:
    """How far a mirror was fed."""
    found = database.rows(f"SELECT {STATE_COLUMNS} FROM mirrors WHERE name = ?", (name,))
    return MirrorState(*found[0]) if found else MirrorState(name)


def keep_state(database: Database, known: MirrorState) -> None:
    """Keep how far a mirror was fed."""
    values = tuple(getattr(known, column) for column in STATE_COLUMNS.split(", "))
    database.insert("mirrors", STATE_COLUMNS, [values], replacing(STATE_COLUMNS, "name"))


def keep_mirrored(
    database: Database, name: str, written: Sequence[tuple[Change, Mirrored | None]]
) -> None:
    """Keep where a mirror has the points of threads now; of threads that are no more nothing."""
    columns = "mirror, thread, changed, at_ns, series"
    database.insert(
        "mirrored",
        columns,
        [
            (
                name,
                change.thread,
                change.changed,
                place and place.at_ns,
                place and place.series,
            )
            for change, place in written
            if change.metrics is not None
        ],
        replacing(columns, "mirror, thread"),
    )
    database.run_many(
        "DELETE FROM mirrored WHERE mirror = ? AND thread = ?",
        [(name, change.thread) for change, _ in written if change.metrics is None],
    )


def forget(database: Database, name: str) -> None:
    """Forget everything about a mirror: it is fed from the start."""
    database.run("DELETE FROM mirrored WHERE mirror = ?", (name,))
    database.run("DELETE FROM mirrors WHERE name = ?", (name,))


def behind(database: Database, known: MirrorState) -> int:
    """How many threads changed that a mirror was not fed with."""
    ((changed,),) = database.rows(
        "SELECT count(*) FROM agent_telemetry_summaries WHERE (changed, thread) > (?, ?)",
        (known.changed, known.thread),
    )
    return int(changed) + len(_gone(database, known.name))


def changes(database: Database, words: Words, known: MirrorState) -> list[Change]:
    """The next threads that changed, in order; none when the mirror has everything.

    Threads that are no more come first.
    """
    if gone := _gone(database, known.name):
        return gone
    found = database.rows(
        "SELECT s.thread, s.changed, s.metrics, m.at_ns, m.series,"
        " p.thread IS NOT NULL AND m.thread IS NULL"
        " FROM agent_telemetry_summaries s LEFT JOIN remainders p ON p.thread = s.thread"
        " LEFT JOIN mirrored m ON m.mirror = ? AND m.thread = s.thread"
        f" WHERE (s.changed, s.thread) > (?, ?) ORDER BY s.changed, s.thread LIMIT {MOST_THREADS}",
        (known.name, known.changed, known.thread),
    )
    step: list[Change] = []
    size = 0
    for thread, changed, blob, at_ns, series, is_cut in found:
        metrics = metrics_of(blob)
        size += metrics.calls + metrics.tool_calls + metrics.failures
        if step and size > MOST_OPERATIONS:
            break
        former = None if at_ns is None else Mirrored(at_ns, series)
        step.append(Change(thread, changed, metrics, former, [], [], [], bool(is_cut)))
    _fill(database, words, known.name, {change.thread: change for change in step})
    return step


def _gone(database: Database, name: str) -> list[Change]:
    return [
        Change(thread, 0, None, None if at_ns is None else Mirrored(at_ns, series), [], [], [])
        for thread, at_ns, series in database.rows(
            "SELECT m.thread, m.at_ns, m.series FROM mirrored m WHERE m.mirror = ? AND NOT EXISTS"
            " (SELECT 1 FROM agent_telemetry_summaries s WHERE s.thread = m.thread)"
            f" ORDER BY m.thread LIMIT {MOST_THREADS}",
            (name,),
        )
    ]


def _fill(database: Database, words: Words, name: str, step: dict[int, Change]) -> None:
    """Add the operations of the quarter hours that changed since each thread was mirrored."""
    threads = listed(step)
    for thread, *facts in database.rows(
        "SELECT o.thread, o.key, o.at_us, o.model, o.provider, o.input, o.cache_read,"
        " o.cache_write, o.settled_output, o.reasoning, o.estimated, o.cost_nanousd,"
        f" o.response_us, o.ttft_ms FROM calls o WHERE {_new('o', 'model_quarters')}"
        " ORDER BY o.at_us, o.key",
        (threads, name),
    ):
        facts[2:4] = words.name(facts[2]), words.name(facts[3])
        step[thread].calls.append(CallFacts(*facts))
    for table, quarters in ((TOOLS, "tool_quarters"), (FAILURES, "failure_quarters")):
        for thread, operation in _operations(database, words, table, quarters, (threads, name)):
            change = step[thread]
            (change.tools if table is TOOLS else change.failures).append(operation)


def _operations(
    database: Database, words: Words, table: Table, quarters: str, values: Sequence[Any]
) -> list[tuple[int, Any]]:
    found = operations(database, words, table, _new(table.name, quarters), values)
    return sorted(found, key=lambda each: (each[1].at_us, each[1].key))


def _new(rows: str, quarters: str) -> str:
    """A condition on rows of operations: of these threads, in a quarter hour that changed."""
    return (
        f"{rows}.thread IN {LISTED} AND EXISTS (SELECT 1 FROM {quarters} q"
        f" LEFT JOIN mirrored m ON m.mirror = ? AND m.thread = q.thread"
        f" WHERE q.thread = {rows}.thread AND q.quarter = {rows}.at_us / {QUARTER_US}"
        " AND q.changed > coalesce(m.changed, 0))"
    )


def alerts(database: Database, since_us: int | None) -> list[AlertFacts]:
    """Alerts that were triggered or acknowledged since then; all of them for None."""
    since = rfc3339(since_us or 0)
    return [
        AlertFacts(str(number), kind, severity, message, _us(triggered), bool(acknowledged))
        for number, kind, severity, message, triggered, acknowledged in database.rows(
            "SELECT id, type, severity, message, triggered_at, acknowledged FROM telemetry_alerts"
            " WHERE triggered_at >= ? OR acknowledged_at >= ? ORDER BY triggered_at, id",
            (since, since),
        )
    ]


def _us(moment: str | datetime) -> int:
    """A time of the user's tables in µs; one without a zone is UTC."""
    told = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    return round(told.timestamp() * 1_000_000)
