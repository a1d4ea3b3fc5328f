"""The verb `reconcile`: a provider's usage export, or that of ccusage, beside the archive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path

from tachlog import figures as fmt
from tachlog.analysis.reconciliation import (
    CAUSES,
    Cause,
    Entry,
    Figures,
    Line,
    Reconciliation,
    difference_share,
    summed,
)
from tachlog.analysis.reconciliation import (
    reconcile as reconciled,
)
from tachlog.analysis.selection import Selection, Spending
from tachlog.analysis.units import dollars
from tachlog.analysis.windows import local_date
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.naming import words
from tachlog.cli.table import Column, table
from tachlog.metrics import QUARTER_US
from tachlog.statements import Statement, read_statement
from tachlog.stores import Store

MOST_LINES = 20
CAUSE_INDENT = 28


def reconcile(ask: Ask) -> Answer:
    """Answer `tachlog reconcile FILE`."""
    path = Path(ask.options.file)
    statement = read_statement(path)
    with ask.store() as store:
        ours = _ours(store, statement, ask)
    lines = reconciled(statement.entries, ours, counts_lines=bool(statement.agents))
    theirs_all = summed(line.theirs for line in lines if line.theirs)
    ours_all = summed(line.ours for line in lines if line.ours)
    found = Reconciliation(
        prices=ask.prices,
        time_zone=ask.config.display.time_zone if statement.in_zone else "UTC",
        file=str(path),
        kind=statement.kind,
        lines=lines,
        theirs=theirs_all,
        ours=ours_all,
        difference_share=difference_share(theirs_all, ours_all),
        by_cause=dict(Counter[str](line.cause for line in lines).most_common()),
    )
    return Answer(found, lambda: _lines(found, ask))


def _ours(store: Store, statement: Statement, ask: Ask) -> list[Entry]:
    """What the archive tells of the days and calls that a statement is about."""
    days = {entry.day for entry in statement.entries}
    if not days:
        return []
    zone = ask.zone if statement.in_zone else UTC
    selections = [Selection(agent=agent) for agent in statement.agents] or [Selection()]
    entries = []
    for selection in selections:
        for found in store.spending(selection, "day"):
            day = local_date(int(found.group or 0) * QUARTER_US, zone).isoformat()
            is_meant = statement.provider is None or statement.provider in found.use.provider
            if is_meant and min(days) <= day <= max(days):
                entries.append(Entry(day, found.model, _figures(found)))
    return entries


def _figures(found: Spending) -> Figures:
    use = found.use
    cost = None if use.cost_nanousd is None else dollars(use.cost_nanousd)
    return Figures(use.input, use.cache_read, use.cache_write, use.output, cost, use.estimated)


_COLUMNS = (
    Column("DAY"),
    Column("MODEL", least=14),
    Column("TOKENS THERE", right=True, spare=1),
    Column("HERE", right=True, spare=1),
    Column("COST THERE", right=True),
    Column("HERE", right=True),
    Column("DIFFERENCE", right=True),
    Column("LIKELY CAUSE", least=18),
)


def _lines(found: Reconciliation, ask: Ask) -> Iterator[str]:
    facts = [found.kind, found.time_zone, found.prices]
    yield from fmt.headline("RECONCILE", facts, ask.width, ask.has_color)
    yield from fmt.wrap(_compared(found), ask.width)
    if not found.lines:
        yield "the statement is empty"
        return
    yield ""
    yield from _causes(found, ask.width)
    yield ""
    lines = [line for line in found.lines if ask.options.all or line.cause != "agree"]
    measure = _measure(found)
    lines.sort(key=lambda line: abs(measure(line)), reverse=True)
    shown = lines[: ask.options.limit or MOST_LINES]
    shown.sort(key=lambda line: (line.day, line.model or ""))
    rows = [_cells(line, _told(found, measure(line))) for line in shown]
    in_all = _told(found, sum(map(measure, found.lines)))
    rows.append(["in all", "", *_totals(found), in_all, ""])
    yield from table(_COLUMNS, rows, ask.width, ask.has_color)
    if len(shown) < len(lines):
        left = fmt.plural(len(lines) - len(shown), "smaller difference")
        yield f"{left}: --limit {len(lines)}"


def _compared(found: Reconciliation) -> str:
    return (
        f"compared: what {fmt.plain(Path(found.file).name)} says was used and paid, with the calls"
        f" of this archive, by day ({found.time_zone}) and model (tachlog doctor --reconcile"
        " compares the logs with each other)"
    )


def _causes(found: Reconciliation, width: int) -> Iterator[str]:
    """How many days of models each cause explains, and how much of the difference."""
    for cause, count in found.by_cause.items():
        lines = [line for line in found.lines if line.cause == cause]
        difference = _told(found, sum(map(_measure(found), lines))) if cause != "agree" else ""
        told = ": ".join(filter(None, [CAUSES[_known(cause)], difference]))
        first, *rest = fmt.wrap(told, width - CAUSE_INDENT)
        yield f"{count:6,}  {fmt.left(words(cause), 20)}{first}"
        yield from (" " * CAUSE_INDENT + text for text in rest)
    if found.difference_share is not None:
        more = "more" if found.difference_share >= 0 else "less"
        share = fmt.percent(abs(found.difference_share))
        yield f"in all they tell {share} {more} than this archive"


def _known(cause: str) -> Cause:
    return next(name for name in CAUSES if name == cause)


def _measure(found: Reconciliation) -> Callable[[Line], float]:
    """By what lines differ, theirs − ours: in dollars where their side tells any, else in tokens.

    What our side does not tell counts as nothing; a line of which theirs tells only tokens, among
    amounts, has no difference.
    """
    name = "cost_usd" if found.theirs.cost_usd is not None else "tokens"

    def difference(line: Line) -> float:
        theirs, ours = (getattr(side, name, None) for side in (line.theirs, line.ours))
        return 0 if line.theirs and theirs is None else (theirs or 0) - (ours or 0)

    return difference


def _told(found: Reconciliation, difference: float) -> str:
    """A difference in its unit: `+$12.30`, `−1.20 M tokens`; empty of none."""
    if not difference:
        return ""
    sign = "−" if difference < 0 else "+"
    if found.theirs.cost_usd is None:
        return f"{sign}{fmt.short_count(round(abs(difference)))} tokens"
    return f"{sign}{fmt.money(round(abs(difference), 2))}"


def _cells(line: Line, difference: str) -> list[str]:
    cause = words(line.cause)
    if line.name_there:
        cause += f": {fmt.plain(line.name_there)}"
    return [line.day, line.model or "", *_both(line.theirs, line.ours), difference, cause]


def _totals(found: Reconciliation) -> list[str]:
    """Both sums; an amount is a least one where a part of its tokens has none."""
    *tokens, theirs, ours = _both(found.theirs, found.ours)
    partly = [
        any(side is not None and side.cost_usd is None for side in sides)
        for sides in zip(*((line.theirs, line.ours) for line in found.lines), strict=True)
    ]
    amounts = [
        f"≥ {told}" if part and told != fmt.NONE else told
        for told, part in zip((theirs, ours), partly, strict=True)
    ]
    return [*tokens, *amounts]


def _both(theirs: Figures | None, ours: Figures | None) -> list[str]:
    sides = (theirs or Figures(), ours or Figures())
    tokens = [fmt.NONE if side.tokens is None else fmt.short_count(side.tokens) for side in sides]
    return [*tokens, *(fmt.money(side.cost_usd) for side in sides)]
