"""Mirrors in InfluxDB follow the archive: everything once, replaced when it changes, never lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from archives import (
    assistant,
    at,
    jsonl,
    read_in,
    tool_result,
    tool_use,
    user,
)
from conftest import Archives
from influxdb import Influx
from tachlog.analysis.selection import Selection
from tachlog.config import Config
from tachlog.config.keys import Influxdb, MirrorConfig, Storage
from tachlog.metrics import SessionMetrics
from tachlog.mirrors import Followed, follow
from tachlog.model import Failure, Thread
from tachlog.operations import ToolUse
from tachlog.stores import Store, open_store, shown
from tachlog.stores.following import Change
from tachlog.stores.influxdb import MirrorError
from tachlog.stores.points import TOOLS, Shape, lines_of

NOW_US = 1_795_000_000_000_000
AGES = 36_500
"""Days that cover every time of these tests."""


def config_of(*urls: str, hints: bool = False, days: int = AGES, **more: Any) -> Config:
    """A configuration with mirrors."""
    followers = tuple(MirrorConfig(url=url, hints=hints) for url in urls)
    return Config(storage=Storage(mirrors=followers, retention_days=days, **more))


def turn(session: str, minute: int = 0, *, error: bool = False) -> list[dict[str, Any]]:
    """A prompt, a reply with a tool call, its result, and a last reply."""
    ids = f"{session}-{minute}"
    return [
        user(session, f"{ids}-u", at(minute), "Run the tests"),
        assistant(
            session,
            f"{ids}-a",
            at(minute, 5),
            f"{ids}-m",
            content=[tool_use(f"{ids}-t", "Bash", command="npm test")],
        ),
        tool_result(session, f"{ids}-r", at(minute, 8), f"{ids}-t", "No such file", error=error),
        assistant(session, f"{ids}-b", at(minute, 12), f"{ids}-n"),
    ]


def logs_in(store: Store, directory: Path, *sessions: str, error: bool = False) -> None:
    """Read a transcript of each session into a store."""
    for session in sessions:
        records = turn(session, error=error)
        read_in(store, [jsonl(directory / f"{session}.jsonl", records)])


def fed(store: Store, config: Config) -> Followed:
    """What one run did for the only mirror."""
    (done,) = follow(store, config, NOW_US)
    return done


def counts(influx: Influx, url: str) -> dict[str, int]:
    """How many points each measurement has."""
    found = {}
    for name, field in (
        ("agent_sessions", '"duration"'),
        ("agent_calls", "output"),
        ("agent_tools", "success"),
        ("agent_errors", '"count"'),
    ):
        rows = influx.rows(url, f"SELECT count({field}) AS n FROM {name}")
        found[name] = rows[0]["n"] if rows else 0
    return found


def test_a_mirror_has_what_the_archive_has(
    archives: Archives, influx: Influx, tmp_path: Path
) -> None:
    """Sessions, calls, tool calls and errors of the archive are points with its figures."""
    store = archives.new()
    logs_in(store, tmp_path, "one", "two", error=True)
    url = influx.url()
    done = fed(store, config_of(url))
    assert (done.threads, done.written.points, done.behind, done.fault) == (2, 10, 0, None)
    assert counts(influx, url) == {
        "agent_sessions": 2,
        "agent_calls": 4,
        "agent_tools": 2,
        "agent_errors": 2,
    }
    (row,) = influx.rows(url, "SELECT * FROM agent_sessions WHERE session_id = 'one'")
    (known,) = [m for m in store.sessions(Selection()) if m.session_id == "one"]
    assert row["time"].startswith("2026-11-18T09:00:00.000")
    assert row["duration"] == 12
    assert row["message_count"] == known.messages
    assert row["token_count"] == known.total_tokens == 2 * 1160
    assert row["tool_count"] == 1
    assert row["success_rate"] == pytest.approx(2 / 3, abs=1e-6)
    assert (row["agent"], row["project"], row["complexity"]) == (
        "claude_code",
        known.project,
        known.complexity,
    )
    (tool,) = influx.rows(url, "SELECT * FROM agent_tools WHERE session_id = 'one'")
    assert (tool["tool"], tool["outcome"], tool["duration_ms"]) == ("Bash", "error", 3000)
    (call,) = influx.rows(url, "SELECT sum(input), sum(cache_read), sum(cost_usd) FROM agent_calls")
    assert (call["sum"], call["sum_1"], call["sum_2"]) == (40, 4000, pytest.approx(0.0097))


def test_what_is_written_again_is_there_once(
    archives: Archives, influx: Influx, tmp_path: Path
) -> None:
    """A mirror that is fed from the start again keeps its points and their number."""
    store = archives.new()
    logs_in(store, tmp_path, "one", "two")
    url = influx.url()
    config = config_of(url)
    fed(store, config)
    before = [influx.rows(url, f"SELECT * FROM {name}") for name in counts(influx, url)]
    assert follow(store, config, NOW_US) == []
    store.forget_mirror(shown(url))
    assert fed(store, config).written.points == 8
    assert [influx.rows(url, f"SELECT * FROM {name}") for name in counts(influx, url)] == before


def test_a_resumed_session_replaces_its_point(
    archives: Archives, influx: Influx, tmp_path: Path
) -> None:
    """A session that becomes more complex has one point, though its tags are others now."""
    store = archives.new()
    url = influx.url()
    log = jsonl(tmp_path / "one.jsonl", turn("one"))
    read_in(store, [log])
    fed(store, config_of(url))
    (before,) = influx.rows(url, "SELECT complexity, message_count FROM agent_sessions")
    jsonl(log, [record for minute in range(0, 50, 2) for record in turn("one", minute)])
    read_in(store, [log])
    done = fed(store, config_of(url))
    (after,) = influx.rows(url, "SELECT complexity, message_count FROM agent_sessions")
    assert (before["complexity"], before["message_count"]) == ("very_low", 3)
    assert (after["complexity"], after["message_count"]) == ("medium", 75)
    assert after["time"] == before["time"]
    assert counts(influx, url)["agent_calls"] == 50
    assert done.written.points == 1 + 50 + 25


def test_only_what_changed_is_written_again(
    archives: Archives, influx: Influx, tmp_path: Path
) -> None:
    """A session that goes on writes its own point and those of the quarter hour that it is in."""
    store = archives.new()
    url = influx.url()
    log = jsonl(tmp_path / "one.jsonl", turn("one", 0))
    read_in(store, [log])
    fed(store, config_of(url))
    jsonl(log, turn("one", 0) + turn("one", 40))
    read_in(store, [log])
    assert fed(store, config_of(url)).written.points == 1 + 2 + 1
    assert counts(influx, url)["agent_calls"] == 4


def test_a_thread_that_is_no_more_is_deleted(influx: Influx, tmp_path: Path) -> None:
    """What is taken back from the archive is taken back from the mirror."""
    store = open_store(str(tmp_path / "a.db"))
    logs_in(store, tmp_path, "one", "two")
    url = influx.url()
    fed(store, config_of(url))
    store.database.run("DELETE FROM agent_telemetry_summaries WHERE session_id = 'one'")  # type: ignore[attr-defined]
    assert fed(store, config_of(url)).threads == 0
    assert [row["session_id"] for row in influx.rows(url, "SELECT * FROM agent_sessions")] == [
        "two"
    ]
    assert follow(store, config_of(url), NOW_US) == []


def test_points_older_than_the_retention_are_counted_once(influx: Influx, tmp_path: Path) -> None:
    """What the server does not keep any more is counted as expired and not written again."""
    store = open_store(str(tmp_path / "a.db"))
    old = [{**record, "timestamp": "2020-05-05T10:00:00.000Z"} for record in turn("old")]
    read_in(store, [jsonl(tmp_path / "old.jsonl", old)])
    url = influx.url()
    done = fed(store, config_of(url, days=30))
    assert (done.written.points, done.written.expired, done.behind) == (0, 4, 0)
    assert follow(store, config_of(url, days=30), NOW_US) == []
    assert store.mirror(shown(url)).expired == 4
    assert fed(store, config_of(url, days=AGES)).written.points == 4


def test_a_field_of_another_type_is_told_and_blocks_nothing(influx: Influx, tmp_path: Path) -> None:
    """Points that the server can never take are counted as refused; the others are there."""
    store = open_store(str(tmp_path / "a.db"))
    logs_in(store, tmp_path, "one")
    url = influx.url()
    config = config_of(url)
    fed(store, config)
    store.forget_mirror(shown(url))
    influx.rows(url, "DROP MEASUREMENT agent_tools")
    with influx.made(url) as mirror:
        mirror.write(["agent_tools success=true 1794992700000000000"])
    done = fed(store, config)
    assert (done.written.points, done.written.dropped, done.behind) == (3, 1, 0)
    assert "field type conflict" in (done.written.note or "")
    assert "field type conflict" in (store.mirror(shown(url)).fault or "")


def test_a_limit_on_series_stops_until_it_is_raised(influx: Influx) -> None:
    """A server that takes no more values of a tag is a fault that says what to do."""
    url = influx.url()
    with influx.made(url) as mirror:
        mirror.write(f"agent_calls,model=m{n} output=1i {n}" for n in range(1000))
        with pytest.raises(MirrorError, match=r"holds no more series.*raise its limit"):
            mirror.write(["agent_calls,model=one-more output=1i 1"])


def test_hints_stay_home_unless_they_are_opened(influx: Influx, tmp_path: Path) -> None:
    """Targets and error excerpts go only to the mirror that the user opened to them."""
    store = open_store(str(tmp_path / "a.db"))
    logs_in(store, tmp_path, "one", error=True)
    closed, opened = influx.url(), influx.url()
    fed(store, config_of(closed))
    fed(store, config_of(opened, hints=True))
    for measurement, field in (("agent_tools", "target"), ("agent_errors", "excerpt")):
        (row,) = influx.rows(closed, f"SELECT * FROM {measurement}")
        assert field not in row
        (row,) = influx.rows(opened, f"SELECT * FROM {measurement}")
        assert row[field] in ("npm test", "No such file")


def test_the_session_is_a_tag_when_asked_for(influx: Influx, tmp_path: Path) -> None:
    """With `storage.influxdb.session_tag` the id is a tag of every point."""
    store = open_store(str(tmp_path / "a.db"))
    logs_in(store, tmp_path, "one")
    url = influx.url()
    fed(store, config_of(url, influxdb=Influxdb(session_tag=True)))
    found = influx.rows(url, "SHOW TAG VALUES WITH KEY = session_id")
    assert [(row["value"]) for row in found] == ["one"] * 3


def test_the_database_keeps_what_the_configuration_says(influx: Influx, tmp_path: Path) -> None:
    """Retention and hourly sums are made, and made anew when their keys change."""
    store = open_store(str(tmp_path / "a.db"))
    logs_in(store, tmp_path, "one")
    url = influx.url()
    fed(store, config_of(url, downsample_after=30))
    kept = {row["name"]: row for row in influx.rows(url, "SHOW RETENTION POLICIES")}
    assert (kept["tachlog"]["duration"], kept["tachlog"]["default"]) == ("876000h0m0s", True)
    assert kept["tachlog_hourly"]["duration"] == "0s"
    fed(store, config_of(url, days=20_000, downsample_after=7))
    kept = {row["name"]: row for row in influx.rows(url, "SHOW RETENTION POLICIES")}
    assert kept["tachlog"]["duration"] == "480000h0m0s"
    database = shown(url).rpartition("/")[2]
    queries = [
        row["query"]
        for row in influx.rows(url, "SHOW CONTINUOUS QUERIES")
        if f" ON {database} " in row["query"]
    ]
    assert len(queries) == 3
    assert all("RESAMPLE EVERY 1h FOR 7d" in query or "FOR 1w" in query for query in queries)


def test_old_hours_are_added_up_when_they_are_fed(influx: Influx, tmp_path: Path) -> None:
    """Hours that no continuous query looks at any more have their sums after the run."""
    store = open_store(str(tmp_path / "a.db"))
    old = [{**r, "timestamp": r["timestamp"].replace("2026", "2024")} for r in turn("old")]
    read_in(store, [jsonl(tmp_path / "old.jsonl", old)])
    url = influx.url()
    fed(store, config_of(url))
    (row,) = influx.rows(url, "SELECT * FROM tachlog_hourly.agent_calls")
    assert (row["time"], row["calls"], row["cache_read"]) == ("2024-11-18T09:00:00Z", 2, 2000)
    (row,) = influx.rows(url, "SELECT * FROM tachlog_hourly.agent_tools")
    assert (row["calls"], row["success"]) == (1, 1)


def test_other_programs_points_are_left_alone(influx: Influx, tmp_path: Path) -> None:
    """A database with measurements of others is refused, as its points would expire by our rule."""
    store = open_store(str(tmp_path / "a.db"))
    logs_in(store, tmp_path, "one")
    url = influx.url()
    with influx.made(url) as mirror:
        mirror.write(["cpu value=1"])
    done = fed(store, config_of(url))
    assert "(cpu); give tachlog a database of its own" in (done.fault or "")
    assert len(influx.rows(url, "SHOW RETENTION POLICIES")) == 1


def test_a_database_that_is_gone_is_fed_from_the_start(influx: Influx, tmp_path: Path) -> None:
    """A new server at the same place gets the whole archive."""
    store = open_store(str(tmp_path / "a.db"))
    logs_in(store, tmp_path, "one", "two")
    url = influx.url()
    fed(store, config_of(url))
    influx.rows(url, f'DROP DATABASE "{shown(url).rpartition("/")[2]}"')
    logs_in(store, tmp_path, "three")
    assert fed(store, config_of(url)).threads == 3
    assert counts(influx, url)["agent_sessions"] == 3


def test_a_user_without_rights_to_set_up_can_still_write(influx: Influx, tmp_path: Path) -> None:
    """Retention that cannot be set is told; the points are written all the same."""
    store = open_store(str(tmp_path / "a.db"))
    logs_in(store, tmp_path, "one")
    admin = influx.url()
    database = shown(admin).rpartition("/")[2]
    influx.rows(admin, f'CREATE DATABASE "{database}"')
    influx.rows(admin, f"CREATE USER bo_{database} WITH PASSWORD 'pw'")
    influx.rows(admin, f'GRANT ALL ON "{database}" TO bo_{database}')
    done = fed(store, config_of(influx.url(database, f"bo_{database}", "pw")))
    assert done.written.points == 4
    assert "could not be set up" in (done.written.note or "")
    assert counts(influx, admin)["agent_sessions"] == 1


def test_sessions_make_no_more_series_than_their_tags_allow(influx: Influx) -> None:
    """100,000 sessions of 4 models, 3 projects, 5 grades of complexity make at most 60 series."""
    url = influx.url()
    with influx.made(url) as mirror:
        lines = (line for n in range(100_000) for line in lines_of(change_of(n), Shape()))
        written = mirror.write(lines)
    assert written.points == 100_000
    (row,) = influx.rows(url, 'SELECT count("duration") AS n FROM agent_sessions')
    assert row["n"] == 100_000
    (row,) = influx.rows(url, "SHOW SERIES EXACT CARDINALITY")
    assert 1 < row["count"] <= 4 * 3 * 5


def change_of(number: int) -> Change:
    """A session that began at some time of some day."""
    metrics = SessionMetrics(
        agent="codex",
        session_id=f"session-{number}",
        root=f"session-{number}",
        parent=None,
        provider="openai",
        model=f"gpt-{number % 4}",
        project=f"shop-{number % 3}",
        complexity=("very_low", "low", "medium", "high", "very_high")[number % 5],
        start_us=NOW_US + number * 700,
        end_us=NOW_US + number * 700 + 5_000_000,
    )
    return Change(number, 1, metrics, None, [], [], [])


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (ToolUse(1, NOW_US, "Bash", end_us=NOW_US + 9_000_000, approval_ms=7_000), 2_000.0),
        (ToolUse(1, NOW_US, "Bash", end_us=NOW_US + 9_000_000), 9_000.0),
        (ToolUse(1, NOW_US, "Bash", duration_ms=1_500, approval_ms=7_000), 1_500.0),
        (
            ToolUse(1, NOW_US, "Bash", end_us=NOW_US + 9_000_000, reported="user_rejected"),
            None,
        ),
    ],
    ids=["waited", "waits unknown", "reported", "refused"],
)
def test_a_tools_duration_has_no_wait_for_approval(use: ToolUse, told: float | None) -> None:
    """A point's duration is the tool's, as in every other figure; what never ran has none."""
    change = msgspec.structs.replace(change_of(1), tools=[use])
    (point,) = (line for line in lines_of(change, Shape()) if line and line.startswith(TOOLS))
    fields = dict(part.partition("=")[::2] for part in point.split(" ")[1].split(","))
    assert fields.get("duration_ms") == (None if told is None else str(told))


HARD = ["a b", "a,b=c", "C:\\dir\\", 'say "hi"', "\\", "é ü 日本", "tab\there", "two\nlines", "#x"]


def test_every_name_survives_the_line_protocol(influx: Influx) -> None:
    """Spaces, commas, quotes, backslashes and line ends in names cost no point."""
    url = influx.url()
    changes = [change_of(n) for n in range(len(HARD))]
    for change, name in zip(changes, HARD, strict=True):
        assert change.metrics is not None
        change.metrics.project = change.metrics.title = name
    lines = [line for change in changes for line in lines_of(change, Shape(hints=True))]
    with influx.made(url) as mirror:
        assert mirror.write(lines).points == len(HARD)
    rows = influx.rows(url, "SELECT project, title FROM agent_sessions")
    assert {(row["project"], row["title"]) for row in rows} == {
        ("a b", "a b"),
        ("a,b=c", "a,b=c"),
        ("C:\\dir", "C:\\dir\\"),
        ('say "hi"', 'say "hi"'),
        (None, "\\"),
        ("é ü 日本", "é ü 日本"),
        ("tab here", "tab here"),
        ("two lines", "two lines"),
        ("#x", "#x"),
    }


def test_alerts_are_points_too(archives: Archives, influx: Influx, tmp_path: Path) -> None:
    """Alerts of the user's table are written, and again when they are acknowledged."""
    store = archives.new()
    logs_in(store, tmp_path, "one")
    url = influx.url()
    fed(store, config_of(url))
    run = store.database.run  # type: ignore[attr-defined]
    run(
        "INSERT INTO telemetry_alerts (id, type, severity, message, triggered_at, acknowledged)"
        " VALUES ('11111111-2222-3333-4444-555555555555', 'token_spike', 'info', 'Many tokens',"
        " '2027-01-01T10:00:00Z', false)"
    )
    assert fed(store, config_of(url, hints=True)).written.points == 1
    run("UPDATE telemetry_alerts SET acknowledged = true, acknowledged_at = triggered_at")
    fed(store, config_of(url, hints=True))
    (row,) = influx.rows(url, "SELECT * FROM agent_alerts")
    assert row["time"].startswith("2027-01-01T10:00:00.000")
    assert (row["type"], row["severity"], row["message"]) == ("token_spike", "info", "Many tokens")
    assert row["acknowledged"] is True


def test_a_failed_model_call_is_an_error_with_its_status() -> None:
    """A failure of a model call has its class and model as tags, status and digest as fields."""
    thread = Thread("codex", "one", "one")
    failure = Failure(7, thread, NOW_US, "rate_limit", status=429, fingerprint=255, model="gpt-5")
    change = msgspec.structs.replace(change_of(1), failures=[failure])
    _, line = lines_of(change, Shape())
    assert line == (
        "agent_errors,agent=codex,class=rate_limit,model=gpt-5,project=shop-1"
        ' session_id="session-1",count=1i,status=429i,fingerprint="00000000000000ff"'
        f" {NOW_US}007"
    )
