"""A second count of Amp's threads, by plain loops over `json`.

Rules (0.0.1767830505 as recorded): a reply says what it used; the ledger repeats it without the
cache. What a tool asked a model itself stands in its result, else in the ledger; a sub-agent's
calls stand in a thread of their own. A fork copies its origin's messages; its own come after the
index that it names.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Count:
    """What was counted."""

    threads: int = 0
    children: int = 0
    prompts: int = 0
    calls: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)


def count(paths: Iterable[Path]) -> Count:
    """What these threads tell together."""
    found = Count()
    for path in paths:
        thread = json.loads(path.read_text(encoding="utf-8"))
        found.threads += 1
        found.children += "mainThreadID" in thread
        copied = thread.get("forkPointIndex", -1) + 1
        own = thread["messages"][copied:]
        for message in own:
            look(message, found)
        told = {m.get("messageId") for m in own if m["role"] == "assistant" and "usage" in m}
        asked = {b["toolUseID"] for m in own for b in m["content"] if "~debug" in b.get("run", {})}
        for event in thread.get("usageLedger", {}).get("events", ()):
            is_reply = event["operationType"] == "inference"
            if event.get("subagentThreadID") or event.get("toolUseID") in asked:
                continue
            if not is_reply or event["toMessageId"] not in told:
                add(found, event["tokens"]["input"], 0, 0, event["tokens"]["output"])
    return found


def look(message: dict[str, Any], found: Count) -> None:
    """A message and what stands in it."""
    kinds = [block["type"] for block in message["content"]]
    found.prompts += message["role"] == "user" and "text" in kinds
    if "usage" in message:
        spend(message["usage"], found)
    for block in message["content"]:
        if block["type"] == "tool_use":
            found.tools[block["name"]] += 1
        debug = block.get("run", {}).get("~debug", {})
        if "threadID" not in debug:
            for inference in debug.get("inferences", ()):
                spend(inference["usage"], found)


def spend(usage: dict[str, Any], found: Count) -> None:
    """What a call used: where the input is all that was read, it holds the cache."""
    read, written = usage["cacheReadInputTokens"], usage["cacheCreationInputTokens"]
    fresh = usage["inputTokens"]
    if usage["totalInputTokens"] == fresh:
        fresh, written = fresh - read, 0
    add(found, fresh, read, written, usage["outputTokens"])


def add(found: Count, fresh: int, read: int, written: int, output: int) -> None:
    """One call."""
    found.calls += 1
    found.tokens.update(input=fresh, cache_read=read, cache_write=written, output=output)
