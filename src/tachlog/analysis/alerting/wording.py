"""What an alert says: the words of its rule with the figures of the moment in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from tachlog.analysis.alerting.measures import MEASURES
from tachlog.analysis.alerting.rules import PLACE, Rule

_SPOKEN: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def worded(rule: Rule, labels: tuple[tuple[str, str], ...], measures: Mapping[str, float]) -> str:
    """The message of a rule; without one of its own it tells what was compared."""
    text = rule.text.message or f"{rule.name}: {rule.text.when}, {{{rule.measured}}}"
    named = dict(labels)

    def told(found: re.Match[str]) -> str:
        name, is_share = found[1], found[0].endswith(":%}")
        if name == "window":
            return _window(rule.text.window)
        if name == "value" and rule.text.value is not None:
            unit = MEASURES[rule.measured].unit if rule.measured in MEASURES else ""
            return _value(rule.text.value, "share" if is_share else unit)
        if name in measures:
            return _value(measures[name], MEASURES[name].unit)
        return named.get(name, "none")

    return PLACE.sub(told, text)


def _value(value: float, unit: str) -> str:
    told = _UNITS.get(unit)
    return f"{value:,.6g}" if told is None else told(value)


def _seconds(value: float) -> str:
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def _milliseconds(value: float) -> str:
    return f"{value:.0f} ms" if value < 1000 else _tenths(value / 1000)


def _tenths(value: float) -> str:
    return f"{value:.1f} s" if value < 120 else _seconds(value)


def _large(value: float) -> str:
    if value < 10_000:
        return f"{value:,.0f}"
    return f"{value / 1000:,.0f} k" if value < 1_000_000 else f"{value / 1e6:,.1f} M"


_UNITS: Final[Mapping[str, Callable[[float], str]]] = {
    "share": lambda value: f"{value * 100:.3g} %",
    "USD": lambda value: f"${value:,.2f}",
    "s": _seconds,
    "ms": _milliseconds,
    "h": lambda value: f"{value:.0f} h",
    "tokens": _large,
}


def _window(text: str) -> str:
    if text == "day":
        return "today"
    if text == "session":
        return "this session"
    number, unit = int(text[:-1]), _SPOKEN[text[-1]]
    return f"{number} {unit if number > 1 else unit.removesuffix('s')}"
