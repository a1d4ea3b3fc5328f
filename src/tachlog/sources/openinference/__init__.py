"""OpenInference spans in files: one JSON object a span, as Phoenix and file exporters write them.

Two shapes: attributes in a map, with times in nanoseconds or as texts; or the rows of a data frame,
where every attribute is a column. A file may also be one document: a list of such spans.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from tachlog.sources import Source, by_start, late
from tachlog.sources.otlp.skips import SPANS

FORMAT: Final = "openinference"

SKIPS: Final = {
    **SPANS,
    "api_call": "a request that names neither a session nor tokens; its span tells it",
    "empty request": "a list without spans",
}
"""Rows that tell nothing."""

_LINES: Final = 40


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


SOURCE = Source(
    name=FORMAT,
    title="OpenInference span files (Phoenix)",
    revision=1,
    frame=by_start,
    claims=claims,
    state=late("tachlog.sources.openinference.chunks:State"),
    read=late("tachlog.sources.openinference.chunks:read"),
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
