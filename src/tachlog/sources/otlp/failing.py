"""Failed model calls and tool calls, made from what telemetry says of them."""

from __future__ import annotations

from tachlog import signals
from tachlog.model import Failure, Thread, ToolResult


def failed_tool(
    key: int,
    thread: Thread,
    at_us: int,
    text: str,
    kind: str | None,
    *,
    size: int = 0,
    duration_ms: int | None = None,
) -> ToolResult:
    """The result of a tool call that failed; `text` and `kind` are what is said of the error."""
    return ToolResult(
        key,
        thread,
        at_us,
        "error",
        size,
        duration_ms,
        exit_code=signals.exit_code(text),
        error_class=signals.error_class(text, error_type=kind, tool=True),
        fingerprint=signals.fingerprint(text) if text else None,
        excerpt=signals.excerpt(text) if text else None,
    )


def refused_tool(key: int, thread: Thread, at_us: int, *, by_person: bool) -> ToolResult:
    """The end of a tool call that was not allowed to run."""
    if by_person:
        return ToolResult(key, thread, at_us, "user_rejected")
    return ToolResult(key, thread, at_us, "error", error_class="permission_denied")


def failed_call(
    key: int,
    thread: Thread,
    at_us: int,
    text: str,
    kind: str | None = None,
    *,
    status: int | None = None,
    attempt: int | None = None,
    model: str | None = None,
) -> Failure:
    """A model call that failed."""
    return Failure(
        key,
        thread,
        at_us,
        signals.error_class(text, status=status, error_type=kind),
        status,
        attempt,
        None,
        signals.fingerprint(text) if text else None,
        signals.excerpt(text) if text else None,
        model,
    )
