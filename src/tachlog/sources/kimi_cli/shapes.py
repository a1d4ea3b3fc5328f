"""The records of a Kimi CLI session: a header, then what passed between the agent and its screen.

A message is a kind with a payload; the payloads of all kinds are one struct here.
"""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count, StoredFloat, StoredInt


class Tokens(Struct):
    """Tokens of a step, in disjoint counts."""

    input_other: Count = None
    input_cache_read: Count = None
    input_cache_creation: Count = None
    output: Count = None


class Function(Struct):
    """A tool that the model asks for; its input is the text of a JSON object."""

    name: str | None = None
    arguments: str | None = None


class Returned(Struct):
    """What a tool gave: output for the model, and a message about it."""

    is_error: bool | None = None
    output: Raw = Raw(b"null")
    message: str | None = None


class Payload(Struct):
    """What a message says, whatever its kind."""

    id: str | None = None
    user_input: Raw = Raw(b"null")
    n: int | None = None
    next_attempt: StoredInt | None = None
    wait_s: float | None = None
    error_type: str | None = None
    status_code: StoredInt | None = None
    type: str | None = None
    text: str | None = None
    think: str | None = None
    function: Function | None = None
    tool_call_id: str | None = None
    return_value: Returned | None = None
    context_tokens: Count = None
    token_usage: Tokens | None = None
    request_id: str | None = None
    response: str | None = None
    error: str | None = None
    event: str | None = None
    duration_ms: StoredFloat | None = None
    parent_tool_call_id: str | None = None
    task_tool_call_id: str | None = None
    agent_id: str | None = None
    subagent_type: str | None = None


class Message(Struct):
    """A message, its payload unopened: what it holds depends on its kind."""

    type: str = ""
    payload: Raw = Raw(b"null")


class Nested(Struct):
    """What a sub-agent's message holds: whose it is, and a message."""

    event: Message | None = None
    parent_tool_call_id: str | None = None
    task_tool_call_id: str | None = None
    agent_id: str | None = None
    subagent_type: str | None = None


class Record(Struct):
    """A line: the header, or a message and when it passed, in seconds since the epoch."""

    type: str | None = None
    protocol_version: str | None = None
    timestamp: float | None = None
    message: Message | None = None


class Head(Struct):
    """What the detection looks at."""

    type: str | None = None
    protocol_version: str | None = None
    created_at: Raw = Raw()
    timestamp: float | None = None
    message: Message | None = None


SKIPS: Final = {
    "metadata": "the header, which names the version of the messages",
    "CompactionEnd": "the end of what CompactionBegin began",
    "HookTriggered": "hooks begin; their end is told",
    "MCPLoadingBegin": "servers are being started",
    "MCPLoadingEnd": "servers were started",
    "Notification": "words on the screen",
    "PlanDisplay": "a plan on the screen",
    "QuestionRequest": "a tool asks the person",
    "QuestionResponse": "the person answers a tool",
    "ToolCallPart": "a piece of a tool's input",
    "ToolCallRequest": "a tool of the program around it",
    "HookRequest": "a hook of the program around it",
    "HookResponse": "a hook of the program around it",
    "BtwBegin": "a question beside the conversation; its answer is told",
}
