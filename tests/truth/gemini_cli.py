"""Count what chats of Gemini CLI tell, from the documented and measured format alone.

The rules: a message of type gemini with tokens is one model call, told by its id; the last record
of an id stands. `input` holds `cached` when the total is the sum of input, output and thoughts;
thoughts are output. What was rewound was spent. Checked 2026-11-22.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .json_lines import values_of


@dataclass
class Told:
    """What all files tell."""

    sessions: set[str] = field(default_factory=set)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of a type."""
        return [message for message in self.messages.values() if message["type"] == kind]

    @property
    def tokens(self) -> Counter[str]:
        """Return the tokens of all calls in disjoint counts."""
        total: Counter[str] = Counter()
        for message in self.of_type("gemini"):
            counts = message.get("tokens")
            if counts:
                answered = counts["output"] + counts["thoughts"]
                assert counts["total"] == counts["input"] + answered
                total["input"] += counts["input"] - counts["cached"]
                total["cached"] += counts["cached"]
                total["output"] += answered
                total["calls"] += 1
        return total

    @property
    def tools(self) -> Counter[tuple[str, str]]:
        """Return how often each tool ended in which way."""
        return Counter(
            (call["name"], call["status"])
            for message in self.of_type("gemini")
            for call in message.get("toolCalls", ())
        )


def count(paths: Iterable[Path]) -> Told:
    """Count the files."""
    told = Told()
    for path in paths:
        for message in messages_of(path, told.sessions):
            told.messages[message["id"]] = message
    return told


def messages_of(path: Path, sessions: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the messages of a file, whether it is one document or lines."""
    if path.suffix == ".json":
        document = json.loads(path.read_text(encoding="utf-8"))
        sessions.add(document["sessionId"])
        yield from document["messages"]
        return
    for record in values_of(path):
        if "projectHash" in record:
            sessions.add(record["sessionId"])
        elif "id" in record:
            yield record
        else:
            yield from record.get("$set", {}).get("messages", ())
