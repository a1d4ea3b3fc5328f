"""The values in AgentLog fields: numbers, times and texts, also where a text holds them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct

from tachlog.records import is_possible, lenient, utc_micros

Scalar = int | float | str | None
"""A number, or a text that may hold one: what comes from CSV is always a text."""

MAX_MS: Final = 1 << 53


class Block(Struct):
    """A content block of a message."""

    text: str | None = None


def text_of(raw: Raw) -> str:
    """The text of a content: a text, the texts of a list of blocks, or else its JSON."""
    text = lenient(raw, str)
    if text is not None:
        return text
    blocks = lenient(raw, list[Block])
    if blocks is not None:
        return "\n".join(block.text for block in blocks if block.text)
    return "" if raw == Raw(b"null") else bytes(raw).decode("utf-8", "replace")


def unwrapped(raw: Raw) -> Raw:
    """The JSON in a field, also where the field is a text that holds it (CSV, text columns)."""
    text = lenient(raw, str) if bytes(raw).startswith(b'"') else None
    return raw if text is None else Raw(text.strip().encode("utf-8", "surrogatepass"))


def moment(value: Scalar) -> tuple[int, bool] | None:
    """Microseconds since the epoch, and whether the zone was told; without one it is UTC.

    Of an ISO 8601 time, or of seconds, milliseconds or microseconds since the epoch by their size.
    """
    if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
        try:
            time = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        at_us = utc_micros(time)
        return None if at_us is None else (at_us, time.tzinfo is not None)
    count = number(value)
    for unit, least in ((1, 1e14), (1_000, 1e11), (1_000_000, 1e8)):
        if count is not None and least <= count < 1e17:
            at_us = round(count * unit)
            return (at_us, True) if is_possible(at_us) else None
    return None


def number(value: Scalar) -> float | None:
    """The number in a field, None when there is none."""
    try:
        return None if value is None else float(value)
    except (ValueError, OverflowError):
        return None


def whole(value: Scalar, limit: int) -> int | None:
    """A count from 0 to the limit, None when it is none."""
    if value is None:
        return None
    count = number(value)
    return round(count) if count is not None and 0 <= count <= limit else None


def milliseconds(value: Scalar) -> int | None:
    """A duration, None when it is none."""
    return whole(value, MAX_MS)
