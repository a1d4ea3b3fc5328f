"""Rows as a table that fits the width: numbers to the right, texts give way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tachlog.figures import cells, left, line, plain, right

GAP = "  "


class Column(NamedTuple):
    """A column: its heading, whether it stands to the right.

    A text with a `least` width is cut down to it where there is no room; `spare` columns are left
    out before, the greatest number first.
    """

    heading: str
    right: bool = False
    least: int = 0
    spare: int = 0


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int, color: bool = False
) -> list[str]:
    """The lines of a table, headings first; columns that are empty in every row are left out."""
    body = [[plain(cell) for cell in row] for row in rows]
    head = [column.heading for column in columns]
    shown = [place for place in range(len(columns)) if any(row[place] for row in body)]
    widths = {place: max(cells(row[place]) for row in (head, *body)) for place in shown}
    _spare(columns, widths, width)
    _give_way(columns, widths, width)
    shown = list(widths)

    def lined(row: Sequence[str]) -> str:
        sides = (right if columns[place].right else left for place in shown)
        return GAP.join(
            side(row[place], widths[place]) for side, place in zip(sides, shown, strict=True)
        ).rstrip()

    heading = line([(lined(head), "bold")], width, color)
    return [heading, *(line([lined(row)], width, color) for row in body)]


def _taken(widths: dict[int, int]) -> int:
    return sum(widths.values()) + len(GAP) * (len(widths) - 1)


def _spare(columns: Sequence[Column], widths: dict[int, int], width: int) -> None:
    """Leave columns out until the table fits with every text that gives way at its least."""
    for place in sorted(widths, key=lambda place: -columns[place].spare):
        least = {p: min(columns[p].least or w, w) for p, w in widths.items()}
        if not columns[place].spare or _taken(least) <= width:
            return
        del widths[place]


def _give_way(columns: Sequence[Column], widths: dict[int, int], width: int) -> None:
    """Make the columns that give way narrower, the widest first, until the table fits."""
    while _taken(widths) > width:
        soft = [place for place in widths if 0 < columns[place].least < widths[place]]
        if not soft:
            return
        widths[max(soft, key=lambda place: widths[place])] -= 1
