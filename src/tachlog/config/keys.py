"""Every key of the configuration: its type, its meaning, its unit, its default."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct, field

from tachlog.analysis.alerting.channels import Channel
from tachlog.analysis.alerting.texts import RuleText
from tachlog.analysis.billing import Billing, Budget
from tachlog.analysis.complexity import ComplexityFactors
from tachlog.mappings import Mapping
from tachlog.report.schedule import Reporting
from tachlog.settings import STATUSLINE

PREFIX = "TACHLOG_"


class Alerts(Struct, frozen=True, kw_only=True):
    """From when on something needs a person's eye."""

    error_rate_threshold: Annotated[
        float,
        Meta(ge=0, le=1, description="share of failed operations that is too high"),
    ] = 0.15
    token_spike_multiplier: Annotated[
        float,
        Meta(gt=0, description="how many times the usual tokens per minute are too many"),
    ] = 2.0
    response_time_p95: Annotated[
        int,
        Meta(
            gt=0,
            description="95th percentile of response times that is too slow",
            extra={"unit": "ms"},
        ),
    ] = 5000
    session_duration_max: Annotated[
        int, Meta(gt=0, description="how long a session may last", extra={"unit": "s"})
    ] = 7200
    values: Annotated[
        dict[str, float],
        Meta(description="thresholds of your own for other rules, by the rule's name"),
    ] = field(default_factory=dict)
    accepted: Annotated[
        tuple[str, ...],
        Meta(description="rules that may tell you as often as they fire: their values are right"),
    ] = ()
    on: Annotated[
        tuple[str, ...], Meta(description="rules to use that are off unless they are named here")
    ] = ()
    off: Annotated[tuple[str, ...], Meta(description="rules that are not used")] = ()
    rules: Annotated[
        tuple[RuleText, ...],
        Meta(
            description="rules of your own, each an `[[alerts.rules]]` with name, when, window, by,"
            " severity and more (docs/alerts.md)"
        ),
    ] = ()


class Analysis(Struct, frozen=True, kw_only=True):
    """How sessions are judged."""

    complexity_factors: ComplexityFactors = ComplexityFactors()


class MirrorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A store that follows the archive; `hints` lets titles, targets and excerpts out to it."""

    url: str
    hints: bool = False


class Influxdb(Struct, frozen=True, kw_only=True):
    """How points look in InfluxDB."""

    session_tag: Annotated[
        bool,
        Meta(
            description="make the session's id a tag: handy for small archives, a series for each"
            " session"
        ),
    ] = False


class Storage(Struct, frozen=True, kw_only=True):
    """Where the archive is and how long it remembers."""

    driver: Annotated[
        Literal["sqlite", "postgresql", "influxdb"],
        Meta(
            description="what keeps the archive: sqlite is built in, postgresql serves a team and "
            "needs its url, influxdb is sqlite and a mirror at the url; unless given it is what "
            "the url says",
        ),
    ] = "sqlite"
    url: Annotated[
        str,
        Meta(
            description="the archive: a path, `sqlite:///path`, `postgresql://user@host/database`, "
            "`private:` to keep nothing, or `influxdb://…` for the default with a mirror",
            extra={"default": "$XDG_DATA_HOME/tachlog/tachlog.db", "path": True},
        ),
    ] = "private:"
    retention_days: Annotated[
        int,
        Meta(
            ge=1,
            description="how long single operations stay in the archive; `tachlog db prune` and"
            " the service delete them, analyze does not",
            extra={"unit": "days"},
        ),
    ] = 90
    max_size: Annotated[
        int,
        Meta(
            ge=1,
            description="how much the archive may take before operations go earlier, the oldest"
            " first",
            extra={"unit": "bytes"},
        ),
    ] = 2_000_000_000
    history_days: Annotated[
        int,
        Meta(
            ge=0,
            description="how long sessions and daily figures stay after that, at least as long as"
            " single operations; 0 keeps them for ever",
            extra={"unit": "days"},
        ),
    ] = 0
    downsample_after: Annotated[
        int,
        Meta(
            ge=1,
            description="from which age on charts show hourly and daily sums",
            extra={"unit": "days"},
        ),
    ] = 30
    influxdb: Influxdb = Influxdb()
    mirrors: Annotated[
        tuple[MirrorConfig, ...],
        Meta(
            description="stores that follow the archive, each a `[[storage.mirrors]]` with url"
            " (`influxdb://user:password@host/database`, `influxdb://host/bucket?org=…&token=…`)"
            " and hints (true: titles, targets and error excerpts go there as well)"
        ),
    ] = ()


class Display(Struct, frozen=True, kw_only=True):
    """How answers look."""

    time_zone: Annotated[
        str,
        Meta(
            description="zone that cuts days and weeks, as `Europe/Vienna`",
            extra={"default": "this machine's"},
        ),
    ] = "UTC"
    color: Annotated[
        Literal["auto", "always", "never"],
        Meta(description="colours: auto is on a terminal without `NO_COLOR`; always, never"),
    ] = "auto"


class Statusline(Struct, frozen=True, kw_only=True):
    """What `tachlog statusline` says."""

    template: Annotated[
        str,
        Meta(
            description="parts between ` · `: {today} {week} {block} {rate} {left} {limit}"
            " {context} {session} {model}; docs/budget.md says what each is"
        ),
    ] = STATUSLINE


class Prices(Struct, frozen=True, kw_only=True):
    """What model calls cost."""

    file: Annotated[
        Path | None,
        Meta(description="prices of your own that win over the list prices", extra={"path": True}),
    ] = None


class Estimates(Struct, frozen=True, kw_only=True):
    """How tokens are estimated that no log reports."""

    factors: Annotated[
        Literal["learned", "shipped"],
        Meta(
            description="learned: by the shipped factors, corrected by what the archive's own"
            " reported counts teach; shipped: by them alone"
        ),
    ] = "learned"


class Sources(Struct, frozen=True, kw_only=True):
    """Where logs are."""

    paths: Annotated[
        tuple[str, ...],
        Meta(
            description="files and directories to read beside those that are discovered",
            extra={"path": True},
        ),
    ] = ()
    mappings: Annotated[
        tuple[Mapping, ...],
        Meta(
            description="log formats of your own: which files have one, which field is what; they"
            " go before the formats that tachlog knows"
        ),
    ] = ()


class Signals(Struct, frozen=True, kw_only=True):
    """Patterns of your own: regular expressions, letter case does not count."""

    errors: Annotated[
        dict[str, list[str]],
        Meta(description="by error class: what its texts look like; asked before the shipped ones"),
    ] = field(default_factory=dict)
    behaviors: Annotated[
        dict[str, list[str]],
        Meta(description="by behaviour: how an assistant's words show it"),
    ] = field(default_factory=dict)


class Serve(Struct, frozen=True, kw_only=True):
    """How `tachlog serve` is reached."""

    host: Annotated[
        str, Meta(description="the address to listen at; beyond this machine people sign in")
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="the port to listen at; 0 takes a free one")
    ] = 8377
    hosts: Annotated[
        tuple[str, ...],
        Meta(description="names that it is asked by, beside localhost and this machine's own"),
    ] = ()
    tls_cert: Annotated[
        Path | None,
        Meta(
            description="a certificate (PEM, with its chain) to serve HTTPS with; needs tls_key",
            extra={"path": True},
        ),
    ] = None
    tls_key: Annotated[
        Path | None,
        Meta(description="the private key of tls_cert (PEM)", extra={"path": True}),
    ] = None
    follow: Annotated[
        bool, Meta(description="follow the logs of this machine; a server for others has none")
    ] = True
    max_body: Annotated[
        int,
        Meta(
            ge=1024,
            description="the longest request body, before and after it is unpacked",
            extra={"unit": "bytes"},
        ),
    ] = 20 << 20


class Config(Struct, frozen=True, kw_only=True):
    """Everything that can be set. One that is made by hand keeps nothing and counts in UTC."""

    alerts: Alerts = Alerts()
    channels: Annotated[
        tuple[Channel, ...],
        Meta(
            description="who is told of alerts, each a `[[channels]]` with name, url, severities,"
            " match, quiet_hours, hints, send_resolved, private, secret (docs/alerts.md)"
        ),
    ] = ()
    budget: Budget = Budget()
    analysis: Analysis = Analysis()
    storage: Storage = Storage()
    display: Display = Display()
    statusline: Statusline = Statusline()
    prices: Prices = Prices()
    estimates: Estimates = Estimates()
    sources: Sources = Sources()
    signals: Signals = Signals()
    serve: Serve = Serve()
    report: Reporting = Reporting()
    billing: Annotated[
        tuple[Billing, ...],
        Meta(
            description="how providers are paid, each a `[[billing]]` with provider, plan"
            " (subscription or api), usd_per_month, since, name"
        ),
    ] = ()
    projects: Annotated[
        dict[str, str],
        Meta(
            description="names of projects by directory, for those that git does not tell apart",
            extra={"path": True},
        ),
    ] = field(default_factory=dict)


class Key(Struct, frozen=True):
    """One value that can be set; `default` is told as text, `unit` only where there is one."""

    name: str
    type: Any
    meaning: str
    default: str
    unit: str | None
    is_text: bool
    is_path: bool

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper().replace(".", "__")


_FACTORS = {
    "message_count": ("thresholds that give 1, 2, 3 points of complexity: messages", None),
    "unique_tools": ("thresholds that give 1, 2, 3 points: different tools", None),
    "duration": ("thresholds that give 1, 2 points: from first to last operation", "s"),
    "error_rate": ("thresholds that give 1, 2 points: share of failed operations", None),
}
"""Meaning and unit of `analysis.complexity_factors.*`, whose type knows of no configuration."""


@cache
def keys() -> tuple[Key, ...]:
    """Every key, in the order of `Config`."""
    return tuple(_keys_of(Config(), ""))


def _keys_of(section: Struct, prefix: str) -> Iterator[Key]:
    for each in msgspec.structs.fields(section):
        value = getattr(section, each.encode_name)
        name = prefix + each.encode_name
        if isinstance(value, Struct):
            yield from _keys_of(value, f"{name}.")
            continue
        meta = next((m for m in get_args(each.type) if isinstance(m, Meta)), Meta())
        meaning, unit = _FACTORS.get(each.name, (meta.description or "", None))
        extra = meta.extra or {}
        yield Key(
            name,
            each.type,
            meaning,
            extra.get("default") or as_toml(value),
            extra.get("unit", unit),
            isinstance(value, str) or (value is None and extra.get("path", False)),
            extra.get("path", False),
        )


def as_toml(value: object) -> str:
    """A value as it is written in the file; `none` for None, which the file cannot say."""
    match value:
        case None:
            return "none"
        case tuple() | list():
            return f"[{', '.join(map(as_toml, value))}]"
        case Struct():
            return as_toml(_told(value))
        case dict():
            inner = ", ".join(f"{as_toml(k)} = {as_toml(v)}" for k, v in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case _:
            return msgspec.json.encode(value, enc_hook=str).decode()


def _told(value: Struct) -> dict[str, object]:
    """The fields of a struct that are not at their default."""
    fields = msgspec.structs.fields(value)
    told = {each.encode_name: (getattr(value, each.name), each.default) for each in fields}
    return {name: given for name, (given, default) in told.items() if given != default}


def value_of(config: Config, name: str) -> object:
    """The value of a key."""
    value: object = config
    for part in name.split("."):
        value = getattr(value, part)
    return value
