"""The work of one task: a file's next chunks through frames and source into merged sessions.

Runs in any process. What it gives is small beside what it read: text is gone by then.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from tachlog import signals
from tachlog.analysis.measurer import Measurer
from tachlog.engines import Reading, Setup, Task, progress_after
from tachlog.frames import (
    HEAD_BYTES,
    FileId,
    FrameError,
    RowCursor,
    head,
    identify,
    locate,
    looks_binary,
    read_archive,
    read_csv_rows,
    read_database,
    read_indented,
    read_lines,
    read_table,
    read_whole,
    same_file,
)
from tachlog.model import Chunk, Usage, digest_of, is_remote, is_table
from tachlog.pricing import PriceBook, load_overrides, price
from tachlog.projects import project_of
from tachlog.records import by_row, problems_of_parts
from tachlog.sessions import Sessions, add_roots, fold
from tachlog.sources import AmbiguousFormat, Frame, Source, all_sources, detect, mapping
from tachlog.stores import Portion, Progress

PORTION_BYTES: Final = 32 << 20
"""Log bytes that one portion may cover: bounds memory and the length of a transaction."""

MOST_ROWS: Final = 200_000
"""Rows of a table that are remembered, so that they are not parsed again: more than an overlap."""

LIVE: Final = 0
"""The time of a database: its log changes it without touching it, so it is always looked at."""

_encoder: Final = msgspec.msgpack.Encoder()


class _InForce(threading.local):
    """What `prepare` put in force; each thread that reads has its own."""

    def __init__(self) -> None:
        self.setup = Setup()
        self.measurer = Measurer(price, project_of)
        self.rows: dict[str, dict[int, float]] | None = None
        """Digests of the rows of each table that were read lately, and when."""


_in_force: Final = _InForce()


def prepare(setup: Setup) -> Measurer:
    """Put a configuration in force in this thread; gives its prices and thresholds.

    Patterns and mappings are those of the process. The same `setup` gives the same measurer.
    Raises `PriceFileError` for a price file that cannot be used, ValueError for a broken pattern.
    """
    locate(setup.addresses)
    signals.configure(setup.errors, setup.behaviors)
    mapping.configure(setup.mappings)
    if _in_force.setup is not setup:
        _in_force.measurer, _in_force.setup = measurer_of(setup), setup
    return _in_force.measurer


def remember_rows() -> None:
    """Remember in this thread, from now on, which rows of tables it reads.

    Of an overlap those that are as they were are then passed over. To be called anew when what was
    read was not kept.
    """
    _in_force.rows = defaultdict(dict)


def measurer_of(setup: Setup) -> Measurer:
    """The prices and thresholds of a configuration; raises `PriceFileError`."""
    book = PriceBook(load_overrides(Path(setup.price_file)) if setup.price_file else None)
    return Measurer(
        book.price, lambda cwd: project_of(cwd, setup.projects), setup.factors, setup.learned
    )


def preload() -> None:
    """Load what the first records would: all formats, the tables of prices, programs, secrets."""
    all_sources()
    price(Usage(), "any", None, 0)
    signals.target("shell", b'{"command": "true"}')


def read_bin(tasks: Iterable[Task]) -> bytes:
    """What the tasks of one bin give, encoded for the way between processes."""
    return _encoder.encode([read(task) for task in tasks])


def read(task: Task) -> Reading:
    """The next portion of a file; never raises for what stands in it or happens to it."""
    if is_table(task.path):
        return _read_table(task)
    was = task.progress
    offset, state, replaced = 0, b"", False
    try:
        if was is not None and was.identity and not task.again:
            change = same_file(msgspec.msgpack.decode(was.identity, type=FileId), task.path)
            if change == "unchanged" and was.done and was.mtime_ns != LIVE:
                return Reading(None)
            if change == "replaced":
                replaced = True
            elif was.source is not None and _fits(was):
                offset, state = was.offset, was.state
        identity = identify(task.path)
        beginning = head(task.path)
        source = all_sources()[was.source] if state and was and was.source else None
        source = source or detect(task.path, beginning)
        if task.again and not _tells_again(task, source, beginning):
            return Reading(None)
    except (FrameError, AmbiguousFormat) as error:
        return Reading(None if task.again else unread(task, error.detail))
    if source is None:
        portion = _blank(task, None)
        portion.identity = _encoder.encode(identity)
        portion.size, portion.mtime_ns = identity.size, identity.mtime_ns
        portion.note = _why_unknown(beginning)
        return Reading(portion)
    frame = source.frame(task.path, beginning)
    if was is not None and was.source is not None and not task.again:
        if frame in ("document", "archive"):
            offset, state, replaced = 0, b"", True
        elif frame == "sqlite" and _is_same_database(was.identity, identity):
            offset, state, replaced = was.offset, was.state, False
    portion = _blank(task, source)
    portion.identity = _encoder.encode(identity)
    portion.size, portion.mtime_ns = identity.size, identity.mtime_ns
    portion.offset, portion.state, portion.replaced = offset, state, replaced
    if frame == "sqlite":
        return _read_database(portion, source, was is not None and not task.again)
    return Reading(portion, _fill(portion, source, chunks_of(source, frame, task.path, offset)))


def _fits(was: Progress) -> bool:
    """Whether reading can go on with the state that another revision of the format left."""
    source = all_sources().get(was.source or "")
    if source is None or source.revision == was.revision:
        return True
    try:
        _state(source, was.state)
    except msgspec.ValidationError:
        return False
    return True


def _tells_again(task: Task, source: Source | None, beginning: bytes) -> bool:
    """Whether a file that was read before still holds what it told; raises FrameError."""
    was = task.progress
    if was is None or source is None or source.name != was.source:
        return False
    if source.frame(task.path, beginning) not in ("lines", "indented"):
        return True
    return same_file(msgspec.msgpack.decode(was.identity, type=FileId), task.path) != "replaced"


def portions_of(
    name: str, source: Source, chunks: Iterator[Chunk], progress: Progress | None = None
) -> Iterator[Portion]:
    """Portions of records that come from no file, such as a program's own; `name` tells of them.

    They go on from where `progress` stands.
    """
    more = True
    while more:
        portion = _blank(Task(name, progress, 0), source)
        if progress is not None:
            portion.offset, portion.state = progress.offset, progress.state
        more = _fill(portion, source, chunks)
        yield portion
        progress = progress_after(portion)


def chunks_of(source: Source, frame: Frame, path: str, offset: int = 0) -> Iterator[Chunk]:
    """A file's chunks from an offset on, as its source wants them framed; of a database all."""
    if frame == "sqlite":
        return read_database(path, source.statements, [RowCursor() for _ in source.statements])
    if frame == "document":
        return read_whole(path, source.beside(path))
    if frame == "archive":
        return read_archive(path, source.beside(path))
    if frame == "indented":
        return read_indented(path, offset)
    if path.lower().endswith((".csv", ".tsv")):
        return read_csv_rows(path, offset)
    return read_lines(path, offset)


