"""The verb `budget`: set what may be used, see how much of it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.budget import LEAST_DAYS, BudgetUse, BudgetView, budgets_of
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Misuse
from tachlog.cli.limits import limit_lines
from tachlog.cli.naming import ShortIds
from tachlog.cli.table import Column, table
from tachlog.config.writing import set_values
from tachlog.stores import Store

BAR_CELLS = 20
NAMES = {"day": "today", "week": "this week", "session": "dearest session"}
KEYS = {"day": "usd_per_day", "week": "usd_per_week", "session": "usd_per_session"}
FORM = "give an amount in dollars for a day, week or session, as 60/day; none/day takes it away"
_AMOUNT = re.compile(r"\$?(\d+(?:\.\d+)?|none)/(day|week|session)")
WARNINGS = {
    "over": ("red", "over the budget"),
    "heading_over": ("yellow", "over the budget before it ends, by the projection"),
    "near": ("yellow", "more than 80 % is used"),
}


class Change(Struct, frozen=True):
    """A setting that was changed; None: none."""

    name: str
    old: float | None
    new: float | None
    file: str


class Answered(Struct, frozen=True):
    """What `tachlog budget --json` prints: `use` is None where nothing was ever read."""

    changes: list[Change]
    use: BudgetView | None


def budget(ask: Ask) -> Answer:
    """Answer `tachlog budget`."""
    changes = change(ask, dict(map(amount_of, ask.options.amount)))
    if changes and not ask.has_archive:
        return Answer(Answered(changes, None), lambda: told_changes(changes, ask))
    with ask.store() as store:
        found = budgets_of(
            store,
            ask.config.budget,
            ask.config.billing,
            time_zone=ask.config.display.time_zone,
            prices=ask.prices,
            now_us=ask.caller.now_us,
        )
        titles = {use.session_id: _title(store, use.session_id) for use in found.budgets}
    over = any(use.state == "over" for use in found.budgets)
    return Answer(
        Answered(changes, found),
        lambda: [*told_changes(changes, ask), *_lines(found, titles, ask)],
        code=3 if over and ask.options.fail_on else 0,
    )


def amount_of(text: str) -> tuple[str, float | None]:
    """The key and the value of an amount such as `60/day`; raises `Misuse`."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise Misuse(f"{text!r} is no budget: {FORM}")
    value = None if found[1] == "none" else float(found[1])
    value = int(value) if value is not None and value.is_integer() else value
    if value == 0:
        raise Misuse(f"{text!r}: a budget is more than nothing; none/{found[2]} takes it away")
    return KEYS[found[2]], value


def change(ask: Ask, wanted: dict[str, float | None]) -> list[Change]:
    """Write these keys to the configuration file, so that what follows is asked with them."""
    if not wanted:
        return []
    old, path = ask.config.budget, ask.loaded.path
    set_values(path, "budget", wanted)
    del ask.loaded
    return [
        Change(f"budget.{name}", getattr(old, name), value, str(path))
        for name, value in wanted.items()
    ]


def told_changes(changes: Sequence[Change], ask: Ask) -> Iterator[str]:
    """What was changed, and what keeps a change from being in force."""
    for each in changes:
        yield f"{each.name}: {_amount(each.old)} → {_amount(each.new)} in {each.file}"
        origin = ask.loaded.origins[each.name]
        if origin not in (each.file, "default"):
            yield f"  but {origin} is set and wins over the file"
    if changes:
        yield ""


def _amount(usd: float | None) -> str:
    return "none" if usd is None else f"{usd:g}"


def _title(store: Store, session_id: str | None) -> str:
    found = store.session(session_id) if session_id else None
    return (found[0].title or "") if found else ""


