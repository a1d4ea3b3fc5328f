"""OTLP files hold what a second count, which knows nothing of the source, finds in them."""

from pathlib import Path

import pytest

from tachlog.api import analyze
from tachlog.frames import head, read_lines
from tachlog.identity import repeated
from tachlog.model import Reading
from tachlog.operations import ToolUse
from tachlog.sessions import Sessions, fold, leave_out
from tachlog.sources import all_sources, detect
from truth import otlp as second

SOURCE = all_sources()["otlp"]


class Both:
    """The same files, read by the source and counted by the second count."""

    def __init__(self, paths: list[Path]) -> None:
        assert paths
        self.paths = paths
        self.truth = second.count(paths)
        self.sessions: Sessions = {}
        self.readings: list[Reading] = []
        for path in paths:
            state = SOURCE.state()
            for chunk in read_lines(str(path)):
                reading = SOURCE.read(chunk, state)
                fold(reading.events, self.sessions)
                self.readings.append(reading)
        spans = [span for reading in self.readings for span in reading.spans]
        for session in self.sessions.values():
            leave_out(session, repeated(spans))


@pytest.fixture(scope="module")
def both(corpus_dir: Path) -> Both:
    """Give the real exports, counted once."""
    return Both(sorted((corpus_dir / "otel-vs-copilot").rglob("*.jsonl")))


def test_all_files_are_claimed(both: Both) -> None:
    """Every file is this format's and no other's."""
    assert all(detect(str(path), head(str(path))) is SOURCE for path in both.paths)


def test_records_are_all_accounted_for(both: Both) -> None:
    """Every line is parsed or skipped, and nothing in it is unknown."""
    parsed = sum(len(reading.record_keys) for reading in both.readings)
    skipped = sum(sum(reading.skipped.values()) for reading in both.readings)
    assert parsed + skipped == both.truth.records
    assert not any(reading.problems or reading.unknown for reading in both.readings)


def test_sessions_and_turns_are_the_same(both: Both) -> None:
    """The conversations are the sessions; each of an agent's runs is one prompt."""
    named = {thread.session_id: len(s.prompts) for thread, s in both.sessions.items()}
    turns = list(both.truth.turns.values())
    assert named == {session: turns.count(session) for session in both.truth.sessions}


def test_no_call_is_made_up(both: Both) -> None:
    """These exports tell no model call and no token."""
    calls = [call for s in both.sessions.values() for call in s.calls.values()]
    assert (len(calls), both.truth.calls) == (0, 0)


def test_every_tool_call_is_told_alike(both: Both) -> None:
    """Tool calls have the same session, name, times and end."""
    ours = sorted(
        described(thread.session_id, use)
        for thread, session in both.sessions.items()
        for use in session.tools.values()
    )
    theirs = sorted(
        (t.session, t.name, t.start, t.end, "error" if t.failed else "success")
        for t in both.truth.tools.values()
    )
    assert ours == theirs


def described(session: str, use: ToolUse) -> tuple[str, str, int, int, str]:
    """What the second count says of a tool call as well."""
    return session, use.tool or "", use.at_us, use.end_us or 0, use.outcome


CASES = Path(__file__).parent / "corpus/otlp"


@pytest.mark.parametrize("case", ["genai_current", "agent_totals", "repeated_flush", "sessions"])
def test_cases_are_counted_alike(case: str) -> None:
    """Calls and tokens of cases by the current conventions are those of the second count."""
    both = Both([CASES / case / "input.jsonl"])
    calls = [call for s in both.sessions.values() for call in s.calls.values()]
    inside = 400 if case == "genai_current" else 0  # a cache that cannot lie within its input
    assert (
        len(calls),
        sum(call.usage.prompt for call in calls if call.usage) - inside,
        sum(call.usage.output for call in calls if call.usage),
    ) == (both.truth.calls, both.truth.input, both.truth.output)


METRICS = [
    CASES / "recorded_claude_code_2.1.330/metrics.jsonl",
    CASES.parents[1] / "conformance/otlp/metrics_alone/home/otel/metrics.jsonl",
]


@pytest.mark.parametrize("path", METRICS, ids=["recorded", "metrics_alone"])
def test_sessions_that_only_metrics_tell_are_counted_alike(path: Path) -> None:
    """The tokens by kind, and the money, are those of the second count."""
    tokens = second.deltas([path], "claude_code.token.usage")
    money = second.deltas([path], "claude_code.cost.usage")
    ours = {each.session_id: each for each in analyze(path, jobs=1).sessions}
    assert set(ours) == {session for session, _ in tokens} == {session for session, _ in money}
    for name, session in ours.items():
        buckets = session.tokens
        assert {
            "input": buckets.input,
            "cacheRead": buckets.cache_read,
            "cacheCreation": buckets.cache_write,
            "output": buckets.output,
        } == {kind: number for (owner, kind), number in tokens.items() if owner == name}
        assert session.cost_usd == pytest.approx(money[name, ""], abs=1e-9)
