"""SQL tables are followed: rows that come, come late or change in place are each told once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

import psycopg
import pytest

import mariadb
from postgresql import schema_name
from tachlog.analysis.selection import Selection
from tachlog.config import Config
from tachlog.pipeline import bring_up_to_date
from tachlog.stores import Store, open_store
from tachlog.watching import Step, afar, follow, named

PATIENCE_S = 30.0
TABLE = """CREATE TABLE agent_logs (
    id BIGINT PRIMARY KEY, session_id TEXT, provider TEXT, model TEXT, log_timestamp TIMESTAMPTZ,
    created_at TIMESTAMPTZ, structured_data JSONB, response_time INTEGER)"""


def insert(connection: psycopg.Connection, number: int, second: int, output: int = 7) -> None:
    """A reply, created in this second."""
    at = f"2026-11-18T09:00:{second:02}Z"
    usage = {"input_tokens": 10, "output_tokens": output}
    told = json.dumps({"payload": {"content": "Done."}, "role": "assistant", "usage": usage})
    connection.execute(
        "INSERT INTO agent_logs VALUES (%s, 's', 'openai', 'gpt-5', %s, %s, %s, 900)",
        (number, at, at, told),
    )


@pytest.fixture
def table(postgresql_url: str) -> Iterator[tuple[psycopg.Connection, str]]:
    """A table of logs, and the URL by which somebody who may only read finds it."""
    schema = schema_name(postgresql_url)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute(f"CREATE ROLE reader_{schema}")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader_{schema}")
        connection.execute(f"GRANT SELECT ON agent_logs TO reader_{schema}")
        role = f"{postgresql_url}%20-crole%3Dreader_{schema}"
        try:
            yield connection, f"{role}&table=agent_logs"
        finally:
            connection.execute(f"DROP OWNED BY reader_{schema}")
            connection.execute(f"DROP ROLE reader_{schema}")


@contextmanager
def followed(archive: Path, url: str) -> Iterator[Callable[[Callable[[Store], bool]], None]]:
    """While a table is followed: gives what waits until something holds of the archive."""
    told = SimpleQueue[Step]()
    stop = threading.Event()
    thread = threading.Thread(
        target=follow,
        args=(str(archive), named([url]), Config()),
        kwargs={"stop": stop, "told": told.put},
    )
    thread.start()

    def until(holds: Callable[[Store], bool]) -> None:
        while True:
            with closing(open_store(str(archive))) as store:
                if holds(store):
                    return
            try:
                told.get(timeout=PATIENCE_S)
            except Empty:
                pytest.fail("it never came to hold")

    try:
        yield until
    finally:
        stop.set()
        thread.join(PATIENCE_S)


def calls(store: Store) -> int:
    """How many model calls are in the archive."""
    return sum(m.calls for m in store.sessions(Selection()))


def output_tokens(store: Store) -> int:
    """How many tokens they put out; each took in ten."""
    return sum(m.total_tokens for m in store.sessions(Selection())) - 10 * calls(store)


def test_a_table_is_followed(
    table: tuple[psycopg.Connection, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New rows, one that is committed late and one that changes in place are told once each."""
    monkeypatch.setattr(afar, "TABLE_SECONDS", 0.05)
    connection, url = table
    archive = tmp_path / "archive.db"
    for number in range(3):
        insert(connection, number, second=10 + number)
    with followed(archive, url) as until:
        until(lambda store: calls(store) == 3)
        with psycopg.connect(connection.info.dsn) as late, late.transaction():
            insert(late, 3, second=13)
            insert(connection, 4, second=20)
            until(lambda store: calls(store) == 4)
        until(lambda store: calls(store) == 5)
        insert(connection, 5, second=21, output=1)
        until(lambda store: output_tokens(store) == 5 * 7 + 1)
        connection.execute(
            "UPDATE agent_logs SET structured_data ="
            " jsonb_set(structured_data, '{usage,output_tokens}', '7') WHERE id = 5"
        )
        until(lambda store: output_tokens(store) == 6 * 7)
    with closing(open_store(str(archive))) as store:
        assert told(store) == (6, 6, 0, 0)
    with followed(archive, url) as until:
        insert(connection, 6, second=22)
        until(lambda store: calls(store) == 7)
    with closing(open_store(str(archive))) as store, closing(open_store("private:")) as once:
        assert told(store) == (7, 7, 0, 0)
        bring_up_to_date(once, [url], Config())
        assert told(once) == told(store)
        assert output_tokens(once) == output_tokens(store) == 7 * 7
        assert bring_up_to_date(store, [url], Config()).records == 0


