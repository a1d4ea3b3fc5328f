"""What the records of a chunk of Droid tell."""

from __future__ import annotations

from pathlib import PurePath

import msgspec

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.droid import is_of_settings
from tachlog.sources.droid.reader import AGENT, Reader, State
from tachlog.sources.droid.shapes import NULL, Record

_record_decoder = msgspec.json.Decoder(Record)


def read(chunk: Chunk, state: State) -> Reading:
    """What the records of a chunk tell; settings without their session are named by the file."""
    known = bool(state.session_id)

    def refuse(record: Record) -> str | None:
        nonlocal known
        is_settings = record.document != NULL
        known = known or is_settings or (record.type == "session_start" and bool(record.id))
        return None if known else "headless_record"

    records, problems = decode(chunk, _record_decoder, AGENT, refuse=refuse)
    if not state.session_id and is_of_settings(chunk.path):
        state.session_id = PurePath(chunk.path).name.partition(".")[0]
    reader = Reader(state, Reading([], [], {}, {}, problems))
    for record in records:
        reader.take(record)
    reader.titles.tell(reader.reading)
    return reader.reading
