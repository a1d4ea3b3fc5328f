"""How the model APIs of four vendors are asked and how they answer, as far as agents look."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

_numbers = count(1)


@dataclass(frozen=True)
class Usage:
    """Tokens of a call in disjoint buckets; `reasoning` is a part of `output`."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def prompt(self) -> int:
        """All that was read."""
        return self.input + self.cache_read + self.cache_write


@dataclass(frozen=True)
class Tool:
    """A tool that the model asks for; `namespace` is that of tools which come in groups."""

    name: str
    arguments: dict[str, Any]
    namespace: str | None = None
    id: str = field(default_factory=lambda: f"call_{next(_numbers):024d}")


@dataclass(frozen=True)
class Answer:
    """What the model says: thoughts, words, tools, and what it bills."""

    text: str = ""
    tools: tuple[Tool, ...] = ()
    usage: Usage = Usage(100, 0, 0, 10)
    thinking: str = ""


@dataclass(frozen=True)
class Fault:
    """An error instead of an answer."""

    status: int
    kind: str
    message: str
    retry_after: int | None = None


@dataclass(frozen=True)
class Silence:
    """A thought, then the beginning of an answer, after which nothing comes until the agent stops.

    The output of its usage is never told: APIs tell it at the end.
    """

    text: str
    usage: Usage = Usage(100, 0, 0, 1)
    thinking: str = ""


NOTHING_MORE = Answer("Nothing more to say.", usage=Usage(1, 0, 0, 1))
"""What the model says when its script has run out; no case should hold it."""


@dataclass(frozen=True)
class Asked:
    """A request: the instructions, what people said in it, in order, and how to answer."""

    model: str
    texts: list[str]
    instructions: str
    stream: bool


class Dialect(Protocol):
    """One API."""

    def asked(self, request: Any, path: str) -> Asked:
        """What a request says."""

    def whole(self, line: Answer, asked: Asked) -> dict[str, Any]:
        """The answer in one piece."""

    def events(self, line: Answer | Silence, asked: Asked) -> Iterator[str]:
        """The answer as server-sent events."""

    def fault(self, line: Fault) -> dict[str, Any]:
        """The body of an error."""


def _event(data: Any, name: str | None = None) -> str:
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"


def _texts_of(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content or () if isinstance(part.get("text"), str)]


def _pieces(text: str) -> list[str]:
    half = len(text) // 2
    return [piece for piece in (text[:half], text[half:]) if piece]


