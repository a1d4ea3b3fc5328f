"""Logs of Inspect AI: `.eval` archives with a document per sample, or one JSON document.

A sample is a session: one run of an agent on one task. Its events tell every call of a model and
of a tool with their times; where events were left out, the sample's totals by model stand in.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from tachlog.model import Chunk, Reading, digest_of, key_of
from tachlog.records import decode, lenient
from tachlog.sources import Frame, Source, unpacked
from tachlog.sources.inspect_ai.samples import AGENT, Run
from tachlog.sources.inspect_ai.shapes import Document, Eval, Sample, Start

SKIPS: Final = {
    "header.json": "the whole evaluation: its samples tell it one by one",
    "summaries.json": "repeats the samples",
    "reductions.json": "scores",
    "_journal": "the beginning of the evaluation, read beside each sample; repeats the samples",
}

_LOOKED_AT: Final = 400


class State(Struct):
    """Nothing: every line stands for itself."""


_decoder = msgspec.json.Decoder(Document)


def claims(path: str, head: bytes) -> bool:
    """Whether a file is an archive of the name, or a document that begins as a log does."""
    if path.endswith(".eval"):
        return head.startswith(b"PK\x03\x04")
    start = head.lstrip()
    begin = start[:_LOOKED_AT]
    return (
        unpacked(path).endswith(".json")
        and start.startswith(b"{")
        and all(name in begin for name in (b'"version"', b'"status"', b'"eval"'))
        and b'"run_id"' in start
    )


def frame(path: str, head: bytes) -> Frame:
    """A log is an archive, or one document."""
    return "archive" if path.endswith(".eval") else "document"


def beside(path: str) -> tuple[str, ...]:
    """What is read beside each member of an archive: the beginning of the evaluation."""
    return ("_journal/start.json",) if path.endswith(".eval") else ()


def read(chunk: Chunk, state: State) -> Reading:
    """What a log, or a part of it, tells."""
    documents, problems = decode(chunk, _decoder, AGENT, nan=True)
    reading = Reading([], [], {}, {}, problems)
    for document in documents:
        member = document.member
        if member is not None and not member.startswith("samples/"):
            kind = member if member in SKIPS else "_journal"
            reading.skipped[kind] = reading.skipped.get(kind, 0) + 1
            continue
        if member is not None:
            start = lenient(document.beside[0], Start) if document.beside else None
            evaluation = lenient(start.eval, Eval) if start else None
            samples = [document.document]
        else:
            evaluation = lenient(document.eval, Eval)
            samples = lenient(document.samples, list[Raw]) or []
        names = [tell(raw, evaluation or Eval(), reading) for raw in samples]
        reading.record_keys.append(key_of(AGENT, "samples", *names))
    return reading


def tell(raw: Raw, evaluation: Eval, reading: Reading) -> str:
    """Tell one sample; gives the session that it is."""
    sample = lenient(raw, Sample)
    if sample is None:
        reading.unknown["sample/unreadable"] = reading.unknown.get("sample/unreadable", 0) + 1
        return str(digest_of(bytes(raw)))
    run = Run(sample, evaluation, reading)
    run.tell()
    return run.thread.session_id


SOURCE = Source(
    name=AGENT,
    title="Inspect AI",
    revision=1,
    frame=frame,
    beside=beside,
    claims=claims,
    state=State,
    read=read,
    skips=SKIPS,
    lives="`$INSPECT_LOG_DIR`, else `logs/` where the evaluation was started: `*.eval`, `*.json`",
    tokens="`input_tokens` leaves out what the cache read and wrote, unless the total tells that "
    "it is included (as it was at first)",
    proof="recorded by us, 0.3.285; public real logs were measured but none is kept",
    evidence=(
        "https://inspect.aisi.org.uk/eval-logs.html, and 259 samples of public real logs, measured "
        "2026-11-22",
        "0.3.285 recorded against its own mock model, 2026-11-22",
    ),
    gaps=(
        "attempts that the HTTP client made again are a number without a reason",
        "models that grade a sample count with it",
        "without events, a sample has its totals by model and nothing else",
    ),
)
