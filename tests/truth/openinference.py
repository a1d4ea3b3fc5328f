"""Count what OpenInference span files tell: model calls once each, their tokens, tool calls.

Written from the measured shapes of the logs alone; shares no code with the package. A span row is
nested (`attributes` is a map, times are nanoseconds) or flat (`attributes.llm.model_name` is a
column, `context.span_id`, ISO times). All spans of a file are looked at together, so that it does
not matter in which order they stand.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

ROUNDING_US = 1000
"""Exports round times to milliseconds."""


@dataclass(frozen=True)
class Span:
    """A span as far as this count looks at it; times in microseconds, tokens None if not told."""

    trace: str
    id: str
    parent: str | None
    kind: str | None
    model: str | None
    start: int
    end: int
    prompt: int | None
    completion: int | None
    tool: str | None
    ok: bool

    @property
    def is_metered(self) -> bool:
        """Whether it reports tokens."""
        return self.prompt is not None or self.completion is not None


@dataclass
class Count:
    """What a set of files tells: calls as (trace, span) → (model, input, output), tools by name."""

    records: int = 0
    spans: int = 0
    other_records: int = 0
    calls: dict[tuple[str, str], tuple[str | None, int | None, int | None]] = field(
        default_factory=dict
    )
    tools: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)
    failed: int = 0


def count(paths: Iterable[Path]) -> Count:
    """Count the files; a span that stands in several of them counts once."""
    total = Count()
    for path in paths:
        spans: dict[tuple[str, str], Span] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.strip():
                continue
            record = json.loads(line)
            total.records += 1
            span = span_of(record)
            if span is None:
                total.other_records += 1
            else:
                total.spans += 1
                spans[span.trace, span.id] = span
        for key, span in spans.items():
            if is_call(span, spans):
                total.calls[key] = (span.model, span.prompt, span.completion)
                total.failed += not span.ok
            if span.tool is not None:
                total.tools[key] = (span.tool, span.ok)
    return total


def is_call(span: Span, spans: dict[tuple[str, str], Span]) -> bool:
    """Whether a span is a model call of its own, and not the wrapper of one."""
    if span.kind not in ("LLM", "EMBEDDING") and not span.is_metered:
        return False
    if any(is_inside(other, span, spans) and is_model(other) for other in spans.values()):
        return False
    if span.is_metered:
        return True
    return span.kind == "LLM" and not any(
        other.is_metered
        and other.model == span.model
        and span.start - ROUNDING_US <= other.start
        and other.end <= span.end + ROUNDING_US
        for other in spans.values()
    )


def is_model(span: Span) -> bool:
    """Whether a span is of a model's work."""
    return span.kind == "LLM" or (span.is_metered and span.completion is not None)


def is_inside(span: Span, outer: Span, spans: dict[tuple[str, str], Span]) -> bool:
    """Whether a span is a descendant of another one."""
    above = span.parent
    while above is not None:
        if (span.trace, above) == (outer.trace, outer.id):
            return True
        found = spans.get((span.trace, above))
        above = found.parent if found else None
    return False


def span_of(record: dict[str, Any]) -> Span | None:
    """A row of either shape as a span, None when it is no span."""
    if "context.span_id" in record:
        attributes = {
            name.removeprefix("attributes."): value
            for name, value in record.items()
            if name.startswith("attributes.") and value is not None
        }
        trace, identity = record["context.trace_id"], record["context.span_id"]
        status = record.get("status_code")
    elif "span_id" in record:
        attributes = record.get("attributes") or {}
        trace, identity = record["trace_id"], record["span_id"]
        status = (record.get("status") or {}).get("status_code")
    else:
        return None
    parent = record.get("parent_id") or record.get("parent_span_id")
    return Span(
        trace,
        identity,
        parent or None,
        attributes.get("openinference.span.kind"),
        attributes.get("llm.model_name") or attributes.get("embedding.model_name"),
        microseconds(record["start_time"]),
        microseconds(record["end_time"]),
        attributes.get("llm.token_count.prompt"),
        attributes.get("llm.token_count.completion"),
        attributes.get("tool.name"),
        status != "ERROR",
    )


def microseconds(value: int | str) -> int:
    """A time in nanoseconds, or as ISO 8601 in UTC."""
    if isinstance(value, int):
        return value // 1000
    return round(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() * 1_000_000)
