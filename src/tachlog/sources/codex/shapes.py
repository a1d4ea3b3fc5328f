"""The records of Codex rollouts and of `codex exec --json`: open structs, every field optional.

One struct holds the payloads of all kinds of record, so that a value of an impossible type makes
its line a problem. Fields that kinds use differently, and those that hold much text, stay `Raw`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count, StoredFloat, StoredInt

NOTHING: Final = Raw(b"null")


class TokenUsage(Struct):
    """Tokens as Codex tells them: the cache is in the input, reasoning in the output."""

    input_tokens: Count = None
    cached_input_tokens: Count = None
    cache_write_input_tokens: Count = None
    output_tokens: Count = None
    reasoning_output_tokens: Count = None
    total_tokens: Count = None


class TokenInfo(Struct):
    """The running totals of a thread, and the usage of its last model call."""

    total_token_usage: TokenUsage | None = None
    last_token_usage: TokenUsage | None = None
    model: str | None = None


class Window(Struct):
    """How much of a usage limit is spent; `resets_at` is in seconds since the epoch."""

    used_percent: float | None = None
    window_minutes: int | None = None
    resets_at: float | None = None


class RateLimits(Struct):
    """The usage limits of the person's plan."""

    primary: Window | None = None
    secondary: Window | None = None
    plan_type: str | None = None
    rate_limit_reached_type: str | None = None


class Git(Struct):
    """The repository in which a session began."""

    branch: str | None = None
    repository_url: str | None = None


class Item(Struct):
    """What `item_completed` is about, and an item of `codex exec --json`."""

    type: str = ""
    id: str | None = None
    text: str | None = None
    message: str | None = None
    content: Raw = NOTHING
    status: Raw = NOTHING
    command: Raw = NOTHING
    exit_code: StoredInt | None = None
    duration: Raw = NOTHING
    aggregated_output: str | None = None
    server: str | None = None
    tool: str | None = None
    arguments: Raw = NOTHING
    error: Raw = NOTHING
    result: Raw = NOTHING
    changes: Raw = NOTHING
    query: str | None = None


class Payload(Struct):
    """What a record tells."""

    type: str = ""
    id: str | None = None
    turn_id: str | None = None
    call_id: str | None = None

    cwd: str | None = None
    originator: str | None = None
    cli_version: str | None = None
    source: Raw = NOTHING
    session_id: str | None = None
    parent_thread_id: str | None = None
    forked_from_id: str | None = None
    subagent_history_start_ordinal: int | str | None = None
    agent_role: str | None = None
    model_provider: str | None = None
    git: Raw = NOTHING

    model: str | None = None
    thread_settings: Raw = NOTHING

    info: TokenInfo | None = None
    rate_limits: RateLimits | None = None
    response_id: str | None = None
    thread_id: str | None = None
    usage: TokenUsage | None = None
    thread_token_usage: TokenUsage | None = None

    role: str | None = None
    content: Raw = NOTHING
    encrypted_content: Raw = NOTHING
    name: str | None = None
    namespace: str | None = None
    arguments: Raw = NOTHING
    input: Raw = NOTHING
    action: Raw = NOTHING
    status: Raw = NOTHING
    output: Raw = NOTHING

    message: Raw = NOTHING
    images: Raw = NOTHING
    thread_name: str | None = None
    duration: Raw = NOTHING
    duration_ms: StoredFloat | None = None
    time_to_first_token_ms: StoredFloat | None = None
    exit_code: StoredInt | None = None
    success: bool | None = None
    reason: str | None = None
    error: Raw = NOTHING
    codex_error_info: Raw = NOTHING
    target_item_id: str | None = None
    invocation: Raw = NOTHING
    result: Raw = NOTHING
    item: Item | None = None
    author: str | None = None
    recipient: str | None = None
    trigger_turn: bool | None = None


class Record(Struct):
    """One line of a rollout, or of `codex exec --json`."""

    type: str = ""
    timestamp: datetime | None = None
    ordinal: int | None = None
    payload: Payload | None = None
    thread_id: str | None = None
    item: Item | None = None
    usage: TokenUsage | None = None
    error: Raw = NOTHING
    message: str | None = None


class SpawnSource(Struct):
    """The thread that spawned a sub-agent."""

    parent_thread_id: str | None = None
    agent_role: str | None = None


class SubagentSource(Struct):
    """What kind of sub-agent a thread is."""

    thread_spawn: SpawnSource | None = None
    other: str | None = None


class SessionSource(Struct):
    """Who started a thread, when it was no person."""

    subagent: Raw = NOTHING
    internal: str | None = None


class Settings(Struct):
    """Settings that hold from a record on."""

    model: str | None = None
    model_provider_id: str | None = None
    service_tier: str | None = None
    cwd: str | None = None


class SearchAction(Struct):
    """What was done on the web: a search, or a page opened or looked through."""

    type: str | None = None


class Text(Struct):
    """A part of a message or of a tool's output."""

    type: str = ""
    text: str | None = None


class StdinInput(Struct):
    """The input of `write_stdin`: which process it is for."""

    session_id: int | None = None


