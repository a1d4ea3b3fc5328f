"""The way into the archive: portions of files become rows, in one transaction.

Every operation that a portion tells is merged with what is kept of it, ownership of shared
operations is decided again for the families concerned, and each thread that gained or lost
something gets new figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Final

from tachlog.identity import unified
from tachlog.metrics import Measured, Settled
from tachlog.sessions import FIRST_ONLY, Session, leave_out, merge_sessions
from tachlog.stores import (
    Figures,
    Measure,
    Portion,
    Renewal,
    erased,
    figures,
    forgetting,
    learning,
    naming,
    progress,
    pruning,
    renewal,
    spans,
)
from tachlog.stores.database import LISTED, LISTED_TEXTS, listed, replacing
from tachlog.stores.families import Shared, settle_families
from tachlog.stores.loading import (
    CALLS,
    NOBODY,
    TABLES,
    TOOLS,
    Table,
    operation_row,
    operations,
)
from tachlog.stores.recent import Recent
from tachlog.stores.remaining import measuring
from tachlog.stores.rows import SETTLED_COLUMNS, Row
from tachlog.stores.said import Group, Place, groups
from tachlog.stores.summaries import project_of
from tachlog.stores.threads import nameless, numbered
from tachlog.stores.words import LONGEST

_SETTLE: Final = ", ".join(f"{name} = ?" for name in SETTLED_COLUMNS.split(", "))
_UNSETTLED: Final = (0, 0, None, None)
_EXTRA: Final = {CALLS.name: f", {SETTLED_COLUMNS}", TOOLS.name: ", outcome"}


def write(recent: Recent, portions: Sequence[Portion], measure: Measure) -> list[Portion]:
    """Keep portions; gives back those that came too late because their file's progress moved."""
    with recent.database.transaction():
        return _keep(recent, portions, measure)


class TooLate(Exception):
    """Another process read a file meanwhile that was to be read again: all stays as it was."""


def renew(
    recent: Recent,
    what: Renewal,
    batches: Iterable[Sequence[Portion]],
    measure: Measure,
) -> tuple[Figures, Figures]:
    """Keep portions in place of what their files told; raises `TooLate`."""
    database = recent.database
    with database.transaction():
        before = renewal.figures(database, what)
        renewal.forget(database, recent.words, what)
        recent.forget()
        for portions in batches:
            if _keep(recent, portions, measure):
                raise TooLate
        return before, renewal.figures(database, what)


def _keep(recent: Recent, portions: Sequence[Portion], measure: Measure) -> list[Portion]:
    """Keep portions within a transaction; gives back those that came too late.

    Where another process learned meanwhile, what was measured before is measured again.
    """
    database = recent.database
    recent.follow()
    recent.words.follow()
    learned = learning.known(database)
    is_current = learned == measure.learned
    measure = measure if is_current else measure.learning(learned)
    late: list[Portion] = []
    kept: list[tuple[int, Portion]] = []
    for portion in portions:
        file = progress.advance(database, portion)
        if file is None:
            late.append(portion)
        else:
            kept.append((file, portion))
    returned, incoming = naming.incoming(database, recent.words, kept, measured=is_current)
    incoming = erased.sift(database, incoming)
    recent.drop({one.number for one in returned})
    numbers, new, moved, before = numbered(
        database, [session.thread for _, sessions in incoming for session, _ in sessions]
    )
    recent.drop(new | moved)
    told: dict[Place, Session] = {}
    measured: dict[int, Measured] = {}
    repeated: set[int] = set()
    for file, portion in kept:
        progress.enter(database, file, portion)
        repeated |= spans.place(database, file, portion.spans)
    for files, sessions in incoming:
        for session, own in sessions:
            number = numbers[session.thread]
            place = (number, session.thread.telling)
            known = told.get(place)
            if known and session.is_silent and session.thread == known.thread:
                continue
            if known and not (known.is_silent and session.thread == known.thread):
                session, own = merge_sessions(known, session), None
            told[place] = session
            if own is None:
                measured.pop(number, None)
            else:
                measured[number] = own
        database.insert(
            "told",
            "file, thread",
            [
                (file, numbers[one.thread])
                for one, _ in sessions
                if not one.is_silent
                for file in files
            ],
            "DO NOTHING",
        )
    changed = new | moved | {n for (n, _), one in told.items() if not one.is_silent}
    again = pruning.sift(database, told)
    for number in again.sifted:
        measured.pop(number, None)
    if repeated:
        for (number, _), session in told.items():
            if leave_out(session, repeated):
                measured.pop(number, None)
        for number in spans.forget(database, repeated):
            changed.add(number)
            recent.drop({number})
            told.setdefault((number, "telemetry"), Session(NOBODY))
    batch = _Batch(recent, measure, told, new, changed | again.changed, measured, before, repeated)
    batch.shared.update(again.shared)
    for one in returned:
        if (now := numbers.get(one.session.thread)) is not None:
            for key, others in one.shared.items():
                batch.shared[key] |= {now, *others}
    batch.keep()
    return late


