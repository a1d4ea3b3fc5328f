"""Count what OTLP JSON files tell: spans once each, agents' turns, tool calls, tokens of calls.

Written from the protocol and the measured shapes alone; shares no code with the package. All spans
of all files are looked at together.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALLS = ("chat", "text_completion", "generate_content")


@dataclass(frozen=True)
class Tool:
    """One tool call: its session, name, first and last microsecond, and whether it failed."""

    session: str
    name: str
    start: int
    end: int
    failed: bool


@dataclass
class Count:
    """What a set of files tells."""

    records: int = 0
    spans: int = 0
    sessions: set[str] = field(default_factory=set)
    turns: dict[tuple[str, str], str] = field(default_factory=dict)
    tools: dict[str, Tool] = field(default_factory=dict)
    calls: int = 0
    input: int = 0
    output: int = 0


def count(paths: Iterable[Path]) -> Count:
    """Count the files; of a span that is told twice the later telling stands."""
    total = Count()
    spans: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.strip():
                continue
            total.records += 1
            for span in spans_of(json.loads(line)):
                key = (span["traceId"].lower(), span["spanId"].lower())
                spans[key] = (span, attributes_of(span))
    total.spans = len(spans)
    for (trace, identity), (span, attributes) in spans.items():
        session = attributes.get("gen_ai.conversation.id") or trace
        operation = attributes.get("gen_ai.operation.name")
        total.sessions.add(session)
        if operation == "invoke_agent" and not span.get("parentSpanId"):
            total.turns[trace, identity] = session
        elif operation == "execute_tool":
            failed = "error.type" in attributes or (span.get("status") or {}).get("code") == 2
            total.tools[attributes.get("gen_ai.tool.call.id", identity)] = Tool(
                session,
                attributes["gen_ai.tool.name"],
                int(span["startTimeUnixNano"]) // 1000,
                int(span["endTimeUnixNano"]) // 1000,
                failed,
            )
        elif operation in CALLS:
            total.calls += 1
            total.input += int(attributes.get("gen_ai.usage.input_tokens", 0))
            total.output += int(attributes.get("gen_ai.usage.output_tokens", 0))
    return total


def deltas(paths: Iterable[Path], metric: str) -> dict[tuple[str, str], float]:
    """The points of a metric of delta temporality added up, by session and kind of token.

    A point that is told twice counts once; metrics without kinds have the kind "".
    """
    points: dict[str, tuple[str, str, float]] = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            for resource in json.loads(line).get("resourceMetrics", []):
                for scope in resource["scopeMetrics"]:
                    for one in scope["metrics"]:
                        for point in one["sum"]["dataPoints"] if one["name"] == metric else ():
                            assert one["sum"]["aggregationTemporality"] == 1
                            named = attributes_of(point)
                            value = float(point.get("asDouble", point.get("asInt")))
                            told = (named["session.id"], named.get("type", ""), value)
                            points[json.dumps(point, sort_keys=True)] = told
    sums: dict[tuple[str, str], float] = {}
    for session, kind, value in points.values():
        sums[session, kind] = sums.get((session, kind), 0) + value
    return sums


def spans_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    """All spans of an export request."""
    return [
        span
        for resource in request.get("resourceSpans", [])
        for scope in resource.get("scopeSpans", [])
        for span in scope.get("spans", [])
    ]


def attributes_of(span: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a span or point as a map; each value is the one member of its union."""
    return {entry["key"]: next(iter(entry["value"].values())) for entry in span["attributes"]}
