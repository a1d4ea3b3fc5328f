"""Read the configuration from a file, variables and flags; tell where each value came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct

from tachlog.analysis.alerting.channels import Channel, channels_fault
from tachlog.analysis.alerting.texts import RuleText
from tachlog.analysis.billing import Billing
from tachlog.analysis.complexity import ComplexityFactors
from tachlog.config.keys import PREFIX, Config, Key, MirrorConfig, Storage, as_toml, keys
from tachlog.mappings import Fields
from tachlog.mappings import Mapping as LogMapping
from tachlog.model import BEHAVIORS, ERROR_CLASSES
from tachlog.report.schedule import reporting_fault
from tachlog.settings import data_home, file_path, home_in, is_zone, machine_zone

OTHER_VARIABLES = {
    "TACHLOG_CONFIG": "the configuration file, in the place of the usual one",
    "TACHLOG_SHIP_TOKEN": "the token (scope ingest) that `tachlog ship` sends with",
    "TACHLOG_DEBUG": "1: show the Python traceback of an error that is a fault of tachlog's own",
}
"""Variables that are no keys."""


class ConfigError(ValueError):
    """A setting cannot be used; the message says where it stands, which it is and what to do."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")


class Loaded(Struct, frozen=True):
    """A configuration; `origins` says for each key where its value came from.

    An origin is `default`, a file, a variable or a flag. `path` is the file that was looked for.
    """

    config: Config
    origins: dict[str, str]
    path: Path


def load(
    environ: Mapping[str, str],
    path: Path | None = None,
    flags: Mapping[str, tuple[str, object]] | None = None,
) -> Loaded:
    """Read the configuration.

    `path` is the file (default: the usual one, which may be missing; one that is named must not).
    `flags` has (flag, value) by key. Raises ConfigError for what cannot be used: a file that cannot
    be read, an unknown key or variable, a value of the wrong type or out of its range.
    """
    named = path is not None or "TACHLOG_CONFIG" in environ
    path = path or Path(file_path(environ))
    values: dict[str, object] = {
        "storage.url": str(Path(data_home(environ), "tachlog.db")),
        "display.time_zone": machine_zone(environ),
    }
    origins = {key.name: "default" for key in keys()}
    for where, given in (
        *((str(path), item) for item in _from_file(path, named, environ)),
        *_from_environ(environ),
        *((flag, (key, value)) for key, (flag, value) in (flags or {}).items()),
    ):
        name, value = given
        values[name] = _checked(_known(name, where), value, where)
        origins[name] = where
    _settle_driver(values, origins)
    _settle_mirror(values, origins, environ)
    _check_together(values, origins)
    return Loaded(msgspec.convert(_nested(values), Config, dec_hook=_path), origins, path)


def _from_file(
    path: Path, must_exist: bool, environ: Mapping[str, str]
) -> Iterator[tuple[str, object]]:
    import tomllib

    try:
        with path.open("rb") as file:
            tree = tomllib.load(file)
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(str(path), "there is no such configuration file") from None
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(str(path), f"cannot be read: {reason}") from error
    for name, value in _flat(tree, "", str(path)):
        key = _known(name, str(path))
        yield name, _located(key, value, path.parent, environ)


def _from_environ(environ: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, object]]]:
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        name = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if not any(key.name == name for key in keys()):
            known = [key.variable for key in keys()] + list(OTHER_VARIABLES)
            raise ConfigError(
                variable, f"no such variable; did you mean {_nearest(variable, known)}?"
            )
        key = _known(name, variable)
        value = _spelled(key, environ[variable], variable)
        yield variable, (name, _located(key, value, Path(), environ))


def _spelled(key: Key, text: str, variable: str) -> object:
    """The value that a variable's text stands for: a text is itself, everything else TOML."""
    if key.is_text:
        return text
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise ConfigError(
            variable, f"{text!r} is no value as TOML writes it; the default is {key.default}"
        ) from None


def _flat(tree: Mapping[str, Any], prefix: str, where: str) -> Iterator[tuple[str, object]]:
    """The values of a tree by dotted key; a table that is itself a value stays whole."""
    for part, value in tree.items():
        name = prefix + part
        if name not in _sections():
            yield name, value
        elif isinstance(value, dict):
            yield from _flat(value, f"{name}.", where)
        else:
            raise ConfigError(where, f"{name} is a table: write [{name}] and its keys below it")


