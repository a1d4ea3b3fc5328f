"""Who claims which tokens of a call, so that none is claimed twice, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from tachlog.analysis.trace import TracedCall
from tachlog.metrics.tokens import Price
from tachlog.model import Usage

INPUT, READ, WRITE, OUTPUT = range(4)
Weights = tuple[int, int, int, int]
USUAL: Final[Weights] = (100, 10, 125, 500)
"""What tokens of the buckets cost beside each other where no price is known, but the cost is: as
most providers have it (genai-prices 0.2.3, checked 2026-11-22)."""

_SAMPLE: Final = 10_000
_BUCKETS: Final = ("input", "cache_read", "cache_write", "output")
_MONTH_US: Final = 30 * 86_400_000_000


class Claim(Struct, frozen=True):
    """Tokens, µs of model calls and tools, and nano-dollars (None: no call had a price)."""

    tokens: int = 0
    us: int = 0
    nanousd: int | None = None

    def __add__(self, other: Claim) -> Claim:
        known = [n for n in (self.nanousd, other.nanousd) if n is not None]
        return Claim(self.tokens + other.tokens, self.us + other.us, sum(known) if known else None)

    def with_time(self, us: int) -> Claim:
        """The same, and so much more time."""
        return Claim(self.tokens, self.us + us, self.nanousd)


class Ledger:
    """What is left of a call: tokens and their cost by bucket, the time that it took."""

    def __init__(self, call: TracedCall, weights: Weights) -> None:
        self.told = (call.input, call.cache_read, call.cache_write, call.output)
        self.tokens = list(self.told)
        self.weights = weights
        self.has_price = call.nanousd is not None
        self.nanousd = divided(
            call.nanousd or 0, [n * w for n, w in zip(self.told, weights, strict=True)]
        )
        self.told_us = self.us = call.response_us

    def part(self, parts: int) -> Claim:
        """One of so many equal parts of the call."""
        claim = Claim(us=min(self.us, self.told_us // parts))
        self.us -= claim.us
        for bucket, told in enumerate(self.told):
            claim += self._take(bucket, told // parts)
        return claim

    def missed(self, tokens: int) -> Claim | None:
        """Tokens that should have been read from the cache; the cost is what they cost beyond that.

        None where nothing is left of them.
        """
        claim = Claim()
        for bucket in (WRITE, INPUT):
            taken = self._take(bucket, tokens - claim.tokens)
            weight = max(1, self.weights[bucket])
            as_read = (taken.nanousd or 0) * min(weight, self.weights[READ]) // weight
            self.nanousd[bucket] += as_read
            paid = None if taken.nanousd is None else taken.nanousd - as_read
            claim += Claim(taken.tokens, 0, paid)
        return claim if claim.tokens else None

    def carried(self, tokens: int) -> Claim:
        """Tokens of the context, from the cache where there is one."""
        claim = self._take(READ, tokens)
        return claim + self._take(INPUT, tokens - claim.tokens)

    def rest(self) -> Claim:
        """All that is left."""
        tokens, nanousd, us = sum(self.tokens), sum(self.nanousd), self.us
        self.tokens, self.nanousd, self.us = [0] * 4, [0] * 4, 0
        return Claim(tokens, us, nanousd if self.has_price else None)

    def _take(self, bucket: int, tokens: int) -> Claim:
        left = self.tokens[bucket]
        tokens = min(tokens, left)
        if tokens <= 0:
            return Claim()
        cost = self.nanousd[bucket] * tokens // left
        self.tokens[bucket] -= tokens
        self.nanousd[bucket] -= cost
        return Claim(tokens, 0, cost if self.has_price else None)


def divided(whole: int, weights: Sequence[int]) -> list[int]:
    """A whole in parts of these weights; what rounding leaves goes to the heaviest."""
    total = sum(weights)
    if not total:
        return [whole, *[0] * (len(weights) - 1)]
    parts = [whole * weight // total for weight in weights]
    parts[max(range(len(weights)), key=weights.__getitem__)] += whole - sum(parts)
    return parts


def weights_of(price: Price) -> Callable[[TracedCall], Weights]:
    """How the buckets of a call are priced beside each other, asked once a month of each model."""
    known: dict[tuple[str, str, int], Weights] = {}

    def weights(call: TracedCall) -> Weights:
        key = (call.model, call.provider, call.at_us // _MONTH_US)
        if key not in known:
            costs = [
                price(Usage(**{name: _SAMPLE}), call.model, call.provider, call.at_us, tier=None)
                for name in _BUCKETS
            ]
            fresh, read, write, output = ((cost or 0) for cost in costs)
            is_known = None not in costs and any(costs)
            known[key] = (fresh, read, write, output) if is_known else USUAL
        return known[key]

    return weights
