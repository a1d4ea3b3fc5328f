"""Answers made smaller on their way: with brotli where the asker takes it, else with gzip."""

from __future__ import annotations

from typing import Final, Protocol

import brotli
from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware, IdentityResponder
from starlette.types import Receive, Scope, Send

LEAST_BYTES: Final = 1024
GZIP_LEVEL: Final = 5
BROTLI_QUALITY: Final = 4
"""On our pages 3 to 13 % smaller than gzip at 5, in about its time; 5 takes ten times as long
(measured 2026-11-23)."""


class _Compressor(Protocol):
    def process(self, data: bytes) -> bytes: ...

    def flush(self) -> bytes: ...

    def finish(self) -> bytes: ...


class Compressing(GZipMiddleware):
    """Compresses what is worth it and not compressed already; event streams go as they are."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and _takes_brotli(Headers(scope=scope)):
            excluded = self.exclude_content_types
            responder = _Brotli(self.app, self.minimum_size, exclude_content_types=excluded)
            await responder(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class _Brotli(IdentityResponder):
    content_encoding = "br"
    compressor: _Compressor | None = None

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        """The next part of the body."""
        if self.compressor is None:
            self.compressor = brotli.Compressor(quality=BROTLI_QUALITY)
        end = self.compressor.flush if more_body else self.compressor.finish
        return self.compressor.process(body) + end()


def _takes_brotli(headers: Headers) -> bool:
    """Whether the asker names brotli, and not as what it does not want (RFC 9110, 12.5.3)."""
    for each in headers.get("accept-encoding", "").split(","):
        name, _, weight = each.partition(";")
        if name.strip().lower() == "br":
            return weight.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
