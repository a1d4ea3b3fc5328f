"""A team's archive in PostgreSQL: many writers, many machines, faults told, one answer."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

import golden
import postgresql
from archives import (
    MEASURER,
    archive_of,
    archive_of_all,
    assistant,
    at,
    contents,
    figures,
    jsonl,
    portion_of,
    read_in,
    user,
)
from conftest import Run
from tachlog.analysis.selection import Selection
from tachlog.demo import write_demo
from tachlog.stores import Store, StoreError, open_store, postgres, schema, shown

READER = """
import sys
from tachlog.config import Config
from tachlog.pipeline import bring_up_to_date
from tachlog.stores import open_store
bring_up_to_date(open_store(sys.argv[1]), sys.argv[2:], Config(), jobs=1)
"""


@pytest.fixture
def store(postgresql_url: str) -> Iterator[Store]:
    """An empty archive."""
    with closing(open_store(postgresql_url)) as opened:
        yield opened


def turn(session: str, text: str = "Hi") -> list[dict[str, Any]]:
    """A prompt and its reply."""
    return [
        user(session, f"{session}-u", at(0), text),
        assistant(session, f"{session}-r", at(0, 5), f"{session}-m"),
    ]


def catalogue(url: str, sql: str) -> list[tuple[Any, ...]]:
    """What the server's catalogue says of the schema that a URL names."""
    with psycopg.connect(url) as connection:
        return connection.execute(sql, (postgresql.schema_name(url),)).fetchall()


def test_the_users_tables_are_as_the_user_defined_them(store: Store, postgresql_url: str) -> None:
    """Columns, types and defaults of both tables; only total_tokens is wider than asked for."""
    found = catalogue(
        postgresql_url,
        "SELECT table_name, column_name, data_type, character_maximum_length, column_default"
        " FROM information_schema.columns WHERE table_schema = %s ORDER BY ordinal_position",
    )
    text, time = "character varying", "timestamp without time zone"
    float_ = "double precision"
    told = {
        table: [row[1:] for row in found if row[0] == table]
        for table in ("agent_telemetry_summaries", "telemetry_alerts")
    }
    assert told["agent_telemetry_summaries"][:18] == [
        ("id", "uuid", None, "gen_random_uuid()"),
        ("session_id", text, 255, None),
        ("provider", text, 50, None),
        ("model", text, 100, None),
        ("start_time", time, None, None),
        ("end_time", time, None, None),
        ("duration", "integer", None, None),
        ("message_count", "integer", None, None),
        ("tool_call_count", "integer", None, None),
        ("total_tokens", "bigint", None, None),
        ("success_rate", float_, None, None),
        ("complexity", text, 20, None),
        ("avg_response_time", float_, None, None),
        ("p95_response_time", float_, None, None),
        ("tool_usage", "jsonb", None, None),
        ("error_breakdown", "jsonb", None, None),
        ("patterns", "jsonb", None, None),
        ("created_at", time, None, "CURRENT_TIMESTAMP"),
    ]
    assert told["telemetry_alerts"][:9] == [
        ("id", "uuid", None, "gen_random_uuid()"),
        ("type", text, 50, None),
        ("severity", text, 20, None),
        ("message", "text", None, None),
        ("context", "jsonb", None, None),
        ("triggered_at", time, None, "CURRENT_TIMESTAMP"),
        ("acknowledged", "boolean", None, "false"),
        ("acknowledged_by", "uuid", None, None),
        ("acknowledged_at", time, None, None),
    ]


def test_the_users_indexes_are_there(store: Store, postgresql_url: str) -> None:
    """The five indexes of the user's tables stand on the user's columns."""
    found = catalogue(
        postgresql_url,
        "SELECT indexname, substring(indexdef from '[(].*[)]') FROM pg_indexes"
        " WHERE schemaname = %s",
    )
    assert (
        dict(found).items()
        >= {
            "idx_telemetry_session": "(session_id)",
            "idx_telemetry_time": "(start_time, end_time)",
            "idx_telemetry_provider": "(provider, model)",
            "idx_alerts_triggered": "(triggered_at)",
            "idx_alerts_acknowledged": "(acknowledged)",
        }.items()
    )


