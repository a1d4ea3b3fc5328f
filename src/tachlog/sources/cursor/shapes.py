"""What is read of a conversation in Cursor's database: all fields optional."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count, StoredInt

NULL: Final = Raw(b"null")


class Tool(Struct):
    """A tool that was asked for, and what came back; `result` is its beginning."""

    id: str | None = None
    name: str | None = None
    status: str | None = None
    decision: str | None = None
    rawArgs: Raw = NULL
    params: Raw = NULL
    error: Raw = NULL
    exit: StoredInt | None = None
    rejected: bool | int | None = None
    failed: Raw = NULL
    result: Raw = NULL
    length: int | None = None


class Bubble(Struct):
    """A message: 1 is a person's, 2 the model's (words, thoughts or one tool)."""

    id: str | None = None
    type: int | str | None = None
    text: str | None = None
    thinking: str | None = None
    createdAt: str | float | None = None
    sentAt: float | None = None
    endedAt: float | None = None
    turnMs: float | None = None
    input: Count = None
    output: Count = None
    model: str | None = None
    cwd: str | None = None
    error: Raw = NULL
    tool: Raw = NULL


class Spent(Struct):
    """What a model cost in a conversation; Cursor stopped writing it in October 2025."""

    costInCents: float | None = None


class Composer(Struct):
    """A conversation; `order` has the ids of its messages."""

    id: str = ""
    shape: str | None = None
    name: str | None = None
    status: str | None = None
    createdAt: Raw = NULL
    branch: str | None = None
    model: str | None = None
    cwd: str | None = None
    parent: str | None = None
    kind: str | None = None
    usage: Raw = NULL
    order: Raw = NULL


class Record(Struct):
    """A row: a conversation with its messages."""

    composer: Raw = NULL
    bubbles: list[Raw] = []


class Trouble(Struct):
    """Why something failed, in one of the forms that Cursor writes."""

    message: str | None = None
    error: str | None = None
    clientVisibleErrorMessage: str | None = None
    modelVisibleErrorMessage: str | None = None
