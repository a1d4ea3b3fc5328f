"""What the logs of every agent tell in the same terms: contents, failed tools, times, money."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from tachlog import signals
from tachlog.model import (
    ErrorClass,
    Event,
    Features,
    Mark,
    Reading,
    Thread,
    ToolCall,
    ToolResult,
    digest_of,
)
from tachlog.records import is_possible, utc_micros

TOOL_NAME_CHARACTERS: Final = 120
LEAST_SEAL: Final = 128
"""Characters of a seal that stands for thinking: those of other makers behind the same interface
are ids of 36 or 64 characters, Anthropic's begin at 230, OpenAI's at 900 (public logs, 2026)."""

_MOST: Final = 1 << 53
_EXIT_LINE: Final = re.compile(
    r"^\s*(?:\(no output\)|\(empty\)"
    r"|(?:Command|Process) (?:exited|failed) with (?:exit )?code -?\d+"
    r"|<?(?:command |shellId: \S+ )?(?:exited|completed) with exit code:? -?\d+>?"
    r"|Exit [Cc]ode:? -?\d+)\s*$",
    re.MULTILINE,
)


class Content:
    """What one message holds, block by block: the estimator's features, and behaviours shown."""

    def __init__(self) -> None:
        self.text = self.thinking = self.hidden = self.tool_text = 0
        self.tools = self.keys = self.wide = self.media = 0
        self.symbols = self.escapes = self.sealed = self.seals = 0
        self.behaviors = 0

    def say(self, text: str) -> None:
        """The assistant says something."""
        characters, wide, symbols = signals.text_features(text)
        self.text += characters
        self.wide += wide
        self.symbols += symbols
        self.behaviors |= signals.behaviors(text)

    def think(self, text: str | None, seal: int = 0) -> None:
        """The model thinks; the log may withhold what, or tell a summary under a seal.

        `seal` is the length of a signature or of encrypted thinking: longer thinking has a longer
        one, so that it tells more than a summary does.
        """
        if seal >= LEAST_SEAL:
            self.sealed += seal
            self.seals += 1
        elif text:
            characters, wide, symbols = signals.text_features(text)
            self.thinking += characters
            self.wide += wide
            self.symbols += symbols
        else:
            self.hidden += 1

    def call(self, raw: bytes) -> None:
        """The assistant asks for a tool with this input."""
        characters, keys, wide, symbols, escapes = signals.json_features(raw)
        self.tool_text += characters
        self.keys += keys
        self.wide += wide
        self.symbols += symbols
        self.escapes += escapes
        self.tools += 1

    @property
    def features(self) -> Features:
        """All of it."""
        return Features(
            self.text,
            self.thinking,
            self.hidden,
            self.tool_text,
            self.tools,
            self.keys,
            self.wide,
            self.media,
            self.symbols,
            self.escapes,
            self.sealed,
            self.seals,
        )


def tool_call(
    key: int,
    thread: Thread,
    at_us: int,
    tool: str | None,
    call: int | None,
    raw: bytes,
    cwd: str | None,
) -> ToolCall:
    """A tool that a reply asks for, given the JSON of its input; empty where it is not told."""
    name = (tool or "unknown")[:TOOL_NAME_CHARACTERS]
    return ToolCall(
        key,
        thread,
        at_us,
        name,
        call,
        len(raw),
        digest_of(raw) if raw else 0,
        signals.target(name, raw, cwd),
    )


def tool_failure(
    key: int,
    thread: Thread,
    at_us: int,
    text: str,
    *,
    size: int | None = None,
    duration_ms: int | None = None,
    exit_code: int | None = None,
    error_class: ErrorClass | None = None,
) -> ToolResult:
    """A tool call that failed with this text.

    The exit code is taken from the text where the log does not tell it; what an agent says of it is
    no output of the command, so that a command that only said "no" is known by its silence.
    """
    code = signals.exit_code(text) if exit_code is None else exit_code
    detail = text if code is None else _EXIT_LINE.sub("", text).strip()
    return ToolResult(
        key,
        thread,
        at_us,
        "error",
        len(text) if size is None else size,
        duration_ms,
        None,
        code,
        error_class or signals.error_class(text, exit_code=code, tool=True),
        signals.fingerprint(detail) if detail else None,
        signals.excerpt(detail) if detail else None,
    )


class Titles:
    """The words by which the first prompt of each thread began, told once a chunk."""

    def __init__(self) -> None:
        self._first: dict[Thread, tuple[int, str]] = {}

    def hear(self, thread: Thread, at_us: int, text: str) -> None:
        """Somebody says something; the earliest words that make a title stay."""
        known = self._first.get(thread)
        if known is None or at_us <= known[0]:
            title = signals.title(text)
            if title:
                told = (at_us, title)
                self._first[thread] = min(known or told, told)

    def tell(self, reading: Reading) -> None:
        """Add the titles to what was read."""
        for thread, (at_us, title) in self._first.items():
            reading.events.append(Mark(thread, at_us, "title.prompt", title))


class Facts:
    """Facts that many records of a thread repeat: told when first and last met in a chunk."""

    def __init__(self) -> None:
        self._met: dict[tuple[Thread, str, str], tuple[int, int]] = {}

    def meet(self, thread: Thread, at_us: int, name: str, value: str | None) -> None:
        """A record says this of its thread."""
        if value:
            first, last = self._met.get((thread, name, value), (at_us, at_us))
            self._met[thread, name, value] = min(first, at_us), max(last, at_us)

    def tell(self, events: list[Event]) -> None:
        """Add the marks to what was read."""
        for (thread, name, value), (first, last) in self._met.items():
            events.append(Mark(thread, first, name, value))
            if last != first:
                events.append(Mark(thread, last, name, value))


def whole(value: float | None) -> int | None:
    """A count or a duration as an integer, None when it is none: negative, or beyond all bounds."""
    return int(value) if value is not None and 0 <= value < _MOST else None


def nanodollars(dollars: float | None) -> int | None:
    """What a log says that something cost; None for nothing: it may stand for a subscription."""
    if dollars is None or not 0 < dollars < 1 << 20:
        return None
    return round(dollars * 1_000_000_000)


def micros(milliseconds: float | None) -> int | None:
    """A time in milliseconds since the epoch as microseconds, None when it is none."""
    told = whole(milliseconds)
    return told * 1000 if told is not None and is_possible(told * 1000) else None


def moment(time: datetime | None) -> int | None:
    """A time as microseconds since the epoch, None when it is none."""
    return None if time is None else utc_micros(time)
