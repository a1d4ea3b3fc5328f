"""The tools that a model asked for and what came back, from the conversation with the model.

A call is a block of the reply, or a tag in its text (`<read_file><path>…`); a result is a block
that names the call, or a text that begins with the tool's name (`[read_file for 'a'] Result:`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from tachlog.model import Thread, ToolResult
from tachlog.records import lenient
from tachlog.sources.cline.shapes import NULL, Block, Said
from tachlog.tellings import tool_failure

TAGS: Final = (
    "access_mcp_resource|apply_diff|apply_patch|ask_followup_question|attempt_completion"
    "|browser_action|codebase_search|condense|edit_file|execute_command|fetch_instructions"
    "|generate_image|insert_content|list_code_definition_names|list_files|load_mcp_documentation"
    "|new_rule|new_task|plan_mode_respond|read_file|replace_in_file|report_bug|run_slash_command"
    "|search_and_replace|search_files|summarize_task|switch_mode|update_todo_list|use_mcp_tool"
    "|use_skill|use_subagents|web_fetch|web_search|write_to_file"
)
"""Tools of Cline and Roo Code that their models ask for by tags (their prompts, 2026-11-22)."""

COMPLETION: Final = "attempt_completion"
"""The tool that ends a task: no result comes back unless the person goes on."""

_TAG: Final = re.compile(rf"<({TAGS})>(.*?)</\1>", re.DOTALL)
_PARAMETER: Final = re.compile(r"<(\w+)>(.*?)</\1>", re.DOTALL)
_HEADER: Final = re.compile(r"\[(\w+)(?: for .{0,4000}?)?\] Result:\s*", re.DOTALL)
_ENVIRONMENT: Final = "<environment_details>"
_CODE: Final = re.compile(r"[Ee]xit(?:ed with)? code:? (-?\d{1,9})\b")
_CODE_WITHIN: Final = 400
_CODE_LINE: Final = re.compile(r"^\[?Command exited with code -?\d+\]?$", re.MULTILINE)
_DENIED: Final = ("The user denied this operation", "Skipping tool due to user rejecting")
_FAILED: Final = ("The tool execution failed", "[ERROR]", "Missing value for required")
_COMMANDS: Final = ("execute_command", "run_commands")
_ERROR: Final = re.compile(r"<error>\s*(.*?)\s*(?:</error>|\Z)", re.DOTALL)


class Use(Struct, frozen=True):
    """A tool that was asked for, with the JSON of its input; `shown` is its name everywhere.

    What is asked for by tags stands in the reply's text.
    """

    id: str | None
    name: str
    shown: str
    raw: bytes
    by_tags: bool = False


class Answer(Struct):
    """What came back, for the call with the id, else the next one of the name."""

    id: str | None
    name: str | None
    text: str
    failed: bool = False


class Status(Struct):
    """How Roo Code tells the model that a tool was not run, or failed."""

    status: str | None = None
    message: str | None = None
    error: str | None = None


class Piece(Struct):
    """A part of a tool's result: a text, or in Cline 3 what each of several questions came to."""

    text: str | None = None
    result: Raw = NULL
    error: str | None = None
    success: bool | None = None
    value: Raw = NULL


def blocks_of(said: Said) -> list[Block]:
    """The blocks of a message; what is none is left out."""
    text = lenient(said.content, str)
    if text is not None:
        return [Block("text", text)]
    raws = lenient(said.content, list[Raw]) or ()
    return [block for raw in raws if (block := lenient(raw, Block)) is not None]


def uses_of(blocks: Sequence[Block]) -> list[Use]:
    """The tools that a reply asks for; tags count only where it has no blocks for them."""
    uses = [
        _named(block.id or block.toolCallId, block.name or block.toolName, bytes(block.input))
        for block in blocks
        if block.type in ("tool_use", "tool-call")
    ]
    if uses:
        return uses
    found = [tag for block in blocks if block.type == "text" for tag in _TAG.finditer(_text(block))]
    return [
        _named(None, tag[1], msgspec.json.encode(dict(_PARAMETER.findall(tag[2]))), by_tags=True)
        for tag in found
    ]


