"""What the records of a chunk of GitHub Copilot CLI tell."""

from __future__ import annotations

import msgspec

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.copilot_cli.places import AGENT, State
from tachlog.sources.copilot_cli.reader import Reader
from tachlog.sources.copilot_cli.shapes import Record

_record_decoder = msgspec.json.Decoder(Record)


def read(chunk: Chunk, state: State) -> Reading:
    """What the events of a chunk tell."""
    known = bool(state.session_id)

    def refuse(record: Record) -> str | None:
        nonlocal known
        known = known or (record.type == "session.start" and bool(record.data.sessionId))
        return None if known else "headless_record"

    records, problems = decode(chunk, _record_decoder, AGENT, refuse=refuse)
    reader = Reader(state, Reading([], [], {}, {}, problems))
    for record in records:
        reader.take(record)
    reader.titles.tell(reader.reading)
    return reader.reading
