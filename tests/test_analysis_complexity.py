"""Complexity is the user's score: every threshold is exclusive, every name begins where it says."""

import pytest

from tachlog.analysis.complexity import ComplexityFactors, Points, complexity, explain, name_of


@pytest.mark.parametrize(
    ("messages", "points"),
    [(0, 0), (10, 0), (11, 1), (20, 1), (21, 2), (50, 2), (51, 3), (10_000, 3)],
)
def test_messages_give_up_to_three_points(messages: int, points: int) -> None:
    """More than 10, 20, 50 messages give 1, 2, 3."""
    assert complexity(messages, 0, None, 0)[0] == points


@pytest.mark.parametrize(
    ("tools", "points"), [(0, 0), (2, 0), (3, 1), (5, 1), (6, 2), (10, 2), (11, 3)]
)
def test_tools_give_up_to_three_points(tools: int, points: int) -> None:
    """More than 2, 5, 10 different tools give 1, 2, 3."""
    assert complexity(0, tools, None, 0)[0] == points


@pytest.mark.parametrize(
    ("rate", "points"), [(None, 0), (0, 0), (0.1, 0), (0.11, 1), (0.2, 1), (0.21, 2), (1, 2)]
)
def test_errors_give_up_to_two_points(rate: float | None, points: int) -> None:
    """An error rate above 0.1, 0.2 gives 1, 2; none without operations."""
    assert complexity(0, 0, rate, 0)[0] == points


@pytest.mark.parametrize(
    ("seconds", "points"), [(0, 0), (1800, 0), (1800.5, 1), (3600, 1), (3600.001, 2), (10**6, 2)]
)
def test_duration_gives_up_to_two_points(seconds: float, points: int) -> None:
    """More than 1,800 and 3,600 seconds give 1 and 2."""
    assert complexity(0, 0, None, seconds)[0] == points


def test_every_score_has_its_name() -> None:
    """8, 6, 4 and 2 points are the least of very high, high, medium and low."""
    names = [name_of(score) for score in range(11)]
    assert names == (
        ["very_low"] * 2 + ["low"] * 2 + ["medium"] * 2 + ["high"] * 2 + ["very_high"] * 3
    )


def test_points_add_up() -> None:
    """The greatest session has all ten points, the least none."""
    assert complexity(51, 11, 0.3, 4_000) == (10, "very_high")
    assert complexity(0, 0, None, 0) == (0, "very_low")


def test_the_score_is_explained() -> None:
    """Each factor is told with its value and points, which add up to the score."""
    parts = explain(418, 9, 31 / 871, 13_320)
    assert parts == [
        Points("message_count", 418, 3),
        Points("unique_tools", 9, 2),
        Points("error_rate", 31 / 871, 0),
        Points("duration", 13_320, 2),
    ]
    assert complexity(418, 9, 31 / 871, 13_320) == (sum(part.points for part in parts), "high")


def test_thresholds_are_the_users_to_set() -> None:
    """Other thresholds move the points, and nothing else."""
    factors = ComplexityFactors(message_count=(1, 2, 3), duration=(1, 2))
    assert complexity(4, 3, 0.15, 1.5, factors) == (3 + 1 + 1 + 1, "high")


def test_thresholds_that_do_not_ascend_are_refused() -> None:
    """A mistaken configuration is named with its key."""
    with pytest.raises(ValueError, match=r"complexity_factors\.unique_tools: \[2, 2, 10\]"):
        ComplexityFactors(unique_tools=(2, 2, 10))
