"""The files of a task of Cline or Roo Code, and of a session of Cline 3: all fields optional."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count, StoredInt

NULL: Final = Raw(b"null")


class ModelInfo(Struct):
    """The model of a message; Cline 3 writes the two short names."""

    modelId: str | None = None
    providerId: str | None = None
    id: str | None = None
    provider: str | None = None


class Condense(Struct):
    """What a compaction by a model cost, and what it left."""

    cost: float | None = None
    prevContextTokens: Count = None
    newContextTokens: Count = None
    summary: str | None = None


class Message(Struct):
    """One message of `ui_messages.json`: what the person sees."""

    ts: float | None = None
    type: str = ""
    say: str | None = None
    ask: str | None = None
    text: str | None = None
    partial: bool | None = None
    modelInfo: ModelInfo | None = None
    conversationHistoryIndex: int | None = None
    contextCondense: Condense | None = None
    contextTruncation: Condense | None = None

    @property
    def kind(self) -> str:
        """Who speaks, and of what."""
        return f"{self.type}/{self.say or self.ask}"


class Request(Struct):
    """The JSON in the text of `api_req_started`, and of the sums of requests."""

    request: str | None = None
    tokensIn: Count = None
    tokensOut: Count = None
    cacheWrites: Count = None
    cacheReads: Count = None
    cost: float | None = None
    cancelReason: str | None = None
    streamingFailedMessage: str | None = None
    apiProtocol: str | None = None


class Trouble(Struct):
    """The JSON in the text of a failed attempt: of Cline's error, or around it."""

    message: str | None = None
    status: StoredInt | None = None
    errorMessage: str | None = None
    failed: bool | None = None


class ToolShown(Struct):
    """The JSON in the text of a tool that is shown to the person."""

    tool: str | None = None
    toolName: str | None = None
    serverName: str | None = None


class Block(Struct):
    """A block of a message's content, in Anthropic's terms or in those of the AI SDK."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = NULL
    tool_use_id: str | None = None
    content: Raw = NULL
    is_error: bool | None = None
    toolCallId: str | None = None
    toolName: str | None = None
    output: Raw = NULL


class Metrics(Struct):
    """What a call of Cline 3 took; the input holds what was read from the cache and written."""

    inputTokens: Count = None
    outputTokens: Count = None
    cacheReadTokens: Count = None
    cacheWriteTokens: Count = None
    cost: float | None = None


class Metadata(Struct):
    """What Cline 3 says of a message that only the person sees."""

    displayRole: str | None = None


class Said(Struct):
    """One message of the conversation with the model."""

    role: str | None = None
    content: Raw = NULL
    ts: float | None = None
    id: str | None = None
    isSummary: bool | None = None
    modelInfo: ModelInfo | None = None
    metrics: Raw = NULL
    metadata: Metadata | None = None


class Origin(Struct):
    """Where a session of Cline 3 comes from."""

    parentThreadId: str | None = None
    version: str | None = None


class ModelUse(Struct):
    """From when on a task used a model."""

    ts: float | None = None
    model_id: str | None = None
    model_provider_id: str | None = None


class Environment(Struct):
    """What a task ran in."""

    ts: float | None = None
    cline_version: str | None = None


class Beside(Struct):
    """A document beside a task's messages, or a session's: its entry in a list, its metadata."""

    id: str | None = None
    rootTaskId: str | None = None
    parentTaskId: str | None = None
    workspace: str | None = None
    number: int | None = None
    model_usage: list[ModelUse] | None = None
    environment_history: list[Environment] | None = None
    version: int | None = None
    messages: list[Raw] | None = None
    session_id: str | None = None
    cwd: str | None = None


class Record(Struct):
    """A file, with the documents `beside` it."""

    document: Raw = NULL
    beside: list[Raw] | None = None


class Session(Struct):
    """A session of Cline 3: the whole conversation with the model."""

    sessionId: str | None = None
    messages: list[Raw] | None = None
    origin: Origin | None = None


SKIPS: Final = {
    "beside": "a file that is read with the messages of its task or session",
}

_ASKS: Final = """
    act_mode_respond auto_approval_max_req_reached browser_action_launch command command_output
    completion_result followup mistake_limit_reached new_task plan_mode_respond report_bug
    resume_completed_task resume_task tool use_mcp_server use_subagents
"""
_SAYS: Final = """
    api_req_deleted api_req_finished api_req_rate_limited api_req_retried browser_action
    browser_action_launch browser_action_result browser_session_status checkpoint_created
    checkpoint_saved clineignore_error codebase_search_result command command_output
    command_permission_denied completion_result conditional_rules_applied condense_context_error
    diff_error error generate_explanation hook_output_stream hook_status image info
    load_mcp_documentation mcp_notification mcp_server_request_started mcp_server_response
    reasoning rooignore_error shell_integration_warning
    shell_integration_warning_with_suggestion subagent subtask_result task_progress text tool
    use_mcp_server use_subagents user_edit_todos user_feedback_diff
"""

SILENT: Final = frozenset(
    [f"ask/{name}" for name in _ASKS.split()] + [f"say/{name}" for name in _SAYS.split()]
)
"""Messages that tell nothing by themselves: the conversation with the model tells what they show.

The kinds are those of `ExtensionMessage.ts` of Cline and `message.ts` of Roo Code.
"""
