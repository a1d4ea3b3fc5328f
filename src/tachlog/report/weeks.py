"""A week of the archive as one value: a pure function of archive, prices and week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from tachlog.analysis.advice.report import AdviceReport, AnsweredView
from tachlog.analysis.advice.report import report_of as advice_of
from tachlog.analysis.billing import Billing
from tachlog.analysis.comparison import LEAST_SESSIONS, Compared, compare
from tachlog.analysis.ranks import direction_of
from tachlog.analysis.selection import By, Selection
from tachlog.analysis.shapes import ErrorPattern, Recommendation, Saving, SessionView, Totals
from tachlog.analysis.spending import CostRow, Costs, costs_of
from tachlog.analysis.summary import patterns_of, selected, session_views, totals_of
from tachlog.analysis.tally import Tree, tally_of
from tachlog.analysis.trends import Direction
from tachlog.analysis.units import rfc3339
from tachlog.analysis.waste import Waste, waste_of
from tachlog.analysis.windows import LEAST_BASE_DAYS, LEAST_DAYS, local_date, midnight_us, zone_of
from tachlog.metrics.sketch import exact_quantile
from tachlog.metrics.tokens import Price
from tachlog.stores import Store

BASE_WEEKS = 4
MOST_ADVICE = 3
MOST_SESSIONS = 3
MOST_CLUSTERS = 3
MOST_MODELS = 6


class Daily(Struct, frozen=True):
    """A sum of the week by day; `last` is that of the week before, `usual` of a week of the base.

    Those and the direction against the base are None when unknown.
    """

    values: list[float]
    total: float
    last: float | None
    usual: float | None
    direction: Direction | None


class Speed(Struct, frozen=True):
    """How long the calls of a model took, in ms; `count` of them have a response time."""

    model: str
    count: int
    p50: float
    p95: float


class Earlier(Struct, frozen=True):
    """What the week before recommended, and what it costs a week since; `now` None: not seen."""

    type: str
    message: str
    before: Saving
    now: Saving | None


class Report(Struct, frozen=True, kw_only=True):
    """A week; `read_until` is when the archive last read, and the only time that is told.

    `against_last` and `against_norm` compare its sessions with those of the week, and of the four
    weeks, before. `is_over` is False where the archive was last read within the week. `complexity`
    and `outcomes` count sessions, `hardness` says how their complexity is against the base.
    `unknown` counts records of kinds that no source knows, in the whole archive.
    """

    week: str
    first: str
    last: str
    time_zone: str
    prices: str
    read_until: str
    is_over: bool
    sessions: Daily
    tokens: Daily
    cost: Daily
    totals: Totals
    against_last: list[Compared]
    against_norm: list[Compared]
    projects: list[CostRow]
    agents: list[CostRow]
    without_pull_request_usd: float | None
    waste: Waste
    clusters: list[ErrorPattern]
    speeds: list[Speed]
    hardness: Direction | None
    outcomes: dict[str, int]
    notable: list[SessionView]
    recommendations: list[Recommendation]
    answered: list[AnsweredView]
    earlier: list[Earlier]
    records: int
    problems: int
    unknown: dict[str, int]


def monday_of(week: str) -> date:
    """The first day of an ISO week (`2026-W40`); raises `ValueError`."""
    year, sign, number = week.partition("-W")
    if not sign or not (year + number).isdecimal() or len(number) != 2:
        raise ValueError(f"{week!r} is no week such as 2026-W40")
    try:
        return date.fromisocalendar(int(year), int(number), 1)
    except ValueError:
        raise ValueError(f"{week!r} is no week of the calendar") from None


def week_of(day: date) -> str:
    """The ISO week of a day."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def week_beside(week: str, weeks: int) -> str:
    """The week so many weeks after another; raises `ValueError` at the end of the calendar."""
    try:
        return week_of(monday_of(week) + timedelta(weeks=weeks))
    except OverflowError:
        raise ValueError(f"there is no week beside {week}") from None


def week_before(now_us: int, time_zone: str) -> str:
    """The last week that is over at a moment."""
    return week_of(local_date(now_us, zone_of(time_zone)) - timedelta(days=7))


