"""What reported counts teach: which calls are compared, what is learned from them."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_by_hand import Told, text
from tachlog.metrics.calibration import LEAST_CALLS, comparable, correction, learned_step
from tachlog.model import RUN_TOTALS, Features, Usage


def one(told: Told) -> tuple[Features, int] | None:
    """What is compared of the only call."""
    (call,) = told.session().calls.values()
    return comparable(call)


def test_a_final_count_is_compared_with_what_the_call_shows() -> None:
    """All of the output stands against the words, the tools and the thinking."""
    told = Told()
    features = Features(text=100, thinking=30, sealed=400, seals=1)
    told.reply(1, usage=Usage(output=90), features=features)
    assert one(told) == (features, 90)


def test_thinking_that_is_counted_apart_is_left_out() -> None:
    """Where the log tells the tokens of thinking, words and tools stand against the rest."""
    told = Told()
    features = Features(text=100, hidden=1, sealed=900, seals=1)
    told.reply(1, usage=Usage(output=90, reasoning=50), features=features)
    assert one(told) == (Features(text=100), 40)


@pytest.mark.parametrize(
    ("usage", "features", "stop"),
    [
        (None, text(100), "stop"),
        (Usage(output=9), text(100), None),
        (Usage(output=9), text(100), RUN_TOTALS),
        (Usage(output=9), Features(text=100, hidden=1), "stop"),
        (Usage(output=9), Features(text=100, media=1), "stop"),
        (Usage(output=9), Features(), "stop"),
        (Usage(output=9, reasoning=9), text(100), "stop"),
    ],
)
def test_what_cannot_be_compared_teaches_nothing(
    usage: Usage | None, features: Features, stop: str | None
) -> None:
    """No final count, a whole run's, hidden thinking, images, nothing visible, no tokens for it."""
    told = Told()
    told.reply(1, usage=usage, features=features, stop=stop)
    assert one(told) is None


def test_a_steady_error_is_learned() -> None:
    """Estimates that are a fifth too low are multiplied by about 1.25 from then on."""
    step = learned_step([(125, 100.0)] * LEAST_CALLS)
    assert correction(step) == pytest.approx(1.25, rel=0.005)


def test_few_calls_teach_nothing() -> None:
    """Below 50 calls, and where the estimate is nothing, the shipped factors stand."""
    assert learned_step([(125, 100.0)] * (LEAST_CALLS - 1)) == 0
    assert learned_step([(125, 0.0)] * LEAST_CALLS) == 0


def test_outliers_teach_nothing() -> None:
    """Single calls that are far off, such as a count that was not final, move nothing."""
    calls = [(100, 100.0)] * 96 + [(9_000, 100.0)] * 2 + [(1, 9_000.0)] * 2
    assert learned_step(calls) == 0


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.floats(0.5, 1e6)), min_size=50, max_size=80),
    st.integers(0, 99),
)
def test_the_order_of_calls_teaches_nothing(calls: list[tuple[int, float]], seed: int) -> None:
    """The same calls in any order have the same correction."""
    mixed = calls.copy()
    Random(seed).shuffle(mixed)
    assert learned_step(mixed) == learned_step(calls)
