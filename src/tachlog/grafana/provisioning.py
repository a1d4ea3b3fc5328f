"""The files that Grafana starts with: data sources, dashboards and where they lie, a role to read.

Written as "Provision Grafana" of Grafana 12 says (checked 2026-11-23), which fills in variables of
its environment: passwords and tokens are named there and never written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from msgspec import Struct

from tachlog.grafana.boards import DASHBOARDS, NAMES, TYPES, board, uid
from tachlog.grafana.panels import Language
from tachlog.stores.influxdb import Address, address_of

ROLE: Final = "grafana"
"""Who asks PostgreSQL: somebody who sees what panels need and no more."""

READ: Final[Mapping[str, str]] = {
    "agent_telemetry_summaries": "thread, session_id, root, agent, project, provider, model,"
    " complexity, start_us, duration, message_count, tool_call_count, total_tokens, success_rate,"
    " changed",
    "model_quarters": "",
    "tool_quarters": "",
    "failure_quarters": "",
    "model_totals": "",
    "calls": "thread, at_us, model, response_us",
    "tool_calls": "thread, at_us, tool, outcome, reported, duration_ms, approval_ms, end_us,"
    " error_class",
    "failures": "thread, at_us, model, error_class",
    "names": "",
    "telemetry_alerts": "type, severity, triggered_at, resolved_us, acknowledged",
    "files": "id, source, problems, read_us",
    "problems": "file, kind",
    "mirrors": "name, changed, thread, written_us, fault",
}
"""The tables that panels ask, and the columns where not all are for everybody's eyes."""

WARNING: Final = "Made by `tachlog grafana`: what is changed here is lost when it is run again."


class Database(Struct, frozen=True):
    """Where an archive in PostgreSQL is, as Grafana reaches it."""

    host: str
    port: int
    name: str
    tls: str

    @property
    def address(self) -> str:
        """Host and port; of a socket its directory."""
        return self.host if self.host.startswith("/") else f"{self.host}:{self.port}"


def database_of(url: str) -> Database:
    """Read `postgresql://[user[:password]@]host[:port]/database[?sslmode=…]`.

    Raises ValueError for what is no such URL. Without `sslmode` nothing is encrypted.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = parts.hostname or options.get("host", "localhost")
    tls = options.get("sslmode", "disable")
    tls = tls if tls in ("require", "verify-ca", "verify-full") else "disable"
    return Database(host, parts.port or 5432, unquote(parts.path.strip("/")) or "postgres", tls)


def files(postgresql: Database | None, influxdb: Address | None, at: str) -> dict[str, str]:
    """The text of each file by its path; `at` is the directory as Grafana sees it."""
    told: dict[str, str] = {}
    sources: list[dict[str, Any]] = []
    languages: list[Language] = []
    if influxdb is not None:
        languages.append("influxql")
        sources.append(_influxdb(influxdb))
    if postgresql is not None:
        languages.append("sql")
        sources.append(_postgresql(postgresql))
        told["reader.sql"] = reader(postgresql.name)
    told["provisioning/datasources/tachlog.yaml"] = _yaml("datasources", sources)
    told["provisioning/dashboards/tachlog.yaml"] = _yaml(
        "providers", [_provider(language, at) for language in languages]
    )
    for language in languages:
        for dashboard in DASHBOARDS:
            text = msgspec.json.format(msgspec.json.encode(board(dashboard, language)), indent=1)
            told[f"dashboards/{NAMES[language]}/{dashboard.name}.json"] = text.decode() + "\n"
    return told


def write(directory: Path, told: Mapping[str, str]) -> None:
    """Write files into a directory, in the place of those of an earlier run."""
    for name, text in told.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def reader(database: str) -> str:
    """What makes the role that Grafana asks as: it sees figures and names, no titles or paths."""
    granted = [
        f"GRANT SELECT{f' ({columns})' if columns else ''} ON {table} TO {ROLE};"
        for table, columns in READ.items()
    ]
    name = '"' + database.replace('"', '""') + '"'
    lines = [
        f"-- {WARNING}",
        "-- Run it once as the archive's owner, then: \\password grafana",
        f"CREATE ROLE {ROLE} LOGIN;",
        f"GRANT CONNECT ON DATABASE {name} TO {ROLE};",
        *granted,
    ]
    return "\n".join(lines) + "\n"


def _source(language: Language, title: str, url: str) -> dict[str, Any]:
    return {
        "name": f"tachlog ({title})",
        "uid": uid(language),
        "type": TYPES[language],
        "access": "proxy",
        "url": url,
    }


def _postgresql(database: Database) -> dict[str, Any]:
    return {
        **_source("sql", "PostgreSQL", database.address),
        "user": ROLE,
        "jsonData": {
            "database": database.name,
            "sslmode": database.tls,
            "postgresVersion": 1500,
        },
        "secureJsonData": {"password": _Variable("GRAFANA_READER_PASSWORD")},
    }


def _influxdb(address: Address) -> dict[str, Any]:
    scheme = "https" if address.tls else "http"
    source = _source("influxql", "InfluxDB", f"{scheme}://{address.host}:{address.port}")
    asked = {"dbName": address.database, "httpMode": "POST", "version": "InfluxQL"}
    if address.version == 1:
        user = {"user": address.user} if address.user else {}
        secret = {"secureJsonData": {"password": _Variable("INFLUXDB_PASSWORD")}} if user else {}
        return {**source, **user, "jsonData": asked, **secret}
    return {
        **source,
        "jsonData": {**asked, "httpHeaderName1": "Authorization"},
        "secureJsonData": {"httpHeaderValue1": _Variable("INFLUXDB_TOKEN", "Token ")},
    }


def _provider(language: Language, at: str) -> dict[str, Any]:
    """Where the dashboards of a language lie, and the folder that Grafana shows them in."""
    return {
        "name": uid(language),
        "folder": {"influxql": "tachlog (InfluxDB)", "sql": "tachlog (PostgreSQL)"}[language],
        "type": "file",
        "allowUiUpdates": False,
        "options": {"path": f"{at}/dashboards/{NAMES[language]}"},
    }


class _Variable(Struct, frozen=True):
    """A variable of Grafana's environment, and what stands before it."""

    name: str
    before: str = ""


def _yaml(key: str, entries: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"# {WARNING}", "apiVersion: 1", f"{key}:"]
    for entry in entries:
        first, *rest = _lines(entry)
        lines += [f"  - {first}", *(f"    {line}" for line in rest)]
    return "\n".join(lines) + "\n"


def _lines(entry: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, value in entry.items():
        if isinstance(value, Mapping):
            lines += [f"{name}:", *(f"  {line}" for line in _lines(value))]
        else:
            lines.append(f"{name}: {_scalar(value)}")
    return lines


def _scalar(value: object) -> str:
    """A value as YAML, in which a dollar begins a variable of the environment."""
    if isinstance(value, _Variable):
        return f'"{value.before}${{{value.name}}}"'
    text = value.replace("$", "$$") if isinstance(value, str) else value
    return msgspec.json.encode(text).decode()


__all__ = ["Address", "Database", "address_of", "database_of", "files", "write"]
