"""Chats of Qwen Code are read as a second, independent count of the same files says."""

from collections import Counter
from pathlib import Path

import pytest

import golden
import tachlog
from tachlog.model import Chunk, Reply, ToolResult
from tachlog.sources.qwen_code import SOURCE, claims
from truth import qwen_code as second

CASES = sorted((golden.CORPUS / "qwen_code").glob("*"))
WHOLE = [case for case in CASES if case.name not in ("damaged", "fork")]


@pytest.mark.parametrize("case", WHOLE, ids=[case.name for case in WHOLE])
def test_chats_are_counted_alike(case: Path) -> None:
    """Calls, tokens, tools and failures are those of the second count."""
    paths = [log.path for log in golden.logs_of(case)]
    truth = second.count(paths)
    told = tachlog.analyze(paths, jobs=1).totals
    assert told.model_calls == len(truth.calls)
    assert told.failures == len(truth.failures)
    assert {
        "input": told.tokens.input,
        "cached": told.tokens.cache_read,
        "output": told.tokens.output - told.tokens.estimated,
    } == {"input": 0, "cached": 0, "output": 0} | truth.tokens
    tools = {name: usage.count for name, usage in told.tool_usage.items()}
    assert tools == Counter(truth.tools.values())


def test_a_fork_tells_only_what_is_its_own() -> None:
    """The copies of a fork add nothing, and its own tools are told apart by session."""
    paths = [log.path for log in golden.logs_of(golden.CORPUS / "qwen_code/fork")]
    told = {s.session_id: s for s in tachlog.analyze(paths, jobs=1).sessions}
    fork = told["f0b2dddd-0000-4000-8000-000000000005"]
    origin = told["f0a1dddd-0000-4000-8000-000000000004"]
    assert fork.forked_from == origin.session_id
    assert (fork.model_calls, fork.tool_call_count, fork.total_tokens) == (1, 1, 811)
    assert (origin.model_calls, origin.tool_call_count, origin.total_tokens) == (2, 1, 1489)
    assert sum(s.total_tokens for s in told.values()) == second.count(paths).tokens.total()


def test_a_call_told_by_program_and_message_counts_once_with_a_record_in_between() -> None:
    """A sub-agent's record between a call and its message does not make two calls of them."""
    paths = [golden.CORPUS / "qwen_code/counts/session.jsonl"]
    (main,) = (s for s in tachlog.analyze(paths, jobs=1).sessions if not s.parent_session_id)
    assert main.model_calls == 4


def test_what_a_search_found_is_in_its_own_record() -> None:
    """The program calls a search that finds nothing a success; the exit code says what it was."""
    paths = [golden.CORPUS / "qwen_code/tools/session.jsonl"]
    usage = tachlog.analyze(paths, jobs=1).totals.tool_usage
    shell = usage["run_shell_command"]
    assert (shell.count, shell.check_failed, shell.expected_negative) == (3, 1, 1)
    assert (shell.user_interrupted, usage["edit"].user_rejected) == (1, 1)
    assert usage["write_file"].error_count == 1
    assert usage["read_file"].unfinished == 1


@pytest.mark.parametrize(
    "line",
    [
        '{"type":"user","uuid":"a","parentUuid":null,"sessionId":"s","cwd":"/",'
        '"timestamp":"2026-11-20T10:00:00Z","message":{"role":"user","content":"hi"}}',
        '{"type":"user","uuid":"a","sessionId":"s","cwd":"/","timestamp":"2026-11-20T10:00:00Z",'
        '"message":{"role":"user","parts":[]}}',
        '{"type":"gemini","uuid":"a","parentUuid":null,"sessionId":"s","cwd":"/",'
        '"timestamp":"2026-11-20T10:00:00Z","message":{"role":"user","parts":[]}}',
    ],
)
def test_lines_of_other_agents_are_not_claimed(line: str) -> None:
    """Claude Code's messages have a content, and every record has ids and a known type."""
    assert not claims("a.jsonl", line.encode())


def test_a_time_that_a_call_took_tells_when_it_was_sent() -> None:
    """The request left as long before its answer as the program says that it took."""
    data = (golden.CORPUS / "qwen_code/counts/session.jsonl").read_bytes()
    reading = SOURCE.read(Chunk("a.jsonl", 0, data, True), SOURCE.state())
    first = next(event for event in reading.events if isinstance(event, Reply))
    assert (first.response_ms, first.ttft_ms) == (400, 210)
    assert first.sent_us == first.at_us - 400_000
    took = [event.duration_ms for event in reading.events if isinstance(event, ToolResult)]
    assert took == [7, None, 9]
