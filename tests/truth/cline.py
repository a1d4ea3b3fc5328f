"""Count what tasks of Cline and Roo Code tell, from their documented format alone.

The rules: each `api_req_started` with a count of tokens is one model call, and the sums of deleted
and sub-agents' requests stand for theirs. Roo Code's `tokensIn` holds the cache, Cline's does not
but for its provider `openai`. A session of Cline 3 has `metrics` for each call, whose input holds
the cache. Checked 2026-11-22.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Told:
    """What all files tell."""

    calls: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    cost: float = 0.0
    tools: Counter[str] = field(default_factory=Counter)
    prompts: int = 0
    retries_and_failures: int = 0


def count(paths: Iterable[Path]) -> Told:
    """Count the files that tell something."""
    told = Told()
    for path in paths:
        if path.name == "ui_messages.json":
            task(told, json.loads(path.read_text(encoding="utf-8")))
        elif path.name == "api_conversation_history.json":
            history(told, json.loads(path.read_text(encoding="utf-8")))
        elif path.name.endswith(".messages.json"):
            session(told, json.loads(path.read_text(encoding="utf-8"))["messages"])
    return told


def task(told: Told, messages: list[dict[str, Any]]) -> None:
    """Count the requests and prompts of a task."""
    told.prompts += 1
    for message in messages:
        kind = message.get("say") or message.get("ask")
        told.prompts += kind == "user_feedback"
        told.retries_and_failures += kind in ("api_req_failed", "api_req_retry_delayed")
        if kind in ("api_req_started", "deleted_api_reqs", "subagent_usage"):
            request(told, json.loads(message["text"]), message.get("modelInfo", {}))
        if kind == "condense_context" and "contextCondense" in message:
            told.cost += message["contextCondense"]["cost"]


def request(told: Told, info: dict[str, Any], model: dict[str, Any]) -> None:
    """Count one request."""
    read, written = info.get("cacheReads", 0), info.get("cacheWrites", 0)
    whole = "apiProtocol" in info or model.get("providerId") == "openai"
    add(told, info.get("tokensIn", 0), read, written, info.get("tokensOut", 0), whole=whole)
    told.cost += info.get("cost", 0)


def add(told: Told, given: int, read: int, written: int, output: int, *, whole: bool) -> None:
    """Count the tokens of one call."""
    if given + read + written + output:
        told.calls += 1
        fresh = given - read - written if whole else given
        told.tokens.update(input=fresh, read=read, write=written, output=output)


def history(told: Told, messages: Any) -> None:
    """Count the tools of a conversation."""
    for message in messages["messages"] if isinstance(messages, dict) else messages:
        if message.get("role") == "assistant" and isinstance(message["content"], list):
            for block in message["content"]:
                if block["type"] in ("tool_use", "tool-call"):
                    told.tools[block.get("name") or block["toolName"]] += 1


def session(told: Told, messages: list[dict[str, Any]]) -> None:
    """Count the calls, tools and prompts of a session of Cline 3."""
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text"}] if isinstance(content, str) else content
        if message["role"] == "user":
            told.prompts += any(block["type"] == "text" for block in blocks)
            continue
        told.retries_and_failures += message["id"].startswith("error_")
        told.tools.update(block["name"] for block in blocks if block["type"] == "tool_use")
        metrics = message.get("metrics", {})
        read, written = metrics.get("cacheReadTokens", 0), metrics.get("cacheWriteTokens", 0)
        given, output = metrics.get("inputTokens", 0), metrics.get("outputTokens", 0)
        add(told, given, read, written, output, whole=True)
        told.cost += metrics.get("cost", 0)
