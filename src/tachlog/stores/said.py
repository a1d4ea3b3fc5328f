"""What each telling said of the sessions that several tell, and what it all comes to.

The tables of operations hold what counts. Where one telling tells all threads that hang together,
that is what it says, and nothing is kept here. Where several do, each one's own words are kept in
`said`, and the rows are made from all of them anew whenever one says more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tachlog.agreement import LIKENESSES, Said, counted, filled
from tachlog.analysis.agreement import Stated
from tachlog.identity import unified
from tachlog.metrics.remainder import ended_us
from tachlog.model import TELLINGS, Compaction, Failure, Prompt, Telling
from tachlog.operations import Call, ToolUse
from tachlog.sessions import Session
from tachlog.stores.database import LISTED, Database, listed, replacing
from tachlog.stores.families import Shared
from tachlog.stores.loading import CALLS, NOBODY, TABLES, TOOLS, operations
from tachlog.stores.words import Words

Place = tuple[int, Telling]
"""Where a session is told: the number of its thread, and by whom."""

COLUMNS: Final = "key, telling, kind, thread, counts, operation"

_KINDS: Final = (Call, ToolUse, Prompt, Failure, Compaction)
_encoder: Final = msgspec.msgpack.Encoder()
_decoders: Final = [msgspec.msgpack.Decoder(kind) for kind in _KINDS]


def bit(telling: Telling) -> int:
    """The bit of a telling in a thread's `tellings`."""
    return 1 << TELLINGS.index(telling)


class Member(Struct, frozen=True):
    """A thread of a group: its tree, and who told it before, as bits."""

    tree: str
    tellings: int


def groups(
    database: Database, told: Mapping[Place, Session], before: Mapping[int, int]
) -> Iterator[dict[int, Member]]:
    """The threads that hang together with those told now, where several tellings tell them.

    Threads hang together that are of one tree, of one family, or tell the same operation. `before`
    says who told the threads of this batch before it.
    """
    if not _anything_but_logs(database, told):
        return
    linked = _linked(database, told)
    waiting = {number for number, _ in told}
    while waiting:
        found: dict[int, Member] = {}
        tellings = 0
        fresh = {waiting.pop()}
        while fresh:
            fresh |= {other for number in fresh for other in linked[number]}
            members = listed(fresh)
            fresh = set()
            for number, agent, root, now in database.rows(
                "SELECT t.id, t.agent, t.root, t.tellings FROM threads m"
                " JOIN threads t ON t.root = m.root AND t.agent = m.agent"
                f" WHERE m.id IN {LISTED} UNION"
                " SELECT t.id, t.agent, t.root, t.tellings FROM threads m"
                f" JOIN threads t ON t.family = m.family WHERE m.id IN {LISTED}",
                (members, members),
            ):
                if number not in found:
                    fresh.add(number)
                    found[number] = Member(f"{agent} {root}", before.get(number, now))
                    tellings |= now
        waiting -= set(found)
        if tellings.bit_count() > 1:
            yield found


def _anything_but_logs(database: Database, told: Mapping[Place, Session]) -> bool:
    if any(telling != "log" for _, telling in told):
        return True
    return bool(database.rows("SELECT 1 FROM threads WHERE tellings > 1 LIMIT 1"))


def _linked(database: Database, told: Mapping[Place, Session]) -> dict[int, set[int]]:
    """Threads that tell an operation which a thread tells now, by its number."""
    tellers: dict[int, set[int]] = defaultdict(set)
    for (number, _), session in told.items():
        for table in TABLES:
            for key, operation in table.of(session).items():
                tellers[key].add(number)
                if table is CALLS and operation.alias is not None:
                    tellers[operation.alias].add(number)
    names = listed(tellers)
    each = [f"SELECT key, thread FROM {table.name} WHERE key IN {LISTED}" for table in TABLES]
    each += [
        f"SELECT alias, thread FROM calls WHERE alias IN {LISTED}",
        f"SELECT key, thread FROM said WHERE key IN {LISTED}",
    ]
    for key, thread in database.rows(" UNION ".join(each), (names,) * len(each)):
        tellers[key].add(thread)
    linked: dict[int, set[int]] = defaultdict(set)
    for threads in tellers.values():
        if len(threads) > 1:
            for number in threads:
                linked[number] |= threads
    return linked


