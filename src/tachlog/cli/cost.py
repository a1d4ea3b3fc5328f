"""The verb `cost`: what model calls cost, by day, model, project, pull request and the like."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from io import StringIO

from msgspec.structs import replace

from tachlog import figures as fmt
from tachlog.analysis.selection import NUMBER_NOT_TOLD, PERIODS, By, Selection
from tachlog.analysis.spending import CostRow, Costs, costs_of
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.blocks import unlogged, unmatched_bill
from tachlog.cli.calling import Misuse
from tachlog.cli.findings import tool_name
from tachlog.cli.look import nothing
from tachlog.cli.naming import ShortIds, agent_name, model_name
from tachlog.cli.table import Column, table
from tachlog.stores import Store

MOST_ROWS = 31
MOST_MODELS = 3
MOST_UNPRICED = 4
MOST_PLANS = 3
LEAST_NAME = 25
"""Columns of a row's name: as many as a week takes."""

NAMES = {"pr": "pull request", "subagent": "sub-agent"}
MANY = {"branch": "branches"}
WITHOUT = {
    "branch": "no branch",
    "pr": "no pull request",
    "project": "no project",
    "subagent": "main conversations",
    "tool": "no tool: the answer itself",
}
"""What the calls without a key are called; in a period they have no date."""

NOT_TOLD: Mapping[tuple[By, str], str] = {
    ("pr", NUMBER_NOT_TOLD): "opened, number not told",
    ("subagent", ""): "type not told",
}
"""What rows are called whose key no log tells."""

CSV = (
    "key",
    "name",
    "within",
    "calls",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "total_tokens",
    "estimated",
    "cost_usd",
    "cost_basis",
    "spent_usd",
    "unpriced_calls",
    "models",
    "prices",
    "estimates",
)


def cost(ask: Ask) -> Answer:
    """Answer `tachlog cost`."""
    if ask.options.json and ask.options.csv:
        raise Misuse("--json and --csv exclude each other")
    if ask.options.estimates:
        from tachlog.cli.estimates import estimates

        return estimates(ask)
    if ask.options.waste:
        from tachlog.cli.waste import waste

        return waste(ask)
    selection = ask.selection()
    with ask.store() as store:
        found = costs_of(
            store,
            selection,
            ask.options.by,
            ask.config.billing,
            time_zone=ask.config.display.time_zone,
            prices=ask.prices,
            price=ask.book.price,
            generated_at_us=ask.caller.now_us,
        )
        if ask.options.csv:
            return Answer(found, lambda: csv_lines(found))
        titles = _titles(store) if found.by == "session" and not ask.options.json else {}
    return Answer(found, lambda: _lines(found, titles, ask))


def _titles(store: Store) -> dict[str, str]:
    """The titles of the sessions that have one."""
    return {m.session_id: m.title for m in store.sessions(Selection()) if m.title}


def csv_lines(found: Costs) -> Iterator[str]:
    """Every row as CSV, headings first; money in dollars, models separated by blanks."""
    yield ",".join(CSV)
    for row in found.rows:
        told = StringIO()
        csv.writer(told, lineterminator="").writerow(_csv_cells(row, found))
        yield told.getvalue()


def _csv_cells(row: CostRow, found: Costs) -> list[object]:
    tokens = row.tokens
    return [
        row.key,
        _without(row.key, found.by) or row.key,
        row.within,
        row.calls,
        tokens.input,
        tokens.cache_read,
        tokens.cache_write,
        tokens.output,
        row.total_tokens,
        tokens.estimated,
        row.cost_usd,
        row.cost_basis,
        row.spent_usd,
        row.unpriced_calls,
        " ".join(row.models),
        found.prices,
        found.estimates,
    ]


def _lines(found: Costs, titles: Mapping[str, str], ask: Ask) -> Iterator[str]:
    if not found.rows:
        yield nothing(ask)
        return
    title = f"COST by {NAMES.get(found.by, found.by)}"
    facts = [named_money(found), found.time_zone, found.prices]
    yield from fmt.headline(title, facts, ask.width, ask.has_color)
    yield ""
    yield from _table(found, titles, ask)
    yield from _paid(found, ask)
    yield from _doubts(found, ask)