class Anthropic:
    """`/v1/messages`."""

    def asked(self, request: Any, path: str) -> Asked:
        """What a request says."""
        said = [m["content"] for m in request["messages"] if m["role"] == "user"]
        return Asked(
            request["model"],
            [text for content in said for text in _texts_of(content)],
            "\n".join(_texts_of(request.get("system"))),
            bool(request.get("stream")),
        )

    def whole(self, line: Answer, asked: Asked) -> dict[str, Any]:
        """The answer in one piece."""
        message = self._start(line.usage, asked)
        message["content"] = [block | filled for block, filled, _ in self._blocks(line)]
        message["stop_reason"] = self._stop(line)
        message["usage"]["output_tokens"] = line.usage.output
        return message

    def events(self, line: Answer | Silence, asked: Asked) -> Iterator[str]:
        """The answer as server-sent events; the output is known at the end only."""
        message = self._start(line.usage, asked)
        yield _event({"type": "message_start", "message": message}, "message_start")
        answer = line if isinstance(line, Answer) else Answer(line.text, thinking=line.thinking)
        for index, (block, _, deltas) in enumerate(self._blocks(answer)):
            start = {"type": "content_block_start", "index": index, "content_block": block}
            yield _event(start, "content_block_start")
            for delta in deltas:
                told = {"type": "content_block_delta", "index": index, "delta": delta}
                yield _event(told, "content_block_delta")
            if isinstance(line, Silence) and block["type"] == "text":
                return
            yield _event({"type": "content_block_stop", "index": index}, "content_block_stop")
        usage = message["usage"] | {"output_tokens": line.usage.output}
        if line.usage.reasoning:
            usage["output_tokens_details"] = {"thinking_tokens": line.usage.reasoning}
        delta = {"stop_reason": self._stop(answer), "stop_sequence": None}
        told = {"type": "message_delta", "delta": delta, "usage": usage}
        yield _event(told, "message_delta")
        yield _event({"type": "message_stop"}, "message_stop")

    def fault(self, line: Fault) -> dict[str, Any]:
        """The body of an error."""
        return {"type": "error", "error": {"type": line.kind, "message": line.message}}

    @staticmethod
    def _start(usage: Usage, asked: Asked) -> dict[str, Any]:
        return {
            "id": f"msg_01stub{next(_numbers):08d}",
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": usage.input,
                "cache_creation_input_tokens": usage.cache_write,
                "cache_read_input_tokens": usage.cache_read,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": usage.cache_write,
                    "ephemeral_1h_input_tokens": 0,
                },
                "output_tokens": 1,
                "service_tier": "standard",
            },
        }

    @staticmethod
    def _blocks(line: Answer) -> Iterator[tuple[dict[str, Any], dict[str, Any], list[Any]]]:
        """Each block as it starts, what fills it, and the deltas that do."""
        if line.thinking:
            deltas = [{"type": "thinking_delta", "thinking": p} for p in _pieces(line.thinking)]
            signed = {"type": "signature_delta", "signature": "c3R1Yg=="}
            filled = {"thinking": line.thinking, "signature": "c3R1Yg=="}
            yield {"type": "thinking", "thinking": "", "signature": ""}, filled, [*deltas, signed]
        if line.text:
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(line.text)]
            yield {"type": "text", "text": ""}, {"text": line.text}, deltas
        for tool in line.tools:
            block = {
                "type": "tool_use",
                "id": f"toolu_01{tool.id[-22:]}",
                "name": tool.name,
                "input": {},
            }
            told = json.dumps(tool.arguments)
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in _pieces(told)]
            yield block, {"input": tool.arguments}, deltas

    @staticmethod
    def _stop(line: Answer) -> str:
        return "tool_use" if line.tools else "end_turn"


