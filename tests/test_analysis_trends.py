"""A trend is told only where chance does not explain it."""

from itertools import permutations
from math import nan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog.analysis.trends import ALL_PAIRS_POINTS, EXACT_POINTS, Trend, trend

values = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


def series(*heights: float | None) -> list[tuple[int, float | None]]:
    """Return heights at the places 0, 1, 2 and so on."""
    return list(enumerate(heights))


@given(st.lists(st.integers(1, 1_000), min_size=5, max_size=60))
def test_a_rising_series_goes_up(steps: list[int]) -> None:
    """Whatever the size of its steps, a series that only rises is a trend."""
    heights = [float(sum(steps[: place + 1])) for place in range(len(steps))]
    found = trend(series(*heights))
    assert found.direction == "up"
    assert found.slope is not None
    assert found.slope > 0
    assert found.change is None or found.change > 0


@given(st.lists(st.none() | values, max_size=50))
def test_a_mirrored_series_goes_the_other_way(heights: list[float | None]) -> None:
    """Turning a series upside down turns its trend, with the same significance."""
    found = trend(series(*heights))
    mirrored = trend(series(*(None if height is None else -height for height in heights)))
    turned = {"up": "down", "down": "up", "flat": "flat"}
    assert mirrored.direction == turned[found.direction]
    assert (mirrored.p_value, mirrored.n) == (found.p_value, found.n)
    assert mirrored.slope == (None if found.slope is None else pytest.approx(-found.slope))


def test_noise_is_flat() -> None:
    """Of 400 series of pure chance about 5 % are called a trend at the 5 % level, not more."""
    random = Random(20)
    called = sum(
        trend(series(*(random.gauss(100, 20) for _ in range(24)))).direction != "flat"
        for _ in range(400)
    )
    assert called <= 400 * 0.08


def test_a_trend_is_found_in_noise() -> None:
    """A steady rise shows through chance of its own size."""
    random = Random(3)
    found = trend(series(*(100 + 2 * hour + random.gauss(0, 15) for hour in range(48))))
    assert found.direction == "up"
    assert found.p_value < 0.001
    assert found.slope == pytest.approx(2, abs=0.4)


def test_one_extreme_makes_no_trend() -> None:
    """A last day a thousand times as large does not lift a level series."""
    found = trend(series(5, 4, 5, 6, 5, 4, 6, 5, 5_000))
    assert found.direction == "flat"
    assert found.slope is not None
    assert abs(found.slope) < 1


@pytest.mark.parametrize("count", [4, 5, 6])
def test_short_series_are_tested_exactly(count: int) -> None:
    """The chance of a score is the share of all orders with one at least as far from zero."""
    scores = {}
    for order in permutations(range(count)):
        score = sum(
            (order[j] > order[i]) - (order[j] < order[i])
            for i in range(count)
            for j in range(i + 1, count)
        )
        scores[order] = abs(score)
    for order, score in list(scores.items())[:: 7 if count == 6 else 1]:
        share = sum(other >= score for other in scores.values()) / len(scores)
        assert trend(series(*order)).p_value == pytest.approx(share)


def test_four_points_are_never_significant() -> None:
    """Even a straight line of four points happens by chance in one of twelve cases."""
    assert trend(series(1, 2, 3, 4)) == Trend("flat", 1.0, 3.0, pytest.approx(1 / 12), 4)
    assert trend(series(1, 2, 3, 4, 5)).direction == "up"


def test_the_exact_test_agrees_with_the_normal_one() -> None:
    """Two neighbours in size made equal turn the exact test into the other, and change little."""
    heights = list(range(EXACT_POINTS))
    Random(4).shuffle(heights)
    tied = [14 if height == 13 else height for height in heights]
    exact, normal = trend(series(*heights)), trend(series(*tied))
    assert 0.05 < exact.p_value < 0.95
    assert exact.p_value == pytest.approx(normal.p_value, abs=0.03)


def test_ties_are_corrected_for() -> None:
    """Equal values lower the variance of the score."""
    found = trend(series(1, 1, 2, 2, 3))
    # S = 8; 18·Var = 5·4·15 - 2·(2·1·9) = 264; z = 7 / √(264/18) = 1.8278
    assert found.p_value == pytest.approx(0.0676, abs=1e-4)


def test_a_level_series_is_flat() -> None:
    """Without any difference there is nothing to test."""
    assert trend(series(7, 7, 7, 7, 7, 7)) == Trend("flat", 0.0, 0.0, 1.0, 6)


@pytest.mark.parametrize("heights", [[], [None], [3.0], [None, 3.0, nan]])
def test_too_few_values_are_flat(heights: list[float | None]) -> None:
    """Fewer than two known values have no slope."""
    known = sum(height == 3.0 for height in heights)
    assert trend(series(*heights)) == Trend("flat", None, None, 1.0, known)


def test_places_without_value_are_left_out() -> None:
    """Hours in which nothing ran neither raise nor lower; the others keep their distance."""
    found = trend([(0, 1.0), (10, None), (20, 3.0), (30, 4.0), (40, nan), (50, 6.0)])
    assert (found.slope, found.n) == (pytest.approx(0.1), 4)


def test_the_order_of_points_does_not_matter() -> None:
    """Points are taken in order of their place."""
    assert trend([(3, 9.0), (1, 2.0), (2, 5.0)]) == trend([(1, 2.0), (2, 5.0), (3, 9.0)])


def test_change_is_relative_to_the_beginning_of_the_line() -> None:
    """From 100 to 150 along the line is +50 %, from 150 to 100 a third less."""
    assert trend(series(100, 110, 120, 130, 140, 150)).change == pytest.approx(0.5)
    assert trend(series(150, 140, 130, 120, 110, 100)).change == pytest.approx(-1 / 3)


def test_a_line_through_zero_has_no_change() -> None:
    """Growth from nothing is no percentage."""
    assert trend(series(0, 1, 2, 3, 4, 5)).change is None


def test_a_place_that_occurs_twice_is_refused() -> None:
    """Two values of one hour are the caller's to add up."""
    with pytest.raises(ValueError, match="occurs twice"):
        trend([(1, 2.0), (1, 3.0)])


def test_long_series_have_a_slope_too() -> None:
    """A series of more points than all pairs are taken of has the slope of distant pairs."""
    count = ALL_PAIRS_POINTS + 1
    random = Random(1)
    found = trend(series(*(3 * hour + random.gauss(0, 50) for hour in range(count))))
    assert found.direction == "up"
    assert found.slope == pytest.approx(3, abs=0.05)
