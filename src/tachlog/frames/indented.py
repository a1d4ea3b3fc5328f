"""Cut a file of JSON objects that are each printed over several lines."""

from __future__ import annotations

from collections.abc import Iterator

from tachlog.frames.lines import CHUNK_BYTES, read_lines
from tachlog.model import Chunk

_END = b"\n}\n"


def read_indented(
    path: str, offset: int = 0, *, chunk_bytes: int = CHUNK_BYTES, limit: int | None = None
) -> Iterator[Chunk]:
    """Yield a file's objects from byte `offset` of its uncompressed content, each on one line.

    An object ends with a line that is a brace alone. Line ends within it become spaces, so that
    data is as long as in the file. Otherwise as `read_lines`, with objects for lines.
    """
    held: list[bytes] = []
    for chunk in read_lines(path, offset, chunk_bytes=chunk_bytes, limit=limit):
        if not held:
            offset = chunk.offset
        before = held[-1][-2:] if held else b""
        cut = (before + chunk.data).rfind(_END) + len(_END) - len(before)
        if cut < len(_END) - len(before):
            held.append(chunk.data)
            continue
        whole = b"".join([*held, chunk.data[:cut]])
        yield Chunk(path, offset, _on_lines(whole), last=chunk.last and cut == len(chunk.data))
        offset += len(whole)
        held = [chunk.data[cut:]] if cut < len(chunk.data) else []
    if held:
        yield Chunk(path, offset, b"".join(held).replace(b"\n", b" "), last=True)


def _on_lines(whole: bytes) -> bytes:
    return b" }\n".join(part.replace(b"\n", b" ") for part in whole.split(_END))
