"""What a model call has to read, and what of it the provider's cache still holds."""

from __future__ import annotations

import msgspec

from tachlog.demo.dialects import Usage
from tachlog.demo.dice import Dice

FIVE_MINUTES_MS = 300_000
MUCH = 60_000


class Loss(msgspec.Struct, frozen=True):
    """A large context that was no longer in the cache after an idle time."""

    idle_s: int
    written_tokens: int


class Context:
    """The tokens of a conversation: those that were sent before and those that are new."""

    def __init__(self, dice: Dice, first_tokens: int, *, hour_cache: bool) -> None:
        self._dice = dice
        self._sent = 0
        self._new = first_tokens
        self._hour_cache = hour_cache
        self._lifetime_ms = FIVE_MINUTES_MS * (12 if hour_cache else 1)
        self._used_ms: int | None = None

    @property
    def size(self) -> int:
        """The tokens that the next call has to read."""
        return self._sent + self._new

    def add(self, tokens: int) -> None:
        """Something was said or came back from a tool."""
        self._new += tokens

    def replace(self, tokens: int) -> None:
        """The conversation was replaced by a summary."""
        self._sent, self._new = 0, tokens

    def take_over(self, tokens: int) -> None:
        """The conversation begins with one that was sent elsewhere."""
        self._sent, self._new = tokens, 0

    def call(self, now_ms: int, output: int, reasoning: int) -> tuple[Usage, Loss | None]:
        """The usage of a call that is sent now, and what of the cache was lost before it."""
        dice = self._dice
        self._new += dice.between(60, 700)
        idle_ms = 0 if self._used_ms is None else now_ms - self._used_ms
        lost = self._used_ms is None or idle_ms > self._lifetime_ms
        read = min(self._sent, dice.between(8_000, 11_000)) if lost else self._sent
        write = self.size - read
        hour = write if self._hour_cache else 0
        loss = None
        if lost and idle_ms and self._sent > MUCH:
            loss = Loss(idle_ms // 1_000, write)
        usage = (dice.between(1, 10), read, write, hour, output, reasoning)
        self._used_ms = now_ms
        self._sent, self._new = self.size, output
        return usage, loss
