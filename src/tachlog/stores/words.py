"""Names and texts of an archive, each kept once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import time_ns
from typing import Final

from tachlog.model import key_of
from tachlog.stores.database import LISTED, Database, listed, replacing

LONGEST: Final = 600
"""Characters of a name; an index of PostgreSQL holds no more than 2,700 bytes."""


NOTE: Final = "words.forgotten"
"""Under this name the archive notes when names were taken out of it."""


def forget_everywhere(database: Database) -> None:
    """Tell every writer that names were taken out; in a transaction."""
    database.insert(
        "meta", "name, value", [(NOTE, str(time_ns()))], replacing("name, value", "name")
    )


class Words:
    """The names and texts of one archive, as far as this process has met them.

    `forget()` must follow a transaction that was rolled back: it may have taken names with it.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.numbers: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self.new_texts: dict[int, str] = {}
        self._forgotten = ""

    def follow(self) -> None:
        """Forget names that others took out of the archive; a transaction begins with this."""
        found = self.database.rows("SELECT value FROM meta WHERE name = ?", (NOTE,))
        if found and found[0][0] != self._forgotten:
            self._forgotten = str(found[0][0])
            self.numbers.clear()
            self.names.clear()

    def name_id(self, name: str) -> int:
        """The number of a name, given to it now if it has none."""
        number = self.numbers.get(name)
        if number is None:
            name = name[:LONGEST]
            found = self.database.rows("SELECT id FROM names WHERE text = ?", (name,))
            if not found:
                found = self.database.rows(
                    "INSERT INTO names (text) VALUES (?) RETURNING id", (name,)
                )
            number = int(found[0][0])
            self.numbers[name] = number
            self.names[number] = name
        return number

    def name(self, number: int) -> str:
        """The name with a number."""
        name = self.names.get(number)
        if name is None:
            self.names.update(self.database.rows("SELECT id, text FROM names"))
            name = self.names[number]
        return name

    def text_key(self, text: str) -> int:
        """The key of a text, to be kept by the next `keep_texts`."""
        key = key_of(text)
        self.new_texts[key] = text
        return key

    def keep_texts(self) -> None:
        """Write the texts met since the last call."""
        if self.new_texts:
            self.database.insert(
                "texts", "key, text", list(self.new_texts.items()), "(key) DO NOTHING"
            )
            self.new_texts.clear()

    def texts(self, keys: Iterable[int]) -> Mapping[int, str]:
        """The texts with these keys."""
        found = self.database.rows(
            f"SELECT key, text FROM texts WHERE key IN {LISTED}", (listed(set(keys)),)
        )
        return dict(found)

    def forget(self) -> None:
        """Forget what may have been rolled back."""
        self.numbers.clear()
        self.names.clear()
        self.new_texts.clear()