def answers_of(blocks: Sequence[Block]) -> list[Answer]:
    """What tools came to, as the model is told; once the output stood in a text of its own."""
    answers: list[Answer] = []
    for block in blocks:
        if block.type in ("tool_result", "tool-result"):
            raw = block.content if block.content != NULL else block.output
            text, failed = _content(raw)
            call = block.tool_use_id or block.toolCallId
            answers.append(Answer(call, None, text, failed or block.is_error is True))
        elif block.type == "text":
            text = _text(block)
            header = _HEADER.match(text)
            if header:
                answers.append(Answer(None, header[1], text[header.end() :]))
            elif answers and not answers[-1].text and not text.lstrip().startswith(_ENVIRONMENT):
                answers[-1].text = text
    return answers


def paired(uses: Sequence[Use], answers: Sequence[Answer]) -> list[Answer | None]:
    """For each call its result: by its id, else by its name in order."""
    left = list(answers)
    found: list[Answer | None] = []
    for use in uses:
        mine = next((answer for answer in left if _answers(answer, use)), None)
        if mine is not None:
            left.remove(mine)
        found.append(mine)
    return found


def _answers(answer: Answer, use: Use) -> bool:
    return answer.name == use.name if answer.id is None else answer.id == use.id


def result_of(answer: Answer, use: Use, key: int, thread: Thread, at_us: int) -> ToolResult:
    """What a tool came to, in the program's own words to the model."""
    text = answer.text
    status = lenient(Raw(text.encode("utf-8", "replace")), Status) if text[:1] == "{" else None
    denied = status is not None and status.status == "denied"
    if denied or text.startswith(_DENIED):
        return ToolResult(key, thread, at_us, "user_rejected", len(text))
    code = _exit_code(text, use.name)
    if code:
        return tool_failure(key, thread, at_us, _output(text), exit_code=code)
    if status is not None and status.status == "error":
        return tool_failure(key, thread, at_us, status.error or status.message or text)
    if answer.failed or text.startswith(_FAILED):
        inner = _ERROR.search(text)
        return tool_failure(key, thread, at_us, inner[1] if inner else text)
    return ToolResult(key, thread, at_us, "success", len(text), exit_code=code)


def _named(call: str | None, name: str | None, raw: bytes, *, by_tags: bool = False) -> Use:
    """A call, one of an MCP server under the name that such tools have everywhere."""
    name = name or "unknown"
    given = lenient(Raw(raw), dict[str, Raw]) if name == "use_mcp_tool" else None
    parts = [lenient((given or {}).get(part, NULL), str) for part in ("server_name", "tool_name")]
    if all(parts):
        return Use(call, name, f"mcp__{parts[0]}__{parts[1]}", raw, by_tags)
    shown = name.replace("--", "__") if name.startswith("mcp--") else name
    return Use(call, name, shown, raw, by_tags)


def _text(block: Block) -> str:
    return block.text or ""


def _content(raw: Raw) -> tuple[str, bool]:
    """The text of a result, and whether a part of it says that it failed."""
    text = lenient(raw, str)
    if text is not None:
        return text, False
    one = lenient(raw, Piece)
    pieces = [one] if one is not None else lenient(raw, list[Piece]) or []
    texts = [part for piece in pieces for part in _parts(piece) if part]
    return "\n".join(texts), any(piece.success is False for piece in pieces)


def _parts(piece: Piece) -> tuple[str | None, ...]:
    value = lenient(piece.value, str)
    return piece.error, lenient(piece.result, str), piece.text, value


def _exit_code(text: str, tool: str) -> int | None:
    """The exit code that a command's result begins with; no other tool has one."""
    found = _CODE.search(text[:_CODE_WITHIN]) if tool in _COMMANDS else None
    return int(found[1]) if found else None


def _output(text: str) -> str:
    """What a command itself wrote: all behind `Output:`, nothing of what the program says."""
    _, told, output = text.partition("Output:\n")
    if told:
        return output
    rest = _CODE_LINE.sub("", text).strip()
    return "" if _CODE.search(rest) else rest
