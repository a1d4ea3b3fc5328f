"""The Python API: the same answers as the command's, as typed values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tachlog
from conftest import Run
from end_to_end import PASSING, lasting, lines
from tachlog import api
from tachlog.config import ConfigError
from tachlog.demo import write_demo
from tachlog.discovery import MissingPath
from tachlog.stores import StoreError

COLUMNS = (
    "id, session_id, provider, model, log_timestamp, structured_data, tool_calls, response_time"
)


class Log(msgspec.Struct):
    """An AgentLog record of somebody's own."""

    id: int
    session_id: str
    log_timestamp: str
    structured_data: dict[str, Any]
    model: str = "claude-opus-4-5"
    provider: str = "anthropic"
    tool_calls: dict[str, Any] | None = None
    response_time: float = 1200


def some_logs(count: int) -> Iterator[Log]:
    """Give rows of three sessions, every fifth with a failed tool call."""
    for number in range(count):
        yield Log(
            number,
            f"s{number % 3}",
            f"2026-11-18T09:{number // 60:02}:{number % 60:02}Z",
            {"usage": {"input_tokens": 10, "output_tokens": number}},
            tool_calls=None if number % 5 else {"name": "find", "input": {}, "is_error": True},
        )


def told(result: tachlog.TelemetryResult) -> dict[str, Any]:
    """A result as the command would print it, without what differs from run to run."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(result))
    return {name: value for name, value in found.items() if name not in PASSING}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Write a log of one session."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(lines()))
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write a database whose table `agent_logs` has forty rows."""
    path = tmp_path / "app.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TABLE agent_logs ({COLUMNS}, PRIMARY KEY (id))")
        add_rows(database, list(some_logs(40)))
    return path


def add_rows(database: sqlite3.Connection, logs: list[Log]) -> None:
    """Put rows into the table, their objects as JSON text."""
    values = [msgspec.to_builtins(each) for each in logs]
    for each in values:
        for name in ("structured_data", "tool_calls"):
            each[name] = None if each[name] is None else json.dumps(each[name])
    names = COLUMNS.replace(",", ", :")
    database.executemany(f"INSERT INTO agent_logs VALUES (:{names.replace(': ', ':')})", values)
    database.commit()


def test_a_result_is_what_the_command_prints(tachlog: Run, tmp_path: Path) -> None:
    """`analyze` gives the object of `tachlog analyze --json`, by the same names."""
    write_demo(tmp_path / "logs")
    printed = lasting(tachlog("analyze", tmp_path / "logs", "--no-store", "--json"))
    assert told(api.analyze(tmp_path / "logs")) == printed


def test_paths_may_be_given_in_any_form(log: Path) -> None:
    """A text, a path, and a sequence of either name the same logs; nothing is kept."""
    results = [told(tachlog.analyze(form)) for form in (str(log), log, [log], (str(log), log))]
    assert all(result == results[0] for result in results)
    (session,) = tachlog.analyze(log).sessions
    assert (session.session_id, session.total_tokens) == ("bad00001", 2340)
    assert not list(Path.home().iterdir())


def test_an_archive_reads_only_what_is_new(log: Path, tmp_path: Path) -> None:
    """A second analysis into an archive reads nothing, tells the same, and keeps other sessions."""
    archive = str(tmp_path / "archive.db")
    other = tmp_path / "other.jsonl"
    other.write_bytes(b"".join(lines("other001")))
    first, second = (tachlog.analyze(log, archive=archive, jobs=1) for _ in range(2))
    assert (first.read_now.records, second.read_now.records) == (4, 0)  # type: ignore[union-attr]
    assert told(first) == told(second)
    assert len(tachlog.analyze(other, archive=archive).sessions) == 1
    store = tachlog.open_store(archive)
    assert len(store.files()) == 2
    store.close()


