"""What a session did in each quarter hour: sums that add up to the hours and days of every zone.

All time zones in use since 1972 lie whole quarter hours from UTC (IANA time zone database 2026a,
checked 2026-11-22).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from msgspec import Struct, field

from tachlog.metrics import QUARTER_US, Known, ModelKey, ModelQuarter, QuarterMetrics, Ran, Settled
from tachlog.metrics.sketch import sketch_of
from tachlog.metrics.timing import Response, Timeline
from tachlog.metrics.tokens import served_uses
from tachlog.metrics.tools import tool_stats
from tachlog.model import Failure
from tachlog.operations import Call, ToolUse


class _Content(Struct):
    calls: list[Call] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    uses: list[ToolUse] = field(default_factory=list)
    ran: list[Ran] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def quarters_of(
    timeline: Timeline, settled: Sequence[Settled], known: Known | None = None
) -> list[QuarterMetrics]:
    """The figures of each quarter hour in which something happened, in order.

    A model call counts when its last record was written, a tool call when it started. `settled` has
    what each of the timeline's calls counts for. A quarter hour in which is what was in it when it
    became `known` is given again.
    """
    quarters: defaultdict[int, _Content] = defaultdict(_Content)
    for call, counted, response in zip(timeline.calls, settled, timeline.responses, strict=True):
        content = quarters[call.at_us // QUARTER_US]
        content.calls.append(call)
        content.settled.append(counted)
        content.responses.append(response)
    for use, ran in zip(timeline.uses, timeline.ran, strict=True):
        content = quarters[use.at_us // QUARTER_US]
        content.uses.append(use)
        content.ran.append(ran)
    for failure in timeline.failures:
        quarters[failure.at_us // QUARTER_US].failures.append(failure)
    before = {} if known is None else known.quarters
    found = []
    for number in sorted(quarters):
        content = quarters[number]
        was = before.get(number)
        if was is None or was[0] != content:
            was = before[number] = (content, _figures(number, content))
        found.append(was[1])
    return found


def _figures(quarter: int, content: _Content) -> QuarterMetrics:
    uses = served_uses(content.calls, content.settled)
    times: defaultdict[ModelKey, list[int]] = defaultdict(list)
    for call, response in zip(content.calls, content.responses, strict=True):
        if response.timed:
            times[call.model, call.provider].append(response.end_us - response.start_us)
    failures: dict[str, int] = {}
    for failure in content.failures:
        failures[failure.error_class] = failures.get(failure.error_class, 0) + 1
    return QuarterMetrics(
        quarter,
        {
            key: ModelQuarter(use, len(times[key]), sum(times[key]), sketch_of(times[key]))
            for key, use in uses.items()
        },
        tool_stats(content.uses, content.ran),
        failures,
    )
