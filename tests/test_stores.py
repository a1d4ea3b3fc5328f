"""Stores: how they are opened, what they find, what they say when the database refuses."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from archives import (
    MEASURER,
    archive_of,
    as_session,
    assistant,
    at,
    contents,
    figures,
    jsonl,
    portion_of,
    read_in,
    user,
)
from tachlog.analysis.measurer import Measurer
from tachlog.analysis.selection import Selection
from tachlog.stores import StoreError, open_store, sqlite
from tachlog.stores.archive import SqlArchive


@pytest.fixture
def archive(tmp_path: Path) -> SqlArchive:
    """Give an empty archive in a file."""
    store = open_store(str(tmp_path / "archive.db"))
    assert isinstance(store, SqlArchive)
    return store


def session(name: str, minute: int = 0) -> list[dict[str, object]]:
    """A prompt and its reply."""
    return [
        user(name, f"{name}-u", at(minute), "Hi"),
        assistant(name, f"{name}-r", at(minute, 5), f"{name}-m"),
    ]


@pytest.mark.parametrize("url", ["{}", "sqlite:///{}"])
def test_an_archive_is_a_path_or_a_url(tmp_path: Path, url: str) -> None:
    """Both forms name one file, whose directory is made."""
    path = tmp_path / "new" / "directory" / "archive.db"
    open_store(url.format(path)).close()
    assert path.is_file()


def test_a_private_archive_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`private:` makes no file, and two of them share nothing."""
    monkeypatch.chdir(tmp_path)
    log = jsonl(tmp_path / "log.jsonl", session("a"))
    one, two = open_store("private:"), open_store("private:")
    read_in(one, [log])
    assert (list(figures(one)), list(figures(two))) == (["a"], [])
    assert list(tmp_path.iterdir()) == [log]


def test_an_unknown_kind_of_archive_is_named() -> None:
    """A URL of another database tells what can be used."""
    with pytest.raises(StoreError, match="mongodb: no such kind of archive; use a path, sqlite"):
        open_store("mongodb://host/x")


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("", ["a%b", "a_b", "axb", "a_b/1"]),
        ("a", ["a%b", "a_b", "axb", "a_b/1"]),
        ("a%", ["a%b"]),
        ("a_", ["a_b", "a_b/1"]),
        ("1", ["a_b/1"]),
        ("a\\", []),
        ("b", []),
    ],
)
def test_a_prefix_is_taken_as_it_is(archive: SqlArchive, prefix: str, found: list[str]) -> None:
    """Signs with a meaning in SQL patterns are signs like any other; shorter ids come first."""
    records = [record for name in ("a%b", "a_b", "axb") for record in session(name)]
    told = user("a_b", "t", at(3), "Look", isSidechain=True, agentId="1")
    read_in(archive, [jsonl(archive_path(archive) / "log.jsonl", [*records, told])])
    assert archive.find(prefix) == found


def archive_path(archive: SqlArchive) -> Path:
    """The directory of an archive."""
    return Path(archive.url).parent


def test_a_session_is_told_with_its_operations(archive: SqlArchive, tmp_path: Path) -> None:
    """One thread with what it owns and the files that tell it; an unknown one is None."""
    log = jsonl(tmp_path / "log.jsonl", session("a"))
    read_in(archive, [log])
    found = archive.session("a")
    assert found is not None
    metrics, operations = found
    assert (metrics.calls, len(operations.calls), len(operations.prompts)) == (1, 1, 1)
    assert archive.files_of("a") == [str(log)]
    assert archive.session("b") is None
    assert archive.files_of("b") == []


def test_families_that_meet_become_one(tmp_path: Path) -> None:
    """A session that shares history with two families joins them; the order never shows."""
    first, second = session("a"), session("c", 10)
    told = {
        "a": first,
        "b": [*as_session(first, "b"), *session("b", 1)],
        "c": second,
        "d": [*as_session(second, "d"), *session("d", 11)],
        "e": [*as_session(first, "e"), *as_session(second, "e"), *session("e", 20)],
    }
    files = {name: jsonl(tmp_path / f"{name}.jsonl", records) for name, records in told.items()}
    expected = archive_of(list(files.values()))
    for order in ("ebdca", "cdabe", "abecd"):
        assert archive_of([files[name] for name in order]) == expected
    store = open_store("private:")
    read_in(store, list(files.values()))
    assert sum(m.calls for m in store.sessions(Selection())) == 5
    assert isinstance(store, SqlArchive)
    assert store.database.rows("SELECT count(DISTINCT family) FROM threads") == [(1,)]


