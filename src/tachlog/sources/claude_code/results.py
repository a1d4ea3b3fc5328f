"""How a tool call of Claude Code ended, told from its result record."""

from __future__ import annotations

from typing import Final

from msgspec import Raw

from tachlog import signals
from tachlog.model import ErrorClass, Outcome, Thread, ToolResult, key_of
from tachlog.records import lenient
from tachlog.sources.claude_code import shapes
from tachlog.sources.claude_code.places import AGENT
from tachlog.sources.claude_code.shapes import Block, whole

_NEVER_RAN: Final = "Sibling tool call errored"
"""A parallel call that was dropped because another one failed: it did not run."""
INTERRUPTED: Final = "[Request interrupted by user"
_REJECTED: Final = (
    "The user doesn't want to ",
    "Permission for this tool use was denied. The tool use was rejected",
)
_HARNESS: Final = ("<tool_use_error>", "</tool_use_error>")
_FOUND_NOTHING: Final = frozenset(
    (
        b'"No files found"',
        b'"No matches found"',
        b'"No matches found\\n\\nFound 0 total occurrences across 0 files."',
    )
)
"""What Grep and Glob write when they find nothing, byte for byte (1.0.17 to 2.1.49, measured
2026-11-22)."""
_LONGEST_NOTHING: Final = max(map(len, _FOUND_NOTHING))
_USELESS_IDS: Final = frozenset(("", "REDACTED"))


def tool_key(call_id: str | None, record: str | None) -> int:
    """The key of a tool call: its id, or its record where the id was blanked and names nothing."""
    if call_id is None or call_id in _USELESS_IDS:
        return key_of(AGENT, "call of", record or "")
    return key_of(AGENT, call_id)


def tool_result(
    block: Block, record: shapes.Record | shapes.NestedMessage, thread: Thread, at_us: int
) -> ToolResult:
    """What a `tool_result` block and the fields beside it tell.

    Rejections and interruptions are the person's doing and no errors; the texts that mark them were
    collected from versions 1.0.17 to 2.1.219.
    """
    key = tool_key(block.tool_use_id, record.sourceToolAssistantUUID)
    extra = lenient(record.toolUseResult, shapes.ToolUseResult)
    duration_ms = duration_of(extra)
    size = len(memoryview(block.content))
    if not block.is_error:
        outcome: Outcome = "success"
        if extra is not None:
            if extra.interrupted:
                outcome = "user_interrupted"
            elif extra.returnCodeInterpretation:
                outcome = "expected_negative"
        if (
            size <= _LONGEST_NOTHING
            and bytes(block.content) in _FOUND_NOTHING
            and (extra is None or extra.numFiles is not None)
        ):
            outcome = "expected_negative"
        return ToolResult(key, thread, at_us, outcome, size, duration_ms)
    text = result_text(block.content)
    outcome, error_class = verdict(text, record)
    if outcome != "error":
        return ToolResult(key, thread, at_us, outcome, size, duration_ms)
    code = signals.exit_code(text)
    detail = text.partition("\n")[2].strip() if code is not None else text
    shown = detail.removeprefix(_HARNESS[0]).removesuffix(_HARNESS[1])
    if error_class is None:
        error_class = signals.error_class(text, exit_code=code, tool=True)
    return ToolResult(
        key,
        thread,
        at_us,
        "error",
        size,
        duration_ms,
        None,
        code,
        error_class,
        signals.fingerprint(detail) if detail else None,
        signals.excerpt(shown) if shown else None,
    )


def verdict(
    text: str, record: shapes.Record | shapes.NestedMessage
) -> tuple[Outcome, ErrorClass | None]:
    """What ended a call that is marked as failed: a person, a rule, a sibling, or its failure.

    `toolDenialKind` says `user-rejected` also where nobody was there to ask; then the source of the
    decision is the configuration (headless runs of 2.1.330, recorded 2026-11-22).
    """
    decision = lenient(record.permissionDecision, shapes.Decision) or shapes.Decision()
    denied = decision.decision in ("deny", "reject")
    if decision.source is None:
        by_person = record.toolDenialKind == "user-rejected"
    else:
        by_person = denied and decision.source.startswith("user")
    if by_person or text.startswith(_REJECTED):
        return "user_rejected", None
    if text.startswith(INTERRUPTED):
        return "user_interrupted", None
    if text.removeprefix(_HARNESS[0]).startswith(_NEVER_RAN):
        return "unfinished", None
    if record.toolDenialKind is not None or denied:
        return "error", "permission_denied"
    return "error", None


def duration_of(extra: shapes.ToolUseResult | None) -> int | None:
    """The duration that the result itself reports, milliseconds."""
    if extra is None:
        return None
    told = extra.durationMs if extra.durationMs is not None else extra.totalDurationMs
    if told is None and extra.durationSeconds is not None:
        told = extra.durationSeconds * 1000
    return whole(told)


def result_text(content: Raw) -> str:
    """The text of a result: a string, or the text blocks of a list."""
    text = lenient(content, str)
    if text is not None:
        return text
    return text_of(lenient(content, list[Block]))


def text_of(content: str | list[Block] | None) -> str:
    """All text of a message."""
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(block.text for block in content if block.text)
