"""The facts that hooks told, and what they come to for a thread: the spool's reading half."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tachlog.settings import data_home

SPOOL: Final = "hooks.jsonl"
OLD: Final = ".1"
MOST_OPEN: Final = 32
"""Tool calls of a thread that are kept: those begun, and those over."""

Key = tuple[str, str]
"""A thread: its agent and its session id."""


class Fact(Struct, frozen=True):
    """One event: at `at_us` a hook of `agent` told of `session`, or of its sub-agent `sub`.

    `tool` and `call` (its id) are those that the event is about; `kind` is the agent's own word for
    the kind of a notification, or the reason of a beginning or an end.
    """

    at_us: int
    agent: str
    session: str
    event: str
    sub: str | None = None
    tool: str | None = None
    call: str | None = None
    kind: str | None = None

    @property
    def key(self) -> Key:
        """The thread that it is about."""
        return self.agent, f"{self.session}/{self.sub}" if self.sub else self.session


class Asking(Struct, frozen=True):
    """That permission was asked for since `at_us`, and when the person was reminded of it."""

    at_us: int
    tool: str | None
    reminded_us: int | None = None


class Hooked(Struct, frozen=True):
    """What the hooks of a thread told so far.

    `event` is the last one that says what the thread does, at `at_us`; `tool` its tool. `open` are
    the calls that began and are not over: name of the tool and time, by their id; `over` the ids of
    those that ended last.
    """

    at_us: int = 0
    event: str = ""
    tool: str | None = None
    asking: Asking | None = None
    open: dict[str, tuple[str, int]] = {}
    over: tuple[str, ...] = ()


_decoder: Final = msgspec.json.Decoder(Fact)


def spool_path(environ: Mapping[str, str]) -> str:
    """Where hooks leave what they tell."""
    return os.path.join(data_home(environ), SPOOL)


SAME: Final[Mapping[str, str]] = {
    "BeforeAgent": "UserPromptSubmit",
    "BeforeTool": "PreToolUse",
    "AfterTool": "PostToolUse",
    "AfterAgent": "Stop",
    "Interrupt": "Stop",
    "ToolPermission": "permission_prompt",
}
"""What other agents call what Claude Code's hooks tell, events and kinds."""

TOOLS: Final[Mapping[tuple[str, str | None], str]] = {("codex", "Bash"): "exec_command"}
"""What the logs of agents call a tool of which their hooks tell by another name."""


def alike(fact: Fact) -> Fact:
    """A fact in the words of Claude Code and of the agent's log."""
    return replace(
        fact,
        event=SAME.get(fact.event, fact.event),
        kind=SAME.get(fact.kind or "", fact.kind),
        tool=TOOLS.get((fact.agent, fact.tool), fact.tool),
    )


def after(told: Hooked, fact: Fact) -> Hooked:
    """What a thread's hooks come to after one more fact; facts come in order of time, almost.

    A hook runs beside the agent, so the end of a fast call may be told before its beginning.
    """
    match fact.event:
        case "PreToolUse":
            if fact.call and fact.call in told.over:
                return told
            begun = {**told.open, _call(fact): (fact.tool or "", fact.at_us)}
            return _at(told, fact, open=dict([*begun.items()][-MOST_OPEN:]))
        case "PermissionRequest":
            return _at(told, fact, asking=Asking(fact.at_us, fact.tool))
        case "Notification" if fact.kind == "permission_prompt":
            since = told.asking or Asking(fact.at_us, fact.tool or _latest(told))
            reminded = replace(since, reminded_us=fact.at_us)
            return replace(told, at_us=fact.at_us, event="PermissionRequest", asking=reminded)
        case "PostToolUse" | "PostToolUseFailure":
            left = {call: begun for call, begun in told.open.items() if call != _call(fact)}
            over = (*told.over, fact.call)[-MOST_OPEN:] if fact.call else told.over
            answered = told.asking is not None and told.asking.tool in (None, fact.tool)
            asking = None if answered else told.asking
            return _at(told, fact, open=left, over=over, asking=asking)
        case "UserPromptSubmit" | "Stop" | "StopFailure" | "SessionEnd":
            return _at(told, fact, open={}, asking=None)
        case "SessionStart" if fact.kind in ("startup", "resume", "clear"):
            return _at(told, fact, open={}, asking=None)
        case "Notification" if fact.kind == "idle_prompt":
            return _at(told, fact)
    return told


def _call(fact: Fact) -> str:
    """What a tool call is known by: its id, where there is none its tool."""
    return fact.call or fact.tool or ""


def _latest(told: Hooked) -> str | None:
    """The tool that began last of those that are not over."""
    return next((tool for tool, _ in reversed(told.open.values())), None)


def _at(told: Hooked, fact: Fact, **changes: object) -> Hooked:
    return replace(told, at_us=fact.at_us, event=fact.event, tool=fact.tool, **changes)


def folded(known: dict[Key, Hooked], facts: Iterable[Fact]) -> list[Key]:
    """Take facts into what is known; the threads that they are about, in order of time."""
    moved: dict[Key, None] = {}
    for fact in sorted(facts, key=lambda each: each.at_us):
        known[fact.key] = after(known.get(fact.key, Hooked()), alike(fact))
        moved[fact.key] = None
    return [*moved]


class Spool:
    """A spool, read from where the last look ended, and what its facts come to."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._inode = 0
        self._offset = 0
        self._known: dict[Key, Hooked] = {}

    def look(self) -> dict[Key, Hooked]:
        """What the threads come to of which something new was told; costs a stat when nothing was.

        What is no fact is passed over: others may write here, but no figure rests on it.
        """
        try:
            now = os.stat(self._path)
        except OSError:
            return {}
        if (now.st_ino, now.st_size) == (self._inode, self._offset):
            return {}
        data = b""
        if now.st_ino != self._inode:
            old = self._path + OLD
            data = self._read(old, self._offset if self._is_here(old) else 0)
            self._inode, self._offset = now.st_ino, 0
        elif now.st_size < self._offset:
            self._offset = 0
        fresh = self._read(self._path, self._offset)
        fresh = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(fresh)
        return {key: self._known[key] for key in folded(self._known, _facts(data + fresh))}

    def forget(self) -> None:
        """Read everything again the next time: what was told could not be kept."""
        self._inode = self._offset = 0

    def _is_here(self, path: str) -> bool:
        try:
            return os.stat(path).st_ino == self._inode
        except OSError:
            return False

    @staticmethod
    def _read(path: str, offset: int) -> bytes:
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                return file.read()
        except OSError:
            return b""


def _facts(data: bytes) -> list[Fact]:
    found = []
    for line in data.splitlines():
        try:
            found.append(_decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found
