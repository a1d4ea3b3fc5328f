"""The documents of OpenHands: open structs, every field optional, parts decoded one by one."""

from __future__ import annotations

from msgspec import Raw, Struct

from tachlog.chat import NULL
from tachlog.records import AnyCount
from tachlog.sources.agent_log.values import Scalar


class Document(Struct):
    """Any document, alone or with what lies beside it; which one it is shows in what it has."""

    document: Raw = NULL
    beside: list[Raw] = []
    kind: str | None = None
    response: Raw = NULL
    messages: Raw = NULL
    agent: Raw = NULL
    stats: Raw = NULL
    conversation_stats: Raw = NULL

    @property
    def has_stats(self) -> bool:
        """Whether it is the state of a conversation."""
        return any(part != NULL for part in (self.agent, self.stats, self.conversation_stats))


class Event(Struct):
    """An event of the SDK (1.0 and later)."""

    kind: str = ""
    id: str | None = None
    timestamp: Scalar = None
    source: str | None = None
    llm_message: Raw = NULL
    llm_response_id: str | None = None
    thought: Raw = NULL
    reasoning_content: str | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    tool_call: Raw = NULL
    observation: Raw = NULL
    error: str | None = None
    rejection_reason: str | None = None
    rejection_source: str | None = None
    code: str | None = None
    detail: str | None = None
    reason: str | None = None


class Message(Struct):
    """A message to or from the model."""

    role: str | None = None
    content: Raw = NULL
    reasoning_content: str | None = None
    tool_calls: Raw = NULL
    tool_call_id: str | None = None


class ToolUse(Struct):
    """The tool call of an action."""

    name: str | None = None
    arguments: Raw = NULL


class Metadata(Struct):
    """What the shell says of a command."""

    exit_code: Scalar = None
    working_dir: str | None = None


class Observation(Struct):
    """What a tool gave."""

    content: Raw = NULL
    output: Raw = NULL
    is_error: bool | None = None
    error: Raw = NULL
    exit_code: Scalar = None
    timeout: bool | None = None
    metadata: Raw = NULL


class Workspace(Struct):
    """Where a conversation works."""

    working_dir: str | None = None


class BaseState(Struct):
    """The state of a conversation, which has what its calls used."""

    id: str | None = None
    workspace: Raw = NULL
    stats: Raw = NULL
    conversation_stats: Raw = NULL


class Stats(Struct):
    """What calls used, by what they were for."""

    usage_to_metrics: dict[str, Raw] | None = None
    service_to_metrics: dict[str, Raw] | None = None


class TokenUsage(Struct):
    """The tokens of one call, or of all: `prompt_tokens` include what the cache read and wrote."""

    model: str | None = None
    prompt_tokens: AnyCount = None
    completion_tokens: AnyCount = None
    cache_read_tokens: AnyCount = None
    cache_write_tokens: AnyCount = None
    reasoning_tokens: AnyCount = None
    response_id: str | None = None


class Cost(Struct):
    """What one call cost, and when it ended (seconds)."""

    cost: Scalar = None
    timestamp: Scalar = None


class Latency(Struct):
    """How long one call took (seconds)."""

    latency: Scalar = None
    response_id: str | None = None


class Metrics(Struct):
    """What the calls for one thing used."""

    model_name: str | None = None
    accumulated_cost: Scalar = None
    accumulated_token_usage: TokenUsage | None = None
    costs: list[Cost] = []
    response_latencies: list[Latency] = []
    token_usages: list[TokenUsage] = []


class Completion(Struct):
    """The log of one call; `raw_messages` are those before they were rewritten for the model."""

    messages: Raw = NULL
    raw_messages: Raw = NULL
    response: Raw = NULL
    cost: Scalar = None
    timestamp: Scalar = None
    latency_sec: Scalar = None


class Choice(Struct):
    """The answer in a response."""

    message: Message | None = None


class Answer(Struct):
    """The answers of a response."""

    choices: list[Choice] = []


class ToolMetadata(Struct):
    """The call of the model that an event of before the SDK comes from."""

    function_name: str | None = None
    tool_call_id: str | None = None
    model_response: Raw = NULL


class RunningMetrics(Struct):
    """What all calls so far used."""

    accumulated_cost: Scalar = None
    accumulated_token_usage: TokenUsage | None = None


class Arguments(Struct):
    """What an action of before the SDK was given."""

    content: Raw = NULL
    thought: str | None = None
    recall_type: str | None = None
    openhands_version: str | None = None


class Extras(Struct):
    """What an observation of before the SDK tells beside its text."""

    metadata: Metadata | None = None
    exit_code: Scalar = None
    error_id: str | None = None


class ClassicEvent(Struct):
    """An event of before the SDK (0.x)."""

    id: int | str | None = None
    timestamp: Scalar = None
    source: str | None = None
    message: str | None = None
    action: str | None = None
    observation: str | None = None
    args: Raw = NULL
    extras: Raw = NULL
    content: Raw = NULL
    tool_call_metadata: Raw = NULL
    llm_metrics: Raw = NULL
