"""Cut files that are one document, and databases of records, into chunks like those of lines."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tachlog.frames.faults import FrameError
from tachlog.frames.stream import head, local_file, matching, read_document, status_of
from tachlog.model import Chunk, digest_of

DOCUMENT_BYTES: Final = 256 << 20
"""What a document may hold; the largest real one that was seen has 3 MB."""

PAGE_BYTES: Final = 1 << 20
OVERLAP_MS: Final = 60_000
"""How long a transaction of an agent may take to become visible after its rows were stamped."""

BUSY_SECONDS: Final = 2.0


def read_whole(path: str, beside: Sequence[str] = ()) -> Iterator[Chunk]:
    """Yield a file that is one JSON document as one line, without white space; none if it is empty.

    With patterns of files that lie `beside` it, the line is `{"document": …, "beside": [the
    documents of all files that match, in the order of their paths]}`; of JSON lines it is the
    first. Those that are damaged are left out, they are a matter of their own. Raises FrameError
    for a file that cannot be read, or is larger than `DOCUMENT_BYTES`.
    """
    line, is_whole = _on_one_line(path)
    if line.isspace():
        return
    if beside and is_whole:
        others = sorted(name for pattern in beside for name in matching(pattern))
        found = [other for name in others if (other := _beside(name)) is not None]
        line = b'{"document":%s,"beside":[%s]}' % (line.strip(), b",".join(found))
    yield Chunk(path, 0, line, last=True)


def _on_one_line(path: str) -> tuple[bytes, bool]:
    """A document without white space, and True; a damaged one as it is, but for its line ends."""
    data = read_document(path, limit=DOCUMENT_BYTES)
    if _is_whole(data):
        return msgspec.json.format(data, indent=-1) + b"\n", True
    return data.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n", False


def _beside(path: str) -> bytes | None:
    try:
        if path.endswith(".jsonl"):
            line = head(path).partition(b"\n")[0]
            is_whole = _is_whole(line)
        else:
            line, is_whole = _on_one_line(path)
    except FrameError:
        return None
    return line.strip() if is_whole else None


def _is_whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


class RowCursor(Struct):
    """How far one statement was read: rows stamped before `since_ms` are done, and `seen` ones."""

    since_ms: int = 0
    seen: list[int] = msgspec.field(default_factory=list)


def read_database(
    path: str, statements: Sequence[str], cursors: list[RowCursor]
) -> Iterator[Chunk]:
    """Yield the rows of an SQLite file as JSON lines, and move the `cursors` (one a statement).

    A statement gives (milliseconds of the last change, JSON text) in ascending order for the rows
    changed at `:since` or later; a row is told again when it changed. One whose tables or columns
    the file does not have is passed over. The file is opened for reading only, with what its
    write-ahead log holds, and never changed. Chunk offsets count rows of this reading.

    Raises FrameError when the file is no database, is locked, or no statement fits it.
    """
    rows = 0
    fits = 0
    try:
        with local_file(path) as name, closing(_opened(name)) as connection:
            for statement, cursor in zip(statements, cursors, strict=True):
                try:
                    found = connection.execute(statement, {"since": cursor.since_ms})
                except sqlite3.OperationalError as error:
                    if str(error).startswith(("no such table", "no such column")):
                        continue
                    raise
                fits += 1
                for page, count in _pages(found, cursor):
                    yield Chunk(path, rows, page, last=False)
                    rows += count
    except sqlite3.Error as error:
        what = f"cannot be read as a database ({error})"
        raise FrameError(path, what, "try again when the agent is not writing it") from error
    if not fits:
        raise FrameError(path, "has none of the tables looked for", "is it really this agent's?")


def _pages(found: sqlite3.Cursor, cursor: RowCursor) -> Iterator[tuple[bytes, int]]:
    """Rows in pages of about `PAGE_BYTES`; before a page is given, the cursor stands behind it."""
    recent: list[tuple[int, int]] = [(cursor.since_ms, digest) for digest in cursor.seen]
    known = set(cursor.seen)
    lines: list[bytes] = []
    size = 0

    def stand() -> None:
        newest = max((at for at, _ in recent), default=0)
        cursor.since_ms = max(cursor.since_ms, newest - OVERLAP_MS)
        recent[:] = [(at, digest) for at, digest in recent if at >= cursor.since_ms]
        cursor.seen = sorted({digest for _, digest in recent})

    for at_ms, text in found:
        if not isinstance(at_ms, int) or not isinstance(text, str):
            continue
        line = text.encode("utf-8", "replace").replace(b"\n", b" ") + b"\n"
        digest = digest_of(line)
        recent.append((at_ms, digest))
        if digest in known:
            continue
        lines.append(line)
        size += len(line)
        if size >= PAGE_BYTES:
            stand()
            yield b"".join(lines), len(lines)
            lines, size = [], 0
    if lines:
        stand()
        yield b"".join(lines), len(lines)


def _opened(path: str) -> sqlite3.Connection:
    """A connection that only reads.

    With a write-ahead log beside the file somebody may be writing: then it is read through the log.
    Without one nobody is, and `immutable` keeps SQLite from making such files itself.
    """
    status_of(path)
    mode = "mode=ro" if os.path.exists(f"{path}-wal") else "mode=ro&immutable=1"
    connection = sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?{mode}", uri=True, timeout=BUSY_SECONDS
    )
    connection.execute("PRAGMA query_only = ON")
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection
