"""The records of Claude Code transcripts: one open struct per kind, every field optional.

Fields that other kinds of record use for something else, and those that hold much text that is only
measured, stay `Raw` and are decoded where they are needed: a surprise in one of them costs its
facts and not the whole record. What is decoded from JSON is a tree: the garbage collector need not
look at it (`gc=False`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count, StoredFloat, StoredInt


class CacheCreation(Struct, gc=False):
    """Cache writes by lifetime."""

    ephemeral_5m_input_tokens: Count = None
    ephemeral_1h_input_tokens: Count = None


class ServerTools(Struct, gc=False):
    """Tools that the provider ran."""

    web_search_requests: Count = None


class OutputDetails(Struct, gc=False):
    """Parts of the output."""

    thinking_tokens: Count = None


class Iteration(Struct, gc=False):
    """One model call inside a reply, whose usage leaves out those of type `advisor_message`."""

    type: str | None = None
    model: str | None = None
    input_tokens: Count = None
    output_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation: CacheCreation | None = None


class Usage(Struct, gc=False):
    """Tokens of a reply as the API reports them."""

    input_tokens: Count = None
    output_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerTools | None = None
    output_tokens_details: OutputDetails | None = None
    iterations: list[Iteration] | None = None
    service_tier: str | None = None
    speed: str | None = None


class Block(Struct, gc=False):
    """A content block of a message."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: Raw = Raw(b"null")
    id: str | None = None
    name: str | None = None
    input: Raw = Raw(b"null")
    tool_use_id: str | None = None
    is_error: bool | None = None
    content: Raw = Raw(b"null")


class Message(Struct, gc=False):
    """A message of the model API."""

    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: Usage | None = None
    content: str | list[Block] | None = None


class Record(Struct, gc=False):
    """One line of a transcript."""

    type: str = ""
    subtype: str | None = None
    uuid: str | None = None
    sessionId: str | None = None
    agentId: str | None = None
    isSidechain: bool | None = None
    timestamp: datetime | None = None
    requestId: str | None = None
    requestRef: str | None = None
    cwd: str | None = None
    gitBranch: str | None = None
    version: str | None = None
    entrypoint: str | None = None
    attributionAgent: str | None = None
    attributionSkill: str | None = None
    message: Message | None = None
    isMeta: bool | None = None
    isCompactSummary: bool | None = None
    isVisibleInTranscriptOnly: bool | None = None
    isApiErrorMessage: bool | None = None
    apiErrorStatus: int | None = None
    toolUseResult: Raw = Raw(b"null")
    toolDenialKind: str | None = None
    sourceToolAssistantUUID: str | None = None
    permissionDecision: Raw = Raw(b"null")
    forkedFrom: Raw = Raw(b"null")
    origin: Raw = Raw(b"null")
    data: Raw = Raw(b"null")
    error: Raw = Raw(b"null")
    attachment: Raw = Raw(b"null")
    compactMetadata: Raw = Raw(b"null")
    hookInfos: Raw = Raw(b"null")
    shape: Raw = Raw(b"null")
    retryAttempt: StoredInt | None = None
    retryInMs: StoredFloat | None = None
    durationMs: StoredFloat | None = None
    operation: str | None = None
    id: str | None = None
    aiTitle: str | None = None
    customTitle: str | None = None
    prNumber: int | None = None
    prRepository: str | None = None
    totalCostUSD: float | None = None


class ToolUseResult(Struct, gc=False):
    """What a tool returned, for the program."""

    durationMs: StoredFloat | None = None
    totalDurationMs: float | None = None
    durationSeconds: float | None = None
    interrupted: bool | None = None
    returnCodeInterpretation: str | None = None
    numFiles: int | None = None
    agentId: str | None = None
    totalTokens: int | None = None
    totalToolUseCount: int | None = None


class Decision(Struct, gc=False):
    """Who allowed or denied a tool call."""

    decision: str | None = None
    source: str | None = None


class Origin(Struct, gc=False):
    """Where a prompt, or copied history, comes from."""

    kind: str | None = None
    sessionId: str | None = None


class SubBlock(Struct, gc=False):
    """A block of a tool result."""

    type: str = ""
    text: str | None = None


class NestedMessage(Struct, gc=False):
    """A sub-agent's record inside a progress record."""

    type: str = ""
    uuid: str | None = None
    timestamp: datetime | None = None
    requestId: str | None = None
    message: Message | None = None
    toolUseResult: Raw = Raw(b"null")
    toolDenialKind: str | None = None
    sourceToolAssistantUUID: str | None = None
    permissionDecision: Raw = Raw(b"null")


