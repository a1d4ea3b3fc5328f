"""Count what Codex rollouts tell: records, model calls with their tokens, tool calls, prompts.

The rules are those of docs/formats.md and docs/design.md, counted with plain loops: a call is a
usage event whose running total moved, or one `token_usage_record`; what a fork copied from its
parent is not counted again. It shares no code with the package: see README.md.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .json_lines import values_of

Record = dict[str, Any]

EXIT_CODE = re.compile(r"^(?:Exit code:|Process exited with code) (-?\d+)$", re.MULTILINE)
SANDBOX = re.compile(r"failed in sandbox \S+ with execution error: .*?, exit code: (-?\d+), stdout")
WALL_TIME = re.compile(r"^Wall time: ([\d.]+) seconds$", re.MULTILINE)
CALLS = ("function_call", "custom_tool_call", "local_shell_call", "web_search_call")
OUTPUTS = ("function_call_output", "custom_tool_call_output")
BUCKETS = ("input", "cache_read", "cache_write", "output", "reasoning")


@dataclass
class Thread:
    """What one rollout did itself; `tokens` has the disjoint buckets and the reasoning in output.

    `exit_codes` are those of shell commands as their outputs, or the events of their ends, tell
    them; `tool_ms` is the sum of the durations that those tell.
    """

    id: str
    parent: str | None = None
    calls: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    results: int = 0
    exit_codes: Counter[int] = field(default_factory=Counter)
    tool_ms: int = 0
    prompts: int = 0
    compactions: int = 0
    interruptions: int = 0
    turns_ms: int = 0


@dataclass(frozen=True)
class Truth:
    """The whole count: how many records of each kind, and each thread by its id."""

    kinds: Counter[str]
    threads: dict[str, Thread]

    @property
    def tokens(self) -> Counter[str]:
        """Sum the tokens of all threads."""
        return sum((thread.tokens for thread in self.threads.values()), Counter())


def rollouts(folder: Path) -> list[Path]:
    """List the rollouts below `folder`."""
    return sorted(folder.rglob("*.jsonl"))


def count(paths: Iterable[Path]) -> Truth:
    """Count rollouts, in whatever order and with whatever copies they come."""
    kinds: Counter[str] = Counter()
    files: dict[str, list[Record]] = {}
    for path in paths:
        records = list(values_of(path))
        kinds.update(kind_of(record) for record in records)
        name = records[0]["payload"]["id"]
        if len(records) > len(files.get(name, [])):
            files[name] = records
    return Truth(kinds, {name: thread_of(name, files) for name in files})


def kind_of(record: Record) -> str:
    """Name the kind of a record: its type, and its payload's where that has one."""
    inner = record["payload"].get("type")
    return f"{record['type']}/{inner}" if inner else str(record["type"])


def thread_of(name: str, files: dict[str, list[Record]]) -> Thread:
    """Count one rollout from where its own history begins."""
    records = files[name]
    thread = Thread(name, parent_of(records[0]["payload"]))
    start = own_start(records, files)
    totals: list[int] | None = None
    model, exact = "unknown", False
    calls: set[str] = set()
    answered: set[str] = set()
    codes: dict[str, int] = {}
    took: dict[str, int] = {}
    for number, record in enumerate(records):
        payload, inner = record["payload"], record["payload"].get("type")
        own = number >= start
        if record["type"] == "session_meta":
            exact = False
        elif record["type"] == "turn_context":
            model = payload.get("model") or model
        elif record["type"] == "token_usage_record":
            totals, exact = vector(payload["thread_token_usage"]), True
            if own:
                add_call(thread, payload["usage"], model)
        elif inner == "token_count" and payload["info"]:
            total = payload["info"].get("total_token_usage")
            last = payload["info"].get("last_token_usage")
            now = vector(total) if total else None
            if own and not exact and (now is None or now != totals):
                add_call(thread, last or moved(now or [], totals), model)
            totals = now or totals
        elif not own:
            continue
        elif record["type"] == "compacted":
            thread.compactions += 1
        elif inner in CALLS:
            call = payload.get("call_id") or payload.get("id") or str(number)
            thread.tools[tool_of(payload)] += call not in calls
            calls.add(call)
        elif inner in OUTPUTS and payload.get("call_id") in calls:
            thread.results += 1
            answered.add(payload["call_id"])
            told = output_of(payload["output"])
            if told[0] is not None:
                codes.setdefault(payload["call_id"], told[0])
            took.setdefault(payload["call_id"], told[1])
        elif inner == "exec_command_end" and payload["call_id"] in calls - answered:
            codes.setdefault(payload["call_id"], payload["exit_code"])
            took.setdefault(payload["call_id"], milliseconds_of(payload["duration"]))
        elif inner == "user_message" or is_item(payload, "UserMessage"):
            thread.prompts += 1
        elif is_command(payload, calls - answered):
            item = payload["item"]
            if item.get("exit_code") is not None:
                codes.setdefault(item["id"], item["exit_code"])
                took.setdefault(item["id"], milliseconds_of(item["duration"]))
        elif inner == "turn_aborted":
            thread.interruptions += payload["reason"] == "interrupted"
            thread.turns_ms += payload.get("duration_ms") or 0
        elif inner == "task_complete":
            thread.turns_ms += payload.get("duration_ms") or 0
    thread.exit_codes.update(codes.values())
    thread.tool_ms = sum(took.values())
    return thread


