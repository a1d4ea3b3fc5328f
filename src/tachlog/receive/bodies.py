"""Bodies that programs push: what each is, how it is unpacked, why it is refused."""

from __future__ import annotations

import zlib
from typing import Final, Literal

from msgspec import Struct

Signal = Literal["traces", "logs", "metrics"]
Kind = Literal["traces", "logs", "metrics", "agent-logs"]

ENCODINGS: Final = ("identity", "gzip", "deflate")
_WINDOWS: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Unreadable(ValueError):
    """A body that can never be read, however often it is sent; the message says why."""


class TooLarge(ValueError):
    """A body that is longer than bodies may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"longer than {limit:,} bytes: send less at once, or raise serve.max_body")


class Busy(Exception):
    """More comes in than the archive takes: whoever sends is to come again later."""


class Body(Struct, frozen=True, array_like=True):
    """What one request brought, packed as it came; once unpacked no more than `limit` bytes."""

    kind: Kind
    is_json: bool
    encoding: str
    data: bytes
    limit: int


class Fault(Struct, frozen=True, array_like=True):
    """A record of a body that could not be read; its line counts from 1."""

    line: int
    kind: str
    detail: str


class Verdict(Struct, frozen=True, array_like=True):
    """What became of a body: refused for good with `status` and `detail`, or taken.

    Of its records so many were `kept`; the first that could not be read are `faults`, all of them
    are counted by `rejected`.
    """

    status: int = 200
    detail: str = ""
    kept: int = 0
    rejected: int = 0
    faults: tuple[Fault, ...] = ()


def unpacked(body: Body) -> bytes:
    """The bytes of a body; raises `Unreadable` or `TooLarge`, before it holds more than allowed."""
    if body.encoding == "identity":
        data = body.data
    else:
        unpacker = zlib.decompressobj(_WINDOWS[body.encoding])
        try:
            data = unpacker.decompress(body.data, body.limit + 1)
        except zlib.error as error:
            raise Unreadable(f"no {body.encoding}: {error}") from None
        if len(data) <= body.limit and not unpacker.eof:
            raise Unreadable(f"the {body.encoding} stops in the middle")
    if len(data) > body.limit:
        raise TooLarge(body.limit)
    return data