def test_misuse_is_an_exception(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing path, an unusable archive and a wrong setting are told by a class of their own."""
    with pytest.raises(MissingPath, match="nowhere is not there"):
        tachlog.analyze(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="no such kind of archive"):
        tachlog.analyze(log, archive="mongodb://host/x")
    with pytest.raises(StoreError, match="cannot be opened"):
        tachlog.realtime(archive=str(tmp_path))
    monkeypatch.setenv("TACHLOG_ALERTS__RESPONSE_TIME_P95", "soon")
    for call in (lambda: tachlog.analyze(log), lambda: tachlog.process_logs([]), tachlog.realtime):
        with pytest.raises(ConfigError, match="RESPONSE_TIME_P95"):
            call()


def test_bad_input_is_data(tmp_path: Path, log: Path) -> None:
    """What cannot be read is counted; it raises nothing."""
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(log.read_bytes() + b'{"half\n')
    result = tachlog.analyze([bad, log])
    assert (result.input.records, result.input.duplicates, result.input.problems) == (9, 4, 1)


@pytest.mark.parametrize("form", [msgspec.to_builtins, lambda row: row], ids=["mapping", "struct"])
def test_records_of_a_program_are_analysed(form: Callable[[Log], Any]) -> None:
    """AgentLog records in either form give sessions, failed operations and tokens."""
    result = tachlog.process_logs(form(row) for row in some_logs(40))
    assert [session.session_id for session in result.sessions] == ["s0", "s1", "s2"]
    assert result.totals.tokens.output == sum(range(40))
    assert result.totals.tool_usage["find"].error_count == 8
    assert result.input.parsed == 40


def test_many_records_are_taken_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are encoded a batch at a time, with the same result."""
    at_once = told(tachlog.process_logs(some_logs(40)))
    for batch in (1, 7, 40):
        monkeypatch.setattr(api, "ROWS_AT_ONCE", batch)
        assert told(tachlog.process_logs(some_logs(40))) == at_once


def test_records_that_are_none_are_counted() -> None:
    """A record without a session, of another shape, or with values no JSON has stops nothing."""
    good = msgspec.to_builtins(next(some_logs(1)))
    odd: list[Any] = [
        good,
        {**good, "id": 2, "response_time": Decimal("12.5")},
        {**good, "id": 3, "response_time": float("nan")},
        {**good, "id": 4, "structured_data": {"payload": {"content": "\ud800"}}},
        {**good, "id": 5, "extra": {("a", "b"): object()}},
        {"id": 6},
        [1, 2],
        None,
    ]
    result = tachlog.process_logs(odd)
    assert (result.input.records, result.input.parsed, result.input.problems) == (8, 5, 3)
    assert tachlog.process_logs([]).sessions == []


def test_a_table_is_read_like_its_rows(table: Path, tmp_path: Path) -> None:
    """A table by its URL gives the result of the same rows; only new rows are read next time."""
    url = f"sqlite:///{table}?table=agent_logs"
    archive = str(tmp_path / "archive.db")
    result = tachlog.analyze(url, archive=archive)
    by_hand = tachlog.process_logs(some_logs(40))
    assert told(result)["totals"] == told(by_hand)["totals"]
    assert tachlog.analyze(url, archive=archive).read_now.records == 0  # type: ignore[union-attr]
    with closing(sqlite3.connect(table)) as database:
        add_rows(database, [each for each in some_logs(50) if each.id >= 40])
    more = tachlog.analyze(url, archive=archive)
    assert more.read_now.records == 10  # type: ignore[union-attr]
    assert told(more)["totals"] == told(tachlog.process_logs(some_logs(50)))["totals"]


def test_a_table_that_is_not_there_is_told(table: Path, tachlog: Run) -> None:
    """What is wrong with a table stands on stderr, and the command ends with 1."""
    with closing(sqlite3.connect(table)) as database:
        database.execute(f"CREATE TABLE keyless ({COLUMNS})")
    for name, wrong in (
        ("nothing", "has no such table"),
        ("keyless", "nor a primary key to read it by"),
    ):
        url = f"sqlite:///{table}?table={name}"
        ran = tachlog("analyze", url, "--no-store", check=False)
        assert (ran.code, ran.stderr.count("\n")) == (1, 1)
        assert ran.stderr.startswith(f"{url}: ")
        assert wrong in ran.stderr.removeprefix(url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (
            "postgresql://ana:pa55word@127.0.0.1:1/shop?table=logs&sslmode=disable",
            "postgresql://127.0.0.1:1/shop?table=logs: cannot be read (",
        ),
        ("postgresql://ana:pa55word@127.0.0.1:1/shop", "postgresql://127.0.0.1:1/shop: names no"),
        ("nothing://ana:pa55word@/?table=x", "nothing://"),
        ("postgresql://ana:pa55word@h:port/shop?table=x", "postgresql://…: is not a database URL"),
    ],
)
def test_a_password_stays_with_the_person(tachlog: Run, home: Path, url: str, told: str) -> None:
    """No message and no archive has the user, the password or the options of a table's URL."""
    ran = tachlog("analyze", url, "--json", check=False)
    assert ran.code == 1
    assert ran.stderr.startswith(told)
    shown = tachlog("doctor", "--all", "--json").stdout
    kept = b"".join(path.read_bytes() for path in home.rglob("*.db*"))
    for text in (ran.stdout, ran.stderr, shown, kept.decode("latin-1")):
        assert "pa55word" not in text
        assert "sslmode" not in text


def test_realtime_tells_of_the_archive(log: Path, tmp_path: Path) -> None:
    """The user's four parts are there; long after the last event nothing is going on."""
    archive = str(tmp_path / "archive.db")
    tachlog.analyze(log, archive=archive)
    now = json.loads(msgspec.json.encode(tachlog.realtime(archive=archive)))
    assert now.keys() >= {"current", "trends", "alerts", "recommendations"}
    assert now["current"]["active_sessions"] == 0
