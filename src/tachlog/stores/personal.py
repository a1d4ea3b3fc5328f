"""A person's data: what the archive keeps of somebody, handed out and erased.

Whose a session is follows from the files that tell it (`files.owner`). A session is erased with its
sub-agents; one that somebody else's files tell as well stays, as theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec

from tachlog.stores import Measure, erased, erasing, figures, quarters
from tachlog.stores.database import LISTED, LISTED_TEXTS, Database, listed
from tachlog.stores.holding import Held, KeptThread
from tachlog.stores.past import tidy
from tachlog.stores.recent import Recent
from tachlog.stores.remaining import remainders
from tachlog.stores.schema import LOCAL_USER, OPERATIONS
from tachlog.stores.shipping import told_by
from tachlog.stores.summaries import metrics_of
from tachlog.stores.words import Words

AT_ONCE: Final = 50
"""Threads that are erased in one transaction."""

_TREES: Final = (
    "SELECT t.id, t.agent, t.session_id, EXISTS (SELECT 1 FROM threads k JOIN told d"
    " ON d.thread = k.id JOIN files f ON f.id = d.file"
    " WHERE k.root = t.root AND k.agent = t.agent AND f.owner <> ?)"
    " FROM threads t WHERE (t.agent, t.root) IN (SELECT m.agent, m.root FROM told d"
    " JOIN files f ON f.id = d.file JOIN threads m ON m.id = d.thread WHERE f.owner = ?)"
    " ORDER BY t.agent, t.root, t.id"
)


class PersonalData:
    """What an archive keeps of single people."""

    def __init__(self, database: Database, words: Words, recent: Recent) -> None:
        self.database = database
        self.words = words
        self.recent = recent

    def people(self) -> list[str]:
        """Everybody of whom something is kept, by name, but the archive's own user."""
        found = self.database.rows(
            "SELECT name FROM users UNION SELECT owner FROM files WHERE owner IS NOT NULL"
            " UNION SELECT owner FROM tokens WHERE owner IS NOT NULL ORDER BY 1"
        )
        return [name for (name,) in found if name != LOCAL_USER and not erased.is_pseudonym(name)]

    def held(self, name: str) -> Held:
        """What there is of somebody."""
        with self.database.snapshot():
            goes, stays = self._threads(name)
            threads = listed(goes)
            (span,) = self.database.rows(
                f"SELECT min(start_us), max(end_us), count(main_score) FROM {figures.TABLE}"
                f" WHERE thread IN {LISTED}",
                (threads,),
            )
            return Held(
                name,
                bool(self._count("users WHERE name = ? AND password IS NOT NULL", name)),
                int(span[2]),
                len(goes),
                span[0],
                span[1],
                {
                    table: self._count(f"{table} WHERE thread IN {LISTED}", threads)
                    for table in OPERATIONS
                },
                self._count(f"pruned WHERE thread IN {LISTED}", threads),
                stays,
                self._count("files WHERE owner = ?", name),
                len(self._hooked(goes.values())),
                len(erasing.alerts_about(self.database, goes.values())),
                self._count("tokens WHERE owner = ?", name),
                self._count('advice WHERE "by" = ?', name)
                + self._count("silences WHERE made_by = ?", name),
                len(erasing.acts_of(self.database, name)),
            )

    def threads(self, name: str) -> Iterator[KeptThread]:
        """The threads that are somebody's, one after the other."""
        goes, _ = self._threads(name)
        for number in goes:
            (row,) = self.database.rows(
                "SELECT t.agent, t.session_id, t.parent, t.tellings, s.metrics FROM threads t"
                f" LEFT JOIN {figures.TABLE} s ON s.thread = t.id WHERE t.id = ?",
                (number,),
            )
            agent, session_id, parent, tellings, blob = row
            yield KeptThread(
                agent,
                session_id,
                parent,
                None if blob is None else metrics_of(blob),
                told_by(self.database, self.words, number, tellings),
                quarters.load(self.database, self.words, number),
                remainders(self.database, [number]).get(number),
            )

    def records(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """What is kept of somebody beside their sessions, by table: rows by the names of columns.

        Not passwords and tokens themselves, of which there are only digests.
        """
        goes, _ = self._threads(name)
        database = self.database
        user = database.rows("SELECT id FROM users WHERE name = ?", (name,))
        number = str(user[0][0]) if user else ""
        alerts = listed(erasing.alerts_about(database, goes.values()))
        mine = f"file IN {erasing.OF_FILES}"
        wanted: dict[str, tuple[str, str, tuple[str, ...]]] = {
            "users": ("id, name, created_at, role", "name = ?", (name,)),
            "tokens": ("name, scope, created_at, revoked_at", "owner = ?", (name,)),
            "files": (
                "host, path, source, size, records, parsed, skipped, unknown, problems, note,"
                " read_us, machine",
                "owner = ?",
                (name,),
            ),
            "problems": ('"offset", kind, detail', mine, (name,)),
            "telemetry_alerts": (
                "type, severity, message, context, triggered_at, acknowledged_at, note",
                f"CAST(id AS TEXT) IN {LISTED_TEXTS} OR CAST(acknowledged_by AS TEXT) = ?",
                (alerts, number),
            ),
            "silences": ("matches, begins_us, ends_us, note", "made_by = ?", (name,)),
            "advice": ("type, about, message, state, at_us, note", '"by" = ?', (name,)),
        }
        found = {
            table: [
                dict(zip(columns.replace('"', "").split(", "), row, strict=True))
                for row in database.rows(f"SELECT {columns} FROM {table} WHERE {test}", values)
            ]
            for table, (columns, test, values) in wanted.items()
        }
        found["acts"] = [
            {"at_us": at_us, "by": by, "what": what, "about": about}
            for at_us, by, what, about in erasing.acts_of(database, name)
        ]
        found["hooked"] = [
            {"agent": agent, "session_id": session, "told": msgspec.json.decode(told)}
            for agent, session, told in self._hooked(goes.values())
        ]
        return found

    def erase(self, name: str, measure: Measure, by: str, now_us: int) -> Held:
        """Erase somebody, some threads at a time; gives what there was.

        Each transaction leaves a whole archive, and the last one takes the name: an erasure that is
        stopped on its way is finished by the next one.
        """
        held = self.held(name)
        goes, _ = self._threads(name)
        numbers = list(goes)
        with self.recent.unless_undone():
            for first in range(0, len(numbers), AT_ONCE):
                part = numbers[first : first + AT_ONCE]
                with self.database.transaction():
                    these = {number: goes[number] for number in part}
                    erasing.erase(self.database, self.words, measure, these)
            with self.database.transaction():
                erasing.forget_files(self.database, name)
                erasing.forget_name(self.database, name, by, now_us)
        self.recent.forget()
        tidy(self.database)
        self.words.forget()
        return held

    def _threads(self, name: str) -> tuple[dict[int, erased.Name], int]:
        """The threads that are somebody's alone, by number, and how many others tell too."""
        found = self.database.rows(_TREES, (name, name))
        goes = {number: (agent, session) for number, agent, session, stays in found if not stays}
        return goes, len(found) - len(goes)

    def _count(self, what: str, *values: str) -> int:
        ((number,),) = self.database.rows(f"SELECT count(*) FROM {what}", values)
        return int(number)

    def _hooked(self, threads: Collection[erased.Name]) -> list[tuple[str, str, str]]:
        found = self.database.rows("SELECT agent, session_id, told FROM hooked")
        return [
            (agent, session, told) for agent, session, told in found if (agent, session) in threads
        ]
