"""The tokens of an AgentLog row, in the words of several model APIs, as disjoint buckets."""

from __future__ import annotations

from tachlog.model import MOST_TOKENS, Usage
from tachlog.sources.agent_log.shapes import Details, Told
from tachlog.sources.agent_log.values import Scalar, whole


def usage_of(told: Told) -> tuple[Usage | None, bool]:
    """Tokens in disjoint buckets, and whether the output is told; None without any number.

    Anthropic's `input_tokens` leave out what the cache read and wrote; `prompt_tokens`, and any
    input beside `cached_tokens`, include it, unless the total counts it on top or it would not fit.
    Reasoning is a part of the output unless the total counts it on top. A total stands in for a
    part that is missing: for the output when the input is told, else for the input, by far the
    larger part of what agents use; parts that are told are never changed to fit a total.
    """
    asked = tokens(told.input_tokens, told.prompt_tokens)
    said = tokens(told.output_tokens, told.completion_tokens)
    total = tokens(told.total_tokens)
    write = tokens(told.cache_creation_input_tokens)
    read = tokens(told.cache_read_input_tokens)
    asked_parts = told.input_tokens_details or told.prompt_tokens_details or Details()
    said_parts = told.output_tokens_details or told.completion_tokens_details or Details()
    inside = tokens(told.cached_tokens, asked_parts.cached_tokens, told.prompt_cache_hit_tokens)
    reasoning = tokens(told.reasoning_tokens, said_parts.reasoning_tokens)
    if all(part is None for part in (asked, said, total, read, write, inside)):
        return None, False
    included = inside is not None or tokens(told.input_tokens) is None
    cached_read, written = inside or 0 if read is None else read, write or 0
    cached = cached_read + written
    if asked is None:
        fresh = max(0, (total or 0) - (said or 0) - cached)
    else:
        on_top = cached > asked or (total is not None and total == asked + (said or 0) + cached)
        fresh = asked - cached if included and not on_top else asked
    output = max(0, (total or 0) - fresh - cached) if said is None else said
    if reasoning is not None and said is not None:
        if total == fresh + cached + said + reasoning:
            output = said + reasoning
        reasoning = min(reasoning, output)
    hour = tokens(told.cache_creation.ephemeral_1h_input_tokens) if told.cache_creation else None
    usage = Usage(fresh, cached_read, written, output, min(hour or 0, written), reasoning)
    return usage, said is not None or total is not None


def tokens(*values: Scalar) -> int | None:
    """The first token count that is told."""
    for value in values:
        count = whole(value, MOST_TOKENS)
        if count is not None:
            return count
    return None
