"""What was erased stays erased: keyed digests of it, by which logs that tell it again add nothing.

A digest tells nothing without the archive's key, and is compared, never turned back. Buried are the
threads that were erased, each with its session's main one, and their operations, so that a copy of
the history under another name brings nothing back either.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable
from hashlib import blake2b
from typing import Final

from tachlog.metrics.remainder import kinds
from tachlog.model import MASK_63
from tachlog.sessions import Session
from tachlog.stores.database import LISTED, Database, listed
from tachlog.stores.naming import Told

NOTE: Final = "erased.key"
"""Under this name the archive keeps the key of its digests, from the first erasure on."""

Name = tuple[str, str]
"""The agent and the id of a thread."""


def key_of_archive(database: Database) -> bytes:
    """The key of the archive's digests, drawn by lot when it is first needed; in a transaction."""
    known = _key(database)
    if known is None:
        known = secrets.token_bytes(32)
        database.insert("meta", "name, value", [(NOTE, known.hex())])
    return known


def pseudonym(database: Database, name: str) -> str:
    """What stands for somebody who was erased; the same each time. In a transaction."""
    return f"erased-{_digest(key_of_archive(database), 'person', name):016x}"[:15]


def is_pseudonym(name: str) -> bool:
    """Whether a name stands for somebody who was erased."""
    return re.fullmatch("erased-[0-9a-f]{8}", name) is not None


def bury(database: Database, threads: Iterable[Name], keys: Iterable[int]) -> None:
    """Let these threads and operations never be told again; in a transaction."""
    key = key_of_archive(database)
    digests = {_thread(key, each) for each in threads} | {_operation(key, each) for each in keys}
    database.insert("erased", "digest", [(each,) for each in digests], "(digest) DO NOTHING")


def buried(database: Database, threads: Collection[Name]) -> set[Name]:
    """Those of these threads that were erased."""
    key = _key(database)
    if key is None or not threads:
        return set()
    digests = {_thread(key, each): each for each in threads}
    return {digests[each] for each in _known(database, digests)}


def sift(database: Database, told: list[tuple[list[int], Told]]) -> list[tuple[list[int], Told]]:
    """What files tell without what was erased: whole sessions, and single operations of others.

    A session of which nothing is left is a copy, and is left out with its marks.
    """
    key = _key(database)
    if key is None:
        return told
    sessions = [session for _, its in told for session, _ in its]
    threads = {
        name: _thread(key, name)
        for one in sessions
        for name in ((one.thread.agent, one.thread.session_id), (one.thread.agent, one.thread.root))
    }
    operations = {name: _operation(key, name) for one in sessions for name in _names(one)}
    gone = _known(database, {*threads.values(), *operations.values()})
    if not gone:
        return told
    erased_threads = {name for name, digest in threads.items() if digest in gone}
    erased = {name for name, digest in operations.items() if digest in gone}
    return [
        (
            files,
            [
                (session, own if whole else None)
                for session, own in its
                if not erased_threads.intersection(
                    (
                        (session.thread.agent, session.thread.session_id),
                        (session.thread.agent, session.thread.root),
                    )
                )
                and ((whole := not _take_out(session, erased)) or any(kinds(session)))
            ],
        )
        for files, its in told
    ]


def _take_out(session: Session, erased: Collection[int]) -> bool:
    """Take operations out of a session, by key or alias; whether there were any."""
    found = [
        (its, key)
        for its in kinds(session)
        for key, one in its.items()
        if key in erased or getattr(one, "alias", None) in erased
    ]
    for its, key in found:
        del its[key]
    return bool(found)


def _names(session: Session) -> Iterable[int]:
    for its in kinds(session):
        for key, one in its.items():
            yield key
            if (alias := getattr(one, "alias", None)) is not None:
                yield alias


def _key(database: Database) -> bytes | None:
    found = database.rows("SELECT value FROM meta WHERE name = ?", (NOTE,))
    return bytes.fromhex(found[0][0]) if found else None


def _known(database: Database, digests: Collection[int]) -> set[int]:
    found = database.rows(f"SELECT digest FROM erased WHERE digest IN {LISTED}", (listed(digests),))
    return {digest for (digest,) in found}


def _thread(key: bytes, name: Name) -> int:
    return _digest(key, "thread", *name)


def _operation(key: bytes, name: int) -> int:
    return _digest(key, "operation", f"{name:x}")


def _digest(key: bytes, *parts: str) -> int:
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8, key=key).digest(), "big") & MASK_63
