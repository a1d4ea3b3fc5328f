"""`tachlog analyze --json` keeps its contract: every field, of its type, and adding up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from msgspec import Struct

from conftest import Ran, Run
from tachlog.demo import write_demo

Class = str
Complexity = Literal["very_low", "low", "medium", "high", "very_high"]


class Tokens(Struct):
    """Disjoint buckets; fields without a default are required, further ones may be added."""

    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int | None
    estimated: int


class Tool(Struct):
    """What one tool did; times in ms."""

    category: Literal[
        "shell", "file_read", "file_edit", "search", "web", "agent", "plan", "mcp", "other"
    ]
    count: int
    success_count: int
    error_count: int
    total_time: float
    avg_time: float | None
    p95_time: float | None
    success_rate: float | None
    input_bytes: int
    output_bytes: int


class TimeSplit(Struct):
    """Seconds that add up to the duration."""

    model: float
    tool: float
    approval: float | None
    person: float
    idle: float


class Tree(Struct):
    """A session with its sub-agents."""

    tokens: int
    cost_usd: float | None
    tool_calls: int
    threads: int


class Context(Struct):
    """The most that a model had to read."""

    peak_tokens: int | None
    window: int | None
    peak_share: float | None
    compactions: int


class Patterns(Struct):
    """What recurs."""

    errors: list[dict[str, Any]]
    behaviors: dict[Literal["retry", "fallback", "clarification", "exploration"], int]
    sequences: dict[str, dict[str, Any]]
    anomalies: list[dict[str, Any]]


class Measures(Struct):
    """What sessions and totals share."""

    duration: float
    active_duration: float
    time_split: TimeSplit | None
    message_count: int
    tool_call_count: int
    retries: int
    total_tokens: int
    tokens: Tokens
    cost_usd: float | None
    success_rate: float | None
    error_rate: float | None
    token_efficiency: float | None
    cache_hit_rate: float | None
    avg_response_time: float | None
    p95_response_time: float | None
    tool_usage: dict[str, Tool]
    error_breakdown: dict[Class, int]
    context: Context


class Session(Measures):
    """One thread."""

    session_id: str
    title: str | None
    agent: str
    provider: str | None
    model: str | None
    models: dict[str, Any]
    project: str | None
    parent_session_id: str | None
    root_session_id: str
    kind: Literal["interactive", "headless", "sub-agent"]
    outcome: str
    start_time: str | None
    end_time: str | None
    tree: Tree | None
    complexity: Complexity
    complexity_score: int
    patterns: Patterns


class Totals(Measures):
    """All threads."""

    sessions: int
    threads: int
    unpriced_models: dict[str, Any]
    complexity: dict[Complexity, int]
    complexity_score: float | None


class Input(Struct):
    """What the records were."""

    files: int
    records: int
    parsed: int
    duplicates: int
    skipped: int
    problems: int


class AllInput(Input):
    """The same by source."""

    by_source: dict[str, Input]


class ReadNow(Struct):
    """What was new."""

    files: int
    bytes: int
    records: int


class Answer(Struct):
    """The whole object."""

    schema: Literal[1]
    tachlog: str
    generated_at: str
    prices: str
    estimates: str
    time_zone: str
    selection: dict[str, Any]
    sessions: list[Session]
    totals: Totals
    patterns: Patterns
    input: AllInput
    read_now: ReadNow


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Analyse the example logs once."""
    import subprocess

    from end_to_end import COMMAND

    logs = tmp_path_factory.mktemp("demo")
    write_demo(logs)
    done = subprocess.run(
        [COMMAND, "analyze", logs, "--no-store", "--json"],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env={"HOME": str(tmp_path_factory.mktemp("nobody")), "PATH": "/usr/bin:/bin", "TZ": "UTC"},
    )
    return Ran(done.stdout, done.stderr, done.returncode)


@pytest.fixture(scope="module")
def answer(ran: Ran) -> Answer:
    """Give the answer with every field of the contract, each of its type."""
    return msgspec.json.decode(ran.stdout, type=Answer)


def test_every_field_is_there_and_of_its_type(ran: Ran, answer: Answer) -> None:
    """Stdout is the one object of the contract and nothing else."""
    assert ran.stderr == ""
    assert answer.sessions
    assert answer.read_now.files == answer.input.files == 40
    assert answer.time_zone == "UTC"


