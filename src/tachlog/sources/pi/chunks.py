"""What the records of a chunk of pi tell."""

from __future__ import annotations

import msgspec

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.pi.reader import AGENT, Reader, State
from tachlog.sources.pi.shapes import Record

_record_decoder = msgspec.json.Decoder(Record)


def read(chunk: Chunk, state: State) -> Reading:
    """What the records of a chunk tell."""
    known = bool(state.session_id)

    def refuse(record: Record) -> str | None:
        nonlocal known
        known = known or (record.type == "session" and bool(record.id))
        return None if known else "headless_record"

    records, problems = decode(chunk, _record_decoder, AGENT, refuse=refuse)
    reader = Reader(state, Reading([], [], {}, {}, problems))
    for record in records:
        reader.take(record)
    reader.titles.tell(reader.reading)
    return reader.reading
