"""What reported counts teach about estimates: which calls can be compared, what they come to.

Rules: docs/tokens.md, checked 2026-11-22.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from tachlog.estimate import without_thinking
from tachlog.model import RUN_TOTALS, Features
from tachlog.operations import Call

OWN_COUNTS: Final = frozenset({"llm_interactions"})
"""Agents whose logs hold the agent's own count of the words, without the tool calls, and not the
API's (SWE-agent; seen in 97 of 97 calls)."""


def comparable(call: Call) -> tuple[Features, int] | None:
    """What a call shows and how many tokens that was, by its own final count.

    Where the log tells the tokens of thinking apart, they and the thinking are left out. None where
    the two cannot be compared: the count is not final or nothing, it stands for a whole run, or
    there is something in it that nothing visible tells: hidden thinking without a seal, images.
    """
    usage, features = call.usage, call.features
    if usage is None or not call.final or call.stop_reason == RUN_TOTALS or features.media:
        return None
    tokens = usage.output
    if usage.reasoning is not None:
        features = without_thinking(features)
        tokens -= usage.reasoning
    shown = features.text + features.tool_text + features.thinking + features.sealed
    if features.hidden or not shown or tokens <= 0:
        return None
    return features, tokens


STEP: Final = 1.01
"""Corrections are whole powers of this, so that they do not depend on the way that led there."""

LEAST_CALLS: Final = 50
"""Comparable calls of an agent and model below which nothing is learned."""

TRIMMED: Final = 0.05
"""Share of the calls that is left out at either end: they are off for reasons of their own."""


def learned_step(told: Iterable[tuple[int, float]]) -> int:
    """The correction of an agent's estimates for one model, as a power of `STEP`.

    `told` are the reported and the estimated tokens of comparable calls, in any order. The sums of
    both are compared after the calls with the greatest and least ratios are left out. 0 for fewer
    than `LEAST_CALLS`.
    """
    ratios = sorted((tokens / estimate, tokens, estimate) for tokens, estimate in told if estimate)
    if len(ratios) < LEAST_CALLS:
        return 0
    away = int(len(ratios) * TRIMMED)
    kept = ratios[away : len(ratios) - away]
    reported = sum(tokens for _, tokens, _ in kept)
    estimated = math.fsum(estimate for _, _, estimate in kept)
    return round(math.log(reported / estimated, STEP))


def correction(step: int) -> float:
    """What estimates are multiplied by."""
    return float(STEP**step)
