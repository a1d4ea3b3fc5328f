"""How much of a budget is used, how far it will be used, and a budget for those who have none.

Days and weeks (from Monday) are cut in the display time zone. What follows of today is taken to be
what the median day of use of the past four weeks still used after this time of day; each further
day of the week to be like the mean of those four weeks' days.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from math import ceil
from statistics import median_low
from typing import Literal

from msgspec import Struct

from tachlog import __version__
from tachlog.analysis.archive import Archive
from tachlog.analysis.billing import Billing, Budget
from tachlog.analysis.limits import Limits, limits_of
from tachlog.analysis.plans import has_plan
from tachlog.analysis.selection import Quarter, Selection
from tachlog.analysis.units import dollars, rfc3339
from tachlog.analysis.windows import local_date, midnight_us, zone_of
from tachlog.metrics import QUARTER_US

NEAR = 0.8
"""The share of a budget from which on it is nearly used up."""

BASE_DAYS = 28
LEAST_DAYS = 5
LEAST_WEEKS = 4
LEAST_SESSIONS = 20
HISTORY_DAYS = 91
P95 = 0.95
CENT_NANOUSD = 10_000_000
MOST_SESSIONS = 5
_MINUTE_US = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Period = Literal["day", "week", "session"]
State = Literal["within", "near", "over", "heading_over", "none"]
"""`near` is from 80 % on, `over` from 100 % on, `heading_over` when the projection is above it;
`none` is without a budget."""


class BudgetUse(Struct, frozen=True, kw_only=True):
    """What was used of one budget, at API prices.

    `start` and `end` are those of the day or week, None for a session, which is the dearest one
    that was active this week. `model_minutes` is how long model calls took. `projected_usd` is None
    for a session, and with fewer than five days of use in the past four weeks. `proposed_usd` is
    given where there is no budget, and history enough for one.
    """

    period: Period
    start: str | None
    end: str | None
    session_id: str | None
    used_usd: float
    model_minutes: float | None
    unpriced_calls: int
    budget_usd: float | None
    share: float | None
    projected_usd: float | None
    projected_share: float | None
    proposed_usd: float | None
    state: State


class BudgetView(Struct, frozen=True, kw_only=True):
    """The answer of `tachlog budget`; `days_of_use` is what the projection rests on.

    `over_sessions` are the sessions active this week that are beyond a session's budget, the
    dearest first. With a plan at a price by the month (`has_plan`) minutes and limits say most.
    """

    tachlog: str = __version__
    generated_at: str
    prices: str
    time_zone: str
    budgets: list[BudgetUse]
    over_sessions: list[str]
    days_of_use: int
    limits: Limits
    has_plan: bool


class Used(Struct):
    """Sums of some quarter hours: nano-dollars, calls without a price, µs of model calls."""

    cost_nanousd: int = 0
    unpriced_calls: int = 0
    response_us: int = 0

    def add(self, quarter: Quarter) -> None:
        """Count a quarter hour."""
        self.cost_nanousd += quarter.cost_nanousd
        self.unpriced_calls += quarter.unpriced_calls
        self.response_us += quarter.response_us


def budgets_of(
    archive: Archive,
    budget: Budget,
    billing: Sequence[Billing] = (),
    *,
    time_zone: str,
    prices: str,
    now_us: int,
) -> BudgetView:
    """What was used today, this week and by this week's dearest session."""
    zone = zone_of(time_zone)
    today = local_date(now_us, zone)
    monday = today - timedelta(days=today.weekday())
    history_us = midnight_us(today - timedelta(days=HISTORY_DAYS), zone)
    quarters = archive.quarters(Selection(since_us=history_us, until_us=now_us + 1))
    days = days_of(quarters, zone)
    rest = rest_of_day(quarters, today, now_us, zone)
    first = min(days, default=today)
    base = days_before(days, today, first)
    mean = sum(base) // len(base) if base else 0
    known = rest is not None
    day_left = rest if rest is not None else 0
    week = [used for day, used in days.items() if day >= monday]
    sessions = sessions_of(archive, history_us, midnight_us(monday, zone), now_us)
    active = sorted(
        ((cost, root) for (root, _), (cost, is_active) in sessions.items() if is_active),
        key=lambda found: (-found[0], found[1]),
    )
    limit = budget.usd_per_session
    day_usd = proposal(_costs(days, today), LEAST_DAYS)
    week_usd = proposal(weeks_before(days, monday), LEAST_WEEKS)
    return BudgetView(
        generated_at=rfc3339(now_us),
        prices=prices,
        time_zone=time_zone,
        budgets=[
            budget_use(
                "day",
                [days[today]] if today in days else [],
                budget.usd_per_day,
                zone=zone,
                span=(today, today + timedelta(days=1)),
                left_nanousd=day_left if known else None,
                proposed_usd=day_usd,
            ),
            budget_use(
                "week",
                week,
                budget.usd_per_week,
                zone=zone,
                span=(monday, monday + timedelta(days=7)),
                left_nanousd=day_left + mean * (6 - today.weekday()) if known else None,
                proposed_usd=max(week_usd, day_usd or 0) if week_usd else None,
            ),
            *(
                budget_use(
                    "session",
                    [Used(cost)],
                    limit,
                    session_id=root,
                    proposed_usd=proposal([c for c, _ in sessions.values()], LEAST_SESSIONS),
                )
                for cost, root in active[:1]
            ),
        ],
        over_sessions=[root for cost, root in active if limit and dollars(cost) >= limit],
        days_of_use=sum(cost > 0 for cost in base),
        limits=limits_of(archive, time_zone=time_zone, now_us=now_us),
        has_plan=has_plan(billing, today),
    )