def _sections() -> set[str]:
    names = {key.name.rpartition(".")[0] for key in keys()} - {""}
    return names | {name.rpartition(".")[0] for name in names} - {""}


def _known(name: str, where: str) -> Key:
    for key in keys():
        if key.name == name:
            return key
    sections = [section for section in _sections() if not name.startswith(f"{section}.")]
    nearest = _nearest(name, [*(key.name for key in keys()), *sections])
    raise ConfigError(where, f"unknown key {name}; did you mean {nearest}?")


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    return get_close_matches(name, known, n=1, cutoff=0)[0]


def _settle_driver(values: dict[str, object], origins: dict[str, str]) -> None:
    """Let the archive's URL say what keeps it, unless that is set; then they have to agree."""
    url = str(values["storage.url"])
    scheme = url.partition("://")[0]
    told = {"postgres": "postgresql", "postgresql": "postgresql", "influxdb": "influxdb"}.get(
        scheme, "sqlite"
    )
    if origins["storage.driver"] == "default":
        values["storage.driver"], origins["storage.driver"] = told, origins["storage.url"]
    elif values["storage.driver"] != told:
        raise ConfigError(
            origins["storage.driver"],
            f'storage.driver = "{values["storage.driver"]}", but storage.url names an archive in '
            f"{told} ({origins['storage.url']}); set both, or the url alone",
        )


def _settle_mirror(
    values: dict[str, object], origins: dict[str, str], environ: Mapping[str, str]
) -> None:
    """An archive in InfluxDB is the usual one with a mirror there."""
    url = str(values["storage.url"])
    if url.startswith("influxdb://"):
        others = values.get("storage.mirrors", ())
        assert isinstance(others, tuple)
        values["storage.mirrors"] = (MirrorConfig(url=url), *others)
        values["storage.url"] = f"{data_home(environ)}/tachlog.db"
        origins["storage.mirrors"] = origins["storage.url"]
        origins["storage.url"] = "default"


def _checked(key: Key, value: object, where: str) -> object:
    try:
        converted: object = msgspec.convert(value, key.type, dec_hook=_path)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at ")
        if key.name in _TABLES and place.startswith("`$["):
            fault = _table_fault(key.name, reason, place.strip("`$"))
            raise ConfigError(where, fault) from None
        if reason.startswith("Invalid enum value"):
            reason = f"give one of {', '.join(_names(key.type))}"
        told = "" if key.name in _SECRET else f" = {as_toml(value)}"
        raise ConfigError(
            where, f"{key.name}{told}: {reason}; the default is {key.default}"
        ) from None
    return converted


_TABLES: Mapping[str, type[Struct]] = {
    "sources.mappings": LogMapping,
    "billing": Billing,
    "storage.mirrors": MirrorConfig,
    "alerts.rules": RuleText,
    "channels": Channel,
}
"""The keys that are lists of tables, with the type of each."""

_SECRET = ("channels", "storage.mirrors")
"""The keys whose values may hold passwords, and are not told."""


def _table_fault(name: str, reason: str, place: str) -> str:
    """What is wrong in a table of a list; `place` is as `[0].fields`, counted from 0."""
    kind = Fields if place.endswith(".fields") else _TABLES[name]
    if reason.startswith("Invalid enum value"):
        field = place.rpartition(".")[2].partition("[")[0]
        types = {each.encode_name: each.type for each in msgspec.structs.fields(kind)}
        reason = f"give one of {', '.join(_names(types[field]))}"
    _, is_unknown, unknown = reason.partition("Object contains unknown field ")
    if is_unknown:
        unknown = unknown.strip("`")
        nearest = _nearest(unknown, list(kind.__struct_fields__))
        reason = f"unknown key {unknown}; did you mean {nearest}?"
    return f"{name}{place}: {reason}"


def _path(kind: type, value: object) -> object:
    """A path, the one type of a value that msgspec does not know."""
    if not isinstance(value, str | Path):
        raise msgspec.ValidationError(f"Expected a path, got {as_toml(value)}")
    return kind(value)


def _names(kind: Any) -> list[str]:
    """The names that a value, or the keys of a map, must be one of."""
    inner = get_args(kind)
    return list(inner) if get_origin(kind) is Literal else _names(inner[0])


