"""What the Codex source makes of single outputs, totals and heads, and how little it remembers."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from tachlog.model import Chunk, Compaction, Mark, Reply, ToolCall, ToolResult
from tachlog.sources import all_sources
from tachlog.sources.codex.counting import spent, usage_of
from tachlog.sources.codex.results import read_output
from tachlog.sources.codex.shapes import TokenInfo, TokenUsage
from tachlog.sources.codex.state import State

CODEX = all_sources()["codex"]

SESSION = "0c0de001-0000-4000-8000-000000000001"
META = {"id": SESSION, "cli_version": "0.142.0", "model_provider": "openai"}


def line(kind: str, payload: dict[str, Any], second: int = 0) -> str:
    """A record, `second` seconds after the first."""
    at = f"2026-06-01T{9 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000Z"
    return json.dumps({"timestamp": at, "type": kind, "payload": payload}) + "\n"


def told(*lines: str, state: State | None = None) -> list[Any]:
    """The events that lines behind a header tell."""
    data = "".join((line("session_meta", META), *lines)).encode()
    reading = CODEX.read(Chunk("rollout.jsonl", 0, data, True), state or State())
    assert not reading.problems
    return reading.events


def output(value: object) -> Raw:
    """An output as a record holds it."""
    return Raw(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("value", "text", "code", "milliseconds", "failed"),
    [
        ({"content": "fine", "success": True}, "fine", None, None, False),
        (
            {"content": [{"type": "input_text", "text": "no"}], "success": False},
            "no",
            None,
            None,
            True,
        ),
        (
            [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
            "a\nb",
            None,
            None,
            False,
        ),
        (12, "", None, None, False),
        (
            '{"output": "x", "metadata": {"exit_code": 3, "duration_seconds": 0.25}}',
            "x",
            3,
            250,
            False,
        ),
        ('{"output": 5}', '{"output": 5}', None, None, False),
        ('{"answer": 5}', '{"answer": 5}', None, None, False),
        (
            "Exit code: 124\nWall time: 9.9 seconds\nOutput:\ncommand timed out",
            "command timed out",
            124,
            9900,
            False,
        ),
        (
            "Chunk ID: ab\nWall time: 1.5 seconds\nProcess exited with code -1\nOutput:\n",
            "",
            -1,
            1500,
            False,
        ),
        ("Wall time: . seconds\nOutput:\nx", "x", None, None, False),
        (
            "Script completed\nWall time 0.5 seconds\nOutput:\nExit code: 7",
            "Exit code: 7",
            None,
            500,
            False,
        ),
        (
            "failed in sandbox None with execution error: command timed out",
            "command timed out",
            None,
            None,
            True,
        ),
        (
            "failed in sandbox LinuxSeccomp with execution error: sandbox denied exec error, "
            "exit code: 2, stdout: a, stderr: b",
            "ab",
            2,
            None,
            True,
        ),
        ("The import failed: see above", "The import failed: see above", None, None, False),
    ],
)
def test_output_in_every_form(
    value: object, text: str, code: int | None, milliseconds: int | None, failed: bool
) -> None:
    """Text, exit code, duration and failure are found in every form that outputs have."""
    found = read_output(output(value))
    assert (found.text, found.exit_code, found.duration_ms, found.failed) == (
        text,
        code,
        milliseconds,
        failed,
    )


def test_buckets_are_disjoint() -> None:
    """What was read and written leaves the input; parts greater than their whole are cut to it."""
    assert usage_of(TokenUsage(1000, 600, 50, 100, 20)).prompt == 1000
    assert usage_of(TokenUsage(1000, 600, 50, 100, 20)).input == 350
    assert usage_of(TokenUsage(100, 600, 50, 10)).prompt == 100
    assert usage_of(TokenUsage()).total == 0


def test_only_totals_that_moved_are_calls() -> None:
    """A repeated count is none, one without its own usage a difference, a drop a new start."""
    first = TokenUsage(100, 0, 0, 10, 0, 110)
    second = TokenUsage(250, 90, 0, 15, 0, 265)
    before = (100, 0, 0, 10, 0, 110)
    assert spent(TokenInfo(first, first), before) is None
    assert spent(TokenInfo(second, None), before) == TokenUsage(150, 90, 0, 5, 0, 155)
    assert spent(TokenInfo(first, None), (250, 90, 0, 15, 0, 265)) == first
    assert spent(TokenInfo(None, first), before) == first
    assert spent(TokenInfo(TokenUsage(0, 0, 0, 0, 0, 9), None), before) is None
    assert spent(TokenInfo(), before) is None


@pytest.mark.parametrize(
    ("head", "claimed"),
    [
        (
            line("session_meta", {**META, "base_instructions": {"text": "x" * 99_000}})[:65_536],
            True,
        ),
        ("\n" + line("event_msg", {"type": "task_started"}), True),
        ('{"type": "turn.completed", "usage": {"input_tokens": 1}}\n', True),
        ('{"type": "turn.completed"}\n', False),
        ('{"type": "item.completed", "item": 5}\n', False),
        ('{"type": "response_item", "payload": {}}\n', False),
        ('{"type": "session_meta", "timestamp": "x", "payload": []}\n', False),
        ('{"type": "other", "timestamp": "x", "payload": {}}\n', False),
        ("[1]\nnot json\n", False),
    ],
)
def test_files_are_known_by_their_records(head: str, claimed: bool) -> None:
    """A first record decides, even one too long for the head; names of files do not count."""
    assert CODEX.claims("whatever.log", head.encode()) is claimed


def test_records_before_a_header_are_problems() -> None:
    """Nothing is guessed for a file whose header is missing; behind it all is read."""
    data = line("event_msg", {"type": "user_message", "message": "?"}) + line("session_meta", META)
    reading = CODEX.read(Chunk("rollout.jsonl", 7, data.encode(), True), State())
    assert [(p.offset, p.kind) for p in reading.problems] == [(7, "no_session")]
    assert len(reading.record_keys) == 1


def test_memory_is_bounded() -> None:
    """However long a session is, only the last turns, waiting calls, processes, limits are kept."""
    state = State()
    lines = []
    for number in range(400):
        call = f"call_{number:020}"
        turn = f"7e570000-0000-7000-8000-{number:012}"
        shell = {"type": "function_call", "name": "exec_command", "arguments": '{"cmd": "ls"}'}
        running = f"Wall time: 1 seconds\nProcess running with session ID {number}\nOutput:\n"
        window = {"used_percent": 5, "window_minutes": number}
        lines += [
            line("event_msg", {"type": "task_started", "turn_id": turn}, number),
            line("response_item", {**shell, "call_id": call}, number),
            line("response_item", {**shell, "call_id": f"{call}-waits"}, number),
            line(
                "response_item",
                {"type": "function_call_output", "call_id": call, "output": running},
                number,
            ),
            line(
                "event_msg",
                {"type": "token_count", "info": None, "rate_limits": {"primary": window}},
                number,
            ),
        ]
    told(*lines, state=state)
    kept = (state.counts, state.asked, state.processes, state.quotas)
    assert [len(each) for each in kept] == [64, 255, 64, 8]
    assert len(msgspec.msgpack.encode(state)) < 1 << 16


def test_what_a_version_lacks_costs_nothing() -> None:
    """Records of known kinds without the fields that tell something tell nothing."""
    bare: tuple[tuple[str, dict[str, Any]], ...] = (
        ("event_msg", {"type": "thread_settings_applied", "thread_settings": 5}),
        ("event_msg", {"type": "exec_command_end"}),
        ("event_msg", {"type": "patch_apply_end", "call_id": "unknown"}),
        ("event_msg", {"type": "mcp_tool_call_end", "call_id": "unknown"}),
        ("event_msg", {"type": "guardian_assessment"}),
        ("event_msg", {"type": "exec_approval_request"}),
        ("event_msg", {"type": "user_message", "message": None}),
        ("event_msg", {"type": "item_completed", "item": {"type": "FileChange"}}),
        ("event_msg", {"type": "error", "message": 5}),
        ("event_msg", {"type": "task_complete", "error": {"message": "x", "codex_error_info": 5}}),
        ("event_msg", {"type": "turn_aborted"}),
        ("token_usage_record", {"response_id": "resp_1"}),
        ("inter_agent_communication", {"content": "hi"}),
        ("turn_context", {}),
    )
    marks = [event for event in told() if isinstance(event, Mark)]
    events = told(*(line(kind, payload) for kind, payload in bare))
    assert [event for event in events[len(marks) :] if isinstance(event, Reply | ToolCall)] == []
    assert len(events) == len(marks) + 1


def test_answers_of_back_ends_that_count_their_calls() -> None:
    """A call id that only counts is one of its session alone."""
    asked = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}
    other = line("session_meta", {**META, "id": SESSION.replace("1", "2")})
    reading = CODEX.read(
        Chunk("b.jsonl", 0, (other + line("response_item", asked)).encode(), True), State()
    )
    keys = {
        e.key
        for e in (*reading.events, *told(line("response_item", asked)))
        if isinstance(e, ToolCall)
    }
    assert len(keys) == 2


def test_input_of_a_tool_may_be_anything() -> None:
    """A tool call with an input that is no JSON is a call all the same."""
    asked = {"type": "function_call", "name": "write_stdin", "arguments": "{", "call_id": "c" * 20}
    answer = {"type": "function_call_output", "call_id": "c" * 20, "output": {"content": None}}
    events = told(line("response_item", asked), line("response_item", answer))
    call = next(event for event in events if isinstance(event, ToolCall))
    result = next(event for event in events if isinstance(event, ToolResult))
    assert (call.input_bytes, call.target, result.key) == (1, None, call.key)


def test_a_compaction_may_leave_nothing_told() -> None:
    """What a compaction left is told by the next count that is of no call."""
    count = {"type": "token_count", "info": {"total_token_usage": {"input_tokens": 5}}}
    zero = {"type": "token_count", "info": {"last_token_usage": {"total_tokens": 77}}}
    events = told(
        line("compacted", {}), line("event_msg", count | {"info": {}}), line("event_msg", zero)
    )
    assert [e.tokens_after for e in events if isinstance(e, Compaction)] == [None, 77]