class Progress(Struct, gc=False):
    """What a progress record is about."""

    type: str = ""
    agentId: str | None = None
    message: NestedMessage | None = None


class ApiErrorBody(Struct, gc=False):
    """The body of an API error."""

    type: str | None = None
    message: str | None = None
    error: ApiErrorBody | None = None


class Connection(Struct, gc=False):
    """Why a connection failed."""

    code: str | None = None


class ApiError(Struct, gc=False):
    """An attempt of a model call that failed; its request's id is `requestId` since 2.1.330."""

    status: StoredInt | None = None
    requestId: str | None = None
    requestID: str | None = None
    message: str | None = None
    formatted: str | None = None
    error: ApiErrorBody | None = None
    connection: Connection | None = None


class Attachment(Struct, gc=False):
    """Context, or the outcome of a hook."""

    type: str = ""
    prompt: str | list[Block] | None = None
    commandMode: str | None = None
    hookEvent: str | None = None
    durationMs: StoredFloat | None = None
    addedNames: list[str] | None = None


class CompactMetadata(Struct, gc=False):
    """A compaction in numbers."""

    trigger: str | None = None
    preTokens: Count = None
    postTokens: Count = None


class RequestShape(Struct, gc=False):
    """What every request begins with: the system prompt, and the tools as JSON."""

    system: list[SubBlock] = []
    tools: Raw = Raw(b"null")


class HookInfo(Struct, gc=False):
    """One hook that ran."""

    durationMs: StoredFloat | None = None


class Head(Struct, gc=False):
    """What the detection looks at."""

    type: str = ""
    sessionId: str | None = None
    uuid: str | None = None
    messageId: str | None = None
    leafUuid: str | None = None
    operation: str | None = None
    isSidechain: bool | None = None
    payload: Raw = Raw()

    @property
    def telling(self) -> bool:
        """Whether only a Claude Code transcript has a record like this."""
        if bytes(self.payload):
            return False
        if self.sessionId is not None:
            return (
                (self.uuid is not None and self.isSidechain is not None)
                or (self.type == "queue-operation" and self.operation is not None)
                or self.type in _SESSION_KINDS
            )
        if self.type == "summary":
            return self.leafUuid is not None
        return self.type == "file-history-snapshot" and self.messageId is not None


_SESSION_KINDS: Final = frozenset(
    (
        "agent-name",
        "ai-title",
        "cost-state",
        "custom-title",
        "last-prompt",
        "mode",
        "permission-mode",
        "pr-link",
    )
)


SKIPS: Final = {
    "agent-name": "a name on the screen",
    "api-request-blob": "content of requests",
    "atis-latch": "a switch of the program",
    "file-history-delta": "backups of edited files",
    "file-history-snapshot": "backups of edited files",
    "last-prompt": "a copy of a prompt",
    "mode": "a switch of the program",
    "permission-mode": "a switch of the program",
    "summary": "a title of an earlier conversation, named by a message of its own",
    "tools-used": "names that the calls tell themselves",
    "progress/bash_progress": "output that the result repeats",
    "progress/hook_progress": "a hook began; its end tells the duration",
    "progress/mcp_progress": "a call began; its records tell it",
    "progress/query_update": "a search under way",
    "progress/search_results_received": "a search under way",
    "progress/waiting_for_task": "a wait that the result ends",
    "system/informational": "words on the screen",
    "system/local_command": "a command of the program, without the model",
    "system/microcompact_boundary": "old tool results dropped; the next call's context tells it",
    "system/model_refusal_fallback": "the next reply names its model",
    "system/scheduled_task_fire": "the prompt that follows tells it",
} | {
    f"attachment/{kind}": "context that the agent adds to a prompt"
    for kind in (
        "agent_listing_delta",
        "command_permissions",
        "date",
        "date_change",
        "deferred_tools_delta",
        "edited_text_file",
        "environment",
        "file",
        "hook_additional_context",
        "hook_system_message",
        "model",
        "nested_memory",
        "plan_mode",
        "plan_mode_exit",
        "prompt_snapshot",
        "remote_session_change",
        "session_context",
        "skill_listing",
        "task_reminder",
        "todo_reminder",
        "total_tokens_reminder",
    )
}


def whole(value: float | None) -> int | None:
    """A count or a duration as an integer, None when it is none: negative, or beyond all bounds."""
    return int(value) if value is not None and 0 <= value < 1 << 53 else None
