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
from msgspec.structs import replace

from tachlog.analysis.archive import Archive
from tachlog.analysis.selection import Quarter, Selection
from tachlog.analysis.trends import Direction, trend
from tachlog.analysis.units import optional_rfc3339, rfc3339
from tachlog.analysis.windows import local_date, midnight_us, zone_of
from tachlog.metrics import QUARTER_US
from tachlog.model import UNTIMED_US

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
    None where they cannot be told. `kept_from` is, in a trend by the hour, the time before which
    operations of the selection were deleted: only days are known of what is older.
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
    kept_from: str | None = None


def trends_of(
    archive: Archive, selection: Selection, *, time_zone: str, now_us: int
) -> list[TrendView]:
    """The four trends of a selection."""
    zone = zone_of(time_zone)
    cut_us = archive.deleted_before_us()
    hours = [each for each in archive.hours(selection) if _is_dated(each.quarter)]
    kept_us = None
    kept = hours
    if cut_us is not None and archive.hours(_until(selection, cut_us)):
        kept_us, kept = cut_us, archive.hours(_since(selection, cut_us))
    complexity = daily_complexity(archive.complexity(selection), zone)
    tools = daily_tools(archive, selection, midnights(hours, zone))
    return [
        _hourly("token_usage_trend", "tokens", hourly_tokens(kept), now_us, kept_us),
        _hourly("error_rate_trend", "share", hourly_error_rates(kept), now_us, kept_us),
        _daily("complexity_trend", "score", complexity, now_us, zone),
        _daily("tool_diversity_trend", "tools", tools, now_us, zone),
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


def daily_complexity(begun: Iterable[tuple[int, int, int]], zone: tzinfo) -> Values:
    """The mean complexity score of the sessions that began on each day."""
    scores: dict[int, int] = defaultdict(int)
    sessions: dict[int, int] = defaultdict(int)
    for quarter, count, score in begun:
        if not _is_dated(quarter):
            continue
        day = local_date(quarter * QUARTER_US, zone).toordinal()
        sessions[day] += count
        scores[day] += score
    return {day: scores[day] / count for day, count in sessions.items()}


def daily_tools(archive: Archive, selection: Selection, edges: Mapping[int, int]) -> Values:
    """How many different tools were called on each day; `edges` are days by their midnight."""
    found = archive.tools_between(selection, sorted(edges))
    return {edges[since_us]: len(tools) for since_us, tools in found.items() if tools}


def midnights(hours: Iterable[Quarter], zone: tzinfo) -> dict[int, int]:
    """The days of hours in which tools were called by their midnight, and those after them.

    Where clocks are not whole hours from UTC an hour may lie on two days.
    """
    moments = (hour.quarter * QUARTER_US for hour in hours if hour.tool_calls)
    ends = {us for at_us in moments for us in (at_us, at_us + HOUR_US - 1)}
    days = {local_date(at_us, zone).toordinal() for at_us in ends}
    days |= {day + 1 for day in days}
    return {midnight_us(date.fromordinal(day), zone): day for day in sorted(days)}


def _since(selection: Selection, at_us: int) -> Selection:
    since_us = selection.since_us
    return replace(selection, since_us=at_us if since_us is None else max(since_us, at_us))


def _until(selection: Selection, at_us: int) -> Selection:
    until_us = selection.until_us
    return replace(selection, until_us=at_us if until_us is None else min(until_us, at_us))


def _is_dated(quarter: int) -> bool:
    """Whether a log told when it was: what it did not date lies in the first quarter hour."""
    return quarter * QUARTER_US >= UNTIMED_US


def _hour(quarter: Quarter) -> int:
    return quarter.quarter * QUARTER_US // HOUR_US


def _hourly(name: str, unit: str, values: Values, now_us: int, kept_us: int | None) -> TrendView:
    now = now_us // HOUR_US
    found = _trend(name, unit, "hour", values, now, lambda hour: hour * HOUR_US)
    return replace(found, kept_from=optional_rfc3339(kept_us))


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
