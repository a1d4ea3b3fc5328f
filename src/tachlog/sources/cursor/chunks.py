"""What the records of a chunk of Cursor tell."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.cursor.reader import AGENT, Reader
from tachlog.sources.cursor.shapes import Record

_decoder = msgspec.json.Decoder(Record)


class State(Struct):
    """Nothing: every record is a whole conversation."""


def read(chunk: Chunk, state: State) -> Reading:
    """What the conversations of a chunk tell."""
    records, problems = decode(chunk, _decoder, AGENT)
    reader = Reader(Reading([], [], {}, {}, problems))
    for record in records:
        reader.take(record)
    reader.titles.tell(reader.reading)
    return reader.reading
