"""Rows of CSV files and SQL tables come as JSON lines, resumable after any of them."""

import gzip
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog.frames import FrameError, Page, read_csv_rows, read_table
from tachlog.frames.sql_table import json_line, parse_url
from tachlog.model import Chunk

CSV = 'id,session_id,text\n1,s,plain\n2,s,"two\nlines, and a ""quote"""\n\n3,,last\n'
ROWS = [
    {"id": "1", "session_id": "s", "text": "plain"},
    {"id": "2", "session_id": "s", "text": 'two\nlines, and a "quote"'},
    {"id": "3", "session_id": None, "text": "last"},
]


def put(directory: Path, text: str | bytes, name: str = "log.csv") -> str:
    """Write a file and return its path."""
    path = directory / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def rows_of(chunks: Iterable[Chunk], start: int = 0) -> list[Any]:
    """Return the rows of chunks, whose offsets must count them and whose last alone is the last."""
    listed = list(chunks)
    rows: list[Any] = []
    for chunk in listed:
        assert chunk.offset == start + len(rows)
        rows += [json.loads(line) for line in chunk.data.splitlines()]
    assert [chunk.last for chunk in listed] == [False] * (len(listed) - 1) + [True] * bool(listed)
    return rows


# CSV


def test_rows_are_objects(tmp_path: Path) -> None:
    """Cells are texts by column, with their newlines; empty cells are null, blank lines nothing."""
    assert rows_of(read_csv_rows(put(tmp_path, CSV))) == ROWS


@pytest.mark.parametrize("chunk_bytes", [1, 60, 1 << 18])
@pytest.mark.parametrize("after", [0, 1, 2, 3, 4])
def test_rows_resume(tmp_path: Path, after: int, chunk_bytes: int) -> None:
    """Reading goes on after any number of rows, in chunks of any size."""
    chunks = read_csv_rows(put(tmp_path, CSV), after, chunk_bytes=chunk_bytes)
    assert rows_of(chunks, after) == ROWS[after:]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_dialects_are_known_by_the_header(tmp_path: Path, delimiter: str, ending: str) -> None:
    """Commas, semicolons and tabs, each line ending, a byte order mark and compression are read."""
    text = ending.join([delimiter.join(["\ufeffid", " text "]), delimiter.join(["1", "é"]), ""])
    expected = [{"id": "1", "text": "é"}]
    assert rows_of(read_csv_rows(put(tmp_path, text))) == expected
    assert rows_of(read_csv_rows(put(tmp_path, gzip.compress(text.encode())))) == expected


def test_rows_that_do_not_fit_are_handed_over(tmp_path: Path) -> None:
    """Missing cells are null; a row with more cells than columns is an array, so no record."""
    path = put(tmp_path, "id,text\n1\n2,a,b\n3,c\n")
    expected = [{"id": "1", "text": None}, ["2", "a", "b"], {"id": "3", "text": "c"}]
    assert rows_of(read_csv_rows(path)) == expected


def test_invalid_utf8_costs_one_character(tmp_path: Path) -> None:
    """A byte that is no UTF-8 becomes a replacement character and nothing else is lost."""
    path = put(tmp_path, b"id,text\n1,Fran\xe7ais\0\n2,b\n")
    assert [row["text"] for row in rows_of(read_csv_rows(path))] == ["Fran\ufffdais\0", "b"]


@pytest.mark.parametrize("text", ["", "\n \n", "id,text\n", "id,text"])
def test_no_rows(tmp_path: Path, text: str) -> None:
    """An empty file, and one with a header alone, give nothing and are no error."""
    assert list(read_csv_rows(put(tmp_path, text))) == []


@pytest.mark.parametrize("header", ["1,s,plain", "id,id,text", "id,,text", '{"id": 1}'])
def test_header_is_required(tmp_path: Path, header: str) -> None:
    """A first line that cannot name the columns is refused with what to do."""
    with pytest.raises(FrameError, match=r"has no header: .*: put the column names"):
        list(read_csv_rows(put(tmp_path, f"{header}\n2,s,b\n")))


