"""Erase what is kept of somebody: their threads, the files that told them, their name.

What others tell as well becomes theirs, sums lose what the threads were in them, and what was
erased is buried (`stores.erased`), so that no log brings it back.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from tachlog.stores import Measure, erased, figures, learning
from tachlog.stores.database import LISTED, LISTED_TEXTS, Database, listed
from tachlog.stores.families import settle_families
from tachlog.stores.people import noted
from tachlog.stores.rebuilding import put
from tachlog.stores.remaining import measuring
from tachlog.stores.schema import OPERATIONS
from tachlog.stores.summaries import project_of
from tachlog.stores.words import Words

OF_FILES: Final = "(SELECT id FROM files WHERE owner = ?)"
_labels: Final = msgspec.json.Decoder(list[tuple[str, str]])


def alerts_about(database: Database, threads: Collection[erased.Name]) -> list[str]:
    """The ids of alerts that are about one of these threads."""
    sessions = {session for _, session in threads}
    return [
        str(number)
        for number, labels in database.rows("SELECT id, labels FROM telemetry_alerts")
        if any(kind == "session" and of in sessions for kind, of in _labels.decode(labels))
    ]


def acts_of(database: Database, name: str) -> list[tuple[int, str, str, str]]:
    """The lines of the record of changes that name somebody, as they are written."""
    is_about = _about(name)
    return [
        (at_us, by, what, about)
        for at_us, by, what, about in database.rows(
            'SELECT at_us, "by", what, about FROM acts ORDER BY at_us'
        )
        if by == name or is_about.search(about)
    ]


def erase(
    database: Database, words: Words, measure: Measure, threads: Mapping[int, erased.Name]
) -> None:
    """Erase threads with all that is kept of them; in a transaction."""
    these, names = listed(threads), list(threads.values())
    where = f"thread IN {LISTED}"
    heirs = _hand_over(database, these)
    each = [f"SELECT key FROM {table} WHERE {where}" for table in (*OPERATIONS, "pruned", "said")]
    each.append(f"SELECT alias FROM calls WHERE alias IS NOT NULL AND {where}")
    keys = [key for (key,) in database.rows(" UNION ".join(each), (these,) * len(each))]
    erased.bury(database, names, keys)
    alerts = listed(alerts_about(database, names))
    for table, column in (("alert_transitions", "alert"), ("telemetry_alerts", "id")):
        test = f"CAST({column} AS TEXT) IN {LISTED_TEXTS}"
        database.run(f"DELETE FROM {table} WHERE {test}", (alerts,))
    database.run_many("DELETE FROM hooked WHERE agent = ? AND session_id = ?", names)
    database.run(
        "DELETE FROM projects WHERE cwd IN"
        f" (SELECT value FROM marks WHERE name = 'cwd' AND {where})"
        " AND NOT EXISTS (SELECT 1 FROM marks o WHERE o.name = 'cwd' AND o.value = projects.cwd"
        f" AND o.thread NOT IN {LISTED})",
        (these, these),
    )
    figures.forget(database, words, list(threads))
    for table in (*OPERATIONS, "said", "marks", "told", "pruned", "remainders"):
        database.run(f"DELETE FROM {table} WHERE {where}", (these,))
    database.run(f"DELETE FROM learned_from WHERE key IN {LISTED}", (listed(keys),))
    database.run(f"DELETE FROM threads WHERE id IN {LISTED}", (these,))
    database.run("DELETE FROM answers")
    database.run("DELETE FROM advised")
    figures.next_change(database)
    _measure(database, words, measure, heirs - set(threads))


def _hand_over(database: Database, these: str) -> set[int]:
    """Give operations that others tell as well to these; the threads that gained or lost some."""
    heirs = {
        thread
        for (thread,) in database.rows(
            "SELECT DISTINCT o.thread FROM tellings m JOIN tellings o ON o.key = m.key"
            f" WHERE m.thread IN {LISTED} AND o.thread NOT IN {LISTED}",
            (these, these),
        )
    }
    database.run(f"DELETE FROM tellings WHERE thread IN {LISTED}", (these,))
    database.run(f"UPDATE threads SET family = NULL WHERE id IN {LISTED}", (these,))
    if not heirs:
        return set()
    left = listed(heirs)
    changed = settle_families(database, defaultdict(set), heirs)
    database.run(
        f"DELETE FROM tellings WHERE thread IN {LISTED} AND NOT EXISTS (SELECT 1 FROM tellings o"
        " WHERE o.key = tellings.key AND o.thread <> tellings.thread)",
        (left,),
    )
    changed |= settle_families(database, defaultdict(set), heirs)
    database.run(
        f"UPDATE threads SET family = NULL WHERE id IN {LISTED}"
        " AND NOT EXISTS (SELECT 1 FROM tellings o WHERE o.thread = threads.id)",
        (left,),
    )
    for table in OPERATIONS:
        now = f"SELECT o.thread FROM {table} o WHERE o.key = said.key AND o.thread NOT IN {LISTED}"
        database.run(
            f"UPDATE said SET thread = ({now}) WHERE thread IN {LISTED} AND EXISTS ({now})",
            (these, these, these),
        )
    return changed


def _measure(database: Database, words: Words, measure: Measure, threads: Collection[int]) -> None:
    measure = measure.learning(learning.known(database))
    measured = measuring(database, words, measure, threads)
    found = {thread: measured(thread) for thread in sorted(threads)}
    for told in found.values():
        told.metrics.project = project_of(database, told.metrics, measure)
    put(database, words, found)


def forget_files(database: Database, name: str) -> None:
    """Take the files that tell somebody's work, with their records and problems."""
    files = f"file IN {OF_FILES}"
    database.run(f"DELETE FROM copies WHERE {files}", (name,))
    database.run(
        f"DELETE FROM ledger WHERE {files} AND key NOT IN (SELECT key FROM copies)", (name,)
    )
    database.run(
        "UPDATE ledger SET file = (SELECT min(c.file) FROM copies c WHERE c.key = ledger.key)"
        f" WHERE {files}",
        (name,),
    )
    for table in ("spans", "traces", "problems", "told"):
        database.run(f"DELETE FROM {table} WHERE {files}", (name,))
    database.run("DELETE FROM files WHERE owner = ?", (name,))


