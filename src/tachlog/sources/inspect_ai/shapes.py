"""The documents of Inspect AI: open structs, every field optional, parts decoded one by one."""

from __future__ import annotations

from msgspec import Raw, Struct

from tachlog.chat import NULL, Asked
from tachlog.records import AnyCount
from tachlog.sources.agent_log.values import Scalar


class Document(Struct):
    """A member of an archive with the evaluation's beginning beside it, or a whole log."""

    member: str | None = None
    document: Raw = NULL
    beside: list[Raw] = []
    eval: Raw = NULL
    samples: Raw = NULL


class Start(Struct):
    """The beginning of an evaluation."""

    eval: Raw = NULL


class Eval(Struct):
    """What is evaluated."""

    eval_id: str | None = None
    run_id: str | None = None
    model: str | None = None
    packages: Raw = NULL


class Packages(Struct):
    """What ran it."""

    inspect_ai: str | None = None


class Sample(Struct):
    """One run on one task."""

    id: int | str | None = None
    epoch: int | None = None
    uuid: str | None = None
    input: Raw = NULL
    events: list[Raw] = []
    model_usage: Raw = NULL
    error: Raw = NULL
    error_retries: Raw = NULL
    attachments: Raw = NULL
    started_at: Scalar = None


class Error(Struct):
    """Why a sample, an attempt or a tool failed."""

    type: str | None = None
    message: str | None = None
    events: list[Raw] = []


class ModelUsage(Struct):
    """Tokens; whether the input includes the cached ones shows in the total (it did at first)."""

    input_tokens: AnyCount = None
    output_tokens: AnyCount = None
    total_tokens: AnyCount = None
    input_tokens_cache_write: AnyCount = None
    input_tokens_cache_read: AnyCount = None
    reasoning_tokens: AnyCount = None
    total_cost: Scalar = None


class Message(Struct):
    """What the model said."""

    role: str | None = None
    content: Raw = NULL
    tool_calls: Raw = NULL


class Use(Struct):
    """A tool that the model asks for."""

    id: str | None = None
    function: str | None = None
    arguments: Raw = NULL

    @property
    def asked(self) -> Asked:
        """The tool with its input; one without arguments has none."""
        given = b"" if self.arguments == NULL else bytes(self.arguments)
        return Asked(self.id, (self.function or "unknown")[:120], given)


class Block(Struct):
    """A part of it."""

    text: str | None = None
    reasoning: str | None = None


class Choice(Struct):
    """One of its answers."""

    message: Message | None = None
    stop_reason: str | None = None


class Output(Struct):
    """What a call gave."""

    model: str | None = None
    choices: list[Choice] = []
    usage: Raw = NULL
    time: Scalar = None


class Event(Struct):
    """Something that happened in a sample."""

    event: str = ""
    uuid: str | None = None
    timestamp: Scalar = None
    completed: Scalar = None
    working_time: Scalar = None
    pending: bool | None = None
    model: str | None = None
    output: Raw = NULL
    retries: Scalar = None
    cache: str | None = None
    error: Raw = NULL
    id: str | None = None
    function: str | None = None
    arguments: Raw = NULL
    result: Raw = NULL
    events: list[Raw] = []
    input: Raw = NULL
    type: str | None = None
    source: str | None = None
    message: Raw = NULL
    tokens_before: AnyCount = None
    tokens_after: AnyCount = None
