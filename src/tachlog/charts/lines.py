"""Lines over time, and sparks: lines without words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from tachlog.charts.bars import BOTTOM, LEFT, TOP, axis
from tachlog.charts.svg import Scale, color, element, picture, round_up, text, thinned, title


class Line(Struct, frozen=True):
    """A series: its name, and a value for each label (None: nothing is known, a gap)."""

    name: str
    values: tuple[float | None, ...]


def lines(
    label: str,
    labels: Sequence[str],
    found: Sequence[Line],
    told: Callable[[float], str],
    *,
    width: float = 720,
    height: float = 180,
    starts: Sequence[str] = (),
) -> str:
    """A chart of lines; `told` writes a value with its unit.

    `starts` are the times of the labels, where a part of them can be chosen.
    """
    known = [value for line in found for value in line.values if value is not None]
    top = round_up(max(known, default=0))
    bottom, room = height - BOTTOM, width - LEFT - 8
    step = room / max(1, len(labels) - 1)
    parts = [*axis(top, told, width, height)]
    for place, line in enumerate(found):
        points = [
            (LEFT + at * step, bottom - (bottom - TOP) * value / top, at, value)
            for at, value in enumerate(line.values)
            if value is not None
        ]
        parts += [_path(run, color(place)) for run in _runs(points)]
        for x, y, at, value in points:
            words = f"{labels[at]} · {line.name}: {told(value)}"
            parts.append(element("circle", title(words), cx=x, cy=y, r=2.5, class_=color(place)))
    every = thinned(len(labels), room, max((len(each) for each in labels), default=1))
    for at in range(0, len(labels), every):
        parts.append(text((LEFT + at * step, height - 6), labels[at], "middle"))
    return picture(width, height, label, parts, scale=Scale(starts, LEFT, step, False))


def spark(
    label: str, values: Sequence[float | None], *, width: float = 96, height: float = 22
) -> str:
    """A small line of what happened lately."""
    known = [value for value in values if value is not None]
    top = max(known, default=0) or 1.0
    step = (width - 4) / max(1, len(values) - 1)
    points = [
        (2 + at * step, height - 2 - (height - 4) * max(0.0, value) / top, at, value)
        for at, value in enumerate(values)
        if value is not None
    ]
    return picture(width, height, label, [_path(run, "chart-1") for run in _runs(points)])


Point = tuple[float, float, int, float]


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """Points that follow each other without a gap."""
    runs: list[list[Point]] = []
    for point in points:
        if runs and runs[-1][-1][2] == point[2] - 1:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _path(run: Sequence[Point], class_: str) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in run)
    return element("polyline", points=places, class_=f"{class_} chart-line")
