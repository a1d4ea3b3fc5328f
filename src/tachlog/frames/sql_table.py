"""Turn the rows of an SQL table into JSON lines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import msgspec
from msgspec import Struct

from tachlog.frames.faults import FrameError
from tachlog.model import Chunk

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import URL, BindParameter, ColumnElement, Connection, Engine, Select

PAGE_ROWS = 500
PREFERRED_KEY = ("created_at", "id")
DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
TIMED = frozenset(DRIVERS.values())
CONNECT_SECONDS = 10
"""How long those may take to answer, which take `connect_timeout`."""
INSTALL = "install what reads SQL tables: pip install 'tachlog[sql]'"


class Cursor(Struct, frozen=True, array_like=True):
    """How far a table was read: rows so far, the part, and the last row's key as JSON values."""

    rows: int = 0
    part: int = 0
    key: list[Any] | None = None


class Page(Struct, frozen=True):
    """Rows of a table, and the cursor with which reading goes on behind them."""

    chunk: Chunk
    cursor: str


class Part(Struct, frozen=True):
    """The rows of a table whose created_at is set or not (None: all), and what tells them apart."""

    key: tuple[str, ...]
    created: bool | None = None


class Table(Struct, frozen=True):
    """What has to be known of a table to read it."""

    name: str
    schema: str | None
    columns: tuple[str, ...]
    parts: tuple[Part, ...]


def read_table(
    url: str, after: str | None = None, *, page_rows: int = PAGE_ROWS, overlap_s: float = 0
) -> Iterator[Page]:
    """Yield the rows of `postgresql://…?table=agent_logs`, `sqlite:///file.db?table=…` or the like.

    Each page has a chunk of JSON lines, one object per row, whose offset counts rows, and the
    cursor to give as `after` to go on behind it. Rows come in the order of (created_at, id) where
    the table has both, those without created_at first; else of the primary key. Rows that appear
    later with a smaller key are not seen by a reading that goes on, unless they were created at
    most `overlap_s` seconds before the last one: so far back it begins again. Times become ISO
    texts, decimals numbers, bytes texts; JSON that the database holds as text stays text. Only
    SELECTs are sent, and no transaction stays open between pages.

    Raises FrameError, which names the table without user, password and options: when the URL or the
    table cannot be used, the database refuses, or what reads it is not installed.
    """
    target, name, label = parse_url(url)
    cursor = msgspec.json.decode(after, type=Cursor) if after else Cursor()
    held: Page | None = None
    with _plainly(label, target), _connection(label, target) as connection:
        table = _describe(connection, label, name)
        for rows, reached in _pages(connection, table, cursor, page_rows, overlap_s):
            if held:
                yield held
            data = b"".join(json_line(row) for row in rows)
            chunk = Chunk(label, reached.rows - len(rows), data, last=False)
            held = Page(chunk, msgspec.json.encode(reached, enc_hook=str).decode())
    if held:
        yield Page(msgspec.structs.replace(held.chunk, last=True), held.cursor)


def table_name(url: str) -> str:
    """What a table is called without giving secrets away; raises FrameError for a wrong URL."""
    return parse_url(url)[2]


def parse_url(url: str) -> tuple[URL, str, str]:
    """Return the database, the table's name, and how to call it without giving secrets away."""
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ModuleNotFoundError:
        raise FrameError(url.partition(":")[0] + "://…", "cannot be read yet", INSTALL) from None
    try:
        target = make_url(url)
    except (ArgumentError, ValueError):  # their messages may hold the password
        label = url.partition(":")[0] + "://…"
        todo = "write it as postgresql://user:password@host/database?table=agent_logs"
        raise FrameError(label, "is not a database URL", todo) from None
    name = target.query.get("table", "")
    target = target.difference_update_query(["table"])
    target = target.set(drivername=DRIVERS.get(target.drivername, target.drivername))
    host = f"{target.host or ''}{f':{target.port}' if target.port else ''}"
    label = f"{target.get_backend_name()}://{host}/{target.database or ''}"
    if not isinstance(name, str) or not name:
        raise FrameError(label, "names no table", "end the URL with ?table=agent_logs")
    return target, name, f"{label}?table={name}"


