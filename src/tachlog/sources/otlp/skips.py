"""Parts of an export that tell nothing; a record that holds only such parts is skipped."""

from __future__ import annotations

from typing import Final

_REPEATED: Final = "told by another event of the same call"
_STATE: Final = "the state of the program, no operation"
_NAMES: Final = (
    "agent.finish agent.start approval_mode_duration approval_mode_switch chat.content_retry "
    "chat.content_retry_failure chat.invalid_chunk config conversation_finished edit_correction "
    "edit_strategy extension_disable extension_enable extension_install extension_uninstall "
    "extension_update file_operation flash_fallback ide_connection keychain.availability "
    "malformed_json_response model_routing next_speaker_check plan.approval_mode_duration "
    "plan_execution ripgrep_fallback "
    "slash_command slash_command.model startup_stats token_storage.initialization "
    "tool_output_truncated web_fetch_fallback_attempt"
)

SPANS: Final = {
    "span": "work that is neither a model call nor a tool: databases, requests, chains, retrieval",
    "span/wrapper": "repeats a model call that is told by a span inside of it",
    "span/embedding": "an embedding without tokens wraps the request that has them",
    "span/agent": "an agent's work without tokens of its own; what is inside of it is told",
}
"""Spans that tell nothing by themselves."""

CLAUDE_CODE: Final = {
    "claude_code.api_refusal": _REPEATED,
    "claude_code.api_request_body": _REPEATED,
    "claude_code.api_response_body": _REPEATED,
    "claude_code.api_retries_exhausted": _REPEATED,
    "claude_code.assistant_response": _REPEATED,
    "claude_code.at_mention": _STATE,
    "claude_code.auth": _STATE,
    "claude_code.feedback_survey": _STATE,
    "claude_code.hook_execution_start": "told when the hook has ended",
    "claude_code.hook_plugin_metrics": _STATE,
    "claude_code.hook_registered": _STATE,
    "claude_code.internal_error": "a fault of the program that names no operation",
    "claude_code.managed_settings_resolved": _STATE,
    "claude_code.permission_mode_changed": _STATE,
    "claude_code.plugin_installed": _STATE,
    "claude_code.plugin_loaded": _STATE,
    "claude_code.retention_sweep": _STATE,
    "claude_code.skill_activated": _REPEATED,
    "claude_code.subagent_completed": "sums of calls that are told themselves",
    "claude_code.tool_decision": "an accepted call is told by its result",
    "span/claude_code.interaction": "the turn around the calls; its prompt is an event",
    "span/claude_code.hook": "told by an event",
    "span/claude_code.tool.blocked_on_user": "told with the tool's span, which ends after it",
    "span/claude_code.tool.execution": "told with the tool's span, which ends after it",
}
"""Events and spans of Claude Code that tell nothing more (document of v2.1.202; 2.1.330 recorded
2026-11-22)."""

CODEX: Final = {
    "codex.auth_recovery": "the state of the program, no operation",
    "codex.sandbox_outcome": "told by the result of the call",
    "codex.sse_event": "a part of a reply; its end tells the tokens",
    "codex.startup_phase": "the state of the program, no operation",
    "codex.tool_decision": "an approved call is told by its result",
    "codex.turn_ttft": "the state of the program, no operation",
    "codex.websocket_connect": "a connection, no model call",
    "codex.websocket_event": "a part of a reply; its end tells the tokens",
    "codex.websocket_request": "a request that was sent; its answer tells the tokens",
    "codex.api_request": "a request that was sent; its answer tells the tokens",
}
"""Events that tell nothing more (session_telemetry.rs, read 2026-11-22)."""

GEMINI_CLI: Final = {
    **{f"gemini_cli.{name}": _STATE for name in _NAMES.split()},
    "gemini_cli.api_request": "a request that was sent; its answer tells the tokens",
}
"""Events that tell nothing more (docs/cli/telemetry.md, read 2026-11-22)."""

SKIPS: Final = {
    **SPANS,
    **CLAUDE_CODE,
    **CODEX,
    **GEMINI_CLI,
    "span/codex": "the agent's log events tell the same calls",
    "span/gemini_cli": "the agent's log events tell the same calls",
    "event": "a log event of software that is no agent, or of a call that its span tells",
    "metric": "no sum of a session's tokens or money, or beside events in the Gemini CLI's file",
    "empty request": "an export without content",
}
