"""Tell whether a file is still the one that was read before."""

from __future__ import annotations

from io import RawIOBase
from typing import Literal

from msgspec import Struct

from tachlog.frames.stream import open_file, status_in, status_of
from tachlog.model import digest_of

END_BYTES = 4096

Change = Literal["unchanged", "grown", "replaced"]


class FileId(Struct, frozen=True):
    """A file as it was at one moment.

    `head` is the digest of its first `head_bytes` bytes, `tail` that of as many before `size`. Both
    stay true while the file is only appended to. Of a file on a server `mtime_ns` is the stamp of
    its entity tag and time, and it has no inode.
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
        status = status_in(file)
        count = min(END_BYTES, status.size)
        head, tail = _ends(file, status.size, count)
    return FileId(
        path=path,
        size=status.size,
        mtime_ns=status.mtime_ns,
        device=status.device,
        inode=status.inode,
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
    if (now.size, now.mtime_ns, now.inode) == (old.size, old.mtime_ns, old.inode):
        return "unchanged"
    if now.size < old.size or now.inode != old.inode:
        return "replaced"
    with open_file(path) as file:
        ends = _ends(file, old.size, old.head_bytes)
    return "grown" if ends == (old.head, old.tail) else "replaced"


def _ends(file: RawIOBase, size: int, count: int) -> tuple[int, int]:
    """Return the digests of a file's first `count` bytes and of as many before `size`."""
    head = file.read(count) or b""
    file.seek(size - count)
    tail = file.read(count) or b""
    return digest_of(head), digest_of(tail)
