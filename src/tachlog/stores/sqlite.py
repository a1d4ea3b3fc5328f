"""The embedded archive: one SQLite file in WAL mode, for any number of processes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import Any, Final
from uuid import uuid4

from tachlog.analysis.units import rfc3339
from tachlog.stores import PRIVATE, StoreError, schema
from tachlog.stores.archive import SqlArchive
from tachlog.stores.database import marks
from tachlog.stores.migrating import brought_forward
from tachlog.stores.rows import Row

BUSY_SECONDS: Final = 30.0
_WHERE_ELSE: Final = (
    "check that its directory exists and can be written, or use another with --db or none with "
    "--no-store"
)


def open_archive(url: str) -> SqlArchive:
    """Open, make or migrate the archive at a path or `sqlite:///path`; raises `StoreError`."""
    return SqlArchive(url, SqliteDatabase(url))


class SqliteDatabase:
    """A connection to one SQLite archive: SQL in, rows out, faults as `StoreError`."""

    host = ""

    def __init__(self, url: str) -> None:
        self.came_from = schema.VERSION
        self.private = url == PRIVATE
        self.path = "" if self.private else url.removeprefix("sqlite:///")
        with self.faults():
            if not self.private:
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
                _make_private(Path(self.path))
            self.connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare()

    def _prepare(self) -> None:
        run = self.connection.execute
        run("PRAGMA temp_store = MEMORY")
        run("PRAGMA foreign_keys = OFF")
        run("PRAGMA case_sensitive_like = ON")
        if self.private:
            run("PRAGMA journal_mode = OFF")
            run("PRAGMA synchronous = OFF")
            run("PRAGMA cache_size = -65536")
        else:
            self._write_ahead()
            run("PRAGMA synchronous = NORMAL")
            run("PRAGMA cache_size = -32768")
            run("PRAGMA journal_size_limit = 67108864")
        self._migrate()

    def _write_ahead(self) -> None:
        """Turn WAL on; SQLite itself does not wait here for other first runs to let go."""
        until = monotonic() + BUSY_SECONDS
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or monotonic() > until:
                    raise
                sleep(0.02)

    def _migrate(self) -> None:
        version = self._version()
        if version == schema.VERSION:
            return
        with self.transaction():
            version = self._version()
            for statement in schema.statements(version):
                self.connection.execute(statement)
            if version:
                brought_forward(self, version)
            else:
                self.connection.execute(
                    "INSERT INTO users (id, name, created_at) VALUES (?, ?, ?)",
                    (str(uuid4()), schema.LOCAL_USER, rfc3339(time_ns() // 1000)),
                )
            self.connection.execute(f"PRAGMA user_version = {schema.VERSION}")
        self.came_from = version

    def _refuse_the_future(self) -> None:
        """Before each change: another process may have brought the archive forward meanwhile."""
        if (version := self._version()) > schema.VERSION:
            raise StoreError(schema.from_the_future(self.path, version))

    def _version(self) -> int:
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        return int(version)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction: all of it or nothing."""
        with self.faults():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                self._refuse_the_future()
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One state of the archive for several questions."""
        with self.faults():
            if self.connection.in_transaction:
                yield
                return
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                with suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a question."""
        with self.faults():
            return self.connection.execute(sql, values).fetchall()

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Run one statement."""
        self.connection.execute(sql, values)

    def run_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run one statement for many rows."""
        self.connection.executemany(sql, rows)

    def insert(self, table: str, columns: str, rows: Sequence[Row], conflict: str = "") -> None:
        """Insert many rows; `conflict` is what the statement says behind ON CONFLICT."""
        clause = f" ON CONFLICT {conflict}" if conflict else ""
        self.connection.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({marks(columns)}){clause}", rows
        )

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns, in order."""
        with self.faults():
            return [row[1] for row in self.connection.execute(f"PRAGMA table_info({table})")]

    def size(self) -> int:
        """Bytes that the archive takes on the disk, with what was not yet written back."""
        parts = [Path(self.path + end) for end in ("", "-wal", "-shm")]
        return 0 if self.private else sum(part.stat().st_size for part in parts if part.is_file())

    def table_sizes(self) -> dict[str, int | None]:
        """Bytes that each table takes with its indexes; None where SQLite has no `dbstat`."""
        names = self.rows(
            "SELECT name, tbl_name FROM sqlite_master WHERE name NOT LIKE 'sqlite/_sequence%'"
            " ESCAPE '/'"
        )
        try:
            pages = dict(
                self.connection.execute("SELECT name, pgsize FROM dbstat WHERE aggregate = true")
            )
        except sqlite3.OperationalError:  # pragma: no cover - Python's own builds have it
            return {table: None for _, table in names}
        sizes: dict[str, int | None] = {}
        for name, table in names:
            sizes[table] = (sizes.get(table) or 0) + pages.get(name, 0)
        return sizes

    def compact(self) -> None:
        """Give the space of deleted rows back to the disk; needs as much again while it runs."""
        with self.faults():
            self.connection.execute("VACUUM")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Tell faults of SQLite in words that say what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path or 'private archive'}: {_told(error)}") from error
        except OSError as error:
            told = f"cannot be opened ({error.strerror or error}); {_WHERE_ELSE}"
            raise StoreError(f"{self.path}: {told}") from error


def _make_private(path: Path) -> None:
    """Make the file of a new archive, for its owner alone; SQLite gives `-wal` and `-shm` its mode.

    It is made under another name, as a process that closes a file gives up its locks on it
    ("How To Corrupt An SQLite Database File", section 2.2). Where it cannot be made, SQLite says.
    """
    if path.exists():
        return
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    with suppress(OSError):
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            os.link(beside, path)
        finally:
            beside.unlink()


def _told(error: sqlite3.Error) -> str:
    text = str(error)
    if "locked" in text:
        return (
            f"locked by another process for more than {BUSY_SECONDS:.0f} s; wait for it, "
            "or end it, and run again: nothing was lost"
        )
    if "not a database" in text or "malformed" in text:
        return (
            f"not a readable archive ({text}); move the file away and run again: the archive is "
            "built anew from the logs that still exist"
        )
    if "no such column" in text or "no such table" in text:
        return (
            f"has other tables than its version says ({text}), as unreleased versions made them;"
            " move the file away and run again: the archive is built anew from the logs"
        )
    if "full" in text:
        return "the disk is full; free some space and run again: what was stored is intact"
    if "disk I/O error" in text:
        return (
            "the disk refused to read or write; check its space, its limits (ulimit -f) and its "
            "health, and run again: what was stored is intact"
        )
    if "readonly" in text:
        return f"cannot be written; {_WHERE_ELSE}"
    if "unable to open" in text:
        return f"cannot be opened; {_WHERE_ELSE}"
    return text