def test_unended_row_stands_alone(tmp_path: Path) -> None:
    """A last row without a newline comes in a chunk of its own without one, like a torn line."""
    path = put(tmp_path, "id,text\n1,a\n2,b")
    whole, torn = read_csv_rows(path)
    assert whole == Chunk(path, 0, b'{"id":"1","text":"a"}\n', last=False)
    assert torn == Chunk(path, 1, b'{"id":"2","text":"b"}', last=True)


@given(st.data())
def test_rows_cut_at_any_byte_resume(data: st.DataObject) -> None:
    """Whatever part of a file is there, its ended rows are right, and the rest follows once."""
    cell = st.text(st.sampled_from('ab,;"\né\r'), max_size=5)
    table = data.draw(st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=5))
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in table]
    whole = "".join(",".join(row) + "\n" for row in [["id", "x", "y"], *quoted]).encode()
    expected = [dict(zip(("id", "x", "y"), (c or None for c in row), strict=True)) for row in table]
    cut = data.draw(st.integers(len(b"id,x,y\n"), len(whole)))
    with TemporaryDirectory() as name:
        chunks = list(read_csv_rows(put(Path(name), whole[:cut])))
        ended = [chunk.data for chunk in chunks if chunk.data.endswith(b"\n")]
        rows = [json.loads(line) for line in b"".join(ended).splitlines()]
        assert rows == expected[: len(rows)]
        rest = read_csv_rows(put(Path(name), whole), len(rows))
        assert rows + rows_of(rest, len(rows)) == expected


def test_row_cut_in_a_quoted_cell_is_no_json(tmp_path: Path) -> None:
    """A row that ends within quotes, or lacks cells, at the end of the file is half a record."""
    for text in ('id,text\n1,"two\n', 'id,text\n1,"tw', "id,text\n1"):
        (torn,) = read_csv_rows(put(tmp_path, text))
        assert torn.last
        with pytest.raises(json.JSONDecodeError):
            json.loads(torn.data)


def test_unclosed_quote_is_told(tmp_path: Path) -> None:
    """A quote that swallows the rest of a file ends the reading after the rows before it."""
    path = put(tmp_path, "id,text\n1,a\n2,b\n" + '3,"' + "never closed\n" * 100)
    with pytest.raises(FrameError, match=r"beyond line .*never closed"):
        list(read_csv_rows(path, longest=500))
    chunks = read_csv_rows(path, longest=500)
    assert rows_of([next(chunks)]) == [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}]


