"""The Python API: the same answers as the command's, as typed values.

`import tachlog` loads none of this; the first use of a name does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from time import time_ns
from typing import Any

import msgspec

from tachlog.analysis.gathering import build
from tachlog.analysis.realtime import Realtime
from tachlog.analysis.realtime import realtime as realtime_of
from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import ReadNowView, TelemetryResult
from tachlog.config import Config, load
from tachlog.model import Chunk
from tachlog.pipeline import bring_up_to_date, setup_of
from tachlog.pricing import PriceBook, load_overrides
from tachlog.stores import PRIVATE, Store, open_store

_encoder = msgspec.json.Encoder(enc_hook=str)

NAME = "process_logs"
ROWS_AT_ONCE = 10_000


def analyze(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    archive: str | None = None,
    jobs: int | None = None,
    config: Config | None = None,
) -> TelemetryResult:
    """Read logs and tell what the agents did.

    `paths` are files, directories or tables (`postgresql://…?table=agent_logs`). Nothing is kept
    unless `archive` names one (a path, `sqlite:///path` or
    `postgresql://user@host/database`): then only what it does not have yet is
    read, and the sessions told by these files are the answer, whether read now or before. `jobs` is
    the number of worker processes (None: one per processor). `config` is the person's own unless
    given.

    Raises `MissingPath` for a path that is not there, `StoreError` for an archive that cannot be
    used, `ConfigError` for a configuration that cannot.
    """
    config = config or load(os.environ).config
    names = [paths] if isinstance(paths, str | os.PathLike) else paths
    store = open_store(archive or PRIVATE)
    try:
        read = bring_up_to_date(store, [os.fspath(name) for name in names], config, jobs=jobs)
        told = ReadNowView(
            files=read.files,
            bytes=read.bytes,
            records=read.records,
            seconds=read.seconds,
            renewed=read.renewed,
        )
        return _result(store, Selection(paths=read.paths), config, told)
    finally:
        store.close()


def process_logs(
    logs: Iterable[Mapping[str, Any] | msgspec.Struct], *, config: Config | None = None
) -> TelemetryResult:
    """Tell what AgentLog records come to: mappings or structs of the shape in docs/formats.md.

    Records that cannot be read are counted in the result's `input.problems`; nothing is kept.
    """
    from tachlog.engines.work import portions_of, prepare
    from tachlog.sources import all_sources

    config = config or load(os.environ).config
    measurer = prepare(setup_of(config))
    store = open_store(PRIVATE)
    try:
        for portion in portions_of(NAME, all_sources()["agent_log"], _chunks(logs)):
            store.write([portion], measurer)
        store.learn(measurer, learns=config.estimates.factors == "learned")
        return _result(store, Selection(), config, ReadNowView())
    finally:
        store.close()


def realtime(*, archive: str | None = None, config: Config | None = None) -> Realtime:
    """The last five minutes, the trends, what fires and what to change, from the archive.

    `archive` is the person's own unless given. Only what was read into it is known.
    """
    config = config or load(os.environ).config
    store = open_store(archive or config.storage.url)
    try:
        return realtime_of(
            store,
            now_us=time_ns() // 1000,
            time_zone=config.display.time_zone,
            thresholds=config.alerts,
        )
    finally:
        store.close()


def _chunks(logs: Iterable[Mapping[str, Any] | msgspec.Struct]) -> Iterator[Chunk]:
    rows = iter(logs)
    offset = 0
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        data = b"".join(_line(row) for row in batch)
        yield Chunk(NAME, offset, data, last=len(batch) < ROWS_AT_ONCE)
        offset += len(data)


def _line(row: Mapping[str, Any] | msgspec.Struct) -> bytes:
    """A record as a line of JSON; what JSON does not have is told as text."""
    try:
        return _encoder.encode(row) + b"\n"
    except (TypeError, UnicodeEncodeError):  # odd keys, and halves of characters
        plain = msgspec.to_builtins(row) if isinstance(row, msgspec.Struct) else row
        return json.dumps(plain, default=str, skipkeys=True).encode() + b"\n"


def _result(
    store: Store, selection: Selection, config: Config, read_now: ReadNowView
) -> TelemetryResult:
    own = config.prices.file
    return build(
        store,
        selection,
        time_zone=config.display.time_zone,
        prices=PriceBook(load_overrides(own) if own else None).version,
        generated_at_us=time_ns() // 1000,
        read_now=read_now,
    )