@contextmanager
def _plainly(label: str, target: URL) -> Iterator[None]:
    """Turn what the database libraries raise into FrameErrors without secrets."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ModuleNotFoundError as error:
        raise FrameError(label, f"needs the driver {error.name}", INSTALL) from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        for secret in _secrets(target):
            reason = reason.replace(secret, "***")
        todo = "check the URL, your rights, and that the database is running"
        raise FrameError(label, f"cannot be read ({reason})", todo) from None


def _secrets(target: URL) -> list[str]:
    options = [value for values in target.normalized_query.values() for value in values]
    texts = [text for text in [target.password, *options] if text]
    shown = {form for text in texts for form in (text, quote(text, safe=""), quote_plus(text))}
    return sorted(shown, key=len, reverse=True)


@contextmanager
def _connection(label: str, target: URL) -> Iterator[Connection]:
    engine = _engine(label, target)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _engine(label: str, target: URL) -> Engine:
    from sqlalchemy import NullPool, create_engine

    if target.get_backend_name() != "sqlite":
        options = {"postgresql_readonly": True}
        limit = {"connect_timeout": CONNECT_SECONDS} if target.drivername in TIMED else {}
        return create_engine(
            target, poolclass=NullPool, execution_options=options, connect_args=limit
        )
    if not target.database or not Path(target.database).is_file():
        raise FrameError(label, "is not there", "check the name of the database file")
    place = Path(target.database).resolve().as_uri() + "?mode=ro"
    return create_engine("sqlite://", poolclass=NullPool, creator=lambda: _sqlite(place))


def _sqlite(place: str) -> sqlite3.Connection:
    import sqlite3

    connection = sqlite3.connect(place, uri=True)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _describe(connection: Connection, label: str, name: str) -> Table:
    from sqlalchemy import inspect
    from sqlalchemy.exc import NoSuchTableError

    schema, _, plain = name.rpartition(".")
    inspector = inspect(connection)
    try:
        columns = {each["name"]: each for each in inspector.get_columns(plain, schema or None)}
        primary = inspector.get_pk_constraint(plain, schema or None)["constrained_columns"]
    except NoSuchTableError:
        raise FrameError(label, "has no such table", "check the name after ?table=") from None
    connection.rollback()
    if all(column in columns for column in PREFERRED_KEY):
        parts = [Part(PREFERRED_KEY)]
        if columns["created_at"]["nullable"]:
            parts = [Part(("id",), created=False), Part(PREFERRED_KEY, created=True)]
    elif primary:
        parts = [Part(tuple(primary))]
    else:
        what = "has neither created_at and id nor a primary key to read it by"
        raise FrameError(label, what, "give it a key, or export it as CSV")
    return Table(plain, schema or None, tuple(columns), tuple(parts))


def _pages(
    connection: Connection, table: Table, start: Cursor, page_rows: int, overlap_s: float
) -> Iterator[tuple[list[dict[str, Any]], Cursor]]:
    """Yield rows and how far they reach, part after part."""
    count, key = start.rows, start.key
    for number, part in list(enumerate(table.parts))[start.part :]:
        full = True
        since = _earlier(key[0], overlap_s) if key and part.key == PREFERRED_KEY else None
        while full:
            statement = _select(table, part, key, since).limit(page_rows)
            since = None
            rows = [{**row} for row in connection.execute(statement).mappings()]
            connection.rollback()
            full = len(rows) == page_rows
            if rows:
                count += len(rows)
                key = [rows[-1][column] for column in part.key]
                yield rows, Cursor(count, number, key)
        key = None


def _earlier(created: Any, seconds: float) -> str | None:
    """A time so many seconds before, written alike; None for what is no such time."""
    if not seconds or not isinstance(created, str):
        return None
    try:
        before = datetime.fromisoformat(created) - timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None
    return before.isoformat(sep=" " if created[10:11] == " " else "T")


def _select(
    table: Table, part: Part, after: list[Any] | None, since: str | None = None
) -> Select[Any]:
    """The query of a part's rows behind a key, or created since then.

    Values travel as the driver knows them.
    """
    import sqlalchemy as sql

    source = sql.table(table.name, *map(sql.column, table.columns), schema=table.schema)
    key = [source.c[column] for column in part.key]
    statement = sql.select(source).order_by(*key)
    if part.created is not None:
        empty = source.c.created_at.is_(None)
        statement = statement.where(~empty if part.created else empty)
    if since is not None:
        return statement.where(key[0] >= _value(since))
    return statement if after is None else statement.where(_behind(key, after))


def _behind(key: Sequence[ColumnElement[Any]], values: list[Any]) -> ColumnElement[bool]:
    """Return the condition that a row's key is greater than the values, as an index serves it."""
    import sqlalchemy as sql

    value = _value(values[0])
    if len(key) == 1:
        return key[0] > value
    return sql.and_(key[0] >= value, sql.or_(key[0] > value, _behind(key[1:], values[1:])))


def _value(value: Any) -> BindParameter[Any]:
    import sqlalchemy as sql

    return sql.bindparam(None, value, type_=sql.types.NullType(), unique=True)


def json_line(row: Mapping[str, Any]) -> bytes:
    """Return a row as a JSON line; bytes become text, decimals numbers, times ISO texts."""
    plain = {name: _plain(value) for name, value in row.items()}
    try:
        return msgspec.json.encode(plain, enc_hook=str) + b"\n"
    except (OverflowError, UnicodeEncodeError):  # integers beyond 64 bits, lone surrogates
        return json.dumps(msgspec.to_builtins(plain, enc_hook=str)).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, Decimal):
        value = float(value) if value.is_finite() else math.nan
        return int(value) if value.is_integer() and abs(value) < 1 << 53 else _plain(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
