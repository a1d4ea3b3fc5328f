"""Open a log file as a stream of its uncompressed bytes."""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO, RawIOBase
from typing import BinaryIO, cast

from tachlog.frames.faults import FrameError
from tachlog.frames.status import Status
from tachlog.model import is_remote

GZIP = b"\x1f\x8b"
ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
"""A frame's magic number, and those of skippable frames (RFC 8878, 3.1)."""

UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

HEAD_BYTES = 1 << 16
"""Bytes of a file by which its format is told."""

MOST_BYTES = 64 << 30
"""Uncompressed bytes that a compressed file may hold unless the caller says otherwise."""

MOST_RATIO = 1000
FREE_BYTES = 64 << 20
"""A compressed file is refused when it is beyond this ratio after this many bytes. Text does not
get there; gzip cannot pass 1,032."""

BINARY = (
    b"SQLite format 3\0",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"%PDF-",
    b"\x7fELF",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"PAR1",
)
CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\r\f\b\x1b"))
MOST_CONTROLS = 0.05


class Window:
    """A file as long as it was when it was opened; what is appended meanwhile stays out."""

    def __init__(self, file: RawIOBase, start: int) -> None:
        self._file = file
        self._left = max(0, status_in(file).size - start)
        self.taken = 0
        file.seek(start)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end, also when the file has shrunk to here."""
        block = self._file.read(min(size, self._left)) or b""
        self._left -= len(block)
        self.taken += len(block)
        return block


Unpack = Callable[[Window], tuple[Callable[[int], bytes], type[Exception]]]
"""Gives what returns up to n unpacked bytes, none at the end, and what it raises on damage."""


class Stream:
    """The uncompressed bytes of one file. `fault` says why they ended too early."""

    def __init__(self, path: str, window: Window, unpack: Unpack, limit: int) -> None:
        self.fault: FrameError | None = None
        self._path = path
        self._window = window
        self._step, self._damage = unpack(window)
        self._limit = limit
        self._given = 0

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes; fewer only at the end."""
        parts = []
        left = size
        while left and self.fault is None and (part := self._next(left)):
            parts.append(part)
            left -= len(part)
            self._given += len(part)
            self.fault = self._excess()
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Read and forget `size` bytes."""
        while size and (part := self.read(min(size, 1 << 20))):
            size -= len(part)

    def _next(self, size: int) -> bytes:
        try:
            return self._step(size)
        except FrameError as fault:
            self.fault = fault
            return b""
        except EOFError:
            what = "ends in the middle of its compressed data"
            todo = "what could be unpacked was read; copy the file again if it is whole elsewhere"
        except OSError as error:  # gzip's own complaints are of this class as well
            what = f"cannot be read any further ({error.strerror or error})"
            todo = "what came before was read; check the file and the disk"
        except self._damage as error:
            what = f"is damaged ({error})"
            todo = "what came before was read; copy the file again if it is whole elsewhere"
        self.fault = FrameError(self._path, what, todo)
        return b""

    def _excess(self) -> FrameError | None:
        if self._given > self._limit:
            what = f"unpacks to more than {self._limit:,} bytes"
        elif self._given > max(FREE_BYTES, MOST_RATIO * self._window.taken):
            what = f"unpacks to more than {MOST_RATIO:,} times its size"
        else:
            return None
        return FrameError(self._path, what, "unpack it yourself if it really is a log")


def status_of(path: str) -> Status:
    """Return what is said of a file, links followed; raise FrameError where nothing is."""
    if is_remote(path):
        from tachlog.frames.remote import status_now

        return status_now(path)
    return _status(_stat(path))


def status_in(file: RawIOBase) -> Status:
    """Return what is said of an open file."""
    told = getattr(file, "status", None)
    return told if isinstance(told, Status) else _status(os.fstat(file.fileno()))


def _status(told: os.stat_result) -> Status:
    return Status(told.st_size, told.st_mtime_ns, told.st_dev, told.st_ino)


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:
        raise unopened(path, error) from error


@contextmanager
def open_file(path: str) -> Iterator[RawIOBase]:
    """Open a regular file; raise FrameError for what is none, never waiting for a pipe."""
    if is_remote(path):
        from tachlog.frames.remote import RemoteFile

        with RemoteFile(path) as file:
            yield file
        return
    mode = _stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise FrameError(path, "is a directory", "name the files in it, or let it be walked")
    if not stat.S_ISREG(mode):
        raise FrameError(path, "is not a regular file", "save what it gives into a file first")
    try:
        with FileIO(path) as file:
            yield file
    except OSError as error:
        raise unopened(path, error) from error


@contextmanager
def local_file(path: str) -> Iterator[str]:
    """The path of a file that is on this machine: a temporary copy of one that is not."""
    if is_remote(path):
        from tachlog.frames.remote import local_copy

        with local_copy(path) as name:
            yield name
    else:
        yield path


def matching(pattern: str) -> list[str]:
    """The files that match a pattern of paths."""
    if is_remote(pattern):
        from tachlog.frames.remote import beside_remote

        return beside_remote(pattern)
    return glob.glob(pattern)


def unopened(path: str, error: OSError | ValueError) -> FrameError:
    """Say why a file could not be opened."""
    if isinstance(error, FileNotFoundError):
        return FrameError(path, "is not there", "check the name; it may have been moved or deleted")
    reason = getattr(error, "strerror", None) or error
    return FrameError(path, f"cannot be opened ({reason})", "check the file and your rights to it")


@contextmanager
def open_stream(path: str, offset: int = 0, limit: int | None = None) -> Iterator[Stream]:
    """Open a file at an offset of its uncompressed bytes; its first bytes tell how it is packed."""
    with open_file(path) as file:
        magic = file.read(4) or b""
        packed = magic.startswith(GZIP) or ZSTD.match(magic) is not None
        window = Window(file, 0 if packed else offset)
        if packed:
            unpack = _gunzip if magic.startswith(GZIP) else _unzstd
            stream = Stream(path, window, unpack, MOST_BYTES if limit is None else limit)
            stream.skip(offset)
        else:
            stream = Stream(path, window, _as_it_is, sys.maxsize)
        yield stream


def _as_it_is(window: Window) -> tuple[Callable[[int], bytes], type[Exception]]:
    return window.read, OSError


def _gunzip(window: Window) -> tuple[Callable[[int], bytes], type[Exception]]:
    import zlib
    from gzip import GzipFile

    return GzipFile(fileobj=cast("BinaryIO", window), mode="rb").read1, zlib.error


def _unzstd(window: Window) -> tuple[Callable[[int], bytes], type[Exception]]:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdError, ZstdFile
    else:
        from backports.zstd import ZstdError, ZstdFile

    return ZstdFile(cast("BinaryIO", window)).read1, ZstdError


def mark_length(path: str, start: bytes) -> int:
    """Return how many of a file's first bytes are a UTF-8 byte order mark; refuse UTF-16."""
    if start.startswith(UTF16_MARKS):
        raise FrameError(
            path,
            "begins with the byte order mark of UTF-16",
            "convert it, as by `iconv -f UTF-16 -t UTF-8`",
        )
    return len(UTF8_MARK) if start.startswith(UTF8_MARK) else 0


