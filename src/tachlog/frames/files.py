"""Tell whether a file is still the one that was read before."""

from __future__ import annotations

import os
from io import FileIO
from typing import Literal

from msgspec import Struct

from tachlog.frames.stream import open_file, status_of
from tachlog.model import digest_of

END_BYTES = 4096

Change = Literal["unchanged", "grown", "replaced"]


class FileId(Struct, frozen=True):
    """A file as it was at one moment.

    `head` is the digest of its first `head_bytes` bytes, `tail` that of as many before `size`. Both
    stay true while the file is only appended to.
    """

    path: str
    size: int
    mtime_ns: int
    device: int
    inode: int
    head: int
    head_bytes: int
    tail: int


def identify(path: str) -> FileId:
    """Take a file's identity; raise FrameError when it cannot be opened."""
    with open_file(path) as file:
        status = os.fstat(file.fileno())
        count = min(END_BYTES, status.st_size)
        head, tail = _ends(file, status.st_size, count)
    return FileId(
        path=path,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        device=status.st_dev,
        inode=status.st_ino,
        head=head,
        head_bytes=count,
        tail=tail,
    )


def same_file(old: FileId, path: str) -> Change:
    """Say what became of a file since `old` was taken.

    unchanged: size, time and inode are as they were (one stat, the file is not opened). grown: the
    same inode still has the old content at both ends of the old size, so reading can go on.
    replaced: anything else (truncated, written anew), so it must be read from its start. Raises
    FrameError when the file cannot be opened.
    """
    now = status_of(path)
    if (now.st_size, now.st_mtime_ns, now.st_ino) == (old.size, old.mtime_ns, old.inode):
        return "unchanged"
    if now.st_size < old.size or now.st_ino != old.inode:
        return "replaced"
    with open_file(path) as file:
        ends = _ends(file, old.size, old.head_bytes)
    return "grown" if ends == (old.head, old.tail) else "replaced"


def _ends(file: FileIO, size: int, count: int) -> tuple[int, int]:
    """Return the digests of a file's first `count` bytes and of as many before `size`."""
    head = file.read(count) or b""
    file.seek(size - count)
    tail = file.read(count) or b""
    return digest_of(head), digest_of(tail)
