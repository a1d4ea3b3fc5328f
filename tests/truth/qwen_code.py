"""Count what chats of Qwen Code tell, from the measured format alone.

The rules: each `api_response` of the program is one model call; a message of the model is another
one only if no answer with its counts, and none that is its parent, came before it. Copies keep
their ids. The prompt holds the cached tokens; the answer holds the thoughts unless the total is the
sum of all three. What sub-agents answer is told by the chat, not by their transcripts. A tool is
told by its id, one without an id by the record of the program. Checked 2026-11-22.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .json_lines import values_of


@dataclass
class Told:
    """What all files tell, by the ids of records and tools."""

    calls: dict[str, Counter[str]] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    prompts: set[str] = field(default_factory=set)
    failures: set[str] = field(default_factory=set)

    @property
    def tokens(self) -> Counter[str]:
        """Return the tokens of all calls in disjoint counts."""
        return sum(self.calls.values(), Counter())


def tokens_of(read: int, hit: int, said: int, thought: int, total: int) -> Counter[str]:
    """Return disjoint counts."""
    if thought and read + said + thought == total:
        said += thought
    return Counter({"input": read - hit, "cached": hit, "output": said})


def count(paths: Iterable[Path]) -> Told:
    """Count the files."""
    told = Told()
    for path in paths:
        answers: dict[str, tuple[int, ...]] = {}
        for record in values_of(path):
            if "sessionId" in record:
                take(record, told, answers)
    return told


def take(record: dict[str, Any], told: Told, answers: dict[str, tuple[int, ...]]) -> None:
    """Count one record; `answers` are the counts of the file's answered calls."""
    uid = record["uuid"]
    old_sub_agent = record.get("isSidechain") and record["version"].startswith("0.15")
    if record["type"] == "user":
        told.prompts.add(uid)
    elif record["type"] == "assistant":
        parts = record["message"].get("parts", [])
        for part in parts:
            if "functionCall" in part and not old_sub_agent:
                told.tools[part["functionCall"]["id"]] = part["functionCall"]["name"]
        counts = counts_of(record.get("usageMetadata") or {})
        known = record["parentUuid"] in answers or counts in answers.values()
        if not record.get("isSidechain") and not known:
            told.calls[uid] = tokens_of(*counts)
    elif record.get("subtype") == "ui_telemetry":
        event = record["systemPayload"]["uiEvent"]
        kind = event["event.name"].removeprefix("qwen-code.")
        if kind == "api_response":
            answers[uid] = tuple(event[f"{name}_token_count"] for name in NAMES)
            told.calls[uid] = tokens_of(*answers[uid])
        elif kind == "api_error":
            told.failures.add(uid)
        elif kind == "tool_call" and "#" in event.get("prompt_id", "").replace("########", ""):
            told.tools[event.get("call_id", uid)] = event["function_name"]


NAMES = ("input", "cached_content", "output", "thoughts", "total")
METADATA = ("promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount")


def counts_of(told: dict[str, Any]) -> tuple[int, ...]:
    """Return the counts of a message in the order of the program's."""
    names = (*METADATA, "thoughtsTokenCount", "totalTokenCount")
    return tuple(told.get(name) or 0 for name in names)
