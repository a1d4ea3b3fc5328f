"""What the records of a chunk of Claude Code tell."""

from __future__ import annotations

import msgspec

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.claude_code import shapes
from tachlog.sources.claude_code.places import AGENT
from tachlog.sources.claude_code.reader import Reader, State

_record_decoder = msgspec.json.Decoder(shapes.Record)


def read(chunk: Chunk, state: State) -> Reading:
    """What the records of a chunk tell."""
    records, problems = decode(chunk, _record_decoder, AGENT)
    reader = Reader(chunk.path, state, Reading([], [], {}, {}, problems))
    for record in records:
        reader.take(record)
    reader.close()
    return reader.reading
