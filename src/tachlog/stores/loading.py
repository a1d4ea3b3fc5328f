"""Operations and sessions out of their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from tachlog.model import Thread
from tachlog.operations import (
    Span,
    merge_calls,
    merge_compactions,
    merge_failures,
    merge_prompts,
    merge_uses,
)
from tachlog.sessions import Session
from tachlog.stores import rows
from tachlog.stores.database import Database
from tachlog.stores.rows import Row
from tachlog.stores.words import Words


class Table(Struct, frozen=True):
    """How one kind of operation is kept: its columns, where a session has it, how it merges."""

    name: str
    columns: str
    of: Callable[[Session], dict[int, Any]]
    merge: Callable[[Any, Any], Any]


CALLS: Final = Table("calls", rows.CALL_COLUMNS, lambda s: s.calls, merge_calls)
TOOLS: Final = Table("tool_calls", rows.TOOL_COLUMNS, lambda s: s.tools, merge_uses)
PROMPTS: Final = Table("prompts", rows.PROMPT_COLUMNS, lambda s: s.prompts, merge_prompts)
FAILURES: Final = Table("failures", rows.FAILURE_COLUMNS, lambda s: s.failures, merge_failures)
COMPACTIONS: Final = Table(
    "compactions", rows.COMPACTION_COLUMNS, lambda s: s.compactions, merge_compactions
)
TABLES: Final = (CALLS, TOOLS, PROMPTS, FAILURES, COMPACTIONS)

NOBODY: Final = Thread("", "", "")
"""The thread of operations that are loaded without theirs."""


def thread_of(row: Row) -> Thread:
    """The thread of a row (agent, session_id, root, parent)."""
    return Thread(*row)


def operations(
    database: Database,
    words: Words,
    table: Table,
    where: str,
    values: Sequence[Any],
    thread: Thread = NOBODY,
) -> list[tuple[int, Any]]:
    """(thread number, operation) of the rows that match, without any order."""
    found = database.rows(f"SELECT {table.columns} FROM {table.name} WHERE {where}", values)
    if table is CALLS:
        return [(row[1], rows.call_of(row, words)) for row in found]
    if table is TOOLS:
        texts = words.texts({k for row in found for k in (row[8], row[20]) if k is not None})
        return [(row[1], rows.tool_of(row, words, texts)) for row in found]
    if table is PROMPTS:
        return [(row[1], rows.prompt_of(row, thread)) for row in found]
    if table is FAILURES:
        texts = words.texts({row[8] for row in found if row[8] is not None})
        return [(row[1], rows.failure_of(row, thread, words, texts)) for row in found]
    return [(row[1], rows.compaction_of(row, thread)) for row in found]


def load_session(database: Database, words: Words, number: int) -> Session:
    """A thread with all operations that it owns, and its marks."""
    (row,) = database.rows(
        "SELECT agent, session_id, root, parent FROM threads WHERE id = ?", (number,)
    )
    session = Session(thread_of(row))
    for table in TABLES:
        into = table.of(session)
        for _, operation in operations(
            database, words, table, "thread = ?", (number,), session.thread
        ):
            into[operation.key] = operation
    for name, value, first_us, last_us in database.rows(
        "SELECT name, value, first_us, last_us FROM marks WHERE thread = ?", (number,)
    ):
        session.marks.setdefault(name, {})[value] = Span(first_us, last_us)
    return session


def operation_row(
    table: Table, operation: Any, thread: int, words: Words, settled: Callable[[Any], Row]
) -> Row:
    """The row of an operation; `settled` gives the last columns of a call."""
    if table is CALLS:
        return (*rows.call_row(operation, thread, words), *settled(operation))
    if table is TOOLS:
        return rows.tool_row(operation, thread, words)
    if table is PROMPTS:
        return rows.prompt_row(operation, thread)
    if table is FAILURES:
        return rows.failure_row(operation, thread, words)
    return rows.compaction_row(operation, thread)
