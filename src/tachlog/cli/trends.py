"""The verb `trends`: what goes up, what goes down, what only wavers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from msgspec.structs import replace

from tachlog import figures as fmt
from tachlog.analysis.selection import Selection
from tachlog.analysis.series import TrendView, trends_of
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.look import nothing
from tachlog.metrics import QUARTER_US
from tachlog.stores import Store

DAYS = 30
DAY_US = 86_400_000_000
MOST_SPARKS = 40
LEAST_POINTS = 5
"""Fewer points cannot be significant."""

SHOWN: dict[str, Callable[[float], str]] = {
    "tokens": fmt.short_count,
    "share": fmt.percent,
    "score": lambda value: f"{value:.1f}",
    "tools": lambda value: f"{value:.0f}",
}


def trends(ask: Ask) -> Answer:
    """Answer `tachlog trends`."""
    with ask.store() as store:
        found = trends_of(
            store,
            _recent(store, ask),
            time_zone=ask.config.display.time_zone,
            now_us=ask.caller.now_us,
        )
    return Answer(found, lambda: _lines(found, ask))


def _recent(store: Store, ask: Ask) -> Selection:
    """The selection, without `--since` that of the 30 days up to the last thing that happened."""
    selection = ask.selection()
    if selection.since_us is not None:
        return selection
    quarters = store.quarters(selection)
    last_us = max((quarter.quarter + 1 for quarter in quarters), default=0) * QUARTER_US
    return replace(selection, since_us=last_us - DAYS * DAY_US)


def _lines(found: Sequence[TrendView], ask: Ask) -> Iterator[str]:
    if not any(trend.n for trend in found):
        yield nothing(ask)
        return
    for place, trend in enumerate(found):
        if place:
            yield ""
        yield from _trend_lines(trend, ask)


def _trend_lines(trend: TrendView, ask: Ask) -> Iterator[str]:
    change = "" if trend.change is None else f" {fmt.signed_percent(trend.change)}"
    arrow = {"up": "▲ up", "down": "▼ down", "flat": "flat"}[trend.direction]
    told = arrow + change if trend.direction != "flat" else arrow
    if trend.n < LEAST_POINTS:
        told = "too early to tell" if trend.kept_from is None else "too few hours kept"
    name = trend.name.removesuffix("_trend").replace("_", " ")
    yield fmt.line(
        [
            (fmt.left(name, 18), "bold"),
            fmt.left(told, 19),
            f"{fmt.plural(trend.n, trend.step)}, p = {trend.p_value:.2g}",
        ],
        ask.width,
        ask.has_color,
    )
    if trend.kept_from is not None:
        yield f"  hours are kept from {_day(trend.kept_from, ask)} on (db prune)"
    if not trend.points:
        yield "  nothing to measure"
        return
    show = SHOWN[trend.unit]
    values = [point.value for point in trend.points]
    first, last = (_day(trend.points[at].start, ask) for at in (0, -1))
    sparks = fmt.sparkline(_thinned(values, MOST_SPARKS))
    least, most = show(min(values)), show(max(values))
    shown = f"  {first:7}{sparks} {last}   {least} to {most} per {trend.step}"
    yield fmt.clip(shown, ask.width)


def _day(start: str, ask: Ask) -> str:
    return fmt.day(start, ask.zone)


def _thinned(values: Sequence[float], most: int) -> list[float]:
    """At most so many values: means of neighbours."""
    if len(values) <= most:
        return list(values)
    cuts = [place * len(values) // most for place in range(most + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(cuts)]
