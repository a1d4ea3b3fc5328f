"""Dashboards for Grafana: valid, and every question of theirs answered by the real databases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard as schema
from grafana_foundation_sdk.models import units

import grafana
import postgresql
import tachlog as api
from influxdb import Influx
from screens import Desk
from tachlog.analysis.summary import TelemetryResult
from tachlog.config import Config
from tachlog.config.keys import MirrorConfig, Storage
from tachlog.demo import write_demo
from tachlog.grafana.boards import DASHBOARDS, board
from tachlog.grafana.panels import Dashboard, Language, Panel, Variable
from tachlog.grafana.provisioning import Database, address_of, files, reader
from tachlog.mirrors import follow
from tachlog.stores import open_store
from tachlog.stores.influxdb import open_mirror

DAY_S = 86_400
SPAN = grafana.Span(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), DAY_S)
LANGUAGES: tuple[Language, ...] = ("influxql", "sql")
BOARDS = [(each, language) for each in DASHBOARDS for language in LANGUAGES]
each_board = pytest.mark.parametrize(
    ("dashboard", "language"), BOARDS, ids=[f"{each.name}-{language}" for each, language in BOARDS]
)
ALERT = (
    "INSERT INTO telemetry_alerts (id, type, severity, message, triggered_at, acknowledged)"
    " VALUES ('11111111-2222-3333-4444-555555555555', 'token_spike', 'info', 'Many tokens',"
    " '2026-11-02T10:00:00Z', false)"
)
AGES = 36_500

Rows = list[dict[str, Any]]


class Databases(NamedTuple):
    """Databases that hold the example logs, and what tachlog says of these."""

    postgresql: str
    influxdb: str
    result: TelemetryResult

    def ask(self, language: Language, question: str) -> Rows:
        """The rows of a question as Grafana would ask it: in PostgreSQL as its own role."""
        if language == "influxql":
            with closing(open_mirror(self.influxdb)) as mirror:
                return mirror.query(question)
        with psycopg.connect(self.postgresql, row_factory=psycopg.rows.dict_row) as connection:
            connection.execute("SET ROLE grafana")
            return connection.execute(question.encode()).fetchall()

    def rows(
        self, language: Language, question: str, chosen: grafana.Chosen, span: grafana.Span = SPAN
    ) -> Rows:
        """The rows of a dashboard's question, once Grafana has filled it in."""
        fill_in = grafana.influxql if language == "influxql" else grafana.sql
        filled = fill_in(question, span, chosen)
        assert not re.search(r"\$\w", filled)
        return self.ask(language, filled)

    def values(self, language: Language, variable: Variable) -> list[str]:
        """What may be chosen of a variable."""
        found = self.ask(language, variable.question(language))
        return [str([*row.values()][-1]) for row in found]

    def everything(self, dashboard: Dashboard, language: Language) -> dict[str, Any]:
        """All values of every variable, as they are chosen when a dashboard opens."""
        told = {each["name"]: each for each in board(dashboard, language)["templating"]["list"]}
        return {
            each.name: grafana.all_of(told[each.name], self.values(language, each))
            for each in dashboard.variables
        }

    def panel(self, dashboard: Dashboard, language: Language, title: str) -> Rows:
        """The rows of a panel with everything chosen."""
        (panel,) = [each for each in dashboard.panels if each.title == title]
        question = panel.question(language)
        assert question is not None
        return self.rows(language, question, self.everything(dashboard, language))


