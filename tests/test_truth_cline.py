"""Tasks of Cline and Roo Code are read as a second count says; one task is never told twice."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tachlog.engines import Task, progress_after
from tachlog.engines.work import chunks_of, read
from tachlog.frames import head
from tachlog.model import RUN_TOTALS, Reading, Reply, ToolCall, Usage
from tachlog.sessions import Sessions, fold
from tachlog.sources import detect
from tachlog.sources.cline import SOURCE
from tachlog.sources.cline.chunks import take
from tachlog.sources.cline.shapes import Request
from tachlog.sources.cline.usage import usage_of
from truth import cline as second

CASES = Path(__file__).parent / "corpus/cline"
RENAMED = {"use_mcp_tool": "mcp__till__count", "mcp--till--count": "mcp__till__count"}


def read_all(paths: Iterable[Path]) -> tuple[list[Reading], Sessions]:
    """Return what the source makes of documents."""
    readings: list[Reading] = []
    sessions: Sessions = {}
    for path in map(str, paths):
        for chunk in chunks_of(SOURCE, SOURCE.frame(path, head(path)), path):
            readings.append(SOURCE.read(chunk, SOURCE.state()))
            fold(readings[-1].events, sessions)
    return readings, sessions


def files_of(case: str) -> list[Path]:
    """Return the logs of a case."""
    beside = ("expected.json", "truth.json")
    return sorted(path for path in (CASES / case).rglob("*.json") if path.name not in beside)


@pytest.mark.parametrize(
    "case", ["sums", "roo", "second_form", "recorded_2.18.0", "recorded_3.0.65"]
)
def test_tasks_are_counted_alike(case: str) -> None:
    """Calls, tokens in disjoint counts, costs, tools and prompts are those of the second count."""
    truth = second.count(files_of(case))
    readings, sessions = read_all(files_of(case))
    calls = [call for session in sessions.values() for call in session.calls.values()]
    used = [call.usage for call in calls if call.usage]
    assert len(used) == truth.calls
    assert truth.tokens == Counter(
        input=sum(usage.input for usage in used),
        read=sum(usage.cache_read for usage in used),
        write=sum(usage.cache_write for usage in used),
        output=sum(usage.output for usage in used),
    )
    cost = sum(call.cost_nanousd or 0 for call in calls)
    assert cost == pytest.approx(truth.cost * 1e9, abs=len(calls))
    tools = [use.tool for session in sessions.values() for use in session.tools.values()]
    named = Counter({RENAMED.get(name, name): n for name, n in truth.tools.items()})
    assert Counter(tools) == named
    assert sum(len(session.prompts) for session in sessions.values()) == truth.prompts
    marks = [m for s in sessions.values() for m in s.marks.get("interrupted", {})]
    failures = sum(len(session.failures) for session in sessions.values())
    told_as_failures = failures + (len(marks) if "3.0.65" in case else 0)
    assert told_as_failures == truth.retries_and_failures
    assert not any(reading.unknown or reading.problems for reading in readings)


@pytest.mark.parametrize(
    ("told", "provider", "expected"),
    [
        (Request(None, 10, 5, 100, 900), "anthropic", Usage(10, 900, 100, 5)),
        (Request(None, 1010, 5, 0, 900), "anthropic", Usage(1010, 900, 0, 5)),
        (Request(None, 1010, 5, 0, 900), "openai", Usage(110, 900, 0, 5)),
        (Request(None, 10, 5, 0, 900), "openai", Usage(10, 900, 0, 5)),
        (Request(None, 1010, 5, 0, 900), None, Usage(1010, 900, 0, 5)),
        (Request(None, 1010, 5, 100, 900, apiProtocol="anthropic"), None, Usage(10, 900, 100, 5)),
        (Request(None, 10, 5, 100, 900, apiProtocol="anthropic"), None, Usage(10, 900, 100, 5)),
        (Request(None, 0, 0, 0, 0, 0.0), "lmstudio", None),
    ],
)
def test_input_holds_the_cache_by_who_wrote_it(
    told: Request, provider: str | None, expected: Usage | None
) -> None:
    """Roo Code's input holds the cache, Cline's by provider, and never more than there is."""
    assert usage_of(told, provider) == expected


def test_deleted_requests_count_as_their_sum() -> None:
    """The sums of requests that were deleted, and of sub-agents, keep what was spent."""
    readings, _ = read_all(files_of("sums"))
    replies = [e for r in readings for e in r.events if isinstance(e, Reply)]
    sums = [reply for reply in replies if reply.stop_reason == RUN_TOTALS]
    assert [(s.thread.sidechain, s.usage.total if s.usage else 0) for s in sums] == [
        (True, 790),
        (False, 1130),
    ]


def test_copied_task_counts_once(tmp_path: Path) -> None:
    """A task under another name tells the same calls and tools."""
    shutil.copytree(CASES / "roo", tmp_path / "copy")
    (tmp_path / "copy/expected.json").unlink()
    _, once = read_all(files_of("roo"))
    folder = next((tmp_path / "copy").rglob("ui_messages.json")).parent
    folder.rename(tmp_path / "elsewhere")
    _, again = read_all(sorted((tmp_path / "elsewhere").glob("*.json")))
    (original,), (copy,) = once.values(), again.values()
    assert original.calls.keys() == copy.calls.keys()
    assert original.tools.keys() == copy.tools.keys()
    assert original.prompts.keys() == copy.prompts.keys()


def test_grown_task_is_read_anew(tmp_path: Path) -> None:
    """A task that went on is read from its start, and what was there before counts once."""
    folder = tmp_path / "tasks/1767261600000"
    folder.mkdir(parents=True)
    path = folder / "ui_messages.json"
    messages = json.loads((CASES / "alone/messages.json").read_text())
    path.write_text(json.dumps(messages[:3]))
    first = read(Task(str(path), None, 0)).portion
    assert first is not None
    path.write_text(json.dumps(messages))
    again = read(Task(str(path), progress_after(first), 0)).portion
    assert again is not None
    assert again.replaced
    assert [len(portion.sessions[0].calls) for portion in (first, again)] == [1, 2]
    assert again.sessions[0].thread.session_id == "1767261600000"


def test_without_the_conversation_tools_are_those_that_were_seen() -> None:
    """What a person saw of tools tells their names and targets, not what they came to."""
    readings, sessions = read_all([CASES / "alone/messages.json"])
    calls = [e for r in readings for e in r.events if isinstance(e, ToolCall)]
    assert [(call.tool, call.target.name if call.target else None) for call in calls] == [
        ("read_file", "a.py"),
        ("execute_command", "ls"),
        ("mcp__till__count", "till.count"),
    ]
    (session,) = sessions.values()
    assert {use.reported for use in session.tools.values()} == {"unfinished"}


def document(messages: list[Any], path: str, *beside: Any) -> Reading:
    """Return what a task's messages tell."""
    reading = Reading([], [], {}, {}, [])
    whole = {"document": messages, "beside": list(beside)}
    take(msgspec.Raw(json.dumps(whole).encode()), path, reading)
    return reading