def test_records_of_a_rewritten_file_stay_copies(archive: SqlArchive, tmp_path: Path) -> None:
    """When the file that told a record first is rewritten, what the others tell is counted on."""
    one = jsonl(tmp_path / "one.jsonl", [*session("a"), *session("b", 1)])
    two = jsonl(tmp_path / "two.jsonl", session("a"))
    three = jsonl(tmp_path / "three.jsonl", session("a"))
    read_in(archive, [one, two, three])
    before, _ = archive.input(Selection())
    assert (before.parsed, before.duplicates) == (4, 4)
    jsonl(one, session("c", 2))
    read_in(archive, [one])
    after, _ = archive.input(Selection())
    assert after.records == 6
    assert after.records == after.parsed + after.duplicates
    jsonl(two, [*session("d", 3), *session("a")])
    read_in(archive, [two])
    last, _ = archive.input(Selection())
    assert last.records == 8
    assert (last.parsed, last.duplicates) == (6, 2)
    assert set(figures(archive)) == {"a", "b", "c", "d"}


def test_questions_within_a_snapshot_see_one_state(archive: SqlArchive, tmp_path: Path) -> None:
    """A commit shows after the snapshot, not in it; a snapshot in a snapshot is the same one."""
    read_in(archive, [jsonl(tmp_path / "a.jsonl", session("a"))])
    with archive.database.snapshot():
        assert list(figures(archive)) == ["a"]
        other = open_store(archive.url)
        read_in(other, [jsonl(tmp_path / "b.jsonl", session("b"))])
        other.close()
        with archive.database.snapshot():
            assert list(figures(archive)) == ["a"]
        assert list(figures(archive)) == ["a"]
    assert sorted(figures(archive)) == ["a", "b"]


class Faulty(Measurer):
    """Fails where a project is told."""

    def __init__(self) -> None:
        def failing(cwd: str) -> str:
            raise OSError(28, "No space left on device", cwd)

        super().__init__(None, failing)


def test_a_batch_that_fails_leaves_nothing_behind(archive: SqlArchive, tmp_path: Path) -> None:
    """Names that a failed batch met are forgotten with it, and the same file can be kept after."""
    log = jsonl(tmp_path / "log.jsonl", session("a"))
    with pytest.raises(StoreError, match="No space left on device"):
        archive.write([portion_of(log, archive)], Faulty())
    assert archive.progress() == {}
    assert archive.write([portion_of(log, archive)], MEASURER) == []
    assert contents(archive) == archive_of([log])


@pytest.mark.parametrize(
    ("pragma", "told"),
    [
        ("query_only = ON", "cannot be written; check that its directory exists and can be"),
        ("max_page_count = 1", "the disk is full; free some space and run again"),
    ],
)
def test_what_the_database_refuses_is_told_with_what_to_do(
    archive: SqlArchive, tmp_path: Path, pragma: str, told: str
) -> None:
    """The archive, what is wrong, what to do; and it is as it was."""
    log = jsonl(tmp_path / "log.jsonl", [r for n in range(60) for r in session(f"s{n}", n)])
    portion = portion_of(log, archive)
    archive.database.run(f"PRAGMA {pragma}")
    with pytest.raises(StoreError, match=told) as raised:
        archive.write([portion], MEASURER)
    assert str(raised.value).startswith(f"{archive.url}: ")
    assert figures(open_store(archive.url)) == {}


def test_another_fault_is_told_in_sqlites_words(archive: SqlArchive) -> None:
    """What nobody foresaw is not hidden."""
    with pytest.raises(StoreError, match="no such table: gone"):
        archive.database.rows("SELECT * FROM gone")


def test_an_archive_that_is_being_made_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on a new archive that lasts too long is told like any other."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    path = tmp_path / "archive.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE other (x)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked by another process"):
            open_store(str(path))
        other.execute("ROLLBACK")
    open_store(str(path)).close()