@pytest.fixture(scope="module")
def databases(
    postgresql_server: str, influx: Influx, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """The example logs and an alert, in PostgreSQL and in a mirror of it."""
    logs = tmp_path_factory.mktemp("example")
    write_demo(logs)
    mirror = influx.url()
    with postgresql.schema_in(postgresql_server) as url:
        schema_name = postgresql.schema_name(url)
        config = Config(storage=Storage(mirrors=(MirrorConfig(url=mirror),), retention_days=AGES))
        result = api.analyze(logs, archive=url, jobs=1, config=config)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(ALERT)
            for statement in reader("postgres").split(";\n"):
                owner.execute(statement.encode())
            owner.execute(f"GRANT USAGE ON SCHEMA {schema_name} TO grafana")
        with closing(open_store(url)) as store:
            (fed,) = follow(store, config, 1_795_000_000_000_000)
            assert fed.fault is None
        yield Databases(url, mirror, result)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute("DROP OWNED BY grafana")
            owner.execute("DROP ROLE grafana")


@each_board
def test_a_dashboard_is_what_grafanas_schema_says(dashboard: Dashboard, language: Language) -> None:
    """Grafana's own types read it whole; every unit is one of theirs."""
    register_default_plugins()
    told = board(dashboard, language)
    read = json.loads(JSONEncoder().encode(schema.Dashboard.from_json(told)))
    assert holds(read, told), dashboard.name
    known = {getattr(units, name) for name in dir(units) if not name.startswith("_")}
    assert set(found_units(told)) <= known


def holds(read: Any, told: Any) -> bool:
    """Whether what was read has all that was told; defaults may be added."""
    if isinstance(told, dict):
        return all(key in read and holds(read[key], value) for key, value in told.items())
    if isinstance(told, list):
        return len(read) == len(told) and all(map(holds, read, told))
    return bool(read == told)


def found_units(told: Any) -> Iterator[str]:
    """Every unit of a dashboard."""
    if isinstance(told, list):
        for each in told:
            yield from found_units(each)
    elif isinstance(told, dict):
        if told.get("id") == "unit":
            yield told["value"]
        for name, value in told.items():
            if name == "unit":
                yield value
            else:
                yield from found_units(value)


def test_ids_and_places_are_unique() -> None:
    """No two dashboards share a uid, no two panels of one an id or a place."""
    told = [board(dashboard, language) for dashboard, language in BOARDS]
    assert len({each["uid"] for each in told}) == len(told)
    for each in told:
        panels = each["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        cells = [cell for panel in panels for cell in cells_of(panel["gridPos"])]
        assert len(set(cells)) == len(cells), each["uid"]
        assert all(x < 24 for x, _ in cells)


def test_a_time_without_meaning_is_not_shown() -> None:
    """Rows of InfluxQL that are sums have no time that a table shows; others keep theirs."""
    for dashboard in DASHBOARDS:
        for panel in board(dashboard, "influxql")["panels"]:
            hidden = [each["options"]["excludeByName"] for each in panel.get("transformations", [])]
            query = panel["targets"][0]["query"]
            means = "time(" in query or "ORDER BY time" in query or "last(" in query
            assert hidden == ([] if means else [{"Time": True}]), panel["title"]


def cells_of(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    """The cells of the grid that a panel takes."""
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


def test_no_question_groups_by_session() -> None:
    """Nothing is grouped by what has as many values as there are sessions."""
    questions = [
        question
        for dashboard, language in BOARDS
        for panel in dashboard.panels
        if (question := panel.question(language))
    ]
    grouped = [each.partition("GROUP BY")[2] for each in questions]
    assert sum(map(bool, grouped)) > 20
    assert not [each for each in grouped if "session" in each]


@each_board
def test_every_panel_is_answered(
    databases: Databases, dashboard: Dashboard, language: Language
) -> None:
    """Each question returns rows with the panel's columns, and numbers where there is a unit."""
    everything = databases.everything(dashboard, language)
    for panel in dashboard.panels:
        question = panel.question(language)
        if question is None:
            continue
        rows = databases.rows(language, question, everything)
        assert rows, panel.title
        assert {"time" if panel.kind in ("bars", "lines") else "", *columns(panel, language)} <= {
            "",
            *rows[0],
        }, panel.title
        for field in panel.fields:
            values = [row[field.name] for row in rows if row[field.name] is not None]
            assert values or field.name == "fault", (panel.title, field.name)
            if field.unit and field.name != "time":
                assert all(float(value) >= 0 for value in values), (panel.title, field.name)
            if field.unit == "percentunit":
                assert all(value <= 1 for value in values), (panel.title, field.name)


def columns(panel: Panel, language: Language) -> set[str]:
    """The columns that a panel needs: its fields, and what tells its series apart."""
    told = {field.name for field in panel.fields}
    return told | {panel.by if language == "influxql" else "metric"} if panel.by else told


@pytest.mark.parametrize("language", LANGUAGES)
def test_panels_tell_what_tachlog_tells(databases: Databases, language: Language) -> None:
    """Totals of panels are those of the answer, in the unit that the panel says."""
    overview, sessions, tools, errors, cost, health = DASHBOARDS
    totals = databases.result.totals

    def one(dashboard: Dashboard, title: str, name: str) -> float:
        (row,) = databases.panel(dashboard, language, title)
        return float(row[name])

    def summed(dashboard: Dashboard, title: str, *names: str) -> float:
        rows = databases.panel(dashboard, language, title)
        return float(sum(row[name] or 0 for row in rows for name in names))

    dollars = pytest.approx(totals.cost_usd, abs=1e-6)
    kinds = ("input", "cache_read", "cache_write", "output")
    assert one(overview, "Sessions begun", "sessions") == totals.sessions
    assert one(overview, "Model calls", "calls") == totals.model_calls
    assert one(overview, "Tokens", "tokens") == totals.total_tokens
    assert one(overview, "Cost", "cost") == dollars
    assert summed(overview, "Cost by model", "value") == dollars
    assert summed(overview, "Tokens by kind", *kinds) == totals.total_tokens
    assert summed(overview, "Projects", "cost") == dollars
    p95 = one(overview, "Response time (p95)", "p95")
    assert p95 == pytest.approx(totals.p95_response_time, rel=0.02)
    assert summed(sessions, "Sessions begun", "value") == totals.sessions
    assert summed(sessions, "Complexity", "sessions") == totals.sessions
    assert summed(sessions, "The latest sessions", "duration") == pytest.approx(
        sum(each.duration or 0 for each in databases.result.sessions), abs=45
    )
    assert summed(tools, "Tools", "calls") == totals.tool_call_count
    assert summed(tools, "Calls by tool", "value") == totals.tool_call_count
    assert one(errors, "Errors", "errors") == sum(totals.error_breakdown.values())
    assert one(errors, "Failed model calls", "errors") == totals.failures
    assert summed(errors, "What fails how", "errors") == sum(totals.error_breakdown.values())
    by_class = databases.panel(errors, language, "Errors by class")
    name = "class" if language == "influxql" else "metric"
    assert {row[name] for row in by_class} == totals.error_breakdown.keys()
    assert one(cost, "Input read from caches", "share") == pytest.approx(
        totals.cache_hit_rate, abs=1e-6
    )
    assert summed(cost, "Models", *kinds) == totals.total_tokens
    assert summed(health, "Model calls by agent", "value") == totals.model_calls


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_chosen_is_what_is_shown(databases: Databases, language: Language) -> None:
    """One project, several, all; what would break out of its question chooses nothing."""
    overview = DASHBOARDS[0]
    agent, project = overview.variables
    agents = databases.values(language, agent)
    projects = databases.values(language, project)
    assert set(agents) == {"agent_log", "claude_code"}
    assert len(projects) > 2
    cost = next(each for each in overview.panels if each.title == "Cost").question(language)
    assert cost is not None

    def of(*chosen: str) -> float:
        found = databases.rows(language, cost, {"agent": agents, "project": chosen})
        return float(found[0]["cost"] or 0) if found else 0.0

    each = {name: of(name) for name in projects}
    assert of(*projects) == pytest.approx(sum(each.values()))
    assert of(*projects[:2]) == pytest.approx(each[projects[0]] + each[projects[1]])
    for odd in ("it's", "a/b", "x') OR ('' = '", "[a-z]+", "a|b", "back\\slash"):
        assert of(odd) == 0
    nobody = databases.everything(overview, language) | {"agent": ["nobody"]}
    assert not any(row["cost"] for row in databases.rows(language, cost, nobody))


@pytest.mark.parametrize("language", LANGUAGES)
def test_alerts_are_marks_on_every_dashboard(databases: Databases, language: Language) -> None:
    """The annotation's question gives the alert with its time, what it is and how bad."""
    for dashboard in DASHBOARDS:
        (mark,) = board(dashboard, language)["annotations"]["list"]
        question = mark["target"]["query" if language == "influxql" else "rawSql"]
        (row,) = databases.rows(language, question, {})
        names = (
            (mark["target"]["textColumn"], mark["target"]["tagsColumn"])
            if language == "influxql"
            else ("text", "tags")
        )
        assert [row[name] for name in names] == ["token_spike", "info"]
        at = datetime(2026, 11, 2, 10, tzinfo=UTC)
        if language == "sql":
            assert float(row["time"]) == at.timestamp() < float(row["timeend"])
        else:
            assert datetime.fromisoformat(row["time"]).replace(microsecond=0) == at


def test_grafanas_role_sees_no_secrets(databases: Databases) -> None:
    """Password hashes, tokens, titles, excerpts, targets and paths of files are refused to it."""
    for wish in (
        "password FROM users",
        "digest FROM tokens",
        "metrics FROM agent_telemetry_summaries",
        "text FROM texts",
        "path FROM files",
        "detail FROM problems",
        "message FROM telemetry_alerts",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            databases.ask("sql", f"SELECT {wish}")


def test_the_verb_writes_what_grafana_reads(tmp_path: Path) -> None:
    """Data sources of the configuration, dashboards where the provider says, and no password."""
    archive, mirror = "postgresql://ana:s3cret@db/shop", "influxdb://bo:s3cret@metrics:8087/agents"
    options = ("--db", archive, "--mirror", mirror, "--at", "/etc/grafana/tachlog/")
    told = Desk(tmp_path).run("grafana", str(tmp_path / "out"), *options, "--json")
    names = json.loads(told.out)["files"]
    texts = {name: (tmp_path / "out" / name).read_text() for name in names}
    assert not [name for name, text in texts.items() if "s3cret" in text]
    sources = yaml.safe_load(texts["provisioning/datasources/tachlog.yaml"])["datasources"]
    assert [(each["url"], each["user"]) for each in sources] == [
        ("http://metrics:8087", "bo"),
        ("db:5432", "grafana"),
    ]
    assert [
        each["jsonData"].get("dbName", each["jsonData"].get("database")) for each in sources
    ] == [
        "agents",
        "shop",
    ]
    assert [each["secureJsonData"]["password"] for each in sources] == [
        "${INFLUXDB_PASSWORD}",
        "${GRAFANA_READER_PASSWORD}",
    ]
    asked = {source["uid"]: source["type"] for source in sources}
    providers = yaml.safe_load(texts["provisioning/dashboards/tachlog.yaml"])["providers"]
    for provider in providers:
        inside = provider["options"]["path"].removeprefix("/etc/grafana/tachlog/")
        boards = [json.loads(text) for name, text in texts.items() if name.startswith(inside)]
        assert len(boards) == len(DASHBOARDS)
        for each in boards:
            used = [panel["datasource"] for panel in each["panels"]]
            assert all(asked[source["uid"]] == source["type"] for source in used)


def test_only_what_is_there_is_asked(tmp_path: Path) -> None:
    """An archive of one's own needs a mirror; without anything the example addresses are told."""
    desk = Desk(tmp_path)
    words = ("grafana", str(tmp_path / "one"), "--mirror", "influxdb://m/a")
    told = json.loads(desk.run(*words, "--json").out)
    assert told["sources"] == ["InfluxDB m:8086, a"]
    assert "reader.sql" not in told["files"]
    shown = desk.run("grafana", str(tmp_path / "two")).out
    assert "these are examples" in shown
    assert "localhost:5432" in shown
    wrong = desk.run("grafana", str(tmp_path / "three"), "--mirror", "http://m/a")
    assert wrong.code == 2
    assert not (tmp_path / "three").exists()


def test_tokens_and_dollars_are_written_as_grafana_reads_them() -> None:
    """InfluxDB 2 is asked with a token of the environment; a dollar of a name stays one."""
    address = address_of("influxdb://m/a$b?token=t0ken&tls=true")
    told = files(Database("/run/db", 5432, "shop", "require"), address, "/x")
    text = told["provisioning/datasources/tachlog.yaml"]
    influx, archive = yaml.safe_load(text)["datasources"]
    assert influx["url"] == "https://m:8086"
    assert influx["jsonData"]["dbName"] == "a$$b"
    assert influx["secureJsonData"]["httpHeaderValue1"] == "Token ${INFLUXDB_TOKEN}"
    assert (archive["url"], archive["jsonData"]["sslmode"]) == ("/run/db", "require")
    assert "t0ken" not in text
