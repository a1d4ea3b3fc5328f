"""Quantiles keep their promise: exact ones are values that occurred, sketched ones within 1 %."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog.metrics.sketch import (
    NOTHING_BIN,
    bin_of,
    exact_quantile,
    merge,
    quantile,
    sketch_of,
    value_of,
)

durations = st.integers(1, 10**15) | st.integers(1, 10**4)
quantiles = st.floats(0, 1)


@given(st.lists(durations, min_size=1), quantiles)
def test_a_sketched_quantile_is_within_one_percent(values: list[int], q: float) -> None:
    """Whatever the values, a quantile of their sketch errs by 1 % and half a unit at most."""
    exact = exact_quantile(values, q)
    found = quantile(sketch_of(values), q)
    assert exact is not None
    assert found is not None
    assert abs(found - exact) <= 0.01 * exact + 0.5 + 1e-9 * exact


@given(st.lists(durations | st.integers(-5, 0)), st.lists(durations | st.integers(-5, 0)))
def test_a_merged_sketch_is_the_sketch_of_all_values(a: list[int], b: list[int]) -> None:
    """Merging adds up: it does not matter how values were divided."""
    merged = sketch_of(a)
    merge(merged, sketch_of(b))
    assert merged == sketch_of(a + b)


@given(st.lists(durations, min_size=1), quantiles)
def test_an_exact_quantile_is_a_value_that_occurred(values: list[int], q: float) -> None:
    """At least a share q of the values is no larger than the quantile, which is one of them."""
    found = exact_quantile(values, q)
    assert found in values
    assert sum(value <= found for value in values) >= q * len(values) - 1e-6


@given(durations)
def test_bins_rise_with_their_values(value: int) -> None:
    """A larger value is never in a lower bin, and each bin answers with a value of its own."""
    assert NOTHING_BIN < bin_of(value) <= bin_of(value + 1)
    assert abs(value_of(bin_of(value)) - value) <= 0.01 * value + 0.5 + 1e-9 * value


@pytest.mark.parametrize(
    ("value", "number"), [(-3, -1), (0, -1), (1, 0), (2, 35), (1_000_000, 691)]
)
def test_bins_are_those_of_the_paper(value: int, number: int) -> None:
    """A bin is ⌈log of the value to base 1.01/0.99⌉; what is not positive has its own."""
    assert bin_of(value) == number


def test_durations_of_nothing_count() -> None:
    """Zeros keep their share of the ranks and answer with zero."""
    sketch = sketch_of([0, 0, 0, 1_000])
    assert [quantile(sketch, q) for q in (0, 0.75, 0.76)] == [0, 0, pytest.approx(1_000, rel=0.01)]


def test_no_values_have_no_quantile() -> None:
    """An empty sketch and an empty list answer None, not zero."""
    assert quantile({}, 0.95) is None
    assert exact_quantile([], 0.95) is None


@pytest.mark.parametrize(
    ("count", "q", "place"),
    [(1, 0.95, 1), (20, 0.95, 19), (21, 0.95, 20), (100, 0.07, 7)],
)
def test_a_quantile_is_a_nearest_rank(count: int, q: float, place: int) -> None:
    """The q-quantile of n values is the ⌈q·n⌉-th, without the error of binary fractions."""
    assert exact_quantile(list(range(count, 0, -1)), q) == place
