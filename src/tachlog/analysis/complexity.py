"""How complex a session was: a score of its messages, tools, error rate and duration.

The thresholds, points and names are the user's (docs/design.md, "Identity and the numbers"; the
same in the configuration as `analysis.complexity_factors`), checked 2026-11-22.
"""

from __future__ import annotations

from itertools import pairwise

from msgspec import Struct

NAMES = ((8, "very_high"), (6, "high"), (4, "medium"), (2, "low"), (0, "very_low"))
"""The least score of each name, in falling order."""


class ComplexityFactors(Struct, frozen=True, forbid_unknown_fields=True):
    """Ascending thresholds; each that a value is above gives one point. Duration is in seconds.

    Raises `ValueError` when thresholds do not ascend.
    """

    message_count: tuple[int, int, int] = (10, 20, 50)
    unique_tools: tuple[int, int, int] = (2, 5, 10)
    duration: tuple[float, float] = (1800, 3600)
    error_rate: tuple[float, float] = (0.1, 0.2)

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            thresholds: tuple[float, ...] = getattr(self, name)
            if any(low >= high for low, high in pairwise(thresholds)):
                raise ValueError(
                    f"complexity_factors.{name}: {list(thresholds)} does not ascend;"
                    " give the thresholds from the lowest to the highest"
                )


DEFAULT = ComplexityFactors()


class Points(Struct, frozen=True):
    """What one factor (a name of `ComplexityFactors`) gave for a value; None: not known."""

    factor: str
    value: float | None
    points: int


def explain(
    messages: int,
    unique_tools: int,
    error_rate: float | None,
    duration_s: float,
    factors: ComplexityFactors = DEFAULT,
) -> list[Points]:
    """The points of each factor; they add up to the score. An unknown error rate gives none."""
    return [
        _points("message_count", messages, factors.message_count),
        _points("unique_tools", unique_tools, factors.unique_tools),
        _points("error_rate", error_rate, factors.error_rate),
        _points("duration", duration_s, factors.duration),
    ]


def complexity(
    messages: int,
    unique_tools: int,
    error_rate: float | None,
    duration_s: float,
    factors: ComplexityFactors = DEFAULT,
) -> tuple[int, str]:
    """The score (0 to 10) and its name."""
    found = explain(messages, unique_tools, error_rate, duration_s, factors)
    score = sum(part.points for part in found)
    return score, name_of(score)


def name_of(score: int) -> str:
    """The name of a score."""
    return next(name for least, name in NAMES if score >= least)


def _points(factor: str, value: float | None, thresholds: tuple[float, ...]) -> Points:
    passed = 0 if value is None else sum(value > threshold for threshold in thresholds)
    return Points(factor, value, passed)