def _table(found: Costs, titles: Mapping[str, str], ask: Ask) -> Iterator[str]:
    shown, rest = _cut(found, ask.options.limit or MOST_ROWS)
    ids = ShortIds(row.key or "" for row in found.rows) if found.by == "session" else {}
    rows = [_cells(row, _name(row, found, titles, ids), found) for row in shown]
    if rest:
        earlier = "earlier" if found.by in PERIODS else "more"
        one = NAMES.get(found.by, found.by)
        many = fmt.plural(len(rest), f"{earlier} {one}", f"{earlier} {MANY.get(one, one + 's')}")
        cells = _cells(_together(rest), many, found)
        rows.insert(0 if found.by in PERIODS else len(rows), cells)
    rows.append(_cells(found.total, "in all", found))
    name = NAMES.get(found.by, found.by).upper()
    *body, last = table([Column(name, least=LEAST_NAME), *_COLUMNS], rows, ask.width, ask.has_color)
    yield from body
    yield fmt.line([(last, "bold")], ask.width, ask.has_color)


_COLUMNS = (
    Column("CALLS", right=True, spare=2),
    Column("INPUT", right=True, spare=5),
    Column("CACHE READ", right=True, spare=4),
    Column("CACHE WRITE", right=True, spare=6),
    Column("OUTPUT", right=True, spare=3),
    Column("TOKENS", right=True),
    Column("COST", right=True),
    Column("SPENT", right=True),
    Column("SHARE", right=True, spare=1),
    Column("MODELS", least=16, spare=7),
)
BUCKETED = PERIODS | {"model", "agent"}
"""Rows that show their tokens by bucket."""


def named_money(found: Costs) -> str:
    """What the amounts are."""
    match found.total.cost_basis:
        case "reported":
            return "as the logs report it"
        case "mixed":
            return "at API prices, or as the log reports it"
        case _:
            return "at API prices" if found.total.spent_usd is None else "at API prices and spent"


def _cells(row: CostRow, name: str, found: Costs) -> list[str]:
    tokens, whole = row.tokens, found.total.cost_usd
    share = row.cost_usd / whole if whole and row.cost_usd is not None else None
    buckets = (tokens.input, tokens.cache_read, tokens.cache_write, tokens.output)
    money = fmt.money(row.cost_usd)
    if row.unpriced_calls and row.cost_usd is not None:
        money = f"≥ {'$0.00' if money.startswith('<') else money}"
    return [
        name,
        fmt.short_count(row.calls),
        *(map(fmt.short_count, buckets) if found.by in BUCKETED else ("",) * len(buckets)),
        fmt.short_count(row.total_tokens),
        money,
        "" if row.spent_usd is None else fmt.money(row.spent_usd),
        "" if row is found.total else fmt.percent(share),
        "" if row is found.total or found.by == "model" else _models(row.models),
    ]


def _models(models: Iterable[str]) -> str:
    names = list(dict.fromkeys(map(model_name, models)))
    rest = len(names) - MOST_MODELS
    return ", ".join(names[:MOST_MODELS]) + (f" +{rest}" if rest > 0 else "")


def _cut(found: Costs, most: int) -> tuple[list[CostRow], list[CostRow]]:
    """The rows to show, and those to tell as one: the latest periods, else the dearest."""
    if len(found.rows) <= most:
        return found.rows, []
    if found.by in PERIODS:
        return found.rows[-most:], found.rows[:-most]
    return found.rows[:most], found.rows[most:]


