"""Events that the Codex CLI emits about itself.

They carry the id of the thread and of tool calls, as rollouts do, but none of the model call.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from tachlog import signals
from tachlog.model import Failure, Mark, Reply, key_of
from tachlog.providers import provider_of
from tachlog.sources.codex.results import read_output, result_of
from tachlog.sources.codex.state import Asked
from tachlog.sources.otlp import skips
from tachlog.sources.otlp.failing import failed_call, refused_tool
from tachlog.sources.otlp.logs import Log, call_of, prompt
from tachlog.sources.otlp.telling import Told
from tachlog.sources.otlp.usage import buckets

AGENT: Final = "codex"
COMPLETED: Final = "response.completed"
_UNIQUE: Final = 16
"""Shorter ids of calls name one within their session only, as in rollouts."""


def event(log: Log) -> Told:
    """What one event tells."""
    attributes = log.attributes
    name = f"{AGENT}.{log.name}"
    match log.name:
        case "conversation_starts":
            version = attributes.text("app.version")
            marks = [Mark(log.thread, log.at_us, "version", version[:40])] if version else []
            return Told(tuple(marks))
        case "user_prompt":
            return Told(prompt(log, log.key()))
        case "sse_event" if attributes.text("error.message"):
            return Told((_failure(log),))
        case "sse_event" if attributes.text("event.kind") == COMPLETED:
            return _reply(log)
        case "api_request" if _failed(log):
            return Told((_failure(log),))
        case "tool_result":
            return _tool_result(log)
        case "tool_decision" if attributes.text("decision") in ("denied", "abort"):
            return _refused(log)
        case _:
            return Told(skipped=name) if name in skips.CODEX else Told(unknown=name[:80])


def _failed(log: Log) -> bool:
    status = log.attributes.count("http.response.status_code") or 0
    return status >= 400 or log.attributes.text("error.message") is not None


def _failure(log: Log) -> Failure:
    attributes = log.attributes
    return failed_call(
        log.key("failure"),
        log.thread,
        log.at_us,
        attributes.text("error.message") or "",
        status=attributes.count("http.response.status_code"),
        attempt=attributes.count("attempt"),
        model=attributes.text("model"),
    )


def _reply(log: Log) -> Told:
    """A reply that ended: input includes what the cache read, output includes reasoning."""
    attributes = log.attributes
    asked = attributes.tokens("input_token_count")
    said = attributes.tokens("output_token_count")
    if asked is None and said is None:
        return Told(skipped="codex.sse_event")
    usage = buckets(
        asked or 0,
        said or 0,
        read=attributes.tokens("cached_token_count") or 0,
        written=attributes.tokens("cache_write_token_count") or 0,
        reasoning=attributes.tokens("reasoning_token_count"),
    )
    model = attributes.text("model", "slug") or "unknown"
    key = log.key(str(usage.total))
    return Told(
        (
            Reply(
                key,
                log.thread,
                log.at_us,
                key,
                model,
                provider_of(model),
                usage,
                stop_reason="reported",
            ),
        )
    )


def _tool_key(log: Log) -> int:
    identity = log.attributes.text("call_id")
    if identity is None:
        return log.key()
    if len(identity) < _UNIQUE:
        return key_of(AGENT, log.thread.session_id, identity)
    return key_of(AGENT, identity)


def _tool_result(log: Log) -> Told:
    attributes = log.attributes
    duration_ms = attributes.milliseconds("duration_ms")
    key = _tool_key(log)
    output = attributes.text("output") or ""
    call = call_of(
        log,
        key,
        attributes.text("tool_name"),
        attributes.json("arguments"),
        began_us=log.at_us - 1000 * (duration_ms or 0),
    )
    told = read_output(Raw(msgspec.json.encode(output)))
    success = attributes.flag("success")
    asked = Asked(call.tool, log.at_us, duration_ms=duration_ms)
    asked.failed = None if success is None else not success
    if success is False and told.exit_code is None:
        asked.exit_code = signals.exit_code(output)
    size = len(output.encode("utf-8", "replace"))
    return Told((call, result_of(key, log.thread, log.at_us, told, size, asked)))


def _refused(log: Log) -> Told:
    """A call that was not allowed to run: no result follows."""
    key = _tool_key(log)
    by_person = (log.attributes.text("source") or "user").lower() == "user"
    call = call_of(log, key, log.attributes.text("tool_name"), b"", began_us=log.at_us)
    return Told((call, refused_tool(key, log.thread, log.at_us, by_person=by_person)))
