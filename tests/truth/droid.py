"""A second count of Droid's sessions, by plain loops over `json`.

Rules (0.215.0 as recorded): what a session used is in its settings, in disjoint buckets, without
its sub-agents; a fork repeats messages under their ids and starts at nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = {
    "input": "inputTokens",
    "cache_read": "cacheReadTokens",
    "cache_write": "cacheCreationTokens",
    "output": "outputTokens",
    "reasoning": "thinkingTokens",
}


@dataclass
class Count:
    """What was counted."""

    tokens: Counter[str] = field(default_factory=Counter)
    sessions: dict[str, str | None] = field(default_factory=dict)
    prompts: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    tools: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)


def count(paths: Iterable[Path]) -> Count:
    """What these files tell together."""
    found = Count()
    for path in paths:
        text = path.read_text(encoding="utf-8")
        if path.name.endswith(".settings.json"):
            used = json.loads(text)["tokenUsage"]
            found.tokens.update({name: used[told] for name, told in NAMES.items()})
            continue
        for line in text.splitlines():
            look(json.loads(line), found)
    return found


def look(record: dict[str, Any], found: Count) -> None:
    """One line."""
    if record["type"] == "session_start":
        found.sessions[record["id"]] = record.get("callingSessionId")
    if record["type"] != "message" or record["id"].startswith("context-"):
        return
    message = record["message"]
    for block in message["content"]:
        if block["type"] == "tool_use":
            found.tools[block["id"]] = block["name"]
        elif block["type"] == "tool_result" and block["is_error"]:
            found.failed.add(block["tool_use_id"])
    if message["role"] == "assistant":
        found.calls.add(record["id"])
    elif "visibility" not in message:
        said = [b for b in message["content"] if b["type"] == "text"]
        if any(not block["text"].startswith("<system-") for block in said):
            found.prompts.add(record["id"])
