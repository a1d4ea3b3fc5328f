"""Tokens of a model call in disjoint buckets, from the counts of several conventions."""

from __future__ import annotations

from tachlog.model import Usage
from tachlog.sources.otlp.attributes import Attributes

_INPUT = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
)
_OUTPUT = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "llm.usage.completion_tokens",
)
_TOTAL = ("gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens")
_READ = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
)
_WRITE = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
)
_REASONING = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
)


def usage_of(attributes: Attributes) -> Usage | None:
    """What a span reports, None when it reports no tokens.

    The conventions say that the input includes what the cache read and wrote and that the output
    includes reasoning (GenAI 1.41.1, notes 11 to 14; OpenInference: details are parts). A cache
    that does not fit into the input, or that the total counts on top of it, lies beside it.
    """
    asked, said = attributes.tokens(*_INPUT), attributes.tokens(*_OUTPUT)
    if asked is None and said is None:
        return None
    return buckets(
        asked or 0,
        said or 0,
        read=attributes.tokens(*_READ) or 0,
        written=attributes.tokens(*_WRITE) or 0,
        total=attributes.tokens(*_TOTAL),
        reasoning=attributes.tokens(*_REASONING),
    )


def buckets(
    asked: int,
    said: int,
    *,
    read: int = 0,
    written: int = 0,
    total: int | None = None,
    reasoning: int | None = None,
) -> Usage:
    """Disjoint buckets, of an input that includes the cache and an output with its reasoning."""
    cached = read + written
    on_top = cached > asked or (cached > 0 and total == asked + said + cached)
    fresh = asked if on_top else asked - cached
    if reasoning is not None:
        reasoning = min(reasoning, said)
    return Usage(fresh, read, written, said, reasoning=reasoning)