def budget_use(
    period: Period,
    used: Sequence[Used],
    budget_usd: float | None,
    *,
    zone: tzinfo = UTC,
    span: tuple[date, date] | None = None,
    session_id: str | None = None,
    left_nanousd: int | None = None,
    proposed_usd: float | None = None,
) -> BudgetUse:
    """What was used of a budget; `left_nanousd` is what is likely to follow."""
    cost = sum(each.cost_nanousd for each in used)
    share = dollars(cost) / budget_usd if budget_usd else None
    projected = None if left_nanousd is None else dollars(cost + left_nanousd)
    projected_share = projected / budget_usd if budget_usd and projected is not None else None
    minutes = sum(each.response_us for each in used) / _MINUTE_US
    return BudgetUse(
        period=period,
        start=None if span is None else rfc3339(midnight_us(span[0], zone)),
        end=None if span is None else rfc3339(midnight_us(span[1], zone)),
        session_id=session_id,
        used_usd=dollars(cost),
        model_minutes=None if span is None else round(minutes, 3),
        unpriced_calls=sum(each.unpriced_calls for each in used),
        budget_usd=budget_usd,
        share=_rounded(share),
        projected_usd=projected,
        projected_share=_rounded(projected_share),
        proposed_usd=None if budget_usd else proposed_usd,
        state=state_of(share, projected_share),
    )


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def state_of(share: float | None, projected_share: float | None) -> State:
    """What is to be said of a budget, the most pressing first."""
    if share is None:
        return "none"
    if share >= 1:
        return "over"
    if projected_share is not None and projected_share > 1:
        return "heading_over"
    return "near" if share >= NEAR else "within"


def days_of(quarters: Iterable[Quarter], zone: tzinfo) -> dict[date, Used]:
    """What was used on each day."""
    days: defaultdict[date, Used] = defaultdict(Used)
    dates: dict[int, date] = {}
    for quarter in quarters:
        if quarter.model is None:
            continue
        if (day := dates.get(quarter.quarter)) is None:
            day = dates[quarter.quarter] = local_date(quarter.quarter * QUARTER_US, zone)
        days[day].add(quarter)
    return dict(days)


def days_before(days: Mapping[date, Used], today: date, first: date) -> list[int]:
    """The cost of each of the 28 days before today, from the first day of use on."""
    span = min(BASE_DAYS, (today - first).days)
    before = (today - timedelta(days=n) for n in range(1, span + 1))
    return [days[day].cost_nanousd if day in days else 0 for day in before]


def rest_of_day(quarters: Iterable[Quarter], today: date, now_us: int, zone: tzinfo) -> int | None:
    """What the median day of use of the past 28 used after this time of day, in nano-dollars.

    None with fewer than five days of use.
    """
    clock = (_EPOCH + timedelta(microseconds=now_us)).astimezone(zone).time()
    edges = [
        round(datetime.combine(today - timedelta(days=n), clock, zone).timestamp() * 1_000_000)
        for n in range(BASE_DAYS, 0, -1)
    ]
    starts = [midnight_us(today - timedelta(days=n), zone) for n in range(BASE_DAYS, -1, -1)]
    used, after = [0] * BASE_DAYS, [0] * BASE_DAYS
    for quarter in quarters:
        at_us = quarter.quarter * QUARTER_US
        place = bisect_right(starts, at_us) - 1
        if 0 <= place < BASE_DAYS:
            used[place] += quarter.cost_nanousd
            after[place] += quarter.cost_nanousd if at_us >= edges[place] else 0
    found = [rest for cost, rest in zip(used, after, strict=True) if cost]
    return median_low(found) if len(found) >= LEAST_DAYS else None


def weeks_before(days: Mapping[date, Used], monday: date) -> list[int]:
    """The cost of each whole week of use before this one."""
    weeks: defaultdict[date, int] = defaultdict(int)
    for day, used in days.items():
        if day < monday:
            weeks[day - timedelta(days=day.weekday())] += used.cost_nanousd
    return list(weeks.values())


def _costs(days: Mapping[date, Used], today: date) -> list[int]:
    return [used.cost_nanousd for day, used in days.items() if day < today]


def proposal(costs: Iterable[int], least: int) -> float | None:
    """The 95th percentile of what was used, in dollars, rounded up to two digits or cents.

    None where fewer than `least` cost anything.
    """
    used = sorted(cost for cost in costs if cost)
    if len(used) < least:
        return None
    cents = -(-used[ceil(P95 * len(used)) - 1] // CENT_NANOUSD)
    step = 10 ** max(0, len(str(cents)) - 2)
    return float(-(-cents // step) * step / 100)


def sessions_of(
    archive: Archive, since_us: int, active_us: int, now_us: int
) -> dict[tuple[str, str], tuple[int, bool]]:
    """What each session cost since then, sub-agents included, and whether it was active lately.

    Sessions are those of an agent: keys are (session id, agent).
    """
    found: dict[tuple[str, str], tuple[int, bool]] = {}
    selection = Selection(since_us=since_us, until_us=now_us + 1)
    for spending in archive.spending(selection, "session", (active_us,)):
        root = str(spending.group), str(spending.within)
        cost, active = found.get(root, (0, False))
        found[root] = (cost + (spending.use.cost_nanousd or 0), active or spending.period > 0)
    return found
