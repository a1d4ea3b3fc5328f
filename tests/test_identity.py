"""Who owns what several threads tell, and which keys name one call, in whatever order they come."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog.identity import Teller, merge_places, owner, repeated, unified
from tachlog.model import SpanPlace

ORIGINAL = Teller(1, "b", "b", sidechain=False, own=0, own_us=None)
FORK = Teller(2, "a", "a", sidechain=False, own=3, own_us=900)

names = st.sampled_from("abcdef")
tellers = st.builds(
    Teller,
    thread=st.integers(1, 99),
    session_id=names,
    root=names,
    sidechain=st.booleans(),
    own=st.integers(0, 2),
    own_us=st.none() | st.integers(0, 3),
    origin_of=st.frozensets(names, max_size=2),
)
families = st.lists(tellers, min_size=1, max_size=5, unique_by=lambda t: t.session_id)
calls = st.lists(st.tuples(st.integers(0, 15), st.none() | st.integers(0, 15)), max_size=12)


@given(family=families)
def test_the_owner_does_not_depend_on_the_order(family: list[Teller]) -> None:
    """Every order of the threads that tell an operation gives it to the same one of them."""
    owners = {owner(order) for order in permutations(family)}
    assert len(owners) == 1
    assert owners <= {teller.thread for teller in family}


@given(family=families)
def test_a_thread_that_tells_alone_owns(family: list[Teller]) -> None:
    """What only one thread tells is its own, whatever it is."""
    for teller in family:
        assert owner([teller]) == teller.thread


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (FORK, Teller(3, "b/x", "b", sidechain=True, own=0, own_us=None)),
        (
            Teller(3, "z", "z", sidechain=False, own=9, own_us=5, origin_of=frozenset("a")),
            Teller(4, "a", "a", sidechain=False, own=0, own_us=None),
        ),
        (ORIGINAL, FORK),
        (Teller(3, "z", "z", sidechain=False, own=1, own_us=100), FORK),
        (FORK, Teller(3, "b", "b", sidechain=False, own=3, own_us=900)),
    ],
    ids=["main", "named origin", "continued elsewhere", "began first", "smaller id"],
)
def test_the_rules_come_in_their_order(better: Teller, worse: Teller) -> None:
    """Main before sub-agent, named origin, nothing of its own, earlier beginning, smaller id."""
    assert owner([worse, better]) == better.thread


def test_an_origin_that_nobody_of_the_family_names_counts_for_nothing() -> None:
    """That a stranger was copied from a session says nothing about this operation."""
    named = Teller(3, "z", "z", sidechain=False, own=3, own_us=950, origin_of=frozenset("q"))
    assert owner([named, FORK]) == FORK.thread
    by_itself = Teller(3, "z", "z", sidechain=False, own=3, own_us=950, origin_of=frozenset("z"))
    assert owner([by_itself, FORK]) == FORK.thread


def test_a_fork_of_a_fork_belongs_to_the_first_of_them() -> None:
    """Of sessions that name one another in a row, the one that names none owns what all tell."""
    first = Teller(3, "z", "z", sidechain=False, own=9, own_us=950, origin_of=frozenset("y"))
    second = Teller(4, "y", "y", sidechain=False, own=0, own_us=None, origin_of=frozenset("x"))
    third = Teller(5, "x", "x", sidechain=False, own=0, own_us=None)
    assert owner([third, second, first]) == first.thread
    assert owner([third, second]) == second.thread


def classes(told: list[tuple[int, int | None]]) -> list[set[int]]:
    """The names that are connected by being told together, the slow way."""
    found = [{name for name in pair if name is not None} for pair in told]
    while True:
        for one in found:
            other = next((each for each in found if each is not one and each & one), None)
            if other is not None:
                one |= other
                found.remove(other)
                break
        else:
            return found


@given(told=calls)
def test_unified_keys_are_those_that_are_connected(told: list[tuple[int, int | None]]) -> None:
    """Two keys become one if and only if a chain of aliases leads from one to the other."""
    stays = unified(told)
    keys = {key for key, _ in told}
    for names_of_one in classes(told):
        kept = {stays.get(key, key) for key in names_of_one & keys}
        assert len(kept) <= 1
    assert len({stays.get(key, key) for key in keys}) == sum(
        bool(names_of_one & keys) for names_of_one in classes(told)
    )


@given(told=calls, order=st.randoms(use_true_random=False))
def test_unified_keys_do_not_depend_on_the_order(
    told: list[tuple[int, int | None]], order: object
) -> None:
    """The key that stays is the same in any order, told once or twice, and stays itself."""
    stays = unified(told)
    mixed = [*told, *told]
    order.shuffle(mixed)  # type: ignore[attr-defined]
    assert unified(mixed) == stays
    assert not set(stays.values()) & stays.keys()
    assert set(stays.values()) | stays.keys() <= {key for key, _ in told}


def test_a_key_with_an_alias_stays() -> None:
    """A message id is a better name than a request id, which is one's alias; then the smaller."""
    assert unified([(7, 3), (3, None)]) == {3: 7}
    assert unified([(7, 3), (5, 3)]) == {7: 5}
    assert unified([(1, None), (2, None), (3, 4)]) == {}


def place(key: int, parent: int | None, is_call: bool, is_metered: bool) -> SpanPlace:
    """A span of its own call, if it is one."""
    return SpanPlace(0, key, parent, key if is_call else None, is_call and is_metered)


numbers = st.integers(1, 9)
places = st.lists(
    st.builds(place, numbers, st.none() | numbers, st.booleans(), st.booleans()),
    unique_by=lambda span: span.key,
)


@given(spans=places, more=places)
def test_what_more_spans_tell_takes_nothing_back(
    spans: list[SpanPlace], more: list[SpanPlace]
) -> None:
    """A call that repeats others still does when more of its trace is known, in any order."""
    keys = {span.key for span in spans}
    every = [*(span for span in more if span.key not in keys), *spans]
    assert repeated(spans) <= repeated(every) == repeated(every[::-1])


def test_of_calls_inside_of_one_another_the_innermost_with_tokens_counts() -> None:
    """A sum and a wrapper are none beside metered calls, nor is an unmetered call inside of one."""
    total = SpanPlace(0, 1, None, 1, True)
    chain = SpanPlace(0, 2, 1)
    metered = SpanPlace(0, 3, 2, 30, True)
    echo = SpanPlace(0, 4, 3, 4, False)
    assert repeated([total, chain]) == set()
    assert repeated([total, chain, metered]) == {1}
    assert repeated([total, chain, metered, echo]) == {1, 4}
    assert repeated([total, metered]) == set()
    assert repeated([SpanPlace(0, 3, None, 30), SpanPlace(0, 5, 3, 5)]) == {30, 3}
    assert repeated([metered, SpanPlace(0, 6, 3, 30, True)]) == set()


def test_a_span_told_twice_lies_where_either_telling_says() -> None:
    """What one telling of a span leaves out is the other's: parent, tokens, the response's id."""
    early, late = SpanPlace(0, 1, None, 1), SpanPlace(0, 1, 7, 50, True)
    assert merge_places(early, late) == merge_places(late, early) == late
