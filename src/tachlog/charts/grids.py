"""Heat maps: a grid of cells, the darker the more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Final

from tachlog.charts.svg import element, picture, text, title

STEPS: Final = 5
"""How many shades there are; nothing is a shade of its own."""

CELL, LEFT, TOP = 14.0, 40.0, 16.0


def heat(
    label: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
    told: Callable[[int, int, float], str],
    *,
    every: int = 1,
) -> str:
    """A grid of `values[row][column]`; None is no cell at all.

    `told` writes what the cell of a row and column says; of the columns' labels each `every`th that
    is not empty is shown.
    """
    most = max((value for row in values for value in row if value is not None), default=0.0)
    parts = []
    for place, name in enumerate(columns):
        if name and place % every == 0:
            parts.append(text((LEFT + place * CELL, TOP - 5), name))
    for number, (name, row) in enumerate(zip(rows, values, strict=True)):
        y = TOP + number * CELL
        parts.append(text((LEFT - 6, y + CELL - 4), name, "end"))
        for place, value in enumerate(row):
            if value is not None:
                parts.append(
                    element(
                        "rect",
                        title(told(number, place, value)),
                        x=LEFT + place * CELL,
                        y=y,
                        width=CELL - 2,
                        height=CELL - 2,
                        rx=2,
                        class_=f"heat-{shade(value, most)}",
                    )
                )
    width, height = LEFT + len(columns) * CELL, TOP + len(rows) * CELL + 2
    return picture(width, height, label, parts)


def shade(value: float, most: float) -> int:
    """The shade of a value: 0 for nothing, 1 to 5 by its share of the greatest."""
    if value <= 0 or most <= 0:
        return 0
    return max(1, min(STEPS, round(sqrt(value / most) * STEPS)))
