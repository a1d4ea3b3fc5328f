"""Usage limits: blocks of five hours, windows that logs tell of, burn rates, what is left.

Claude Code's logs tell no share of a limit: its blocks and its last seven days are shown by what
they used. Codex tells the share, the length and the end of each window with every call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

from msgspec import Struct

from tachlog.analysis.archive import Archive
from tachlog.analysis.blocks import QUARTER_S, Spent, blocks_of
from tachlog.analysis.selection import Marked, Quarter, Selection
from tachlog.analysis.units import dollars, rfc3339
from tachlog.analysis.windows import zone_of

BLOCK_AGENT = "claude_code"
BASE_DAYS = 28
DAY_US = 86_400_000_000
WEEK_US = 7 * DAY_US
WEEK_MINUTES = 7 * 24 * 60
_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US


class LimitWindow(Struct, frozen=True, kw_only=True):
    """One window of an agent's limit, `minutes` long, from `start` to `end`.

    What was used in it is told in dollars at API prices, tokens and minutes of model calls, or as
    the log tells it (`used_share`, as of `told_at`). The projection goes on at the burn rate: since
    the block's first call, or the window's start. `largest_usd` is the dearest other block of the
    past four weeks. `end` is None for the past seven days, of which no log tells when they end.
    """

    agent: str
    minutes: int
    start: str
    end: str | None
    seconds_left: int | None
    used_usd: float | None = None
    tokens: int | None = None
    model_minutes: float | None = None
    usd_per_hour: float | None = None
    projected_usd: float | None = None
    largest_usd: float | None = None
    used_share: float | None = None
    projected_share: float | None = None
    told_at: str | None = None


class LimitHit(Struct, frozen=True):
    """A limit that an agent's log says was hit, and when that ends (None: it does not say)."""

    agent: str
    message: str
    at: str
    resets: str | None


class Limits(Struct, frozen=True):
    """The windows that are open now; limits hit in the past day, or that have not ended yet."""

    windows: list[LimitWindow]
    hits: list[LimitHit]


def limits_of(archive: Archive, *, time_zone: str, now_us: int) -> Limits:
    """What the archive knows of limits, as of `now_us`."""
    since_us = now_us - BASE_DAYS * DAY_US
    selection = Selection(since_us=since_us, until_us=now_us + 1, agent=BLOCK_AGENT)
    quarters = [q for q in archive.quarters(selection) if q.model is not None]
    told = archive.marked("quota", since_us)
    zone = zone_of(time_zone)
    hits = [
        (each, reset_us(each.value, each.last_us, zone))
        for each in archive.marked("limit", now_us - WEEK_US)
        if each.last_us <= now_us
    ]
    return Limits(
        [
            *block_window(quarters, now_us),
            *last_week(quarters, now_us),
            *told_windows(told, now_us),
        ],
        [
            LimitHit(each.agent, each.value, rfc3339(each.last_us), _optional(resets))
            for each, resets in hits
            if each.last_us > now_us - DAY_US or (resets or 0) > now_us
        ],
    )


def block_window(quarters: Iterable[Quarter], now_us: int) -> list[LimitWindow]:
    """The block of five hours that is going on, if one is."""
    quarters = list(quarters)
    now_s = now_us // _SECOND_US
    blocks = blocks_of(Spent(q.quarter, q.cost_nanousd, q.tokens) for q in quarters)
    if not blocks or blocks[-1].end_s <= now_s:
        return []
    *others, block = blocks
    inside = [q for q in quarters if q.quarter * QUARTER_S >= block.start_s]
    return [
        LimitWindow(
            agent=BLOCK_AGENT,
            minutes=(block.end_s - block.start_s) // 60,
            start=rfc3339(block.start_s * _SECOND_US),
            end=rfc3339(block.end_s * _SECOND_US),
            seconds_left=block.end_s - now_s,
            used_usd=dollars(block.nanousd),
            tokens=block.tokens,
            model_minutes=_model_minutes(inside),
            usd_per_hour=dollars(block.nanousd_per_hour(now_s)),
            projected_usd=dollars(block.projected_nanousd(now_s)),
            largest_usd=dollars(max(b.nanousd for b in others)) if others else None,
        )
    ]


