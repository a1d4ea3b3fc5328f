"""Posts a body to a server that may be away or busy, until it is taken or patience ends."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from tachlog.client import straight

TIMEOUT_S: Final = 60.0
PATIENCE_S: Final = 60.0
"""How long a receiver that is away, or busy, is waited for; the next run goes on."""

LONGEST_PAUSE_S: Final = 30.0
LATER: Final = frozenset((408, 429, 500, 502, 503, 504))
"""Answers after which the same body may be taken."""


class PostError(Exception):
    """A body was not taken; the message says why and what to do."""


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_s: float = TIMEOUT_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bytes:
    """What a server answers to a body; raises `PostError` where it refuses, or patience ends."""
    until = clock() + PATIENCE_S
    pause_s = 0.5
    while True:
        request = urllib.request.Request(url, body, dict(headers))
        try:
            with straight().open(request, timeout=timeout_s) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                told = f"{error.code} {error.read(300).decode('utf-8', 'replace')}"
            if 300 <= error.code < 400:
                place = error.headers.get("Location", "elsewhere")
                raise PostError(
                    f"{url} points to {place}, where nothing is sent: name that"
                ) from None
            if error.code not in LATER:
                raise PostError(f"{url} refuses: {told}") from None
            pause_s = max(pause_s, asked_pause_s(error.headers.get("Retry-After"), time.time()))
        except (OSError, http.client.HTTPException) as error:
            told = str(getattr(error, "reason", error)) or type(error).__name__
        if clock() + pause_s > until:
            raise PostError(f"{url}: {told}; what was not sent goes with the next run")
        sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def asked_pause_s(told: str | None, now_s: float) -> float:
    """How long a Retry-After asks to wait: seconds, or until a date (RFC 9110, section 10.2.3)."""
    if told is None or told.isdecimal():
        return float(told or 0)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - now_s)
    except ValueError:
        return 0.0