def forget_name(database: Database, name: str, by: str, now_us: int) -> None:
    """Take somebody's way in and their tokens; a pseudonym stands for them where one must."""
    other = erased.pseudonym(database, name)
    database.run("DELETE FROM tokens WHERE owner = ?", (name,))
    database.run(
        "DELETE FROM users WHERE name = ? AND NOT EXISTS"
        " (SELECT 1 FROM telemetry_alerts a WHERE a.acknowledged_by = users.id)",
        (name,),
    )
    database.run("UPDATE users SET name = ?, password = NULL WHERE name = ?", (other, name))
    database.run("UPDATE silences SET made_by = ? WHERE made_by = ?", (other, name))
    database.run('UPDATE advice SET "by" = ? WHERE "by" = ?', (other, name))
    database.run(
        "UPDATE alert_transitions SET why = ? WHERE why = ?",
        (f"acknowledged by {other}", f"acknowledged by {name}"),
    )
    is_about = _about(name)
    for at_us, who, what, about in acts_of(database, name):
        now = is_about.sub(lambda found: found[0].replace(name, other), about)
        database.run(
            'UPDATE acts SET "by" = ?, about = ?'
            ' WHERE at_us = ? AND "by" = ? AND what = ? AND about = ?',
            (other if who == name else who, now, at_us, who, what, about),
        )
    noted(database, by, "erased the data of", other, now_us)


def _about(name: str) -> re.Pattern[str]:
    """Where the record of changes names somebody: alone, with a role, or as whose a token is."""
    told = re.escape(name)
    return re.compile(rf"^{told}$|^{told}(?= \((?:member|lead|operator|admin)\)$)| for {told}$")