def last_week(quarters: Iterable[Quarter], now_us: int) -> list[LimitWindow]:
    """The past seven days, since nothing tells when a week of the plan begins."""
    start_us = now_us - WEEK_US
    inside = [q for q in quarters if q.quarter * QUARTER_S * _SECOND_US >= start_us]
    if not inside:
        return []
    return [
        LimitWindow(
            agent=BLOCK_AGENT,
            minutes=WEEK_MINUTES,
            start=rfc3339(start_us),
            end=None,
            seconds_left=None,
            used_usd=dollars(sum(q.cost_nanousd for q in inside)),
            tokens=sum(q.tokens for q in inside),
            model_minutes=_model_minutes(inside),
        )
    ]


def _model_minutes(quarters: Iterable[Quarter]) -> float:
    return round(sum(q.response_us for q in quarters) / _MINUTE_US, 3)


def told_windows(told: Sequence[Marked], now_us: int) -> list[LimitWindow]:
    """The windows of which logs tell the share, each as it was told last, while they last."""
    latest: dict[tuple[str, int], tuple[Marked, int, int]] = {}
    for each in told:
        length, used, resets = each.value.split(":")
        if each.last_us <= now_us and resets:
            latest[each.agent, int(length)] = (each, int(used), int(resets))
    windows = []
    for (agent, minutes), (each, percent, resets_s) in sorted(latest.items()):
        end_us = resets_s * _SECOND_US
        start_us = end_us - minutes * _MINUTE_US
        if end_us <= now_us:
            continue
        gone_us = max(each.last_us - start_us, _MINUTE_US)
        windows.append(
            LimitWindow(
                agent=agent,
                minutes=minutes,
                start=rfc3339(start_us),
                end=rfc3339(end_us),
                seconds_left=(end_us - now_us) // _SECOND_US,
                used_share=percent / 100,
                projected_share=round(percent / 100 * minutes * _MINUTE_US / gone_us, 4),
                told_at=rfc3339(each.last_us),
            )
        )
    return windows


_EPOCH_TOLD = re.compile(r"\|(\d{10})\b")
_CLOCK_TOLD = re.compile(
    r"resets (?:at )?(?:([A-Z][a-z]{2}) (\d{1,2}),? (?:at )?)?(\d{1,2})(?::(\d\d))? ?([ap]m)"
    r"(?: \(([A-Za-z_/+-]+)\))?"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def reset_us(text: str, told_us: int, zone: tzinfo) -> int | None:
    """When a limit ends, by its message: `…|1752433200`, `resets 8am (UTC)`, `resets Oct 9, 5pm`.

    A time of day is the next one after the message; None where the message names none.
    """
    if found := _EPOCH_TOLD.search(text):
        return int(found[1]) * _SECOND_US
    found = _CLOCK_TOLD.search(text)
    if found is None or int(found[3]) > 12:
        return None
    month, day, hour, minute, half, name = found.groups()
    try:
        place = zone_of(name) if name else zone
        told = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=told_us)
        local = told.astimezone(place)
        on = local.date()
        if month is not None:
            on = date(local.year, _MONTHS.index(month) + 1, int(day))
            on = on if on >= local.date() else on.replace(year=on.year + 1)
        at = datetime(
            on.year,
            on.month,
            on.day,
            int(hour) % 12 + 12 * (half == "pm"),
            int(minute or 0),
            tzinfo=place,
        )
    except (ValueError, LookupError, OSError):
        return None
    if month is None and at <= local:
        at += timedelta(days=1)
    return round(at.timestamp()) * _SECOND_US


def _optional(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
