"""Sessions told event by event, for the tests of what is measured on them; times are seconds."""

from collections.abc import Iterable
from typing import Any

from tachlog.model import (
    Compaction,
    ErrorClass,
    Event,
    Failure,
    Features,
    Mark,
    Outcome,
    Prompt,
    Reply,
    Target,
    Thread,
    ToolCall,
    ToolResult,
    Usage,
    key_of,
)
from tachlog.sessions import Session, fold

SECOND = 1_000_000
START_US = 1_790_000_000 * SECOND
MODEL = "claude-opus-4-5"
USAGE = Usage(input=10, output=5)
UNSEEN = Features()


def at(seconds: float) -> int:
    """Return the time that many seconds after the beginning of every session told here, in µs."""
    return START_US + round(seconds * SECOND)


def text(characters: int) -> Features:
    """Return the features of a reply of that many characters."""
    return Features(text=characters)


class Told:
    """One thread's events; each method tells one and returns its key."""

    def __init__(self, agent: str = "claude_code", parent: str | None = None) -> None:
        self.thread = Thread(agent, "s1", parent or "s1", parent)
        self.events: list[Event] = []

    def prompt(self, when: float, *, key: str | None = None, **facts: Any) -> int:
        """Tell a prompt of ten characters."""
        number = key_of(key or f"prompt {when}")
        self.events.append(Prompt(number, self.thread, at(when), 10, **facts))
        return number

    def reply(
        self,
        first: float,
        last: float | None = None,
        *,
        key: str | None = None,
        usage: Usage | None = USAGE,
        features: Features = UNSEEN,
        stop: str | None = "end_turn",
        model: str = MODEL,
        provider: str = "anthropic",
        **facts: Any,
    ) -> int:
        """Tell a model call whose records were written from `first` to `last`."""
        number = key_of(key or f"reply {first}")
        for when in {first: None, first if last is None else last: None}:
            self.events.append(
                Reply(
                    number,
                    self.thread,
                    at(when),
                    part=key_of(f"{number} {when}"),
                    model=model,
                    provider=provider,
                    usage=usage,
                    features=features if when == first else UNSEEN,
                    stop_reason=stop,
                    **facts,
                )
            )
        return number

    def tool(
        self,
        asked: float,
        ended: float | None = None,
        tool: str = "Bash",
        outcome: Outcome = "success",
        *,
        key: str | None = None,
        given: str | None = None,
        target: Target | None = None,
        call: int | None = None,
        **result: Any,
    ) -> int:
        """Tell a tool call and, if it `ended`, its result; equal `given` means equal input."""
        number = key_of(key or f"tool {tool} {asked} {given}")
        digest = key_of(given or f"input of {number}")
        self.events.append(ToolCall(number, self.thread, at(asked), tool, call, 7, digest, target))
        if ended is not None:
            self.events.append(ToolResult(number, self.thread, at(ended), outcome, 20, **result))
        return number

    def failure(self, when: float, error_class: ErrorClass = "overloaded", **facts: Any) -> int:
        """Tell a failed attempt of a model call."""
        number = key_of(f"failure {when} {facts}")
        self.events.append(Failure(number, self.thread, at(when), error_class, **facts))
        return number

    def compaction(self, when: float) -> int:
        """Tell that the agent replaced its context by a summary."""
        number = key_of(f"compaction {when}")
        self.events.append(Compaction(number, self.thread, at(when)))
        return number

    def mark(self, when: float, name: str, value: str) -> None:
        """Tell a fact."""
        self.events.append(Mark(self.thread, at(when), name, value))

    def tools(self, names: Iterable[str]) -> None:
        """Tell one successful call of each tool, one per second."""
        for when, name in enumerate(names):
            self.tool(when, when + 0.5, name)

    def session(self) -> Session:
        """Return what was told as a session."""
        sessions = {self.thread: Session(self.thread)}
        fold(self.events, sessions)
        return sessions[self.thread]
