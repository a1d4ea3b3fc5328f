"""Chats of Gemini CLI are read as a second, independent count of the same files says."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tachlog.engines.work import chunks_of
from tachlog.frames import head
from tachlog.model import Chunk, Prompt, Reading, Thread
from tachlog.sessions import Sessions, fold
from tachlog.sources import detect
from tachlog.sources.gemini_cli import SOURCE
from truth import gemini_cli as second

CASES = Path(__file__).parent / "corpus/gemini_cli"
STATUS = {"success": "success", "error": "error", "cancelled": "user_interrupted"}


def read_all(paths: list[Path]) -> tuple[list[Reading], Sessions]:
    """Return what the source makes of files."""
    readings: list[Reading] = []
    sessions: Sessions = {}
    for path in map(str, paths):
        state = SOURCE.state()
        for chunk in chunks_of(SOURCE, SOURCE.frame(path, head(path)), path):
            readings.append(SOURCE.read(chunk, state))
            fold(readings[-1].events, sessions)
    return readings, sessions


def assert_alike(sessions: Sessions, truth: second.Told) -> None:
    """Hold calls, tokens, tools and prompts against the second count."""
    calls = {key: call for s in sessions.values() for key, call in s.calls.items()}
    used = [call.usage for call in calls.values() if call.usage]
    assert len(calls) == len(truth.of_type("gemini"))
    assert {
        "calls": len(used),
        "input": sum(usage.input for usage in used),
        "cached": sum(usage.cache_read for usage in used),
        "output": sum(usage.output for usage in used),
    } == {"calls": 0, "input": 0, "cached": 0, "output": 0} | truth.tokens
    tools = [use for session in sessions.values() for use in session.tools.values()]
    assert Counter(use.tool for use in tools) == sum(
        (Counter({name: n}) for (name, _), n in truth.tools.items()), Counter()
    )
    spoken = [message for message in truth.of_type("user") if message["content"]]
    assert sum(len(session.prompts) for session in sessions.values()) == len(spoken)


def test_real_chats_are_counted_alike(corpus_dir: Path) -> None:
    """Every figure is that of the second count, and nothing is unknown."""
    paths = sorted((corpus_dir / "gemini-cli").rglob("*.json"))
    readings, sessions = read_all(paths)
    truth = second.count(paths)
    assert_alike(sessions, truth)
    told = Counter(
        (use.tool, use.reported) for session in sessions.values() for use in session.tools.values()
    )
    assert told == Counter({(name, STATUS[s]): n for (name, s), n in truth.tools.items()})
    assert {thread.session_id for thread in sessions} <= truth.sessions
    assert sum(len(reading.record_keys) for reading in readings) == len(paths)
    assert not any(reading.unknown or reading.problems for reading in readings)


def test_chat_told_as_lines_and_as_a_document_is_one(tmp_path: Path) -> None:
    """A chat that was migrated from a document to lines tells every call once."""
    document = CASES / "document/session.json"
    truth = second.count([document])
    lines = tmp_path / "session.jsonl"
    lines.write_text(
        '{"sessionId":"0ff1ce","projectHash":"7e89"}\n'
        + "".join(json.dumps(message) + "\n" for message in truth.messages.values())
    )
    _, sessions = read_all([document, lines])
    assert_alike(sessions, truth)


def test_sub_agents_are_threads_of_the_chat_around_them() -> None:
    """A chat of kind subagent in a directory of `chats` has its parent by that directory's name."""
    data = (CASES / "sub_agent/5ab.jsonl").read_bytes()
    reading = SOURCE.read(Chunk("/tmp/chats/0ff1ce/5ab.jsonl", 0, data, True), SOURCE.state())
    assert {event.thread for event in reading.events} == {
        Thread("gemini_cli", "5ab", "0ff1ce", "0ff1ce")
    }
    assert [e.by_person for e in reading.events if isinstance(e, Prompt)] == [False]


def test_lines_without_their_header_are_problems() -> None:
    """A part of a chat that does not say whose it is tells nothing, and says so."""
    line = b'{"id":"x","type":"user","content":"hi"}\n'
    reading = SOURCE.read(Chunk("part.jsonl", 7, line, True), SOURCE.state())
    assert [(p.kind, p.offset) for p in reading.problems] == [("headless_record", 7)]
    assert not reading.events


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.jsonl", b'{"type":"init","session_id":"x"}\n'),
        ("a.jsonl", b'{"sessionId":"x","type":"user"}\n'),
        ("a.json", b'{"projectHash":"x"}'),
        ("a.csv", b'{"sessionId":"x","projectHash":"y"}\n'),
        ("a.json", b'{"sessionId":"x","projectHash":"y","messages":[{"type": "qwen"}]}'),
    ],
)
def test_other_files_are_not_claimed(name: str, start: bytes) -> None:
    """A chat begins with its session and project, a run with session and model; none is Qwen's."""
    assert detect(name, start) is None
