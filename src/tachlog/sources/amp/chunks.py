"""What the records of a chunk of Amp tell."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.amp.reader import AGENT, Reader
from tachlog.sources.amp.shapes import Document

_decoder = msgspec.json.Decoder(Document)


class State(Struct):
    """Nothing: a thread is one document."""


def read(chunk: Chunk, state: State) -> Reading:
    """What a thread tells."""
    documents, problems = decode(chunk, _decoder, AGENT)
    reader = Reader(Reading([], [], {}, {}, problems))
    for document in documents:
        reader.take(document)
    reader.titles.tell(reader.reading)
    return reader.reading
