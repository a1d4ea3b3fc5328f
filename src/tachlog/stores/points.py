"""Changes of the archive as points in InfluxDB's line protocol.

Tags have few values (agents, models, projects, tools …); what has many is a field, so that the
number of series is bounded by the product of the tags' domains. Written as the documents "InfluxDB
OSS 1.6 line protocol reference" and "InfluxDB 2 line protocol" say (checked 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from tachlog.analysis.units import dollars, mean_ms, milliseconds, seconds, share
from tachlog.metrics import SessionMetrics
from tachlog.metrics.timing import execution_us
from tachlog.model import UNTIMED_US, Failure, key_of
from tachlog.operations import ToolUse
from tachlog.stores.following import AlertFacts, CallFacts, Change, Mirrored

SESSIONS: Final = "agent_sessions"
CALLS: Final = "agent_calls"
TOOLS: Final = "agent_tools"
ERRORS: Final = "agent_errors"
ALERTS: Final = "agent_alerts"
MEASUREMENTS: Final = (SESSIONS, CALLS, TOOLS, ERRORS, ALERTS)

_MS_US: Final = 1_000
_MS_NS: Final = 1_000_000

Tags = Mapping[str, str | None]
Fields = Mapping[str, str | int | float | bool | None]


class Shape(Struct, frozen=True):
    """How points look at one mirror.

    `hints` lets titles, targets and excerpts out; `session_tag` makes the session's id a tag,
    `complexity_tag` its complexity (where a former point cannot be deleted it is a field).
    """

    hints: bool = False
    session_tag: bool = False
    complexity_tag: bool = True


def time_ns(at_us: int, key: int) -> int:
    """The time of a point: its millisecond, and within it a place that its key decides.

    So a point that is written again replaces itself, and two never replace each other.
    """
    return at_us // _MS_US * _MS_NS + key % _MS_NS


def line(measurement: str, tags: Tags, fields: Fields, at_ns: int) -> str | None:
    """A point; None of one that has no field. What is None is left out, and so are empty tags."""
    told = ",".join(
        f"{_KEY.sub(_escaped, name)}={_field(value)}"
        for name, value in fields.items()
        if value is not None
    )
    return f"{series(measurement, tags)} {told} {at_ns}" if told else None


def series(measurement: str, tags: Tags) -> str:
    """A measurement with its tags, in their order."""
    told = "".join(
        f",{name}={written}" for name, value in sorted(tags.items()) if (written := _tag(value))
    )
    return measurement + told


_KEY: Final = re.compile(r"[,= ]")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]+")


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


def _tag(value: str | None) -> str:
    """A tag's value; a line cannot hold control characters or end a value with a backslash."""
    plain = _UNPRINTABLE.sub(" ", value or "").strip().rstrip("\\")
    return _KEY.sub(_escaped, plain)


