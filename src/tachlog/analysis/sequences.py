"""Which tools follow which: n-grams, transitions, loops, and what comes after a failure.

Counted within one thread, never across threads (docs/design.md, "Sequences", checked 2026-11-22).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import prod

from msgspec import Struct, field

from tachlog.metrics import Ran
from tachlog.metrics.tools import DECIDED_SUCCESS
from tachlog.model import Outcome
from tachlog.operations import ToolUse

LENGTHS = range(2, 6)
ARROW = "->"
LOOP_REPEATS = 3
LIFT_FROM_COUNT = 5
MOST_FREQUENT = 20

Gram = tuple[str, ...]
"""Names of consecutive tools; `key_of_gram` writes it as `Read->Edit->Bash`."""


class Step(Struct, frozen=True, gc=False):
    """One tool call in the order of its thread; an `input_digest` of 0 is an unknown one."""

    at_us: int
    tool: str
    input_digest: int
    outcome: Outcome


class Loop(Struct, frozen=True):
    """The same call, or pair of calls, again and again: `calls` in all, from step `start` on."""

    tools: Gram
    start: int
    calls: int
    start_us: int
    end_us: int


class Recovery(Struct):
    """What followed a failed call: how often, and how often it worked."""

    count: int = 0
    worked: int = 0


class Sequences(Struct):
    """Counts over any number of threads, which add up.

    `grams` counts n-grams of tool names, `threads` in how many threads each occurs, `tools` single
    calls, `places` how many n-grams of each length there are. `recoveries` is by (failed tool, next
    tool).
    """

    grams: Counter[Gram] = field(default_factory=Counter)
    threads: Counter[Gram] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    places: Counter[int] = field(default_factory=Counter)
    recoveries: dict[tuple[str, str], Recovery] = field(default_factory=dict)

    @property
    def transitions(self) -> dict[str, dict[str, int]]:
        """How often each tool was followed by each: the transition matrix without its zeros."""
        matrix: dict[str, dict[str, int]] = {}
        for gram, count in self.grams.items():
            if len(gram) == 2:
                matrix.setdefault(gram[0], {})[gram[1]] = count
        return matrix


def steps_of(uses: Iterable[ToolUse], ran: Iterable[Ran]) -> list[Step]:
    """The tool calls of a thread as steps, without those of which only the result is known.

    `ran` is what each call comes to.
    """
    return [
        Step(use.at_us, use.tool, use.input_digest, came_to.outcome)
        for use, came_to in zip(uses, ran, strict=True)
        if use.tool is not None
    ]


def grams_of(names: Sequence[str]) -> list[Gram]:
    """All n-grams of consecutive tools."""
    grams: list[Gram] = []
    for length in LENGTHS:
        grams += zip(*(names[start:] for start in range(length)), strict=False)
    return grams


def sequences_of(steps: Sequence[Step]) -> Sequences:
    """Count the sequences of one thread."""
    counts = Sequences()
    add_thread(counts, steps)
    return counts


def add_thread(into: Sequences, steps: Sequence[Step]) -> set[Gram]:
    """Add the counts of one thread; gives the n-grams that occur in it."""
    names = [step.tool for step in steps]
    grams = grams_of(names)
    for length in LENGTHS:
        if len(names) >= length:
            into.places[length] += len(names) - length + 1
    distinct = set(grams)
    into.grams.update(grams)
    into.threads.update(distinct)
    into.tools.update(names)
    _recoveries(steps, into.recoveries)
    return distinct


def merge(into: Sequences, other: Sequences) -> None:
    """Add the counts of other threads."""
    into.grams.update(other.grams)
    into.threads.update(other.threads)
    into.tools.update(other.tools)
    into.places.update(other.places)
    for pair, recovery in other.recoveries.items():
        known = into.recoveries.setdefault(pair, Recovery())
        known.count += recovery.count
        known.worked += recovery.worked


def key_of_gram(gram: Gram) -> str:
    """The written form of an n-gram: `Read->Edit->Bash`."""
    return ARROW.join(gram)


def lift(sequences: Sequences, gram: Gram) -> float | None:
    """How much more often an n-gram occurs than if its tools came in no order: p(gram) / Π p(tool).

    None for those that occur fewer than five times: chance alone makes large lifts of them.
    """
    count = sequences.grams.get(gram, 0)
    if count < LIFT_FROM_COUNT:
        return None
    calls = sum(sequences.tools.values())
    by_chance = prod(sequences.tools[tool] / calls for tool in gram)
    return count / sequences.places[len(gram)] / by_chance


def most_frequent(grams: Mapping[Gram, int], most: int = MOST_FREQUENT) -> dict[str, int]:
    """The n-grams that occur most often, at least twice; of equal counts the longer come first."""
    repeated = [(gram, count) for gram, count in grams.items() if count >= 2]
    repeated.sort(key=lambda item: (-item[1], -len(item[0]), item[0]))
    return {key_of_gram(gram): count for gram, count in repeated[:most]}


def loops_of(steps: Sequence[Step]) -> list[Loop]:
    """Find three or more consecutive calls with equal tool and input, or three periods of a pair.

    Each loop is as long as it goes on: every call of it equals the one a period before.
    """
    loops = _runs(steps, 1) + _runs(steps, 2)
    return sorted(loops, key=lambda loop: (loop.start, len(loop.tools)))


def _runs(steps: Sequence[Step], period: int) -> list[Loop]:
    loops = []
    start = 0
    asked = [(step.tool, step.input_digest) for step in steps]
    again = [
        one == before and one[1] != 0 for one, before in zip(asked[period:], asked, strict=False)
    ]
    for place, is_same in enumerate((*again, False), period):
        if is_same:
            continue
        first, calls = steps[start : start + period], place - start
        if calls >= LOOP_REPEATS * period and not (period == 2 and _same(*first)):
            tools = tuple(step.tool for step in first)
            loops.append(Loop(tools, start, calls, first[0].at_us, steps[place - 1].at_us))
        start = place - period + 1
    return loops


def _same(a: Step, b: Step) -> bool:
    return a.input_digest == b.input_digest != 0 and a.tool == b.tool


def _recoveries(steps: Sequence[Step], into: dict[tuple[str, str], Recovery]) -> None:
    """Count what followed each failed call."""
    for failed, following in pairwise(steps):
        if failed.outcome == "error":
            recovery = into.setdefault((failed.tool, following.tool), Recovery())
            recovery.count += 1
            recovery.worked += following.outcome in DECIDED_SUCCESS
