"""What logs report of costs and running totals, held against the calls themselves."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from tachlog.analysis.units import dollars, share
from tachlog.metrics.tokens import Price
from tachlog.model import Usage

DIFFERS = 0.05
"""A reported cost that differs by a greater share of itself is told."""


class ReportedCall(Struct, frozen=True):
    """A model call whose log reports its cost; `usage` as it counts."""

    agent: str
    model: str
    provider: str
    tier: str | None
    at_us: int
    usage: Usage
    reported_nanousd: int


class CostComparison(Struct, frozen=True):
    """The calls of an agent with a model that report a cost.

    `computed_usd` is the cost of those of them that have a price, None when none has;
    `difference` is (computed − reported) ÷ reported of these.
    """

    agent: str
    model: str
    calls: int
    reported_usd: float
    computed_usd: float | None
    unpriced_calls: int
    difference: float | None

    @property
    def differs(self) -> bool:
        """Whether the two disagree."""
        return self.difference is not None and abs(self.difference) > DIFFERS


class TokenCheck(Struct, frozen=True):
    """The running total of tokens that a session's log told last, beside the calls until then."""

    session_id: str
    reported: int
    counted: int


class _Sums(Struct):
    calls: int = 0
    reported: int = 0
    priced_reported: int = 0
    computed: int = 0
    unpriced: int = 0


def compare(calls: Iterable[ReportedCall], price: Price) -> list[CostComparison]:
    """Both costs by agent and model, the greatest difference in dollars first."""
    sums: dict[tuple[str, str], _Sums] = {}
    for call in calls:
        each = sums.setdefault((call.agent, call.model), _Sums())
        each.calls += 1
        each.reported += call.reported_nanousd
        computed = price(call.usage, call.model, call.provider, call.at_us, tier=call.tier)
        if computed is None:
            each.unpriced += 1
        else:
            each.computed += computed
            each.priced_reported += call.reported_nanousd
    ordered = sorted(sums.items(), key=lambda item: (-_distance(item[1]), item[0]))
    return [_comparison(*key, each) for key, each in ordered]


def _distance(sums: _Sums) -> int:
    return abs(sums.computed - sums.priced_reported)


def _comparison(agent: str, model: str, sums: _Sums) -> CostComparison:
    is_priced = sums.unpriced < sums.calls
    return CostComparison(
        agent,
        model,
        sums.calls,
        dollars(sums.reported),
        dollars(sums.computed) if is_priced else None,
        sums.unpriced,
        share(sums.computed - sums.priced_reported, sums.priced_reported) if is_priced else None,
    )