def test_truncated_compression_gives_the_rows_before(tmp_path: Path) -> None:
    """A compressed CSV that lacks its end gives rows, then the error."""
    text = "id,text\n" + "".join(f"{n},{n * 7919}\n" for n in range(50_000))
    packed = gzip.compress(text.encode())
    chunks = read_csv_rows(put(tmp_path, packed[: len(packed) // 2]))
    assert json.loads(next(chunks).data.splitlines()[1]) == {"id": "1", "text": "7919"}
    with pytest.raises(FrameError, match="in the middle of its compressed data"):
        list(chunks)


# SQL


@pytest.fixture
def database(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs SQL statements in a new SQLite file and returns its URL."""
    path = tmp_path / "logs and %more.db"

    def run(*statements: str, table: str = "agent_logs", rows: Sequence[Any] = ()) -> str:
        with sqlite3.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(f'INSERT INTO "{table}" VALUES ({marks})', row)
        connection.close()
        return f"sqlite:///{tmp_path}/logs and %25more.db?table={table}"

    return run


LOGS = "CREATE TABLE agent_logs (id TEXT, created_at TIMESTAMP NOT NULL, content TEXT)"
LOOSE_LOGS = "CREATE TABLE agent_logs (id INTEGER PRIMARY KEY, created_at TIMESTAMP, content JSON)"


def table_rows(pages: Iterable[Page], start: int = 0) -> list[Any]:
    """Return the rows of a table's pages."""
    return rows_of((page.chunk for page in pages), start)


@pytest.mark.parametrize("page_rows", [1, 2, 3, 4, 500])
def test_table_is_read_in_the_order_of_creation(
    database: Callable[..., str], page_rows: int
) -> None:
    """Rows come by (created_at, id), equal times over any page boundary included."""
    stored = [("c", "2026-01-02", "x"), ("a", "2026-01-03", "y"), ("b", "2026-01-02", "z")]
    url = database(LOGS, rows=stored)
    rows = table_rows(read_table(url, page_rows=page_rows))
    assert [row["id"] for row in rows] == ["b", "c", "a"]
    assert rows[0] == {"id": "b", "created_at": "2026-01-02", "content": "z"}


@pytest.mark.parametrize("page_rows", [1, 2, 500])
@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (LOGS, [(f"i{n % 3}{n}", f"2026-01-0{n // 2 + 1}", "x") for n in range(7)]),
        (LOOSE_LOGS, [(n, None if n % 2 else f"2026-01-0{n}", "{}") for n in range(1, 8)]),
        (LOOSE_LOGS, [(n, None, "{}") for n in range(3)]),
        ("CREATE TABLE agent_logs (a, b, c, PRIMARY KEY (a, b, c))", [(1, 2, n) for n in range(5)]),
    ],
)
def test_table_resumes_after_every_page(
    database: Callable[..., str], table: str, rows: list[Any], page_rows: int
) -> None:
    """From each page's cursor the rest of the table follows once, rows without a time included."""
    url = database(table, rows=rows)
    everything = table_rows(read_table(url, page_rows=page_rows))
    assert len(everything) == len(rows)
    seen = 0
    for page in read_table(url, page_rows=page_rows):
        seen += len(page.chunk.data.splitlines())
        assert table_rows(read_table(url, page.cursor), seen) == everything[seen:]


def test_table_goes_on_where_it_was(database: Callable[..., str]) -> None:
    """Rows added since are read from the cursor on; with none added there is nothing."""
    url = database(LOGS, rows=[("a", "2026-01-01T00:00:00Z", "x")])
    (page,) = read_table(url)
    assert list(read_table(url, page.cursor)) == []
    database(rows=[("b", "2026-01-01T00:00:01Z", "y")])
    assert table_rows(read_table(url, page.cursor), 1) == [
        {"id": "b", "created_at": "2026-01-01T00:00:01Z", "content": "y"}
    ]


def test_values_are_ready_for_json() -> None:
    """Times are ISO texts, decimals numbers, bytes texts; whatever a database gives can be told."""
    row = {
        "at": datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC),
        "naive": datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 - as drivers give it
        "day": date(2026, 1, 2),
        "cost": Decimal("0.0000015"),
        "count": Decimal("12.00"),
        "none": Decimal("NaN"),
        "inf": float("inf"),
        "raw": b"caf\xc3\xa9 \xff",
        "view": memoryview(b"abc"),
        "uuid": UUID(int=1),
        "json": {"usage": {"input_tokens": 1}},
        "other": 1 + 2j,
    }
    line = json_line(row)
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "at": "2026-01-02T03:04:05.000600Z",
        "naive": "2026-01-02T03:04:05",
        "day": "2026-01-02",
        "cost": 0.0000015,
        "count": 12,
        "none": None,
        "inf": None,
        "raw": "café \ufffd",
        "view": "abc",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "json": {"usage": {"input_tokens": 1}},
        "other": "(1+2j)",
    }
    odd = {"big": 1 << 70, "half": "\ud800", "cost": Decimal("1.5"), "at": row["at"]}
    assert json.loads(json_line(odd)) == {
        "big": 1 << 70,
        "half": "\ud800",
        "cost": 1.5,
        "at": "2026-01-02T03:04:05.000600Z",
    }