def stated(database: Database) -> list[Stated]:
    """What each telling says of the sessions that several tell, under their main threads."""
    return [
        Stated(agent, root, TELLINGS[telling], counts, _decoders[kind].decode(operation))
        for agent, root, telling, kind, counts, operation in database.rows(
            "SELECT t.agent, t.root, s.telling, s.kind, s.counts, s.operation FROM said s"
            " JOIN threads t ON t.id = s.thread ORDER BY t.agent, t.root, s.key, s.telling"
        )
    ]


def said_by(database: Database, thread: int) -> list[tuple[int, Telling, Any]]:
    """(place of its table in `TABLES`, telling, operation) of what was said of a thread."""
    return [
        (kind, TELLINGS[telling], _decoders[kind].decode(operation))
        for kind, telling, operation in database.rows(
            "SELECT kind, telling, operation FROM said WHERE thread = ? OR key IN"
            " (SELECT key FROM tellings WHERE thread = ?)",
            (thread, thread),
        )
    ]


def ended_before(
    database: Database, thread: int, names: Collection[int], cut_us: int
) -> list[tuple[int, int]]:
    """The (key, telling) of what was said of a thread's operations with these keys.

    Of what counts as none, that which ended before a moment.
    """
    return [
        (key, telling)
        for key, telling, kind, counts, operation in database.rows(
            "SELECT key, telling, kind, counts, operation FROM said WHERE thread = ?", (thread,)
        )
        if (key if counts is None else counts) in names
        or (counts is None and ended_us(_decoders[kind].decode(operation)) < cut_us)
    ]


class Kept(Struct):
    """An operation as one telling tells it, what it counted as, whether more was told of it."""

    thread: int
    operation: Any
    counts: int | None
    touched: bool = False


Rows = list[dict[int, tuple[int, Any]]]
"""Operations that count, by table and key, each with its thread."""


