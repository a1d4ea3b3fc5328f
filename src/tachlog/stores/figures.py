"""The figures of threads: the row of the user's table, and the quarter hours.

Each time that figures are kept is a change, and changes are numbered: what follows the archive goes
on from the last one that it has seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tachlog.metrics import Measured, ModelKey, ModelUse, SessionMetrics
from tachlog.stores import quarters
from tachlog.stores.database import LISTED, LISTED_TEXTS, Database, listed, replacing
from tachlog.stores.summaries import SUMMARY_COLUMNS, summary_row
from tachlog.stores.words import Words

TABLE: Final = "agent_telemetry_summaries"
NOTE: Final = "changes"
"""Under this name the archive notes the number of its last change."""


def keep(
    database: Database,
    words: Words,
    figures: Mapping[int, Measured],
    new: Collection[int],
    moved: Mapping[int, Collection[int]] | None = None,
) -> None:
    """Put the figures of threads in the place of former ones; there are none yet of `new` ones.

    Where it is known which quarter hours of a thread have `moved`, the others are what they were.
    """
    if not figures:
        return
    change = _keep_rows(database, {thread: told.metrics for thread, told in figures.items()})
    found = {thread: told.quarters for thread, told in figures.items()}
    quarters.keep(database, words, found, new, change, moved)


def forget(database: Database, words: Words, threads: Collection[int]) -> None:
    """Threads have no figures any more."""
    if threads:
        quarters.keep(database, words, dict.fromkeys(threads, ()), (), 0)
        drop(database, threads)


def drop(database: Database, threads: Collection[int]) -> None:
    """Threads have no rows any more."""
    these = listed(threads)
    with _counted(database, _roots(database, these)):
        database.run(f"DELETE FROM {TABLE} WHERE thread IN {LISTED}", (these,))


@contextmanager
def _counted(database: Database, roots: set[str]) -> Iterator[None]:
    """Count the sessions that come and go with rows of these roots."""
    before = _sessions(database, roots)
    yield
    moved = _sessions(database, roots)
    moved.subtract(before)
    database.insert(
        "session_totals",
        "agent, sessions",
        [(agent, count) for agent, count in moved.items() if count],
        "(agent) DO UPDATE SET sessions = session_totals.sessions + excluded.sessions",
    )


def _roots(database: Database, threads: str) -> set[str]:
    found = database.rows(f"SELECT DISTINCT root FROM {TABLE} WHERE thread IN {LISTED}", (threads,))
    return {root for (root,) in found}


def _sessions(database: Database, roots: Collection[str]) -> Counter[str]:
    """How many sessions of each agent have one of these roots."""
    return Counter(
        dict(
            database.rows(
                f"SELECT agent, count(DISTINCT root) FROM {TABLE} WHERE root IN {LISTED_TEXTS}"
                " GROUP BY agent",
                (listed(roots),),
            )
        )
    )


def differing(database: Database, *, writes: bool) -> int:
    """Of how many agents another number of sessions is kept than there are.

    With `writes` these are put right.
    """
    counted = f"SELECT agent, count(DISTINCT root) FROM {TABLE} GROUP BY agent"
    wanted: dict[str, int] = dict(database.rows(counted))
    kept: dict[str, int] = dict(database.rows("SELECT agent, sessions FROM session_totals"))
    wrong = [agent for agent in wanted | kept if wanted.get(agent, 0) != kept.get(agent, 0)]
    if writes:
        rows = [(agent, wanted.get(agent, 0)) for agent in wrong]
        columns = "agent, sessions"
        database.insert("session_totals", columns, rows, replacing(columns, "agent"))
    return len(wrong)


def keep_usage(
    database: Database,
    words: Words,
    thread: int,
    metrics: SessionMetrics,
    uses: Mapping[int, Mapping[ModelKey, ModelUse]],
) -> None:
    """Put the figures of a thread in the place of former ones that differ in usage alone.

    `uses` are those of its quarter hours, by model.
    """
    quarters.keep_usage(database, words, thread, uses, _keep_rows(database, {thread: metrics}))


def _keep_rows(database: Database, found: Mapping[int, SessionMetrics]) -> int:
    """Replace rows of the user's table; gives the number of this change."""
    change = next_change(database)
    columns = f"{SUMMARY_COLUMNS}, changed"
    roots = _roots(database, listed(found)) | {metrics.root for metrics in found.values()}
    with _counted(database, roots):
        database.insert(
            TABLE,
            columns,
            [(*summary_row(thread, metrics), change) for thread, metrics in found.items()],
            replacing(columns.replace("created_at, ", ""), "id"),
        )
    return change


def next_change(database: Database) -> int:
    """The number of the change that begins."""
    change = last_change(database) + 1
    database.insert("meta", "name, value", [(NOTE, str(change))], replacing("name, value", "name"))
    return change


def last_change(database: Database) -> int:
    """The number of the archive's last change."""
    found = database.rows("SELECT value FROM meta WHERE name = ?", (NOTE,))
    return int(found[0][0]) if found else 0
