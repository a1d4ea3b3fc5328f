"""What is old in an archive: what there is of it, and the ways to be rid of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from tachlog.stores import Cut, Measure, Old, Pruned, forgetting, pruning, rebuilding, words
from tachlog.stores.database import Database
from tachlog.stores.words import Words

NAMED: Final[Mapping[str, tuple[str, ...]]] = {
    "calls": ("model", "provider", "stop_reason", "branch", "tier"),
    "tool_calls": ("tool",),
    "failures": ("model",),
    "model_quarters": ("name", "provider"),
    "tool_quarters": ("name",),
    "failure_quarters": ("name",),
    "model_totals": ("name", "provider"),
    "tool_totals": ("name",),
    "tool_stats": ("name",),
    "failure_totals": ("name",),
}
"""The columns that have numbers of names, by table."""


def tidy(database: Database) -> None:
    """Forget names, targets and excerpts that nothing has any more, and give the space back.

    A name keeps its number, which others may have in memory, and says nothing any more.
    """
    used = " UNION ".join(
        f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"
        for table, column in (
            ("tool_calls", "target"),
            ("tool_calls", "excerpt"),
            ("failures", "excerpt"),
        )
    )
    with database.transaction():
        database.run(f"DELETE FROM texts WHERE key NOT IN ({used})")
        named = " UNION ".join(
            f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"
            for table, columns in NAMED.items()
            for column in columns
        )
        nothing = "'forgotten ' || id"
        database.run(
            f"UPDATE names SET text = {nothing} WHERE id NOT IN ({named}) AND text <> {nothing}"
        )
        words.forget_everywhere(database)
    database.compact()


class OldOperations:
    """The operations of an archive that are old: what there is of them, and the way to be rid."""

    def __init__(self, database: Database, words: Words) -> None:
        self.database = database
        self.words = words

    def old(self, cut_us: int) -> Old:
        """The operations from before a moment; what has no time is of no age."""
        with self.database.snapshot():
            return pruning.old(self.database, cut_us)

    def by_day(self) -> list[tuple[int, int]]:
        """How many operations each day (UTC, since the epoch) has, in order."""
        return pruning.by_day(self.database)

    def prune(self, measure: Measure, cut: Cut, threads: Collection[int]) -> int:
        """Delete what some threads did before a moment; gives how many operations.

        One transaction. What is left stands in for them (docs/retention.md).
        """
        try:
            return pruning.prune(self.database, self.words, measure, cut, threads)
        except BaseException:
            self.words.forget()
            raise

    def of(self, session_id: str) -> Pruned | None:
        """What was deleted of a session's operations; None where they are all there."""
        return pruning.pruned_of(self.database, session_id)

    def ended(self, before_us: int) -> list[int]:
        """The threads of sessions that had ended, sub-agents and all, before a moment."""
        return forgetting.ended(self.database, before_us)

    def forget(self, measure: Measure, cut: Cut, threads: Collection[int]) -> int:
        """Delete all that is kept of threads but their keys; gives how many sessions they were."""
        try:
            return forgetting.forget(self.database, self.words, measure, cut, threads)
        except BaseException:
            self.words.forget()
            raise

    def rebuild(self, measure: Measure, *, writes: bool) -> tuple[list[str], int]:
        """The sessions whose figures are wrong, how many totals; `writes` puts them right."""
        return rebuilding.rebuild(self.database, self.words, measure, writes=writes)

    def compact(self) -> None:
        """Forget words that nothing has any more, and give the space of deleted rows back."""
        tidy(self.database)
        self.words.forget()
