"""One pass over the records of a chunk of a Gemini CLI chat: records in, events out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Final

import msgspec
from msgspec import Raw

from tachlog import signals
from tachlog.model import (
    Features,
    Mark,
    Outcome,
    Prompt,
    Reading,
    Reply,
    Thread,
    ToolResult,
    Usage,
    digest_of,
    key_of,
)
from tachlog.providers import provider_of
from tachlog.records import leave_unread, lenient
from tachlog.sources.gemini_cli.headless import AGENT, Runs, State, text_of
from tachlog.sources.gemini_cli.shapes import (
    SKIPS,
    Record,
    Response,
    ResultPart,
    RunError,
    Tokens,
    Tool,
)
from tachlog.tellings import Content, moment, tool_call, tool_failure

_ASKED: Final = re.compile(r"-(1[5-9]\d{11}|[2-9]\d{12})-")
"""The milliseconds in an id that the program makes for a tool call: `read_file-1768010961326-…`."""

_SHELL: Final = "run_shell_command"
_SHELL_FRAME: Final = re.compile(
    r"^(?:(?:Command|Directory|Signal|Background PIDs|Process Group PGID): .*"
    r"|(?:Output|Error|Stdout|Stderr): \((?:empty|none)\)|</?untrusted_context>)$",
    re.MULTILINE,
)
"""What the program itself writes around the output of a command."""

_ENVIRONMENT: Final = "<session_context>"
_CANCELLED: Final = "Request cancelled."
"""How the program begins what it tells the model of the machine, as a message of the person (0.61,
recorded 2026-11-22)."""

_ENDED: Final = ("success", "error", "cancelled")


class Reader(Runs):
    """Turns records into events of `reading`, one after the other, keeping `state`."""

    def __init__(self, path: str, state: State, reading: Reading) -> None:
        super().__init__(state, reading)
        self.path = path

    def take(self, record: Record) -> None:
        """Tell what one record tells, and count it."""
        kind = kind_of(record)
        if kind == "info" and text_of(record.content) == _CANCELLED:
            at_us = self.moment(record)
            self.tell(Mark(self.thread, at_us, "interrupted", str(at_us)))
        if kind in SKIPS:
            self.reading.skipped[kind] = self.reading.skipped.get(kind, 0) + 1
            return
        self.reading.record_keys.append(digest_of(msgspec.json.encode(record)))
        handler = _HANDLERS.get(kind)
        if handler is None:
            self.unknown(kind)
        else:
            handler(self, record, self.moment(record))

    def moment(self, record: Record) -> int:
        """When a record was told: one without a time, with the latest before it."""
        state = self.state
        told_us = moment(record.timestamp)
        at_us = state.at_us if told_us is None else told_us
        state.at_us = max(state.at_us, at_us)
        return at_us

    def unknown(self, kind: str) -> None:
        """Count what nobody has described yet."""
        self.reading.unknown[kind] = self.reading.unknown.get(kind, 0) + 1

    def chat(self, record: Record, at_us: int) -> None:
        """A chat begins, or is told as a whole."""
        state = self.state
        state.run = ""
        state.session_id = record.sessionId or ""
        folder = PurePath(self.path).parent
        inside = record.kind == "subagent" and folder.parent.name == "chats"
        state.parent = folder.name if inside else None
        started_us = moment(record.startTime)
        if started_us is not None:
            state.at_us = max(state.at_us, started_us)
        if record.directories:
            self.tell(Mark(self.thread, state.at_us, "cwd", record.directories[0]))
        self.messages(record.messages)
        self.named(record.summary)

    def changed(self, record: Record, at_us: int) -> None:
        """Fields of the chat change; its messages may all be told again."""
        update = record.update
        if update is None:
            return
        updated_us = moment(update.lastUpdated)
        if updated_us is not None:
            self.state.at_us = max(self.state.at_us, updated_us)
        self.messages(update.messages)
        self.named(update.summary)

    def named(self, summary: str | None) -> None:
        """The model sums the chat up in a line."""
        if summary:
            title = signals.excerpt(summary, 120)
            self.tell(Mark(self.thread, self.state.at_us, "title.ai", title))

    def messages(self, told: Raw) -> None:
        """Messages inside of another record; one that is none is counted as unknown."""
        for raw in lenient(told, list[Raw]) or ():
            message = lenient(raw, Record)
            if message is None:
                leave_unread(self.reading, "messages", raw, Record)
                continue
            kind = kind_of(message)
            handler = _MESSAGES.get(kind)
            if handler is None:
                if kind not in SKIPS:
                    self.unknown(f"messages/{kind}")
            else:
                handler(self, message, self.moment(message))

    def user(self, record: Record, at_us: int) -> None:
        """A person speaks; answers of tools to the model, which history may hold, are no words."""
        text = text_of(record.content)
        if text and not text.startswith(_ENVIRONMENT):
            key = key_of(AGENT, record.id or str(at_us))
            by_person = self.state.parent is None
            self.tell(Prompt(key, self.thread, at_us, len(text), None, by_person))
            self.titles.hear(self.thread, at_us, text)

    def gemini(self, record: Record, at_us: int) -> None:
        """A model call, written when it is answered and again when its tools have run.

        What it holds is needed for an estimate only while no tokens are told. After a request was
        cancelled the chat holds what was said before once more, as the parts that the model is
        given: those are no calls (seen in 0.61).
        """
        if record.tokens is None and record.model is None and bytes(record.content)[:1] == b"[":
            return
        thread = self.thread
        key = key_of(AGENT, record.id or str(at_us))
        model = record.model or self.state.model
        tools = record.toolCalls or []
        content = _content_of(record)
        asked = [asked_us for tool in tools if (asked_us := _asked_us(tool.id)) is not None]
        usage = usage_of(record.tokens)
        self.tell(
            Reply(
                key,
                thread,
                min([at_us, *asked]),
                digest_of(msgspec.json.encode(record)),
                model,
                provider_of(model),
                usage,
                content.features if usage is None else Features(),
                None if usage is None else "tool_calls" if tools else "stop",
                behaviors=content.behaviors,
            )
        )
        for tool in tools:
            self.tool(tool, thread, at_us, key)

    def tool(self, tool: Tool, thread: Thread, at_us: int, call: int) -> None:
        """A tool call and, once it has ended, its result."""
        asked_us = _asked_us(tool.id) or at_us
        key = key_of(AGENT, tool.id or str(call))
        raw = bytes(tool.args)
        self.tell(tool_call(key, thread, asked_us, tool.name, call, raw, None))
        if tool.status not in _ENDED:
            return
        ended_us = max(asked_us, moment(tool.timestamp) or at_us)
        self.tell(ended(tool, key, thread, ended_us))

    def failure(self, record: Record, at_us: int) -> None:
        """The program tells the person that a call failed."""
        text = text_of(record.content) or record.message or ""
        self.told_failure(RunError(None, text), key_of(AGENT, record.id or str(at_us)), at_us)


def kind_of(record: Record) -> str:
    """What a record is."""
    if record.rewind is not None:
        return "$rewindTo"
    if record.update is not None:
        return "$set"
    if not record.type and record.sessionId:
        return "chat"
    if not record.type and record.session_id:
        return "printed"
    if record.type == "error" and record.severity == "warning":
        return "error/warning"
    return record.type


def usage_of(told: Tokens | None) -> Usage | None:
    """The disjoint buckets; None when the log gives no number.

    The total decides: `cached` is a part of `input` unless the total holds it beside it, `tool` is
    one unless the total holds it (measured: 48 of 48 totals are input + output + thoughts + tool,
    with `tool` 0). Thoughts are billed as output, which excludes them.
    """
    if told is None or (told.input, told.output, told.thoughts) == (None, None, None):
        return None
    prompt, cached, tool = told.input or 0, told.cached or 0, told.tool or 0
    output = (told.output or 0) + (told.thoughts or 0)
    beside = None if told.total is None else told.total - prompt - output
    if beside is not None and tool and beside in (tool, tool + cached):
        prompt += tool
        beside -= tool
    fresh = prompt if cached and beside == cached else max(0, prompt - cached)
    return Usage(fresh, cached, 0, output, 0, told.thoughts)


def ended(tool: Tool, key: int, thread: Thread, at_us: int) -> ToolResult:
    """How a tool call ended."""
    size = len(bytes(tool.result))
    text = _said(tool)
    if tool.status == "cancelled":
        refused = "did not allow" in text or "denied" in text
        outcome: Outcome = "user_rejected" if refused else "user_interrupted"
        return ToolResult(key, thread, at_us, outcome, size)
    code = signals.exit_code(text) if tool.name == _SHELL else None
    if tool.status == "error" or code:
        said = text if code is None else _SHELL_FRAME.sub("", text)
        return tool_failure(key, thread, at_us, said, size=size, exit_code=code)
    return ToolResult(key, thread, at_us, "success", size)


def _said(tool: Tool) -> str:
    """What a tool said: to the model, else to the person."""
    for part in lenient(tool.result, list[ResultPart]) or ():
        response = (part.functionResponse and part.functionResponse.response) or Response()
        text = lenient(response.error, str) or lenient(response.output, str)
        if text:
            return text
    return lenient(tool.resultDisplay, str) or ""


def _asked_us(tool_id: str | None) -> int | None:
    """When a tool was asked for, where its id says it (12 of 12 in real chats)."""
    found = _ASKED.search(tool_id or "")
    return int(found[1]) * 1000 if found else None


def _content_of(record: Record) -> Content:
    content = Content()
    content.say(text_of(record.content))
    for thought in record.thoughts or ():
        content.think(f"{thought.subject or ''} {thought.description or ''}".strip())
    for tool in record.toolCalls or ():
        content.call(bytes(tool.args))
    return content


_Handler = Callable[[Reader, Record, int], None]

_MESSAGES: Final[dict[str, _Handler]] = {
    "error": Reader.failure,
    "gemini": Reader.gemini,
    "user": Reader.user,
}

_HANDLERS: Final[dict[str, _Handler]] = _MESSAGES | {
    "$set": Reader.changed,
    "chat": Reader.chat,
    "init": Reader.run,
    "message": Reader.message,
    "printed": Reader.printed,
    "result": Reader.result,
    "tool_result": Reader.tool_result,
    "tool_use": Reader.tool_use,
}
