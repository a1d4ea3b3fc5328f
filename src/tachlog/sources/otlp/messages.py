"""The words in a span's attributes, where whoever runs the agent chose to keep them."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from tachlog.records import lenient
from tachlog.sources.otlp.attributes import Attributes

_MOST_CHARACTERS: Final = 1 << 20


class Part(Struct):
    """A part of a message in the GenAI conventions."""

    type: str = ""
    content: str | None = None
    text: str | None = None


class Message(Struct):
    """A message: its parts, or its content as one text or a list."""

    role: str = ""
    parts: Raw = Raw(b"null")
    content: Raw = Raw(b"null")


class Answer(Struct):
    """An answer that is kept as the JSON of one object."""

    text: str | None = None
    content: str | None = None


def reply_text(attributes: Attributes) -> str:
    """What the model said."""
    messages = _messages(attributes, "gen_ai.output.messages")
    said = "\n".join(filter(None, map(_text, messages)))
    if not said:
        said = _indexed(attributes, ("llm.output_messages.", "gen_ai.completion."))
    if not said and (value := attributes.text("output.value")):
        answer = lenient(Raw(value.encode("utf-8", "replace")), Answer)
        said = (answer and (answer.text or answer.content)) or value
    return said[:_MOST_CHARACTERS]


def prompt_of(attributes: Attributes) -> str:
    """What the last message asked for."""
    messages = _messages(attributes, "gen_ai.input.messages")
    asked = [text for one in messages if one.role in ("", "user") and (text := _text(one))]
    return (asked[-1] if asked else "")[:_MOST_CHARACTERS]


def _messages(attributes: Attributes, name: str) -> list[Message]:
    raw = Raw(attributes.json(name) or b"null")
    found = (lenient(one, Message) for one in lenient(raw, list[Raw]) or ())
    return [message for message in found if message is not None]


def _text(message: Message) -> str:
    plain = lenient(message.content, str)
    if plain is not None:
        return plain
    parts = lenient(message.parts, list[Part]) or lenient(message.content, list[Part]) or ()
    return "\n".join(
        text for part in parts if part.type in ("", "text") and (text := part.content or part.text)
    )


def _indexed(attributes: Attributes, prefixes: tuple[str, ...]) -> str:
    """The texts of messages whose fields are attributes with a number in their names."""
    return "\n".join(
        text
        for prefix in prefixes
        for name in attributes.names(prefix)
        if name.endswith((".content", ".text")) and (text := attributes.text(name))
    )
