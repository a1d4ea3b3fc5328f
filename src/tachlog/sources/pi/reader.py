"""One pass over the records of a chunk of a pi session: records in, events out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from tachlog import signals
from tachlog.model import (
    Compaction,
    Failure,
    Mark,
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
from tachlog.sources.pi.shapes import SKIPS, Block, Message, Record, Tokens
from tachlog.tellings import (
    Content,
    Titles,
    micros,
    moment,
    nanodollars,
    tool_call,
    tool_failure,
)

AGENT: Final = "pi"

_STATUS: Final = re.compile(r"(\d{3})\b")
_TELLING_ID: Final = 16
"""Shorter ids of tool calls (`call_1`) are only told apart within a session."""


class State(Struct):
    """What the header told, the model in use, and the latest time seen."""

    session_id: str = ""
    cwd: str | None = None
    model: str = "unknown"
    provider: str = "unknown"
    at_us: int = 0


class Reader:
    """Turns records into events of `reading`, one after the other, keeping `state`."""

    def __init__(self, state: State, reading: Reading) -> None:
        self.state = state
        self.reading = reading
        self.tell = reading.events.append
        self.titles = Titles()

    def take(self, record: Record) -> None:
        """Tell what one record tells, and count it."""
        message = record.message
        kind = record.type
        if kind in ("message", "message_end") and message is not None:
            kind = f"message/{message.role}"
        if kind in SKIPS:
            self.reading.skipped[kind] = self.reading.skipped.get(kind, 0) + 1
            return
        state = self.state
        told_us = moment(record.timestamp) or micros(message.timestamp if message else None)
        at_us = state.at_us if told_us is None else told_us
        state.at_us = max(state.at_us, at_us)
        handler = _HANDLERS.get(kind)
        if handler is None:
            self.reading.unknown[kind] = self.reading.unknown.get(kind, 0) + 1
            self.reading.record_keys.append(digest_of(msgspec.json.encode(record)))
            return
        part = digest_of(msgspec.json.encode(message if message is not None else record))
        self.reading.record_keys.append(part)
        if kind == "session":
            self.header(record, at_us)
        else:
            handler(self, record, Thread(AGENT, state.session_id, state.session_id), at_us, part)

    def header(self, record: Record, at_us: int) -> None:
        """A session begins."""
        self.state.session_id = record.id or ""
        self.state.cwd = record.cwd
        thread = Thread(AGENT, self.state.session_id, self.state.session_id)
        if record.cwd:
            self.tell(Mark(thread, at_us, "cwd", record.cwd))
        origin = record.parentSession or record.branchedFrom
        if origin:
            name = re.split(r"[/\\]", origin)[-1].partition(".")[0]
            self.tell(Mark(thread, at_us, "forked_from", name.rpartition("_")[2]))

    def user(self, record: Record, thread: Thread, at_us: int, part: int) -> None:
        """A person speaks."""
        text = _text_of(record.message)
        self.tell(Prompt(key_of(AGENT, "prompt", str(part)), thread, at_us, len(text)))
        self.titles.hear(thread, at_us, text)

    def assistant(self, record: Record, thread: Thread, at_us: int, part: int) -> None:
        """A model call: answered, aborted by the person, or failed."""
        message = record.message
        if message is None:
            return
        model = message.model or self.state.model
        provider = message.provider or provider_of(model)
        self.state.model, self.state.provider = model, provider
        usage = _usage_of(message.usage)
        began_us = micros(message.timestamp)
        counts = usage or Usage()
        key = key_of(
            AGENT,
            str(began_us or at_us),
            model,
            *map(str, (counts.input, counts.cache_read, counts.cache_write, counts.output)),
        )
        stopped = message.stopReason
        if stopped == "aborted":
            self.tell(Mark(thread, at_us, "interrupted", str(at_us)))
        elif stopped == "error":
            self.failure(message, thread, at_us, key, model)
        if not message.content and not counts.total and stopped in ("aborted", "error"):
            return
        content = Content()
        calls = []
        blocks = message.content
        for block in [Block("text", blocks)] if isinstance(blocks, str) else blocks or ():
            if block.type == "text":
                content.say(block.text or "")
            elif block.type == "thinking":
                content.think(block.thinking, len(block.thinkingSignature or ""))
            elif block.type == "toolCall":
                raw = bytes(block.arguments)
                content.call(raw)
                tool = self.tool_key(block.id, str(part))
                calls.append(tool_call(tool, thread, at_us, block.name, key, raw, self.state.cwd))
        whole_reply = stopped not in ("aborted", "error", None)
        self.tell(
            Reply(
                key,
                thread,
                at_us,
                part,
                model,
                provider,
                usage,
                content.features,
                stopped if whole_reply else None,
                sent_us=began_us if record.timestamp is not None else None,
                behaviors=content.behaviors,
                cost_nanousd=_cost_of(message.usage),
            )
        )
        self.reading.events += calls

    def failure(self, message: Message, thread: Thread, at_us: int, key: int, model: str) -> None:
        """A model call failed; pi tries again by itself and writes every attempt."""
        text = message.errorMessage or ""
        found = _STATUS.match(text)
        status = int(found[1]) if found else None
        self.tell(
            Failure(
                key,
                thread,
                at_us,
                signals.error_class(text, status=status),
                status,
                fingerprint=signals.fingerprint(text),
                excerpt=signals.excerpt(text),
                model=model,
            )
        )

    def result(self, record: Record, thread: Thread, at_us: int, part: int) -> None:
        """A tool answers; it may have called models itself."""
        message = record.message
        if message is None:
            return
        key = self.tool_key(message.toolCallId, str(part))
        text = _text_of(message)
        if message.isError is not True:
            self.tell(ToolResult(key, thread, at_us, "success", len(text)))
        elif text.endswith(("Command aborted", "Operation aborted")):
            self.tell(ToolResult(key, thread, at_us, "user_interrupted", len(text)))
        else:
            self.tell(tool_failure(key, thread, at_us, text))
        self.beside(message.usage, thread, at_us, part, "tool", "unknown", "unknown")

    def compaction(self, record: Record, thread: Thread, at_us: int, part: int) -> None:
        """The context, or a branch that was left, gives way to a summary, which is a call too."""
        if record.type == "compaction":
            self.tell(Compaction(part, thread, at_us, record.tokensBefore))
        state = self.state
        self.beside(record.usage, thread, at_us, part, record.type, state.model, state.provider)

    def usage(self, record: Record, thread: Thread, at_us: int, part: int) -> None:
        """Tokens spent outside of the conversation, such as to keep a cache warm."""
        model = record.model or record.modelId or "unknown"
        provider = record.provider or provider_of(model)
        self.beside(record.usage, thread, at_us, part, record.kind or "usage", model, provider)

    def beside(
        self,
        told: Tokens | None,
        thread: Thread,
        at_us: int,
        part: int,
        purpose: str,
        model: str,
        provider: str,
    ) -> None:
        """A model call that is no message of the conversation; no usage, no call."""
        usage = _usage_of(told)
        if usage is not None:
            self.tell(
                Reply(
                    key_of(AGENT, purpose, str(part)),
                    thread,
                    at_us,
                    part,
                    model,
                    provider,
                    usage,
                    stop_reason=purpose,
                    cost_nanousd=_cost_of(told),
                )
            )

    def selected(self, record: Record, thread: Thread, at_us: int, part: int) -> None:
        """Another model is chosen: that of a compaction, which does not name one."""
        model = record.modelId or record.model or "unknown"
        self.state.model = model
        self.state.provider = record.provider or provider_of(model)

    def named(self, record: Record, thread: Thread, at_us: int, part: int) -> None:
        """The person names the session."""
        if record.name:
            self.tell(Mark(thread, at_us, "title.custom", signals.excerpt(record.name, 120)))

    def tool_key(self, call_id: str | None, otherwise: str) -> int:
        """The key of a tool call."""
        if call_id and len(call_id) >= _TELLING_ID:
            return key_of(AGENT, call_id)
        return key_of(AGENT, self.state.session_id, call_id or otherwise)


def _text_of(message: Message | None) -> str:
    content = message.content if message else None
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(block.text for block in content if block.text)


def _usage_of(told: Tokens | None) -> Usage | None:
    """The counts, which are disjoint (measured: the total is their sum in 1,206 of 1,206)."""
    if told is None:
        return None
    counts = (told.input, told.cacheRead, told.cacheWrite, told.output)
    if all(count is None for count in counts):
        return None
    fresh, read, written, output = (count or 0 for count in counts)
    hour = min(told.cacheWrite1h or 0, written)
    return Usage(fresh, read, written, output, hour, told.reasoning)


def _cost_of(told: Tokens | None) -> int | None:
    return nanodollars(told.cost.total) if told and told.cost else None


_Handler = Callable[[Reader, Record, Thread, int, int], None]


def _nothing(reader: Reader, record: Record, thread: Thread, at_us: int, part: int) -> None:
    """A header, which `Reader.take` handles itself, tells nothing of a thread before it."""


_HANDLERS: Final[dict[str, _Handler]] = {
    "session": _nothing,
    "message/user": Reader.user,
    "message/assistant": Reader.assistant,
    "message/toolResult": Reader.result,
    "compaction": Reader.compaction,
    "branch_summary": Reader.compaction,
    "usage": Reader.usage,
    "model_change": Reader.selected,
    "session_info": Reader.named,
}
