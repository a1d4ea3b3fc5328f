"""The events of Copilot CLI: one open struct for all kinds, and the kinds without telemetry."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count, StoredFloat, StoredInt


class Context(Struct):
    """Where the agent works."""

    cwd: str | None = None
    branch: str | None = None


class Request(Struct):
    """A tool that a message asks for."""

    toolCallId: str | None = None
    name: str | None = None
    arguments: Raw = Raw(b"null")


class Result(Struct):
    """What a tool gave; of a permission, how it was decided."""

    content: str | None = None
    kind: str | None = None


class Error(Struct):
    """Why a tool failed."""

    message: str | None = None
    code: str | None = None


class Permission(Struct):
    """What a permission is asked for."""

    toolCallId: str | None = None


class Detail(Struct):
    """One count of the tokens that were billed."""

    tokenType: str | None = None
    tokenCount: Count = None


class Billed(Struct):
    """What was billed: disjoint counts, and billionths of a unit of a cent."""

    tokenDetails: list[Detail] | None = None
    totalNanoAiu: Count = None


class CompactionTokens(Struct):
    """What compacting the context took; `inputTokens` holds the cache counts."""

    inputTokens: Count = None
    outputTokens: Count = None
    cacheReadTokens: Count = None
    cacheWriteTokens: Count = None
    copilotUsage: Billed | None = None
    duration: StoredFloat | None = None
    model: str | None = None


class ModelUsage(Struct):
    """Tokens of a model in a leg; `inputTokens` holds the cache counts."""

    inputTokens: Count = None
    outputTokens: Count = None
    cacheReadTokens: Count = None
    cacheWriteTokens: Count = None


class ModelMetrics(Struct):
    """What a model was used for."""

    usage: ModelUsage | None = None


class Data(Struct, frozen=True):
    """The fields of all kinds of event."""

    sessionId: str | None = None
    copilotVersion: str | None = None
    context: Context | None = None
    selectedModel: str | None = None
    newModel: str | None = None
    messageId: str | None = None
    apiCallId: str | None = None
    model: str | None = None
    content: str | None = None
    source: str | None = None
    reasoningText: str | None = None
    reasoningOpaque: str | None = None
    toolRequests: list[Request] | None = None
    inputTokens: Count = None
    outputTokens: Count = None
    cacheReadTokens: Count = None
    cacheWriteTokens: Count = None
    duration: StoredFloat | None = None
    parentToolCallId: str | None = None
    toolCallId: str | None = None
    toolName: str | None = None
    arguments: Raw = Raw(b"null")
    success: bool | None = None
    result: Result | None = None
    error: Raw = Raw(b"null")
    permissionRequest: Permission | None = None
    agentName: str | None = None
    totalTokens: Count = None
    totalToolCalls: Count = None
    durationMs: StoredFloat | None = None
    hookInvocationId: str | None = None
    hookType: str | None = None
    errorType: str | None = None
    statusCode: StoredInt | None = None
    message: str | None = None
    title: str | None = None
    name: str | None = None
    preCompactionTokens: Count = None
    compactionTokensUsed: CompactionTokens | None = None
    preTruncationTokensInMessages: Count = None
    postTruncationTokensInMessages: Count = None
    totalNanoAiu: Count = None
    modelMetrics: dict[str, ModelMetrics] | None = None


class Record(Struct):
    """One line."""

    type: str = ""
    id: str | None = None
    timestamp: datetime | None = None
    agentId: str | None = None
    data: Data = Data()


class HeadData(Struct):
    """What the detection looks at in an event."""

    sessionId: str | None = None
    copilotVersion: str | None = None


class Head(Struct):
    """What the detection looks at."""

    type: str = ""
    data: HeadData | None = None


SKIPS: Final = {
    "assistant.intent": "words on the screen",
    "assistant.message_delta": "a part of a message that is told as a whole",
    "assistant.reasoning": "reasoning that its message repeats",
    "assistant.reasoning_delta": "a part of reasoning that its message repeats",
    "assistant.turn_end": "the next event tells the time",
    "pending_messages.modified": "a list on the screen",
    "session.compaction_start": "its end tells the compaction",
    "session.context_changed": "the next start or resume tells the place",
    "session.idle": "the next event tells the time",
    "session.info": "words on the screen",
    "session.mode_changed": "a switch of the program",
    "session.permissions_changed": "a switch of the program",
    "session.plan_changed": "a list on the screen",
    "session.task_complete": "words on the screen",
    "session.usage_info": "a meter on the screen",
    "session.warning": "words on the screen",
    "session.workspace_file_changed": "what a tool call did",
    "subagent.deselected": "a switch of the program",
    "subagent.selected": "a switch of the program",
    "system.message": "the system prompt",
    "system.notification": "words of the program",
    "tool.execution_partial_result": "a part of a result that is told as a whole",
    "tool.execution_progress": "a tool under way",
    "user.message/system": "words of the program",
}
