"""The records of pi's sessions: open structs, all fields optional, and kinds without telemetry."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count


class Cost(Struct):
    """What a call cost, dollars."""

    total: float | None = None


class Tokens(Struct):
    """Tokens of a call: four disjoint counts, and parts of two of them."""

    input: Count = None
    output: Count = None
    cacheRead: Count = None
    cacheWrite: Count = None
    cacheWrite1h: Count = None
    reasoning: Count = None
    cost: Cost | None = None


class Block(Struct):
    """A content block."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    thinkingSignature: str | None = None
    id: str | None = None
    name: str | None = None
    arguments: Raw = Raw(b"null")


class Message(Struct):
    """A message of the conversation; its time is when it began."""

    role: str = ""
    content: str | list[Block] | None = None
    timestamp: float | None = None
    provider: str | None = None
    model: str | None = None
    usage: Tokens | None = None
    stopReason: str | None = None
    errorMessage: str | None = None
    toolCallId: str | None = None
    isError: bool | None = None


class Record(Struct):
    """One line of a session; its time is when it was written."""

    type: str = ""
    id: str | None = None
    timestamp: datetime | None = None
    cwd: str | None = None
    branchedFrom: str | None = None
    parentSession: str | None = None
    message: Message | None = None
    provider: str | None = None
    model: str | None = None
    modelId: str | None = None
    kind: str | None = None
    usage: Tokens | None = None
    tokensBefore: Count = None
    name: str | None = None


class Head(Struct):
    """What the detection looks at."""

    type: str = ""
    id: str | None = None
    timestamp: str | None = None
    cwd: str | None = None


SKIPS: Final = {
    "message/bashExecution": "a command that the person ran, not the agent",
    "message/branchSummary": "a summary that its own entry tells",
    "message/compactionSummary": "a summary that its own entry tells",
    "message/custom": "context that an extension adds",
    "message/hookMessage": "context that an extension adds",
    "message/system": "the system prompt and its changes",
    "context_edit": "a change of the context to come",
    "context_transform": "a change of the context to come",
    "custom": "the state of an extension",
    "custom_message": "context that an extension adds",
    "ephemeral": "context that an extension adds",
    "label": "a bookmark",
    "thinking_level_change": "a switch of the program",
} | dict.fromkeys(
    (
        "agent_end",
        "agent_settled",
        "agent_start",
        "message_start",
        "message_update",
        "tool_execution_end",
        "tool_execution_start",
        "tool_execution_update",
        "turn_end",
        "turn_start",
    ),
    "progress that the messages themselves tell",
)
