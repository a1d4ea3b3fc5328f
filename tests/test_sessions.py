"""A session is the same in whatever order, portions and copies its events come."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog.model import Compaction, Event, Failure, Mark, Prompt, Thread
from tachlog.operations import (
    Span,
    merge_compactions,
    merge_failures,
    merge_prompts,
    merge_spans,
)
from tachlog.sessions import Sessions, fold, merge_sessions

THREAD = Thread("claude_code", "s", "s")
OTHER = Thread("claude_code", "s/a", "s", "s")
small = st.integers(0, 3)
maybe = st.none() | small
words = st.none() | st.sampled_from(["a", "b"])
KINDS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any, Any], Any]]] = {
    "prompt": (
        st.builds(Prompt, st.just(1), st.just(THREAD), small, small, maybe, st.booleans()),
        merge_prompts,
    ),
    "failure": (
        st.builds(
            Failure,
            st.just(1),
            st.just(THREAD),
            small,
            st.sampled_from(["timeout", "network"]),
            *(maybe, maybe, maybe, maybe, words, words),
        ),
        merge_failures,
    ),
    "compaction": (
        st.builds(Compaction, st.just(1), st.just(THREAD), small, maybe, maybe, words),
        merge_compactions,
    ),
    "span": (st.builds(Span, small, small), merge_spans),
}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_merging_is_the_same_in_any_order(kind: str, data: st.DataObject) -> None:
    """Merging is commutative, associative and idempotent, for each kind of operation."""
    strategy, merge = KINDS[kind]
    told = data.draw(st.lists(strategy, min_size=1, max_size=4))
    once = reduce(merge, told)
    mixed = data.draw(st.permutations([*told, *told]))
    assert reduce(merge, mixed) == once
    half = len(told) // 2
    if half:
        assert merge(reduce(merge, told[half:]), reduce(merge, told[:half])) == once
    assert merge(once, once) == once


threads = st.sampled_from([THREAD, OTHER])
marks = st.builds(
    Mark, threads, small, st.sampled_from(["cwd", "title.prompt"]), st.sampled_from("xyz")
)
prompts = st.builds(
    lambda key, thread, at_us: Prompt(key, thread, at_us, key), small, threads, small
)


def sessions_of(events: list[Event]) -> Sessions:
    """The sessions that events tell."""
    found: Sessions = {}
    fold(events, found)
    return found


@given(events=st.lists(marks | prompts, max_size=12), data=st.data())
def test_events_fold_alike_in_any_order_and_portions(
    events: list[Event], data: st.DataObject
) -> None:
    """Folding all at once, mixed and doubled, or in two portions that are merged, is the same."""
    whole = sessions_of(events)
    mixed = data.draw(st.permutations([*events, *events]))
    assert sessions_of(mixed) == whole
    cut = data.draw(st.integers(0, len(events)))
    one, two = sessions_of(events[:cut]), sessions_of(events[cut:])
    merged = {
        thread: merge_sessions(one[thread], two[thread])
        if thread in one and thread in two
        else (one | two)[thread]
        for thread in one | two
    }
    assert merged == whole


def test_only_the_first_of_some_marks_is_kept() -> None:
    """The title that the first prompt gives stays, whichever was read first; others add up."""
    events: list[Event] = [
        Mark(THREAD, 5, "title.prompt", "later"),
        Mark(THREAD, 3, "title.prompt", "first"),
        Mark(THREAD, 3, "cwd", "/b"),
        Mark(THREAD, 5, "cwd", "/a"),
    ]
    (session,) = sessions_of(events).values()
    assert session.marks["title.prompt"] == {"first": Span(3, 3)}
    assert session.told("cwd") == ["/b", "/a"]
    assert session.told("branch") == []
