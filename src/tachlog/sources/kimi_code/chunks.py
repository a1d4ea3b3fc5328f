"""What the records of a chunk of Kimi Code CLI tell."""

from __future__ import annotations

import msgspec

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.kimi_code.reader import AGENT, Reader, State
from tachlog.sources.kimi_code.shapes import Record

_record_decoder = msgspec.json.Decoder(Record)


def read(chunk: Chunk, state: State) -> Reading:
    """What the records of a chunk tell."""
    records, problems = decode(chunk, _record_decoder, AGENT)
    reader = Reader(chunk.path, state, Reading([], [], {}, {}, problems))
    for record in records:
        reader.take(record)
    reader.titles.tell(reader.reading)
    reader.facts.tell(reader.reading.events)
    return reader.reading
