"""The little SVG that charts are made of: elements, escaped texts, round axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape as escaped
from math import ceil, floor, log10
from typing import Final

from msgspec import Struct

COLORS: Final = 6
"""How many colours the style sheet has; beyond that they come again."""

TEXT_WIDTH: Final = 6.6
"""Units that a character of a label takes, near enough to keep labels apart."""


def escape(words: str) -> str:
    """A text as SVG has it, without what steers a terminal or turns the direction of writing."""
    return escaped(words if words.isprintable() else "".join(filter(str.isprintable, words)))


def element(name: str, inner: str = "", /, **attributes: float | str | None) -> str:
    """An element; attributes that are None are left out, `class_` is `class`."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_told(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{told}>{inner}</{name}>" if inner else f"<{name}{told}/>"


def _told(value: float | str) -> str:
    if isinstance(value, str):
        return escape(value)
    return f"{value:.2f}".rstrip("0").rstrip(".")


def title(text: str) -> str:
    """What is told where one points."""
    return f"<title>{escape(text)}</title>"


def text(at: tuple[float, float], words: str, anchor: str = "start", class_: str = "text") -> str:
    """A label."""
    x, y = at
    inner = escape(words)
    return element("text", inner, x=x, y=y, text_anchor=anchor, class_=f"chart-{class_}")


class Scale(Struct, frozen=True):
    """Where spans of time lie in a chart: the first at `left`, each `step` further.

    `starts` are their times, in order; `wide` where each takes a step, else they are points.
    """

    starts: Sequence[str]
    left: float
    step: float
    wide: bool


def picture(
    width: float,
    height: float,
    label: str,
    parts: Iterable[str],
    role: str = "img",
    scale: Scale | None = None,
) -> str:
    """A whole chart, which says in words what it shows; with links in it, it is a `group`.

    With a scale a page can let a part of it be chosen: the chart takes the focus.
    """
    chosen: dict[str, float | str | None] = {}
    if scale is not None and scale.starts:
        chosen = {
            "data_starts": " ".join(scale.starts),
            "data_left": scale.left,
            "data_step": scale.step,
            "data_wide": "yes" if scale.wide else None,
            "tabindex": "0",
        }
    return element(
        "svg",
        "".join(parts),
        class_="chart",
        width=width,
        height=height,
        viewBox=f"0 0 {width:g} {height:g}",
        role=role,
        aria_label=label,
        preserveAspectRatio="xMinYMin meet",
        xmlns="http://www.w3.org/2000/svg",
        **chosen,
    )


def color(place: int) -> str:
    """The class of the colour of a series."""
    return f"chart-{place % COLORS + 1}"


def round_up(value: float) -> float:
    """The least 1, 2, 2.5 or 5 times a power of ten that is not below a value."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    for step in (1, 2, 2.5, 5, 10):
        if value <= step * power * (1 + 1e-9):
            return step * power
    return 10 * power


def thinned(count: int, room: float, widest: int) -> int:
    """Of how many labels one is shown, so that they stay apart."""
    most = max(1, int(room / (widest * TEXT_WIDTH + 10)))
    return max(1, ceil(count / most))
