"""Alert rules as they are written, in `data/alerts.toml` and in `[[alerts.rules]]`."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")

Label = Literal["agent", "project", "session", "model", "tool", "error_class"]

Text = Annotated[str, Meta(min_length=1, max_length=500)]


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
