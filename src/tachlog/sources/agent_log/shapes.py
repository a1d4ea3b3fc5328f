"""The fields of an AgentLog row and of the parts inside it: open structs, every field optional.

Parts that may be JSON or a text that holds JSON, and those that other systems fill as they like,
stay `Raw` and are decoded one by one: a surprise in one of them costs its facts and not the row.
"""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from tachlog.records import AnyCount
from tachlog.sources.agent_log.values import Scalar, milliseconds

AGENT: Final = "agent_log"


class Row(Struct):
    """One record; `structured_data` and `tool_calls` are JSON, or texts that hold JSON."""

    id: int | float | str | None = None
    session_id: int | str | None = None
    provider: str | None = None
    model: str | None = None
    log_timestamp: Scalar = None
    created_at: Scalar = None
    structured_data: Raw = Raw(b"null")
    tool_calls: Raw = Raw(b"null")
    response_time: Scalar = None


class Payload(Struct):
    """What was said."""

    content: Raw = Raw(b"null")


class Data(Struct):
    """The part of a row that other systems fill as they like."""

    payload: Raw = Raw(b"null")
    usage: Raw = Raw(b"null")
    error: Raw = Raw(b"null")
    role: str | None = None
    queued_at: Scalar = None
    started_at: Scalar = None
    stop_reason: str | None = None
    finish_reason: str | None = None


class Details(Struct):
    """Parts of an input or output count, as OpenAI's APIs tell them."""

    cached_tokens: AnyCount = None
    reasoning_tokens: AnyCount = None


class Lifetimes(Struct):
    """Cache writes by lifetime, as Anthropic's API tells them."""

    ephemeral_1h_input_tokens: AnyCount = None


class Told(Struct):
    """Usage in the words of Anthropic's, OpenAI's (chat and responses) and DeepSeek's APIs."""

    input_tokens: AnyCount = None
    prompt_tokens: AnyCount = None
    output_tokens: AnyCount = None
    completion_tokens: AnyCount = None
    total_tokens: AnyCount = None
    cache_read_input_tokens: AnyCount = None
    cache_creation_input_tokens: AnyCount = None
    cache_creation: Lifetimes | None = None
    cached_tokens: AnyCount = None
    prompt_cache_hit_tokens: AnyCount = None
    reasoning_tokens: AnyCount = None
    input_tokens_details: Details | None = None
    prompt_tokens_details: Details | None = None
    output_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None


class Tool(Struct):
    """A tool call with its result. `is_error` is taken as it is."""

    name: str | None = None
    input: Raw = Raw(b"null")
    content: Raw = Raw(b"null")
    is_error: bool | int | str | None = None
    error_type: str | None = None
    duration_ms: Scalar = None
    execution_time: Scalar = None

    @property
    def failed(self) -> bool:
        """Whether the log says that it failed; texts are what databases write for true."""
        if isinstance(self.is_error, str):
            return self.is_error.strip().lower() in ("true", "t", "1", "yes")
        return bool(self.is_error)

    @property
    def own_ms(self) -> int | None:
        """How long it ran, if the tool call itself tells it."""
        own = milliseconds(self.duration_ms)
        return milliseconds(self.execution_time) if own is None else own


class Error(Struct):
    """Why a model call failed."""

    type: str | None = None
    code: int | str | None = None
    status: Scalar = None
    message: str | None = None
    retry_after_ms: Scalar = None
    attempt: Scalar = None
