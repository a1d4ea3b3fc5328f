"""Quantiles of durations: exact ones of a list, and a DDSketch whose counts can be added up.

DDSketch: C. Masson, J. E. Rim, H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch
with relative-error guarantees", PVLDB 12(12), 2019, with α = 0.01 and unbounded bins (checked
against the authors' Python library, 2026-11-22). Bin k > 0 holds the values in (γ^(k-1), γ^k], γ =
(1+α)/(1-α), and answers with 2γ^k/(1+γ), which is within α of all of them; times of 1 µs to 30
years fill fewer than 1,750 bins. Quantiles are nearest ranks: the q-quantile of n values is the
⌈q·n⌉-th smallest, a value that occurred.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import ceil, exp, log, log1p

from tachlog.metrics import Sketch

RELATIVE_ERROR = 0.01
NOTHING_BIN = -1
"""The bin of values that are not positive; the positive integers begin with bin 0."""

_LOG_GAMMA = log1p(2 * RELATIVE_ERROR / (1 - RELATIVE_ERROR))
_PER_LOG_GAMMA = 1 / _LOG_GAMMA


@lru_cache(maxsize=1 << 16)
def bin_of(value: int) -> int:
    """The bin of a value."""
    return ceil(log(value) * _PER_LOG_GAMMA) if value > 0 else NOTHING_BIN


def value_of(number: int) -> int:
    """The value that stands for a bin: within 1 % of all that are in it, rounded to an integer."""
    if number == NOTHING_BIN:
        return 0
    return round(exp(number * _LOG_GAMMA) * (1 - RELATIVE_ERROR))


def sketch_of(values: Iterable[int]) -> Sketch:
    """The sketch of some values."""
    return dict(Counter(map(bin_of, values)))


def merge(into: Sketch, other: Sketch) -> None:
    """Add the counts of another sketch: the result is the sketch of both sets of values."""
    for number, count in other.items():
        into[number] = into.get(number, 0) + count


def quantile(sketch: Sketch, q: float) -> int | None:
    """The q-quantile (0 to 1) within 1 % and half a unit; None of an empty sketch."""
    wanted = rank(sum(sketch.values()), q)
    for number in sorted(sketch):
        wanted -= sketch[number]
        if wanted <= 0:
            return value_of(number)
    return None


def exact_quantile(values: Sequence[int], q: float) -> int | None:
    """The q-quantile (0 to 1) of values in any order; None of no values."""
    return sorted(values)[rank(len(values), q) - 1] if values else None


def rank(count: int, q: float) -> int:
    """The place, from 1, of the q-quantile among `count` sorted values.

    The product is rounded first: 0.07 · 100 is 7, not the 7.000000000000001 of binary floats.
    """
    return max(1, ceil(round(q * count, 6)))
