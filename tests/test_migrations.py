"""Archives of every earlier version become archives of this one, and nothing of them is lost."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from conftest import Archives
from screens import Desk
from tachlog.analysis.selection import Selection
from tachlog.stores import StoreError, open_store, schema
from tachlog.stores.archive import SqlArchive
from tachlog.stores.postgres import defined
from tachlog.stores.rebuilding import differing_sums

KEPT = Path(__file__).parent / "data" / "archives"
"""A small archive of each earlier version, as it was written then: `version_N.sql`."""

VERSIONS = range(1, schema.VERSION)


def put(version: int, url: str) -> dict[str, list[tuple[object, ...]]]:
    """Put the kept archive of a version where a URL says; gives the rows of its tables."""
    with closing(sqlite3.connect(":memory:" if "://" in url else url)) as kept:
        kept.executescript((KEPT / f"version_{version}.sql").read_text())
        kept.execute(f"PRAGMA user_version = {version}")
        tables = [
            name for (name,) in kept.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        rows = {table: kept.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    if "://" in url:
        with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
            for script in schema.MIGRATIONS[:version]:
                cursor.execute(defined(script).encode())
            for table, found in rows.items():
                marks = ", ".join(["%s"] * len(found[0])) if found else ""
                if found:
                    cursor.executemany(f"INSERT INTO {table} VALUES ({marks})".encode(), found)
            cursor.execute("INSERT INTO meta VALUES ('version', %s)", (str(version),))
    return rows


@pytest.mark.parametrize("version", VERSIONS)
def test_an_earlier_version_is_brought_forward(
    version: int, archives: Archives, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Every row stays, the tables are those of a new archive, sums are made; told once."""
    url = archives.url()
    Path(tmp_path / "archives").mkdir(exist_ok=True)
    rows = put(version, url)
    with caplog.at_level(logging.WARNING):
        store = archives.open(url)
    assert isinstance(store, SqlArchive)
    assert [record.getMessage() for record in caplog.records] == [
        f"{store.database.path}: the archive was of version {version} and is of version"
        f" {schema.VERSION} now; nothing was lost"
    ]
    assert store.came_from == version
    assert differing_sums(store.database, writes=False) == 0
    assert store.page(Selection(), 50)[1] == len(rows["agent_telemetry_summaries"]) > 3
    new = archives.new()
    assert isinstance(new, SqlArchive)
    for table in new.database.table_sizes():
        assert store.database.columns(table) == new.database.columns(table)
        ((count,),) = store.database.rows(f"SELECT count(*) FROM {table}")
        noted = table == "meta" and "://" in url
        assert table not in rows or count == len(rows[table]) + noted
    assert indexes(store) == indexes(new)
    again = archives.open(url)
    assert again.came_from == schema.VERSION
    assert len(caplog.records) == 1


def indexes(store: SqlArchive) -> list[object]:
    """The definitions of an archive's indexes."""
    if store.database.host:
        return store.database.rows(
            "SELECT indexname::text, split_part(indexdef, ' USING ', 2) FROM pg_indexes"
            " WHERE schemaname = current_schema() ORDER BY 1"
        )
    return store.database.rows(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name"
    )


def test_every_earlier_version_is_kept() -> None:
    """There is a kept archive for each version before this one."""
    assert {path.name for path in KEPT.iterdir()} == {f"version_{n}.sql" for n in VERSIONS}


def test_an_archive_from_the_future_is_refused_and_left_alone(archives: Archives) -> None:
    """A version that this tachlog does not know is an error that says what to do."""
    url = archives.url()
    store = archives.open(url)
    assert isinstance(store, SqlArchive)
    store.database.run(
        "UPDATE meta SET value = '99' WHERE name = 'version'"
        if store.database.host
        else "PRAGMA user_version = 99"
    )
    refused = r"has version 99.*install a newer tachlog"
    for _ in range(2):
        with pytest.raises(StoreError, match=refused):
            open_store(url)
    with pytest.raises(StoreError, match=refused):
        store.note("what", "one that was open when others brought it forward")
    assert store.noted("what") is None


def test_the_command_says_what_was_done(tmp_path: Path) -> None:
    """`db migrate` tells the version before and now, and that there is nothing to do."""
    desk, path = Desk(tmp_path), str(tmp_path / "kept.db")
    rows = put(1, path)["agent_telemetry_summaries"]
    found = json.loads(desk.run("db", "migrate", "--json", "--db", path).out)
    assert (found["before"], found["version"]) == (1, schema.VERSION)
    assert 3 < found["sessions"] <= len(rows)
    assert "nothing to do" in desk.run("db", "migrate", "--db", path).out
