"""Whole documents and databases become chunks like those of lines, and nothing is changed."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tachlog.frames import FrameError, RowCursor, documents, read_database, read_whole

ROWS = "SELECT at, body FROM t WHERE at >= :since ORDER BY at"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Give a database with one table of dated JSON texts, at `rows.db`."""
    connection = sqlite3.connect(tmp_path / "rows.db", isolation_level=None)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, body TEXT)")
    yield connection
    connection.close()


def insert(database: sqlite3.Connection, at_ms: object, body: object) -> None:
    """Add a row."""
    database.execute("INSERT INTO t (at, body) VALUES (?, ?)", (at_ms, body))


def told(path: Path, cursors: list[RowCursor], *statements: str) -> list[object]:
    """Return the records that a reading gives."""
    lines: list[object] = []
    for chunk in read_database(str(path), statements or (ROWS,), cursors):
        assert chunk.offset == len(lines)
        lines += map(json.loads, chunk.data.splitlines())
    return lines


def test_document_is_one_line(tmp_path: Path) -> None:
    """A document of many lines comes as one line without white space."""
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{\r\n "a": "x\\ny",\n "b": 1\n}\n')
    (chunk,) = read_whole(str(path))
    assert chunk.data == b'{"a":"x\\ny","b":1}\n'
    assert (chunk.offset, chunk.last) == (0, True)


def test_document_without_content_gives_nothing(tmp_path: Path) -> None:
    """White space is no document."""
    path = tmp_path / "a.json"
    path.write_text(" \n\n")
    assert list(read_whole(str(path))) == []


def test_documents_beside_it_are_read_along(tmp_path: Path) -> None:
    """What matches the patterns stands beside the document, in the order of the paths."""
    for name, text in {"b.json": "{\n}", "a.json": "[1]", "torn.json": '{"x', "c": "2"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "main").write_text('{"m":\n1}')
    pattern = str(tmp_path / "*.json")
    (chunk,) = read_whole(str(tmp_path / "main"), (pattern, str(tmp_path / "c")))
    assert json.loads(chunk.data) == {"document": {"m": 1}, "beside": [[1], {}, 2]}


def test_of_lines_beside_it_the_first_is_read_along(tmp_path: Path) -> None:
    """A file of JSON lines that belongs to a document tells by its first line what it is."""
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "a.jsonl").write_text('{"n": 1}\n{"n": 2}\n')
    (tmp_path / "b.jsonl").write_text('{"n": \n')
    (chunk,) = read_whole(str(tmp_path / "a.json"), [f"{tmp_path}/*.jsonl"])
    assert json.loads(chunk.data) == {"document": {}, "beside": [{"n": 1}]}


def test_torn_document_stays_as_it_is(tmp_path: Path) -> None:
    """A document that is not whole is handed over alone, for its source to say so."""
    (tmp_path / "main").write_text('{"m": ')
    (chunk,) = read_whole(str(tmp_path / "main"), (str(tmp_path / "*"),))
    assert chunk.data == b'{"m": \n'


def test_unreadable_neighbour_is_left_out(tmp_path: Path) -> None:
    """A directory, or a link to nothing, beside a document does not keep it from being read."""
    (tmp_path / "d.json").mkdir()
    (tmp_path / "l.json").symlink_to(tmp_path / "nothing")
    (tmp_path / "main").write_text("{}")
    (chunk,) = read_whole(str(tmp_path / "main"), (str(tmp_path / "*.json"),))
    assert json.loads(chunk.data) == {"document": {}, "beside": []}