def test_the_same_logs_give_the_same_answers_as_from_sqlite(
    tachlog: Run, tmp_path: Path, postgresql_url: str
) -> None:
    """Every verb that looks says the same to the last digit, whichever archive it asks."""
    write_demo(tmp_path / "logs")
    archives = [str(tmp_path / "archive.db"), postgresql_url]
    for archive in archives:
        tachlog("analyze", "--json", "--db", archive, tmp_path / "logs")
    (first,) = json.loads(tachlog("sessions", "--json", "--db", archives[0]).stdout)[:1]
    verbs = [
        ["sessions"],
        ["show", first["session_id"]],
        ["explain", first["session_id"]],
        ["tools"],
        ["errors"],
        ["patterns"],
        ["trends"],
        ["cost", "--waste"],
        ["statusline", "--template", "{today} · {week} · {block}"],
        *(["cost", "--by", by] for by in ("day", "pr", "tool", "subagent", "branch", "session")),
    ]
    for verb in verbs:
        one, two = (tachlog(*verb, "--json", "--db", url).stdout for url in archives)
        assert unstamped(json.loads(one)) == unstamped(json.loads(two)), verb


def test_what_is_held_against_each_other_is_the_same_as_in_sqlite(postgresql_url: str) -> None:
    """Reported costs and running totals, calls that no log holds, facts that logs tell."""
    cases = Path(__file__).parent / "corpus"
    logs = [
        *(cases / "codex" / "usage_records").glob("*.jsonl"),
        *(cases / "pi").glob("*/*.jsonl"),
        *(cases / "claude_code").glob("*/*.jsonl"),
    ]
    told = []
    for url in (postgresql_url, "private:"):
        with closing(open_store(url)) as archive:
            read_in(archive, logs)
            everything = Selection()
            told.append(
                (
                    archive.reported_tokens(),
                    sorted(archive.reported_calls(), key=repr),
                    sorted(archive.side_calls(everything), key=repr),
                    archive.told(everything, "cwd"),
                    archive.marked("limit", 0),
                    archive.traces(everything),
                )
            )
    assert told[0] == told[1]
    assert all(told[0])


def unstamped(told: Any) -> Any:
    """An answer without the moment at which it was given."""
    if isinstance(told, dict):
        return {name: unstamped(value) for name, value in told.items() if name != "generated_at"}
    return [unstamped(value) for value in told] if isinstance(told, list) else told


def test_sessions_told_by_several_come_to_the_same_as_in_sqlite(store: Store) -> None:
    """What each telling said is kept beside what it comes to, in whatever order it was read."""
    cases = ("codex/recorded_0.169.0", "otlp/recorded_codex_0.169.0", "codex/recorded_exec_0.169.0")
    paths = [log.path for case in cases for log in golden.logs_of(golden.CORPUS / case)]
    read_in(store, paths)
    assert contents(store) == archive_of(paths[::-1])
    assert {one.telling for one in store.stated()} == {"log", "telemetry", "printed"}


def test_processes_that_write_at_once_neither_double_nor_lose(
    tmp_path: Path, postgresql_url: str
) -> None:
    """Four processes that make the archive and read the same logs at once give the rows of one."""
    write_demo(tmp_path / "logs")
    command = [sys.executable, "-c", READER, postgresql_url, str(tmp_path / "logs")]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0, 0]
    with closing(open_store(postgresql_url)) as store:
        assert contents(store) == archive_of_all(tmp_path / "logs")


def test_a_reader_never_waits_for_a_writer(
    tmp_path: Path, store: Store, postgresql_url: str
) -> None:
    """While a batch is being written others read what was there before it."""
    read_in(store, [jsonl(tmp_path / "a.jsonl", turn("a"))])
    with closing(postgres.PostgresDatabase(postgresql_url)) as writer, writer.transaction():
        writer.run("DELETE FROM agent_telemetry_summaries")
        assert list(figures(store)) == ["a"]