def report_of(
    store: Store,
    week: str,
    billing: Sequence[Billing] = (),
    *,
    time_zone: str,
    prices: str,
    price: Price,
) -> Report:
    """What a week comes to; raises `ValueError` where there is no such week."""
    zone, monday = zone_of(time_zone), monday_of(week)
    read_us = store.last_read_us() or 0

    def edge(weeks: int) -> int:
        return midnight_us(monday + timedelta(weeks=weeks), zone)

    def sessions(since: int, until: int) -> list[Tree]:
        return selected(store, Selection(since_us=edge(since), until_us=edge(until)))

    this = Selection(since_us=edge(0), until_us=edge(1))
    trees, base = sessions(0, 1), sessions(-BASE_WEEKS, 0)

    def costs(since: int, by: By) -> Costs:
        return costs_of(
            store,
            Selection(since_us=edge(since), until_us=edge(1)),
            by,
            time_zone=time_zone,
            prices=prices,
            price=price,
            generated_at_us=min(read_us, edge(1)),
        )

    days = [monday + timedelta(days=place) for place in range(-7 * BASE_WEEKS, 7)]
    whole = [day for day in days if midnight_us(day + timedelta(days=1), zone) <= read_us]
    begun = Counter(
        local_date(tree.head.start_us, zone)
        for tree in [*base, *trees]
        if tree.head.start_us is not None
    )
    used = {row.key: row for row in costs(-BASE_WEEKS, "day").rows}
    spent = {key: row.cost_usd or 0.0 for key, row in used.items()}
    tokens = {key: float(row.total_tokens) for key, row in used.items()}
    active = [day for day in days if begun[day] or spent.get(day.isoformat())]
    known = [day for day in whole if active and day >= active[0]]
    advice = advice_of(store, this, edge(1))
    tally = tally_of(trees, ())
    views = session_views(trees, sub_agents=False)
    outcomes = Counter(view.outcome for view in views)
    views.sort(key=lambda view: (-(_tree_cost(view)), -view.total_tokens, view.session_id))
    pulls = costs(0, "pr")
    read, _ = store.input(this)
    return Report(
        week=week,
        first=monday.isoformat(),
        last=(monday + timedelta(days=6)).isoformat(),
        time_zone=time_zone,
        prices=prices,
        read_until=rfc3339(read_us),
        is_over=read_us >= edge(1),
        sessions=_daily({day: begun[day] for day in days}, known, monday),
        tokens=_daily({day: tokens.get(day.isoformat(), 0.0) for day in days}, known, monday),
        cost=_daily({day: spent.get(day.isoformat(), 0.0) for day in days}, known, monday),
        totals=totals_of(tally),
        against_last=compare(trees, sessions(-1, 0)),
        against_norm=compare(trees, base),
        projects=costs(0, "project").rows,
        agents=costs(0, "agent").rows,
        without_pull_request_usd=next(
            (row.cost_usd for row in pulls.rows if row.key is None), None
        ),
        waste=waste_of(
            store,
            this,
            billing,
            time_zone=time_zone,
            prices=prices,
            price=price,
            generated_at_us=min(read_us, edge(1)),
        ),
        clusters=patterns_of(tally).errors[:MOST_CLUSTERS],
        speeds=_speeds(store, this),
        hardness=_hardness(trees, base),
        outcomes=dict(sorted(outcomes.items(), key=lambda found: (-found[1], found[0]))),
        notable=views[:MOST_SESSIONS],
        recommendations=advice.recommendations[:MOST_ADVICE],
        answered=advice.answered,
        earlier=_earlier(
            advice_of(store, Selection(since_us=edge(-1), until_us=edge(0)), edge(0)),
            advice,
        ),
        records=read.records,
        problems=read.problems,
        unknown=_unknown(store),
    )


def weeks_of(store: Store, *, time_zone: str, prices: str, price: Price) -> list[CostRow]:
    """The weeks in which models were called, the latest first; `key` is the week."""
    found = costs_of(
        store,
        Selection(),
        "week",
        time_zone=time_zone,
        prices=prices,
        price=price,
        generated_at_us=store.last_read_us() or 0,
    )
    return sorted((row for row in found.rows if row.key), key=lambda row: row.key or "")[::-1]


def _speeds(store: Store, selection: Selection) -> list[Speed]:
    times: dict[str, list[int]] = {}
    for trace in store.traces(selection):
        for call in trace.calls:
            if call.response_us:
                times.setdefault(call.model, []).append(call.response_us)
    most = sorted(times.items(), key=lambda found: (-len(found[1]), found[0]))[:MOST_MODELS]
    return [
        Speed(model, len(found), *((exact_quantile(found, q) or 0) / 1000 for q in (0.5, 0.95)))
        for model, found in ((model, sorted(found)) for model, found in most)
    ]


def _hardness(trees: list[Tree], base: list[Tree]) -> Direction | None:
    now, before = (
        [float(tree.head.complexity_score) for tree in each if tree.head.messages]
        for each in (trees, base)
    )
    enough = min(len(now), len(before)) >= LEAST_SESSIONS
    return direction_of(now, before) if enough else None


def _earlier(before: AdviceReport, now: AdviceReport) -> list[Earlier]:
    """What became of the last week's recommendations of which nobody said anything."""
    since = {each.id: each.saving for each in now.recommendations}
    answered = {each.id for each in now.answered}
    return [
        Earlier(each.type, each.message, each.saving, since.get(each.id))
        for each in before.recommendations[:MOST_ADVICE]
        if each.id not in answered
    ]


def _unknown(store: Store) -> dict[str, int]:
    found: Counter[str] = Counter()
    for file in store.files():
        found.update(file.unknown)
    return dict(sorted(found.items(), key=lambda kind: (-kind[1], kind[0])))


def _tree_cost(view: SessionView) -> float:
    return (view.tree.cost_usd if view.tree else view.cost_usd) or 0.0


def _daily(of: dict[date, float], known: list[date], monday: date) -> Daily:
    """Compare the whole days of the week with those before it; too few of them tell nothing."""
    now = [of[day] for day in known if day >= monday]
    before = [of[day] for day in known if day < monday]
    enough = len(now) >= LEAST_DAYS and len(before) >= LEAST_BASE_DAYS
    values = [value for day, value in of.items() if day >= monday]
    return Daily(
        values,
        round(sum(values), 9),
        round(sum(before[-7:]), 9) if len(before) >= 7 else None,
        round(7 * sum(before) / len(before), 9) if before else None,
        direction_of(now, before) if enough else None,
    )