def parent_of(meta: Record) -> str | None:
    """Return the thread that spawned this one; "" when it is a sub-agent of an unknown one."""
    source = meta.get("source")
    if not isinstance(source, dict):
        return None
    spawn = source.get("subagent")
    spawn = spawn.get("thread_spawn") if isinstance(spawn, dict) else None
    named = spawn.get("parent_thread_id") if spawn else None
    return str(named or meta.get("parent_thread_id") or "")


def own_start(records: list[Record], files: dict[str, list[Record]]) -> int:
    """Return the number of the first record that is no copy of the parent's history."""
    meta = records[0]["payload"]
    origin = meta.get("forked_from_id") or parent_of(meta)
    if not origin or len(records) < 2:
        return 0
    if meta.get("subagent_history_start_ordinal") is not None:
        first = int(meta["subagent_history_start_ordinal"])
        return next((n for n, r in enumerate(records) if r["ordinal"] >= first), len(records))
    second = records[1]
    if second["type"] != "session_meta" or second["payload"]["id"] != origin:
        return 0
    parent = files.get(origin, [])
    turns = {r["payload"].get("turn_id") for r in parent if r["type"] == "turn_context"} - {None}
    if turns:
        return next(
            (
                number
                for number, record in enumerate(records)
                if record["payload"].get("turn_id") not in (None, *turns)
            ),
            len(records),
        )
    copied = 1
    for ours, theirs in zip(records[1:], parent, strict=False):
        if ours["payload"] != theirs["payload"]:
            break
        copied += 1
    return copied


def vector(usage: Record) -> list[int]:
    """Return the running totals as numbers to compare."""
    return [
        usage.get(name) or 0
        for name in (
            "input_tokens",
            "cached_input_tokens",
            "cache_write_input_tokens",
            "output_tokens",
            "reasoning_output_tokens",
            "total_tokens",
        )
    ]


def moved(now: list[int], before: list[int] | None) -> Record:
    """Return by how much totals moved; totals that fell were set back and count as they are."""
    if before is None or any(a < b for a, b in zip(now, before, strict=True)):
        before = [0] * len(now)
    delta = [a - b for a, b in zip(now, before, strict=True)]
    return {
        "input_tokens": delta[0],
        "cached_input_tokens": delta[1],
        "cache_write_input_tokens": delta[2],
        "output_tokens": delta[3],
        "reasoning_output_tokens": delta[4],
    }


def add_call(thread: Thread, usage: Record, model: str) -> None:
    """Add a call, unless it used nothing: then only the window was found to be full."""
    whole, output = usage["input_tokens"], usage["output_tokens"]
    if not whole and not output:
        return
    cached = min(whole, usage.get("cached_input_tokens") or 0)
    written = min(whole - cached, usage.get("cache_write_input_tokens") or 0)
    thread.calls += 1
    thread.models[model] += 1
    thread.tokens.update(
        input=whole - cached - written,
        cache_read=cached,
        cache_write=written,
        output=output,
        reasoning=usage.get("reasoning_output_tokens") or 0,
    )


def tool_of(payload: Record) -> str:
    """Name the tool of a call."""
    return str(payload.get("name") or payload["type"].removesuffix("_call"))


def output_of(output: Any) -> tuple[int | None, int]:
    """Return the exit code that an output tells, if it does, and its milliseconds."""
    if not isinstance(output, str):
        return None, 0
    if output.startswith('{"output"'):
        metadata = json.loads(output).get("metadata") or {}
        return metadata.get("exit_code"), int((metadata.get("duration_seconds") or 0) * 1000)
    head = output.partition("\nOutput:")[0][:400]
    if denied := SANDBOX.match(output):
        return int(denied[1]), 0
    code, wall = EXIT_CODE.search(head), WALL_TIME.search(head)
    return int(code[1]) if code else None, round(float(wall[1]) * 1000) if wall else 0


def is_command(payload: Record, waiting: set[str]) -> bool:
    """Tell whether a command is complete that an output is waited for: others run on behind it."""
    return is_item(payload, "CommandExecution") and payload["item"]["id"] in waiting


def milliseconds_of(duration: Record) -> int:
    """Return a duration that is told in seconds and nanoseconds."""
    seconds, nanoseconds = int(duration["secs"]), int(duration["nanos"])
    return seconds * 1000 + round(nanoseconds / 1e6)


def is_item(payload: Record, kind: str) -> bool:
    """Tell whether an event says that an item of this kind is complete."""
    return payload.get("type") == "item_completed" and bool(payload["item"]["type"] == kind)
