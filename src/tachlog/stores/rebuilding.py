"""Everything derived is recomputed and compared with what is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tachlog.metrics import Measured, QuarterMetrics
from tachlog.stores import Measure, figures, learning, quarters, tools, totals
from tachlog.stores.database import LISTED, Database, listed
from tachlog.stores.remaining import measuring
from tachlog.stores.rows import SETTLED_COLUMNS
from tachlog.stores.summaries import metrics_of
from tachlog.stores.words import Words

AT_ONCE = 200
"""Threads whose remainders are in memory together."""

_SETTLE = ", ".join(f"{name} = ?" for name in SETTLED_COLUMNS.split(", "))


def rebuild(
    database: Database, words: Words, measure: Measure, *, writes: bool
) -> tuple[list[str], int]:
    """The sessions whose figures are not what their operations, and what is left, come to.

    And how many totals of agents are not what their sessions' quarter hours come to. With `writes`
    these are put right, in one transaction.
    """
    if not writes:
        with database.snapshot():
            names = [name for name, _, _ in differing(database, words, measure)]
            return names, differing_sums(database, writes=False)
    with database.transaction():
        found = list(differing(database, words, measure))
        put(database, words, {thread: told for _, thread, told in found})
        return [name for name, _, _ in found], differing_sums(database, writes=True)


def put(database: Database, words: Words, found: Mapping[int, Measured]) -> None:
    """Put the figures of threads, and what their calls count for, in the place of what is kept."""
    for told in found.values():
        database.run_many(
            f"UPDATE calls SET {_SETTLE} WHERE key = ?",
            [
                (call.output, call.estimated, call.cost_nanousd, call.response_us, key)
                for key, call in told.calls.items()
            ],
        )
    figures.keep(database, words, found, ())
    words.keep_texts()


def differing_sums(database: Database, *, writes: bool) -> int:
    """How many sums over threads are not what these come to; with `writes` they are put right."""
    kept = (totals, tools, figures)
    return sum(each.differing(database, writes=writes) for each in kept)


def differing(
    database: Database, words: Words, measure: Measure, threads: Collection[int] | None = None
) -> Iterable[tuple[str, int, Measured]]:
    """Sessions of which something else is kept than is measured: id, thread, what is measured.

    Of all threads, or of some.
    """
    measure = measure.learning(learning.known(database))
    of = "" if threads is None else f" WHERE thread IN {LISTED}"
    rows = database.rows(
        f"SELECT session_id, thread, metrics FROM agent_telemetry_summaries{of} ORDER BY thread",
        () if threads is None else (listed(threads),),
    )
    for first in range(0, len(rows), AT_ONCE):
        part = rows[first : first + AT_ONCE]
        measured = measuring(database, words, measure, [thread for _, thread, _ in part])
        for session_id, thread, blob in part:
            told, kept = measured(thread), metrics_of(blob)
            told.metrics.project = kept.project
            if told.metrics != kept or _plain(told.quarters) != _plain(
                quarters.load(database, words, thread)
            ):
                yield session_id, thread, told


def _plain(found: Iterable[QuarterMetrics]) -> list[QuarterMetrics]:
    """Quarter hours without what is not kept of them: the exact percentiles of tools."""
    every = list(found)
    for each in every:
        for stats in each.tools.values():
            stats.p95_us = None
    return every
