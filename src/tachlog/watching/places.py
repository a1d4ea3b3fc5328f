"""What is followed: directories and files of this machine, tables and files on servers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tachlog.config import Config
from tachlog.discovery import directories, home_of

Places = Callable[[], Sequence[str]]
"""Gives the paths and URLs to follow; asked again and again, since agents are installed any day."""

MOUNTS: Final = Path("/proc/self/mountinfo")
REMOTE: Final = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|glusterfs|lustre|gpfs|vboxsf|prl_fs|drvfs|virtiofs"
    r"|fuse\.(?!fuse-overlayfs|overlay).*"
)
"""Kinds of file systems whose changes by others Linux tells nobody of (inotify(7), checked
2026-11-22)."""


def discovered(environ: Mapping[str, str], config: Config) -> Places:
    """Wherever agents keep their logs on this machine, and the configuration's own places."""

    def places() -> list[str]:
        found = directories(environ, home_of(environ))
        return [*(str(place.directory) for place in found if place.exists), *config.sources.paths]

    return places


def named(paths: Sequence[str]) -> Places:
    """These paths and URLs; paths as they are from here."""
    fixed = [path if "://" in path else os.path.abspath(path) for path in paths]
    return lambda: fixed


def on_network(path: str, mounts: str) -> bool:
    """Whether a path lies on a file system of another machine, by the text of `MOUNTS`."""
    real = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split(" ")[0]
    return REMOTE.fullmatch(kind) is not None
