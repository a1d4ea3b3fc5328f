"""Threads that grew lately, in memory as the archive has them: one line more loads nothing again.

What is held of a thread is what its rows say. Whatever else changes a thread drops it here: figures
that were kept meanwhile by others are told by the numbers of changes, a transaction that was undone
drops all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import Struct, field

from tachlog.metrics import Known, Measured, QuarterMetrics, Settled
from tachlog.metrics.remainder import kinds
from tachlog.operations import Span
from tachlog.sessions import Session
from tachlog.stores import Measure, figures
from tachlog.stores.database import LISTED, Database, listed
from tachlog.stores.loading import Table, load_session, operations
from tachlog.stores.words import Words

MOST_OPERATIONS: Final = 50_000
"""So many operations are held at most, about 1 kB each; the threads that rested longest go."""

_THREAD: Final = 20
"""A thread takes as much as so many operations."""


class _Held(Struct):
    session: Session
    settled: dict[int, Settled] = field(default_factory=dict)
    quarters: Sequence[QuarterMetrics] = ()
    known: Known = field(default_factory=Known)
    by: Measure | None = None
    size: int = 0


class Recent:
    """Threads of one archive, those that changed last at the end."""

    def __init__(self, database: Database, words: Words) -> None:
        self.database = database
        self.words = words
        self._threads: dict[int, _Held] = {}
        self._size = 0
        self._change = 0

    def follow(self) -> None:
        """Drop what other writers have changed since `keep`; a transaction begins with this."""
        if self._threads and figures.last_change(self.database) != self._change:
            changed = self.database.rows(
                f"SELECT thread FROM {figures.TABLE} WHERE changed > ?", (self._change,)
            )
            self.drop({thread for (thread,) in changed})

    def drop(self, threads: Collection[int]) -> None:
        """Hold these threads no longer."""
        for thread in self._threads.keys() & threads:
            self._size -= self._threads.pop(thread).size

    def forget(self) -> None:
        """Hold nothing."""
        self._threads.clear()
        self._size = 0

    @contextmanager
    def unless_undone(self) -> Iterator[None]:
        """Forget what a transaction told, and its names, when it is undone for whatever reason."""
        try:
            yield
        except BaseException:
            self.words.forget()
            self.forget()
            raise

    def update(self, threads: Collection[int], written: Mapping[Table, Collection[int]]) -> None:
        """Take over what was `written` of threads, the keys by table, and their marks."""
        grown = self._threads.keys() & threads
        if not grown:
            return
        for table, keys in written.items():
            for thread, operation in operations(
                self.database, self.words, table, f"key IN {LISTED}", (listed(keys),)
            ):
                if thread in grown:
                    held = self._threads[thread]
                    table.of(held.session)[operation.key] = operation
                    held.known.calls.pop(operation.key, None)
                    held.known.tools.pop(operation.key, None)
        for thread in grown:
            self._threads[thread].session.marks.clear()
        for thread, name, value, first_us, last_us in self.database.rows(
            f"SELECT thread, name, value, first_us, last_us FROM marks WHERE thread IN {LISTED}",
            (listed(grown),),
        ):
            of_name = self._threads[thread].session.marks.setdefault(name, {})
            of_name[value] = Span(first_us, last_us)

    def session(self, thread: int) -> Session:
        """A thread with all its operations, from here on held."""
        held = self._threads.get(thread)
        if held is None:
            held = self._threads[thread] = _Held(load_session(self.database, self.words, thread))
        return held.session

    def known(self, thread: int, by: Measure) -> Known:
        """What is known of single operations of a thread; nothing where another measured them."""
        held = self._threads[thread]
        if held.by is not by:
            held.by, held.known = by, Known()
        return held.known

    def settled(self, thread: int) -> Mapping[int, Settled]:
        """What is known of what the rows of a thread's calls say that they count for."""
        held = self._threads.get(thread)
        return held.settled if held else {}

    def moved(self, thread: int, quarters: Sequence[QuarterMetrics]) -> set[int] | None:
        """Which quarter hours of a thread are not what its rows say; None where that is unknown."""
        held = self._threads.get(thread)
        if held is None or not held.quarters:
            return None
        kept = {each.quarter: each for each in held.quarters}
        stays = {each.quarter for each in quarters if kept.get(each.quarter) is each}
        return (kept.keys() | {each.quarter for each in quarters}) - stays

    def settle(self, thread: int, measured: Measured) -> None:
        """Take over the figures that are kept of a thread, and make room for it."""
        held = self._threads.pop(thread, None)
        if held is None:
            return
        size = _THREAD + sum(map(len, kinds(held.session)))
        self._size += size - held.size
        held.settled, held.quarters, held.size = measured.calls, measured.quarters, size
        held.known.calls = measured.calls
        self._threads[thread] = held
        while self._size > MOST_OPERATIONS:
            self._size -= self._threads.pop(next(iter(self._threads))).size

    def keep(self) -> None:
        """Note that this writer made the last change."""
        self._change = figures.last_change(self.database)