_COLUMNS = (
    Column(""),
    Column("USED", right=True),
    Column("BUDGET", right=True),
    Column("SHARE", right=True),
    Column("", spare=1),
    Column("PROJECTED", right=True),
    Column("MODEL TIME", right=True, spare=2),
    Column("", least=16),
)
WITH_PLAN = (0, 6, 3, 4, 1, 2, 5, 7)
"""The order of the columns for those who pay by the month: time and share before dollars."""

PLAN_SPARE = {4: 1}
"""What they can spare: the bar."""


def _lines(found: BudgetView, titles: Mapping[str | None, str], ask: Ask) -> Iterator[str]:
    now = datetime.fromisoformat(found.generated_at).astimezone(ask.zone)
    facts = ["at API prices", f"{now:%a} {now.day} {now:%b %H:%M}", found.time_zone, found.prices]
    yield from fmt.headline("BUDGET", facts, ask.width, ask.has_color)
    yield ""
    rows = [_cells(use, titles) for use in found.budgets]
    if found.has_plan:
        yield from limit_lines(found, ask)
        columns = [_COLUMNS[place]._replace(spare=PLAN_SPARE.get(place, 0)) for place in WITH_PLAN]
        rows = [[row[place] for place in WITH_PLAN] for row in rows]
        yield from table(columns, rows, ask.width, ask.has_color)
    else:
        yield from table(_COLUMNS, rows, ask.width, ask.has_color)
    warnings = list(_warnings(found))
    if warnings:
        yield ""
    for text, style in warnings:
        yield fmt.line([(f"▲ {text}", style)], ask.width, ask.has_color)
    yield ""
    if not found.has_plan:
        yield from limit_lines(found, ask)
    for text in _notes(found):
        yield from fmt.wrap(text, ask.width)


def _cells(use: BudgetUse, titles: Mapping[str | None, str]) -> list[str]:
    projected = fmt.money(use.projected_usd) if use.projected_usd is not None else ""
    if use.projected_share is not None:
        projected += f"  {fmt.percent(use.projected_share, 0)}"
    session = ""
    if use.session_id:
        (short,) = ShortIds([use.session_id]).values()
        session = f"{short}  {titles.get(use.session_id, '')}"
    return [
        NAMES[use.period],
        ("≥ " if use.unpriced_calls else "") + fmt.money(use.used_usd),
        "" if use.budget_usd is None else fmt.money(use.budget_usd),
        "" if use.share is None else fmt.percent(use.share, 0),
        "" if use.share is None else fmt.bar(use.share, BAR_CELLS),
        projected,
        "" if use.model_minutes is None else fmt.duration(use.model_minutes * 60),
        session,
    ]


def _warnings(found: BudgetView) -> Iterator[tuple[str, str]]:
    for use in found.budgets:
        if use.state in WARNINGS:
            style, words = WARNINGS[use.state]
            yield f"{NAMES[use.period]}: {words}", style
    if len(found.over_sessions) > 1:
        ids = " ".join(ShortIds(found.over_sessions).values())
        yield f"sessions of this week over the budget: {ids}", "red"


def _notes(found: BudgetView) -> Iterator[str]:
    """Whence the projection, and a budget for those who have none."""
    if found.budgets[0].projected_usd is None:
        yield (
            f"no projection: it needs {LEAST_DAYS} days of use in the past four weeks, there are"
            f" {found.days_of_use}"
        )
    else:
        yield (
            "projected: what is used so far, the rest of today like that of the median of"
            f" {fmt.plural(found.days_of_use, 'day')} of use in the past four weeks, each further"
            " day like the mean day of those weeks"
        )
    proposed = [
        f"{use.proposed_usd:g}/{use.period}"
        for use in found.budgets
        if use.proposed_usd is not None
    ]
    if proposed:
        yield (
            f"set one: tachlog budget {' '.join(proposed)} (95 of 100 of your days, weeks or"
            " sessions of the past 13 weeks stay below)"
        )
    elif all(use.budget_usd is None for use in found.budgets):
        yield "set one: tachlog budget 60/day 300/week 15/session"
