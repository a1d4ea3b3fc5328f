"""Bars: one value after the other, or several on top of each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from tachlog.charts.svg import Scale, color, element, picture, round_up, text, thinned, title

LEFT, BOTTOM, TOP = 64.0, 22.0, 10.0


class Bar(Struct, frozen=True):
    """A bar: its label, and the values of its series (None: nothing is known)."""

    label: str
    values: tuple[float | None, ...]

    @property
    def total(self) -> float:
        """The height."""
        return sum(value for value in self.values if value is not None)


def bars(
    label: str,
    pairs: Sequence[tuple[str, float | None]],
    told: Callable[[float], str],
    *,
    width: float = 720,
    height: float = 180,
) -> str:
    """A chart of single bars; `told` writes a value with its unit."""
    found = [Bar(name, (value,)) for name, value in pairs]
    return stacked(label, found, (), told, width=width, height=height)


def stacked(
    label: str,
    found: Sequence[Bar],
    names: Sequence[str],
    told: Callable[[float], str],
    *,
    width: float = 720,
    height: float = 180,
    starts: Sequence[str] = (),
) -> str:
    """A chart of bars that stand on each other; `names` are those of the series.

    `starts` are the times of the bars, where a part of them can be chosen.
    """
    top = round_up(max((bar.total for bar in found), default=0))
    bottom, room = height - BOTTOM, width - LEFT - 4
    scale = (bottom - TOP) / top
    parts = [*axis(top, told, width, height)]
    step = room / max(1, len(found))
    every = thinned(len(found), room, max((len(bar.label) for bar in found), default=1))
    for place, bar in enumerate(found):
        x, y = LEFT + place * step, bottom
        for series, value in enumerate(bar.values):
            if not value or value < 0:
                continue
            tall = value * scale
            y -= tall
            named = f"{names[series]}: " if names else ""
            words = f"{bar.label} · {named}{told(value)}"
            if len(bar.values) > 1:
                words += f" of {told(bar.total)}"
            parts.append(
                element(
                    "rect",
                    title(words),
                    x=x + step * 0.12,
                    y=y,
                    width=step * 0.76,
                    height=max(tall, 0.5),
                    class_=color(series),
                )
            )
        if place % every == 0:
            parts.append(text((x + step / 2, height - 6), bar.label, "middle"))
    return picture(width, height, label, parts, scale=Scale(starts, LEFT, step, True))


def axis(top: float, told: Callable[[float], str], width: float, height: float) -> list[str]:
    """Lines at nothing, half and the top, with their values."""
    bottom = height - BOTTOM
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = bottom - (bottom - TOP) * share
        parts.append(element("line", x1=LEFT, x2=width, y1=y, y2=y, class_="chart-axis"))
        parts.append(text((LEFT - 6, y + 4), told(top * share), "end"))
    return parts
