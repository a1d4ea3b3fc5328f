"""Count what logs of Kimi Code CLI tell, from the measured format alone.

The rules: a step is one model call once it said something, asked for a tool or told tokens; tokens
of a turn stand at the end of their step, those of other calls in a record of their own. The four
counts are disjoint. Copies keep their ids and times. Checked 2026-11-22.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .json_lines import values_of

NAMES = ("inputOther", "inputCacheRead", "inputCacheCreation", "output")


@dataclass
class Told:
    """What all files tell, by the ids of steps and tools, or the times of records."""

    calls: dict[str, Counter[str]] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    prompts: set[float] = field(default_factory=set)
    failures: set[float] = field(default_factory=set)
    compactions: set[float] = field(default_factory=set)

    @property
    def tokens(self) -> Counter[str]:
        """Return the tokens of all calls."""
        return sum(self.calls.values(), Counter())


def count(paths: Iterable[Path]) -> Told:
    """Count the files."""
    told = Told()
    for path in paths:
        for record in values_of(path):
            if record["type"] == "context.append_loop_event":
                step(record["event"], told)
            else:
                take(record, told)
    return told


def step(event: dict[str, Any], told: Told) -> None:
    """Count a part of a step."""
    if event["type"] in ("content.part", "tool.call"):
        told.calls.setdefault(event["stepUuid"], Counter())
        if event["type"] == "tool.call":
            told.tools[event["uuid"]] = event["name"]
    elif event["type"] == "step.end" and "usage" in event:
        told.calls[event["uuid"]] = counts_of(event["usage"])


def take(record: dict[str, Any], told: Told) -> None:
    """Count a record that is no part of a step."""
    kind, at = record["type"], record.get("time", 0)
    if kind in ("turn.prompt", "turn.steer"):
        told.prompts.add(at)
    elif kind == "turn.step.retrying" or (kind == "turn.ended" and "error" in record):
        told.failures.add(at)
    elif kind == "context.apply_compaction":
        told.compactions.add(at)
    elif kind == "usage.record" and record.get("usageScope") != "turn":
        counts = counts_of(record["usage"])
        if counts.total():
            told.calls[str(at)] = counts


def counts_of(usage: dict[str, int]) -> Counter[str]:
    """Return the four counts."""
    return Counter({name: usage.get(name, 0) for name in NAMES})
