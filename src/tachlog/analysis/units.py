"""From the integers inside to the units outside: seconds, milliseconds, dollars, RFC 3339, shares.

Conversions are exact to the last digit inside: figures that add up inside add up outside.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds(us: int) -> float:
    """Microseconds as seconds."""
    return us / 1_000_000


def milliseconds(us: int) -> float:
    """Microseconds as milliseconds."""
    return us / 1_000


def dollars(nanousd: int) -> float:
    """Nano-dollars as dollars."""
    return nanousd / 1_000_000_000


def share(part: int, whole: int) -> float | None:
    """A part of a whole to six digits; None of nothing."""
    return round(part / whole, 6) if whole else None


def mean_ms(total_us: int, count: int) -> float | None:
    """The mean of `count` durations in milliseconds, to the microsecond; None of no durations."""
    return round(total_us / count / 1_000, 3) if count else None


def rfc3339(us: int) -> str:
    """Microseconds since the epoch as a time in UTC: `2026-11-22T17:04:05.123Z`."""
    moment = _EPOCH + timedelta(microseconds=us)
    digits = "microseconds" if us % 1_000 else "milliseconds"
    return moment.isoformat(timespec=digits).removesuffix("+00:00") + "Z"


def optional_rfc3339(us: int | None) -> str | None:
    """A time that may not be known."""
    return None if us is None else rfc3339(us)


def optional_ms(us: int | None) -> float | None:
    """A duration in milliseconds that may not be known."""
    return None if us is None else milliseconds(us)
