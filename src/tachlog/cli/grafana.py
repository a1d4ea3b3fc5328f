"""The verb `grafana`: what Grafana needs to show an archive or a mirror, as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Misuse
from tachlog.grafana.provisioning import address_of, database_of, files, write
from tachlog.stores.influxdb import MirrorError

POSTGRESQL: Final = "postgresql://localhost/tachlog"
INFLUXDB: Final = "influxdb://localhost:8086/tachlog"


class Written(Struct, frozen=True):
    """What was written: `sources` are the databases that Grafana will ask, without passwords."""

    directory: str
    at: str
    sources: list[str]
    files: list[str]


def grafana(ask: Ask) -> Answer:
    """Answer `tachlog grafana`."""
    options, storage = ask.options, ask.config.storage
    archive = storage.url if "://" in storage.url else None
    mirror = options.mirror or next((each.url for each in storage.mirrors), None)
    is_known = archive is not None or mirror is not None
    if not is_known:
        archive, mirror = POSTGRESQL, INFLUXDB
    try:
        database = database_of(archive) if archive and _is_postgresql(archive) else None
        address = address_of(mirror) if mirror else None
    except (ValueError, MirrorError) as error:
        raise Misuse(str(error)) from None
    directory = Path(options.dir).resolve()
    at = (options.at or str(directory)).rstrip("/")
    told = files(database, address, at)
    write(directory, told)
    sources = [
        *([f"PostgreSQL {database.address}, {database.name}"] if database else []),
        *([f"InfluxDB {address.host}:{address.port}, {address.database}"] if address else []),
    ]
    found = Written(str(directory), at, sources, sorted(told))
    return Answer(found, lambda: _lines(found, is_known=is_known, has_role=database is not None))


def _is_postgresql(url: str) -> bool:
    return url.startswith(("postgresql://", "postgres://"))


def _lines(found: Written, *, is_known: bool, has_role: bool) -> Iterator[str]:
    boards = sum(name.endswith(".json") for name in found.files)
    yield f"{boards} dashboards and their data sources, in {found.directory}"
    for source in found.sources:
        yield f"  asks {source}"
    if not is_known:
        yield (
            "no archive in PostgreSQL and no mirror in InfluxDB are configured: these are examples;"
            " name yours with --db and --mirror"
        )
    if has_role:
        yield "once, as the archive's owner: psql -f reader.sql (a role that sees figures alone)"
    yield (
        f"then: cp -r provisioning/* /etc/grafana/provisioning/ and let Grafana see {found.at};"
        " docs/grafana.md has each step"
    )
