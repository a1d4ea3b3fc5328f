"""What is going on now: current figures, trends, alerts, recommendations, as the user named them.

Current figures are of the last five minutes, counted call by call; trends are of the past 30 days,
recommendations of the last 30 with anything done, if one of them is in these (docs/design.md,
"Identity and the numbers", checked 2026-11-22).
"""

from __future__ import annotations

from msgspec import Struct

from tachlog.analysis.advice.keeping import recommended
from tachlog.analysis.alerts import Alert, Thresholds, firing
from tachlog.analysis.archive import Archive
from tachlog.analysis.live import open_sessions
from tachlog.analysis.selection import Selection
from tachlog.analysis.series import TrendView, trends_of
from tachlog.analysis.shapes import Recommendation
from tachlog.analysis.units import mean_ms, share
from tachlog.metrics import QUARTER_US

MINUTES = 5
WINDOW_US = MINUTES * 60 * 1_000_000
WEEK_US = 7 * 86_400 * 1_000_000
LEAST_WINDOWS = 12
HOUR_MINUTES = 60
RECENT_US = 30 * 86_400 * 1_000_000


class Current(Struct, frozen=True):
    """The last five minutes.

    `avg_response_time` is in ms; rates of tokens are per minute, with and without (`fresh`) those
    read from a cache. None: nothing to take a mean of. `open_sessions` are not over, whenever
    something happened in them last.
    """

    active_sessions: int
    requests_per_minute: float
    avg_response_time: float | None
    error_rate: float | None
    token_usage_rate: float
    open_sessions: int
    token_usage_rate_fresh: float
    requests: int
    operations: int
    minutes: int


class Trends(Struct, frozen=True):
    """The user's four: by hour, and by day, over the past 30 days."""

    token_usage_trend: TrendView
    error_rate_trend: TrendView
    complexity_trend: TrendView
    tool_diversity_trend: TrendView


class Realtime(Struct, frozen=True):
    """What the user's dashboard shows."""

    current: Current
    trends: Trends
    alerts: list[Alert]
    recommendations: list[Recommendation]


class Moments(Struct):
    """What happened in a span of time: operations counted one by one."""

    requests: int = 0
    failures: int = 0
    tool_successes: int = 0
    tool_errors: int = 0
    tokens: int = 0
    cache_read: int = 0
    response_n: int = 0
    response_us: int = 0

    @property
    def errors(self) -> int:
        """Failed operations."""
        return self.failures + self.tool_errors

    @property
    def operations(self) -> int:
        """Attempts of model calls and decided tool calls."""
        return self.requests + self.tool_successes + self.tool_errors


def realtime(
    archive: Archive,
    *,
    now_us: int,
    time_zone: str,
    thresholds: Thresholds,
    is_served: bool = False,
) -> Realtime:
    """Current figures, trends, alerts and recommendations as of `now_us`.

    Served, recommendations are those that are kept.
    """
    begun = now_us - WINDOW_US
    moments = moments_of(archive, begun, now_us)
    recent = Selection(since_us=now_us - RECENT_US, until_us=now_us + 1)
    series = trends_of(archive, recent, time_zone=time_zone, now_us=now_us)
    rate = moments.tokens / MINUTES
    usual = usual_rate(archive, now_us, rate, thresholds.token_spike_multiplier)
    return Realtime(
        current=_current(
            moments, archive.active(begun, now_us + 1), open_sessions(archive, now_us)
        ),
        trends=Trends(**{view.name: view for view in series}),
        alerts=firing(
            {
                "error_rate": share(moments.errors, moments.operations),
                "errors": moments.errors,
                "operations": moments.operations,
                "tokens_per_minute": rate,
                "usual_tokens_per_minute": usual,
            },
            thresholds,
        ),
        recommendations=recommended(archive, Selection(), now_us, is_served=is_served)
        if archive.active(now_us - RECENT_US, now_us + 1)
        else [],
    )


def moments_of(archive: Archive, begun_us: int, ended_us: int) -> Moments:
    """Count what happened after `begun_us`, until `ended_us`."""
    found = Moments()
    for each in archive.quarters(Selection(since_us=begun_us + 1, until_us=ended_us + 1)):
        found.requests += each.calls + each.failures
        found.failures += each.failures
        found.tool_successes += each.tool_successes
        found.tool_errors += each.tool_errors
        found.tokens += each.tokens
        found.cache_read += each.cache_read
        found.response_n += each.response_n
        found.response_us += each.response_us
    return found


def usual_rate(archive: Archive, now_us: int, rate: float, multiplier: float) -> float | None:
    """The mean tokens per minute over the non-empty five-minute windows of the past week.

    None where there are fewer than twelve, or where `rate` is no spike for certain: the mean over
    hours, which is cheap to ask for, is never above that over their non-empty windows.
    """
    until_us = (now_us - WINDOW_US) // QUARTER_US * QUARTER_US
    since_us = until_us - WEEK_US
    hours = [hour.tokens for hour in archive.hours(Selection(since_us, until_us)) if hour.tokens]
    tokens = sum(hours)
    if not hours or rate * HOUR_MINUTES <= multiplier * tokens / len(hours):
        return None
    windows = archive.busy_windows(since_us, until_us, WINDOW_US)
    return tokens / windows / MINUTES if windows >= LEAST_WINDOWS else None


def _current(moments: Moments, active_sessions: int, are_open: int) -> Current:
    return Current(
        active_sessions=active_sessions,
        requests_per_minute=round(moments.requests / MINUTES, 3),
        avg_response_time=mean_ms(moments.response_us, moments.response_n),
        error_rate=share(moments.errors, moments.operations),
        token_usage_rate=round(moments.tokens / MINUTES, 3),
        open_sessions=are_open,
        token_usage_rate_fresh=round((moments.tokens - moments.cache_read) / MINUTES, 3),
        requests=moments.requests,
        operations=moments.operations,
        minutes=MINUTES,
    )
