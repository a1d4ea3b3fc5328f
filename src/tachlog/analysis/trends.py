"""Whether a series goes up, down or only wavers: Mann-Kendall test and Theil-Sen slope.

Both ask for the order of values alone, so that one extreme day makes no trend and no distribution
is assumed. Sources: H. B. Mann, "Nonparametric tests against trend", Econometrica 13, 1945; M. G.
Kendall, "Rank correlation methods", 1975 (exact distribution, variance with ties); P. K. Sen,
"Estimates of the regression coefficient based on Kendall's tau", JASA 63, 1968; checked 2026-11-22.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations, pairwise
from math import erfc, factorial, isfinite, sqrt
from typing import Literal

from msgspec import Struct

SIGNIFICANCE = 0.05
EXACT_POINTS = 30
ALL_PAIRS_POINTS = 400
"""Up to here the slope is the median over all pairs, above it over the pairs half a series apart
(Theil's incomplete method), which takes linear time."""

Direction = Literal["up", "down", "flat"]
_Point = tuple[int, float]


class Trend(Struct, frozen=True):
    """What a series does. `direction` is flat unless the test is significant.

    `slope` is per unit of the points' first member, `change` the relative change from the first to
    the last point along the line of that slope (0.42: +42 %); both are None where they cannot be
    told: too few points, or a line that does not stay on one side of zero. `p_value` is two-sided,
    1.0 where there is nothing to test. `n` counts the points that have a value.
    """

    direction: Direction
    slope: float | None
    change: float | None
    p_value: float
    n: int


def trend(points: Sequence[tuple[int, float | None]], significance: float = SIGNIFICANCE) -> Trend:
    """The trend of a series of (place, value); places without a finite value are left out.

    Raises `ValueError` when a place occurs twice. Five points are the fewest that can be
    significant at the 5 % level.
    """
    known = sorted((at, value) for at, value in points if value is not None and isfinite(value))
    if any(a[0] == b[0] for a, b in pairwise(known)):
        raise ValueError("trend: a place in the series occurs twice; add its values up first")
    if len(known) < 2:
        return Trend("flat", None, None, 1.0, len(known))
    values = [value for _, value in known]
    score = _score(values)
    p_value = _p_value(values, score)
    direction: Direction = "flat"
    if p_value < significance:
        direction = "up" if score > 0 else "down"
    slope = _slope(known)
    return Trend(direction, slope, _change(known, slope), p_value, len(known))


def _score(values: Sequence[float]) -> int:
    """Mann-Kendall's S: pairs in rising order minus pairs in falling order."""
    score = 0
    earlier: list[float] = []
    for value in values:
        score += bisect_left(earlier, value) - (len(earlier) - bisect_right(earlier, value))
        insort(earlier, value)
    return score


def _p_value(values: Sequence[float], score: int) -> float:
    """The chance of a score at least as far from 0 in a series without a trend.

    Exact for short series without ties, else by the normal distribution with the variance corrected
    for ties and the score for continuity.
    """
    count = len(values)
    ties = [times for times in Counter(values).values() if times > 1]
    if not ties and count <= EXACT_POINTS:
        return _exact_p_value(count, abs(score))
    variance = count * (count - 1) * (2 * count + 5)
    variance -= sum(times * (times - 1) * (2 * times + 5) for times in ties)
    if not variance or not score:
        return 1.0
    return erfc((abs(score) - 1) / sqrt(variance / 18) / sqrt(2))


def _exact_p_value(count: int, score: int) -> float:
    """Both tails of S over all orders of `count` values: S is pairs minus twice the inversions."""
    if not score:
        return 1.0
    pairs = count * (count - 1) // 2
    tail = sum(_orders_by_inversions(count)[: (pairs - score) // 2 + 1])
    return min(1.0, 2 * tail / factorial(count))


@lru_cache(EXACT_POINTS)
def _orders_by_inversions(count: int) -> tuple[int, ...]:
    """How many orders of `count` values have 0, 1, 2 … inversions (the Mahonian numbers)."""
    orders = [1]
    for size in range(2, count + 1):
        longer = [0] * (len(orders) + size - 1)
        for inversions, number in enumerate(orders):
            for more in range(size):
                longer[inversions + more] += number
        orders = longer
    return tuple(orders)


def _slope(points: Sequence[_Point]) -> float:
    """Theil and Sen's: the median of the slopes between pairs of points."""
    if len(points) <= ALL_PAIRS_POINTS:
        return _median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2))
    half = len(points) // 2
    pairs = zip(points, points[-half:], strict=False)
    return _median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairs)


def _median(numbers: Iterable[float]) -> float:
    """The middle number, of an even count the mean of the two."""
    ordered = sorted(numbers)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _change(points: Sequence[_Point], slope: float) -> float | None:
    """The relative change along the line through the points' median distance from it."""
    origin = points[0][0]
    start = _median(value - slope * (at - origin) for at, value in points)
    end = start + slope * (points[-1][0] - origin)
    if start * end <= 0:
        return None
    return (end - start) / abs(start)
