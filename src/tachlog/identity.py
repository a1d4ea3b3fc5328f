"""Which telling of a call counts, and for whom.

Threads that tell the same operations (forks, resumed copies, copies of a history for a sub-agent)
form a family. Each shared operation has one owner among the threads that tell it, decided from the
whole family alone, so that the order in which files are read never shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from tachlog.model import SpanPlace


class Teller(Struct, frozen=True):
    """A thread of a family as far as ownership depends on it.

    `own` counts the operations of the thread's whole session (all threads of its root) that no
    other session tells; `own_us` is the time of the first, None without any: a sub-agent told
    inside of copied history goes with the session that it was told in. `origin_of` lists the
    session ids that name this thread's session as the origin of their copied history; a thread is
    not `named` whose session's name is not told (`model.Thread`).
    """

    thread: int
    session_id: str
    root: str
    sidechain: bool
    own: int
    own_us: int | None
    origin_of: frozenset[str] = frozenset()
    named: bool = True


def owner(tellers: Sequence[Teller]) -> int:
    """The thread that owns an operation, of those that tell it.

    In this order: one whose name is told; the telling outside of a sub-agent; one whose log names
    no other teller as its origin; the session that another teller names so; one without operations
    of its own beyond the shared ones (it was continued elsewhere); the one whose own operations
    begin first; the smaller id. Of names that only places give the shortest: copies get longer
    ones.
    """
    told_by = {teller.root for teller in tellers}
    copies = {root for t in tellers for root in t.origin_of & (told_by - {t.root})}
    return min(
        tellers,
        key=lambda t: (
            not t.named,
            t.sidechain,
            t.root in copies,
            not (t.origin_of & (told_by - {t.root})),
            t.own > 0,
            t.own_us or 0,
            0 if t.named else len(t.session_id),
            t.session_id,
        ),
    ).thread


def unified(calls: Iterable[tuple[int, int | None]]) -> dict[int, int]:
    """Which of these (key, alias) name one call, as they share an alias: key → the key that stays.

    Keys that stay as they are do not appear. A key made from a message id stays rather than one
    made from a request id (which is an alias itself and has none), then the smaller one.
    """
    first: dict[int, tuple[bool, int]] = {}
    joined: dict[tuple[bool, int], tuple[bool, int]] = {}
    for key, alias in calls:
        rank = (alias is None, key)
        for name in (key, alias):
            if name is None:
                continue
            met = first.setdefault(name, rank)
            a, b = _root(joined, met), _root(joined, rank)
            if a != b:
                joined[max(a, b)] = min(a, b)
    return {rank[1]: _root(joined, rank)[1] for rank in joined if rank[1] != _root(joined, rank)[1]}


def merge_places(a: SpanPlace, b: SpanPlace) -> SpanPlace:
    """Two tellings of where one span lies; a response that it names is more than its own key."""
    calls = {call for call in (a.call, b.call) if call is not None}
    return SpanPlace(
        a.trace,
        a.key,
        max((p for p in (a.parent, b.parent) if p is not None), default=None),
        max(calls - {a.key}, default=min(calls, default=None)),
        a.metered or b.metered,
    )


def repeated(spans: Iterable[SpanPlace]) -> set[int]:
    """The names of the calls of a trace that others tell as well: their keys and their spans'.

    Of calls inside of one another the innermost with tokens counts: what is around it repeats it or
    is the sum of such. One without tokens does not count around another, nor inside of one with
    tokens. What more spans add to this takes nothing away, unless they tell a call's tokens first.
    """
    placed = {span.key: span for span in spans}
    names: dict[int, set[int]] = defaultdict(set)
    metered: set[int] = set()
    for span in placed.values():
        if span.call is not None:
            names[span.call] |= {span.call, span.key}
            metered |= {span.call} if span.metered else set()
    found: set[int] = set()
    for span in placed.values():
        inner, parent = span.call, span.parent
        for _ in range(_DEEPEST if inner is not None else 0):
            around = placed.get(parent) if parent is not None else None
            if around is None:
                break
            outer, parent = around.call, around.parent
            if inner is not None and outer is not None and outer != inner:
                is_sum = inner in metered or outer not in metered
                found |= names[outer if is_sum else inner]
    return found


_DEEPEST: Final = 256
"""How many spans around a call are looked at: spans of hostile logs may lie in a circle."""


def _root(
    joined: dict[tuple[bool, int], tuple[bool, int]], rank: tuple[bool, int]
) -> tuple[bool, int]:
    while rank in joined:
        rank = joined[rank]
    return rank
