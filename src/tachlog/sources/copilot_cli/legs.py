"""Shares what Copilot CLI tells of many calls at once among them: tokens at the end, and money.

A message tells its output alone. What its calls read is told when a session shuts down, for each
model and for the leg since the start or the last resume; what they cost, from time to time, as a
running total. Sums are kept exactly; each call's share of them is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from tachlog.model import Usage
from tachlog.sources.copilot_cli.shapes import Billed, CompactionTokens, ModelUsage

AIU_PER_NANODOLLAR: Final = 100
"""10¹¹ nano-units are a dollar."""


class LegCall(Struct, array_like=True):
    """A call whose share is still to come."""

    key: int
    agent: str | None
    at_us: int
    model: str
    provider: str
    output: int


class Legs(Struct):
    """What is open: the leg's calls by model, calls without a price, and what was told before.

    `compacted` has the tokens of compactions in this leg, which told theirs; `outputs` all output
    of a model since the session's start.
    """

    calls: dict[str, list[LegCall]] = field(default_factory=dict)
    compacted: dict[str, Usage] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    before: dict[str, Usage] = field(default_factory=dict)
    unpriced: list[LegCall] = field(default_factory=list)
    priced_aiu: int = 0

    def begin(self) -> None:
        """Another leg begins; what the last one read, if it did not say so, stays unknown."""
        self.calls.clear()
        self.compacted.clear()

    def add(self, call: LegCall) -> None:
        """A call was made."""
        self.calls.setdefault(call.model, []).append(call)
        self.unpriced.append(call)
        self.outputs[call.model] = self.outputs.get(call.model, 0) + call.output

    def compaction(self, model: str, usage: Usage, aiu: int) -> None:
        """A compaction told its own tokens and price, which later totals hold as well."""
        self.compacted[model] = _sum(self.compacted.get(model, Usage()), usage)
        self.outputs[model] = self.outputs.get(model, 0) + usage.output
        self.priced_aiu += aiu

    def spent(self, model: str, told: ModelUsage) -> tuple[Usage, list[tuple[LegCall, Usage]]]:
        """What a model used in this leg beyond its calls, and each call with its share.

        The totals are the leg's, or run on from the leg before: the outputs that the messages of
        this leg, and of the whole session, tell decide which (measured: the leg's, exactly).
        """
        total = disjoint(told)
        before = self.before.get(model, Usage())
        calls = self.calls.pop(model, [])
        compacted = self.compacted.pop(model, Usage())
        of_leg = sum(call.output for call in calls)
        whole = self.outputs.get(model, 0)
        self.before[model] = total
        runs_on = whole > of_leg + compacted.output and abs(total.output - whole) < abs(
            total.output - of_leg - compacted.output
        )
        left = _difference(total, before) if runs_on else total
        if left.output >= of_leg + compacted.output:
            left = _difference(left, compacted)
        beyond = max(0, left.output - of_leg)
        if not calls:
            return left, []
        shares = [
            (call, Usage(fresh, read, written, call.output))
            for call, fresh, read, written in zip(
                calls,
                _shares(left.input, len(calls)),
                _shares(left.cache_read, len(calls)),
                _shares(left.cache_write, len(calls)),
                strict=True,
            )
        ]
        return Usage(output=beyond), shares

    def priced(self, total_aiu: int) -> list[tuple[LegCall, int]]:
        """Calls with their shares, nano-dollars, of what was spent since the last total."""
        spent = total_aiu - self.priced_aiu
        if spent <= 0 or not self.unpriced:
            return []
        self.priced_aiu = total_aiu
        calls, self.unpriced = self.unpriced, []
        nanodollars = _shares(spent // AIU_PER_NANODOLLAR, len(calls))
        return list(zip(calls, nanodollars, strict=True))


def disjoint(told: ModelUsage | CompactionTokens) -> Usage:
    """The buckets of counts whose input holds those of the cache."""
    read, written = told.cacheReadTokens or 0, told.cacheWriteTokens or 0
    fresh = max(0, (told.inputTokens or 0) - read - written)
    return Usage(fresh, read, written, told.outputTokens or 0)


def billed(told: Billed | None) -> Usage | None:
    """The buckets that were billed, which are disjoint; None when they are not told."""
    if told is None or not told.tokenDetails:
        return None
    counts = {detail.tokenType: detail.tokenCount or 0 for detail in told.tokenDetails}
    return Usage(
        counts.get("input", 0),
        counts.get("cache_read", 0),
        counts.get("cache_write", 0),
        counts.get("output", 0),
    )


def _shares(total: int, parts: int) -> Iterator[int]:
    """A count in nearly equal parts that add up to it."""
    return ((total * (i + 1)) // parts - (total * i) // parts for i in range(parts))


def _sum(a: Usage, b: Usage) -> Usage:
    return Usage(
        a.input + b.input,
        a.cache_read + b.cache_read,
        a.cache_write + b.cache_write,
        a.output + b.output,
    )


def _difference(a: Usage, b: Usage) -> Usage:
    return Usage(
        max(0, a.input - b.input),
        max(0, a.cache_read - b.cache_read),
        max(0, a.cache_write - b.cache_write),
        max(0, a.output - b.output),
    )
