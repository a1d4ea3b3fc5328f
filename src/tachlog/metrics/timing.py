"""Where the time of a thread went: its moments in order, its replies, who waited for whom.

Rules: docs/design.md, "Identity and the numbers", checked 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from itertools import pairwise

from msgspec import Struct, field

from tachlog.data import asks_person
from tachlog.metrics import Known, Ran, TimeSplit
from tachlog.model import UNTIMED_US, Failure, Prompt
from tachlog.operations import Call, ToolUse
from tachlog.sessions import Session

SHORT_GAP_US = 5 * 60 * 1_000_000
"""Gaps under five minutes are a person at work; the person's share of a longer wait ends there
too."""

RESULT, PROMPT, FAILURE, REPLY, ASKED = range(5)
"""What happens at a moment, in the order in which simultaneous moments are taken."""

Moment = tuple[int, int, int, Prompt | Call | Failure | ToolUse]
"""When (µs), what (RESULT …), the key of the operation, the operation; a reply stands where it
began."""

_Interval = tuple[int, int]


class Response(Struct, frozen=True, gc=False):
    """One reply: from `start_us` to `end_us`.

    `timed` says whether that is the wait for it; else nothing tells when the model was asked, and
    the interval is what was seen of its writing.
    """

    start_us: int
    end_us: int
    timed: bool

    @property
    def duration_us(self) -> int:
        """How long it took."""
        return self.end_us - self.start_us


class Timeline(Struct):
    """A thread's operations in order.

    `calls` and `uses` are in order of their beginning; `responses` has one for each of `calls`,
    `ran` one for each of `uses`; `failures` are the failed model calls.
    `start_us` and `end_us` are None for a thread without operations, or whose log tells no times.

    `attempts` are the intervals of failed model calls, `turns` those in which a person was waited
    for, after the end of a turn or by a tool that asks, at most five minutes of each.
    """

    moments: list[Moment]
    start_us: int | None
    end_us: int | None
    active_us: int
    calls: list[Call] = field(default_factory=list)
    uses: list[ToolUse] = field(default_factory=list)
    ran: list[Ran] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    attempts: list[_Interval] = field(default_factory=list)
    turns: list[_Interval] = field(default_factory=list)


def timeline_of(session: Session, known: Known | None = None) -> Timeline:
    """Put a session's operations in order, once, for everything that needs their order.

    What tool calls come to is taken from what is `known`, and noted there.
    """
    moments: list[Moment] = [(p.at_us, PROMPT, key, p) for key, p in session.prompts.items()]
    moments += [(f.at_us, FAILURE, key, f) for key, f in session.failures.items()]
    moments += [(c.first_us, REPLY, key, c) for key, c in session.calls.items()]
    for key, use in session.tools.items():
        if use.tool is not None or use.end_us is None:
            moments.append((use.at_us, ASKED, key, use))
        if use.end_us is not None:
            moments.append((use.end_us, RESULT, key, use))
    moments.sort()
    told = [moment[0] for moment in moments]
    told += [call.at_us for call in session.calls.values()]
    times = sorted([time for time in told if time >= UNTIMED_US])
    timeline = Timeline(
        moments=moments,
        start_us=times[0] if times else None,
        end_us=times[-1] if times else None,
        active_us=sum([gap for a, b in pairwise(times) if (gap := b - a) < SHORT_GAP_US]),
    )
    _walk(timeline, _asking(session.tools.values()))
    timeline.ran = _came_to(timeline.uses, {} if known is None else known.tools)
    return timeline


def _came_to(uses: Iterable[ToolUse], known: dict[int, Ran]) -> list[Ran]:
    """What each of the tool calls comes to; added to what is known by their keys."""
    found = []
    for use in uses:
        ran = known.get(use.key)
        if ran is None:
            ran = known[use.key] = Ran(use.outcome, execution_us(use))
        found.append(ran)
    return found


def _asking(uses: Iterable[ToolUse]) -> Set[str | None]:
    """The tools that only wait for a person, whose time their calls then are."""
    return {tool for tool in {use.tool for use in uses} if tool is not None and asks_person(tool)}


def response_times(timeline: Timeline) -> dict[int, int]:
    """The response time (µs) of each call that has one, by the call's key."""
    pairs = zip(timeline.calls, timeline.responses, strict=True)
    return {call.key: response.duration_us for call, response in pairs if response.timed}


