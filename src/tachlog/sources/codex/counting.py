"""Tokens of a model call, from running totals and from the usage of single calls."""

from __future__ import annotations

from typing import Final

from tachlog.model import Usage
from tachlog.sources.codex.shapes import TokenInfo, TokenUsage

_FIELDS: Final = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
    "total_tokens",
)


def usage_of(told: TokenUsage, searches: int = 0) -> Usage:
    """Tokens in disjoint buckets, and the web searches that the provider made in the call.

    Codex counts what was read from and written to the cache within the input, reasoning within the
    output (it holds on all of 3,372 real records). Parts that exceed their whole are cut to it.
    """
    whole = told.input_tokens or 0
    read = min(told.cached_input_tokens or 0, whole)
    written = min(told.cache_write_input_tokens or 0, whole - read)
    return Usage(
        whole - read - written,
        read,
        written,
        told.output_tokens or 0,
        reasoning=told.reasoning_output_tokens,
        web_searches=searches,
    )


def totals_of(told: TokenUsage) -> tuple[int, ...]:
    """Running totals as numbers to compare."""
    return tuple(getattr(told, name) or 0 for name in _FIELDS)


def whole_of(totals: tuple[int, ...]) -> int:
    """All tokens of running totals: what was read, its cached parts included, and what came."""
    return totals[_FIELDS.index("input_tokens")] + totals[_FIELDS.index("output_tokens")]


def spent(info: TokenInfo, before: tuple[int, ...] | None) -> TokenUsage | None:
    """What the call behind a token count used; None when the count tells of no new call.

    Events repeat the last call (31 % of real ones do, to refresh usage limits), so only totals that
    moved are a call. Where its own usage is missing, it is by how much they moved, and totals that
    fell began anew. A count without input and output tells that the window is full, or what a
    compaction left.
    """
    total, last = info.total_token_usage, info.last_token_usage
    if total is not None and totals_of(total) == before:
        return None
    used = last
    if used is None and total is not None:
        used = moved(total, before)
    if used is None or not (used.input_tokens or used.output_tokens):
        return None
    return used


def moved(total: TokenUsage, before: tuple[int, ...] | None) -> TokenUsage:
    """By how much running totals moved."""
    now = totals_of(total)
    if before is None or any(a < b for a, b in zip(now, before, strict=True)):
        return total
    return TokenUsage(*(a - b for a, b in zip(now, before, strict=True)))