def _together(rows: Sequence[CostRow]) -> CostRow:
    """Several rows as one."""
    costs = [row.cost_usd for row in rows if row.cost_usd is not None]
    spent = [row.spent_usd for row in rows if row.spent_usd is not None]
    first = rows[0]
    names = ("input", "cache_read", "cache_write", "output", "estimated")
    sums = {name: sum(getattr(row.tokens, name) for row in rows) for name in names}
    return replace(
        first,
        calls=sum(row.calls for row in rows),
        total_tokens=sum(row.total_tokens for row in rows),
        tokens=replace(first.tokens, **sums),
        cost_usd=sum(costs) if costs else None,
        spent_usd=sum(spent) if spent else None,
        unpriced_calls=sum(row.unpriced_calls for row in rows),
        models={name: use for row in reversed(rows) for name, use in row.models.items()},
    )


def _name(row: CostRow, found: Costs, titles: Mapping[str, str], ids: Mapping[str, str]) -> str:
    """What a row is called."""
    key = row.key
    without = _without(key, found.by)
    if key is None or without:
        return without
    match found.by:
        case "day":
            return _day(date.fromisoformat(key))
        case "week":
            first = date.fromisoformat(f"{key}-1")
            return f"{key[5:]}  {first.day:2} {first:%b} – {_day(first + timedelta(days=6))}"
        case "agent":
            return agent_name(key)
        case "model":
            return key
        case "branch":
            return f"{key}  {row.within}" if row.within else key
        case "session":
            return f"{ids[key]}  {titles.get(key, '')}".rstrip()
        case "tool":
            return tool_name(key)
        case _:
            return key


def _without(key: str | None, by: By) -> str:
    """What the calls are called that have no key, or none that was told; empty for the others."""
    if key is None:
        return "no date" if by in PERIODS else WITHOUT.get(by, "none")
    return NOT_TOLD.get((by, key), "")


def _day(day: date) -> str:
    return f"{day.day:2} {day:%b %Y}"


def _paid(found: Costs, ask: Ask) -> Iterator[str]:
    """What subscriptions cost beside what was used, and what logs tell of plans."""
    told = [
        f"{fmt.plain(plan.name)}, ${plan.usd_per_month:,.0f} a month: you paid"
        f" {fmt.money(plan.paid_usd)} from {_local_day(plan.start, ask)} to"
        f" {_local_day(plan.end, ask)} and used {fmt.money(plan.used_usd)} at API prices"
        + ("" if plan.leverage is None else f", {plan.leverage:.1f} × the price")
        for plan in found.plans
    ]
    if not told and found.plans_told:
        plans = ", ".join(
            f"{agent_name(plan.agent)} {fmt.plain(plan.value)}"
            f" ({fmt.plural(plan.sessions, 'session')})"
            for plan in found.plans_told[:MOST_PLANS]
        )
        told.append(f"plans that the logs tell: {plans}; say what you pay in [[billing]]")
    if told:
        yield ""
    for text in told:
        yield from fmt.wrap(text, ask.width)


def _local_day(text: str, ask: Ask) -> str:
    return _day(datetime.fromisoformat(text).astimezone(ask.zone).date()).strip()


def _doubts(found: Costs, ask: Ask) -> Iterator[str]:
    """What the amounts are, and what is not in them."""
    told = [unmatched_bill(bill) for bill in found.unmatched_billing]
    total = found.total
    if found.unpriced_models:
        models = list(found.unpriced_models.items())
        names = [
            f"{name} {fmt.short_count(use.tokens)} tokens" for name, use in models[:MOST_UNPRICED]
        ]
        more = f" and {len(models) - MOST_UNPRICED} more" if len(models) > MOST_UNPRICED else ""
        told.append(f"no price: {', '.join(names)}{more}")
    if total.tokens.estimated and total.tokens.output:
        share = total.tokens.estimated / total.tokens.output
        told.append(
            f"{fmt.percent(share)} of output tokens estimated, as no log reports them"
            f" (factors {found.estimates})"
        )
    if found.not_in_any_log:
        told.append(unlogged(found.not_in_any_log))
    if told:
        yield ""
    for text in told:
        yield from fmt.wrap(text, ask.width)
