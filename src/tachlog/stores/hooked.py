"""What hooks told last of each thread: facts about now, a row a thread, gone after two days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from tachlog.hooks.facts import Hooked, Key
from tachlog.stores.database import Database, replacing
from tachlog.stores.erased import buried

NOTE: Final = "hooked"
"""Under this name the archive notes how often facts were kept."""

KEPT_US: Final = 2 * 86_400_000_000

_decoder: Final = msgspec.json.Decoder(Hooked)


def keep(database: Database, told: Mapping[Key, Hooked], now_us: int) -> None:
    """Keep what threads come to, unless something later is known, or they were erased."""
    columns = "agent, session_id, at_us, told"
    gone = buried(database, told.keys())
    rows = [
        (agent, session, each.at_us, msgspec.json.encode(each).decode())
        for (agent, session), each in told.items()
        if (agent, session) not in gone
    ]
    newer = " WHERE excluded.at_us >= hooked.at_us"
    with database.transaction():
        database.insert("hooked", columns, rows, replacing(columns, "agent, session_id") + newer)
        database.run("DELETE FROM hooked WHERE at_us < ?", (now_us - KEPT_US,))
        counted = [(NOTE, str(count(database) + 1))]
        database.insert("meta", "name, value", counted, replacing("name, value", "name"))


def told_since(database: Database, since_us: int) -> dict[Key, Hooked]:
    """What threads come to of which hooks told something since then."""
    found = database.rows(
        "SELECT agent, session_id, told FROM hooked WHERE at_us >= ?", (since_us,)
    )
    return {(agent, session): _decoder.decode(told) for agent, session, told in found}


def count(database: Database) -> int:
    """How often facts were kept."""
    found = database.rows("SELECT value FROM meta WHERE name = ?", (NOTE,))
    return int(found[0][0]) if found else 0
