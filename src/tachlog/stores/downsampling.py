"""What a mirror keeps for how long: its database, retention and hourly sums, made and kept in step.

Single points are kept `raw_days`. Hourly sums of calls, tools and errors are kept for good: in the
retention policy `tachlog_hourly` (1.x, by continuous queries) or the bucket `…_hourly` (2.x, by
tasks). They are made anew as long as their hour is younger than `settle_days`, since logs may be
read late. InfluxDB 3 has neither; its database is made by the first write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from tachlog.stores.influxdb import (
    JSON,
    InfluxMirror,
    MirrorError,
    NotAllowed,
    Reply,
    own_measurements,
    writes_only,
)
from tachlog.stores.points import CALLS, ERRORS, TOOLS

RAW: Final = "tachlog"
HOURLY: Final = "tachlog_hourly"

SUMS: Final[Mapping[str, Sequence[str]]] = {
    CALLS: (
        "input",
        "cache_read",
        "cache_write",
        "output",
        "reasoning",
        "estimated",
        "total_tokens",
        "cost_usd",
    ),
    TOOLS: ("success", "error", "input_bytes", "output_bytes"),
    ERRORS: ("count",),
}
"""The fields that are added up by the hour."""

COUNTED: Final[Mapping[str, str]] = {CALLS: "output", TOOLS: "success"}
"""A field that every point has: its number is the number of calls."""

MEANS: Final[Mapping[str, str]] = {CALLS: "response_ms", TOOLS: "duration_ms"}


class Keeping(Struct, frozen=True):
    """How long single points are kept, and until when hourly sums are made anew, in days."""

    raw_days: int
    settle_days: int

    def told(self) -> str:
        """The same as a text, by which a mirror remembers what was set up."""
        return f"1: raw {self.raw_days} d, hourly sums for {self.settle_days} d"


class Ready(Struct, frozen=True):
    """A mirror that takes points.

    One that `is_new`, or keeps its points for another time now, is fed from the start. `prepared`
    remembers what was set up; `note` says what could not be.
    """

    prepared: str
    is_new: bool = False
    note: str | None = None


def prepare(mirror: InfluxMirror, keeping: Keeping, prepared: str) -> Ready:
    """Make or change what a mirror needs; `prepared` is what was set up before.

    Raises `MirrorError`.
    """
    make = {1: _prepare_1, 2: _prepare_2}.get(mirror.address.version)
    try:
        return make(mirror, keeping, prepared) if make else Ready(keeping.told())
    except NotAllowed as error:
        return Ready(keeping.told(), note=f"retention and hourly sums could not be set up: {error}")


def _prepare_1(mirror: InfluxMirror, keeping: Keeping, prepared: str) -> Ready:
    database = _quoted(mirror.address.database)
    names = [row["name"] for row in mirror.query("SHOW DATABASES")]
    is_new = mirror.address.database not in names
    if is_new:
        mirror.query(f"CREATE DATABASE {database}")
    elif prepared == keeping.told():
        return Ready(prepared)
    else:
        _refuse_shared(mirror)
    _keep_policies(mirror, database, keeping)
    return Ready(keeping.told(), is_new or bool(prepared))


def _keep_policies(mirror: InfluxMirror, database: str, keeping: Keeping) -> None:
    policies = {row["name"] for row in mirror.query(f"SHOW RETENTION POLICIES ON {database}")}
    for name, duration, default in (
        (RAW, f"{keeping.raw_days}d", " DEFAULT"),
        (HOURLY, "0s", ""),
    ):
        verb = "ALTER" if name in policies else "CREATE"
        replication = "" if name in policies else " REPLICATION 1"
        mirror.query(
            f"{verb} RETENTION POLICY {name} ON {database} DURATION {duration}{replication}"
            f"{default}"
        )
    for name, question in _continuous(database, keeping):
        mirror.query(f"DROP CONTINUOUS QUERY {name} ON {database}")
        mirror.query(question)


def _refuse_shared(mirror: InfluxMirror) -> None:
    """Other programs' points must not expire by our rules."""
    names = [row["name"] for row in mirror.query("SHOW MEASUREMENTS")]
    if others := sorted(own_measurements(names)):
        raise MirrorError(
            f"{mirror.address.name}: other programs keep their measurements there"
            f" ({', '.join(others[:3])}); give tachlog a database of its own"
        )


def _continuous(database: str, keeping: Keeping) -> Iterator[tuple[str, str]]:
    for measurement in SUMS:
        name = f"tachlog_{measurement}"
        yield (
            name,
            f"CREATE CONTINUOUS QUERY {name} ON {database}"
            f" RESAMPLE EVERY 1h FOR {keeping.settle_days}d BEGIN SELECT {_columns(measurement)}"
            f" INTO {database}.{HOURLY}.{measurement} FROM {database}.{RAW}.{measurement}"
            " GROUP BY time(1h), * END",
        )


