"""Figures as people read them: counts, money, durations, shares, bars, lines that fit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from itertools import accumulate

_COLOR = re.compile(r"(\x1b\[[0-9;]*m)")

NONE = "–"
BLOCKS = " ▏▎▍▌▋▊▉█"
SPARKS = "▁▂▃▄▅▆▇█"
ELLIPSIS = "…"
DOLLARS_WHOLE_FROM = 1_000
DOLLARS_SHORT_FROM = 999_999.5

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}

Span = str | tuple[str, str]
"""A piece of a line: plain, or with the name of a style."""


def _scaled(number: float, units: Sequence[str]) -> tuple[float, str]:
    """A number in the first of these units (each a thousand of the former) that gives 3 digits."""
    place = 1
    while place < len(units) and abs(number) / 1_000**place >= 999.5:
        place += 1
    return number / 1_000**place, units[place - 1]


def count(number: int) -> str:
    """A count in full: `412,806`."""
    return f"{number:,}"


def short_count(number: float) -> str:
    """A count to three digits: `9,410`, `48.1 k`, `402 M`, `1.71 G`."""
    if abs(number) < 10_000:
        return f"{number:,.0f}"
    number, unit = _scaled(number, "kMGT")
    digits = 2 if abs(number) < 9.995 else 1 if abs(number) < 99.95 else 0
    return f"{number:,.{digits}f} {unit}"


def fitted_count(number: int, width: int) -> str:
    """A count at the right of a column with at least one blank before it, short if it must be."""
    told = count(number)
    return right(told if len(told) < width else short_count(number), width)


def money(dollars: float | None) -> str:
    """Dollars: `$31.20`, `$1,318`, `$1.32 M`, `<$0.01`, `–` when not known."""
    if dollars is None:
        return NONE
    if 0 < dollars < 0.005:
        return "<$0.01"
    if dollars < DOLLARS_WHOLE_FROM - 0.005:
        return f"${dollars:,.2f}"
    return f"${dollars:,.0f}" if dollars < DOLLARS_SHORT_FROM else f"${short_count(dollars)}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share: `2.1 %`; `–` when not known, `<0.1 %` for little that is not nothing."""
    if share is None:
        return NONE
    least = 10**-digits
    if 0 < share * 100 < least / 2:
        return f"<{least:.{digits}f} %"
    return f"{share * 100:.{digits}f} %"


def signed_percent(change: float) -> str:
    """A relative change: `+42 %`, `−7 %`; beyond tenfold `× 12`."""
    if change >= 9:
        return f"× {change + 1:,.0f}"
    return f"{change:+.0%}".replace("%", " %").replace("-", "−")


def duration(seconds: float | None) -> str:
    """A duration to two digits or so: `0.03 s`, `1.7 s`, `24 s`, `3 min`, `6.2 h`, `118 h`."""
    if seconds is None:
        return NONE
    if seconds < 0.095:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 99.95 else f"{hours:,.0f} h"


def size(number_of_bytes: int) -> str:
    """Bytes: `312 B`, `1.4 kB`, `2.1 MB`."""
    number = float(number_of_bytes)
    if number < 1_000:
        return f"{number:.0f} B"
    number, unit = _scaled(number, ("kB", "MB", "GB", "TB"))
    return f"{number:,.{1 if number < 99.95 else 0}f} {unit}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 session`, `412 sessions`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def bar(share: float, cells: int) -> str:
    """A share (0 to 1) of a bar of so many cells, to an eighth of a cell; no trailing blanks."""
    eighths = round(max(0.0, min(1.0, share)) * cells * 8)
    full, rest = divmod(eighths, 8)
    return BLOCKS[-1] * full + (BLOCKS[rest] if rest else "")


def sparkline(values: Sequence[float | None]) -> str:
    """One block per value, the greatest the highest; `·` where there is none."""
    top = max((value for value in values if value is not None), default=0)
    return "".join("·" if value is None else SPARKS[_height(value, top)] for value in values)


def _height(value: float, top: float) -> int:
    return min(len(SPARKS) - 1, int(value / top * len(SPARKS))) if top > 0 and value > 0 else 0


def day(text: str, zone: tzinfo) -> str:
    """The day of an RFC 3339 time in a zone: `18 Nov`."""
    at = datetime.fromisoformat(text).astimezone(zone)
    return f"{at.day} {at:%b}"


def clock(text: str, zone: tzinfo) -> str:
    """The time of day of an RFC 3339 time in a zone: `14:02`."""
    return f"{datetime.fromisoformat(text).astimezone(zone):%H:%M}"


@lru_cache(maxsize=65_536)
def _cells_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Me", "Mn", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cells(text: str) -> int:
    """How many columns of a terminal a text takes (Unicode Standard Annex 11)."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def plain(text: str) -> str:
    """A text on one line without control characters: what a log says must not steer a terminal."""
    if text.isprintable():
        return text
    kept = (" " if c.isspace() else c for c in text if c.isspace() or _is_harmless(c))
    return " ".join("".join(kept).split())


def shown(line: str, colored: bool) -> str:
    """A line as a terminal may have it: of all that steers one only our colours, where wanted."""
    if line.isprintable():
        return line
    return "".join(
        part if (colored and _COLOR.fullmatch(part)) else "".join(filter(_is_harmless, part))
        for part in _COLOR.split(line)
    )


def _is_harmless(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def clip(text: str, width: int) -> str:
    """A text that takes at most so many columns, the end replaced by an ellipsis if it must be."""
    if cells(text) <= width:
        return text
    if width <= 0:
        return ""
    kept = sum(taken < width for taken in accumulate(map(_cells_of, text)))
    return text[:kept].rstrip() + ELLIPSIS


def left(text: str, width: int) -> str:
    """A text clipped and filled up to so many columns."""
    text = clip(text, width)
    return text + " " * (width - cells(text))


def right(text: str, width: int) -> str:
    """A text clipped and moved to the right of so many columns."""
    text = clip(text, width)
    return " " * (width - cells(text)) + text


def line(spans: Iterable[Span], width: int, color: bool) -> str:
    """Spans as one line that takes at most `width` columns."""
    parts, room = [], width
    for span in spans:
        text, style = (span, "") if isinstance(span, str) else span
        shown = clip(text, room)
        room -= cells(shown)
        parts.append(
            f"\x1b[{_STYLES[style]}m{shown}\x1b[0m" if color and style and shown else shown
        )
        if shown != text:
            break
    return "".join(parts) if color else "".join(parts).rstrip()


def headline(title: str, facts: Iterable[str], width: int, color: bool) -> list[str]:
    """A title and the facts it stands over, ` · ` between them, on as many lines as they take."""
    lines = [title]
    for fact in facts:
        longer = f"{lines[-1]} · {fact}"
        if cells(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(fact)
    first, *more = lines
    return [
        line([(title, "bold"), first.removeprefix(title)], width, color),
        *(clip(each, width) for each in more),
    ]


def apart(start: str, end: str, width: int) -> str:
    """Two texts on one line, the second at its right edge if there is room."""
    return start + " " * max(2, width - cells(start) - cells(end)) + end if end else start


def wrap(text: str, width: int) -> list[str]:
    """A text on as many lines as it takes, broken at blanks; a word that is too long is clipped."""
    lines, current = [], ""
    for word in text.split():
        if current and cells(current) + 1 + cells(word) > width:
            lines.append(current)
            current = ""
        current = f"{current} {word}" if current else clip(word, width)
    return [*lines, current] if current else lines
