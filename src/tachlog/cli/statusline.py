"""The verb `statusline`: one line for the foot of an agent's screen, drawn many times a minute.

It reads what Claude Code writes to a status line's standard input (the fields of 2.1.80 and later,
from public descriptions of them, checked 2026-11-22) and the archive, and loads nothing else.
"""

from __future__ import annotations

import json
import os
import re
from argparse import Namespace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from math import isfinite
from os.path import isfile, join
from typing import Any, TextIO

from tachlog import glance
from tachlog.analysis.blocks import QUARTER_S, Block, Spent, open_block
from tachlog.cli.calling import Caller, Misuse
from tachlog.figures import money, plain, short_count
from tachlog.settings import STATUSLINE, Settings, machine_zone, named_zone

BLOCK_AGENT = "claude_code"
"""The agent whose plan counts in blocks of five hours."""

LOOK_BACK_DAYS = 7
SEPARATOR = " · "
ZONES = "/usr/share/zoneinfo"
"""Where the C library has its zones."""

_PART = re.compile(r"\{(\w+)\}")


class Line:
    """The parts of a status line, each worked out when it is asked for; empty where unknown.

    `told` is what the agent says of the session, `rows` asks the archive (None: there is none).
    """

    def __init__(
        self, told: dict[str, Any], settings: Settings, rows: glance.Rows | None, now_s: int
    ) -> None:
        self.told = told
        self.settings = settings
        self.rows = rows
        self.now_s = now_s

    def today(self) -> str:
        """What today cost, of the day's budget."""
        return self._used(self._midnight, "usd_per_day", "today")

    def week(self) -> str:
        """What the week cost, of its budget."""
        monday = self._midnight - timedelta(days=self._midnight.weekday())
        return self._used(monday, "usd_per_week", "this week")

    def block(self) -> str:
        """The five-hour block: its cost, its burn rate, the time that is left of it."""
        block = self._block
        cost = f"block {money(block.nanousd / 1e9)}" if block else ""
        return ", ".join(filter(None, [cost, self.rate(), self.left()]))

    def rate(self) -> str:
        """What the block burns an hour."""
        block = self._block
        return f"{money(block.nanousd_per_hour(self.now_s) / 1e9)}/h" if block else ""

    def left(self) -> str:
        """How long until the block ends, as the agent says or as its first call tells."""
        ends = _number(self.told, "rate_limits", "five_hour", "resets_at")
        block = self._block
        end_s = ends if ends is not None else block.end_s if block else None
        return f"{_span(end_s - self.now_s)} left" if end_s and end_s > self.now_s else ""

    def limit(self) -> str:
        """How much of the plan's limits is used, as the agent says."""
        windows = (("5 h", "five_hour"), ("week", "seven_day"))
        shares = [
            f"{name} {used:.0f} %"
            for name, key in windows
            if (used := _number(self.told, "rate_limits", key, "used_percentage")) is not None
        ]
        return ", ".join(shares)

    def context(self) -> str:
        """How much of the context the session fills, in tokens where the share is not told."""
        used = _number(self.told, "context_window", "used_percentage")
        if used is not None:
            return f"context {used:.0f} %"
        session = self.told.get("session_id")
        tokens = glance.context_of(self.rows, str(session)) if self.rows and session else None
        return f"context {short_count(tokens)}" if tokens else ""

    def session(self) -> str:
        """What the session cost, as the agent says."""
        cost = _number(self.told, "cost", "total_cost_usd")
        return f"{money(cost)} session" if cost is not None else ""

    def model(self) -> str:
        """The model, as the agent calls it."""
        model = self.told.get("model")
        return str(model.get("display_name") or "") if isinstance(model, dict) else ""

    @cached_property
    def _midnight(self) -> datetime:
        """When today began."""
        now = datetime.fromtimestamp(self.now_s, _zone(self.settings))
        return now.replace(hour=0, minute=0, second=0, microsecond=0)

    @cached_property
    def _spent(self) -> list[tuple[str, Spent]]:
        last = self.now_s // QUARTER_S
        first = last - LOOK_BACK_DAYS * 86_400 // QUARTER_S
        return glance.spent_since(self.rows, first, last) if self.rows else []

    def _used(self, begin: datetime, budget: str, when: str) -> str:
        if self.rows is None:
            return ""
        first = int(begin.timestamp()) // QUARTER_S
        used = sum(spent.nanousd for _, spent in self._spent if spent.quarter >= first)
        limit = self.settings.number("budget", budget)
        return f"{money(used / 1e9)}{f' of {money(limit)}' if limit else ''} {when}"

    @cached_property
    def _block(self) -> Block | None:
        return open_block((each for agent, each in self._spent if agent == BLOCK_AGENT), self.now_s)


PARTS = ("today", "week", "block", "rate", "left", "limit", "context", "session", "model")


def statusline(options: Namespace, caller: Caller) -> int:
    """Print the line; what nothing is known of is left out."""
    settings = Settings(caller.environ)
    template = options.template or settings.text("statusline", "template", STATUSLINE)
    unknown = [name for name in _PART.findall(template) if name not in PARTS]
    if unknown:
        raise Misuse(f"{{{unknown[0]}}} is no part of a status line: give {', '.join(PARTS)}")
    with glance.rows_of(options.db or settings.archive) as rows:
        line = Line(told_by(caller.into), settings, rows, caller.now_us // 1_000_000)
        if options.json:
            parts = {name: getattr(line, name)() for name in PARTS}
            caller.out.write(json.dumps(parts, indent=2, ensure_ascii=False) + "\n")
        else:
            caller.out.write(plain(filled(template, line)) + "\n")
    return 0


def filled(template: str, line: Line) -> str:
    """The template with its parts; a section between separators whose parts are empty is left out.

    A section without parts stays.
    """
    sections = []
    for section in template.split(SEPARATOR):
        pieces = _PART.split(section)
        pieces[1::2] = parts = [getattr(line, name)() for name in pieces[1::2]]
        if not parts or any(parts):
            sections.append("".join(pieces))
    return SEPARATOR.join(sections)


def told_by(into: TextIO | None) -> dict[str, Any]:
    """What the agent says of the session: nothing at a terminal, or where it is no JSON."""
    if into is None or into.isatty():
        return {}
    try:
        told = json.load(into)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _number(told: dict[str, Any], *path: str) -> float | None:
    """A number in nested objects."""
    value: object = told
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)


def _zone(settings: Settings) -> tzinfo | None:
    """The zone in which days are cut; None is this process's own, which the C library knows.

    Tables of zones take a tenth of the time of a line.
    """
    environ = settings.environ
    name = settings.text("display", "time_zone", "")
    if not name and environ is os.environ and isfile(join(ZONES, named_zone(environ) or "-")):
        return None
    name = name or machine_zone(environ)
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def _span(seconds: float) -> str:
    """A time that is left: `2 h 12 min`, `4 d 3 h`."""
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
