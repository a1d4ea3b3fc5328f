"""Estimates the output tokens of a reply for which no final count is reported.

A pure function of the features that are kept of each call and a table of factors
(`data/estimators.toml`), so that every estimate can be made again when the factors change.
"""

from __future__ import annotations

from msgspec.structs import replace

from tachlog.data import Factors, estimator_factors
from tachlog.model import Features

_NOTHING = Features()


def estimate_output(features: Features, model: str, correction: float = 1.0) -> int:
    """Return the output tokens that a reply stands for, by the factors of the model's family.

    `correction` is what was learned of the model since: the estimate is multiplied by it.
    """
    return round(estimated_tokens(features, model) * correction)


def estimated_tokens(features: Features, model: str) -> float:
    """Return the estimate by the shipped factors, not rounded."""
    return tokens_of(features, estimator_factors(model))


def tokens_of(features: Features, factors: Factors) -> float:
    """Return the tokens of a reply; of one that shows nothing at all, none.

    What a seal says of thinking is never below zero: a short one is mostly its own header.
    """
    if features == _NOTHING:
        return 0.0
    sealed = features.sealed * factors.sealed + features.seals * factors.seal
    return (
        features.text * factors.text
        + features.tool_text * factors.tool_text
        + features.thinking * factors.thinking
        + max(sealed, 0.0)
        + features.hidden * factors.hidden
        + features.wide * factors.wide
        + features.symbols * factors.symbol
        + features.escapes * factors.escape
        + features.tools * factors.tool
        + features.keys * factors.key
        + features.media * factors.media
        + factors.constant
    )


def without_thinking(features: Features) -> Features:
    """Return the features of what a reply says: its words and its tool calls."""
    return replace(features, thinking=0, hidden=0, sealed=0, seals=0)
