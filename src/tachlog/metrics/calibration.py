"""What reported counts teach about estimates: which calls can be compared, what they come to.

Rules: docs/tokens.md, checked 2026-11-22.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from msgspec import Struct, json

from tachlog.data import estimators
from tachlog.estimate import without_thinking
from tachlog.model import RUN_TOTALS, Features, digest_of
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


MOST: Final = 110
"""Steps beyond which nothing is learned: three times, or a third of, the estimate."""


def learned_step(told: Iterable[tuple[int, float]]) -> int:
    """The correction of an agent's estimates for one model, as a power of `STEP`.

    `told` are the reported and the estimated tokens of comparable calls, in any order. The sums of
    both are compared after the calls with the greatest and least ratios are left out. 0 for fewer
    than `LEAST_CALLS`; never more than `MOST` steps either way.
    """
    ratios = sorted((tokens / estimate, tokens, estimate) for tokens, estimate in told if estimate)
    if len(ratios) < LEAST_CALLS:
        return 0
    away = int(len(ratios) * TRIMMED)
    kept = ratios[away : len(ratios) - away]
    reported = sum(tokens for _, tokens, _ in kept)
    estimated = math.fsum(estimate for _, _, estimate in kept)
    return max(-MOST, min(round(math.log(reported / estimated, STEP)), MOST))


def correction(step: int) -> float:
    """What estimates are multiplied by."""
    return float(STEP**step)


class Learned(Struct, frozen=True):
    """What an archive has learned: powers of `STEP` by agent and model, where they are not 0.

    `version` rises with every change of them. `learns` is False where the person wants the shipped
    factors only.
    """

    version: int = 0
    steps: dict[str, dict[str, int]] = {}
    learns: bool = True

    def correction(self, agent: str, model: str) -> float:
        """What the estimates of an agent's calls of a model are multiplied by."""
        of_agent = self.steps.get(agent)
        return 1.0 if of_agent is None else correction(of_agent.get(model, 0))

    @property
    def name(self) -> str:
        """The factors in force: the date of the shipped table, and a digest of what was learned.

        It says what they are and not how often they moved, so that it does not depend on the way.
        """
        shipped = str(estimators().checked)
        if not self.steps:
            return shipped
        told = json.encode(self.steps, order="sorted")
        return f"{shipped}+{digest_of(told) & 0xFFFF:04x}"


SHIPPED: Final = Learned()
"""Nothing was learned: the shipped factors count as they are."""