def _field(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        return repr(value)
    plain = _UNPRINTABLE.sub(" ", value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'


def place_of(change: Change, shape: Shape) -> Mirrored | None:
    """Where the point of a thread is; None of one without a time or that is no more."""
    metrics = change.metrics
    if metrics is None or metrics.start_us is None or metrics.start_us < UNTIMED_US:
        return None
    at_ns = time_ns(metrics.start_us, key_of(metrics.agent, metrics.session_id))
    return Mirrored(at_ns, key_of(series(SESSIONS, _session_tags(metrics, shape))))


def lines_of(change: Change, shape: Shape) -> Iterator[str | None]:
    """The points of a thread: its own, and those of its operations."""
    metrics = change.metrics
    if metrics is None:
        return
    place = place_of(change, shape)
    if place is not None:
        yield _session(metrics, shape, place.at_ns)
    for call in change.calls:
        if call.at_us >= UNTIMED_US:
            yield _call(metrics, call, shape)
    for use in change.tools:
        if use.tool is not None and use.at_us >= UNTIMED_US:
            yield _tool(metrics, use, use.tool, shape)
            if use.outcome == "error":
                yield _failed_tool(metrics, use, shape)
    for failure in change.failures:
        if failure.at_us >= UNTIMED_US:
            yield _failure(metrics, failure, shape)


def _session_tags(m: SessionMetrics, shape: Shape) -> Tags:
    tags = {"provider": m.provider, "model": m.model, **_whose(m, shape)}
    return {**tags, "complexity": m.complexity} if shape.complexity_tag else tags


def _whose(m: SessionMetrics, shape: Shape) -> dict[str, str | None]:
    """The tags of everything that a thread did."""
    tags = {"agent": m.agent, "project": m.project}
    return {**tags, "session_id": m.session_id} if shape.session_tag else tags


def _session_id(m: SessionMetrics, shape: Shape) -> dict[str, str]:
    return {} if shape.session_tag else {"session_id": m.session_id}


def _session(m: SessionMetrics, shape: Shape, at_ns: int) -> str | None:
    costs = [use.cost_nanousd for use in m.models.values() if use.cost_nanousd is not None]
    fields: Fields = {
        **_session_id(m, shape),
        **({} if shape.complexity_tag else {"complexity": m.complexity}),
        "kind": m.kind,
        "duration": seconds(m.duration_us),
        "message_count": m.messages,
        "tool_count": m.tool_calls,
        "token_count": m.total_tokens,
        "success_rate": share(m.op_successes, m.operations),
        "avg_response_time": mean_ms(m.response_us, m.response_n),
        "cost_usd": dollars(sum(costs)) if costs else None,
        "title": m.title if shape.hints else None,
    }
    return line(SESSIONS, _session_tags(m, shape), fields, at_ns)


def _call(m: SessionMetrics, call: CallFacts, shape: Shape) -> str | None:
    parts = (call.input, call.cache_read, call.cache_write, call.output)
    fields: Fields = {
        **_session_id(m, shape),
        "input": call.input,
        "cache_read": call.cache_read,
        "cache_write": call.cache_write,
        "output": call.output,
        "reasoning": call.reasoning,
        "estimated": call.estimated,
        "total_tokens": sum(part or 0 for part in parts),
        "cost_usd": None if call.cost_nanousd is None else dollars(call.cost_nanousd),
        "response_ms": None if call.response_us is None else milliseconds(call.response_us),
        "ttft_ms": None if call.ttft_ms is None else float(call.ttft_ms),
    }
    tags = {"provider": call.provider, "model": call.model, **_whose(m, shape)}
    return line(CALLS, tags, fields, time_ns(call.at_us, call.key))


def _tool(m: SessionMetrics, use: ToolUse, tool: str, shape: Shape) -> str | None:
    """The outcome is a field: it changes when the result is read, and the point is replaced."""
    ran_us = execution_us(use)
    fields: Fields = {
        **_session_id(m, shape),
        "outcome": use.outcome,
        "success": int(use.outcome in ("success", "expected_negative", "check_failed")),
        "error": int(use.outcome == "error"),
        "duration_ms": None if ran_us is None else milliseconds(ran_us),
        "input_bytes": use.input_bytes,
        "output_bytes": use.output_bytes,
        "target": use.target.name if use.target and shape.hints else None,
    }
    return line(TOOLS, {"tool": tool, **_whose(m, shape)}, fields, time_ns(use.at_us, use.key))


def _failed_tool(m: SessionMetrics, use: ToolUse, shape: Shape) -> str | None:
    fields: Fields = {
        **_session_id(m, shape),
        "count": 1,
        "fingerprint": _hex(use.fingerprint),
        "excerpt": use.excerpt if shape.hints else None,
    }
    tags = {"class": use.error_class or "unknown", "tool": use.tool, **_whose(m, shape)}
    return line(ERRORS, tags, fields, time_ns(use.at_us, use.key))


def _failure(m: SessionMetrics, failure: Failure, shape: Shape) -> str | None:
    fields: Fields = {
        **_session_id(m, shape),
        "count": 1,
        "status": failure.status,
        "fingerprint": _hex(failure.fingerprint),
        "excerpt": failure.excerpt if shape.hints else None,
    }
    tags = {"class": failure.error_class, "model": failure.model, **_whose(m, shape)}
    return line(ERRORS, tags, fields, time_ns(failure.at_us, failure.key))


def _hex(digest: int | None) -> str | None:
    return None if digest is None else f"{digest:016x}"


def alert_line(alert: AlertFacts, shape: Shape) -> str | None:
    """The point of an alert."""
    fields: Fields = {
        "id": alert.id,
        "acknowledged": alert.acknowledged,
        "message": alert.message if shape.hints else None,
    }
    tags = {"type": alert.type, "severity": alert.severity}
    return line(ALERTS, tags, fields, time_ns(alert.triggered_us, key_of(alert.id)))
