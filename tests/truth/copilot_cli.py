"""Count what event files of Copilot CLI tell, from the measured format alone.

The rules: an `assistant.message` is one model call with its output; input and cache are told at
`session.shutdown` for the leg since the start or the last resume, where `inputTokens` holds both
cache counts; the call that compacts a context tells its tokens itself. Checked 2026-11-22.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .json_lines import values_of


@dataclass
class Told:
    """What all files tell."""

    records: int = 0
    outputs: dict[str, int] = field(default_factory=dict)
    shutdown: Counter[str] = field(default_factory=Counter)
    compaction: Counter[str] = field(default_factory=Counter)
    compactions: int = 0
    tools: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    exit_codes: Counter[int] = field(default_factory=Counter)
    people: int = 0
    agents: int = 0
    threads: set[tuple[str, str]] = field(default_factory=set)
    aiu: dict[str, int] = field(default_factory=dict)


def count(paths: Iterable[Path]) -> Told:
    """Count the files."""
    told = Told()
    for path in paths:
        session = ""
        for record in values_of(path):
            told.records += 1
            kind, data = record["type"], record["data"]
            session = data["sessionId"] if kind == "session.start" else session
            told.threads.add((session, record.get("agentId") or ""))
            add(told, session, kind, data)
    return told


def add(told: Told, session: str, kind: str, data: dict[str, Any]) -> None:
    """Count one event."""
    if kind == "assistant.message":
        told.outputs[data["apiCallId"]] = data["outputTokens"]
        for request in data["toolRequests"]:
            told.tools[request["toolCallId"]] = request["name"]
    elif kind == "tool.execution_start":
        told.tools[data["toolCallId"]] = data["toolName"]
    elif kind == "tool.execution_complete":
        told.ended.add(data["toolCallId"])
        if not data["success"]:
            told.failed.add(data["toolCallId"])
        else:
            said = data["result"].get("content", "").rstrip(">").rpartition("exit code ")
            if said[1] and said[2].lstrip("-").isdecimal():
                told.exit_codes[int(said[2])] += 1
    elif kind == "user.message":
        source = data.get("source") or "person"
        told.people += source == "person"
        told.agents += source.startswith("agent-")
    elif kind == "session.shutdown":
        for metrics in data["modelMetrics"].values():
            for name, tokens in metrics["tokenDetails"].items():
                told.shutdown[name] += tokens["tokenCount"]
    elif kind == "session.compaction_complete":
        told.compactions += 1
        for row in data["compactionTokensUsed"]["copilotUsage"]["tokenDetails"]:
            told.compaction[row["tokenType"]] += row["tokenCount"]
    elif kind == "session.usage_checkpoint":
        told.aiu[session] = data["totalNanoAiu"]
