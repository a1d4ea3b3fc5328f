"""The records of Qwen Code: messages in Gemini's terms, and what the program tells of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct, field

from tachlog.records import Count, StoredFloat, StoredInt


class Tokens(Struct):
    """Tokens of a reply, as a message tells them."""

    prompt: Count = field(name="promptTokenCount", default=None)
    answer: Count = field(name="candidatesTokenCount", default=None)
    thoughts: Count = field(name="thoughtsTokenCount", default=None)
    cached: Count = field(name="cachedContentTokenCount", default=None)
    total: Count = field(name="totalTokenCount", default=None)


class FunctionCall(Struct):
    """A tool that the model asks for."""

    id: str | None = None
    name: str | None = None
    args: Raw = Raw(b"null")


class Response(Struct):
    """What a tool says to the model."""

    output: Raw = Raw(b"null")
    error: Raw = Raw(b"null")


class FunctionResponse(Struct):
    """The answer of a tool."""

    id: str | None = None
    name: str | None = None
    response: Response | None = None


class Part(Struct):
    """A part of a message."""

    text: str | None = None
    thought: bool | None = None
    functionCall: FunctionCall | None = None
    functionResponse: FunctionResponse | None = None


class Message(Struct):
    """What a person, the model or a tool says."""

    parts: list[Part] | None = None


class Display(Struct):
    """What the screen shows of a command."""

    exitCode: StoredInt | None = None


class ToolResult(Struct):
    """What became of a tool; transcripts of sub-agents tell how long it took, and no status."""

    callId: str | None = None
    status: str | None = None
    errorType: str | None = None
    durationMs: StoredFloat | None = None
    resultDisplay: Raw = Raw(b"null")


class UiEvent(Struct):
    """What the program tells of a model call or a tool."""

    name: str = field(name="event.name", default="")
    model: str | None = None
    duration_ms: StoredFloat | None = None
    ttft_ms: float | None = None
    input_token_count: Count = None
    output_token_count: Count = None
    cached_content_token_count: Count = None
    thoughts_token_count: Count = None
    total_token_count: Count = None
    response_text: str | None = None
    prompt_id: str | None = None
    subagent_name: str | None = None
    subagent_id: str | None = None
    call_id: str | None = None
    function_name: str | None = None
    function_args: Raw = Raw(b"null")
    status: str | None = None
    decision: str | None = None
    error: str | None = None
    error_message: str | None = None
    error_type: str | None = None
    status_code: Raw = Raw(b"null")


class CompressionInfo(Struct):
    """How many tokens a compaction read and left; its status is 1 when it was done."""

    originalTokenCount: Count = None
    newTokenCount: Count = None
    compressionStatus: int | None = None
    triggerReason: str | None = None


class Payload(Struct):
    """What a record of the program's own holds, as far as it is looked at."""

    uiEvent: UiEvent | None = None
    info: CompressionInfo | None = None
    customTitle: str | None = None
    titleSource: str | None = None


class Fork(Struct):
    """Where a copied record comes from."""

    sessionId: str | None = None


class Record(Struct):
    """A line of a chat or of a sub-agent's transcript."""

    type: str = ""
    subtype: str | None = None
    uuid: str | None = None
    parentUuid: str | None = None
    sessionId: str | None = None
    timestamp: datetime | None = None
    cwd: str | None = None
    version: str | None = None
    gitBranch: str | None = None
    provenance: str | None = None
    model: str | None = None
    message: Message | None = None
    usageMetadata: Tokens | None = None
    toolCallResult: ToolResult | None = None
    systemPayload: Raw = Raw(b"null")
    forkedFrom: Fork | None = None
    agentId: str | None = None
    agentName: str | None = None
    isSidechain: bool | None = None


class Head(Struct):
    """What the detection looks at."""

    type: str | None = None
    uuid: str | None = None
    sessionId: str | None = None
    timestamp: str | None = None
    cwd: str | None = None
    parentUuid: Raw = Raw()
    provenance: str | None = None
    message: Message | None = None
    subtype: str | None = None
    systemPayload: Raw = Raw()


_STATE: Final = "what the program keeps to go on from"
_OWN: Final = "what the program remembers of itself"

SKIPS: Final = {
    "system/agent_bootstrap": "the history that a sub-agent begins with: a copy",
    "system/agent_launch_prompt": "the task of a sub-agent, told as its prompt",
    "system/agent_retry": "a sub-agent is started again",
    "system/agent_session_ready": _STATE,
    "system/at_command": "files that a prompt names",
    "system/attribution_snapshot": _STATE,
    "system/background_task_completed": "the end of a task that ran beside the conversation",
    "system/branch_checkpoint": _STATE,
    "system/file_history_snapshot": _STATE,
    "system/goal_runtime": _OWN,
    "system/goal_state": _OWN,
    "system/goal_turn_end": _OWN,
    "system/omni_recall": _OWN,
    "system/parent_session": "the session that a person came from",
    "system/rewind": "the conversation goes back; what was said was spent",
    "system/session_approval_mode": "how tools are approved",
    "system/session_artifact_event": _STATE,
    "system/session_artifact_snapshot": _STATE,
    "system/session_execution_engine": _STATE,
    "system/session_model": "the model that is chosen; every reply names its own",
    "system/session_notes": _OWN,
    "system/session_source": "who began the session",
    "system/session_sources_snapshot": _STATE,
    "system/slash_command": "a command of the program, and what it showed",
    "system/turn_result": "the end of a turn",
    "system/user_text_elements": "how a prompt is shown",
    "sub-agent/reply": "what a sub-agent says: its session tells the call",
    "sub-agent/tool": "a tool of a sub-agent before 0.16: its session tells it, without its id",
}
