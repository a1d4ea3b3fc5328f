"""The records of OpenCode: sessions, messages and their parts, however they are kept."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count, StoredInt


class Time(Struct):
    """When something happened, milliseconds since the epoch."""

    created: float | None = None
    updated: float | None = None
    completed: float | None = None
    start: float | None = None
    end: float | None = None


class Session(Struct):
    """A session; one with a parent is a sub-agent's."""

    id: str = ""
    parentID: str | None = None
    directory: str | None = None
    title: str | None = None
    version: str | None = None
    time: Time | None = None


class Cache(Struct):
    """Tokens read from the cache, and written."""

    read: Count = None
    write: Count = None


class Tokens(Struct):
    """Tokens of a reply."""

    input: Count = None
    output: Count = None
    reasoning: Count = None
    total: Count = None
    cache: Cache | None = None


class ErrorData(Struct):
    """Details of an error."""

    message: str | None = None
    statusCode: StoredInt | None = None


class Error(Struct):
    """Why a reply failed."""

    name: str | None = None
    data: ErrorData | None = None


class Model(Struct):
    """A model by its provider's name."""

    id: str | None = None
    modelID: str | None = None
    providerID: str | None = None


class Message(Struct, frozen=True):
    """What a person said, or one call of a model; `type` and `model` are of the second schema."""

    id: str = ""
    sessionID: str | None = None
    role: str | None = None
    type: str | None = None
    time: Time | None = None
    modelID: str | None = None
    providerID: str | None = None
    model: Model | str | None = None
    mode: str | None = None
    agent: str | None = None
    cost: float | None = None
    tokens: Tokens | None = None
    finish: str | None = None
    error: Raw = Raw(b"null")


class ToolState(Struct):
    """How far a tool call has come."""

    status: str | None = None
    input: Raw = Raw(b"null")
    output: str | None = None
    error: str | None = None
    metadata: Raw = Raw(b"null")
    time: Time | None = None


class Metadata(Struct):
    """What a tool tells beside its output."""

    exit: StoredInt | None = None


class Part(Struct):
    """A part of a message."""

    id: str = ""
    type: str = ""
    text: str | None = None
    synthetic: bool | None = None
    ignored: bool | None = None
    time: Time | None = None
    tool: str | None = None
    callID: str | None = None
    state: Raw = Raw(b"null")
    auto: bool | None = None
    attempt: StoredInt | None = None
    error: Raw = Raw(b"null")


class Exported(Struct):
    """A message of an exported session, with its parts."""

    info: Message = Message()
    parts: list[Raw] = []


class Record(Struct):
    """A file or a row, with the documents `beside` it that belong to it: a session, parts."""

    document: Raw = Raw(b"null")
    beside: list[Raw] | None = None


class Head(Struct):
    """What tells a document's kind: an exported session has `info` and `messages`."""

    id: str | None = None
    sessionID: str | None = None
    messageID: str | None = None
    projectID: str | None = None
    role: str | None = None
    type: str | None = None
    info: Raw = Raw(b"null")
    messages: Raw = Raw(b"null")


SKIPS: Final = {"part": "a file that is read with its message"}

SILENT_PARTS: Final = frozenset(
    ("agent", "file", "patch", "snapshot", "step-finish", "step-start", "subtask")
)
"""Parts that tell nothing; the message has the tokens of its steps (7,097 of 7,097 are equal)."""
