"""What `codex exec --json` prints, when it was saved to a file: no times, only running totals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from tachlog import signals
from tachlog.model import (
    RUN_TOTALS,
    Event,
    Features,
    Mark,
    Reading,
    Reply,
    Target,
    Thread,
    ToolCall,
    Usage,
    digest_of,
    key_of,
)
from tachlog.providers import provider_of
from tachlog.records import lenient
from tachlog.sources.codex import shapes
from tachlog.sources.codex.calls import ToolItem
from tachlog.sources.codex.counting import usage_of
from tachlog.sources.codex.failures import failure_of
from tachlog.sources.codex.results import Told, result_of
from tachlog.sources.codex.shapes import SKIPS, Item, Record
from tachlog.sources.codex.state import AGENT, Asked, State
from tachlog.tellings import Content

_NOTHING: Final = Features()
_TIMED: Final = 7
"""The version of UUIDs that begin with their time, as thread ids do since about 0.40."""


class Change(Struct):
    """A file that a patch changed."""

    path: str = ""


def take(record: Record, state: State, reading: Reading) -> None:
    """Tell what one printed event tells, and count it."""
    item = record.item or Item()
    kind = f"exec/{record.type}"
    skipped = f"{kind}/{item.type}" if record.type == "item.completed" else kind
    if skipped in SKIPS:
        reading.skipped[skipped] = reading.skipped.get(skipped, 0) + 1
        return
    if record.type == "thread.started":
        begin(record, state, reading.events)
    assert state.thread is not None, "a header came before"
    thread = state.thread
    match record.type:
        case "turn.completed" if record.usage is not None:
            reading.events.append(reply(state, thread, "usage", usage=usage_of(record.usage)))
        case "turn.failed" | "error":
            error = lenient(record.error, shapes.ErrorBody)
            text = record.message or (error.message if error else None)
            if text:
                reading.events += failure_of(text, shapes.NOTHING, state, thread, state.at_us)
        case "item.completed" if item.type in _TOLD:
            reading.events += _TOLD[item.type](item, state, thread)
        case "item.completed":
            reading.unknown[skipped] = reading.unknown.get(skipped, 0) + 1
        case _:
            pass
    reading.record_keys.append(state.record_key(state.at_us, f"{skipped} {item.id}"))


def begin(record: Record, state: State, events: list[Event]) -> None:
    """A run begins; its thread's id is all that tells when."""
    name = record.thread_id or ""
    state.thread, state.scope = Thread(AGENT, name, name, None, "printed"), name
    state.at_us = time_of(name)
    events.append(Mark(state.thread, state.at_us, "entrypoint", "codex_exec"))


def time_of(thread_id: str) -> int:
    """The time (µs) in a thread's id, 0 where it has none."""
    try:
        number = UUID(thread_id)
    except ValueError:
        return 0
    return (number.int >> 80) * 1000 if number.version == _TIMED else 0


def reply(
    state: State,
    thread: Thread,
    part: str,
    *,
    usage: Usage | None = None,
    features: Features = _NOTHING,
    behaviors: int = 0,
) -> Reply:
    """The calls of a thread as one.

    The usage that is printed at the end of a run is the running total of the thread, over all runs
    that resumed it: of several tellings the greatest is the whole.
    """
    key = key_of(AGENT, "exec", thread.session_id)
    return Reply(
        key,
        thread,
        state.at_us,
        key_of(AGENT, str(key), part),
        state.model,
        provider_of(state.model),
        usage,
        features,
        None if usage is None else RUN_TOTALS,
        behaviors=behaviors,
    )


def says(item: Item, state: State, thread: Thread) -> list[Event]:
    """Words of the model."""
    text = item.text or ""
    content = Content()
    content.say(text)
    part = f"{item.id} {digest_of(text.encode('utf-8', 'surrogatepass'))}"
    return [reply(state, thread, part, features=content.features, behaviors=content.behaviors)]


def runs(item: Item, state: State, thread: Thread) -> list[Event]:
    """A command."""
    raw = b'{"cmd":' + bytes(item.command) + b"}"
    asked = Asked("exec_command", state.at_us, exit_code=item.exit_code)
    return used(item, ToolItem(asked.tool, raw), asked, item.aggregated_output or "", state, thread)


def patches(item: Item, state: State, thread: Thread) -> list[Event]:
    """A patch."""
    changes = lenient(item.changes, list[Change])
    target = None
    if changes:
        path = msgspec.json.encode({"path": changes[0].path})
        target = signals.target("apply_patch", path)
    tool = ToolItem("apply_patch", bytes(item.changes))
    return used(item, tool, Asked(tool.tool, state.at_us, target), "", state, thread)


def calls_server(item: Item, state: State, thread: Thread) -> list[Event]:
    """A tool of an MCP server."""
    name = f"mcp__{item.server or 'unknown'}__{item.tool or 'unknown'}"
    error = lenient(item.error, shapes.ErrorBody)
    text = (error.message if error else None) or ""
    tool = ToolItem(name, bytes(item.arguments))
    return used(item, tool, Asked(name, state.at_us), text, state, thread)


def searches(item: Item, state: State, thread: Thread) -> list[Event]:
    """A search of the web."""
    raw = msgspec.json.encode({"query": item.query or ""})
    asked = Asked("web_search", state.at_us, failed=False)
    return used(item, ToolItem(asked.tool, raw), asked, "", state, thread)


def used(
    item: Item, tool: ToolItem, asked: Asked, text: str, state: State, thread: Thread
) -> list[Event]:
    """A tool call and its result: items are numbered anew in each run, so what they hold counts."""
    digest = digest_of(tool.raw)
    key = key_of(AGENT, thread.session_id, item.id or "", str(digest))
    target: Target | None = asked.target or signals.target(tool.tool, tool.raw)
    status = lenient(item.status, str)
    asked.declined = status == "declined"
    if asked.exit_code is None and asked.failed is None:
        asked.failed = status == "failed"
    call = key_of(AGENT, "exec", thread.session_id)
    size = len(tool.raw)
    told = Told(text, failed=bool(asked.failed))
    result = result_of(key, thread, state.at_us, told, len(text), asked)
    return [ToolCall(key, thread, state.at_us, tool.tool, call, size, digest, target), result]


_TOLD: Final[dict[str, Callable[[Item, State, Thread], list[Event]]]] = {
    "agent_message": says,
    "command_execution": runs,
    "file_change": patches,
    "mcp_tool_call": calls_server,
    "web_search": searches,
}
