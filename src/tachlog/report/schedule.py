"""When the report of a week is sent, and to whom."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta, tzinfo
from typing import Annotated, Final

from msgspec import Meta, Struct

from tachlog.analysis.alerting.channels import Channel

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MOMENT: Final = re.compile(rf"({'|'.join(DAYS)}) ([01]?\d|2[0-3]):([0-5]\d)", re.IGNORECASE)
ALERTS_ONLY: Final = ("alertmanager+http", "alertmanager+https")
"""Kinds of channels that nothing but alerts can be sent to."""


class Reporting(Struct, frozen=True, kw_only=True):
    """The weekly report that `tachlog serve` sends."""

    schedule: Annotated[
        str,
        Meta(
            description="when `tachlog serve` sends the report of the week that is over, as"
            " `monday 08:00`; empty: never"
        ),
    ] = ""
    time_zone: Annotated[
        str,
        Meta(description="zone of that time; empty: that of display.time_zone"),
    ] = ""
    channels: Annotated[
        tuple[str, ...],
        Meta(description="names of the `[[channels]]` that it is sent to; none: all that can"),
    ] = ()


def reporting_fault(schedule: str, names: Sequence[str], channels: Sequence[Channel]) -> str | None:
    """What is wrong: the key and why; None for what can be."""
    if schedule and not _MOMENT.fullmatch(schedule):
        return f"report.schedule = {schedule!r} is no day and time such as 'monday 08:00'"
    known = {each.name: each for each in channels}
    for name in names:
        if name not in known:
            told = ", ".join(known) or "there is none"
            return f"report.channels: no channel is called {name!r} ({told})"
        if known[name].kind in ALERTS_ONLY:
            return f"report.channels: {name} takes alerts only"
    return None


def receivers(reporting: Reporting, channels: Sequence[Channel]) -> list[Channel]:
    """The channels that the report is sent to."""
    return [
        each
        for each in channels
        if each.kind not in ALERTS_ONLY and each.name in (reporting.channels or (each.name,))
    ]


def last_due_us(schedule: str, zone: tzinfo, now_us: int) -> int:
    """The last time, up to a moment, at which a report was to be sent; `schedule` can be."""
    found = _MOMENT.fullmatch(schedule)
    assert found is not None
    at = time(int(found[2]), int(found[3]))
    today = datetime.fromtimestamp(now_us / 1e6, zone).date()
    day = today - timedelta(days=(today.weekday() - DAYS.index(found[1].lower())) % 7)
    due_us = _us(datetime.combine(day, at, zone))
    return due_us if due_us <= now_us else _us(datetime.combine(day - timedelta(days=7), at, zone))


def _us(at: datetime) -> int:
    return round(at.timestamp()) * 1_000_000
