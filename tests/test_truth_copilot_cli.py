"""Sessions of Copilot CLI are read as a second, independent count of the same files says."""

from pathlib import Path

import pytest

from tachlog.frames import read_lines
from tachlog.model import Chunk, Reading
from tachlog.operations import ToolUse
from tachlog.sessions import Sessions, fold
from tachlog.sources import detect
from tachlog.sources.copilot_cli import SOURCE
from tachlog.sources.copilot_cli.places import remember
from truth import copilot_cli as second


@pytest.fixture(scope="module")
def paths(corpus_dir: Path) -> list[Path]:
    """Return the real sessions."""
    return sorted((corpus_dir / "copilot-cli").rglob("*.jsonl"))


@pytest.fixture(scope="module")
def readings(paths: list[Path]) -> list[Reading]:
    """Return what the source makes of them."""
    found = []
    for path in paths:
        state = SOURCE.state()
        found += [SOURCE.read(chunk, state) for chunk in read_lines(str(path))]
    return found


def test_real_sessions_are_counted_alike(paths: list[Path], readings: list[Reading]) -> None:
    """Calls, tokens, costs, tools, prompts and threads are those of the second count."""
    truth = second.count(paths)
    sessions: Sessions = {}
    for reading in readings:
        fold(reading.events, sessions)
    told = sessions.values()
    calls = [call for session in told for call in session.calls.values()]
    used = [call.usage for call in calls if call.usage]
    assert len(used) == len(calls) == len(truth.outputs) + truth.compactions
    spent = truth.compaction + truth.shutdown
    output = sum(truth.outputs.values()) + truth.compaction["output"]
    assert sum(usage.output for usage in used) == output
    assert sum(usage.input for usage in used) == spent["input"]
    assert sum(usage.cache_read for usage in used) == spent["cache_read"]
    assert sum(usage.cache_write for usage in used) == spent["cache_write"]
    costs = [max(map(int, s.told("reported_cost"))) for s in told if s.told("reported_cost")]
    assert sum(costs) == sum(truth.aiu.values()) // 100
    tools: dict[int, ToolUse] = {key: use for s in told for key, use in s.tools.items()}
    assert len(tools) == len(truth.tools)
    assert sum(use.end_us is not None for use in tools.values()) == len(truth.ended)
    assert sum(use.duration_ms is not None for use in tools.values()) == len(truth.ended)
    failed = sum(use.reported == "error" for use in tools.values())
    assert failed == len(truth.failed) + truth.exit_codes.total() - truth.exit_codes[0]
    prompts = [prompt for session in told for prompt in session.prompts.values()]
    assert sum(prompt.by_person for prompt in prompts) == truth.people
    assert len(prompts) == truth.people + truth.agents
    assert len(sessions) == len(truth.threads)
    records = sum(len(r.record_keys) + sum(r.skipped.values()) for r in readings)
    assert records == truth.records
    assert not any(reading.unknown or reading.problems for reading in readings)


def test_events_without_their_start_are_problems() -> None:
    """A part of a session that does not say whose it is tells nothing, and says so."""
    line = b'{"type":"user.message","data":{"content":"hi"}}\n'
    reading = SOURCE.read(Chunk("events.jsonl", 7, line, True), SOURCE.state())
    assert [(p.kind, p.offset) for p in reading.problems] == [("headless_record", 7)]
    assert not reading.events


def test_what_never_ends_is_forgotten() -> None:
    """Of things under way only the latest are remembered, so that the state stays small."""
    times: dict[str, int] = {}
    for number in range(300):
        remember(times, str(number), number)
    assert list(times)[::255] == ["44", "299"]


@pytest.mark.parametrize(
    "head",
    [
        b'{"type":"session.start"}\n',
        b'{"type":"session.start","data":{"sessionId":"x"}}\n',
        b'{"type":"user.message","data":{"content":"hi"}}\n',
        b"[]\n",
    ],
)
def test_other_events_are_not_claimed(head: bytes) -> None:
    """The first event names the session and the version of Copilot."""
    assert detect("events.jsonl", head) is None
