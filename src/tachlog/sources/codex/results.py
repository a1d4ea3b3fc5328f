"""How a tool call of Codex ended, told from its output and the events around it."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Raw, Struct

from tachlog import signals
from tachlog.model import ErrorClass, Outcome, Thread, ToolResult
from tachlog.records import lenient
from tachlog.sources.codex import shapes
from tachlog.sources.codex.state import Asked

_WALL: Final = re.compile(r"^(?:.*\n){0,2}Wall time:? ([\d.]+) seconds(?:\n|\Z)")
_CODE: Final = re.compile(r"^(?:Exit code:|Process exited with code) (-?\d{1,9})$", re.MULTILINE)
_RUNNING: Final = re.compile(r"^Process running with session ID (\d{1,9})$", re.MULTILINE)
_OUTPUT: Final = re.compile(r"\nOutput:(?:\n|\Z)")
_SANDBOX: Final = re.compile(
    r"failed in sandbox \S+ with execution error: "
    r"(?:sandbox denied exec error, exit code: (-?\d{1,9}), stdout: )?"
)
_STDERR: Final = ", stderr: "
_FAILED: Final = re.compile(
    r"error: |err: |failed to |unsupported (?:custom tool )?call: |execution error|tool call error|"
    r"Script failed|[\w.]+ (?:verification )?failed(?: for|:)|collab spawn failed|"
    r"approval policy is|CreateProcess"
)
_BY_USER: Final = "rejected by user"
_ABORTED: Final = ("aborted by user", "was cancelled before receiving a response")
_CUT_SHORT: Final = "aborted"
_SHORT: Final = 200
_DENIED: Final = ('Rejected("', "approval policy is")
_PERSON: Final = ("request_permissions", "request_user_input")
"""Tools whose output is a person's answer."""


class Told(Struct, frozen=True):
    """What an output tells: its text without the header, and the header's facts."""

    text: str
    exit_code: int | None = None
    duration_ms: int | None = None
    process: int | None = None
    failed: bool = False


def read_output(raw: Raw) -> Told:
    """Read an output in any of its forms.

    Until about 0.72 a JSON text with metadata; then a header of lines (`Exit code`, `Wall time`,
    `Process exited with code`); plain text or parts for other tools (seen in 0.34 to 0.169).
    """
    text = lenient(raw, str)
    if text is None:
        told = lenient(raw, shapes.OutputObject)
        if told is not None:
            return Told(_joined(told.content), failed=told.success is False)
        return Told(_joined(lenient(raw, list[shapes.Text])))
    if text.startswith("{") and (told := lenient(Raw(text.encode()), shapes.OutputObject)):
        if told.metadata is not None:
            metadata = told.metadata
            return Told(told.output or "", metadata.exit_code, _ms(metadata.duration_seconds))
        return Told(text)
    if sandbox := _SANDBOX.match(text):
        stdout, _, stderr = text[sandbox.end() :].rpartition(_STDERR)
        code = int(sandbox[1]) if sandbox[1] else None
        return Told(stdout + stderr, code, failed=True)
    wall = _WALL.match(text)
    if wall is None:
        return Told(text, failed=_FAILED.match(text) is not None)
    begin = _OUTPUT.search(text)
    header, body = (text[: begin.start()], text[begin.end() :]) if begin else (text, "")
    found, running = _CODE.search(header), _RUNNING.search(header)
    return Told(
        body if begin else text[wall.end() :],
        int(found[1]) if found else None,
        _ms(float(wall[1])) if wall[1].count(".") < 2 and wall[1] != "." else None,
        int(running[1]) if running else None,
        failed=header.startswith("Script failed"),
    )


def result_of(
    key: int, thread: Thread, at_us: int, told: Told, size: int, asked: Asked | None
) -> ToolResult:
    """The result of a call, given its output and what events told of its end before."""
    asked = asked or Asked("", at_us)
    code = asked.exit_code if asked.exit_code is not None else told.exit_code
    duration_ms = asked.duration_ms if asked.duration_ms is not None else told.duration_ms
    outcome, error_class = verdict(told, code, asked)
    approval_ms = _approval(asked, at_us, duration_ms)
    if outcome != "error":
        return ToolResult(key, thread, at_us, outcome, size, duration_ms, approval_ms, code)
    detail = told.text.strip()
    return ToolResult(
        key,
        thread,
        at_us,
        "error",
        size,
        duration_ms,
        approval_ms,
        code,
        error_class or signals.error_class(detail, exit_code=code, tool=True),
        signals.fingerprint(detail) if detail else None,
        signals.excerpt(detail) if detail else None,
    )


def verdict(told: Told, code: int | None, asked: Asked) -> tuple[Outcome, ErrorClass | None]:
    """Who ended a call, and how: the person, a rule, or the tool itself.

    Codex says in words what the person or a rule did, in short outputs without a flag; long ones
    are a tool's own and may speak of anything.
    """
    text = told.text
    if asked.tool == "request_permissions" and not told.failed:
        granted = lenient(Raw(text.encode()), shapes.Permissions)
        if granted is not None and not granted.any:
            return "user_rejected", None
    said = text if told.failed or len(text) < _SHORT else ""
    if asked.declined or (code is None and _BY_USER in said):
        return "user_rejected", None
    if code is None and (said == _CUT_SHORT or any(words in said for words in _ABORTED)):
        return "user_interrupted", None
    if asked.denied or any(words in said for words in _DENIED):
        return "error", "permission_denied"
    if code is not None:
        return ("error", None) if code else ("success", None)
    failed = told.failed if asked.failed is None else asked.failed
    return ("error", None) if failed else ("success", None)


def mcp_failed(raw: Raw) -> bool | None:
    """Whether a tool of an MCP server failed, as Rust tells a result."""
    told = lenient(raw, shapes.McpResult)
    if told is None:
        return None
    return told.err is not None or (told.ok is not None and told.ok.isError is True)


def milliseconds(raw: Raw) -> int | None:
    """A duration that Rust told in seconds and nanoseconds."""
    told = lenient(raw, shapes.Duration)
    if told is None or not 0 <= told.secs < 1 << 40:
        return None
    return told.secs * 1000 + told.nanos // 1_000_000


def _approval(asked: Asked, at_us: int, duration_ms: int | None) -> int | None:
    """How long a person was waited for."""
    since = asked.at_us if asked.tool in _PERSON else asked.approval_us
    return None if since is None else max(0, (at_us - since) // 1000 - (duration_ms or 0))


def _ms(seconds: float | None) -> int | None:
    return round(seconds * 1000) if seconds is not None and 0 <= seconds < 1 << 40 else None


def _joined(content: str | list[shapes.Text] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.text for part in content if part.text)
