"""What somebody said of a recommendation, and advice as it is kept."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

StandingKind = Literal["dismissed", "snoozed", "done"]


class Standing(Struct, frozen=True):
    """What was said of a recommendation (as its `message` was then), by whom and when.

    `until_us` is when a snoozed one comes back.
    """

    id: str
    type: str
    about: str
    message: str
    state: StandingKind
    by: str
    at_us: int
    until_us: int | None = None
    note: str | None = None

    def holds(self, now_us: int) -> bool:
        """Whether the recommendation is not to be told."""
        return self.until_us is None or now_us < self.until_us


class KeptAdvice(Struct, frozen=True):
    """Advice as an archive keeps it: when it was made, and how long that took.

    It is current while no figures changed.
    """

    answer: bytes
    made_us: int
    took_us: int
    is_current: bool
