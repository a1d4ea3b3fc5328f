"""The records of Goose: a session of its database or an export, and lines of the older files."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count, StoredInt

NULL: Final = Raw(b"null")


class Parent(Struct):
    """The session that a sub-agent works for."""

    id: str = ""
    created_at: datetime | None = None


class Model(Struct):
    """The model in use."""

    model_name: str | None = None


class Ledger(Struct):
    """A model call in the ledger; `carried_forward` is what was spent before there was one."""

    id: int = 0
    created: float | None = None
    model: str | None = None
    input_tokens: Count = None
    output_tokens: Count = None
    total_tokens: Count = None
    cache_read_tokens: Count = None
    cache_write_tokens: Count = None
    cost: float | None = None
    cost_source: str | None = None
    is_compaction: int | None = None


class Metadata(Struct):
    """Who sees a message; what is not said is seen."""

    userVisible: bool = True
    agentVisible: bool = True


class Record(Struct):
    """A session with its conversation; or, in the older files, its head or one message."""

    id: str | None = None
    created_at: datetime | None = None
    working_dir: str | None = None
    name: str | None = None
    description: str | None = None
    user_set_name: bool | int | None = None
    session_type: str | None = None
    message_count: int | None = None
    provider_name: str | None = None
    model_config: Raw = NULL
    accumulated_input_tokens: Count = None
    accumulated_output_tokens: Count = None
    accumulated_total_tokens: Count = None
    accumulated_cache_read_tokens: Count = None
    accumulated_cache_write_tokens: Count = None
    parent: Raw = NULL
    conversation: list[Raw] | None = None
    ledger: list[Raw] | None = None
    role: str | None = None
    created: float | None = None
    content: list[Raw] | None = None
    metadata: Raw = NULL


class Message(Struct):
    """A message; its time is in seconds, in some versions in milliseconds."""

    id: str | None = None
    role: str | None = None
    created: float | None = None
    content: list[Raw] | None = None
    metadata: Raw = NULL


class Block(Struct):
    """A part of a message."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    msg: str | None = None
    toolCall: Raw = NULL
    toolResult: Raw = NULL


class Asked(Struct):
    """The tool that is asked for."""

    name: str | None = None
    arguments: Raw = NULL


class Outcome(Struct):
    """A value or an error, of a tool call or its result."""

    status: str | None = None
    value: Raw = NULL
    error: str | None = None


class Annotations(Struct):
    """Who is to see a piece; when nobody is named, everybody."""

    audience: list[str] | None = None


class Piece(Struct):
    """A piece of a tool's answer."""

    text: str | None = None
    annotations: Annotations | None = None


class Structured(Struct):
    """What the shell tells beside its output."""

    exit_code: StoredInt | None = None


class Result(Struct):
    """What a tool answered; in the older files only its `content`."""

    content: list[Raw] | None = None
    structuredContent: Raw = NULL
    isError: bool | None = None


class Head(Struct):
    """What the detection looks at."""

    working_dir: str | None = None
    description: str | None = None
    message_count: int | None = None
    accumulated_total_tokens: Raw = NULL
    conversation: Raw = NULL
    role: str | None = None
    created: float | None = None
    content: Raw = NULL


SILENT_BLOCKS: Final = frozenset(
    (
        "actionRequired",
        "frontendToolRequest",
        "image",
        "redactedThinking",
        "systemNotification",
        "toolConfirmationRequest",
    )
)
"""Parts of messages that tell nothing: what was shown or asked on the screen."""