def _fill(portion: Portion, source: Source, chunks: Iterator[Chunk]) -> bool:
    """Read chunks into a portion until it is full; whether the file goes on behind it."""
    state = _state(source, portion.state)
    sessions: Sessions = {}
    begin = portion.offset
    try:
        for chunk in chunks:
            if not chunk.data.endswith(b"\n") and not _is_whole(chunk.data):
                portion.tail_bytes = len(chunk.data)
                continue  # it is the last chunk; behind it stands why the file ends too early
            _take(portion, source, state, sessions, chunk)
            if portion.offset - begin >= PORTION_BYTES and not chunk.last:
                portion.done = False
                break
    except FrameError as error:
        portion.note = error.detail
    portion.state = _encoder.encode(state)
    add_roots(sessions)
    portion.sessions = list(sessions.values())
    if portion.done and portion.expected is None and not begin:
        portion.measured = [_in_force.measurer.session(session) for session in portion.sessions]
    return not portion.done


def _is_same_database(before: bytes, now: FileId) -> bool:
    """Whether this is the database of before, whatever was written into it."""
    was = msgspec.msgpack.decode(before, type=FileId)
    return (was.device, was.inode) == (now.device, now.inode)


def _read_database(portion: Portion, source: Source, known: bool) -> Reading:
    """The rows of an SQLite file that are new or changed; the cursors stand with the state."""
    if not is_remote(portion.path):
        portion.mtime_ns = LIVE
    begin = portion.offset
    if portion.state:
        cursors, encoded = msgspec.msgpack.decode(portion.state, type=_DatabaseState)
    else:
        cursors, encoded = [RowCursor() for _ in source.statements], b""
    state = _state(source, encoded)
    sessions: Sessions = {}
    size = 0
    try:
        for chunk in read_database(portion.path, source.statements, cursors):
            _take(portion, source, state, sessions, chunk)
            size += len(chunk.data)
            if size >= PORTION_BYTES:
                portion.done = False
                break
    except FrameError as error:
        portion.note = error.detail
    portion.state = _encoder.encode((cursors, _encoder.encode(state)))
    add_roots(sessions)
    portion.sessions = list(sessions.values())
    portion.offset = begin + size
    if known and not (portion.record_keys or portion.problems or portion.skipped or portion.note):
        return Reading(None)
    return Reading(portion, not portion.done)