def _located(key: Key, value: object, base: Path, environ: Mapping[str, str]) -> object:
    """A value with its paths made whole: `~` is the home, others are beside what names them."""
    if not key.is_path:
        return value
    if isinstance(value, dict):
        return {home_in(name, environ): project for name, project in value.items()}
    if isinstance(value, list):
        return [_located(key, each, base, environ) for each in value]
    if not isinstance(value, str) or ":" in value:
        return value
    return str(base / home_in(value, environ))


def _check_together(values: dict[str, object], origins: Mapping[str, str]) -> None:
    """Check what the types cannot."""
    for key in ("display.time_zone", "report.time_zone"):
        zone = str(values.get(key, ""))
        if zone and not is_zone(zone):
            raise ConfigError(origins[key], f"{key}: {zone!r} is no zone; {_zone_hint(zone)}")
    if fault := _history_fault(values):
        raise ConfigError(origins["storage.history_days"], fault)
    if fault := _bill_fault(values.get("billing")):
        raise ConfigError(origins["billing"], fault)
    channels = values.get("channels")
    told = channels if isinstance(channels, tuple) else ()
    if fault := channels_fault(told):
        raise ConfigError(origins["channels"], fault)
    names = values.get("report.channels", ())
    assert isinstance(names, tuple)
    if fault := reporting_fault(str(values.get("report.schedule", "")), names, told):
        key = fault.partition(" ")[0].rstrip(":")
        raise ConfigError(origins[key], fault)
    _check_rules(values, origins)
    factors = "analysis.complexity_factors."
    given = {n.removeprefix(factors): v for n, v in values.items() if n.startswith(factors)}
    for name, value in given.items():
        try:
            ComplexityFactors(**{name: value})  # type: ignore[arg-type]
        except ValueError as error:
            raise ConfigError(origins[factors + name], f"analysis.{error}") from None
    for key, names in (("signals.errors", ERROR_CLASSES), ("signals.behaviors", BEHAVIORS)):
        for name, pattern in _patterns(values.get(key)):
            fault = _fault(pattern)
            if name not in names:
                fault = f"{name} is none of {', '.join(names)}"
            if fault is not None:
                raise ConfigError(origins[key], f"{key}: {name} = {pattern!r}: {fault}")


def _history_fault(values: dict[str, object]) -> str | None:
    """Sessions stay at least as long as their operations."""
    sessions = values.get("storage.history_days", 0)
    operations = values.get("storage.retention_days", Storage().retention_days)
    assert isinstance(sessions, int)
    assert isinstance(operations, int)
    if not 0 < sessions < operations:
        return None
    return (
        f"storage.history_days = {sessions}: is less than storage.retention_days = {operations};"
        " sessions stay at least as long as their operations (0: for ever)"
    )


def _check_rules(values: dict[str, object], origins: Mapping[str, str]) -> None:
    """Check the alert rules where any setting of them is given."""
    given = [name for name in _RULES if origins[f"alerts.{name}"] != "default"]
    if not given:
        return
    from tachlog.analysis.alerting.rules import RuleError, rules_of

    found: dict[str, Any] = {name: values[f"alerts.{name}"] for name in given}
    own, thresholds = found.pop("rules", ()), found.pop("values", {})
    try:
        rules_of(own, thresholds, **found)
    except RuleError as error:
        raise ConfigError(origins[f"alerts.{given[0]}"], str(error)) from None


_RULES = ("rules", "values", "off", "on", "accepted")


def _bill_fault(bills: object) -> str | None:
    """What is wrong in the first bill that cannot be."""
    for number, bill in enumerate(bills if isinstance(bills, tuple) else ()):
        if bill.plan == "subscription" and bill.usd_per_month is None:
            return f"billing[{number}]: a subscription needs usd_per_month"
        if bill.plan == "api" and bill.usd_per_month is not None:
            return f"billing[{number}]: plan api is billed by use and has no usd_per_month"
    return None


def _patterns(table: object) -> Iterator[tuple[str, str]]:
    if isinstance(table, dict):
        for name, patterns in table.items():
            yield from ((name, pattern) for pattern in patterns)


def _fault(pattern: str) -> str | None:
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        told = error.args[0] if error.args else ""
        why = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        return f"no regular expression of RE2, which has no look-around: {why}"
    return None


def _zone_hint(name: str) -> str:
    from zoneinfo import available_timezones

    known = sorted(available_timezones())
    return f"did you mean {_nearest(name, known)}?" if known else "this machine knows no zones"


def _nested(values: Mapping[str, object]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *sections, last = name.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    return tree