class Responses:
    """OpenAI's `/v1/responses`."""

    def asked(self, request: Any, path: str) -> Asked:
        """What a request says."""
        items = request["input"] if isinstance(request["input"], list) else []
        said = [i["content"] for i in items if i.get("role") == "user"]
        texts = [text for content in said for text in _texts_of(content)]
        if isinstance(request["input"], str):
            texts = [request["input"]]
        instructions = request.get("instructions") or ""
        return Asked(request["model"], texts, instructions, bool(request.get("stream")))

    def whole(self, line: Answer, asked: Asked) -> dict[str, Any]:
        """The answer in one piece."""
        usage = line.usage
        return self._response(asked, "completed") | {
            "output": list(self._items(line)),
            "usage": {
                "input_tokens": usage.prompt,
                "input_tokens_details": {
                    "cached_tokens": usage.cache_read,
                    "cache_write_tokens": usage.cache_write,
                },
                "output_tokens": usage.output,
                "output_tokens_details": {"reasoning_tokens": usage.reasoning},
                "total_tokens": usage.prompt + usage.output,
            },
        }

    def events(self, line: Answer | Silence, asked: Asked) -> Iterator[str]:
        """The answer as server-sent events."""
        sequence = count()

        def told(kind: str, **fields: Any) -> str:
            return _event({"type": kind, "sequence_number": next(sequence), **fields}, kind)

        answer = line if isinstance(line, Answer) else Answer(line.text, thinking=line.thinking)
        whole = self.whole(answer, asked)
        begun = {**whole, "status": "in_progress", "output": [], "usage": None}
        yield told("response.created", response=begun)
        yield told("response.in_progress", response=begun)
        for index, item in enumerate(whole["output"]):
            yield from self._item_events(told, index, item, cut=isinstance(line, Silence))
        if isinstance(line, Answer):
            yield told("response.completed", response=whole)

    @staticmethod
    def _item_events(told: Any, index: int, item: dict[str, Any], *, cut: bool) -> Iterator[str]:
        begun = {**item, "status": "in_progress"}
        kind = item["type"]
        if kind == "message":
            begun["content"] = []
        elif kind == "function_call":
            begun["arguments"] = ""
        yield told("response.output_item.added", output_index=index, item=begun)
        place = {"item_id": item["id"], "output_index": index}
        if kind == "message":
            part, inner = item["content"][0], {**place, "content_index": 0}
            empty = {**part, "text": ""}
            yield told("response.content_part.added", **inner, part=empty)
            for piece in _pieces(part["text"]):
                yield told("response.output_text.delta", **inner, delta=piece, logprobs=[])
            if cut:
                return
            yield told("response.output_text.done", **inner, text=part["text"], logprobs=[])
            yield told("response.content_part.done", **inner, part=part)
        elif kind == "function_call":
            for piece in _pieces(item["arguments"]):
                yield told("response.function_call_arguments.delta", **place, delta=piece)
            whole = {"name": item["name"], "arguments": item["arguments"]}
            yield told("response.function_call_arguments.done", **place, **whole)
        yield told("response.output_item.done", output_index=index, item=item)

    def fault(self, line: Fault) -> dict[str, Any]:
        """The body of an error."""
        return {"error": {"type": line.kind, "code": line.kind, "message": line.message}}

    @staticmethod
    def _response(asked: Asked, status: str) -> dict[str, Any]:
        return {
            "id": f"resp_{next(_numbers):08d}",
            "object": "response",
            "created_at": int(time.time()),
            "status": status,
            "model": asked.model,
            "error": None,
            "incomplete_details": None,
            "parallel_tool_calls": True,
            "tools": [],
        }

    @staticmethod
    def _items(line: Answer) -> Iterator[dict[str, Any]]:
        done = {"status": "completed"}
        if line.thinking:
            summary = [{"type": "summary_text", "text": line.thinking}]
            name = f"rs_{next(_numbers):08d}"
            yield {
                "type": "reasoning",
                "id": name,
                "summary": summary,
                "encrypted_content": "c3R1Yg",
            }
        if line.text:
            part = {"type": "output_text", "text": line.text, "annotations": [], "logprobs": []}
            name = f"msg_{next(_numbers):08d}"
            yield {"type": "message", "id": name, "role": "assistant", "content": [part], **done}
        for tool in line.tools:
            name = f"fc_{next(_numbers):08d}"
            told = {"name": tool.name, "arguments": json.dumps(tool.arguments)}
            group = {"namespace": tool.namespace} if tool.namespace else {}
            yield {"type": "function_call", "id": name, "call_id": tool.id, **told, **group, **done}


