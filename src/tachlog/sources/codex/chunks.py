"""What the records of a chunk of Codex CLI tell."""

from __future__ import annotations

import msgspec

from tachlog.model import Chunk, Reading
from tachlog.records import decode
from tachlog.sources.codex import shapes, stdout
from tachlog.sources.codex.reader import Reader
from tachlog.sources.codex.state import AGENT, State

_record_decoder = msgspec.json.Decoder(shapes.Record)


def read(chunk: Chunk, state: State) -> Reading:
    """What the records of a chunk tell."""
    begun = state.thread is not None

    def refuse(record: shapes.Record) -> str | None:
        nonlocal begun
        begun = begun or names_thread(record)
        return None if begun else "no_session"

    records, problems = decode(chunk, _record_decoder, AGENT, refuse=refuse)
    reading = Reading([], [], {}, {}, problems)
    reader = Reader(state, reading)
    for record in records:
        if record.payload is None and record.type in shapes.KINDS:
            stdout.take(record, state, reading)
        else:
            reader.take(record)
    return reading


def names_thread(record: shapes.Record) -> bool:
    """Whether a record says whose history follows: without it nothing could be told."""
    if record.type == "session_meta":
        return record.payload is not None and bool(record.payload.id)
    return record.type == "thread.started" and bool(record.thread_id)
