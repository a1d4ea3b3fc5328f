"""Answers that take the figures of every session, kept until figures change."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from tachlog.model import digest_of
from tachlog.stores import StoreError, figures
from tachlog.stores.database import Database, replacing


def kept(database: Database, name: bytes, make: Callable[[], bytes]) -> bytes:
    """The answer of this name, made where none is kept of the figures as they are.

    Figures that are kept raise the number of the last change, threads that go lower their count: of
    equal numbers the answer is the same. Keeping a new one drops those that hold no longer. An
    archive that cannot be written is answered all the same.
    """
    number = digest_of(name)
    with database.snapshot():
        state = state_of(database)
        found = database.rows(
            "SELECT answer FROM answers WHERE name = ? AND change = ? AND threads = ?",
            (number, *state),
        )
        if found:
            return bytes(found[0][0])
        answer = make()
    with suppress(StoreError), database.transaction():
        database.run("DELETE FROM answers WHERE change <> ? OR threads <> ?", state)
        columns = "name, change, threads, answer"
        database.insert("answers", columns, [(number, *state, answer)], replacing(columns, "name"))
    return answer


def state_of(database: Database) -> tuple[int, int]:
    """The number of the last change of figures, and how many threads have any."""
    ((threads,),) = database.rows(f"SELECT count(*) FROM {figures.TABLE}")
    return figures.last_change(database), int(threads)