def head(path: str, size: int = HEAD_BYTES) -> bytes:
    """Return the first `size` uncompressed bytes, without a byte order mark, to tell the format by.

    Raises FrameError when the file cannot be opened, or damage leaves nothing to look at.
    """
    with open_stream(path) as stream:
        start = stream.read(size + len(UTF8_MARK))
        if stream.fault and not start:
            raise stream.fault
    length = mark_length(path, start)
    return start[length : length + size]


def read_document(path: str, *, limit: int) -> bytes:
    """Return all uncompressed bytes of a file that is one document, without a byte order mark.

    Raises FrameError when there are more than `limit` of them, or damage hides some.
    """
    with open_stream(path, limit=limit) as stream:
        data = stream.read(limit + 1)
        if stream.fault:
            raise stream.fault
    if len(data) > limit:
        raise FrameError(path, f"is larger than {limit:,} bytes", "split it, or raise the limit")
    return data[mark_length(path, data) :]


def looks_binary(start: bytes) -> bool:
    """Return whether a file that starts so is no text: a database, an image, an archive.

    Runs of NUL bytes, as a crash leaves them in a log, do not count.
    """
    if start.startswith(BINARY):
        return True
    text = re.sub(rb"\0{4,}", b"", start)
    controls = len(text) - len(text.translate(None, CONTROLS))
    return controls > MOST_CONTROLS * len(text)
