"""Cut a zip archive of JSON documents into lines, one for each member."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from io import RawIOBase
from types import ModuleType
from typing import TYPE_CHECKING, Final

import msgspec

from tachlog.frames.documents import DOCUMENT_BYTES
from tachlog.frames.faults import FrameError
from tachlog.frames.stream import FREE_BYTES, MOST_RATIO, open_file
from tachlog.model import Chunk

if TYPE_CHECKING:
    import zipfile

ZIP: Final = b"PK\x03\x04"
_STORED, _DEFLATED, _ZSTD = 0, 8, 93
_LOCAL: Final = struct.Struct("<4s5H3I2H")
"""A member's own header: magic, version, flags, method, time, date, checksum, packed and unpacked
size, lengths of its name and extra field (APPNOTE.TXT 6.3.10, 4.3.7)."""

_SIZES_LATER: Final = 1 << 3
"""The flag of members whose sizes stand behind them, and so are not known here."""


def read_archive(path: str, beside: Sequence[str] = ()) -> Iterator[Chunk]:
    """Yield the JSON members of a zip archive as lines.

    A line is `{"member": its name, "document": …, "beside": […]}`. The documents `beside` each are
    those of the members that stand before it and whose names match the patterns; a member that is
    damaged is put as it is behind its name. Offsets count the bytes of these lines, and every chunk
    has `last` set, since an archive is only ever read as a whole. An archive that was cut short has
    lost its directory: its members are then taken as they stand in the file, up to the cut.

    Raises FrameError, after what could be read was yielded: for a file that cannot be opened or is
    cut short, for a member that unpacks to more than `DOCUMENT_BYTES`, and for an archive that
    unpacks to more than `MOST_RATIO` times its size.
    """
    zipfile = _zipfile()
    with open_file(path) as file:
        most = max(FREE_BYTES, MOST_RATIO * file.seek(0, os.SEEK_END))
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError):
            yield from _lines(path, _salvaged(file), beside, most)
            what = "is cut short, or no zip archive"
            raise FrameError(path, what, "its first members were read; copy it again") from None
        with archive:
            yield from _lines(path, _members(path, archive), beside, most)


def _zipfile() -> ModuleType:
    """The module that reads zip archives whose members may be packed by zstd."""
    if sys.version_info >= (3, 14):
        import zipfile
    else:
        from backports.zstd import zipfile
    return zipfile


def _members(path: str, archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """The name and content of each JSON member, in the order of the archive."""
    for member in archive.infolist():
        if not member.filename.endswith(".json"):
            continue
        if member.file_size > DOCUMENT_BYTES:
            what = f"has a member of more than {DOCUMENT_BYTES:,} bytes, {member.filename}"
            raise FrameError(path, what, "unpack it yourself if it really is a log")
        try:
            with archive.open(member) as stream:
                yield member.filename, stream.read(DOCUMENT_BYTES)
        except (_zipfile().BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            yield member.filename, f"damaged: {error}".encode()


def _salvaged(file: RawIOBase) -> Iterator[tuple[str, bytes]]:
    """The JSON members that stand whole before the point where an archive was cut."""
    file.seek(0)
    while len(head := file.read(_LOCAL.size) or b"") == _LOCAL.size:
        magic, _, flags, method, _, _, _, packed, size, name_length, extra = _LOCAL.unpack(head)
        name = (file.read(name_length) or b"").decode("utf-8", "replace")
        file.seek(extra, 1)
        data = file.read(packed) or b""
        if magic != ZIP or flags & _SIZES_LATER or len(data) < packed or size > DOCUMENT_BYTES:
            return
        if name.endswith(".json"):
            yield name, _unpacked(method, data)


def _unpacked(method: int, data: bytes) -> bytes:
    try:
        if method == _STORED:
            return data
        if method == _DEFLATED:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, DOCUMENT_BYTES)
        return _unzstd(data) if method == _ZSTD else b"packed in an unknown way"
    except (zlib.error, ValueError, EOFError) as error:
        return f"damaged: {error}".encode()


def _unzstd(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor, ZstdError
    else:
        from backports.zstd import ZstdDecompressor, ZstdError
    try:
        return ZstdDecompressor().decompress(data, DOCUMENT_BYTES)
    except ZstdError as error:
        raise ValueError(str(error)) from error


def _lines(
    path: str, members: Iterator[tuple[str, bytes]], beside: Sequence[str], most_bytes: int
) -> Iterator[Chunk]:
    """A line for each member, as long as all of them are not too much."""
    others: list[bytes] = []
    offset = unpacked = 0
    for name, data in members:
        unpacked += len(data)
        if unpacked > most_bytes:
            what = f"unpacks to more than {MOST_RATIO:,} times its size"
            raise FrameError(path, what, "unpack it yourself if it really is a log")
        document = b" ".join(data.split(b"\n")).replace(b"\r", b" ").strip() or b"null"
        line = b'{"member":%s,"document":%s,"beside":[%s]}\n' % (
            msgspec.json.encode(name),
            document,
            b",".join(others),
        )
        yield Chunk(path, offset, line, last=True)
        offset += len(line)
        if any(fnmatchcase(name, pattern) for pattern in beside):
            others.append(document)