def told(store: Store) -> tuple[int, int, int, int]:
    """Records, and how many of them were parsed, copies and problems."""
    found = store.input(Selection())[0]
    return found.records, found.parsed, found.duplicates, found.problems


def test_a_table_that_cannot_be_read_is_told(
    table: tuple[psycopg.Connection, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that is not there yet is told of, and read once it is."""
    monkeypatch.setattr(afar, "TABLE_SECONDS", 0.05)
    connection, url = table
    connection.execute("ALTER TABLE agent_logs RENAME TO elsewhere")
    with followed(tmp_path / "archive.db", url) as until:
        until(lambda store: any("no such table" in (f.note or "") for f in store.files()))
        connection.execute("ALTER TABLE elsewhere RENAME TO agent_logs")
        insert(connection, 1, second=1)
        until(lambda store: calls(store) == 1)
    with closing(open_store(str(tmp_path / "archive.db"))) as store:
        assert [report.note for report in store.files()] == [None]


def test_a_table_in_mysql_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on a real MariaDB, by somebody who may only read: new, late and changed rows."""
    monkeypatch.setattr(afar, "TABLE_SECONDS", 0.05)
    row = "INSERT INTO logs.agent_logs VALUES (%s, 's', 'openai', 'gpt-5', %s, %s, %s, 900)"
    usage = {"input_tokens": 10, "output_tokens": 7}
    told_by = json.dumps({"role": "assistant", "payload": {"content": "Done."}, "usage": usage})

    def values(number: int, second: int) -> tuple[object, ...]:
        return number, (at := f"2026-11-18 09:00:{second:02}"), at, told_by

    with (
        mariadb.running() as socket,
        closing(mariadb.connect(socket)) as connection,
        closing(mariadb.connect(socket)) as late,
    ):
        cursor = connection.cursor()
        for statement in (
            "CREATE DATABASE logs",
            "CREATE TABLE logs.agent_logs (id BIGINT PRIMARY KEY, session_id VARCHAR(99), provider"
            " VARCHAR(50), model VARCHAR(100), log_timestamp DATETIME(6), created_at DATETIME(6),"
            " structured_data JSON, response_time INTEGER)",
            "CREATE USER reader@localhost",
            "GRANT SELECT ON logs.agent_logs TO reader@localhost",
        ):
            cursor.execute(statement)
        cursor.executemany(row, [values(number, 10 + number) for number in range(3)])
        url = f"mysql+pymysql://reader@localhost/logs?unix_socket={socket}&table=agent_logs"
        with followed(tmp_path / "archive.db", url) as until:
            until(lambda store: calls(store) == 3)
            late.begin()
            late.cursor().execute(row, values(3, 13))
            cursor.execute(row, values(4, 20))
            until(lambda store: calls(store) == 4)
            late.commit()
            until(lambda store: calls(store) == 5)
            cursor.execute(
                "UPDATE logs.agent_logs SET structured_data ="
                " JSON_SET(structured_data, '$.usage.output_tokens', 9) WHERE id = 4"
            )
            until(lambda store: output_tokens(store) == 4 * 7 + 9)
        with closing(open_store(str(tmp_path / "archive.db"))) as store:
            assert told(store) == (5, 5, 0, 0)
