"""The figures of threads: the row of the user's table, and the quarter hours.

Each time that figures are kept is a change, and changes are numbered: what follows the archive goes
on from the last one that it has seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from tachlog.metrics import Measured, ModelKey, ModelUse, SessionMetrics
from tachlog.stores import quarters
from tachlog.stores.database import LISTED, Database, listed, replacing
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
        database.run(f"DELETE FROM {TABLE} WHERE thread IN {LISTED}", (listed(threads),))


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
