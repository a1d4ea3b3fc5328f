"""What model calls used and cost, added up by day, model, project, pull request and the like.

Every call counts in exactly one row, so that rows add up to the total whatever they are cut by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, tzinfo

from msgspec import Struct, field

from tachlog import __version__
from tachlog.analysis.archive import Archive
from tachlog.analysis.billing import Billing
from tachlog.analysis.plans import Bills, PlanUse, UnmatchedBill, unmatched
from tachlog.analysis.selection import PERIODS, By, Selection, Spending, Told
from tachlog.analysis.shapes import ModelUsage, Tokens, Unpriced
from tachlog.analysis.summary import SelectionView, by_name, selection_view
from tachlog.analysis.tally import add_use
from tachlog.analysis.units import dollars, rfc3339
from tachlog.analysis.unlogged import NotLogged, not_logged
from tachlog.analysis.view import cost_basis, cost_usd, model_usage, tokens_of
from tachlog.analysis.windows import local_date, shifts_of, zone_of
from tachlog.metrics import QUARTER_US, ModelUse
from tachlog.metrics.tokens import Price
from tachlog.model import UNTIMED_US


class CostRow(Struct, frozen=True, kw_only=True):
    """What the calls of one group come to.

    `key` is None for the calls that have none (no branch, no pull request, no date); `within` is
    the project of a branch, the agent of a session. `calls` are model calls; by tool they are tool
    calls, and model calls that asked for no tool. `cost_usd` is at API prices or as the log reports
    it (`cost_basis`), None when no call has a price; `spent_usd` is the part of it that is billed
    by use, None where the configuration says of none of the calls how they are paid. `models` has
    what each model came to.
    """

    key: str | None
    within: str | None = None
    calls: int
    total_tokens: int
    tokens: Tokens
    cost_usd: float | None
    cost_basis: str | None
    spent_usd: float | None
    unpriced_calls: int
    models: dict[str, ModelUsage]


class Costs(Struct, frozen=True, kw_only=True):
    """The answer of `tachlog cost`: periods in order, other rows with the dearest first.

    `plans` are the configured subscriptions in the selected time, `plans_told` what logs tell of
    them, `unmatched_billing` the bills of providers of which the archive has no call.
    `not_in_any_log` is estimated and in no row.
    """

    tachlog: str = __version__
    generated_at: str
    prices: str
    estimates: str
    time_zone: str
    selection: SelectionView
    by: By
    rows: list[CostRow]
    total: CostRow
    unpriced_models: dict[str, Unpriced]
    plans: list[PlanUse]
    plans_told: list[Told]
    unmatched_billing: list[UnmatchedBill]
    not_in_any_log: list[NotLogged]


class Sums(Struct):
    """The uses of a row by model and provider, and what of it was billed by use, nano-dollars."""

    uses: dict[tuple[str, str], ModelUse] = field(default_factory=dict)
    spent_nanousd: int | None = None


Key = tuple[str | None, str | None]
LIMIT_PLAN = "a subscription: a usage limit was hit"
"""What a limit tells of a plan where the log does not name it, as in Claude Code's."""


def costs_of(
    archive: Archive,
    selection: Selection,
    by: By,
    billing: Sequence[Billing] = (),
    *,
    time_zone: str,
    prices: str,
    price: Price,
    generated_at_us: int,
) -> Costs:
    """Add up what the selected calls of an archive used and cost."""
    zone = zone_of(time_zone)
    bills = Bills(billing, zone)
    found = archive.spending(selection, by, bills.cuts, shifts_of(zone))
    groups: dict[Key, Sums] = {}
    total = Sums()
    for spending in found:
        key = _key_of(spending, by, zone)
        for sums in (groups.setdefault(key, Sums()), total):
            _add(sums, spending, bills.spent_nanousd(spending))
    rows = [_row(key, sums) for key, sums in groups.items()]
    rows.sort(key=_by_period if by in PERIODS else _by_cost)
    return Costs(
        generated_at=rfc3339(generated_at_us),
        prices=prices,
        estimates=archive.learned().name,
        time_zone=time_zone,
        selection=selection_view(selection),
        by=by,
        rows=rows,
        total=_row((None, None), total),
        unpriced_models={
            name: Unpriced(use.unpriced_calls, use.unpriced_tokens)
            for name, use in by_name(total.uses).items()
            if use.unpriced_calls
        },
        plans=bills.plans(found, selection, generated_at_us),
        plans_told=_plans_told(archive, selection),
        unmatched_billing=unmatched(billing, archive),
        not_in_any_log=not_logged(archive.side_calls(selection), price),
    )


def _plans_told(archive: Archive, selection: Selection) -> list[Told]:
    """The plans that logs name; agents that name none have one when they hit its limit."""
    plans = archive.told(selection, "plan")
    limits = Counter[str]()
    for limit in archive.told(selection, "limit"):
        limits[limit.agent] += limit.sessions
    named = {plan.agent for plan in plans}
    hinted = [Told(agent, LIMIT_PLAN, n) for agent, n in limits.items() if agent not in named]
    return plans + hinted


def _add(sums: Sums, found: Spending, spent_nanousd: int | None) -> None:
    provider = found.use.provider
    add_use(sums.uses.setdefault((found.model, provider), ModelUse(provider)), found.use)
    if spent_nanousd is not None:
        sums.spent_nanousd = (sums.spent_nanousd or 0) + spent_nanousd


def period_of(day: date, by: By) -> str:
    """The day, ISO week or month that a day lies in: `2026-11-22`, `2026-W47`, `2026-11`."""
    if by == "month":
        return f"{day:%Y-%m}"
    if by == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return day.isoformat()


def _key_of(found: Spending, by: By, zone: tzinfo) -> Key:
    if not isinstance(found.group, int):
        return found.group, found.within
    at_us = found.group * QUARTER_US
    if at_us < UNTIMED_US:
        return None, None
    return period_of(local_date(at_us, zone), by), None


def _row(key: Key, sums: Sums) -> CostRow:
    each = list(sums.uses.values())
    tokens = tokens_of(each)
    return CostRow(
        key=key[0],
        within=key[1],
        calls=sum(use.calls for use in each),
        total_tokens=tokens.total,
        tokens=tokens,
        cost_usd=cost_usd(each),
        cost_basis=cost_basis(each),
        spent_usd=None if sums.spent_nanousd is None else dollars(sums.spent_nanousd),
        unpriced_calls=sum(use.unpriced_calls for use in each),
        models={name: model_usage(use) for name, use in by_name(sums.uses).items()},
    )


def _by_period(row: CostRow) -> tuple[str, str]:
    return row.key or "", ""


def _by_cost(row: CostRow) -> tuple[float, int, bool, str, str]:
    cost = row.cost_usd or 0
    return -cost, -row.total_tokens, row.key is None, row.key or "", row.within or ""