def test_invalid_text_in_a_table_is_replaced(database: Callable[..., str]) -> None:
    """Bytes that are no UTF-8 in a text column cost a character, not the table."""
    url = database(LOGS, "INSERT INTO agent_logs VALUES ('a', '2026', CAST(x'61ff' AS TEXT))")
    assert table_rows(read_table(url))[0]["content"] == "a\ufffd"


def test_table_is_only_read(database: Callable[..., str], tmp_path: Path) -> None:
    """Reading changes neither the file nor its directory."""
    url = database(LOGS, rows=[("a", "2026", "x")])
    before = {path: path.stat() for path in tmp_path.iterdir()}
    assert len(list(read_table(url))) == 1
    after = {path: path.stat() for path in tmp_path.iterdir()}
    assert after.keys() == before.keys()
    assert all(after[path].st_mtime_ns == before[path].st_mtime_ns for path in before)


def test_table_may_be_a_view_or_in_a_schema(database: Callable[..., str]) -> None:
    """A view with created_at and id serves as a table, and `schema.table` names one."""
    url = database(LOGS, "CREATE VIEW seen AS SELECT * FROM agent_logs", rows=[("a", "2026", "x")])
    assert len(table_rows(read_table(url.replace("=agent_logs", "=main.agent_logs")))) == 1
    assert len(table_rows(read_table(url.replace("=agent_logs", "=seen")))) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("=agent_logs", "=absent"), "has no such table: check the name after .table="),
        (("?table=agent_logs", ""), "names no table: end the URL with .table=agent_logs"),
        (("logs and", "missing"), "is not there: check the name of the database file"),
        (("=agent_logs", "=keyless"), "nor a primary key to read it by: give it a key"),
    ],
)
def test_unusable_tables_are_explained(
    database: Callable[..., str], change: tuple[str, str], message: str
) -> None:
    """What is wrong with a URL or a table is said with what to do."""
    url = database(LOGS, "CREATE TABLE keyless (text)")
    with pytest.raises(FrameError, match=message):
        list(read_table(url.replace(*change)))


def test_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """A text file given as a database gives the database's reason."""
    path = put(tmp_path, "id,text\n" * 1000, "log.db")
    with pytest.raises(FrameError, match=r"cannot be read \(file is not a database\)"):
        list(read_table(f"sqlite:///{path}?table=agent_logs"))


SECRET = "Pa55:w/rd%"
SECRET_URLS = [
    "postgresql://me:Pa55%3Aw%2Frd%25@127.0.0.1:1/logs?table=agent_logs&sslpassword=Pa55",
    "nosuch://me:Pa55%3Aw%2Frd%25@host/logs?table=agent_logs",
    "postgresql://me:Pa55@host:Pa55/logs?table=agent_logs",
    "postgresql:me:Pa55%3Aw%2Frd%25@host?table=agent_logs",
    "postgresql://me:Pa55@host/logs",
]


@pytest.mark.parametrize("url", SECRET_URLS)
def test_passwords_stay_out_of_messages(url: str) -> None:
    """Whatever is wrong with a URL, its password is not repeated, not even in what led to it."""
    with pytest.raises(FrameError) as raised:
        list(read_table(url))
    error: BaseException | None = raised.value
    while error and not (error.__suppress_context__ and error.__context__ is None):
        assert "Pa55" not in str(error)
        error = None if error.__suppress_context__ else error.__context__
    assert "me" not in raised.value.path.replace("agent_logs", "")


def test_label_names_the_table_only() -> None:
    """A table is called by its database, host, port, name and nothing else."""
    _, name, label = parse_url("mysql+pymysql://me:pw@host:3306/logs?table=a.b&charset=utf8")
    assert (name, label) == ("a.b", "mysql://host:3306/logs?table=a.b")


@pytest.mark.parametrize("absent", ["sqlalchemy", "psycopg"])
def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    """Without what reads tables the message says which extra to install."""
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(FrameError, match=r"pip install 'tachlog\[sql\]'") as raised:
        list(read_table(SECRET_URLS[0]))
    assert "Pa55" not in str(raised.value)
