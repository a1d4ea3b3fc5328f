"""Spans of time in lanes: what went on when, as a waterfall."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tachlog.charts.svg import element, picture, text, title

LEFT, LANE, TOP = 84.0, 22.0, 18.0


class Piece(Struct, frozen=True):
    """Something from `start` to `end` (seconds from the beginning), its class and its words.

    `href` is where it leads, `label` what stands on it where there is room.
    """

    start: float
    end: float
    kind: str
    words: str
    label: str = ""
    href: str | None = None


class Lane(Struct, frozen=True):
    """A row of pieces with its name."""

    name: str
    pieces: tuple[Piece, ...]


def spans(
    label: str,
    lanes: Sequence[Lane],
    ticks: Sequence[tuple[float, str]],
    length: float,
    *,
    width: float = 960,
) -> str:
    """Lanes over `length` seconds; `ticks` are the times that are written above."""
    scale = (width - LEFT - 4) / (length or 1.0)
    height = TOP + LANE * len(lanes) + 4
    parts = []
    for at, words in ticks:
        x = LEFT + at * scale
        parts.append(element("line", x1=x, x2=x, y1=TOP - 4, y2=height, class_="chart-axis"))
        parts.append(text((x + 2, TOP - 6), words))
    for place, lane in enumerate(lanes):
        y = TOP + place * LANE
        parts.append(text((LEFT - 6, y + 14), lane.name, "end"))
        parts += [_piece(piece, y, scale) for piece in lane.pieces]
    has_links = any(piece.href for lane in lanes for piece in lane.pieces)
    return picture(width, height, label, parts, "group" if has_links else "img")


def _piece(piece: Piece, y: float, scale: float) -> str:
    x, wide = LEFT + piece.start * scale, max(1.5, (piece.end - piece.start) * scale)
    inner = element(
        "rect",
        title(piece.words),
        x=x,
        y=y + 2,
        width=wide,
        height=LANE - 6,
        rx=1.5,
        class_=f"span-{piece.kind}",
    )
    if piece.label and wide > 7 * len(piece.label) + 6:
        inner += text((x + 3, y + 14), piece.label, class_="on")
    return element("a", inner, href=piece.href, aria_label=piece.words) if piece.href else inner
