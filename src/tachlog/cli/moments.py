"""Points in time as people write them: `today`, `7d`, a date, RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

FORMS = "a date (2026-11-20), today, yesterday, 36h, 7d, 4w, or RFC 3339 (2026-11-20T14:00Z)"
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_us(text: str, now_us: int, zone: tzinfo, *, day_ends: bool) -> int:
    """The point in time in µs since the epoch.

    `7d` is that long before now. A day stands for its beginning in the zone, with `day_ends` for
    its end, so that `--until` includes the day that it names. A time without an offset is in the
    zone. Raises ValueError, whose message names the forms.
    """
    told = text.strip().lower()
    if ago := re.fullmatch(r"(\d{1,6})([hdw])", told):
        span = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return now_us - span // timedelta(microseconds=1)
    try:
        day = _day(told, now_us, zone)
        if day is None:
            at = datetime.fromisoformat(text.strip())
            return _since_epoch(at if at.tzinfo else at.replace(tzinfo=zone))
        if day_ends:
            day += timedelta(days=1)
        return _since_epoch(datetime.combine(day, time(), zone))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: give {FORMS}") from None


def _day(told: str, now_us: int, zone: tzinfo) -> date | None:
    today = (_EPOCH + timedelta(microseconds=now_us)).astimezone(zone).date()
    if told in ("today", "yesterday"):
        return today - timedelta(days=told == "yesterday")
    return date.fromisoformat(told) if re.fullmatch(r"\d{4}-\d\d-\d\d", told) else None


def _since_epoch(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