def settle(mirror: InfluxMirror, since_us: int, until_us: int) -> None:
    """Make the hourly sums of whole hours that no continuous query looks at any more (1.x)."""
    if mirror.address.version != 1:
        return
    database = _quoted(mirror.address.database)
    for measurement in SUMS:
        mirror.query(
            f"SELECT {_columns(measurement)} INTO {database}.{HOURLY}.{measurement}"
            f" FROM {database}.{RAW}.{measurement} WHERE time >= {since_us}u AND time < {until_us}u"
            " GROUP BY time(1h), *"
        )


def _columns(measurement: str) -> str:
    columns = [f'sum("{name}") AS "{name}"' for name in SUMS[measurement]]
    if counted := COUNTED.get(measurement):
        columns.append(f'count("{counted}") AS "calls"')
    if mean := MEANS.get(measurement):
        columns.append(f'mean("{mean}") AS "{mean}"')
    return ", ".join(columns)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Bucket(Struct, frozen=True):
    id: str
    retention: list[dict[str, Any]] = msgspec.field(name="retentionRules", default_factory=list)


class _Named(Struct, frozen=True):
    id: str


class _Found(Struct, frozen=True):
    buckets: list[_Bucket] = []
    orgs: list[_Named] = []
    tasks: list[_Named] = []


def _prepare_2(mirror: InfluxMirror, keeping: Keeping, prepared: str) -> Ready:
    bucket = mirror.address.database
    reply = mirror.ask("GET", "/api/v2/buckets", {"org": mirror.address.org, "name": bucket})
    if writes_only(reply):
        return Ready(keeping.told())
    is_new = not (reply.is_ok and _found(reply).buckets)
    if not is_new and prepared == keeping.told():
        return Ready(prepared)
    organisation = _organisation(mirror)
    for name, days in ((bucket, keeping.raw_days), (f"{bucket}_hourly", 0)):
        _keep_bucket(mirror, organisation, name, days)
    for measurement in SUMS:
        _keep_task(mirror, measurement, _flux(bucket, mirror.address.org, measurement, keeping))
    return Ready(keeping.told(), is_new or bool(prepared))


def _organisation(mirror: InfluxMirror) -> str:
    found = _found(_done(mirror, "GET", "/api/v2/orgs", {"org": mirror.address.org})).orgs
    if not found:
        raise MirrorError(
            f"{mirror.address.name}: there is no organisation {mirror.address.org!r}; name it in"
            " the mirror's URL: &org=…"
        )
    return found[0].id


def _keep_bucket(mirror: InfluxMirror, organisation: str, name: str, days: int) -> None:
    rules = [{"type": "expire", "everySeconds": days * 86_400}] if days else []
    reply = mirror.ask("GET", "/api/v2/buckets", {"org": mirror.address.org, "name": name})
    known = _found(reply).buckets if reply.is_ok else []
    body = {"name": name, "retentionRules": rules}
    if not known:
        _done(mirror, "POST", "/api/v2/buckets", {}, {**body, "orgID": organisation})
    else:
        _done(mirror, "PATCH", f"/api/v2/buckets/{known[0].id}", {}, body)


def _keep_task(mirror: InfluxMirror, measurement: str, flux: str) -> None:
    asked = {"org": mirror.address.org, "name": f"tachlog_{measurement}"}
    known = _found(_done(mirror, "GET", "/api/v2/tasks", asked)).tasks
    body = {"flux": flux, "status": "active"}
    if known:
        _done(mirror, "PATCH", f"/api/v2/tasks/{known[0].id}", {}, body)
    else:
        _done(mirror, "POST", "/api/v2/tasks", {}, {**body, "org": mirror.address.org})


def _flux(bucket: str, org: str, measurement: str, keeping: Keeping) -> str:
    """A task that adds up the hours that may still change."""
    quoted = [msgspec.json.encode(name).decode() for name in (bucket, f"{bucket}_hourly", org)]
    fields = " or ".join(f'r._field == "{name}"' for name in SUMS[measurement])
    return (
        'import "date"\n\n'
        f'option task = {{name: "tachlog_{measurement}", every: 1h}}\n\n'
        f"from(bucket: {quoted[0]})\n"
        f"    |> range(start: date.truncate(t: -{keeping.settle_days}d, unit: 1h))\n"
        f'    |> filter(fn: (r) => r._measurement == "{measurement}" and ({fields}))\n'
        '    |> aggregateWindow(every: 1h, fn: sum, timeSrc: "_start", createEmpty: false)\n'
        f"    |> to(bucket: {quoted[1]}, org: {quoted[2]})\n"
    )


def _done(
    mirror: InfluxMirror,
    method: str,
    path: str,
    options: Mapping[str, str],
    body: Mapping[str, Any] | None = None,
) -> Reply:
    raw = None if body is None else msgspec.json.encode(body)
    reply = mirror.ask(method, path, options, raw, JSON)
    if not reply.is_ok:
        raise mirror.fault(reply)
    return reply


def _found(reply: Reply) -> _Found:
    try:
        return msgspec.json.decode(reply.body, type=_Found)
    except msgspec.DecodeError:
        return _Found()
