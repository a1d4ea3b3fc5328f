"""What `tachlog cost --waste` shows: where money goes that buys nothing, and in which sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tachlog import figures as fmt
from tachlog.analysis.waste import Waste, WasteRow, waste_of
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.look import nothing
from tachlog.cli.naming import ShortIds, agent_name
from tachlog.cli.table import Column, table

MOST_SESSIONS = 3
NAMES = {
    "failed": "failed calls",
    "repeated": "repeated calls",
    "reread": "files read again",
    "cache_miss": "cache lost",
    "carried": "large outputs carried",
    "abandoned": "broken-off sessions",
}
REASONS = {
    "idle": "idle for longer than it lasts",
    "model_changed": "another model",
    "tail_rewritten": "the latest messages were written anew",
    "prefix_changed": "something at the beginning changed, or the provider dropped it",
}
WIDE = 112
"""From so many columns on the last cell has room for all of its sessions."""

_COLUMNS = (
    Column("WHAT"),
    Column("CASES", right=True),
    Column("SESSIONS", right=True, spare=1),
    Column("TOKENS", right=True),
    Column("TIME", right=True),
    Column("COST", right=True),
    Column("SHARE", right=True),
    Column("MOST IN", least=16),
)
WITH_PLAN = (0, 1, 2, 4, 6, 3, 5, 7)
"""The order of the columns for those who pay by the month: time and share before dollars."""


def waste(ask: Ask) -> Answer:
    """Answer `tachlog cost --waste`."""
    selection = ask.selection()
    with ask.store() as store:
        found = waste_of(
            store,
            selection,
            ask.config.billing,
            time_zone=ask.config.display.time_zone,
            prices=ask.prices,
            price=ask.book.price,
            generated_at_us=ask.caller.now_us,
        )
    return Answer(found, lambda: _lines(found, ask))


def _lines(found: Waste, ask: Ask) -> Iterator[str]:
    if not found.used_tokens:
        yield nothing(ask)
        return
    facts = ["at API prices", found.time_zone, found.prices]
    yield from fmt.headline("WHAT BOUGHT NOTHING", facts, ask.width, ask.has_color)
    yield ""
    if not found.rows:
        yield "nothing of what was looked for"
        return
    ids = ShortIds(each.session_id for row in found.rows for each in row.sessions)
    most = MOST_SESSIONS if ask.width >= WIDE else MOST_SESSIONS - 1
    rows = [*(_cells(row, found, ids, most) for row in found.rows), _total(found)]
    order = WITH_PLAN if found.has_plan else range(len(_COLUMNS))
    columns = [_COLUMNS[place] for place in order]
    rows = [[row[place] for place in order] for row in rows]
    *body, last = table(columns, rows, ask.width, ask.has_color)
    yield from body
    yield fmt.line([(last, "bold")], ask.width, ask.has_color)
    yield ""
    for text in _notes(found):
        yield from fmt.wrap(text, ask.width)


def _cells(row: WasteRow, found: Waste, ids: Mapping[str, str], most: int) -> list[str]:
    share = None
    if found.used_usd and row.cost_usd is not None:
        share = row.cost_usd / found.used_usd
    sessions = [
        f"{ids[each.session_id]} {fmt.money(each.cost_usd)}" for each in row.sessions[:most]
    ]
    return [
        NAMES[row.kind],
        fmt.short_count(row.cases),
        fmt.short_count(row.session_count),
        fmt.short_count(row.tokens),
        fmt.duration(row.minutes * 60) if row.minutes else "",
        fmt.money(row.cost_usd),
        fmt.percent(share),
        " · ".join(sessions),
    ]


def _total(found: Waste) -> list[str]:
    time = fmt.duration(found.minutes * 60)
    tokens, cost = fmt.short_count(found.tokens), fmt.money(found.cost_usd)
    return ["in all", "", "", tokens, time, cost, fmt.percent(found.cost_share), ""]


def _notes(found: Waste) -> Iterator[str]:
    for agent, share in found.of_weekly_limit.items():
        told = f"about {fmt.percent(share)} of its weekly limit"
        yield f"{agent_name(agent)}: in a week of work {told}"
    if found.has_plan and not found.of_weekly_limit:
        yield "no log here tells the size of a weekly limit: shares are of all that was used"
    for row in found.rows:
        if row.reasons:
            reasons = [f"{REASONS[name]} {fmt.short_count(n)}" for name, n in row.reasons.items()]
            yield f"cache lost, tokens by reason: {', '.join(reasons)}"
    yield (
        "each token counts once, in the first row that it fits; some of it no one could have"
        " spared. docs/cost.md says what counts as what"
    )
