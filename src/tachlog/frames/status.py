"""What is told of a file without its content."""

from __future__ import annotations

from typing import NamedTuple


class Status(NamedTuple):
    """Size, time and identity of a file.

    Of a file on a server `mtime_ns` is a stamp of its entity tag and of when it was last changed:
    another stamp may mean other content. Such a file has no device and inode.
    """

    size: int
    mtime_ns: int
    device: int = 0
    inode: int = 0