class Duration(Struct):
    """A duration as Rust tells it."""

    secs: int = 0
    nanos: int = 0


class Invocation(Struct):
    """The MCP tool that was called."""

    server: str | None = None


class McpAnswer(Struct):
    """What an MCP server answered."""

    isError: bool | None = None


class McpResult(Struct, rename={"ok": "Ok", "err": "Err"}):
    """An answer, or why there was none."""

    ok: McpAnswer | None = None
    err: str | None = None


class OutputMetadata(Struct):
    """How a command ended, in outputs until about 0.72."""

    exit_code: StoredInt | None = None
    duration_seconds: StoredFloat | None = None


class OutputObject(Struct):
    """An output that is an object: a command's, or a text with a verdict."""

    output: str | None = None
    metadata: OutputMetadata | None = None
    content: str | list[Text] | None = None
    success: bool | None = None


class Permissions(Struct):
    """The answer to a request for permissions."""

    permissions: dict[str, Raw] | None = None

    @property
    def any(self) -> bool:
        """Whether something was permitted."""
        return any(raw != NOTHING for raw in (self.permissions or {}).values())


class ErrorBody(Struct):
    """Why a turn failed."""

    message: str | None = None
    codex_error_info: Raw = NOTHING


class ErrorStatus(Struct):
    """What an error tells beside its name."""

    http_status_code: StoredInt | None = None


class Head(Struct):
    """What the detection looks at."""

    type: str = ""
    timestamp: str | None = None
    payload: Raw = NOTHING
    thread_id: str | None = None
    item: Raw = NOTHING
    usage: Raw = NOTHING


SKIPS: Final = (
    {
        "inter_agent_communication_metadata": "a note to a message between agents",
        "realtime_item": "speech, whose words come as other items",
        "retained_context": "context that Codex keeps for later prompts",
        "world_state": "context that Codex adds to prompts",
        "event_msg/agent_message": "words that a message repeats",
        "event_msg/agent_reasoning": "words that a reasoning item repeats",
        "event_msg/agent_reasoning_raw_content": "words that a reasoning item repeats",
        "event_msg/agent_reasoning_section_break": "layout on the screen",
        "event_msg/background_event": "words on the screen",
        "event_msg/context_compacted": "the `compacted` record tells it",
        "event_msg/deprecation_notice": "words on the screen",
        "event_msg/entered_review_mode": "a switch of the program",
        "event_msg/exited_review_mode": "a switch of the program",
        "event_msg/plan_update": "the call of the plan tool tells it",
        "event_msg/sub_agent_activity": "the sub-agent's own file tells it",
        "event_msg/thread_goal_updated": "a switch of the program",
        "event_msg/thread_rolled_back": "turns leave the context; their tokens stay spent",
        "event_msg/turn_diff": "what patches changed",
        "event_msg/undo_completed": "a switch of the program",
        "event_msg/warning": "words on the screen",
        "response_item/additional_tools": "tools that a request offers",
        "response_item/agent_message": "a message between agents, for the context",
        "response_item/compaction": "the `compacted` record tells it",
        "response_item/compaction_summary": "the `compacted` record tells it",
        "response_item/configuration_update": "a switch of the program",
        "response_item/context_compaction": "the `compacted` record tells it",
        "response_item/ghost_snapshot": "a backup of edited files",
        "exec/item.started": "its end tells it",
        "exec/item.updated": "its end tells it",
        "exec/turn.started": "its end tells it",
        "exec/item.completed/collab_tool_call": "the sub-agent's own file tells it",
        "exec/item.completed/error": "a warning on the screen",
        "exec/item.completed/plan": "a plan on the screen",
        "exec/item.completed/reasoning": "a summary of thinking that the usage counts",
        "exec/item.completed/todo_list": "a plan on the screen",
    }
    | {
        f"event_msg/{kind}": "the call and its output tell it"
        for kind in (
            "collab_agent_interaction_end",
            "collab_agent_spawn_end",
            "collab_close_end",
            "collab_resume_end",
            "collab_waiting_end",
            "dynamic_tool_call_request",
            "dynamic_tool_call_response",
            "exec_command_begin",
            "exec_command_output_delta",
            "image_generation_end",
            "item_started",
            "mcp_tool_call_begin",
            "patch_apply_begin",
            "view_image_tool_call",
            "web_search_begin",
        )
    }
    | {
        f"event_msg/item_completed/{kind}": "a response item tells it"
        for kind in (
            "AgentMessage",
            "CollabAgentToolCall",
            "ContextCompaction",
            "EnteredReviewMode",
            "ExitedReviewMode",
            "Extension",
            "FunctionCallOutput",
            "HookPrompt",
            "ImageGeneration",
            "ImageView",
            "Plan",
            "Reasoning",
            "Sleep",
            "SubAgentActivity",
            "WebSearch",
        )
    }
)
"""Kinds of record, as type/payload type/item type, with the reason why they tell nothing here."""

KINDS: Final = frozenset(
    (
        "thread.started",
        "turn.started",
        "turn.completed",
        "turn.failed",
        "item.started",
        "item.updated",
        "item.completed",
        "error",
    )
)
"""The kinds of what a headless run prints."""
