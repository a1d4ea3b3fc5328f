"""What the records of a chunk of Qwen Code tell."""

from __future__ import annotations

import msgspec

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.qwen_code.reader import AGENT, Reader, State
from tachlog.sources.qwen_code.shapes import Record

_record_decoder = msgspec.json.Decoder(Record)


def refuse(record: Record) -> str | None:
    """What is wrong with a record: it has to say whose it is."""
    return None if record.sessionId else "headless_record"


def read(chunk: Chunk, state: State) -> Reading:
    """What the records of a chunk tell."""
    records, problems = decode(chunk, _record_decoder, AGENT, refuse=refuse)
    reader = Reader(state, Reading([], [], {}, {}, problems))
    for record in records:
        reader.take(record)
    reader.titles.tell(reader.reading)
    reader.facts.tell(reader.reading.events)
    return reader.reading
