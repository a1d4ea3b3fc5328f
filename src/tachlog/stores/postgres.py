"""A team's archive: a PostgreSQL database, for any number of machines that write and read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from socket import gethostname
from time import time_ns
from typing import Any, Final
from uuid import uuid4

from tachlog import __version__
from tachlog.analysis.units import rfc3339
from tachlog.stores import StoreError, schema, shown
from tachlog.stores.archive import SqlArchive
from tachlog.stores.database import LISTED, LISTED_TEXTS
from tachlog.stores.migrating import brought_forward
from tachlog.stores.rows import Row

try:
    import psycopg
    from psycopg.adapt import Loader
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import TransactionStatus
except ModuleNotFoundError as error:  # pragma: no cover - tests have every extra
    raise StoreError(
        "postgresql: what speaks to PostgreSQL is not installed: pip install 'tachlog[postgres]'"
    ) from error

CONNECT_SECONDS: Final = 10
LOCK_SECONDS: Final = 30
WRITING: Final = 0x7461_6368_6C6F_67
"""The advisory lock that a writer holds: "tachlog". One writes at a time, nobody waits to read."""


def open_archive(url: str) -> SqlArchive:
    """Open, make or migrate the archive in a database; raises `StoreError`.

    Files are told apart by machine: the same path on two machines is two files.
    """
    database = PostgresDatabase(url)
    return SqlArchive(database.path, database)


class _WholeNumber(Loader):
    """Sums of integers are numeric in PostgreSQL; every number of the archive is an integer."""

    def load(self, data: Any) -> int:
        return int(bytes(data))


class PostgresDatabase:
    """A connection to an archive in PostgreSQL: SQL in, rows out, faults as `StoreError`."""

    def __init__(self, url: str) -> None:
        self.came_from = schema.VERSION
        self.path = shown(url)
        self.host = gethostname()
        try:
            conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # whose words hold the password
            raise StoreError(
                f"{self.path}: is no URL of a database: write "
                "postgresql://user:password@host/database"
            ) from None
        with self.faults():
            self.connection = psycopg.connect(
                url,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name=f"tachlog {__version__}",
            )
            self.connection.adapters.register_loader("numeric", _WholeNumber)
            try:
                self._migrate()
            except BaseException:
                self.connection.close()
                raise

    def _migrate(self) -> None:
        if self._version() == schema.VERSION:
            return
        with self.transaction():
            version = self._version()
            for statement in schema.statements(version):
                self.connection.execute(defined(statement))
            if version:
                brought_forward(self, version)
            else:
                self.run(
                    "INSERT INTO users (id, name, created_at) VALUES (?, ?, ?)",
                    (str(uuid4()), schema.LOCAL_USER, rfc3339(time_ns() // 1000)),
                )
                self.run("INSERT INTO meta (name, value) VALUES ('version', '')")
            self.run(f"UPDATE meta SET value = '{schema.VERSION}' WHERE name = 'version'")
        self.came_from = version

    def _refuse_the_future(self) -> None:
        """Before each change: another process may have brought the archive forward meanwhile."""
        if (version := self._version()) > schema.VERSION:
            raise StoreError(schema.from_the_future(self.path, version))

    def _version(self) -> int:
        ((has_meta,),) = self.rows(
            "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE tablename = 'meta'"
            " AND schemaname = current_schema())"
        )
        found = self.rows("SELECT value FROM meta WHERE name = 'version'") if has_meta else []
        return int(found[0][0]) if found else 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction: all of it or nothing; other writers wait, readers do not."""
        with self.faults():
            self.connection.execute("BEGIN")
            try:
                self.connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                self.connection.execute(f"SELECT pg_advisory_xact_lock({WRITING})")
                self._refuse_the_future()
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                self._rollback()
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One state of the archive for several questions."""
        with self.faults():
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                yield
                return
            self.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield
            finally:
                self._rollback()

    def _rollback(self) -> None:
        with suppress(psycopg.Error):
            self.connection.execute("ROLLBACK")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a question."""
        with self.faults():
            return self.connection.execute(_translated(sql), _storable(values)).fetchall()

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Run one statement."""
        with self.faults():
            self.connection.execute(_translated(sql), _storable(values))

    def run_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run one statement for many rows."""
        if rows:
            with self.faults(), self.connection.cursor() as cursor:
                cursor.executemany(_translated(sql), [_storable(row) for row in rows])

    def insert(self, table: str, columns: str, rows: Sequence[Row], conflict: str = "") -> None:
        """Insert many rows; `conflict` is what the statement says behind ON CONFLICT."""
        if not rows:
            return
        clause = f" ON CONFLICT {conflict}" if conflict else ""
        with self.faults(), self.connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TEMPORARY TABLE IF NOT EXISTS new_{table} (LIKE {table})"
                " ON COMMIT DELETE ROWS"
            )
            with cursor.copy(f"COPY new_{table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(_storable(row))
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new_{table}{clause}"
            )
            cursor.execute(f"DELETE FROM new_{table}")

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns, in order."""
        with self.faults():
            told = self.connection.execute(f"SELECT * FROM {table} LIMIT 0").description or ()
            return [column.name for column in told]

    def size(self) -> int:
        """Bytes that the archive's tables and their indexes take."""
        ((size,),) = self.rows(
            "SELECT sum(pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass))"
            " FROM pg_tables WHERE schemaname = current_schema()"
        )
        return int(size or 0)

    def table_sizes(self) -> dict[str, int | None]:
        """Bytes that each table takes with its indexes."""
        return dict(
            self.rows(
                "SELECT tablename::text,"
                " pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass)"
                " FROM pg_tables WHERE schemaname = current_schema()"
            )
        )

    def compact(self) -> None:
        """Give the space of deleted rows back; each table is locked while it is written anew."""
        for table in self.table_sizes():
            self.run(f"VACUUM (FULL, ANALYZE) {table}")

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Tell faults of PostgreSQL in words that say what to do."""
        try:
            yield
        except psycopg.Error as error:
            raise StoreError(f"{self.path}: {_told(error)}") from error


_TYPES: Final = (
    (r"id INTEGER PRIMARY KEY", "id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
    (r"id UUID PRIMARY KEY", "id UUID PRIMARY KEY DEFAULT gen_random_uuid()"),
    (r"\bINTEGER\b", "BIGINT"),
    (r"\bBLOB\b", "BYTEA"),
    (r"\b(TEXT|VARCHAR\(\d+\))(?=[ ,)])", r'\1 COLLATE "C"'),
    (r"\s+WITHOUT ROWID", ""),
)
"""The words of the tables' definitions that PostgreSQL has others for; texts sort by code point."""


