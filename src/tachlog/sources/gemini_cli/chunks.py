"""What the records of a chunk of Gemini CLI tell."""

from __future__ import annotations

import msgspec

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.gemini_cli.headless import AGENT, State
from tachlog.sources.gemini_cli.reader import Reader
from tachlog.sources.gemini_cli.shapes import Record

_record_decoder = msgspec.json.Decoder(Record)


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
