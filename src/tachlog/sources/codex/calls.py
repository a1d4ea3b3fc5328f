"""The items of a model's response: what it says, what it thinks, which tools it asks for."""

from __future__ import annotations

from msgspec import Raw, Struct

from tachlog.model import Features
from tachlog.records import lenient
from tachlog.sources.codex import shapes
from tachlog.sources.codex.shapes import Payload
from tachlog.tellings import Content

_TOOL_NAME_CHARACTERS = 120
_PLAIN_NAMESPACES = ("functions", "multi_agent_v1", "multi_agent_v2")


class ToolItem(Struct, frozen=True):
    """A tool that a response asks for; `raw` is its input. `done`: the item is its end as well."""

    tool: str
    raw: bytes
    done: bool = False


def tool_item(item: Payload) -> ToolItem:
    """What a response item of a kind that is a tool call asks for."""
    match item.type:
        case "custom_tool_call":
            return ToolItem(tool_name(item), _text_bytes(item.input))
        case "local_shell_call":
            return ToolItem("local_shell", bytes(item.action))
        case "tool_search_call":
            return ToolItem("tool_search", _text_bytes(item.arguments))
        case "web_search_call":
            return ToolItem("web_search", bytes(item.action), done=True)
        case "image_generation_call":
            return ToolItem("image_generation", b"{}", done=True)
        case _:
            return ToolItem(tool_name(item), _text_bytes(item.arguments))


def tool_name(item: Payload) -> str:
    """A tool's name; those of MCP servers as `mcp__server__tool`."""
    name, space = item.name or "unknown", item.namespace or ""
    if space.startswith("mcp__"):
        name = f"{space.rstrip('_')}__{name}"
    elif space and space not in _PLAIN_NAMESPACES:
        name = f"{space}.{name}"
    return name[:_TOOL_NAME_CHARACTERS]


def says(item: Payload) -> tuple[Features, int]:
    """The features of a message or of reasoning, and what the words show.

    Reasoning is encrypted; its summary is no part of what the model wrote.
    """
    parts = lenient(item.content, list[shapes.Text]) or []
    text = "\n".join(part.text for part in parts if part.text)
    content = Content()
    if item.type == "reasoning":
        content.think(text, len(bytes(item.encrypted_content)) - len('""'))
    else:
        content.say(text)
        content.media = sum(part.type.endswith(("_image", "_audio")) for part in parts)
    return content.features, content.behaviors


def asks(tool: ToolItem) -> Features:
    """The features of a tool call."""
    content = Content()
    content.call(tool.raw)
    return content.features


def identity_of(item: Payload, name: str | None = None) -> bytes:
    """What tells an item from others: an id (`name`, if it is told elsewhere), else its content."""
    named = item.id or item.call_id or name
    if named:
        return f"{item.type} {named}".encode("utf-8", "surrogatepass")
    fields = (item.content, item.encrypted_content, item.action, item.arguments, item.input)
    return item.type.encode("utf-8", "surrogatepass") + b"\0".join(bytes(raw) for raw in fields)


def _text_bytes(raw: Raw) -> bytes:
    """An input as its tool got it: the text in a JSON string, or the JSON itself."""
    text = lenient(raw, str)
    return bytes(raw) if text is None else text.encode("utf-8", "surrogatepass")


def process_of(raw: bytes) -> int | None:
    """The background process that a call of `write_stdin` is about."""
    told = lenient(Raw(raw), shapes.StdinInput)
    return told.session_id if told else None