class Chat:
    """OpenAI's `/v1/chat/completions`, which many back-ends speak."""

    def asked(self, request: Any, path: str) -> Asked:
        """What a request says."""
        texts, instructions = [], []
        for message in request["messages"]:
            found = _texts_of(message.get("content"))
            if message["role"] == "user":
                texts += found
            elif message["role"] in ("system", "developer"):
                instructions += found
        stream = bool(request.get("stream"))
        return Asked(request["model"], texts, "\n".join(instructions), stream)

    def whole(self, line: Answer, asked: Asked) -> dict[str, Any]:
        """The answer in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": line.text or None}
        if line.thinking:
            message["reasoning_content"] = line.thinking
        if line.tools:
            message["tool_calls"] = [self._tool(tool) for tool in line.tools]
        choice = {"index": 0, "message": message, "finish_reason": self._stop(line)}
        told = self._completion(asked, "chat.completion")
        return told | {"choices": [choice], "usage": self._usage(line.usage)}

    def events(self, line: Answer | Silence, asked: Asked) -> Iterator[str]:
        """The answer as server-sent events; the usage comes in a last one without a choice."""
        told = self._completion(asked, "chat.completion.chunk")

        def chunk(delta: dict[str, Any], stop: str | None = None) -> str:
            return _event(told | {"choices": [{"index": 0, "delta": delta, "finish_reason": stop}]})

        yield chunk({"role": "assistant", "content": ""})
        for piece in _pieces(line.thinking):
            yield chunk({"reasoning_content": piece})
        for piece in _pieces(line.text):
            yield chunk({"content": piece})
        if isinstance(line, Silence):
            return
        for index, tool in enumerate(line.tools):
            yield chunk({"tool_calls": [{"index": index, **self._tool(tool)}]})
        yield chunk({}, self._stop(line))
        yield _event(told | {"choices": [], "usage": self._usage(line.usage)})
        yield "data: [DONE]\n\n"

    def fault(self, line: Fault) -> dict[str, Any]:
        """The body of an error."""
        return {"error": {"type": line.kind, "code": line.kind, "message": line.message}}

    @staticmethod
    def _completion(asked: Asked, kind: str) -> dict[str, Any]:
        name = f"chatcmpl-{next(_numbers):08d}"
        return {"id": name, "object": kind, "created": int(time.time()), "model": asked.model}

    @staticmethod
    def _tool(tool: Tool) -> dict[str, Any]:
        function = {"name": tool.name, "arguments": json.dumps(tool.arguments)}
        return {"id": tool.id, "type": "function", "function": function}

    @staticmethod
    def _stop(line: Answer) -> str:
        return "tool_calls" if line.tools else "stop"

    @staticmethod
    def _usage(usage: Usage) -> dict[str, Any]:
        return {
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.output,
            "total_tokens": usage.prompt + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        }


class Gemini:
    """`generateContent` and `streamGenerateContent` of Gemini's API."""

    def asked(self, request: Any, path: str) -> Asked:
        """What a request says; the path names the model and whether to stream."""
        said = [c.get("parts") for c in request["contents"] if c.get("role", "user") == "user"]
        texts = [text for parts in said for text in _texts_of(parts)]
        instructions = _texts_of((request.get("systemInstruction") or {}).get("parts"))
        model = path.rpartition("/models/")[2].partition(":")[0]
        return Asked(model, texts, "\n".join(instructions), "streamGenerateContent" in path)

    def whole(self, line: Answer, asked: Asked) -> dict[str, Any]:
        """The answer in one piece."""
        return self._response(asked, list(self._parts(line)), line.usage)

    def events(self, line: Answer | Silence, asked: Asked) -> Iterator[str]:
        """The answer as server-sent events; each holds whole parts, the last one the usage."""
        if isinstance(line, Silence):
            yield _event(self._response(asked, [{"text": line.text}]))
            return
        parts = list(self._parts(line))
        for part in parts[:-1]:
            yield _event(self._response(asked, [part]))
        yield _event(self._response(asked, parts[-1:], line.usage))

    def fault(self, line: Fault) -> dict[str, Any]:
        """The body of an error."""
        return {"error": {"code": line.status, "message": line.message, "status": line.kind}}

    @staticmethod
    def _response(asked: Asked, parts: list[Any], usage: Usage | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
        told: dict[str, Any] = {"candidates": [candidate], "modelVersion": asked.model}
        if usage is not None:
            candidate["finishReason"] = "STOP"
            told["usageMetadata"] = {
                "promptTokenCount": usage.prompt,
                "cachedContentTokenCount": usage.cache_read,
                "candidatesTokenCount": usage.output - usage.reasoning,
                "thoughtsTokenCount": usage.reasoning,
                "totalTokenCount": usage.prompt + usage.output,
            }
        return told

    @staticmethod
    def _parts(line: Answer) -> Iterator[dict[str, Any]]:
        if line.thinking:
            yield {"text": line.thinking, "thought": True}
        if line.text:
            yield {"text": line.text}
        for tool in line.tools:
            yield {"functionCall": {"id": tool.id, "name": tool.name, "args": tool.arguments}}


_ENDINGS: dict[str, Dialect] = {
    "/messages": Anthropic(),
    "/responses": Responses(),
    "/chat/completions": Chat(),
    ":generateContent": Gemini(),
    ":streamGenerateContent": Gemini(),
}


def of(path: str) -> Dialect | None:
    """The API that a path belongs to."""
    return next((dialect for end, dialect in _ENDINGS.items() if path.endswith(end)), None)
