"""The records of Amp: a thread with its messages and its ledger; open structs, all optional."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct, field

from tachlog.records import Count, StoredInt

NULL: Final = Raw(b"null")


class Tokens(Struct):
    """Tokens of an entry in the ledger: it leaves out the cache."""

    input: Count = None
    output: Count = None


class Entry(Struct):
    """What was spent: by the reply `toMessageId`, or within the tool `toolUseID`."""

    id: str = ""
    timestamp: datetime | None = None
    model: str | None = None
    tokens: Tokens | None = None
    operationType: str | None = None
    subagentThreadID: str | None = None
    toMessageId: int | None = None
    toolUseID: str | None = None


class Ledger(Struct):
    """What a thread spent."""

    events: list[Raw] | None = None


class Tree(Struct):
    """A directory that the agent works in."""

    uri: str | None = None


class Platform(Struct):
    """What Amp runs on, and as."""

    client: str | None = None
    clientVersion: str | None = None


class Initial(Struct):
    """The surroundings when a thread began."""

    trees: list[Tree] | None = None
    platform: Platform | None = None


class Surroundings(Struct):
    """The surroundings."""

    initial: Initial | None = None


class Document(Struct):
    """A thread; one with a main thread is a sub-agent's."""

    id: str | None = None
    created: float | None = None
    title: str | None = None
    mainThreadID: str | None = None
    originThreadID: str | None = None
    messages: list[Raw] | None = None
    usageLedger: Raw = NULL
    env: Raw = NULL


class Used(Struct):
    """What a call used; `totalInputTokens` is all that it read."""

    model: str | None = None
    inputTokens: Count = None
    outputTokens: Count = None
    cacheCreationInputTokens: Count = None
    cacheReadInputTokens: Count = None
    totalInputTokens: Count = None


class Fault(Struct):
    """What went wrong."""

    message: str | None = None


class Progress(Struct):
    """How far a reply has come."""

    type: str | None = None
    stopReason: str | None = None
    error: Raw = NULL


class Sent(Struct):
    """When a person sent a message."""

    sentAt: float | None = None


class Message(Struct):
    """A message of a thread; replies tell no time of their own."""

    role: str | None = None
    messageId: int | None = None
    content: list[Raw] | None = None
    state: Raw = NULL
    usage: Raw = NULL
    meta: Raw = NULL


class Inference(Struct):
    """A call that a tool made."""

    usage: Raw = NULL


class Inner(Struct):
    """What a tool did inside; a sub-agent's calls stand in its own thread."""

    threadID: str | None = None
    inferences: list[Raw] | None = None


class Run(Struct):
    """How a tool call went."""

    status: str | None = None
    result: Raw = NULL
    error: Raw = NULL
    reason: str | None = None
    debug: Raw = field(default=NULL, name="~debug")


class Block(Struct):
    """A part of a message."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = NULL
    toolUseID: str | None = None
    run: Raw = NULL


class Shell(Struct):
    """What a command answered."""

    output: str | None = None
    exitCode: StoredInt | None = None


class Head(Struct):
    """What the detection looks at."""

    v: int | None = None
    id: str | None = None
    created: float | None = None
    messages: Raw = NULL


SILENT_BLOCKS: Final = frozenset(("image", "redacted_thinking"))
"""Parts of messages that tell nothing."""
