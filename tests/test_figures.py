"""Figures as people read them, and lines that fit whatever stands in them."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog import figures as fmt


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0 k"),
        (48_123, "48.1 k"),
        (182_400, "182 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (48_100_000, "48.1 M"),
        (402_000_000, "402 M"),
        (1_710_000_000, "1.71 G"),
        (2_500_000_000_000, "2.50 T"),
        (7_000_000_000_000_000, "7,000 T"),
    ],
)
def test_short_counts_have_three_digits(number: int, told: str) -> None:
    """Large counts are told to three digits with a unit, small ones in full."""
    assert fmt.short_count(number) == told


def test_counts_that_do_not_fit_are_short() -> None:
    """A column keeps a blank before the count, and the count its meaning."""
    assert fmt.fitted_count(99_999, 7) == " 99,999"
    assert fmt.fitted_count(100_000, 7) == "  100 k"


def test_counts_and_nouns() -> None:
    """Counts have separators, nouns their number."""
    assert fmt.count(412_806) == "412,806"
    assert [fmt.plural(n, "session") for n in (0, 1, 2_000)] == [
        "0 sessions",
        "1 session",
        "2,000 sessions",
    ]
    assert fmt.plural(2, "try", "tries") == "2 tries"


@pytest.mark.parametrize(
    ("dollars", "told"),
    [
        (None, "–"),
        (0.0, "$0.00"),
        (0.0049, "<$0.01"),
        (0.005, "$0.01"),
        (31.2, "$31.20"),
        (999.99, "$999.99"),
        (999.996, "$1,000"),
        (1318.4, "$1,318"),
        (999_999.4, "$999,999"),
        (999_999.6, "$1.00 M"),
    ],
)
def test_money(dollars: float | None, told: str) -> None:
    """Cents matter below a thousand dollars; little is not nothing; unknown is a dash."""
    assert fmt.money(dollars) == told


@pytest.mark.parametrize(
    ("share", "told"),
    [(None, "–"), (0.0, "0.0 %"), (0.0004, "<0.1 %"), (0.0205, "2.1 %"), (1.0, "100.0 %")],
)
def test_percent(share: float | None, told: str) -> None:
    """Shares are told to a tenth of a percent."""
    assert fmt.percent(share) == told
    assert fmt.percent(0.004, 0) == "<1 %"


@pytest.mark.parametrize(
    ("change", "told"),
    [(0.42, "+42 %"), (-0.07, "−7 %"), (0.0, "+0 %"), (8.5, "+850 %"), (11.0, "× 12")],
)
def test_changes_have_a_sign(change: float, told: str) -> None:
    """Changes are signed percentages, beyond tenfold they are factors."""
    assert fmt.signed_percent(change) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "–"),
        (0, "0.00 s"),
        (0.034, "0.03 s"),
        (0.097, "0.1 s"),
        (1.68, "1.7 s"),
        (9.96, "10 s"),
        (119.4, "119 s"),
        (119.6, "2 min"),
        (99.4 * 60, "99 min"),
        (99.6 * 60, "1.7 h"),
        (99.94 * 3600, "99.9 h"),
        (118 * 3600, "118 h"),
        (12_345 * 3600, "12,345 h"),
    ],
)
def test_durations(seconds: float | None, told: str) -> None:
    """A duration has about two digits and the unit that fits it."""
    assert fmt.duration(seconds) == told


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (312, "312 B"),
        (1_400, "1.4 kB"),
        (200_000, "200 kB"),
        (2_100_000, "2.1 MB"),
        (5_000_000_000, "5.0 GB"),
        (5_000_000_000_000_000, "5,000 TB"),
    ],
)
def test_sizes(number: int, told: str) -> None:
    """Bytes have the unit that fits them."""
    assert fmt.size(number) == told


def test_bars_grow_by_eighths() -> None:
    """A bar shows its share of the cells to an eighth, at least none and at most all."""
    assert [fmt.bar(share, 2) for share in (-1, 0, 1 / 16, 0.5, 0.72, 1, 9)] == [
        *("", "", "▏", "█", "█▌", "██"),
        "██",
    ]


def test_sparklines_scale_to_the_greatest() -> None:
    """One block a value, a dot where there is none, the lowest block for nothing."""
    assert fmt.sparkline([0, 1, 4, 8, None]) == "▁▂▅█·"
    assert fmt.sparkline([0, 0]) == "▁▁"
    assert fmt.sparkline([]) == ""


def test_times_are_in_the_zone() -> None:
    """A time late in the evening of UTC is on the next day in Vienna."""
    zone = ZoneInfo("Europe/Vienna")
    assert fmt.day("2026-11-18T23:30:00.000Z", zone) == "19 Nov"
    assert fmt.clock("2026-11-18T23:30:00.000Z", zone) == "00:30"


@pytest.mark.parametrize(
    ("text", "cells"),
    [("plain", 5), ("über", 4), ("u\u0308ber", 4), ("請求書", 6), ("🚀", 2), ("a\u200bb", 2)],
)
def test_cells_are_columns_of_a_terminal(text: str, cells: int) -> None:
    """Wide characters take two columns, marks and invisible ones none."""
    assert fmt.cells(text) == cells


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fix the test", "fix the test"),
        ("two\nlines\t and  more", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("safe\u202egpj.exe", "safegpj.exe"),
        ("請求書\x07", "請求書"),
    ],
)
def test_nothing_in_a_log_steers_the_terminal(text: str, told: str) -> None:
    """Control and direction characters are dropped, lines are joined."""
    assert fmt.plain(text) == told


def test_a_headline_takes_as_many_lines_as_its_facts() -> None:
    """No fact is cut off, as the version of the prices would be."""
    facts = ["at API prices", "UTC", "prices 2026-11"]
    assert fmt.headline("COST", facts, 40, False) == [
        "COST · at API prices · UTC",
        "prices 2026-11",
    ]
    (one,) = fmt.headline("COST", facts, 80, True)
    assert one == "\x1b[1mCOST\x1b[0m · at API prices · UTC · prices 2026-11"


def test_clipping_counts_columns() -> None:
    """A text is cut at the last column that holds all of a character."""
    assert fmt.clip("abcdef", 6) == "abcdef"
    assert fmt.clip("abcdef", 4) == "abc…"
    assert fmt.clip("請求書", 4) == "請…"
    assert fmt.clip("ab cd", 4) == "ab…"
    assert fmt.clip("abc", 0) == ""


def test_columns() -> None:
    """Texts are filled up or clipped to a width on either side."""
    assert fmt.left("ab", 4) == "ab  "
    assert fmt.right("請", 4) == "  請"
    assert fmt.right("abcdef", 4) == "abc…"


def test_lines_are_clipped_before_they_are_coloured() -> None:
    """A line has the same text in colour and without, and ends where the width does."""
    spans: list[fmt.Span] = ["plain ", ("bold", "bold"), ("", "dim"), (" and so on", "red"), "end"]
    assert fmt.line(spans, 13, color=False) == "plain bold a…"
    assert fmt.line(spans, 13, color=True) == "plain \x1b[1mbold\x1b[0m\x1b[31m a…\x1b[0m"
    assert fmt.line(["blank  "], 13, color=False) == "blank"


@given(
    st.lists(st.text() | st.tuples(st.text(), st.sampled_from(["bold", "dim"]))), st.integers(0, 40)
)
def test_no_line_is_wider_than_it_may_be(spans: list[fmt.Span], width: int) -> None:
    """Whatever stands in a line, it fits."""
    assert fmt.cells(fmt.line(spans, width, color=False)) <= width


def test_two_texts_apart() -> None:
    """The second stands at the right edge, or two blanks after the first."""
    assert fmt.apart("a", "b", 5) == "a   b"
    assert fmt.apart("abcd", "b", 5) == "abcd  b"
    assert fmt.apart("a", "", 5) == "a"


@given(st.text(alphabet="ab 請", max_size=60), st.integers(2, 20))
def test_wrapped_lines_fit(text: str, width: int) -> None:
    """Text is broken at blanks, every line fits, and only words too long for one lose letters."""
    lines = fmt.wrap(text, width)
    assert all(0 < fmt.cells(line) <= width for line in lines)
    if all(fmt.cells(word) <= width for word in text.split()):
        assert " ".join(lines).split() == text.split()


@pytest.mark.parametrize(
    ("line", "plain", "coloured"),
    [
        ("as it is", "as it is", "as it is"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07 \x1b[2Jwiped", "]0;title [2Jwiped", "]0;title [2Jwiped"),
        ("a\x00b\x9b31mc\u202ed", "ab31mcd", "ab31mcd"),
        ("wide 日本 “quoted” █", "wide 日本 “quoted” █", "wide 日本 “quoted” █"),
    ],
)
def test_nothing_but_colours_steers_a_terminal(line: str, plain: str, coloured: str) -> None:
    """Control characters are dropped wherever they come from; colours stay where wanted."""
    assert fmt.shown(line, colored=False) == plain
    assert fmt.shown(line, colored=True) == coloured
