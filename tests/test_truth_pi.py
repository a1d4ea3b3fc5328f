"""Sessions of pi are read as a second, independent count of the same files says."""

from collections import Counter
from pathlib import Path

import pytest

from tachlog.frames import read_lines
from tachlog.model import Chunk, Reading
from tachlog.sessions import Sessions, fold
from tachlog.sources import detect
from tachlog.sources.pi import SOURCE
from truth import pi as second


@pytest.fixture(scope="module")
def folder(corpus_dir: Path) -> Path:
    """Return the directory of real sessions."""
    return corpus_dir / "pi"


@pytest.fixture(scope="module")
def readings(folder: Path) -> list[Reading]:
    """Return what the source makes of them."""
    found = []
    for path in sorted(folder.rglob("*.jsonl")):
        state = SOURCE.state()
        found += [SOURCE.read(chunk, state) for chunk in read_lines(str(path))]
    return found


def test_real_sessions_are_counted_alike(folder: Path, readings: list[Reading]) -> None:
    """Calls, tokens, costs, tools and prompts are those of the second count, nothing is unknown."""
    truth = second.count(sorted(folder.rglob("*.jsonl")))
    sessions: Sessions = {}
    for reading in readings:
        fold(reading.events, sessions)
    calls = {key: call for s in sessions.values() for key, call in s.calls.items()}
    used = [call.usage for call in calls.values() if call.usage]
    assert len(used) == len(calls) == len(truth.calls)
    assert sum(usage.input for usage in used) == truth.tokens("input")
    assert sum(usage.output for usage in used) == truth.tokens("output")
    assert sum(usage.cache_read for usage in used) == truth.tokens("cacheRead")
    assert sum(usage.cache_write for usage in used) == truth.tokens("cacheWrite")
    cost = sum(call.cost_nanousd or 0 for call in calls.values())
    assert cost == pytest.approx(truth.cost * 1e9, abs=len(calls))
    tools = [use for s in sessions.values() for use in s.tools.values()]
    assert Counter(use.tool for use in tools) == truth.tools
    failed = sum(use.reported in ("error", "user_interrupted") for use in tools)
    assert failed == truth.tool_errors
    told = sessions.values()
    assert sum(len(session.prompts) for session in told) == truth.prompts
    assert sum(len(session.failures) for session in told) == truth.failed
    assert sum(len(session.compactions) for session in told) == truth.compactions
    assert sum(len(session.marks.get("interrupted", ())) for session in told) == truth.aborted
    assert {thread.session_id for thread in sessions} == truth.sessions
    records = sum(len(r.record_keys) + sum(r.skipped.values()) for r in readings)
    assert records == truth.records
    assert not any(reading.unknown or reading.problems for reading in readings)


def test_entries_without_their_header_are_problems() -> None:
    """A part of a session that does not say whose it is tells nothing, and says so."""
    line = b'{"type":"message","message":{"role":"user","content":"hi","timestamp":1}}\n'
    reading = SOURCE.read(Chunk("part.jsonl", 7, line * 2, True), SOURCE.state())
    assert [(p.kind, p.offset) for p in reading.problems] == [
        ("headless_record", 7),
        ("headless_record", 7 + len(line)),
    ]
    assert not reading.events


@pytest.mark.parametrize(
    "head",
    [
        b'{"type":"session","id":"x"}\n',
        b'{"type":"session","harness":"h","id":"x","createdAt":1,"cwd":"/"}\n',
        b'{"type":"message","message":{"role":"user"}}\n',
    ],
)
def test_other_sessions_are_not_claimed(head: bytes) -> None:
    """A header needs an id, a time and a directory."""
    assert detect("a.jsonl", head) is None
