"""What the records of a chunk of OpenCode tell."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.opencode.reader import AGENT, Reader
from tachlog.sources.opencode.shapes import Record

_record_decoder = msgspec.json.Decoder(Record)


class State(Struct):
    """Nothing: every record names its session."""


def read(chunk: Chunk, state: State) -> Reading:
    """What the records of a chunk tell."""
    records, problems = decode(chunk, _record_decoder, AGENT)
    reader = Reader(Reading([], [], {}, {}, problems))
    for record in records:
        reader.take(record)
    reader.close()
    return reader.reading
