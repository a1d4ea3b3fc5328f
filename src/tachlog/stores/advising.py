"""Advice that is kept in the archive, and what people said of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from tachlog.analysis.standing import KeptAdvice, Standing
from tachlog.model import digest_of
from tachlog.stores import StoreError
from tachlog.stores.answers import state_of
from tachlog.stores.database import Database, replacing

_ADVISED: Final = "name, change, threads, made_us, took_us, answer"
_KEPT_US: Final = 86_400_000_000
_COLUMNS: Final = 'id, type, about, message, state, "by", at_us, until_us, note'


class Advising:
    """What an archive keeps of advice."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def standings(self) -> list[Standing]:
        """What was said, the latest first."""
        return [
            Standing(*row)
            for row in self.database.rows(f"SELECT {_COLUMNS} FROM advice ORDER BY at_us DESC, id")
        ]

    def keep(self, standing: Standing) -> None:
        """Keep what somebody says of a recommendation; what was said of it before is replaced."""
        row = tuple(getattr(standing, name) for name in Standing.__struct_fields__)
        with self.database.transaction():
            self.database.insert("advice", _COLUMNS, [row], replacing(_COLUMNS, "id"))

    def kept(self, name: bytes) -> KeptAdvice | None:
        """The advice that is kept under a name; it is current while no figures changed."""
        with self.database.snapshot():
            found = self.database.rows(
                f"SELECT {_ADVISED} FROM advised WHERE name = ?", (digest_of(name),)
            )
            if not found:
                return None
            ((_, change, threads, made_us, took_us, answer),) = found
            is_current = (change, threads) == state_of(self.database)
            return KeptAdvice(bytes(answer), int(made_us), int(took_us), is_current)

    def answers(self) -> list[bytes]:
        """All advice that is kept."""
        return [bytes(answer) for (answer,) in self.database.rows("SELECT answer FROM advised")]

    def renewed(self, name: bytes, make: Callable[[], bytes], now_us: int) -> bytes:
        """Make advice and keep it under a name, in the place of what is there.

        What nobody made anew for a day goes. An archive that cannot be written is answered too.
        """
        begun = monotonic()
        with self.database.snapshot():
            state = state_of(self.database)
            answer = make()
        row = (digest_of(name), *state, now_us, int((monotonic() - begun) * 1e6), answer)
        with suppress(StoreError), self.database.transaction():
            self.database.run("DELETE FROM advised WHERE made_us < ?", (now_us - _KEPT_US,))
            self.database.insert("advised", _ADVISED, [row], replacing(_ADVISED, "name"))
        return answer
