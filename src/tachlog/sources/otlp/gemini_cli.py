"""Events that the Gemini CLI emits about itself.

They carry the session's id, but none of the model call or tool call.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct

from tachlog.model import Compaction, Failure, Reply, Thread, ToolResult, Usage
from tachlog.records import StoredInt, lenient
from tachlog.sources.otlp import skips
from tachlog.sources.otlp.attributes import Attributes
from tachlog.sources.otlp.failing import failed_call, failed_tool, refused_tool
from tachlog.sources.otlp.logs import Log, call_of, prompt
from tachlog.sources.otlp.telling import Told
from tachlog.tellings import tool_failure

AGENT: Final = "gemini_cli"

_SUB_AGENT: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})#\d+")


def event(log: Log) -> Told:
    """What one event tells, of the session or of a sub-agent in it."""
    name = f"{AGENT}.{log.name}"
    log = _placed(log)
    match log.name:
        case "user_prompt":
            return Told(prompt(log, log.key(log.attributes.text("prompt_id") or "")))
        case "api_response":
            return Told((_reply(log),))
        case "api_error":
            return Told((_failure(log),))
        case "tool_call":
            return _tool_call(log)
        case "chat_compression":
            before, after = (
                log.attributes.tokens("tokens_before"),
                log.attributes.tokens("tokens_after"),
            )
            return Told((Compaction(log.key(), log.thread, log.at_us, before, after),))
        case _:
            return Told(skipped=name) if name in skips.GEMINI_CLI else Told(unknown=name[:80])


def _placed(log: Log) -> Log:
    """An event with its sub-agent for a thread, whose id begins the ids of its prompts (0.61)."""
    found = _SUB_AGENT.fullmatch(log.attributes.text("prompt_id") or "")
    session = log.thread.session_id
    if found is None or found[1] == session:
        return log
    thread = Thread(AGENT, found[1], session, session, "telemetry")
    return msgspec.structs.replace(log, thread=thread)


def _reply(log: Log) -> Reply:
    attributes = log.attributes
    duration_ms = attributes.milliseconds("duration_ms")
    usage = usage_of(attributes)
    key = log.key(attributes.text("prompt_id") or "", str(usage.total if usage else ""))
    return Reply(
        key,
        log.thread,
        log.at_us,
        key,
        attributes.text("model") or "unknown",
        "google",
        usage,
        stop_reason=attributes.first("finish_reasons") or "reported",
        sent_us=None if duration_ms is None else log.at_us - 1000 * duration_ms,
        response_ms=duration_ms,
    )


def usage_of(attributes: Attributes) -> Usage | None:
    """Tokens of an answer: thoughts are billed as output, the total says what the input includes.

    The input includes what was cached, unless the total counts it on top; tokens of tools are a
    part of the input, unless the total proves otherwise (as in chats of the Gemini CLI, measured).
    """
    asked, said = attributes.tokens("input_token_count"), attributes.tokens("output_token_count")
    if asked is None and said is None:
        return None
    asked, said = asked or 0, said or 0
    cached = attributes.tokens("cached_content_token_count") or 0
    thoughts = attributes.tokens("thoughts_token_count")
    tools = attributes.tokens("tool_token_count") or 0
    total = attributes.tokens("total_token_count")
    output = said + (thoughts or 0)
    if tools and total in (asked + tools + output, asked + tools + output + cached):
        asked += tools
    on_top = cached > asked or (cached > 0 and total == asked + output + cached)
    return Usage(asked if on_top else asked - cached, cached, 0, output, reasoning=thoughts)


def _failure(log: Log) -> Failure:
    attributes = log.attributes
    return failed_call(
        log.key(attributes.text("prompt_id") or ""),
        log.thread,
        log.at_us,
        attributes.text("error", "error.message") or "",
        attributes.text("error_type"),
        status=attributes.count("status_code"),
        model=attributes.text("model"),
    )


def _tool_call(log: Log) -> Told:
    """A tool that ran, or that the person refused."""
    attributes = log.attributes
    duration_ms = attributes.milliseconds("duration_ms")
    raw = _compact(attributes.json("function_args"))
    tool = attributes.text("function_name")
    key = log.key(attributes.text("prompt_id") or "", tool or "", raw.decode("utf-8", "replace"))
    call = call_of(log, key, tool, raw, began_us=log.at_us - 1000 * (duration_ms or 0))
    size = attributes.count("content_length") or 0
    code = _exit_code(attributes)
    if attributes.text("decision") == "reject":
        result = refused_tool(key, log.thread, log.at_us, by_person=True)
    elif code:
        result = tool_failure(
            key, log.thread, log.at_us, "", size=size, duration_ms=duration_ms, exit_code=code
        )
    elif attributes.flag("success") is not False:
        result = ToolResult(key, log.thread, log.at_us, "success", size, duration_ms)
    else:
        text = attributes.text("error", "error.message") or ""
        kind = attributes.text("error_type", "error.type")
        result = failed_tool(
            key, log.thread, log.at_us, text, kind, size=size, duration_ms=duration_ms
        )
    return Told((call, result))


def _compact(raw: bytes) -> bytes:
    """The input of a tool without the white space that it is shown with."""
    try:
        return msgspec.json.format(raw, indent=-1)
    except msgspec.DecodeError:
        return raw


def _exit_code(attributes: Attributes) -> int | None:
    """The exit code of a command; the program calls one that failed a success."""
    told = lenient(Raw(attributes.json("metadata") or b"null"), Metadata)
    return told.exitCode if told else None


class Metadata(Struct):
    """What a tool tells of itself."""

    exitCode: StoredInt | None = None
