"""Estimates the output tokens of a reply for which no final count is reported."""

from __future__ import annotations

from tachlog.data import estimator_factors
from tachlog.model import Features

_NOTHING = Features()


def estimate_output(features: Features, model: str) -> int:
    """Return the output tokens that the visible part of one reply stands for.

    By the factors of the model's family (`data/estimators.toml`). Thinking that the log withholds
    is not in it: nothing visible tells how long it was.
    """
    factors = estimator_factors(model)
    if features == _NOTHING:
        return 0
    characters = features.text + features.thinking + features.tool_text
    return round(
        characters * factors.characters
        + features.wide * factors.wide
        + features.tools * factors.tool
        + features.keys * factors.key
        + factors.constant
    )
