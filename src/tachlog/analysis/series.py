"""The user's four trends: tokens and error rate by hour, complexity and tool diversity by day.

The names are the user's (docs/design.md, "Trends", checked 2026-11-22). Hours and days without
anything to measure are left out, as they would tell of nights and weekends; so is the one that is
not over yet, as it would always look like a fall.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, tzinfo
from typing import Literal

from msgspec import Struct

from tachlog.analysis.archive import Archive
from tachlog.analysis.selection import Quarter, Selection, StoredStep
from tachlog.analysis.trends import Direction, trend
from tachlog.analysis.units import rfc3339
from tachlog.analysis.windows import local_date, midnight_us, zone_of
from tachlog.metrics import QUARTER_US, SessionMetrics

HOUR_US = 3_600_000_000

Values = Mapping[int, float]
"""What was measured, by number of the hour (UTC) or day (in the zone)."""


class Point(Struct, frozen=True):
    """The value of the hour or day that begins at `start`."""

    start: str
    value: float


class TrendView(Struct, frozen=True):
    """One trend, tested over the `n` points that have a value.

    `direction` is flat unless the Mann-Kendall test is significant (`p_value` below 0.05). `change`
    is relative, from the first to the last point along the slope; `slope` is per `step`. Both are
    None where they cannot be told.
    """

    name: str
    unit: str
    step: Literal["hour", "day"]
    direction: Direction
    change: float | None
    slope: float | None
    p_value: float
    n: int
    points: list[Point]


def trends_of(
    archive: Archive, selection: Selection, *, time_zone: str, now_us: int
) -> list[TrendView]:
    """The four trends of a selection."""
    zone = zone_of(time_zone)
    quarters = archive.quarters(selection)
    sessions, steps = archive.sessions(selection), archive.steps(selection)
    return [
        _hourly("token_usage_trend", "tokens", hourly_tokens(quarters), now_us),
        _hourly("error_rate_trend", "share", hourly_error_rates(quarters), now_us),
        _daily("complexity_trend", "score", daily_complexity(sessions, zone), now_us, zone),
        _daily("tool_diversity_trend", "tools", daily_tools(steps, zone), now_us, zone),
    ]


def hourly_tokens(quarters: Iterable[Quarter]) -> Values:
    """The tokens of each hour with a model call."""
    tokens: dict[int, int] = defaultdict(int)
    for quarter in quarters:
        if quarter.calls:
            tokens[_hour(quarter)] += quarter.tokens
    return tokens


def hourly_error_rates(quarters: Iterable[Quarter]) -> Values:
    """Errors per operation of each hour with an operation."""
    operations: dict[int, int] = defaultdict(int)
    errors: dict[int, int] = defaultdict(int)
    for quarter in quarters:
        failed = quarter.tool_errors + quarter.failures
        operations[_hour(quarter)] += quarter.calls + quarter.tool_successes + failed
        errors[_hour(quarter)] += failed
    return {hour: errors[hour] / count for hour, count in operations.items() if count}


def daily_complexity(threads: Iterable[SessionMetrics], zone: tzinfo) -> Values:
    """The mean complexity score of the sessions that began on each day."""
    scores: dict[int, list[int]] = defaultdict(list)
    for m in threads:
        if m.parent is None and m.start_us is not None:
            scores[local_date(m.start_us, zone).toordinal()].append(m.complexity_score)
    return {day: sum(found) / len(found) for day, found in scores.items()}


def daily_tools(steps: Iterable[StoredStep], zone: tzinfo) -> Values:
    """How many different tools were called on each day."""
    tools: dict[int, set[str]] = defaultdict(set)
    for step in steps:
        tools[local_date(step.at_us, zone).toordinal()].add(step.tool)
    return {day: len(found) for day, found in tools.items()}


def _hour(quarter: Quarter) -> int:
    return quarter.quarter * QUARTER_US // HOUR_US


def _hourly(name: str, unit: str, values: Values, now_us: int) -> TrendView:
    now = now_us // HOUR_US
    return _trend(name, unit, "hour", values, now, lambda hour: hour * HOUR_US)


def _daily(name: str, unit: str, values: Values, now_us: int, zone: tzinfo) -> TrendView:
    today = local_date(now_us, zone).toordinal()
    return _trend(
        name, unit, "day", values, today, lambda day: midnight_us(date.fromordinal(day), zone)
    )


def _trend(
    name: str,
    unit: str,
    step: Literal["hour", "day"],
    values: Values,
    unfinished: int,
    start_us: Callable[[int], int],
) -> TrendView:
    whole = [(place, value) for place, value in sorted(values.items()) if place != unfinished]
    found = trend(whole)
    return TrendView(
        name,
        unit,
        step,
        found.direction,
        found.change,
        found.slope,
        found.p_value,
        found.n,
        [Point(rfc3339(start_us(place)), value) for place, value in whole],
    )
