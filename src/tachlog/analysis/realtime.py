"""What is going on now: current figures, trends, alerts, recommendations, as the user named them.

Current figures are of the last five minutes, counted call by call; trends and recommendations are
of the past 30 days (docs/design.md, "Identity and the numbers", checked 2026-11-22).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from tachlog.analysis.advice import recommend
from tachlog.analysis.alerts import Alert, Thresholds, high_error_rate, token_spike
from tachlog.analysis.archive import Archive
from tachlog.analysis.selection import Selection
from tachlog.analysis.series import TrendView, trends_of
from tachlog.analysis.shapes import Recommendation
from tachlog.analysis.tally import tally_of, trees_of
from tachlog.analysis.units import mean_ms, share
from tachlog.metrics import QUARTER_US, SessionMetrics
from tachlog.metrics.calibration import Learned
from tachlog.metrics.timing import timeline_of
from tachlog.metrics.tokens import settled_usage
from tachlog.metrics.tools import DECIDED_SUCCESS
from tachlog.sessions import Session

MINUTES = 5
WINDOW_US = MINUTES * 60 * 1_000_000
WEEK_US = 7 * 86_400 * 1_000_000
LEAST_WINDOWS = 12
QUARTER_MINUTES = 15
RECENT_US = 30 * 86_400 * 1_000_000


class Current(Struct, frozen=True):
    """The last five minutes.

    `avg_response_time` is in ms; rates of tokens are per minute, with and without (`fresh`) those
    read from a cache. None: nothing to take a mean of.
    """

    active_sessions: int
    requests_per_minute: float
    avg_response_time: float | None
    error_rate: float | None
    token_usage_rate: float
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


def realtime(archive: Archive, *, now_us: int, time_zone: str, thresholds: Thresholds) -> Realtime:
    """Current figures, trends, alerts and recommendations as of `now_us`."""
    threads = archive.sessions(Selection(until_us=now_us + 1))
    begun = now_us - WINDOW_US
    active = [m for m in threads if m.end_us is not None and m.end_us > begun]
    moments = moments_of(_sessions(archive, active), begun, now_us, archive.learned())
    recent = Selection(since_us=now_us - RECENT_US, until_us=now_us + 1)
    trees = trees_of(m for m in threads if (m.start_us or 0) >= now_us - RECENT_US)
    series = trends_of(archive, recent, time_zone=time_zone, now_us=now_us)
    rate = moments.tokens / MINUTES
    usual = usual_rate(archive, threads, now_us, rate, thresholds.token_spike_multiplier)
    return Realtime(
        current=_current(moments, len({(m.agent, m.root) for m in active})),
        trends=Trends(**{view.name: view for view in series}),
        alerts=[
            *high_error_rate(moments.errors, moments.operations, MINUTES, thresholds),
            *token_spike(rate, usual, thresholds),
        ],
        recommendations=recommend(trees, tally_of(trees, ())),
    )


def moments_of(
    sessions: Iterable[Session], begun_us: int, ended_us: int, learned: Learned
) -> Moments:
    """Count what happened after `begun_us`, until `ended_us`."""
    found = Moments()
    for session in sessions:
        timeline = timeline_of(session)
        agent = session.thread.agent
        for call, response in zip(timeline.calls, timeline.responses, strict=True):
            if begun_us < call.at_us <= ended_us:
                usage, _ = settled_usage(call, learned.correction(agent, call.model))
                found.requests += 1
                found.tokens += usage.total
                found.cache_read += usage.cache_read
                if response.timed:
                    found.response_n += 1
                    found.response_us += response.duration_us
        for failure in timeline.failures:
            if begun_us < failure.at_us <= ended_us:
                found.requests += 1
                found.failures += 1
        for use in timeline.uses:
            if begun_us < use.at_us <= ended_us:
                found.tool_errors += use.outcome == "error"
                found.tool_successes += use.outcome in DECIDED_SUCCESS
    return found


def usual_rate(
    archive: Archive,
    threads: Iterable[SessionMetrics],
    now_us: int,
    rate: float,
    multiplier: float,
) -> float | None:
    """The mean tokens per minute over the non-empty five-minute windows of the past week.

    None where there are fewer than twelve, or where `rate` is no spike for certain: the mean over
    quarter hours, which is cheap to ask for, is never above that over their non-empty thirds.
    """
    until_us = (now_us - WINDOW_US) // QUARTER_US * QUARTER_US
    since_us = until_us - WEEK_US
    quarters = Counter[int]()
    for quarter in archive.quarters(Selection(since_us=since_us, until_us=until_us)):
        quarters[quarter.quarter] += quarter.tokens
    least = _mean_of_busy(quarters)
    if least is None or rate * QUARTER_MINUTES <= multiplier * least:
        return None
    windows = Counter[int]()
    learned = archive.learned()
    recent = [m for m in threads if m.end_us is not None and m.end_us >= since_us]
    for session in _sessions(archive, recent):
        for call in session.calls.values():
            if since_us <= call.at_us < until_us:
                correction = learned.correction(session.thread.agent, call.model)
                windows[call.at_us // WINDOW_US] += settled_usage(call, correction)[0].total
    mean = _mean_of_busy(windows, LEAST_WINDOWS)
    return None if mean is None else mean / MINUTES


def _mean_of_busy(tokens: Mapping[int, int], least: int = 1) -> float | None:
    """The mean of those that are not zero, if there are so many."""
    busy = [number for number in tokens.values() if number]
    return sum(busy) / len(busy) if len(busy) >= least else None


def _sessions(archive: Archive, threads: Iterable[SessionMetrics]) -> Iterator[Session]:
    for m in threads:
        found = archive.session(m.session_id)
        if found is not None:
            yield found[1]


def _current(moments: Moments, active_sessions: int) -> Current:
    return Current(
        active_sessions=active_sessions,
        requests_per_minute=round(moments.requests / MINUTES, 3),
        avg_response_time=mean_ms(moments.response_us, moments.response_n),
        error_rate=share(moments.errors, moments.operations),
        token_usage_rate=round(moments.tokens / MINUTES, 3),
        token_usage_rate_fresh=round((moments.tokens - moments.cache_read) / MINUTES, 3),
        requests=moments.requests,
        operations=moments.operations,
        minutes=MINUTES,
    )
