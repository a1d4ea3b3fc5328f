"""A record of a model call in a Claude Code transcript: usage, features, tool calls."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from tachlog import signals
from tachlog.model import Event, Features, Reply, Thread, ToolCall, Usage, digest_of, key_of
from tachlog.providers import provider_of
from tachlog.records import lenient
from tachlog.sources.claude_code import shapes
from tachlog.sources.claude_code.places import AGENT
from tachlog.sources.claude_code.results import tool_key, tool_result
from tachlog.sources.claude_code.shapes import Block, Message
from tachlog.tellings import LEAST_SEAL

_NOTHING: Final = Features()
_BESIDE_NOTHING: Final = shapes.NestedMessage()
_TOOL_NAME_CHARACTERS: Final = 120
_PLAN_FILES: Final = (2, 0, 54)
_PLAN: Final = ("plan", "planFilePath")


class Line(Struct, frozen=True, gc=False):
    """Where a message stands and what its line tells beside it; `key` is the record's."""

    thread: Thread
    at_us: int
    key: int
    uuid: str | None
    request: str | None
    branch: str | None
    cwd: str | None
    version: str | None


def reply_events(message: Message, line: Line, sent_us: int | None) -> list[Event]:
    """The call as this record tells it, the tools it asks for, calls of an advisor inside it."""
    identity = message.id or line.request
    key = key_of(AGENT, identity) if identity else key_of(AGENT, str(line.key))
    model = message.model or "unknown"
    events: list[Event] = []
    features, behaviors = blocks(message.content, line, key, events)
    usage, tier = usage_of(message.usage)
    events.append(
        Reply(
            key,
            line.thread,
            line.at_us,
            line.key,
            model,
            provider_of(model, message.id or ""),
            usage,
            features,
            message.stop_reason,
            key_of(AGENT, line.request) if line.request and message.id else None,
            sent_us,
            behaviors=behaviors,
            branch=line.branch,
            tier=tier,
        )
    )
    if message.usage and message.usage.iterations:
        events += advisor_calls(message.usage.iterations, line, key)
    return events


def blocks(
    content: str | list[Block] | None, line: Line, call: int, events: list[Event]
) -> tuple[Features, int]:
    """The features of a reply's blocks and what they show; its tool calls join `events`."""
    if not content:
        return _NOTHING, 0
    if isinstance(content, str):
        content = [Block(type="text", text=content)]
    text = thinking = hidden = tool_text = tools = keys = wide = media = behaviors = 0
    symbols = escapes = sealed = seals = 0
    for block in content:
        kind = block.type
        if kind == "text":
            if block.text:
                n, w, s = signals.text_features(block.text)
                text += n
                wide += w
                symbols += s
                behaviors |= signals.behaviors(block.text)
        elif kind in ("thinking", "redacted_thinking"):
            # What is sealed stands between quotes.
            seal = len(block.signature) if block.signature else len(memoryview(block.data)) - 2
            if seal >= LEAST_SEAL:
                sealed += seal
                seals += 1
            elif block.thinking:
                n, w, s = signals.text_features(block.thinking)
                thinking += n
                wide += w
                symbols += s
            else:
                hidden += 1
        elif kind in ("tool_use", "server_tool_use"):
            raw = bytes(block.input)
            n, k, w, s, e = signals.json_features(_written(block, raw, line))
            tool_text += n
            keys += k
            wide += w
            symbols += s
            escapes += e
            tools += 1
            events.append(tool_call(block, raw, line, call))
        elif kind.endswith("tool_result"):
            events.append(tool_result(block, _BESIDE_NOTHING, line.thread, line.at_us))
        elif kind in ("image", "document"):
            media += 1
    features = Features(
        text,
        thinking,
        hidden,
        tool_text,
        tools,
        keys,
        wide,
        media,
        symbols,
        escapes,
        sealed,
        seals,
    )
    return features, behaviors


def _written(block: Block, raw: bytes, line: Line) -> bytes:
    """What the model wrote of a tool's input: since 2.0.54 Claude Code itself adds the plan.

    The model writes a plan into a file and leaves plan mode without it; Claude Code puts the
    file's text into the record (seen in 2.1: plans of 18,000 characters in calls of 186 tokens).
    """
    if block.name != "ExitPlanMode" or _release(line.version) < _PLAN_FILES:
        return raw
    given = lenient(block.input, dict[str, msgspec.Raw]) or {}
    return msgspec.json.encode({k: v for k, v in given.items() if k not in _PLAN})


@lru_cache(maxsize=256)
def _release(version: str | None) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version or "")[:3]))


def tool_call(block: Block, raw: bytes, line: Line, call: int) -> ToolCall:
    """A tool that the reply asks for."""
    tool = (block.name or "unknown")[:_TOOL_NAME_CHARACTERS]
    return ToolCall(
        tool_key(block.id, line.uuid),
        line.thread,
        line.at_us,
        tool,
        call,
        len(raw),
        digest_of(raw),
        signals.target(tool, raw, line.cwd),
    )


def advisor_calls(iterations: list[shapes.Iteration], line: Line, key: int) -> list[Event]:
    """Calls of an advisor inside a reply: calls of their own, the reply's usage excludes them."""
    calls: list[Event] = []
    for number, step in enumerate(iterations):
        if step.type == "advisor_message":
            model = step.model or "unknown"
            calls.append(
                Reply(
                    key_of(AGENT, str(key), "advisor", str(number)),
                    line.thread,
                    line.at_us,
                    line.key,
                    model,
                    provider_of(model),
                    buckets(step),
                    stop_reason="advisor",
                    branch=line.branch,
                )
            )
    return calls


def usage_of(told: shapes.Usage | None) -> tuple[Usage | None, str | None]:
    """Tokens in disjoint buckets, and the tier that changes their price.

    `input_tokens` excludes the cache (measured: prompt = input + creation + read); None when the
    log gives no number at all, as placeholders of some back-ends do.
    """
    if told is None:
        return None, None
    if (
        told.input_tokens is None
        and told.output_tokens is None
        and told.cache_read_input_tokens is None
        and told.cache_creation_input_tokens is None
    ):
        return None, None
    details, tools = told.output_tokens_details, told.server_tool_use
    usage = buckets(
        told,
        details.thinking_tokens if details else None,
        (tools and tools.web_search_requests) or 0,
    )
    tier = "fast" if told.speed == "fast" else told.service_tier
    return usage, None if tier == "standard" else tier


def buckets(
    told: shapes.Usage | shapes.Iteration, reasoning: int | None = None, web_searches: int = 0
) -> Usage:
    """The disjoint buckets; without a total of cache writes, their two lifetimes add up to it."""
    lifetimes = told.cache_creation
    hour = (lifetimes and lifetimes.ephemeral_1h_input_tokens) or 0
    written = told.cache_creation_input_tokens
    if written is None:
        written = hour + ((lifetimes and lifetimes.ephemeral_5m_input_tokens) or 0)
    return Usage(
        told.input_tokens or 0,
        told.cache_read_input_tokens or 0,
        written,
        told.output_tokens or 0,
        min(hour, written),
        reasoning,
        web_searches,
    )
