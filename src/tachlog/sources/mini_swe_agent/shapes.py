"""The documents of mini-swe-agent: open structs, every field optional, parts decoded one by one."""

from __future__ import annotations

from msgspec import Raw, Struct

from tachlog.chat import NULL, Response, words
from tachlog.records import lenient
from tachlog.sources.agent_log.values import Scalar


class Document(Struct):
    """A run."""

    info: Raw = NULL
    messages: list[Raw] = []
    trajectory_format: str | None = None
    instance_id: str | None = None


class Info(Struct):
    """What is told of the run as a whole."""

    config: Raw = NULL
    mini_version: str | None = None
    exit_status: str | None = None
    exception_str: str | None = None


class Config(Struct):
    """How the run was set up."""

    agent_type: str | None = None
    model: Raw = NULL
    environment: Raw = NULL


class Setting(Struct):
    """What a model's, or an environment's, configuration tells."""

    model_name: str | None = None
    cwd: str | None = None


class Message(Struct):
    """A message of the run, or (`object` is `response`) what OpenAI's responses API gave."""

    role: str = ""
    content: Raw = NULL
    reasoning_content: str | None = None
    tool_calls: Raw = NULL
    tool_call_id: str | None = None
    timestamp: Scalar = None
    extra: Raw = NULL
    object: str | None = None
    type: str | None = None
    call_id: str | None = None
    output: Raw = NULL
    id: str | None = None
    model: str | None = None
    created_at: Scalar = None
    usage: Raw = NULL

    @property
    def text(self) -> str:
        """What was said."""
        if self.object == "response":
            items = lenient(self.output, list[Item]) or []
            return "\n".join(filter(None, (words(item.content) for item in items)))
        return words(self.output if self.type == "function_call_output" else self.content)


class Item(Struct):
    """One output of a response."""

    content: Raw = NULL


class Extra(Struct):
    """What the agent notes beside a message."""

    actions: Raw = NULL
    response: Raw = NULL
    cost: Scalar = None
    timestamp: Scalar = None
    raw_output: str | None = None
    returncode: Scalar = None
    exception_info: str | None = None
    interrupt_type: str | None = None


class Action(Struct):
    """A command that the agent was to run."""

    command: str | None = None
    tool_call_id: str | None = None


def response_of(message: Message, extra: Extra) -> Response | None:
    """The API's response, beside the message or, in the responses API's own words, in it."""
    if message.object == "response":
        return Response(message.id, message.model, message.created_at, message.usage)
    return lenient(extra.response, Response)