def test_a_writer_that_waits_too_long_is_told(
    tmp_path: Path, store: Store, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever cannot write since another one does is told; the batch is kept the next time."""
    portion = portion_of(jsonl(tmp_path / "a.jsonl", turn("a")), store)
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.05)
    with (
        closing(postgres.PostgresDatabase(postgresql_url)) as writer,
        writer.transaction(),
        pytest.raises(StoreError, match="another tachlog has been writing for more than"),
    ):
        store.write([portion], MEASURER)
    assert store.write([portion], MEASURER) == []
    assert figures(store)["a"]["calls"] == 1


def test_the_same_path_on_two_machines_is_two_files(
    tmp_path: Path, store: Store, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines share sessions and not files: each reads its own, a synced copy adds nothing."""
    path = jsonl(tmp_path / "log.jsonl", turn("a"))
    read_in(store, [path])
    monkeypatch.setattr(postgres, "gethostname", lambda: "elsewhere")
    with closing(open_store(postgresql_url)) as other:
        assert other.progress() == {}
        read_in(other, [path])
        jsonl(path, turn("b"))
        read_in(other, [path])
        assert list(figures(other)) == ["a", "b"]
        assert [m.session_id for m in other.sessions(Selection(paths=(str(path),)))] == ["a", "b"]
    assert [m.session_id for m in store.sessions(Selection(paths=(str(path),)))] == ["a"]
    assert store.files_of("b") == [f"elsewhere:{path}"]
    total = store.input(Selection())[0]
    assert (total.records, total.parsed) == (4, 4)


def test_text_with_nul_is_kept_without_it(tmp_path: Path, store: Store) -> None:
    """PostgreSQL holds no NUL in a text: a mark stands in its place, wherever it was."""
    lines = turn("a\0b", "do\0it \\u0000")
    lines[0]["cwd"] = "/home/\0/x"
    lines[1]["message"]["model"] = "claude\0"
    read_in(store, [jsonl(tmp_path / "a.jsonl", lines)])
    assert store.find("a") == ["a\ufffdb"]
    assert figures(store).keys() == {"a\0b"}


def test_names_of_any_length_are_kept(tmp_path: Path, store: Store) -> None:
    """What is longer than the user's columns, or than an index holds, is cut and not refused."""
    lines = turn("s" * 300)
    lines[0]["cwd"] = "/" + "d" * 5000
    lines[1]["message"]["model"] = "m" * 5000
    read_in(store, [jsonl(tmp_path / "a.jsonl", lines)])
    assert store.find("s") == ["s" * 255]
    (told,) = store.sessions(Selection())
    assert told.calls == 1


def test_tables_of_other_programs_are_left_alone(postgresql_url: str) -> None:
    """A database that has a table `users` already is refused, with what to do, and unchanged."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users (id int)")
        with pytest.raises(StoreError, match="tables of other programs"):
            open_store(postgresql_url)
    tables = catalogue(postgresql_url, "SELECT tablename FROM pg_tables WHERE schemaname = %s")
    assert tables == [("users",)]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://ana:s3cr3t-pw@127.0.0.1:1/x", "nothing answers there"),
        ("postgresql://ana:s3cr3t-pw@nowhere.invalid/x", "there is no such host"),
        ("postgresql://ana:s3cr3t-pw@[::/x?colour=red", "is no URL of a database"),
    ],
)
def test_a_server_that_cannot_be_reached_is_told_without_the_password(url: str, told: str) -> None:
    """What is wrong and what to do, and no secret."""
    with pytest.raises(StoreError, match=told) as raised:
        open_store(url)
    assert "s3cr3t" not in str(raised.value)


def test_a_missing_database_and_a_missing_user_are_told(postgresql_server: str) -> None:
    """Each has its own words."""
    with pytest.raises(StoreError, match="no such database; make it with `createdb`"):
        open_store(postgresql_server.replace("/postgres?", "/nothing?"))
    with pytest.raises(StoreError, match="there is no such user"):
        open_store(postgresql_server.replace("//postgres:@", "//nobody@"))


def test_a_user_without_rights_is_told(store: Store, postgresql_url: str) -> None:
    """Reading an archive as somebody who may not is an error that says what is needed."""
    database = store.database  # type: ignore[attr-defined]
    name = f"guest_of_{postgresql.schema_name(postgresql_url)}"
    database.run(f"CREATE ROLE {name} LOGIN")
    try:
        database.run(f"GRANT USAGE ON SCHEMA {postgresql.schema_name(postgresql_url)} TO {name}")
        with pytest.raises(StoreError, match="this user may not do that"):
            open_store(postgresql_url.replace("//postgres:@", f"//{name}@"))
    finally:
        database.run(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_read_only_server_is_told(tmp_path: Path, store: Store, postgresql_url: str) -> None:
    """A standby can be read and not written."""
    path = jsonl(tmp_path / "a.jsonl", turn("a"))
    read_in(store, [path])
    standby = f"{postgresql_url}%20-cdefault_transaction_read_only%3Don"
    with closing(open_store(standby)) as reader:
        assert list(figures(reader)) == ["a"]
        portion = portion_of(jsonl(tmp_path / "b.jsonl", turn("b")), reader)
        with pytest.raises(StoreError, match="it is read-only"):
            reader.write([portion], MEASURER)


def test_a_connection_lost_in_the_middle_keeps_nothing_of_the_batch(
    tmp_path: Path, store: Store, postgresql_url: str
) -> None:
    """A server that goes away in a batch leaves whole batches only; the next run completes it."""
    path = jsonl(tmp_path / "a.jsonl", turn("a"))
    portion = portion_of(path, store)
    database = store.database  # type: ignore[attr-defined]
    with psycopg.connect(postgresql_url, autocommit=True) as other:

        def lost(portions: Any) -> Iterator[Any]:
            yield from portions
            pid = database.connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

        with pytest.raises(StoreError, match=r"(was stopped|was lost).*what was stored is intact"):
            store.write(lost([portion]), MEASURER)  # type: ignore[arg-type]
    with closing(open_store(postgresql_url)) as again:
        assert again.progress() == {}
        read_in(again, [path])
        assert figures(again)["a"]["calls"] == 1


def test_the_archives_url_is_told_without_secrets(
    tachlog: Run, tmp_path: Path, postgresql_url: str
) -> None:
    """`config` and `doctor` name the archive and no password."""
    url = postgresql_url.replace("//postgres:@", "//postgres:hunter22secret@")
    tachlog("analyze", "--db", url, jsonl(tmp_path / "a.jsonl", turn("a")))
    for verb in ("config", "doctor"):
        for flags in ([], ["--json"]):
            told = tachlog(verb, *flags, env={"TACHLOG_STORAGE__URL": url})
            assert "hunter22secret" not in told.stdout + told.stderr
    assert shown(url).startswith("postgresql:///")
    assert shown("postgresql://a:b@db.example:5433/team?x=y") == "postgresql://db.example:5433/team"


def test_the_driver_is_what_the_url_says(tachlog: Run) -> None:
    """A driver of its own has to agree with the URL."""
    url = {"TACHLOG_STORAGE__URL": "postgresql://db.example/team"}
    settings = json.loads(tachlog("config", "--json", env=url).stdout)
    driver = {s["name"]: s["value"] for s in settings}["storage.driver"]
    assert driver == '"postgresql"'
    refused = tachlog("config", env={**url, "TACHLOG_STORAGE__DRIVER": "sqlite"}, check=False)
    assert refused.code == 2
    assert "storage.url names an archive in postgresql" in refused.stderr


def test_every_migration_is_understood(postgresql_url: str) -> None:
    """The statements of the schema, in their order, make every table that SQLite has."""
    with closing(sqlite3.connect(":memory:")) as embedded:
        for statement in schema.statements(0):
            embedded.execute(statement)
        wanted = embedded.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    with psycopg.connect(postgresql_url) as connection:
        for statement in schema.statements(0):
            connection.execute(postgres.defined(statement))
    made = catalogue(postgresql_url, "SELECT tablename FROM pg_tables WHERE schemaname = %s")
    assert sorted(made) == sorted(wanted)
