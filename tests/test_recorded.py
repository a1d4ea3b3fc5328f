"""Logs that real agents wrote, told as their scripted model billed them.

`make record` runs the agents of `tests/record/` against a model that says what a script tells it to
and keeps their logs as cases `tests/corpus/<source>/recorded_…/`, each with `truth.json`: what the
model answered and billed, and what became of the tools that it asked for. Here nothing is run.
"""

import json
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import golden
import tachlog
from archives import archive_of
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


TOLD = {
    "claude_code": ("claude_code/recorded_2.1.330", "otlp/recorded_claude_code_2.1.330"),
    "codex": (
        "codex/recorded_0.169.0",
        "otlp/recorded_codex_0.169.0",
        "codex/recorded_exec_0.169.0",
    ),
    "gemini_cli": (
        "gemini_cli/recorded_0.61.0",
        "otlp/recorded_gemini_cli_0.61.0",
        "gemini_cli/recorded_printed_0.61.0",
    ),
}
"""The same runs as each agent's log, its telemetry, and what it printed tell them."""

ADDED_FAILURES = {
    "otlp/recorded_codex_0.169.0": 1,
    "otlp/recorded_gemini_cli_0.61.0": 2,
    "gemini_cli/recorded_printed_0.61.0": 1,
}
"""Failures that the log of the same runs does not tell."""

TOGETHER = [
    (agent, others)
    for agent, (_, *rest) in TOLD.items()
    for size in range(1, len(rest) + 1)
    for others in combinations(rest, size)
]
sets_of_tellings = pytest.mark.parametrize(
    ("agent", "others"), TOGETHER, ids=["+".join((a, *o)).replace("/", "-") for a, o in TOGETHER]
)


def logs(*names: str) -> list[Path]:
    """The files of these cases."""
    return [log.path for name in names for log in golden.logs_of(golden.CORPUS / name)]


@sets_of_tellings
def test_runs_told_by_several_count_once(agent: str, others: tuple[str, ...]) -> None:
    """Calls, tools, prompts and compactions are the log's, whatever tells of them as well.

    Telemetry adds the call that compacts (Claude Code) and attempts that failed; what was printed
    adds a failure that a chat of the Gemini CLI leaves out.
    """
    own = TOLD[agent][0]
    truth = truth_of(golden.CORPUS / own)
    told = tachlog.analyze(logs(own, *others), jobs=1)
    beside = truth["not_in_the_log"].get("compact", {"model_calls": 0, "tokens": {}})
    total = figures(told.totals)
    assert total["model_calls"] == truth["totals"]["model_calls"] + beside["model_calls"]
    for bucket in ("input", "cache_read", "cache_write"):
        more = beside["tokens"].get(bucket, 0)
        assert total["tokens"][bucket] == truth["totals"]["tokens"][bucket] + more
    for session in told.sessions:
        expected = truth["sessions"][session.session_id]
        named = {n: expected[n] for n in ("prompts", "compactions", "tools") if n in expected}
        assert named == named_in(named, figures(session))
    added = sum(ADDED_FAILURES.get(name, 0) for name in others)
    assert total["failures"] == truth["totals"]["failures"] + added


@sets_of_tellings
def test_tellings_in_any_order_portions_and_runs_give_the_same_rows(
    agent: str, others: tuple[str, ...]
) -> None:
    """Which of several tellings is read first, whole or piece by piece, never shows."""
    paths = logs(TOLD[agent][0], *others)
    kept = archive_of(paths)
    assert archive_of(paths[::-1]) == kept
    shuffled = sorted(paths, key=lambda path: path.name[::-1])
    assert archive_of(shuffled, portion_bytes=3000) == kept


@pytest.mark.parametrize("agent", TOLD)
def test_a_copy_from_another_machine_adds_nothing(agent: str, tmp_path: Path) -> None:
    """The same files under other names, as a synced folder has them, count once."""
    paths = logs(*TOLD[agent])
    copies = []
    for path in paths:
        copies.append(tmp_path / "from-the-till" / path.relative_to(golden.CORPUS))
        copies[-1].parent.mkdir(parents=True, exist_ok=True)
        copies[-1].write_bytes(path.read_bytes())
    alone, both = archive_of(paths), archive_of([*copies, *paths])
    del alone["input"], both["input"]
    assert both == alone
