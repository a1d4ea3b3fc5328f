"""What the records of a chunk of Cline and Roo Code tell."""

from __future__ import annotations

from pathlib import PurePath

import msgspec
from msgspec import Raw, Struct

from tachlog.model import Chunk, Reading, digest_of
from tachlog.records import decode, lenient
from tachlog.sources.cline import _BESIDE, _LISTED
from tachlog.sources.cline.sessions import Conversation
from tachlog.sources.cline.shapes import Record, Session
from tachlog.sources.cline.tasks import AGENT, Task

_decoder = msgspec.json.Decoder(Raw)


class State(Struct):
    """Nothing: a document stands for itself."""


def read(chunk: Chunk, state: State) -> Reading:
    """What the documents of a chunk tell."""
    records, problems = decode(chunk, _decoder, AGENT)
    reading = Reading([], [], {}, {}, problems)
    for raw in records:
        take(raw, chunk.path, reading)
    return reading


def take(raw: Raw, path: str, reading: Reading) -> None:
    """Tell what one document tells, and count it."""
    record = lenient(raw, Record)
    document = record.document if record is not None and record.beside is not None else raw
    others = (record.beside if record is not None else None) or []
    messages = lenient(document, list[Raw])
    name = PurePath(path.replace("\\", "/")).name
    if name.removesuffix(".json") in _BESIDE or _LISTED.match(bytes(document)):
        reading.skipped["beside"] = reading.skipped.get("beside", 0) + 1
        return
    reading.record_keys.append(digest_of(bytes(raw)))
    session = lenient(document, Session)
    if messages is not None:
        Task(path, reading, others).read(messages)
    elif session is not None and session.messages is not None:
        Conversation(reading, session, others).read(session.messages)
    else:
        reading.unknown["document"] = reading.unknown.get("document", 0) + 1
