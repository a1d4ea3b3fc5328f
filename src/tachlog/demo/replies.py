"""The lines of one model call: a line for each block, each with the message's id and usage."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tachlog.demo.dialects import Dialect, Usage, usage_json
from tachlog.demo.dice import Dice, Quantiles
from tachlog.demo.notation import as_json
from tachlog.demo.workbench import Tool

THINKING_TOKENS: Quantiles = ((0, 20), (0.5, 110), (0.9, 620), (1, 1_700))


class Call(msgspec.Struct, frozen=True):
    """A tool call with its id and its arguments as JSON."""

    call_id: str
    tool: Tool
    arguments: str


class Blocks(msgspec.Struct, frozen=True):
    """What a model call said: blocks as JSON, the last of them its tool calls."""

    texts: list[str]
    calls: list[Call]
    output_tokens: int
    thinking_tokens: int

    def call_at(self, index: int) -> Call | None:
        """The tool call that a block is."""
        place = index - (len(self.texts) - len(self.calls))
        return self.calls[place] if place >= 0 else None


def make_blocks(
    dialect: Dialect, dice: Dice, text: str, tools: Sequence[Tool], thinking: str | None
) -> Blocks:
    """Thinking ("" where it is hidden, None where there is none), text and tool calls."""
    texts = []
    reasoning = 0
    if thinking is not None:
        reasoning = len(thinking) // 4 or dice.spread(THINKING_TOKENS)
        signature = dice.base64(min(200 + reasoning * 4, 1_600))
        shown = f'"thinking":{as_json(thinking)},"signature":"{signature}"'
        texts.append(f'{{"type":"thinking",{shown}}}')
    if text:
        texts.append(f'{{"type":"text","text":{as_json(text)}}}')
    calls = [Call(f"toolu_01{dice.base58(22)}", tool, as_json(tool.arguments)) for tool in tools]
    caller = ',"caller":{"type":"direct"}' if dialect.modern else ""
    written = len(text)
    for call in calls:
        named = f'"id":"{call.call_id}","name":"{call.tool.name}","input":{call.arguments}{caller}'
        texts.append(f'{{"type":"tool_use",{named}}}')
        written += len(named)
    return Blocks(texts, calls, written // 4 + 3 + reasoning, reasoning)


class ReplyLines:
    """Makes the bodies of a reply's lines, which differ in their block and their usage only."""

    def __init__(
        self, dialect: Dialect, model: str, call_id: str, request_id: str, request_ref: str
    ) -> None:
        self._dialect = dialect
        self._head = (
            f'"message":{{"model":"{model}","id":"{call_id}","type":"message","role":"assistant",'
            '"content":['
        )
        self._request = f'"requestId":"{request_id}"'
        if request_ref:
            self._request += f',"requestRef":"{request_ref}","requestedModel":"{model}"'
        self._numbered = bool(request_ref)

    def end(self, usage: Usage, stop_reason: str | None) -> str:
        """What follows the block in a line that shows this usage."""
        stop = f'"{stop_reason}"' if stop_reason else "null"
        details = ',"stop_details":null' if self._dialect.modern else ""
        shown = usage_json(self._dialect, usage)
        return (
            f'],"stop_reason":{stop},"stop_sequence":null{details},"usage":{shown}}},'
            + self._request
        )

    def body(self, block: str, end: str, index: int) -> str:
        """The body of the line of one block."""
        number = f',"apiBlockIndex":{index}' if self._numbered else ""
        return f'{self._head}{block}{end}{number},"type":"assistant"'
