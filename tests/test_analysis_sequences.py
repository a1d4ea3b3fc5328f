"""Sequences are counted within threads, and loops are found wherever they begin."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_by_hand import Told, at
from tachlog.analysis.sequences import (
    Recovery,
    Sequences,
    Step,
    lift,
    loops_of,
    merge,
    most_frequent,
    sequences_of,
    steps_of,
)
from tachlog.metrics.timing import timeline_of
from tachlog.model import ToolResult


def steps(names: str) -> list[Step]:
    """Return one step per letter: a letter is a tool, equal letters have equal inputs."""
    return [Step(at(when), name.upper(), ord(name), "success") for when, name in enumerate(names)]


def added(threads: list[str]) -> Sequences:
    """Return the counts of threads, each counted alone."""
    every = Sequences()
    for names in threads:
        merge(every, sequences_of(steps(names)))
    return every


def loops(names: str) -> list[tuple[str, int, int]]:
    """Return (tools, start, calls) of each loop."""
    return [("".join(loop.tools), loop.start, loop.calls) for loop in loops_of(steps(names))]


def test_n_grams_are_counted_from_two_to_five() -> None:
    """Every run of two to five consecutive tools counts once where it stands."""
    found = sequences_of(steps("rebreb"))
    assert found.grams[("R", "E")] == 2
    assert found.grams[("R", "E", "B", "R", "E")] == 1
    assert {len(gram) for gram in found.grams} == {2, 3, 4, 5}
    assert found.places == {2: 5, 3: 4, 4: 3, 5: 2}
    assert found.tools == {"R": 2, "E": 2, "B": 2}


def test_transitions_are_the_pairs() -> None:
    """The matrix says how often each tool was followed by each."""
    found = sequences_of(steps("aabab"))
    assert found.transitions == {"A": {"A": 1, "B": 2}, "B": {"A": 1}}


def test_sequences_never_cross_threads() -> None:
    """The last call of one thread and the first of the next are no pair."""
    assert added(["ab", "cd"]).grams == {("A", "B"): 1, ("C", "D"): 1}


def test_a_sequence_counts_once_per_thread() -> None:
    """A thread that does the same again and again is one thread that did it."""
    found = added(["abab", "ab", "ba"])
    assert found.threads[("A", "B")] == 2
    assert found.grams[("A", "B")] == 3


@given(st.lists(st.text("abc", max_size=12), max_size=5), st.integers(0, 5))
def test_counts_add_up(threads: list[str], cut: int) -> None:
    """Adding threads one by one, or in two parts that are merged, is the same."""
    merged = added(threads[:cut])
    merge(merged, added(threads[cut:]))
    assert merged == added(threads)


def test_recovery_is_what_follows_a_failure() -> None:
    """After a failed call the next tool counts, and whether it worked; a "no" is an answer."""
    told = Told()
    told.tool(0, 1, "Edit", "error")
    told.tool(2, 3, "Read")
    told.tool(4, 5, "Edit", "error")
    told.tool(6, 7, "Edit", "error")
    told.tool(8, 9, "Read", "expected_negative")
    told.tool(10, 11, "Bash", "error")
    session = told.session()
    timeline = timeline_of(session)
    found = sequences_of(steps_of(timeline.uses, timeline.ran))
    assert found.recoveries == {
        ("Edit", "Read"): Recovery(2, 2),
        ("Edit", "Edit"): Recovery(1, 0),
    }


def test_recoveries_merge() -> None:
    """What followed failures elsewhere is added."""
    a = Sequences(recoveries={("Edit", "Read"): Recovery(2, 1)})
    merge(a, Sequences(recoveries={("Edit", "Read"): Recovery(3, 3), ("A", "B"): Recovery(1, 0)}))
    assert a.recoveries == {("Edit", "Read"): Recovery(5, 4), ("A", "B"): Recovery(1, 0)}


def test_steps_are_the_calls_in_order() -> None:
    """Calls stand in order of their beginning; a result without its call has no place."""
    told = Told()
    told.tool(4, 5, "Read")
    told.tool(1, 9, "Bash")
    told.events.append(ToolResult(5, told.thread, at(2), "error"))
    timeline = timeline_of(told.session())
    found = steps_of(timeline.uses, timeline.ran)
    assert [(step.tool, step.at_us) for step in found] == [("Bash", at(1)), ("Read", at(4))]


def test_lift_compares_with_chance() -> None:
    """Tools that always follow each other do so oftener than their frequency explains."""
    found = sequences_of(steps("abc" * 6))
    assert found.grams[("A", "B")] == 6
    assert lift(found, ("A", "B")) == pytest.approx(6 / 17 / (1 / 3 * 1 / 3))


def test_rare_sequences_have_no_lift() -> None:
    """Fewer than five occurrences say nothing."""
    found = sequences_of(steps("abababab"))
    assert found.grams[("A", "B")] == 4
    assert lift(found, ("A", "B")) is None
    assert lift(found, ("B", "Z")) is None


def test_the_most_frequent_sequences_are_named() -> None:
    """Most frequent first, of equals the longer; what occurred once is left out."""
    grams = Counter({("A", "B"): 3, ("B", "C"): 3, ("A", "B", "C"): 3, ("C", "D"): 1})
    assert list(most_frequent(grams).items()) == [("A->B->C", 3), ("A->B", 3), ("B->C", 3)]
    assert list(most_frequent(grams, 1)) == ["A->B->C"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("", []),
        ("a", []),
        ("aa", []),
        ("aaa", [("A", 0, 3)]),
        ("xaaaay", [("A", 1, 4)]),
        ("aaabaaa", [("A", 0, 3), ("A", 4, 3)]),
        ("ababa", []),
        ("ababab", [("AB", 0, 6)]),
        ("xabababay", [("AB", 1, 7)]),
        ("aaaaaa", [("A", 0, 6)]),
        ("aaababab", [("A", 0, 3), ("AB", 2, 6)]),
        ("abcabcabc", []),
    ],
)
def test_loops_are_found(names: str, found: list[tuple[str, int, int]]) -> None:
    """Three equal calls or three equal pairs are a loop, as long as it lasts."""
    assert loops(names) == found


def test_a_loop_knows_its_time() -> None:
    """A loop lasts from its first call to its last."""
    (loop,) = loops_of(steps("xaaa"))
    assert (loop.start_us, loop.end_us) == (at(1), at(3))


def test_the_same_tool_with_other_input_is_no_loop() -> None:
    """Reading three files is work; an input that is not known equals nothing."""
    reads = [Step(at(digest), "Read", digest, "success") for digest in range(1, 5)]
    blind = [Step(at(when), "Read", 0, "success") for when in range(6)]
    assert loops_of(reads) == []
    assert loops_of(blind) == []