def test_too_large_document_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document beyond the limit is refused with its size in words."""
    monkeypatch.setattr(documents, "DOCUMENT_BYTES", 3)
    (tmp_path / "main").write_text("[1,2]")
    with pytest.raises(FrameError, match="larger than 3 bytes"):
        list(read_whole(str(tmp_path / "main")))


def test_rows_are_told_once_and_again_when_changed(
    database: sqlite3.Connection, tmp_path: Path
) -> None:
    """A second reading gives only what is new or changed, also what came late within a minute."""
    path, cursors = tmp_path / "rows.db", [RowCursor()]
    insert(database, 100_000, '{"a":1}')
    insert(database, 200_000, '{"b":\n1}')
    assert told(path, cursors) == [{"a": 1}, {"b": 1}]
    assert told(path, cursors) == []
    insert(database, 199_000, '{"late":1}')
    insert(database, 100_001, '{"much too late":1}')
    database.execute("UPDATE t SET at = 300000, body = ? WHERE id = 1", ('{"a":2}',))
    assert told(path, cursors) == [{"late": 1}, {"a": 2}]
    assert cursors[0].since_ms == 240_000


def test_rows_that_are_none_are_passed_over(database: sqlite3.Connection, tmp_path: Path) -> None:
    """Rows without a time, or whose text is none, give nothing."""
    insert(database, "soon", "{}")
    insert(database, 1, None)
    insert(database, 2, "{}")
    assert told(tmp_path / "rows.db", [RowCursor()]) == [{}]


def test_pages_can_be_resumed(
    database: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops behind a page goes on with the row behind it."""
    monkeypatch.setattr(documents, "PAGE_BYTES", 1)
    for number in range(3):
        insert(database, 5, str(number))
    path, cursors = tmp_path / "rows.db", [RowCursor()]
    pages = read_database(str(path), (ROWS,), cursors)
    assert next(pages).data == b"0\n"
    assert told(path, cursors) == [1, 2]


def test_missing_tables_are_passed_over(database: sqlite3.Connection, tmp_path: Path) -> None:
    """Statements for other versions of the schema do no harm, unless none fits."""
    insert(database, 1, "{}")
    path = tmp_path / "rows.db"
    other = "SELECT at, body FROM u WHERE at >= :since"
    column = "SELECT at, body FROM t WHERE v >= :since"
    cursors = [RowCursor(), RowCursor(), RowCursor()]
    assert told(path, cursors, other, column, ROWS) == [{}]
    with pytest.raises(FrameError, match="none of the tables"):
        told(path, cursors[:2], other, column)


def test_write_ahead_log_is_read_and_nothing_is_left(tmp_path: Path) -> None:
    """Rows that stand only in the log of a live database are read; the files stay as they are."""
    path = tmp_path / "rows.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE t (at INTEGER, body TEXT)")
    writer.execute("INSERT INTO t VALUES (1, '{}')")
    before = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    assert told(path, [RowCursor()]) == [{}]
    assert (path.read_bytes(), Path(f"{path}-wal").read_bytes()) == before
    writer.close()
    assert told(path, [RowCursor()]) == [{}]
    assert [each.name for each in tmp_path.iterdir()] == ["rows.db"]


def test_locked_and_broken_databases_say_so(
    database: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no database, and one whose statement fails, is refused in words."""
    monkeypatch.setattr(documents, "BUSY_SECONDS", 0.01)
    (tmp_path / "no.db").write_bytes(b"SQLite format 3\0" + b"x" * 200)
    with pytest.raises(FrameError, match="cannot be read as a database"):
        told(tmp_path / "no.db", [RowCursor()])
    with pytest.raises(FrameError, match="is not there"):
        told(tmp_path / "nothing.db", [RowCursor()])
    with pytest.raises(FrameError, match="cannot be read as a database"):
        told(tmp_path / "rows.db", [RowCursor()], "SELECT nonsense(at), body FROM t")
    writer = sqlite3.connect(tmp_path / "live.db", isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE t (at INTEGER, body TEXT)")
    writer.execute("PRAGMA locking_mode = EXCLUSIVE")
    writer.execute("INSERT INTO t VALUES (1, '{}')")
    with pytest.raises(FrameError, match="locked"):
        told(tmp_path / "live.db", [RowCursor()])
    writer.close()
