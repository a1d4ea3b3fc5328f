"""The limits of plans as `tachlog budget` shows them: windows, burn rates, what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from tachlog import figures as fmt
from tachlog.analysis.budget import BudgetView
from tachlog.analysis.limits import LimitHit, LimitWindow
from tachlog.cli.answering import Ask
from tachlog.cli.naming import agent_name
from tachlog.cli.table import Column, table

_COLUMNS = (
    Column("LIMITS"),
    Column("USED", right=True),
    Column("TOKENS", right=True, spare=2),
    Column("MODEL TIME", right=True, spare=1),
    Column("BURN RATE", right=True),
    Column("AT ITS END", right=True),
    Column("LEFT", right=True),
    Column("", least=26),
)
DAY_MINUTES = 24 * 60
TOKENS = 2
WITH_PLAN = (0, 3, 1, 2, 4, 5, 6, 7)
"""The order of the columns for those who pay by the month: time before dollars."""


def limit_lines(found: BudgetView, ask: Ask) -> Iterator[str]:
    """The windows that are open, and the limits that were hit lately; nothing without any."""
    limits = found.limits
    if limits.windows:
        rows = [_cells(window, ask) for window in limits.windows]
        columns: Sequence[Column] = _COLUMNS
        if found.has_plan:
            columns = [_COLUMNS[place]._replace(spare=int(place == TOKENS)) for place in WITH_PLAN]
            rows = [[row[place] for place in WITH_PLAN] for row in rows]
        yield from table(columns, rows, ask.width, ask.has_color)
    for hit in limits.hits:
        yield fmt.line([(f"▲ {_hit(hit, ask)}", "yellow")], ask.width, ask.has_color)
    if limits.windows or limits.hits:
        yield ""


def _cells(window: LimitWindow, ask: Ask) -> list[str]:
    name = f"{agent_name(window.agent)} {_length(window)}"
    left = "" if window.seconds_left is None else fmt.duration(window.seconds_left)
    if window.used_share is not None:
        told = f"resets {_when(window.end, ask)} (as of {_when(window.told_at, ask)})"
        hours = window.minutes / 60
        rate = window.projected_share / hours if window.projected_share is not None else None
        return [
            name,
            fmt.percent(window.used_share, 0),
            "",
            "",
            f"{fmt.percent(rate)}/h",
            fmt.percent(window.projected_share, 0),
            left,
            told,
        ]
    largest = ""
    if window.largest_usd and window.used_usd is not None:
        share = fmt.percent(window.used_usd / window.largest_usd, 0)
        largest = f"{share} of the dearest block in 4 weeks"
    return [
        name,
        fmt.money(window.used_usd),
        fmt.short_count(window.tokens or 0),
        fmt.duration((window.model_minutes or 0) * 60),
        "" if window.usd_per_hour is None else f"{fmt.money(window.usd_per_hour)}/h",
        "" if window.projected_usd is None else fmt.money(window.projected_usd),
        left,
        largest,
    ]


def _length(window: LimitWindow) -> str:
    if window.end is None:
        return "past 7 days"
    if window.minutes % DAY_MINUTES == 0:
        return f"{window.minutes // DAY_MINUTES} days"
    return f"{window.minutes / 60:g} h"


def _hit(hit: LimitHit, ask: Ask) -> str:
    resets = f", ends {_when(hit.resets, ask)}" if hit.resets else ""
    return f"{agent_name(hit.agent)}: limit hit {_when(hit.at, ask)}{resets}: {hit.message}"


def _when(text: str | None, ask: Ask) -> str:
    """A time, with its day where that is not today."""
    if text is None:
        return ""
    at = datetime.fromisoformat(text).astimezone(ask.zone)
    now = datetime.fromtimestamp(ask.caller.now_us / 1_000_000, ask.zone)
    return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%a} {at.day} {at:%b %H:%M}"
