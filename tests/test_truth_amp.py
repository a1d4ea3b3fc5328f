"""Threads of Amp are read as a second count says."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import tachlog
from tachlog.discovery import discover
from tachlog.engines.work import chunks_of
from tachlog.model import RUN_TOTALS
from tachlog.sessions import Session, Sessions, fold, merge_sessions
from tachlog.sources import detect
from tachlog.sources.amp import SOURCE
from truth import amp as second

CASES = Path(__file__).parent / "corpus/amp"
RECORDED = sorted(CASES.glob("recorded_*/T-*.json"))
THREAD = CASES / "thread/T-0199aaaa-0000-7000-8000-000000000001.json"


def read_all(paths: Iterable[Path]) -> Sessions:
    """What the source makes of threads."""
    sessions: Sessions = {}
    for path in map(str, paths):
        for chunk in chunks_of(SOURCE, "document", path):
            fold(SOURCE.read(chunk, SOURCE.state()).events, sessions)
    return sessions


def written(folder: Path, thread: dict[str, Any]) -> Session:
    """What the source makes of a thread."""
    path = folder / f"{thread['id']}.json"
    path.write_text(json.dumps(thread))
    (session,) = read_all([path]).values()
    return session


def of_case() -> dict[str, Any]:
    """The thread of a case, to be changed."""
    thread: dict[str, Any] = json.loads(THREAD.read_text())
    return thread


@pytest.mark.parametrize("paths", [RECORDED, sorted(CASES.glob("fork/T-*.json"))], ids=len)
def test_threads_are_counted_alike(paths: list[Path]) -> None:
    """Calls, tokens, prompts and tools over all threads are those of the second count."""
    truth = second.count(paths)
    told = tachlog.analyze(paths, jobs=1).totals
    estimated = told.tokens.estimated
    assert {
        "input": told.tokens.input,
        "cache_read": told.tokens.cache_read,
        "cache_write": told.tokens.cache_write,
        "output": told.tokens.output - estimated,
    } == dict(truth.tokens)
    unfinished = sum(not call.final for s in read_all(paths).values() for call in s.calls.values())
    assert told.model_calls - unfinished == truth.calls
    assert {name: usage.count for name, usage in told.tool_usage.items()} == dict(truth.tools)
    sessions = read_all(paths)
    assert sum(thread.sidechain for thread in sessions) == truth.children
    assert len({key for s in sessions.values() for key in s.prompts}) == truth.prompts


def test_ledger_adds_nothing_to_replies() -> None:
    """Only what no reply and no thread of a sub-agent tells is taken from the ledger."""
    (session,) = read_all([THREAD]).values()
    used = [call.usage for call in session.calls.values() if call.usage]
    assert Counter(usage.output for usage in used) == Counter([80, 30, 7, 50])
    assert [c.stop_reason for c in session.calls.values()].count(RUN_TOTALS) == 1


def test_longer_snapshot_replaces_the_shorter(tmp_path: Path) -> None:
    """A thread that was read while a reply came is the same once the whole is read."""
    whole = of_case()
    partial = of_case()
    partial["messages"] = partial["messages"][:2]
    partial["messages"][1]["state"] = {"type": "streaming"}
    del partial["messages"][1]["usage"]
    partial["messages"][1]["content"] = partial["messages"][1]["content"][:1]
    partial["usageLedger"]["events"] = []
    before, after = written(tmp_path, partial), written(tmp_path, whole)
    merged = merge_sessions(before, after)
    assert merged.calls.keys() == after.calls.keys()
    assert [c.usage for c in merged.calls.values()] == [
        after.calls[key].usage for key in merged.calls
    ]


def test_replies_that_were_edited_away_count_once(tmp_path: Path) -> None:
    """A reply that only the ledger still has shares an alias with what was told of it before."""
    whole, edited = of_case(), of_case()
    edited["messages"] = edited["messages"][:1]
    before, after = written(tmp_path, whole), written(tmp_path, edited)
    aliases = {call.alias for call in before.calls.values()}
    inference = [c for c in after.calls.values() if c.stop_reason == "completed"]
    assert Counter(c.key in aliases for c in inference) == {True: 2, False: 1}


LARGE = b'{\n  "v": 12,\n  "id": "T-0199", "messages": [' + b" " * 70_000


@pytest.mark.parametrize(
    ("name", "start", "claimed"),
    [
        ("T-1.json", b'{"v": 1, "id": "T-1", "created": 1, "messages": []}', True),
        ("T-1.json", LARGE[: 1 << 16], True),
        ("T-1.json", b'{"v": 1, "id": "T-1", "messages": []}', False),
        ("T-1.json", b'{"v": 1, "id": "ses_1", "created": 1, "messages": []}', False),
        ("T-1.jsonl", b'{"v": 1, "id": "T-1", "created": 1, "messages": []}', False),
    ],
)
def test_what_is_claimed(name: str, start: bytes, claimed: bool) -> None:
    """The id and the fields of a thread tell it."""
    assert (detect(name, start) is SOURCE) == claimed


@pytest.mark.parametrize(
    ("environ", "below"),
    [({}, ".local/share/amp"), ({"XDG_DATA_HOME": "~/data"}, "data/amp")],
)
def test_places(tmp_path: Path, environ: dict[str, str], below: str) -> None:
    """Threads are found in the data folder, on every system."""
    threads = tmp_path / below / "threads"
    threads.mkdir(parents=True)
    (threads / "T-1.json").touch()
    assert [each.directory for each in discover(environ, tmp_path) if each.files] == [threads]
