"""Threads measured with what is left of their deleted operations."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from tachlog.metrics import Measured
from tachlog.metrics.remainder import Remainder, kinds
from tachlog.sessions import Session
from tachlog.stores import Measure
from tachlog.stores.database import LISTED, Database, listed
from tachlog.stores.loading import load_session
from tachlog.stores.recent import Recent
from tachlog.stores.words import Words

_decoder: Final = msgspec.msgpack.Decoder(Remainder)


def measuring(
    database: Database,
    words: Words,
    measure: Measure,
    threads: Collection[int],
    recent: Recent | None = None,
) -> Callable[[int], Measured]:
    """A function that measures one of these threads, with what is left of deleted operations.

    Threads that are whole are asked of `recent` and held there, if there is one.
    """
    left = remainders(database, threads)
    if recent is not None:
        recent.drop(left)

    def measured(thread: int) -> Measured:
        remainder = left.get(thread)
        if remainder is None and recent is not None:
            session = recent.session(thread)
            return measure.session(session, known=recent.known(thread, measure))
        session = load_session(database, words, thread)
        if remainder is None:
            return measure.session(session)
        return measure.session(with_last(session, remainder.last), remainder)

    return measured


def with_last(session: Session, last: Session) -> Session:
    """A session with its last deleted operations."""
    for its, few in zip(kinds(session), kinds(last), strict=True):
        for key, operation in few.items():
            its.setdefault(key, operation)
    return session


def remainders(database: Database, threads: Collection[int]) -> dict[int, Remainder]:
    """What is left of the deleted operations of threads, of those that had any deleted."""
    return {
        thread: _decoder.decode(zlib.decompress(blob))
        for thread, blob in database.rows(
            f"SELECT thread, remainder FROM remainders WHERE thread IN {LISTED}",
            (listed(threads),),
        )
    }