_DatabaseState = tuple[list[RowCursor], bytes]


def _take(portion: Portion, source: Source, state: Any, sessions: Sessions, chunk: Chunk) -> None:
    reading = source.read(chunk, state)
    fold(reading.events, sessions)
    portion.record_keys += reading.record_keys
    portion.problems += reading.problems
    portion.unread += problems_of_parts(reading, chunk, source.name)
    portion.spans += reading.spans
    portion.names.update(reading.names)
    for into, told in ((portion.skipped, reading.skipped), (portion.unknown, reading.unknown)):
        into.update({kind: into.get(kind, 0) + count for kind, count in told.items()})
    portion.offset = chunk.offset
    portion.offset += chunk.data.count(b"\n") if by_row(chunk.path) else len(chunk.data)


def _state(source: Source, encoded: bytes) -> Any:
    state = source.state()
    return msgspec.msgpack.decode(encoded, type=type(state)) if encoded else state


def _is_whole(tail: bytes) -> bool:
    """Whether a last line without its newline is a record, as in 219 of 1,040 real files."""
    try:
        msgspec.json.decode(tail)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def source_of_table(url: str) -> Source:
    """The format of an SQL table: the user's own where a mapping names it, else AgentLog."""
    return all_sources()["mapping" if mapping.mapping_of(url) else "agent_log"]


def _read_table(task: Task) -> Reading:
    """The next pages of an SQL table; the cursor stands where a file's identity does."""
    was = task.progress
    source = source_of_table(task.path)
    portion = _blank(task, source)
    if was is not None and not task.again:
        portion.identity, portion.offset, portion.state = was.identity, was.offset, was.state
    state = _state(source, portion.state)
    sessions: Sessions = {}
    try:
        after = portion.identity.decode() or None
        url = _in_force.setup.addresses.get(task.path, task.path)
        for page in read_table(url, after, overlap_s=task.overlap_s):
            _take(portion, source, state, sessions, _unseen(page.chunk))
            portion.identity = page.cursor.encode()
            portion.offset = page.chunk.offset + page.chunk.data.count(b"\n")
            if len(portion.record_keys) >= 50_000 and not page.chunk.last:
                portion.done = False
                break
    except FrameError as error:
        portion.note = error.detail
    portion.state = _encoder.encode(state)
    add_roots(sessions)
    portion.sessions = list(sessions.values())
    if was is not None and not portion.record_keys and not portion.problems and not portion.note:
        return Reading(None)
    return Reading(portion, not portion.done)


def _unseen(rows: Chunk) -> Chunk:
    """Those of a table's rows that this thread does not remember as they are."""
    if _in_force.rows is None:
        return rows
    seen, now = _in_force.rows[rows.path], time.monotonic()
    fresh = []
    for line in rows.data.splitlines(keepends=True):
        digest = digest_of(line)
        if digest not in seen:
            fresh.append(line)
        seen[digest] = now
    if len(seen) > 2 * MOST_ROWS:
        for digest in sorted(seen, key=seen.__getitem__)[:-MOST_ROWS]:
            del seen[digest]
    return msgspec.structs.replace(rows, data=b"".join(fresh))


def _blank(task: Task, source: Source | None) -> Portion:
    """A portion of a file before anything of it was read."""
    was = task.progress
    return Portion(
        path=task.path,
        source=source.name if source else None,
        revision=source.revision if source else 0,
        identity=b"",
        size=0,
        mtime_ns=0,
        expected=None if was is None else (was.identity, was.offset),
        offset=0,
        tail_bytes=0,
        state=b"",
        replaced=False,
        sessions=[],
        record_keys=[],
        skipped={},
        unknown={},
        problems=[],
        read_us=time.time_ns() // 1000,
        done=True,
    )


def unread(task: Task, note: str) -> Portion:
    """A portion that only says why a file could not be read now; its progress stays."""
    portion = _blank(task, None)
    portion.note = note
    was = task.progress
    if was is not None:
        portion.source, portion.revision = was.source, was.revision
        portion.identity, portion.offset, portion.state = was.identity, was.offset, was.state
        portion.tail_bytes = was.tail_bytes
    return portion


def _why_unknown(beginning: bytes) -> str:
    if not beginning.strip():
        return "empty"
    if looks_binary(beginning):
        return "binary, no log"
    if len(beginning) >= HEAD_BYTES and b"\n" not in beginning:
        return f"no known log format: the {HEAD_BYTES:,} bytes by which it is told are one line"
    return "no known log format: `tachlog formats` lists them"
