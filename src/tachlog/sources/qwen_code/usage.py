"""Tokens of a call, as a message and the program tell them, in disjoint buckets."""

from __future__ import annotations

from tachlog.model import Usage
from tachlog.sources.qwen_code.shapes import Tokens, UiEvent


def usage_of(told: Tokens | None) -> Usage | None:
    """The disjoint buckets of a message; None when it gives no number."""
    if told is None:
        return None
    return _usage(told.prompt, told.cached, told.answer, told.thoughts, told.total)


def usage_of_event(told: UiEvent) -> Usage | None:
    """The disjoint buckets of what the program tells of a call; None when it gives no number."""
    return _usage(
        told.input_token_count,
        told.cached_content_token_count,
        told.output_token_count,
        told.thoughts_token_count,
        told.total_token_count,
    )


def _usage(
    prompt: int | None,
    cached: int | None,
    answer: int | None,
    thoughts: int | None,
    total: int | None,
) -> Usage | None:
    """The disjoint buckets of counts in Gemini's terms, which the program fills for every API.

    `prompt` holds `cached` (recorded: of OpenAI's chat completions). The total decides whether the
    answer holds the thoughts (OpenAI's does) or not (Gemini's).
    """
    read, hit, said, thought = prompt or 0, cached or 0, answer or 0, thoughts or 0
    if not read and not said and not thought:
        return None
    if thought and total == read + said + thought:
        said += thought
    return Usage(max(0, read - hit), min(hit, read), 0, said, 0, thoughts)
