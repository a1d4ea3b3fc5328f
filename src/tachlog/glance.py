"""The few figures of a status line, out of the archive without all that keeps one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os.path import abspath
from typing import Any

from tachlog.analysis.blocks import Spent

Rows = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

SPENT = (
    "SELECT q.quarter, t.agent, coalesce(sum(q.cost_nanousd), 0),"
    " sum(q.input + q.cache_read + q.cache_write + q.output)"
    " FROM model_quarters q JOIN threads t ON t.id = q.thread"
    " WHERE q.quarter >= ? AND q.quarter <= ? GROUP BY 1, 2"
)
CONTEXT = (
    "SELECT coalesce(c.input, 0) + coalesce(c.cache_read, 0) + coalesce(c.cache_write, 0)"
    " FROM calls c JOIN threads t ON t.id = c.thread WHERE t.session_id = ?"
    " ORDER BY c.at_us DESC, c.key LIMIT 1"
)


@contextmanager
def rows_of(url: str) -> Iterator[Rows | None]:
    """What answers a question to the archive; None where there is no archive (yet) to be read.

    An archive in a file is only read, and never made or migrated; one on a server is opened as
    every verb does it.
    """
    path = url.removeprefix("sqlite:///")
    if "://" in path:
        from tachlog.stores.postgres import open_archive

        store = open_archive(url)
        try:
            yield store.database.rows
        finally:
            store.close()
        return
    try:
        connection = sqlite3.connect(read_only(path), uri=True)
        connection.execute("SELECT 1 FROM model_quarters LIMIT 1")
    except sqlite3.Error:
        yield None
        return
    try:
        yield lambda sql, values: connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def read_only(path: str) -> str:
    """The URI by which SQLite only reads a file (https://sqlite.org/uri.html)."""
    quoted = abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{quoted}?mode=ro"


def spent_since(rows: Rows, first: int, last: int) -> list[tuple[str, Spent]]:
    """What each agent used in each quarter hour from the first to the last."""
    return [
        (agent, Spent(int(quarter), int(nanousd), int(tokens)))
        for quarter, agent, nanousd, tokens in rows(SPENT, (first, last))
    ]


def context_of(rows: Rows, session_id: str) -> int | None:
    """How many tokens the latest call of a session had to read."""
    found = rows(CONTEXT, (session_id,))
    return int(found[0][0]) if found else None
