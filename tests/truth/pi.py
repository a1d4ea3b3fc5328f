"""Count what sessions of the pi coding agent tell, from its documented format alone.

The rules: a message of role assistant is one model call with four disjoint token counts; one that
failed or was aborted before anything came is none. `totalTokens` is their sum. Copied history keeps
its times, so a call is told by its time, its model and its counts. Checked 2026-11-22.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .json_lines import values_of


@dataclass
class Told:
    """What all files tell; token counts of calls that are told twice count once."""

    records: int = 0
    calls: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    tools: Counter[str] = field(default_factory=Counter)
    tool_errors: int = 0
    prompts: int = 0
    aborted: int = 0
    failed: int = 0
    compactions: int = 0
    sessions: set[str] = field(default_factory=set)

    def tokens(self, name: str) -> int:
        """Return one kind of token over all calls."""
        return sum(usage[name] for usage in self.calls.values())

    @property
    def cost(self) -> float:
        """Return what the calls cost as the log says, dollars."""
        return sum(usage["cost"]["total"] for usage in self.calls.values())


def count(paths: Iterable[Path]) -> Told:
    """Count the files."""
    told = Told()
    for path in paths:
        for record in values_of(path):
            told.records += 1
            if record["type"] == "session":
                told.sessions.add(record["id"])
            told.compactions += record["type"] == "compaction"
            if record["type"] == "message":
                add(told, record["message"])
    return told


def add(told: Told, message: dict[str, Any]) -> None:
    """Count one message."""
    match message["role"]:
        case "user":
            told.prompts += 1
        case "toolResult":
            told.tool_errors += message["isError"]
        case "assistant":
            usage = message["usage"]
            told.aborted += message["stopReason"] == "aborted"
            told.failed += message["stopReason"] == "error"
            told.tools.update(b["name"] for b in message["content"] if b["type"] == "toolCall")
            names = ("input", "output", "cacheRead", "cacheWrite")
            counts = tuple(usage[name] for name in names)
            assert usage.get("totalTokens", sum(counts)) == sum(counts)
            if message["content"] or any(counts):
                told.calls[message["timestamp"], message["model"], counts] = usage
        case _:
            pass
