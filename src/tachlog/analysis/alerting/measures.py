"""What alert rules may ask for: measures of a span of moments, each a few lines.

They are those of docs/metrics.md, over the moments of one group (all, a project, a session …) in
the window of the rule; None where nothing can be said.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Final

from msgspec import Struct

from tachlog.analysis.alerting.moments import Health, Moment, Usual, Waiting
from tachlog.data import context_window, repeats_by_nature
from tachlog.metrics import QUARTER_US
from tachlog.metrics.tools import DECIDED_SUCCESS

FIVE_MINUTES_US: Final = 300_000_000
WEEK_US: Final = 7 * 86_400_000_000
DAY_US: Final = 86_400_000_000
SHORT_GAP_US: Final = 300_000_000
LEFT_US: Final = 3_600_000_000
LEAST_WINDOWS: Final = 12
LEAST_DAYS: Final = 5
LEAST_WEEKDAYS: Final = 4
BUSY_DAYS: Final = 14
LEAST_USUAL_CALLS: Final = 100
DAY_QUARTERS: Final = 96
LIMITING: Final = frozenset({"rate_limit", "overloaded"})


class Span(Struct, frozen=True):
    """The moments of a group in a window that ends at `now_us`, in order of time.

    `usual` and `health` are of the whole archive, `agent` and `model` the group's where it has one.
    `waiting` is what the group's session waits for; None where that is not known, as for times gone
    by and groups that are no session.
    """

    moments: Sequence[Moment]
    now_us: int
    window_us: int
    usual: Usual = Usual()
    health: Health = Health()
    agent: str | None = None
    waiting: Waiting | None = None
    model: str | None = None

    def of(self, *kinds: str) -> list[Moment]:
        """The moments of these kinds."""
        return [moment for moment in self.moments if moment.kind in kinds]


class Measure(Struct, frozen=True):
    """A name of the rule language: what it is, in which unit, how it is told of a span."""

    meaning: str
    unit: str
    of: Callable[[Span], float | None]


def _count(*kinds: str) -> Callable[[Span], float]:
    return lambda span: len(span.of(*kinds))


def _errors(span: Span) -> int:
    return sum(m.kind == "failure" or m.outcome == "error" for m in span.moments)


def _operations(span: Span) -> int:
    return sum(m.kind in ("call", "failure") or _is_decided(m) for m in span.moments)


def _is_decided(moment: Moment) -> bool:
    return moment.outcome == "error" or moment.outcome in DECIDED_SUCCESS


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _tool_error_rate(span: Span) -> float | None:
    decided = [m for m in span.of("tool") if _is_decided(m)]
    return _ratio(sum(m.outcome == "error" for m in decided), len(decided))


def _tokens(span: Span) -> int:
    return sum(m.tokens for m in span.moments)


def _cost(span: Span) -> float | None:
    calls = span.of("call")
    priced = [m.cost_nanousd for m in calls if m.cost_nanousd is not None]
    return None if calls and not priced else sum(priced) / 1e9


def _took_ms(share: float) -> Callable[[Span], float | None]:
    """The least time that at least this share of the calls took no longer than (nearest rank)."""

    def of(span: Span) -> float | None:
        times = sorted(m.took_us for m in span.of("call") if m.took_us)
        return times[max(0, -int(-share * len(times) // 1) - 1)] / 1000 if times else None

    return of


def _cache_hit_rate(span: Span) -> float | None:
    calls = span.of("call")
    return _ratio(sum(m.cache_read for m in calls), sum(m.prompt for m in calls))


def _repeats(span: Span) -> int:
    """The longest run of tool calls of one thread with the same tool and input.

    Calls by which an agent waits for what runs, or ends, are none.
    """

    def alike(moment: Moment) -> object:
        is_known = moment.digest and not repeats_by_nature(moment.tool or "")
        return moment.tool, moment.digest if is_known else id(moment)

    return max((len(run) for run in _runs(span, "tool", alike)), default=0)


def _failed_in_a_row(span: Span) -> int:
    """The longest run of failed model calls of one thread."""
    runs = _runs(span, "call failure", lambda m: m.kind)
    return max((len(run) for run in runs if run[0].kind == "failure"), default=0)


def _runs(span: Span, kinds: str, alike: Callable[[Moment], object]) -> Iterable[list[Moment]]:
    by_thread: dict[int, list[Moment]] = {}
    for moment in span.of(*kinds.split()):
        by_thread.setdefault(moment.thread, []).append(moment)
    for moments in by_thread.values():
        for _, run in groupby(moments, alike):
            yield list(run)


def _duration_us(span: Span) -> int:
    return span.moments[-1].at_us - span.moments[0].at_us if span.moments else 0


def _active_us(span: Span, longest_us: int = SHORT_GAP_US - 1) -> int:
    """The time without gaps that are longer."""
    times = [m.at_us for m in span.moments]
    return sum(gap for a, b in pairwise(times) if (gap := b - a) <= longest_us)


def _session_time(span: Span) -> float:
    """Seconds: active ones where a person takes part; else no gap of more than an hour counts.

    Such a session was left and taken up again, whether or not its log tells the prompt.
    """
    prompts = sum(m.kind == "prompt" and m.is_main for m in span.moments)
    return (_active_us(span) if prompts > 1 else _active_us(span, LEFT_US)) / 1e6


def _context_share(span: Span) -> float | None:
    last = next((m for m in reversed(span.of("call")) if m.is_main and m.prompt), None)
    window = context_window(last.model) if last and last.model else None
    return None if last is None or not window or last.prompt > window else last.prompt / window


def _usual_tokens(span: Span) -> float | None:
    """The mean per minute of the non-empty five minutes of the past week."""
    until = span.now_us // FIVE_MINUTES_US
    since = until - WEEK_US // FIVE_MINUTES_US
    busy = [n for at, n in span.usual.tokens.items() if since <= at < until and n]
    return sum(busy) / len(busy) / 5 if len(busy) >= LEAST_WINDOWS else None


def _high_tokens(span: Span) -> float | None:
    """The busiest five minutes of the past week, per minute; of four days on without their own.

    So a flood, and what of it is in the windows before, is not what it is compared with.
    """
    until = span.now_us // FIVE_MINUTES_US
    since = until - WEEK_US // FIVE_MINUTES_US
    busy = {at: n for at, n in span.usual.tokens.items() if since <= at < until and n}
    if len(busy) < LEAST_WINDOWS:
        return None
    days: dict[int, int] = {}
    for at, tokens in busy.items():
        day = (until - 1 - at) * FIVE_MINUTES_US // DAY_US
        days[day] = max(days.get(day, 0), tokens)
    return sorted(days.values())[-2 if len(days) >= LEAST_WEEKDAYS else -1] / 5


def _usual_response(span: Span) -> float | None:
    """The mean of the model's calls on the two weeks' days before today, of at least a hundred."""
    today = span.now_us // DAY_US
    days = span.usual.responses.get(span.model or "", {})
    past = [told for day, told in days.items() if today - BUSY_DAYS <= day < today]
    count = sum(n for n, _ in past)
    return sum(us for _, us in past) / count / 1000 if count >= LEAST_USUAL_CALLS else None


def _silence_odds(span: Span) -> float | None:
    """One in how many such silences would come by chance.

    A day without the agent counts by how often its day of the week had it in the four weeks before,
    with half a day for and against, so that weekends off are no surprise.
    """
    now, quarters = span.now_us // QUARTER_US, span.usual.busy.get(span.agent or "", [])
    since = now - 5 * 7 * DAY_QUARTERS
    days = {quarter // DAY_QUARTERS for quarter in quarters if since <= quarter <= now}
    if not days:
        return None
    first, last, odds = min(days), max(days), 1.0
    for day in range(last + 1, span.now_us // DAY_US):
        before = [day - 7 * week for week in range(1, 5) if first <= day - 7 * week <= last]
        unused = sum(each not in days for each in before)
        odds *= (len(before) + 1) / (unused + 0.5) if before else 1
    return odds


def _usual_cost(span: Span) -> float | None:
    """The mean of the past four weeks' days of use, each of 24 hours that end now."""
    days: dict[int, int] = {}
    for quarter, nanousd in span.usual.cost_nanousd.items():
        age = (span.now_us - quarter * QUARTER_US) // DAY_US
        if 1 <= age <= 28 and nanousd:
            days[age] = days.get(age, 0) + nanousd
    return sum(days.values()) / len(days) / 1e9 if len(days) >= LEAST_DAYS else None