def _walk(timeline: Timeline, asking: Set[str | None]) -> None:
    """Fill in what depends on what stood before: one pass over the moments.

    A reply is waited for since the latest prompt or tool result, unless another reply wrote after
    that. Replies that begin at the same moment, as an advisor's inside another, share their wait.
    The interval of a reply is told by the best evidence: reported, when it was sent, derived.
    """
    calls, uses, responses = timeline.calls, timeline.uses, timeline.responses
    since: int | None = None
    begun: int | None = None
    waited: int | None = None
    replied_us = 0
    turn_end: int | None = None
    for time, kind, _, what in timeline.moments:
        if isinstance(what, ToolUse):
            if kind == RESULT:
                since = time
                turn_end = time if turn_end is None or time > turn_end else turn_end
            if kind == ASKED or what.tool is None:
                uses.append(what)
                if what.end_us is not None and what.tool in asking:
                    timeline.turns.append((time, min(what.end_us, time + SHORT_GAP_US)))
        elif isinstance(what, Call):
            if time != begun:
                begun, waited = time, since if since is not None and replied_us <= since else None
            start, timed = waited if what.sent_us is None else what.sent_us, True
            if what.response_ms is not None:
                start = what.at_us - what.response_ms * 1000
            elif start is None or start < UNTIMED_US:
                start, timed = what.first_us, False
            elif start > what.at_us:
                start = what.at_us
            responses.append(Response(start, what.at_us, timed))
            calls.append(what)
            since = None
            replied_us = max(replied_us, what.at_us)
            turn_end = what.at_us if turn_end is None or what.at_us > turn_end else turn_end
        elif isinstance(what, Failure):
            timeline.failures.append(what)
            if since is not None:
                timeline.attempts.append((since, time))
            turn_end = time if turn_end is None or time > turn_end else turn_end
        else:
            if what.by_person and turn_end is not None:
                timeline.turns.append((turn_end, min(time, turn_end + SHORT_GAP_US)))
            since = time
            turn_end = None


def execution_us(use: ToolUse) -> int | None:
    """How long a tool ran: as reported, else from call to result.

    The wait for approval is left out where the log tells it; where it does not, the figure is an
    upper bound. None for a call that a person refused: it never ran.
    """
    if use.reported == "user_rejected":
        return None
    spent = use.execution_us
    if spent is None or use.duration_ms is not None or use.approval_ms is None:
        return spent
    return max(0, spent - use.approval_ms * 1000)


def time_split(timeline: Timeline) -> TimeSplit | None:
    """Where the time from the first to the last moment went; None without operations.

    Intervals overlap: tools run in parallel and while the model still writes. A moment counts once,
    for the first of: the model writes or is waited for; a tool runs; a tool waits for approval; a
    person's turn. So work is never told as waiting, and what nothing explains is idle.
    """
    start, end = timeline.start_us, timeline.end_us
    if start is None or end is None:
        return None
    running, waiting = _tool_intervals(timeline.uses, end)
    replies = [(response.start_us, response.end_us) for response in timeline.responses]
    seen: list[_Interval] = []
    covered = [0]
    for more in (replies + timeline.attempts, running, waiting, timeline.turns):
        seen += more
        covered.append(_union_us(seen, start) if more else covered[-1])
    model, tool, approval, person = (after - before for before, after in pairwise(covered))
    told = not {use.approval_ms for use in timeline.uses} <= {None}
    return TimeSplit(model, tool, approval if told else None, person, end - start - covered[-1])


def _tool_intervals(
    uses: Sequence[ToolUse], latest: int
) -> tuple[list[_Interval], list[_Interval]]:
    """When tools ran, and when they waited for approval as far as the log tells it.

    A duration without a result is believed up to the `latest` moment of the log.
    """
    running, waiting = [], []
    asking = _asking(uses)
    for use in uses:
        if use.tool in asking:
            continue
        end = use.end_us
        duration_us = (use.duration_ms or 0) * 1000
        if end is None:
            end = min(use.at_us + duration_us, latest)
        start = min(use.at_us, end - duration_us)
        if use.approval_ms:
            approved = min(end, start + use.approval_ms * 1000)
            waiting.append((start, approved))
            start = approved
        running.append((start, end))
    return running, waiting


def _union_us(intervals: list[_Interval], start: int) -> int:
    """How much time from `start` on lies in at least one interval; sorts them."""
    intervals.sort()
    total = 0
    reached = start
    for first, last in intervals:
        if last > reached:
            total += last - max(first, reached)
            reached = last
    return total
