"""What the logs of each format tell, as its cases show, for docs/formats.md."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import golden
import traps
from tachlog.model import Event, Prompt, Reply, ToolCall, ToolResult
from tachlog.records import is_possible
from tachlog.sources import Source

HEADS = [
    "format",
    "evidence",
    "tokens",
    "cost",
    "response time",
    "first token",
    "tool time",
    "tool errors",
    "records tested",
    "traps",
]
NOT_TOLD = "–"
DEFINED_HERE = ("agent_log", "mapping")
"""Formats that tachlog asks for, and no agent's."""


class Seen(NamedTuple):
    """The events of a format's logs, and how many records they were."""

    events: list[Event]
    records: int


def row_of(source: Source, seen: Seen) -> list[str]:
    """What a format tells, in the words of the table."""
    replies = [event for event in seen.events if isinstance(event, Reply)]
    results = [event for event in seen.events if isinstance(event, ToolResult)]
    return [
        f"[{source.title}](#{anchor(source.title)})",
        "defined here" if source.name in DEFINED_HERE else evidence(source.proof),
        tokens(replies),
        "reported" if any(reply.cost_nanousd is not None for reply in replies) else "list prices",
        response_time(replies, seen.events),
        "reported" if any(reply.ttft_ms is not None for reply in replies) else NOT_TOLD,
        tool_time(results, seen.events),
        "told" if any(result.outcome == "error" for result in results) else NOT_TOLD,
        f"{seen.records:,}",
        str(sum(folder.parent.name == source.name for folder in traps.folders())),
    ]


def evidence(proof: str) -> str:
    """The strongest evidence for a format: public logs, logs that we recorded, or documents."""
    kinds = [
        name
        for name, word in (("public logs", "public real"), ("recorded", "recorded by us"))
        if word in proof
    ]
    return ", ".join(kinds) or "documents only"


def tokens(replies: list[Reply]) -> str:
    """Whether tokens are reported. A reply that ends in another record is told by that one."""
    told: dict[int, bool] = {}
    for reply in replies:
        told[reply.key] = told.get(reply.key, False) or reply.usage is not None
    if not any(told.values()):
        return "estimated"
    return "reported" if all(told.values()) else "reported, else estimated"


def response_time(replies: list[Reply], events: list[Event]) -> str:
    """Reported, or derived from the time of what the reply answers."""
    if any(reply.response_ms is not None for reply in replies):
        return "reported"
    asked = {event.at_us for event in events if isinstance(event, Prompt | ToolResult)}
    times = {reply.at_us for reply in replies if is_possible(reply.at_us)}
    return "derived" if times and any(map(is_possible, asked)) else NOT_TOLD


def tool_time(results: list[ToolResult], events: list[Event]) -> str:
    """Reported, or derived from call and result."""
    if any(result.duration_ms is not None for result in results):
        return "reported"
    began = {event.key: event.at_us for event in events if isinstance(event, ToolCall)}
    later = (result.at_us > began.get(result.key, result.at_us) for result in results)
    return "derived" if any(later) else NOT_TOLD


def anchor(title: str) -> str:
    """The place of a heading on its page."""
    plain = "".join(mark for mark in title.lower() if mark.isalnum() or mark in " -_")
    return plain.replace(" ", "-")


def told_rows(sources: Iterable[Source]) -> list[list[str]]:
    """A row for each format."""
    golden.configure()
    return [row_of(source, seen_of(source)) for source in sources]


def seen_of(source: Source) -> Seen:
    """What a source makes of its cases, those included that real agents wrote."""
    events: list[Event] = []
    records = 0
    for case in sorted(path for path in (golden.CORPUS / source.name).iterdir() if path.is_dir()):
        for reading in (each for log in golden.logs_of(case) for each in golden.read_log(log)):
            events += reading.events
            records += len(reading.record_keys) + len(reading.problems)
            records += sum(reading.skipped.values())
    return Seen(events, records)
