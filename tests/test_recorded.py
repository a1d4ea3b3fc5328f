"""Logs that real agents wrote, told as their scripted model billed them.

`make record` runs the agents of `tests/record/` against a model that says what a script tells it to
and keeps their logs as cases `tests/corpus/<source>/recorded_…/`, each with `truth.json`: what the
model answered and billed, and what became of the tools that it asked for. Here nothing is run.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import golden
import tachlog
from tachlog.analysis.shapes import SessionView, ToolUsage, Totals
from tachlog.analysis.summary import TelemetryResult
from tachlog.frames import head
from tachlog.sources import all_sources

CASES = sorted(golden.CORPUS.glob("*/recorded_*"))
NAMES = [f"{case.parent.name}/{case.name}" for case in CASES]

every_case = pytest.mark.parametrize("case", CASES, ids=NAMES)


def truth_of(case: Path) -> dict[str, Any]:
    """What a case has to come to."""
    told: dict[str, Any] = json.loads((case / "truth.json").read_text(encoding="utf-8"))
    return told


@cache
def told_of(case: Path) -> TelemetryResult:
    """What tachlog tells of a case."""
    return tachlog.analyze([log.path for log in golden.logs_of(case)], jobs=1)


def figures(told: SessionView | Totals) -> dict[str, Any]:
    """What is told, under the names that a truth has."""
    shown: dict[str, Any] = {
        "model_calls": told.model_calls,
        "tokens": {
            bucket: getattr(told.tokens, bucket) or 0
            for bucket in ("input", "cache_read", "cache_write", "output", "reasoning")
        },
        "failures": told.failures,
        "retries": told.retries,
        "tool_call_count": told.tool_call_count,
        "tools": {name: outcomes(usage) for name, usage in told.tool_usage.items()},
    }
    if isinstance(told, SessionView):
        shown["prompts"] = told.prompts
        shown["compactions"] = told.context.compactions
        shown["parent"] = told.parent_session_id
        shown["forked_from"] = told.forked_from
    return shown


def outcomes(usage: ToolUsage) -> dict[str, int]:
    """How the calls of a tool ended."""
    return {
        "count": usage.count,
        "success": usage.success_count,
        "error": usage.error_count,
        "expected_negative": usage.expected_negative,
        "user_rejected": usage.user_rejected,
        "user_interrupted": usage.user_interrupted,
        "unfinished": usage.unfinished,
    }


def named_in(truth: Any, told: Any) -> Any:
    """Of what is told, that which a truth names; each tool with every outcome that occurred."""
    if isinstance(truth, dict) and isinstance(told, dict):
        occurred = {name for name, value in told.items() if value and "count" in told}
        return {
            name: named_in(truth.get(name), told.get(name))
            for name in truth | dict.fromkeys(occurred)
        }
    return told


def test_there_are_recorded_cases() -> None:
    """The cases are found."""
    assert CASES


@every_case
def test_sessions_are_told_as_the_model_billed_them(case: Path) -> None:
    """Calls, tokens, failures, retries, prompts and tools by outcome of each session are exact."""
    truth = truth_of(case).get("sessions", {})
    told = {session.session_id: figures(session) for session in told_of(case).sessions}
    assert truth == {name: named_in(truth[name], told.get(name)) for name in truth}


@every_case
def test_totals_are_what_the_model_billed(case: Path) -> None:
    """Over all sessions each call counts once, however many files and records tell it."""
    truth = truth_of(case)["totals"]
    assert named_in(truth, figures(told_of(case).totals)) == truth


@every_case
def test_every_record_is_understood(case: Path) -> None:
    """No record of a real log is a problem or of an unknown kind."""
    assert told_of(case).input.problems == 0
    readings = [reading for log in golden.logs_of(case) for reading in golden.read_log(log)]
    assert [reading.unknown for reading in readings if reading.unknown] == []


@every_case
def test_each_file_is_claimed_by_its_format_alone(case: Path) -> None:
    """A real log is told apart from those of all other agents."""
    for log in golden.logs_of(case):
        start = head(str(log.path))
        claimed = [s.name for s in all_sources().values() if s.claims(str(log.path), start)]
        assert claimed == [case.parent.name]


@pytest.mark.parametrize("version", ["2.1.330"])
def test_calls_told_by_transcript_and_telemetry_count_once(version: str) -> None:
    """Claude Code's transcripts and its exported telemetry are two tellings of the same calls.

    The telemetry adds the call that compacts, which no transcript tells.
    """
    both = [
        golden.CORPUS / "claude_code" / f"recorded_{version}",
        golden.CORPUS / "otlp" / f"recorded_claude_code_{version}",
    ]
    truth = truth_of(both[0])
    alone, beside = truth["totals"], truth["not_in_the_log"]["compact"]
    logs = [log.path for case in both for log in golden.logs_of(case)]
    told = figures(tachlog.analyze(logs, jobs=1).totals)
    assert told["model_calls"] == alone["model_calls"] + beside["model_calls"]
    assert told["tool_call_count"] == sum(
        tool["count"]
        for session in truth["sessions"].values()
        for tool in session["tools"].values()
    )
    for bucket in ("input", "cache_read", "cache_write"):
        assert told["tokens"][bucket] == alone["tokens"][bucket] + beside["tokens"][bucket]
