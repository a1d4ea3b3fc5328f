"""Charts: well-formed pictures that say what they show, and nothing that runs."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog import charts
from tachlog.charts import Bar, Lane, Line, Piece
from tachlog.charts.grids import shade
from tachlog.charts.svg import round_up

SVG = "{http://www.w3.org/2000/svg}"
values = st.one_of(st.none(), st.floats(0, 1e15), st.integers(0, 10**9))
names = st.text(max_size=12).filter(lambda text: text.isprintable())


def parsed(text: str) -> ElementTree.Element:
    """The picture; it has words for who does not see it, and neither script nor style."""
    root = ElementTree.fromstring(text)
    assert root.get("aria-label")
    assert root.get("role") == ("group" if root.find(f".//{SVG}a") is not None else "img")
    for each in root.iter():
        assert each.tag.removeprefix(SVG) in {
            *("svg", "rect", "line", "text", "title", "circle", "polyline", "a")
        }
        assert not {"style", "onclick", "onload"} & each.attrib.keys()
    return root


def titles(root: ElementTree.Element) -> list[str]:
    """What the marks tell."""
    return [each.text or "" for each in root.iter(f"{SVG}title")]


def test_bars_tell_their_values() -> None:
    """Each bar says its label and value with its unit; one of several what it is part of."""
    root = parsed(charts.bars("cost", [("Mon", 2.0), ("Tue", None)], lambda v: f"${v:g}"))
    assert titles(root) == ["Mon · $2"]
    stack = charts.stacked("cost", [Bar("Mon", (1.0, 3.0))], ("a", "b"), lambda v: f"{v:g}")
    assert titles(parsed(stack)) == ["Mon · a: 1 of 4", "Mon · b: 3 of 4"]


def test_lines_have_gaps_where_nothing_is_known() -> None:
    """A value that is not known is no point, and breaks the line."""
    root = parsed(charts.lines("x", list("abcd"), [Line("n", (1, 2, None, 4))], str))
    assert len(root.findall(f"{SVG}circle")) == 3
    assert len(root.findall(f"{SVG}polyline")) == 2
    assert len(parsed(charts.spark("x", [1, None, 2])).findall(f"{SVG}polyline")) == 2


def test_heat_leaves_out_what_is_no_cell() -> None:
    """A cell is darker the more there is; None is no cell."""
    root = parsed(
        charts.heat("x", ["a", "b"], ["c", "d"], [[0, 4], [1, None]], lambda r, c, v: f"{r}{c}{v}")
    )
    shades = [each.get("class") for each in root.iter(f"{SVG}rect")]
    assert shades == ["heat-0", "heat-5", "heat-2"]
    assert titles(root) == ["000", "014", "101"]
    assert [shade(value, 100) for value in (0, 0.1, 100)] == [0, 1, 5]


def test_spans_lead_to_what_they_show() -> None:
    """A piece of time has its words, its link, and a label where there is room for it."""
    lane = Lane("turns", (Piece(0, 60, "turn", "first", "1", "#t1"), Piece(60, 60, "error", "x")))
    root = parsed(charts.spans("s", [lane], [(0, "14:00")], 60))
    (link,) = root.iter(f"{SVG}a")
    assert link.get("href") == "#t1"
    assert {"turns", "14:00", "1"} <= {each.text for each in root.iter(f"{SVG}text")}
    assert titles(root) == ["first", "x"]


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.03, 0.05), (1, 1), (1.01, 2), (2.2, 2.5), (6, 10), (5e6, 5e6)]
)
def test_axes_end_at_round_values(value: float, top: float) -> None:
    """The top of an axis is a round value that nothing is above."""
    assert round_up(value) == pytest.approx(top)


@given(
    st.lists(st.tuples(names, st.tuples(values, values)), max_size=40),
    st.lists(values, max_size=30),
)
def test_any_values_make_a_picture(rows: list[Any], more: list[float | None]) -> None:
    """Whatever is drawn, nothing or much, with whatever names, it is a picture."""
    parsed(charts.stacked("x", [Bar(*row) for row in rows], ("<a>", "&"), lambda v: f"{v:g} <&>"))
    parsed(charts.lines("x", [name for name, _ in rows], [
        Line("<b>", tuple(value for _, (value, _) in rows))], str))  # fmt: skip
    parsed(charts.spark("x", more))
    parsed(charts.heat("x", ["r"], [str(n) for n in range(len(more))], [more], lambda r, c, v: "<"))
