"""What the records of a chunk of Kimi CLI tell."""

from __future__ import annotations

import msgspec

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.kimi_cli.reader import AGENT, Reader, State
from tachlog.sources.kimi_cli.shapes import Record

_record_decoder = msgspec.json.Decoder(Record)


def read(chunk: Chunk, state: State) -> Reading:
    """What the records of a chunk tell."""

    def refuse(record: Record) -> str | None:
        kind = record.message.type if record.message else record.type
        state.begun = state.begun or kind in ("metadata", "TurnBegin")
        return None if state.begun else "headless_record"

    records, problems = decode(chunk, _record_decoder, AGENT, refuse=refuse)
    reader = Reader(chunk.path, state, Reading([], [], {}, {}, problems))
    for record in records:
        reader.take(record)
    reader.titles.tell(reader.reading)
    reader.facts.tell(reader.reading.events)
    return reader.reading
