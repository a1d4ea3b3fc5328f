"""The records of Droid: lines of a session, and the settings beside them with what it used."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count

NULL: Final = Raw(b"null")


class Tokens(Struct):
    """What a session used, in disjoint buckets; `thinkingTokens` are a part of the output."""

    inputTokens: Count = None
    outputTokens: Count = None
    cacheCreationTokens: Count = None
    cacheReadTokens: Count = None
    thinkingTokens: Count = None


class Message(Struct):
    """A message of the conversation; `visibility` is told where not everybody sees it."""

    role: str = ""
    content: str | list[Raw] | None = None
    modelId: str | None = None
    visibility: str | None = None


class Record(Struct):
    """One line of a session; or a `document`, its settings, with its first line `beside` it.

    A session with `callingSessionId` is a sub-agent's, one with `forkedAtMessageId` has copied what
    stands before that message from its `parent`.
    """

    type: str = ""
    id: str | None = None
    timestamp: datetime | None = None
    title: str | None = None
    sessionTitle: str | None = None
    isSessionTitleManuallySet: bool | None = None
    cwd: str | None = None
    parent: str | None = None
    callingSessionId: str | None = None
    forkedAtMessageId: str | None = None
    message: Message | None = None
    summaryTokens: Count = None
    reason: str | None = None
    turnId: str | None = None
    document: Raw = NULL
    beside: list[Raw] | None = None


class Settings(Struct):
    """What is told of a session as a whole."""

    tokenUsage: Tokens | None = None
    model: str | None = None
    providerLock: str | None = None
    providerLockTimestamp: datetime | None = None


class Block(Struct):
    """A part of a message."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = NULL
    tool_use_id: str | None = None
    is_error: bool | None = None
    content: str | list[Raw] | None = None


class Piece(Struct):
    """A piece of a tool's answer."""

    text: str | None = None


class Head(Struct):
    """What the detection looks at."""

    type: str = ""
    id: str | None = None
    title: str | None = None
    owner: str | None = None
    tokenUsage: Raw = NULL
    assistantActiveTimeMs: Raw = NULL
    providerLock: str | None = None


SKIPS: Final = {
    "todo_state": "the list of what is to do, which a tool has written",
    "message/context": "context that the program adds",
}

SILENT_BLOCKS: Final = frozenset(("document", "image", "redacted_thinking"))
"""Parts of messages that tell nothing."""
