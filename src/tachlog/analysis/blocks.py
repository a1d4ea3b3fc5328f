"""Blocks of five hours, as Claude's usage limits count them: from quarter hours alone.

A block begins with the first call after the one before has ended, at the full hour (UTC) before
that call, and lasts five hours; what ccusage calls a block is the same (its source, 20.0.24,
checked 2026-11-22). Nothing here loads anything, since the status line needs it at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

QUARTER_S = 900
HOUR_S = 3_600
BLOCK_S = 5 * HOUR_S


class Spent(NamedTuple):
    """What a quarter hour (UTC, × 900 s since the epoch) cost and how many tokens it took."""

    quarter: int
    nanousd: int
    tokens: int


class Block(NamedTuple):
    """What was used in five hours from `start_s`; `first_s` is the quarter hour of its first call.

    Times are seconds since the epoch.
    """

    start_s: int
    first_s: int
    nanousd: int
    tokens: int

    @property
    def end_s(self) -> int:
        """When the next one may begin."""
        return self.start_s + BLOCK_S

    def nanousd_per_hour(self, now_s: int) -> int:
        """The burn rate: what was used since the first call, at least a quarter hour ago."""
        return self.nanousd * HOUR_S // max(QUARTER_S, min(now_s, self.end_s) - self.first_s)

    def projected_nanousd(self, now_s: int) -> int:
        """What is used when the block ends, if it goes on at the burn rate."""
        left_s = max(0, self.end_s - now_s)
        return self.nanousd + self.nanousd_per_hour(now_s) * left_s // HOUR_S


def blocks_of(quarters: Iterable[Spent]) -> list[Block]:
    """The blocks of these quarter hours, in order; a quarter hour may be given in parts."""
    blocks: list[Block] = []
    for spent in sorted(quarters):
        at_s = spent.quarter * QUARTER_S
        if not blocks or at_s >= blocks[-1].end_s:
            blocks.append(Block(at_s // HOUR_S * HOUR_S, at_s, 0, 0))
        block = blocks[-1]
        blocks[-1] = block._replace(
            nanousd=block.nanousd + spent.nanousd, tokens=block.tokens + spent.tokens
        )
    return blocks


def open_block(quarters: Iterable[Spent], now_s: int) -> Block | None:
    """The block that is going on, None when the last one has ended."""
    blocks = blocks_of(quarters)
    return blocks[-1] if blocks and blocks[-1].end_s > now_s else None