def defined(statement: str) -> str:
    """A definition of the schema as PostgreSQL takes it."""
    for pattern, replacement in _TYPES:
        statement = re.sub(pattern, replacement, statement)
    return statement


@cache
def _translated(sql: str) -> str:
    """A statement as psycopg wants it: its own placeholders, a list as an array of JSON."""
    for fragment, kind in ((LISTED, "bigint"), (LISTED_TEXTS, "text")):
        array = f"(SELECT value::{kind} FROM json_array_elements_text(?::json) AS listed (value))"
        sql = sql.replace(fragment, array)
    return re.sub(r"\?|'[^']*'", lambda m: "%s" if m[0] == "?" else m[0], sql.replace("%", "%%"))


def _storable(values: Sequence[Any]) -> Sequence[Any]:
    """The same values, with a mark in the place of NUL, which no text in PostgreSQL can hold."""
    if any(isinstance(value, str) and ("\0" in value or "\\u0000" in value) for value in values):
        return [
            _NUL.sub("\\1\ufffd", value) if isinstance(value, str) else value for value in values
        ]
    return values


_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000|()\0")
"""NUL as it is, and as JSON escapes it."""


_REASONS: Final = (
    (
        "password authentication failed",
        "the user or the password is wrong; write it as postgresql://user:password@host/database",
    ),
    (
        "no password supplied",
        "a password is needed: postgresql://user:password@host/database, PGPASSWORD or ~/.pgpass",
    ),
    ("refused", "nothing answers there; check host and port, and that the server runs"),
    ("timeout expired", "no answer in time; check host, port and firewall"),
    ("could not translate host name", "there is no such host"),
    ("failed to resolve host", "there is no such host"),
)
"""What a connection that fails says of itself; it has no code."""

_CODES: Final = {
    "3D000": "there is no such database; make it with `createdb`, or name another",
    "42501": "this user may not do that; the archive's user needs to own its tables",
    "42P07": "it has tables of other programs with names that the archive needs; give it a database"
    " or a schema of its own (…?options=-csearch_path%3Dtachlog)",
    "25006": "it is read-only: a standby, or set so; name the primary",
    "53100": "its disk is full; free some space and run again: what was stored is intact",
    "53300": "it has no connection left; try again, or raise max_connections",
    "55P03": f"another tachlog has been writing for more than {LOCK_SECONDS} s; run again: nothing"
    " was lost",
    "57P01": "the server was stopped; start it and run again: what was stored is intact",
}


def _told(error: psycopg.Error) -> str:
    if error.sqlstate in _CODES:
        return _CODES[error.sqlstate]
    text = " ".join(str(error).split())
    for sign, told in _REASONS:
        if sign in text:
            return told
    if "does not exist" in text and error.sqlstate is None:
        return _CODES["3D000"] if "database" in text else "there is no such user"
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return "the connection was lost; run again: what was stored is intact"
    return text