def _busy(span: Span) -> list[int]:
    """The quarter hours of the past two weeks in which the group's agent called a model."""
    quarters = span.usual.busy.get(span.agent or "", [])
    since = (span.now_us - BUSY_DAYS * DAY_US) // QUARTER_US
    return quarters[
        bisect_left(quarters, since) : bisect_right(quarters, span.now_us // QUARTER_US)
    ]


def _silence(span: Span) -> float | None:
    busy = _busy(span)
    return max(0, span.now_us - (busy[-1] + 1) * QUARTER_US) / 3.6e9 if busy else None


def _usual_silence(span: Span) -> float | None:
    busy = _busy(span)
    gaps = [b - a - 1 for a, b in pairwise(busy)]
    return max(gaps) * QUARTER_US / 3.6e9 if gaps else None


def _waits(since: Callable[[Waiting], int | None]) -> Callable[[Span], float | None]:
    """How long something has been waited for; 0 where it is not."""

    def of(span: Span) -> float | None:
        if span.waiting is None:
            return None
        since_us = since(span.waiting)
        return 0.0 if since_us is None else max(0, span.now_us - since_us) / 1e6

    return of


MEASURES: Final[Mapping[str, Measure]] = {
    "calls": Measure("model calls", "calls", _count("call")),
    "prompts": Measure("prompts", "prompts", _count("prompt")),
    "tool_calls": Measure("tool calls", "calls", _count("tool")),
    "compactions": Measure("compactions", "times", _count("compaction")),
    "failures": Measure("failed model calls", "calls", _count("failure")),
    "sessions": Measure("sessions", "sessions", lambda s: len({m.session for m in s.moments})),
    "errors": Measure("failed model calls and tool calls", "errors", _errors),
    "operations": Measure("attempts of model calls, decided tool calls", "operations", _operations),
    "error_rate": Measure(
        "errors per operation", "share", lambda s: _ratio(_errors(s), _operations(s))
    ),
    "tool_error_rate": Measure("failed of the decided tool calls", "share", _tool_error_rate),
    "tool_errors": Measure(
        "failed tool calls", "errors", lambda s: sum(m.outcome == "error" for m in s.of("tool"))
    ),
    "tokens": Measure("tokens of all four kinds", "tokens", _tokens),
    "tokens_per_minute": Measure(
        "tokens per minute of the window", "tokens", lambda s: _tokens(s) / (s.window_us / 6e7)
    ),
    "usual_tokens_per_minute": Measure(
        "their mean over the busy five minutes of the past week", "tokens", _usual_tokens
    ),
    "high_tokens_per_minute": Measure(
        "the busiest of them, of four days on without that one's day", "tokens", _high_tokens
    ),
    "cost_usd": Measure("cost at API prices", "USD", _cost),
    "usual_cost_usd": Measure("cost of a day of use, mean of four weeks", "USD", _usual_cost),
    "unpriced_calls": Measure(
        "model calls without a price",
        "calls",
        lambda s: sum(m.cost_nanousd is None and m.tokens > 0 for m in s.of("call")),
    ),
    "response_time_p50": Measure("median response time", "ms", _took_ms(0.5)),
    "response_time_p95": Measure("95th percentile of response times", "ms", _took_ms(0.95)),
    "usual_response_time_avg": Measure(
        "the model's mean response time of two weeks", "ms", _usual_response
    ),
    "cache_hit_rate": Measure("part of what was read from the cache", "share", _cache_hit_rate),
    "prompt_tokens": Measure(
        "what the calls had to read", "tokens", lambda s: sum(m.prompt for m in s.moments)
    ),
    "rate_limits": Measure(
        "calls refused for now: rate limits, overload",
        "calls",
        lambda s: sum(m.error_class in LIMITING for m in s.moments),
    ),
    "failed_in_a_row": Measure("longest run of failed model calls", "calls", _failed_in_a_row),
    "repeats": Measure("longest run of equal tool calls", "calls", _repeats),
    "duration": Measure("from first to last moment", "s", lambda s: _duration_us(s) / 1e6),
    "active_duration": Measure("without gaps of 5 minutes", "s", lambda s: _active_us(s) / 1e6),
    "session_time": Measure(
        "active time with a person, else without gaps of an hour",
        "s",
        _session_time,
    ),
    "context_share": Measure("part of the model's context in use", "share", _context_share),
    "silence_hours": Measure("since the agent's last call of two weeks", "h", _silence),
    "usual_silence_hours": Measure("its longest pause before", "h", _usual_silence),
    "silence_odds": Measure(
        "one in how many such silences would come by chance", "", _silence_odds
    ),
    "active_days": Measure(
        "days of the past two weeks on which the agent was used",
        "days",
        lambda s: len({quarter // 96 for quarter in _busy(s)}),
    ),
    "waiting_seconds": Measure(
        "since the session asked for a consent or an answer", "s", _waits(lambda w: w.asked_us)
    ),
    "turn_over_seconds": Measure(
        "since the session's turn ended", "s", _waits(lambda w: w.over_us)
    ),
    "lag_seconds": Measure("how far reading is behind", "s", lambda s: s.health.lag_s),
    "problems": Measure(
        "records, or parts of them, of the past hour that no one can read",
        "records",
        lambda s: s.health.problems,
    ),
    "unknown_records": Measure(
        "records of the past hour of unknown kinds", "records", lambda s: s.health.unknown_records
    ),
    "failing_stores": Measure(
        "mirrors that cannot be fed", "stores", lambda s: s.health.failing_stores
    ),
    "failing_channels": Measure(
        "channels that could not be told", "channels", lambda s: s.health.failing_channels
    ),
}

OF_NOW: Final = frozenset({"waiting_seconds", "turn_over_seconds"})
"""Measures of what sessions wait for."""
