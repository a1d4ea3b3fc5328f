"""Tokens of a request of Cline or Roo Code in disjoint buckets.

Whether `tokensIn` holds what was read from the cache and written depends on who asked: Roo Code
adds both since it writes `apiProtocol` (`calculateApiCostAnthropic`), Cline writes what its handler
of each provider gives (those of 3.82, read and recorded 2026-11-22). What is less than the cache
alone cannot hold it, whoever wrote it.
"""

from __future__ import annotations

from typing import Final

from tachlog.model import Usage
from tachlog.sources.cline.shapes import Metrics, Request

BESIDE: Final = frozenset(
    (
        "anthropic",
        "bedrock",
        "claude-code",
        "cline",
        "deepseek",
        "gemini",
        "groq",
        "minimax",
        "moonshot",
        "openai-native",
        "openrouter",
        "vercel-ai-gateway",
        "vertex",
    )
)
"""Cline's providers whose input excludes the cache; of all others the API's own count is kept."""


def usage_of(told: Request, provider: str | None) -> Usage | None:
    """The disjoint buckets; None when no token is told, as where a provider counts none."""
    inside = told.apiProtocol is not None or (provider is not None and provider not in BESIDE)
    return _disjoint(told.tokensIn, told.cacheReads, told.cacheWrites, told.tokensOut, inside)


def usage_of_session(told: Metrics | None) -> Usage | None:
    """The same of a call of Cline 3, whose input holds the cache (recorded with 3.0.65)."""
    told = told or Metrics()
    counts = (told.inputTokens, told.cacheReadTokens, told.cacheWriteTokens, told.outputTokens)
    return _disjoint(*counts, inside=True)


def _disjoint(
    fresh: int | None, read: int | None, written: int | None, output: int | None, inside: bool
) -> Usage | None:
    read, written = read or 0, written or 0
    fresh, cached = fresh or 0, read + written
    alone = fresh - cached if inside and fresh >= cached else fresh
    usage = Usage(alone, read, written, output or 0)
    return usage if usage.total else None
