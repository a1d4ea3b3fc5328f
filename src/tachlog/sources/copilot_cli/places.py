"""What the events of a Copilot CLI session need to know of those before them."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from tachlog.model import Thread
from tachlog.sources.copilot_cli.legs import Legs

AGENT: Final = "copilot_cli"

_MAX_OPEN: Final = 256


class State(Struct):
    """What the events before told: whose they are, what is under way, what is still to be shared.

    Times (µs) by id: hooks, turns (by agent) and tools that began, permissions asked for; then the
    waits (ms) for permissions, and the kinds of those that were denied. `last` is the record
    before, which may be written twice.
    """

    session_id: str = ""
    model: str | None = None
    cwd: str | None = None
    branch: str | None = None
    at_us: int = 0
    hooks: dict[str, int] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    tools: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    approvals: dict[str, int] = field(default_factory=dict)
    denials: dict[str, str] = field(default_factory=dict)
    legs: Legs = field(default_factory=Legs)
    last: int = 0


class Place(Struct, frozen=True):
    """Where an event stands; `key` is the record's."""

    thread: Thread
    agent: str | None
    at_us: int
    key: int


def remember(times: dict[str, int], name: str, value: int) -> None:
    """Note what is under way; of what never ended the oldest is forgotten."""
    times[name] = value
    while len(times) > _MAX_OPEN:
        del times[next(iter(times))]