class Group:
    """All that is told of threads that hang together, by whom."""

    def __init__(self, database: Database, words: Words, members: Mapping[int, Member]) -> None:
        self.database = database
        self.words = words
        self.members = members
        self.shared: Shared = defaultdict(set)
        self.changed: set[int] = set()
        self.kept: list[dict[tuple[int, Telling], Kept]] = [{} for _ in TABLES]
        self.owners: list[dict[int, int]] = [{} for _ in TABLES]
        """The threads of the rows that count now."""
        self.left: set[int] = set()
        """The keys of calls that somebody tells no longer."""
        self._load()

    def _load(self) -> None:
        """What tellings said, and rows that only one telling had told until now."""
        mine = listed(self.members)
        for key, telling, kind, thread, counts, operation in self.database.rows(
            f"SELECT {COLUMNS} FROM said WHERE thread IN {LISTED}", (mine,)
        ):
            told = _decoders[kind].decode(operation)
            self.kept[kind][key, TELLINGS[telling]] = Kept(thread, told, counts)
        for table, kept, owners in zip(TABLES, self.kept, self.owners, strict=True):
            known = {key for key, _ in kept}
            owners.update(
                self.database.rows(
                    f"SELECT key, thread FROM {table.name} WHERE thread IN {LISTED}", (mine,)
                )
            )
            for number, told in operations(
                self.database,
                self.words,
                table,
                f"key IN {LISTED}",
                (listed(set(owners) - known),),
            ):
                first = self.members[number].tellings or 1
                telling = TELLINGS[(first & -first).bit_length() - 1]
                kept[told.key, telling] = Kept(number, told, told.key, touched=True)

    def leave_out(self, calls: set[int]) -> None:
        """Forget calls of telemetry that others inside of them repeat."""
        kept = self.kept[TABLES.index(CALLS)]
        for key in [key for key, telling in kept if key in calls and telling == "telemetry"]:
            self.left |= {key, kept.pop((key, "telemetry")).counts or key}
            self.database.run(
                "DELETE FROM said WHERE key = ? AND telling = ?", (key, TELLINGS.index("telemetry"))
            )

    def take(self, place: Place, session: Session) -> None:
        """Add what a telling says of a thread."""
        number, telling = place
        for table, kept in zip(TABLES, self.kept, strict=True):
            for key, told in table.of(session).items():
                known = kept.get((key, telling))
                if known is None:
                    kept[key, telling] = Kept(number, told, None, touched=True)
                    continue
                if known.thread != number:
                    self.shared[key] |= {known.thread, number}
                known.operation, known.touched = table.merge(known.operation, told), True

    def settle(self) -> Rows:
        """Decide anew what counts, and keep what was said; gives the rows that are new or other.

        Rows that count no longer are deleted.
        """
        renamed = self._unify()
        tellers = self._tellers()
        rows: Rows = []
        for kind, (table, kept) in enumerate(zip(TABLES, self.kept, strict=True)):
            told = [
                Said(
                    telling,
                    tuple(sorted(tellers[key] | {one.thread})),
                    tuple(sorted({self.members[n].tree for n in tellers[key] | {one.thread}})),
                    one.operation,
                )
                for (key, telling), one in kept.items()
            ]
            counts = counted(told, LIKENESSES[_KINDS[kind]])
            stale = renamed | self.left
            for name, one in kept.items():
                if one.touched or one.counts != counts[name]:
                    stale |= {key for key in (one.counts, counts[name]) if key is not None}
            rows.append(self._rows(kind, counts, stale, tellers))
            gone = stale.intersection(self.owners[kind]) - set(rows[kind])
            self.changed |= {self.owners[kind][key] for key in gone}
            self.database.run(f"DELETE FROM {table.name} WHERE key IN {LISTED}", (listed(gone),))
            self._keep(kind, counts)
        return rows

    def _unify(self) -> set[int]:
        """Give one key to the calls of a telling that are one by an alias; gives the old keys."""
        calls, uses = self.kept[TABLES.index(CALLS)], self.kept[TABLES.index(TOOLS)]
        renamed: set[int] = set()
        for telling in TELLINGS:
            stays = unified(
                (key, one.operation.alias) for (key, by), one in calls.items() if by == telling
            )
            for old, new in stays.items():
                one = calls.pop((old, telling))
                other = calls.setdefault((new, telling), Kept(one.thread, None, one.counts))
                call = replace(one.operation, key=new)
                other.operation = CALLS.merge(other.operation, call) if other.operation else call
                other.touched = True
                if other.thread != one.thread:
                    self.shared[new] |= {other.thread, one.thread}
                self.database.run(
                    "DELETE FROM said WHERE key = ? AND telling = ?", (old, TELLINGS.index(telling))
                )
            for (_, by), use in uses.items():
                if by == telling and use.operation.call in stays:
                    use.operation.call, use.touched = stays[use.operation.call], True
            renamed |= set(stays)
        return renamed

    def _tellers(self) -> dict[int, set[int]]:
        """The threads that tell an operation, where several do, by its key."""
        tellers: dict[int, set[int]] = defaultdict(set)
        for key, thread in self.database.rows(
            f"SELECT key, thread FROM tellings WHERE thread IN {LISTED}", (listed(self.members),)
        ):
            tellers[key].add(thread)
        for key, threads in self.shared.items():
            tellers[key] |= threads
        return tellers

    def _rows(
        self,
        kind: int,
        counts: Mapping[tuple[int, Telling], int | None],
        stale: set[int],
        tellers: Mapping[int, set[int]],
    ) -> dict[int, tuple[int, Any]]:
        """What these operations come to, each in the thread that has it now or tells it fullest."""
        kept, owners = self.kept[kind], self.owners[kind]
        tellings: dict[int, list[tuple[bool, int, int, Kept]]] = defaultdict(list)
        for (key, telling), one in kept.items():
            counted_as = counts[key, telling]
            if counted_as in stale:
                order = (key != counted_as, TELLINGS.index(telling), key)
                tellings[counted_as].append((*order, one))
        rows = {}
        for key, told in tellings.items():
            base, *echoes = (one for *_, one in sorted(told, key=lambda each: each[:3]))
            owner = owners.get(key, base.thread)
            thread = owner if owner in tellers.get(key, ()) else base.thread
            self.changed |= {owner, thread}
            rows[key] = (thread, filled(base.operation, [echo.operation for echo in echoes]))
        return rows

    def _keep(self, kind: int, counts: Mapping[tuple[int, Telling], int | None]) -> None:
        """Write what was said."""
        self.database.insert(
            "said",
            COLUMNS,
            [
                (
                    key,
                    TELLINGS.index(telling),
                    kind,
                    one.thread,
                    counts[key, telling],
                    _encoder.encode(_bare(one.operation)),
                )
                for (key, telling), one in self.kept[kind].items()
                if one.touched or one.counts != counts[key, telling]
            ],
            replacing(COLUMNS, "key, telling"),
        )


def _bare(operation: Any) -> Any:
    """An operation without its thread, which stands beside it."""
    return replace(operation, thread=NOBODY) if hasattr(operation, "thread") else operation
