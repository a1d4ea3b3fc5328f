"""OpenInference spans in files: one JSON object a span, as Phoenix and file exporters write them.

Two shapes: attributes in a map, with times in nanoseconds or as texts; or the rows of a data frame,
where every attribute is a column. A file may also be one document: a list of such spans.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from tachlog.model import Chunk, Reading, digest_of
from tachlog.records import decode, lenient
from tachlog.sources import Source, by_start
from tachlog.sources.otlp import spans
from tachlog.sources.otlp.attributes import Attributes, micros
from tachlog.sources.otlp.nesting import State
from tachlog.sources.otlp.spans import Span
from tachlog.sources.otlp.telling import Told, count

FORMAT: Final = "openinference"

SKIPS: Final = {
    **spans.SKIPS,
    "api_call": "a request that names neither a session nor tokens; its span tells it",
    "empty request": "a list without spans",
}
"""Rows that tell nothing."""

_LINES: Final = 40
_COLUMN: Final = "attributes."

Row = dict[str, Raw]


class Head(Struct):
    """What the detection looks at."""

    span_id: str | None = None
    trace_id: str | None = None
    flat_span_id: str | None = msgspec.field(default=None, name="context.span_id")
    context: Raw = Raw()
    attributes: Raw = Raw()
    start_time: Raw = Raw()
    event_type: str | None = None
    data: Raw = Raw()

    @property
    def telling(self) -> bool:
        """Whether a record like this is a span, or what is written beside spans."""
        if self.event_type == "api_call":
            return bytes(self.data).startswith(b"{")
        identified = self.flat_span_id or (self.span_id and self.trace_id)
        return bool(bytes(self.start_time)) and bool(identified or bytes(self.context))


class Status(Struct):
    """How a span ended."""

    status_code: str | None = None
    description: str | None = None
    message: str | None = None


class Context(Struct):
    """The ids of a span, where they stand apart."""

    trace_id: str | None = None
    span_id: str | None = None


_row_decoder = msgspec.json.Decoder(Row | list[Row])
_head_decoder = msgspec.json.Decoder(Head)


def claims(path: str, head: bytes) -> bool:
    """Whether one of the first records is a span of such a file.

    Embeddings make lines longer than what is looked at; then the beginning has to tell.
    """
    if b'"start_time"' not in head and b'"api_call"' not in head:
        return False
    for line in head.split(b"\n", _LINES)[:_LINES]:
        try:
            record = _head_decoder.decode(line.strip().lstrip(b"[").rstrip(b",]"))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if record.telling:
            return True
    return _begins_as_span(head)


def _begins_as_span(head: bytes) -> bool:
    start = head.lstrip(b"[ \r\n\t")
    if not start.startswith(b"{"):
        return False
    ids = any(name in start for name in (b'"context.span_id"', b'"span_id"'))
    kinds = (b'"openinference.span.kind"', b'"attributes.openinference.span.kind"', b'"llm.')
    return ids and b'"start_time"' in start and any(name in start for name in kinds)


def read(chunk: Chunk, state: State) -> Reading:
    """What the spans of a chunk tell."""
    records, problems = decode(chunk, _row_decoder, FORMAT)
    reading = Reading([], [], {}, {}, problems)
    for record in records:
        rows = record if isinstance(record, list) else [record]
        told = [tell(row, state) for row in rows]
        count(reading, digest_of(msgspec.json.encode(record)), told)
    return reading


def tell(row: Row, state: State) -> Told:
    """What one row tells."""
    if "event_type" in row:
        kind = lenient(row["event_type"], str) or ""
        return Told(skipped=kind) if kind == "api_call" else Told(unknown=f"event_type/{kind[:60]}")
    span = span_of(row)
    if span is None:
        return Told(unknown="row/unreadable")
    return spans.tell(span, FORMAT, None, state)


def span_of(row: Row) -> Span | None:
    """A row as a span, None when it lacks an id or its time."""
    plain = Attributes(dict(row))
    context = lenient(row.get("context", Raw(b"null")), Context) or Context()
    trace = plain.text("context.trace_id", "trace_id") or context.trace_id
    span = plain.text("context.span_id", "span_id") or context.span_id
    start_us = micros(plain.value("start_time"))
    if not trace or not span or start_us is None:
        return None
    status = lenient(row.get("status", Raw(b"null")), Status) or Status()
    code = status.status_code or plain.text("status_code")
    nested = lenient(row.get("attributes", Raw(b"null")), Row)
    if nested is None:
        columns = ((name, raw) for name, raw in row.items() if name.startswith(_COLUMN))
        nested = {name.removeprefix(_COLUMN): raw for name, raw in columns if raw != Raw(b"null")}
    return Span(
        trace,
        span,
        plain.text("parent_id", "parent_span_id"),
        plain.text("name") or "",
        start_us,
        micros(plain.value("end_time")),
        code is not None and code.rpartition("_")[2].upper() == "ERROR",
        status.description or status.message or plain.text("status_message") or "",
        Attributes(dict(nested)),
    )


SOURCE = Source(
    name=FORMAT,
    title="OpenInference span files (Phoenix)",
    revision=1,
    frame=by_start,
    claims=claims,
    state=State,
    read=read,
    skips=SKIPS,
    lives="where Phoenix or a file exporter writes them: `*.jsonl`, `*.json`",
    tokens="`llm.token_count.*`: the prompt includes what was cached, details are parts",
    proof="public real logs: Phoenix with LlamaIndex, DeepSeek by OpenRouter, OpenAI embeddings",
    evidence=(
        "https://github.com/Arize-ai/openinference semantic_conventions.md, checked 2026-11-22",
        "public real logs of August 2025 in both shapes, 16 files, measured 2026-11-22 "
        "(OpenInference 0.1 attributes)",
    ),
    gaps=(
        "a span file without `session.id` has one session a trace",
        "calls without tokens are counted, their tokens estimated from the words that are kept",
        "retrieval is no tool call",
    ),
)