def test_a_missing_field_would_be_noticed(ran: Ran) -> None:
    """The contract above cannot be kept without each of its fields."""
    found = json.loads(ran.stdout)
    del found["sessions"][0]["tokens"]["cache_read"]
    with pytest.raises(msgspec.ValidationError, match="cache_read"):
        msgspec.json.decode(json.dumps(found), type=Answer)


def test_the_rows_add_up_to_the_totals(answer: Answer) -> None:
    """Every count of the totals is the sum over the threads."""
    totals, sessions = answer.totals, answer.sessions
    assert totals.threads == len(sessions)
    assert totals.sessions == sum(s.parent_session_id is None for s in sessions)
    for name in ("message_count", "tool_call_count", "retries", "total_tokens"):
        assert getattr(totals, name) == sum(getattr(s, name) for s in sessions), name
    for name in ("input", "cache_read", "cache_write", "output", "estimated"):
        told = sum(getattr(s.tokens, name) for s in sessions)
        assert getattr(totals.tokens, name) == told, name
    assert totals.cost_usd == pytest.approx(sum(s.cost_usd or 0 for s in sessions))
    assert totals.context.compactions == sum(s.context.compactions for s in sessions)
    for error_class, count in totals.error_breakdown.items():
        assert count == sum(s.error_breakdown.get(error_class, 0) for s in sessions)
    for name, tool in totals.tool_usage.items():
        used = [s.tool_usage[name] for s in sessions if name in s.tool_usage]
        assert tool.count == sum(u.count for u in used)
        assert tool.error_count == sum(u.error_count for u in used)
    roots = [s for s in sessions if s.parent_session_id is None]
    assert totals.complexity == {
        level: sum(s.complexity == level for s in roots) for level in totals.complexity
    }


def test_trees_hold_all_threads(answer: Answer) -> None:
    """The trees of the main conversations add up to everything; only they have one."""
    trees = [s.tree for s in answer.sessions if s.tree is not None]
    assert all((s.tree is None) == (s.parent_session_id is not None) for s in answer.sessions)
    assert sum(tree.tokens for tree in trees) == answer.totals.total_tokens
    assert sum(tree.tool_calls for tree in trees) == answer.totals.tool_call_count
    assert sum(tree.threads for tree in trees) == answer.totals.threads


def test_figures_of_a_row_agree_with_each_other(answer: Answer) -> None:
    """Buckets make up the total, rates their complement, shares of time the duration."""
    for session in answer.sessions:
        tokens = session.tokens
        buckets = (tokens.input, tokens.cache_read, tokens.cache_write, tokens.output)
        assert session.total_tokens == sum(buckets)
        assert tokens.estimated <= tokens.output
        if session.success_rate is not None and session.error_rate is not None:
            assert session.success_rate + session.error_rate == pytest.approx(1)
        if session.time_split is not None:
            split = session.time_split
            parts = (split.model, split.tool, split.approval or 0, split.person, split.idle)
            assert sum(parts) == pytest.approx(session.duration)
        if session.total_tokens:
            share = tokens.output / session.total_tokens
            assert session.token_efficiency == pytest.approx(share, abs=1e-6)
        assert session.tool_call_count == sum(t.count for t in session.tool_usage.values())


def test_every_record_is_accounted_for(answer: Answer) -> None:
    """Parsed, copies, skipped and problems are all the records there are, by source as in all."""
    every = [answer.input, *answer.input.by_source.values()]
    for each in every:
        assert each.records == each.parsed + each.duplicates + each.skipped + each.problems
    for name in ("files", "records", "parsed", "duplicates", "skipped", "problems"):
        assert getattr(every[0], name) == sum(getattr(each, name) for each in every[1:]), name


def test_times_and_selection_are_as_the_world_writes_them(tachlog: Run, tmp_path: Path) -> None:
    """Times are RFC 3339 with Z, and the selection repeats what was asked."""
    from end_to_end import lines

    log = tmp_path / "log.jsonl"
    log.write_bytes(b"".join(lines()))
    words = ("analyze", log, "--no-store", "--json", "--since", "2026-11-18", "--agent")
    found = json.loads(tachlog(*words, "claude_code").stdout)
    assert found["selection"]["since"] == "2026-11-18T00:00:00.000Z"
    assert (found["selection"]["agent"], found["selection"]["until"]) == ("claude_code", None)
    assert found["selection"]["paths"] == [str(log)]
    assert found["sessions"][0]["start_time"] == "2026-11-18T09:00:00.000Z"
    assert found["generated_at"].endswith("Z")
    assert json.loads(tachlog(*words, "nobody").stdout)["sessions"] == []
