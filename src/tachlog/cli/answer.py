"""The terminal answers: all of `tachlog analyze`, and the five lines of `tachlog` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tachlog import figures as fmt
from tachlog.analysis.alerts import Alert
from tachlog.analysis.billing import Billing
from tachlog.analysis.overview import Overview
from tachlog.analysis.unlogged import NotLogged
from tachlog.analysis.windows import zone_of
from tachlog.cli import blocks, findings
from tachlog.cli.blocks import Line
from tachlog.cli.naming import ShortIds

WIDTH = 100
WIDEST = 120


def render_answer(
    found: Overview,
    *,
    width: int = WIDTH,
    color: bool = False,
    unknown: Mapping[str, int] | None = None,
    billing: Sequence[Billing] = (),
    not_in_any_log: Sequence[NotLogged] = (),
) -> str:
    """How much, how long, what failed, what is odd, what to do, how sure.

    `unknown` counts the records of kinds that their source does not know. `billing` is how
    providers are paid, `not_in_any_log` what is missing in the costs. No line is wider than
    `width` columns; an ordinary answer has about 42 lines.
    """
    width = min(width, WIDEST)
    result, windows = found.result, found.windows
    zone = zone_of(result.time_zone)
    named = found.named
    ids = ShortIds(named.ids)
    parts = [
        blocks.header(result, named.agents, windows, zone, width),
        blocks.how_much(result, windows, billing),
        blocks.how_long(result.totals, width),
        findings.tools(result),
        findings.errors(result.totals, width),
        findings.dearest(result.totals, named, zone, ids, width),
        findings.unusual(named.unusual, zone, ids, width),
        findings.do_next(result.recommendations, width),
        blocks.how_sure(result, unknown or {}, width, not_in_any_log),
        blocks.where_next(named.latest, ids),
    ]
    return _text([line for part in parts if part for line in ([], *part)][1:], width, color)


def render_short(
    found: Overview,
    *,
    alerts: Sequence[Alert] | None = None,
    width: int = WIDTH,
    color: bool = False,
) -> str:
    """Today, this week, the latest session, what fires, the best advice.

    `found` is of the whole archive; `alerts` are those that fire now (None: nobody looked).
    """
    result, windows = found.result, found.windows
    latest = found.named.latest
    if latest is None:
        return _text(blocks.where_next(None, {}), width, color)
    zone = zone_of(result.time_zone)
    ids = ShortIds(found.named.ids)
    told = [blocks.window_line(window, windows) for window in windows.windows[:2]]
    if told:
        told[-1] = [*told[-1], (f" · {result.prices}", "dim")]
    lines = [
        *told,
        blocks.latest(latest, result.generated_at, zone, ids),
        blocks.firing(alerts, windows),
        findings.best_advice(result.recommendations),
    ]
    return _text(lines, width, color)


def _text(lines: Sequence[Line], width: int, color: bool) -> str:
    return "\n".join(fmt.line(line, width, color) for line in lines)
