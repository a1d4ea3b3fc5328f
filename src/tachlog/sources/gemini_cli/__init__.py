"""Chats of Gemini CLI: one JSON document each, or JSON lines since; and what headless runs print.

A line may be told again with more in it, or rewound; all that was ever told was spent, and a
message is one by its id. Only the first record names the chat: one without it is a problem.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tachlog.model import Chunk, Reading
from tachlog.records import decode, first_record
from tachlog.sources import Frame, Source, unpacked
from tachlog.sources.gemini_cli.headless import AGENT, State
from tachlog.sources.gemini_cli.reader import Reader
from tachlog.sources.gemini_cli.shapes import SKIPS, Head, Record

_record_decoder = msgspec.json.Decoder(Record)
_head_decoder = msgspec.json.Decoder(Head)

_PRINTED: Final = re.compile(
    rb'\{\s*"session_id"\s*:\s*"[^"]*"\s*,\s*"(?:response|stats|error)"\s*:'
)
_CHAT: Final = re.compile(rb'\{\s*"sessionId"\s*:\s*"[^"]*"\s*,\s*"projectHash"\s*:\s*"')

_QWEN: Final = re.compile(rb'"type"\s*:\s*"qwen"')
"""A reply in chats of Qwen Code 0.1, which look alike (its program, read 2026-11-22)."""


def claims(path: str, head: bytes) -> bool:
    """Whether it begins as a chat does, or as what a headless run prints."""
    name = unpacked(path)
    if name.endswith(".json"):
        start = head.lstrip()
        if _CHAT.match(start):
            return _QWEN.search(start) is None
        return _PRINTED.match(start) is not None
    if not name.endswith(".jsonl"):
        return False
    first = first_record(head, _head_decoder)
    if first is None:
        return False
    if first.type == "init":
        return None not in (first.session_id, first.model)
    return first.type is None and None not in (first.sessionId, first.projectHash)


def frame(path: str, head: bytes) -> Frame:
    """Chats are documents, or lines."""
    name = unpacked(path)
    return "document" if name.endswith(".json") else "lines"


def read(chunk: Chunk, state: State) -> Reading:
    """What the records of a chunk tell."""
    known = bool(state.session_id)

    def refuse(record: Record) -> str | None:
        nonlocal known
        begins = record.sessionId or record.session_id if not record.type else None
        known = known or bool(begins or (record.type == "init" and record.session_id))
        return None if known else "headless_record"

    records, problems = decode(chunk, _record_decoder, AGENT, refuse=refuse)
    reader = Reader(chunk.path, state, Reading([], [], {}, {}, problems))
    for record in records:
        reader.take(record)
    reader.titles.tell(reader.reading)
    return reader.reading


SOURCE = Source(
    name=AGENT,
    title="Gemini CLI",
    revision=1,
    frame=frame,
    claims=claims,
    state=State,
    read=read,
    skips=SKIPS,
    lives="`~/.gemini/tmp/*/chats/**/*.json`, `*.jsonl`; what `--output-format stream-json` or "
    "`json` prints, where it was saved as `.jsonl` or `.json`",
    tokens="the total says whether `input` holds `cached`; thoughts are added to the output",
    proof="public real JSON chats of January and February 2026; JSON lines recorded by us, 0.61",
    evidence=(
        "https://github.com/entireio/cli: public real chats, 2026-01-09 to 2026-02-03, measured "
        "2026-11-22",
        "0.61.0 recorded against a model stub (JSON lines, stream-json), 2026-11-22",
        "https://github.com/google-gemini/gemini-cli: chatRecordingService.ts and output/types.ts, "
        "read 2026-11-22",
    ),
    gaps=(
        "a chat names no version, and a directory only for sub-agents",
        "a headless run tells the sum of its calls only: it counts as one",
        "when a tool was asked for is told by its id; where it is not, its time is unknown",
    ),
)