class _Batch:
    """One transaction's sessions on their way into the tables."""

    def __init__(
        self,
        recent: Recent,
        measure: Measure,
        told: dict[Place, Session],
        new: set[int],
        changed: set[int],
        measured: dict[int, Measured],
        before: dict[int, int],
        repeated: set[int],
    ) -> None:
        self.recent = recent
        self.database = recent.database
        self.words = recent.words
        self.measure = measure
        self.groups = [
            Group(self.database, self.words, members)
            for members in groups(self.database, told, before)
        ]
        for group in self.groups:
            group.leave_out(repeated)
            for place in [place for place in told if place[0] in group.members]:
                group.take(place, told[place])
        several = {number for group in self.groups for number in group.members}
        self.told = {n: session for (n, _), session in told.items() if n not in several}
        """The sessions of which all tellings are of one kind."""
        self.marks = [(number, session.marks) for (number, _), session in told.items()]
        self.new = new
        self.whole = set(new)
        """Threads whose operations are all in hand: new ones that share nothing."""
        self.shared: Shared = defaultdict(set)
        self.changed = changed
        self.settled: dict[int, Settled] = {}
        self.measured = measured

    def keep(self) -> None:
        """Write the operations, settle who owns the shared ones, write the figures."""
        self._unify()
        merged = [(table, self._merged(table)) for table in TABLES]
        self._measure_whole()
        for table, found in merged:
            self._insert(table, found)
        for group in self.groups:
            self.recent.drop(group.members)
            for table, found in zip(TABLES, group.settle(), strict=True):
                self._insert(table, found)
            self.changed |= group.changed
            for key, threads in group.shared.items():
                self.shared[key] |= threads
        self._marks()
        self.words.keep_texts()
        moved = settle_families(self.database, self.shared, self.changed)
        self.changed |= moved
        self.recent.drop(moved)
        self.recent.update(self.changed, dict(merged))
        self._figures(dict(merged)[CALLS].keys())
        self.words.keep_texts()

    def _unify(self) -> None:
        """Give one key to calls that are one because they share an alias."""
        told = [
            (call.key, call.alias)
            for session in self.told.values()
            for call in session.calls.values()
        ]
        if not told:
            return
        names = listed({n for pair in told for n in pair if n is not None})
        kept = self.database.rows(
            f"SELECT key, alias FROM calls WHERE alias IN {LISTED}"
            f" UNION SELECT key, alias FROM calls WHERE key IN {LISTED}",
            (names, names),
        )
        stays = unified([*told, *kept])
        if not stays:
            return
        for number, session in self.told.items():
            for old, new in stays.items():
                call = session.calls.pop(old, None)
                if call is not None:
                    call.key = new
                    other = session.calls.get(new)
                    session.calls[new] = CALLS.merge(other, call) if other else call
                    self.whole.discard(number)
            for use in session.tools.values():
                if use.call is not None:
                    use.call = stays.get(use.call, use.call)
        self._rename({key: stays[key] for key, _ in kept if key in stays})

    def _rename(self, stays: Mapping[int, int]) -> None:
        """Move calls that are kept already to the key that stays."""
        if not stays:
            return
        self.recent.forget()
        keys = listed(stays)
        for number, call in operations(
            self.database, self.words, CALLS, f"key IN {LISTED}", (keys,)
        ):
            session = self.told.setdefault(number, Session(NOBODY))
            call.key = stays[call.key]
            other = session.calls.get(call.key)
            session.calls[call.key] = CALLS.merge(other, call) if other else call
            self.changed.add(number)
            self.whole.discard(number)
        self.database.run(f"DELETE FROM calls WHERE key IN {LISTED}", (keys,))
        for old, new in stays.items():
            self.database.run("UPDATE tool_calls SET call = ? WHERE call = ?", (new, old))
            self.database.run(
                "INSERT INTO tellings (key, thread) SELECT ?, thread FROM tellings WHERE key = ?"
                " ON CONFLICT DO NOTHING",
                (new, old),
            )
            self.database.run("DELETE FROM tellings WHERE key = ?", (old,))

    def _merged(self, table: Table) -> dict[int, tuple[int, Any]]:
        """Every operation told, merged with what is kept: key → (thread for now, operation)."""
        tellings: dict[int, list[tuple[int, Any]]] = defaultdict(list)
        for number, session in self.told.items():
            for key, operation in table.of(session).items():
                tellings[key].append((number, operation))
        if not tellings:
            return {}
        for number, operation in operations(
            self.database, self.words, table, f"key IN {LISTED}", (listed(tellings),)
        ):
            tellings[operation.key].insert(0, (number, operation))
            self.changed.add(number)
        merged: dict[int, tuple[int, Any]] = {}
        for key, told in tellings.items():
            if len(told) == 1:
                merged[key] = told[0]
                continue
            tellers = {number for number, _ in told}
            if len(tellers) > 1:
                self.shared[key] |= tellers
            self.whole -= tellers
            merged[key] = (told[0][0], reduce(table.merge, (operation for _, operation in told)))
        return merged

    def _measure_whole(self) -> None:
        """Figures of the threads that are in hand from end to end, before they are written."""
        figures: dict[int, Measured] = {}
        for number, session in self.told.items():
            if number in self.whole:
                known = self.measured.get(number)
                figures[number] = known or self.measure.session(session)
                self.settled.update(figures[number].calls)
        self.measured = figures

    def _insert(self, table: Table, merged: Mapping[int, tuple[int, Any]]) -> None:
        columns = table.columns + _EXTRA.get(table.name, "")
        self.database.insert(
            table.name,
            columns,
            [
                operation_row(table, operation, number, self.words, self._settled)
                for number, operation in merged.values()
            ],
            replacing(columns, "key"),
        )

    def _settled(self, call: Any) -> Row:
        """The last columns of a call's row; those of threads not in hand follow in `_figures`."""
        settled = self.settled.get(call.key)
        return _UNSETTLED if settled is None else _settled_row(settled)

    def _marks(self) -> None:
        self.database.insert(
            "marks",
            "thread, name, value, first_us, last_us",
            [
                (number, name, value[:LONGEST], span.first_us, span.last_us)
                for number, marks in self.marks
                for name, values in marks.items()
                for value, span in values.items()
            ],
            "(thread, name, value) DO UPDATE SET"
            " first_us = CASE WHEN excluded.first_us < marks.first_us"
            " THEN excluded.first_us ELSE marks.first_us END,"
            " last_us = CASE WHEN excluded.last_us > marks.last_us"
            " THEN excluded.last_us ELSE marks.last_us END",
        )
        self.database.run(
            f"DELETE FROM marks WHERE name IN {LISTED_TEXTS} AND thread IN {LISTED}"
            " AND (first_us, value) > (SELECT m.first_us, m.value FROM marks m"
            " WHERE m.thread = marks.thread AND m.name = marks.name"
            " ORDER BY m.first_us, m.value LIMIT 1)",
            (listed(FIRST_ONLY), listed({number for number, _ in self.marks})),
        )
        self.database.run(
            "UPDATE marks SET last_us = first_us WHERE last_us > first_us"
            f" AND name IN {LISTED_TEXTS} AND thread IN {LISTED}",
            (listed(FIRST_ONLY), listed({number for number, _ in self.marks})),
        )

    def _figures(self, written: Collection[int]) -> None:
        """The figures of every thread that changed; the rows of calls were `written`, by key."""
        kept: dict[int, Measured] = {}
        moved: dict[int, set[int]] = {}
        recent = self.recent
        measured = measuring(self.database, self.words, self.measure, self.changed, recent)
        empty = nameless(self.database, self.changed)
        figures.forget(self.database, self.words, empty)
        for number in sorted(self.changed - empty):
            told = self.measured.get(number)
            if told is None:
                told = measured(number)
                known = recent.settled(number)
                self.database.run_many(
                    f"UPDATE calls SET {_SETTLE} WHERE key = ?",
                    [
                        (*_settled_row(settled), key)
                        for key, settled in told.calls.items()
                        if key in written or known.get(key) != settled
                    ],
                )
                quarters = recent.moved(number, told.quarters)
                if quarters is not None:
                    moved[number] = quarters
                recent.settle(number, told)
            told.metrics.project = project_of(self.database, told.metrics, self.measure)
            kept[number] = told
        told_of = {number: told.metrics for number, told in kept.items()}
        for number in forgetting.stays_forgotten(self.database, told_of):
            del kept[number]
            recent.drop({number})
        figures.keep(self.database, self.words, kept, self.new, moved)
        recent.keep()


def _settled_row(settled: Settled) -> Row:
    return (settled.output, settled.estimated, settled.cost_nanousd, settled.response_us)