START = [{"ts": 1767261600000, "type": "say", "say": "task", "text": "Hi."}]


@pytest.mark.parametrize(
    ("path", "beside", "agent", "session"),
    [
        ("/s/saoudrizwan.claude-dev/tasks/1767261600000/ui_messages.json", {}, "cline", None),
        (r"C:\s\rooveterinaryinc.roo-cline\tasks\a\ui_messages.json", {}, "roo_code", None),
        (
            "/s/kilocode.kilo-code/tasks/a/ui_messages.json",
            {"id": "t", "number": 1},
            "kilo_code",
            "t",
        ),
        ("/elsewhere/ui_messages.json", {"id": "t", "number": 1}, "roo_code", "t"),
        ("/elsewhere/ui_messages.json", {}, "cline", None),
    ],
)
def test_agent_and_task_are_told_by_place(
    path: str, beside: dict[str, Any], agent: str, session: str | None
) -> None:
    """The extension in the path says whose task it is, its entry in the list which."""
    (thread,) = {event.thread for event in document(START, path, beside).events}
    assert (thread.agent, thread.session_id) == (agent, session or "1767261600000")


@pytest.mark.parametrize(
    ("name", "start", "claimed"),
    [
        ("ui_messages.json", b"[]", True),
        ("ui_messages.json", b"", False),
        ("history_item.json", b'{"id":"x"}', True),
        ("a.json", b'[{"ts":1,"type":"say","say":"task"}]', True),
        ("a.json", b'[{"ts":1,"type":"message"}]', False),
        ("a.messages.json", b'{"version":1,"updated_at":"x","agent":"lead","sessionId":"s"', True),
        ("a.messages.json", b'{"version":1,"messages":[]}', False),
        ("a.jsonl", b'[{"ts":1,"type":"say"}]', False),
    ],
)
def test_what_is_claimed(name: str, start: bytes, claimed: bool) -> None:
    """Files of a task are known by their names, messages by how they begin."""
    assert (detect(f"/x/{name}", start) is SOURCE) == claimed
