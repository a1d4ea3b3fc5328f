"""Count what sessions of Kimi CLI tell, from the measured format alone.

The rules: a step of a turn is one model call once it said something or told tokens; its four counts
are disjoint. Tools are told by their id within a step. What a sub-agent says stands in its own log,
too, if its messages name it: those in the session's log are not counted then. Checked 2026-11-22.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .json_lines import values_of

NAMES = ("input_other", "input_cache_read", "input_cache_creation", "output")


@dataclass
class Told:
    """What all files tell, by the times of records, which copies share."""

    calls: dict[float, Counter[str]] = field(default_factory=dict)
    tools: dict[tuple[float, str], str] = field(default_factory=dict)
    prompts: set[float] = field(default_factory=set)
    failures: set[float] = field(default_factory=set)

    @property
    def tokens(self) -> Counter[str]:
        """Return the tokens of all calls."""
        return sum(self.calls.values(), Counter())


def count(paths: Iterable[Path]) -> Told:
    """Count the files."""
    told = Told()
    for path in paths:
        steps: dict[str, float | None] = {}
        for record in values_of(path):
            message = record.get("message")
            if message is None:
                continue
            agent = ""
            if message["type"] == "SubagentEvent":
                payload = message["payload"]
                if "agent_id" in payload or "event" not in payload:
                    continue
                agent, message = payload["task_tool_call_id"], payload["event"]
            take(message["type"], message["payload"], record["timestamp"], agent, steps, told)
    return told


def take(
    kind: str,
    payload: dict[str, Any],
    at: float,
    agent: str,
    steps: dict[str, float | None],
    told: Told,
) -> None:
    """Count one message; `steps` has when the step under way in each thread began."""
    began = steps.get(agent)
    if kind in ("TurnBegin", "SteerInput"):
        told.prompts.add(at)
    elif kind == "StepBegin":
        steps[agent] = at
    elif kind in ("TurnEnd", "StepInterrupted"):
        steps[agent] = None
        if kind == "StepInterrupted":
            told.failures.add(at)
    elif kind == "StepRetry" or (kind == "BtwEnd" and payload["error"]):
        told.failures.add(at)
    elif kind == "BtwEnd":
        told.calls[at] = Counter()
    elif kind in ("ContentPart", "ToolCall") and began is not None:
        told.calls.setdefault(began, Counter())
        if kind == "ToolCall":
            told.tools[began, payload["id"]] = payload["function"]["name"]
    elif kind == "StatusUpdate" and payload["token_usage"]:
        counts = {name: payload["token_usage"][name] for name in NAMES}
        told.calls[at if began is None else began] = Counter(counts)
