"""What the archive asks of a database: SQL in, rows out, faults as `StoreError`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

from tachlog.stores.rows import Row


class Database(Protocol):
    """A connection to one archive."""

    path: str
    came_from: int
    """The version of the archive when it was opened; 0: it was made."""

    host: str
    """The machine that a file belongs to, where several machines keep one archive; else nothing."""

    def transaction(self) -> AbstractContextManager[None]:
        """One write transaction: all of it or nothing."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """One state of the archive for several questions."""
        ...

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a question."""
        ...

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Run one statement."""
        ...

    def run_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run one statement for many rows."""
        ...

    def insert(self, table: str, columns: str, rows: Sequence[Row], conflict: str = "") -> None:
        """Insert many rows; `conflict` is what the statement says behind ON CONFLICT."""
        ...

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns, in order."""
        ...

    def size(self) -> int:
        """Bytes that the archive takes."""
        ...

    def table_sizes(self) -> dict[str, int | None]:
        """Bytes that each table takes with its indexes; None where nothing tells them."""
        ...

    def compact(self) -> None:
        """Give the space of deleted rows back; other writers wait, and in PostgreSQL readers."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


LISTED = "(SELECT value FROM json_each(?))"
"""A set of integers as one value of a statement; give it `listed(…)`."""

LISTED_TEXTS = "(SELECT value AS text FROM json_each(?))"
"""The same of texts."""


def host_of(database: Database, path: str) -> str:
    """The machine that a file belongs to; what has a URL is the same from everywhere."""
    return "" if "://" in path else database.host


def listed(values: Collection[int] | Collection[str]) -> str:
    """Values for `LISTED` or `LISTED_TEXTS`."""
    return msgspec.json.encode(list(values)).decode()


def marks(columns: str) -> str:
    """As many placeholders as columns."""
    return ", ".join("?" * (columns.count(",") + 1))


def at_key(key: str) -> str:
    """A condition on the columns of a key, with a placeholder for each."""
    return " AND ".join(f"{name} = ?" for name in key.split(", "))


def replacing(columns: str, key: str) -> str:
    """The conflict clause by which a new row takes the place of the one with its key."""
    rest = [name for name in columns.split(", ") if name not in key.split(", ")]
    changes = ", ".join(f"{name} = excluded.{name}" for name in rest)
    return f"({key}) DO UPDATE SET {changes}"
