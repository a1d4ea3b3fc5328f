"""What an export directory says of itself: what was asked for, which files are its own."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tachlog import __version__
from tachlog.analysis.exporting import Day
from tachlog.export.writers import ExportError

NAME: Final = "_tachlog.json"
"""Readers of data sets pass over names that begin with an underscore."""


class File(Struct):
    """One file of ours; `day` is None while it is not known to be whole."""

    rows: int = 0
    bytes: int = 0
    day: Day | None = None


class Manifest(Struct):
    """What a directory holds: the answer to `asked`, from one archive."""

    schema: int
    archive: str
    asked: dict[str, str]
    columns: dict[str, list[str]]
    files: dict[str, File]
    tachlog: str = __version__


def read(directory: Path) -> Manifest | None:
    """The manifest of a directory; raises `ExportError` when it cannot be understood."""
    path = directory / NAME
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.DecodeError as error:
        raise ExportError(
            f"{path}: cannot be understood ({error}); name another directory, or remove this one"
        ) from error


def write(directory: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the former one."""
    manifest.files = dict(sorted(manifest.files.items()))
    fresh = directory / f".{NAME}.new"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    fresh.replace(directory / NAME)


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Make the directory and keep other exports out of it; raises `ExportError` if one is there."""
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ExportError(f"{directory}: another export is writing there; wait for it") from None
    finally:
        os.close(handle)
