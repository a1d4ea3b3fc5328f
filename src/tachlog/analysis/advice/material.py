"""What recommendations are made from: sessions, their operations, what of them bought nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import heappop, heappush

from msgspec import Struct
from msgspec.structs import replace

from tachlog.analysis.archive import Archive
from tachlog.analysis.claims import USUAL, Claim
from tachlog.analysis.selection import Place, Selection
from tachlog.analysis.summary import in_parts
from tachlog.analysis.tally import Tree, place_of
from tachlog.analysis.trace import Trace, TracedUse
from tachlog.analysis.wasted import Found, asked_by, findings, is_broken_off, ran_us
from tachlog.analysis.weekly import weekly_limits
from tachlog.data import tool_category
from tachlog.data.agents import AGENTS
from tachlog.metrics.tokens import Price
from tachlog.model import UNTIMED_US
from tachlog.pricing import price

RootKey = tuple[str, str]
Facts = dict[str, int | float | str]

DECIDED = frozenset({"success", "error"})
MOST_OPERATIONS = 40_000
"""Of how many operations advice is made: enough for any kind, and soon read."""
WEEK_US = 7 * 86_400_000_000


class Case(Struct, frozen=True):
    """One time that something happened, in a session, and what it cost; no two have the same key.

    `call` is the model call whose tokens the claim is of, so that no more is saved of it than it
    had. `count` is what it adds to the measure of its kind.
    """

    key: tuple[str, int]
    session: str
    claim: Claim = Claim()
    call: int | None = None
    count: int = 1


class Group(Struct, frozen=True):
    """All cases of a kind that are about the same, whether or not they are enough for advice.

    `chances` says how often it could have happened, by session. `facts` are the numbers of the
    evidence and the texts of the message.
    """

    about: str
    cases: list[Case]
    chances: Counter[str]
    facts: Facts
    tool: str | None = None


class Latest:
    """Of the sessions that it is shown those that began last, of `most` operations or some more."""

    def __init__(self, most: int | None = MOST_OPERATIONS) -> None:
        self.most = most
        self.operations = 0
        self.since_us: int | None = None
        self._kept: list[tuple[Place, Tree, int]] = []

    def add(self, trees: Iterable[Tree]) -> None:
        """Look at more sessions; where any is left out, `since_us` is when the first kept began."""
        for tree in trees:
            operations = sum(m.calls + m.tool_calls for m in tree.threads)
            self.operations += operations
            heappush(self._kept, (place_of(tree), tree, operations))
            while self.most is not None and self.operations - self._kept[0][2] >= self.most:
                self.operations -= heappop(self._kept)[2]
                self.since_us = self._kept[0][0][0]

    @property
    def trees(self) -> list[Tree]:
        """The kept ones in order of their start."""
        return [tree for _, tree, _ in sorted(self._kept)]


def material_of(archive: Archive, selection: Selection, latest: Latest | None = None) -> Material:
    """What the selected sessions' recommendations are made from: the latest of them."""
    if latest is None:
        latest = Latest()
        for trees in in_parts(archive, selection):
            latest.add(trees)
    kept = {(tree.head.agent, tree.threads[0].root) for tree in latest.trees}
    if latest.since_us is not None:
        since_us = max(latest.since_us, selection.since_us or 0)
        selection = replace(selection, since_us=since_us)
    traces = [each for each in archive.traces(selection) if (each.agent, each.root) in kept]
    last_us = max((call.at_us for each in traces for call in each.calls), default=0)
    return Material(latest.trees, traces, weekly_limits(archive, last_us))


class Material:
    """The selected sessions and their operations, and what is looked up in them more than once.

    `weekly` has what a week's limit of an agent is worth, in nano-dollars.
    """

    def __init__(
        self,
        trees: Sequence[Tree],
        traces: Sequence[Trace],
        weekly: Mapping[str, int] | None = None,
        price: Price = price,
    ) -> None:
        self.trees = trees
        self.traces = traces
        self.weekly = weekly or {}
        self.price = price
        self.heads = {(tree.head.agent, tree.threads[0].root): tree.head for tree in trees}

    @cached_property
    def threads(self) -> dict[RootKey, list[Trace]]:
        """The threads of each session."""
        found: defaultdict[RootKey, list[Trace]] = defaultdict(list)
        for trace in self.traces:
            found[trace.agent, trace.root].append(trace)
        return dict(found)

    @cached_property
    def found(self) -> list[tuple[RootKey, Found]]:
        """What bought nothing, by session."""
        return [
            (key, found)
            for key, traces in self.threads.items()
            for found in findings(traces, is_broken_off(self.heads.get(key), traces), _weights)
        ]

    @cached_property
    def asked(self) -> dict[int, tuple[int, Claim]]:
        """The model call that asked for each tool call, and that tool call's part of it."""
        found = {}
        for trace in self.traces:
            asked = asked_by(trace)
            parts = Counter(asked.values())
            calls = {call.key: call for call in trace.calls}
            for use, key in asked.items():
                call, of = calls[key], parts[key]
                cost = None if call.nanousd is None else call.nanousd // of
                claim = Claim((call.prompt + call.output) // of, call.response_us // of, cost)
                found[use] = (key, claim)
        return found

    @cached_property
    def weeks(self) -> int:
        """In how many weeks anything was done, one at least; what has no time is in none."""
        weeks = {each.at_us // WEEK_US for trace in self.traces for each in trace.calls}
        weeks |= {each.at_us // WEEK_US for trace in self.traces for each in trace.uses}
        return max(1, sum(week >= UNTIMED_US // WEEK_US for week in weeks))

    @cached_property
    def used(self) -> tuple[int, int]:
        """All that the model calls used: nano-dollars of those with a price, and tokens."""
        calls = [call for trace in self.traces for call in trace.calls]
        return sum(call.nanousd or 0 for call in calls), sum(c.prompt + c.output for c in calls)

    @cached_property
    def agents(self) -> dict[str, set[str]]:
        """The agents that have a session of an id."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for trace in self.traces:
            found[trace.root].add(trace.agent)
        return dict(found)

    def uses(self) -> Iterator[tuple[Trace, TracedUse]]:
        """Every tool call with its thread."""
        for trace in self.traces:
            for use in trace.uses:
                yield trace, use

    def case(self, trace: Trace, use: TracedUse) -> Case:
        """A tool call with the part of the reply that asked for it."""
        call, claim = self.asked.get(use.key, (None, Claim()))
        return Case(("use", use.key), trace.root, claim.with_time(ran_us(use)), call)

    def project(self, trace: Trace) -> str | None:
        """The project of a thread's session."""
        head = self.heads.get((trace.agent, trace.root))
        return head.project if head else None


def group(
    about: str,
    cases: list[Case],
    chances: Iterable[str],
    tool: str | None = None,
    **facts: float | str,
) -> Group:
    """A group with the numbers that all kinds have: sessions and what is left of a share."""
    counted = Counter(chances)
    if agent := facts.get("agent"):
        facts["agent"] = AGENTS.get(str(agent), str(agent))
    return Group(
        about, cases, counted, {"sessions": len({case.session for case in cases}), **facts}, tool
    )


def is_file_tool(use: TracedUse) -> bool:
    """Whether a tool call reads or searches files."""
    return tool_category(use.tool) in ("file_read", "search")


def _weights(_call: object) -> tuple[int, int, int, int]:
    return USUAL
