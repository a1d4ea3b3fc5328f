"""Alert rules: what is looked at, for how long, for whom, and when it is enough.

The shipped ones are data (`data/alerts.toml`), the user's own stand in `[[alerts.rules]]`; both are
the same struct and take the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace

from tachlog import data
from tachlog.analysis.alerting.expressions import Expression, ExpressionError
from tachlog.analysis.alerting.measures import MEASURES

Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")

Label = Literal["agent", "project", "session", "model", "tool", "error_class"]
LABELS: Final[tuple[Label, ...]] = (
    "agent", "project", "session", "model", "tool", "error_class",
)  # fmt: skip
MOST_WINDOW_US: Final = 86_400_000_000
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN: Final = re.compile(r"(\d{1,6})(s|m|h|d)")

Text = Annotated[str, Meta(min_length=1, max_length=500)]


class RuleError(ValueError):
    """A rule cannot be used; the message says which, what and why."""


class RuleText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as it is written.

    `when` is true of a group of moments in the `window` (`5m`, `1h`, at most `24h`; `day`: since
    midnight; `session`: the session's whole, as far as it lies within 24 hours); `value` may be
    used in it. It fires once it held `for`; it ends once `until` holds (default: `when` does not)
    for `keep`. `least` must hold for anything to be said at all. `by` are the labels that it is
    told for, one alert each. `critical` raises the severity. Without data (`least` does not hold,
    or a measure is not known) a firing alert ends, or with `no_data = "keep"` stays.
    """

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,49}$")]
    when: Text
    value: float | None = None
    window: str = "5m"
    by: tuple[Label, ...] = ()
    for_: str = field(default="0s", name="for")
    least: Text | None = None
    until: Text | None = None
    keep: str = "0s"
    severity: Severity = "warning"
    critical: Text | None = None
    no_data: Literal["resolve", "keep"] = "resolve"
    message: Text | None = None
    setting: str | None = None
    off: bool = False


class Rule:
    """A rule that was checked, with its `value` and its times in µs.

    `is_set` says that the user set the value or wrote the rule, so that nothing gates it.
    """

    def __init__(self, text: RuleText, *, where: str, is_set: bool = False) -> None:
        """Check a rule; raises RuleError that begins with `where` it is written."""
        self.text = text
        self.name = text.name
        self.is_set = is_set
        self.where = where
        names = [*MEASURES, *(["value"] if text.value is not None else [])]
        labels = text.by

        def checked(part: str, expression: str) -> Expression:
            try:
                return Expression(expression, names, labels)
            except ExpressionError as error:
                raise RuleError(f"{where}.{part}: {error}") from None

        self.when = checked("when", text.when)
        self.least = None if text.least is None else checked("least", text.least)
        self.until = None if text.until is None else checked("until", text.until)
        self.critical = None if text.critical is None else checked("critical", text.critical)
        whole = text.window in ("day", "session")
        self.window_us = MOST_WINDOW_US if whole else self._span("window", text.window)
        self.for_us = self._span("for", text.for_)
        self.keep_us = self._span("keep", text.keep)
        if not 0 < self.window_us <= MOST_WINDOW_US:
            raise RuleError(f"{where}.window: {text.window!r} is not within 1s and 24h")
        if text.window == "session" and "session" not in text.by:
            raise RuleError(f'{where}.window: "session" needs by = ["session"]')

    def _span(self, part: str, text: str) -> int:
        found = _SPAN.fullmatch(text)
        if found is None:
            raise RuleError(f"{self.where}.{part}: {text!r} is no time such as 90s, 5m, 2h")
        return int(found[1]) * _UNITS[found[2]] * 1_000_000

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """The measures that it asks for, the one that is compared first before the others."""
        asked = [each for each in (self.when, self.least, self.until, self.critical) if each]
        names = [name for each in asked for name in (each.measured or "", *each.names)]
        return tuple(dict.fromkeys(name for name in names if name in MEASURES))

    @property
    def measured(self) -> str:
        """The measure that the rule is about."""
        return self.measures[0] if self.measures else ""


@cache
def shipped() -> tuple[RuleText, ...]:
    """The rules that come with tachlog."""
    return msgspec.convert(data.alerts().rules, tuple[RuleText, ...])


def rules_of(
    own: Sequence[RuleText],
    values: Mapping[str, float],
    *,
    off: Sequence[str] = (),
    on: Sequence[str] = (),
    accepted: Sequence[str] = (),
) -> list[Rule]:
    """The rules in force; one of the user's takes the place of a shipped one of its name.

    `values` are those that the user set, by rule. A rule that is `off` is left out unless it is
    named in `on`; one that needs a value and has none is left out as well. Raises RuleError.
    """
    found: dict[str, Rule] = {}
    for each in shipped():
        if (each.off and each.name not in on) or each.name in off:
            continue
        value = values.get(each.name, each.value)
        if value is None and each.setting is not None:
            continue
        is_set = each.name in values or each.name in accepted
        text = replace(each, value=value)
        found[each.name] = Rule(text, where=f"rule {each.name}", is_set=is_set)
    for place, each in enumerate(own):
        if not each.off or each.name in on:
            found[each.name] = Rule(each, where=f"alerts.rules[{place}]", is_set=True)
    known = {each.name for each in (*shipped(), *own)}
    for name in (*values, *off, *on, *accepted):
        if name not in known:
            raise RuleError(
                f"alerts: there is no rule {name!r}; the rules are {', '.join(sorted(known))}"
            )
    return list(found.values())
