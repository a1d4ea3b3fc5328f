"""Count what exported sessions of OpenCode tell, from the documented and measured format alone.

The rules: a message of role assistant is one model call; its input excludes what was read from the
cache. The total says whether the output holds the reasoning already. Calls with the same time,
model and tokens in two sessions are copies. Checked 2026-11-22.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Told:
    """What all files tell; `calls` by what a copy has in common with its original."""

    files: int = 0
    calls: dict[tuple[Any, ...], Counter[str]] = field(default_factory=dict)
    costs: dict[tuple[Any, ...], float] = field(default_factory=dict)
    tools: Counter[tuple[str, str]] = field(default_factory=Counter)
    tool_ms: int = 0
    prompts: int = 0
    children: int = 0
    reasoning: Counter[str] = field(default_factory=Counter)

    @property
    def tokens(self) -> Counter[str]:
        """Return the tokens of all calls in disjoint counts."""
        return sum(self.calls.values(), Counter())


def count(paths: Iterable[Path]) -> Told:
    """Count the files."""
    told = Told()
    for path in paths:
        session = json.loads(path.read_text(encoding="utf-8"))
        told.files += 1
        told.children += bool(session["info"].get("parentID"))
        for message in session["messages"]:
            info = message["info"]
            told.prompts += info["role"] == "user"
            if info["role"] == "assistant":
                add_call(told, info)
            for part in message["parts"]:
                if part["type"] == "tool":
                    state = part["state"]
                    told.tools[part["tool"], state["status"]] += 1
                    told.tool_ms += state["time"]["end"] - state["time"]["start"]
    return told


def add_call(told: Told, info: dict[str, Any]) -> None:
    """Count one message of the assistant."""
    tokens, cache = info["tokens"], info["tokens"]["cache"]
    base = tokens["input"] + cache["read"] + cache["write"] + tokens["output"]
    total = tokens.get("total", base)
    assert "total" in tokens or not any((base, tokens["reasoning"]))
    inside = total == base
    assert inside or total == base + tokens["reasoning"]
    told.reasoning["inside" if inside else "beside"] += tokens["reasoning"] > 0
    counts = (tokens["input"], tokens["output"], tokens["reasoning"], cache["read"], cache["write"])
    key = (info["time"]["created"], info["modelID"], counts)
    told.calls[key] = Counter(
        input=tokens["input"],
        read=cache["read"],
        write=cache["write"],
        output=tokens["output"] + (0 if inside else tokens["reasoning"]),
    )
    told.costs[key] = info["cost"]
