"""What is kept of a person: counted, handed out, erased, as a store promises it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from msgspec import Struct

from tachlog.metrics import QuarterMetrics, SessionMetrics
from tachlog.metrics.remainder import Remainder
from tachlog.sessions import Session
from tachlog.stores.measure import Measure


class Held(Struct, frozen=True):
    """What there is of somebody, counted: all of it goes when they are erased.

    `sessions` are main conversations, `threads` these and their sub-agents; `operations` are by
    table, and `pruned` those of which only the sums are left. `shared` threads are told by
    somebody else's files too and stay. `acts` are lines of the record of changes that name them.
    """

    name: str
    signs_in: bool
    sessions: int
    threads: int
    first_us: int | None
    last_us: int | None
    operations: dict[str, int]
    pruned: int
    shared: int
    files: int
    hooked: int
    alerts: int
    tokens: int
    said: int
    acts: int

    @property
    def all_operations(self) -> int:
        """How many operations there are, and were before they were deleted."""
        return sum(self.operations.values()) + self.pruned

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is kept of anybody of that name."""
        counts = (self.threads, self.shared, self.files, self.tokens, self.said, self.acts)
        return not self.signs_in and not any(counts)


class KeptThread(Struct, frozen=True):
    """One thread as it is kept: its figures, each telling of it, its quarter hours.

    `left` is what is left of operations that were deleted, None where they are all there.
    """

    agent: str
    session_id: str
    parent: str | None
    figures: SessionMetrics | None
    told: list[Session]
    quarters: list[QuarterMetrics]
    left: Remainder | None


class Personal(Protocol):
    """What an archive keeps of single people."""

    def people(self) -> list[str]:
        """Everybody of whom something is kept, by name, but the archive's own user."""
        ...

    def held(self, name: str) -> Held:
        """What there is of somebody."""
        ...

    def threads(self, name: str) -> Iterator[KeptThread]:
        """The threads that are somebody's, one after the other."""
        ...

    def records(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """What is kept of somebody beside their threads, by table: rows by the names of columns."""
        ...

    def erase(self, name: str, measure: Measure, by: str, now_us: int) -> Held:
        """Erase somebody, and let no log bring them back; gives what there was."""
        ...
