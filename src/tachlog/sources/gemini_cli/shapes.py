"""The records of Gemini CLI: a chat, its messages, and what a headless run prints."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct, field

from tachlog.records import Count


class Tokens(Struct):
    """Tokens of a reply as the API counts them."""

    input: Count = None
    output: Count = None
    cached: Count = None
    thoughts: Count = None
    tool: Count = None
    total: Count = None


class RunTokens(Struct):
    """Tokens of a headless run with one model, as they are printed when it has ended."""

    prompt: Count = None
    candidates: Count = None
    cached: Count = None
    total: Count = None


class Stats(Struct):
    """Tokens of a headless run; `models` are the same by model."""

    total_tokens: Count = None
    input_tokens: Count = None
    output_tokens: Count = None
    cached: Count = None
    models: Raw = Raw(b"null")
    tokens: RunTokens | None = None


class Thought(Struct):
    """A summary of what the model thought."""

    subject: str | None = None
    description: str | None = None


class Part(Struct):
    """A part of a content."""

    text: str | None = None


class Response(Struct):
    """What a tool answers."""

    output: Raw = Raw(b"null")
    error: Raw = Raw(b"null")


class FunctionResponse(Struct):
    """The answer of a tool to the model."""

    response: Response | None = None


class ResultPart(Struct):
    """A part of what a tool gave."""

    functionResponse: FunctionResponse | None = None


class Tool(Struct):
    """A tool call with its result; its time is when it ended."""

    id: str | None = None
    name: str | None = None
    args: Raw = Raw(b"null")
    result: Raw = Raw(b"null")
    resultDisplay: Raw = Raw(b"null")
    status: str | None = None
    timestamp: datetime | None = None


class RunError(Struct):
    """Why a tool, or a run, failed."""

    type: str | None = None
    message: str | None = None


class Update(Struct):
    """Fields of a chat that are set anew."""

    messages: Raw = Raw(b"null")
    summary: str | None = None
    directories: list[str] | None = None
    lastUpdated: datetime | None = None


class Record(Struct):
    """A chat as one document; or a line of one: its header, a message, a change; or of a run."""

    type: str = ""
    id: str | None = None
    timestamp: datetime | None = None
    sessionId: str | None = None
    projectHash: str | None = None
    startTime: datetime | None = None
    lastUpdated: datetime | None = None
    summary: str | None = None
    directories: list[str] | None = None
    kind: str | None = None
    messages: Raw = Raw(b"null")
    update: Update | None = field(name="$set", default=None)
    rewind: str | None = field(name="$rewindTo", default=None)
    content: Raw = Raw(b"null")
    model: str | None = None
    tokens: Tokens | None = None
    thoughts: list[Thought] | None = None
    toolCalls: list[Tool] | None = None
    session_id: str | None = None
    role: str | None = None
    tool_name: str | None = None
    tool_id: str | None = None
    parameters: Raw = Raw(b"null")
    status: str | None = None
    severity: str | None = None
    output: str | None = None
    error: RunError | None = None
    message: str | None = None
    stats: Stats | None = None


class Head(Struct):
    """What the detection looks at."""

    type: str | None = None
    sessionId: str | None = None
    projectHash: str | None = None
    session_id: str | None = None
    model: str | None = None


SKIPS: Final = {
    "$rewindTo": "the conversation goes back; what was said was spent",
    "info": "words on the screen",
    "warning": "words on the screen",
    "error/warning": "words on the screen",
}
