"""Conversations of Cursor are read as a second count says, and its database is never changed."""

import hashlib
import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tachlog.engines import Task, progress_after
from tachlog.engines.work import read
from tachlog.estimate import estimate_output
from tachlog.frames import documents
from tachlog.sessions import Session
from tachlog.sources import detect
from tachlog.sources.cursor import SOURCE
from tachlog.stores import Portion
from truth import cursor as second

CASES = Path(__file__).parent / "corpus/cursor"
DAY_MS = 86_400_000
START_MS = 1767261600000


def told_by(path: Path) -> Portion:
    """Return what a database tells when it is read for the first time."""
    portion = read(Task(str(path), None, 0)).portion
    assert portion is not None
    return portion


@pytest.mark.parametrize("case", ["conversation", "older"])
def test_databases_are_counted_alike(case: str) -> None:
    """Conversations, prompts, tokens, words, tools, failures, cents are those of a second count."""
    truth = second.count(CASES / case / "state.vscdb")
    portion = told_by(CASES / case / "state.vscdb")
    sessions = [session for session in portion.sessions if session.prompts]
    assert len(sessions) == truth.conversations
    assert sum(session.thread.sidechain for session in sessions) == truth.children
    assert sum(len(session.prompts) for session in sessions) == truth.prompts
    calls = [call for session in sessions for call in session.calls.values()]
    used = [call.usage for call in calls if call.usage]
    assert truth.tokens == Counter(
        input=sum(usage.input for usage in used), output=sum(usage.output for usage in used)
    )
    assert sum(call.features.text for call in calls) == truth.words
    tools = [use.tool for session in sessions for use in session.tools.values()]
    assert Counter(tools) == truth.tools
    assert sum(len(session.failures) for session in sessions) == truth.failures
    cents = [int(v) for s in sessions for v in s.marks.get("reported_cost", {})]
    assert sum(cents) == truth.cents * 10_000_000
    assert portion.unknown == {}


def test_outputs_that_are_not_told_are_estimated() -> None:
    """A call without an output count is not final, so that its words are estimated and marked."""
    (session,) = told_by(CASES / "older/state.vscdb").sessions
    (call,) = session.calls.values()
    assert call.usage is not None
    assert (call.usage.input, call.usage.output, call.final) == (900, 0, False)
    assert estimate_output(call.features, call.model) > 0


def state(path: Path) -> tuple[str, list[str]]:
    """Return what a database and its neighbours are."""
    return hashlib.sha256(path.read_bytes()).hexdigest(), sorted(
        each.name for each in path.parent.iterdir()
    )


def test_the_database_is_not_changed(tmp_path: Path) -> None:
    """Reading leaves the file as it was, and nothing beside it."""
    path = tmp_path / "state.vscdb"
    path.write_bytes((CASES / "conversation/state.vscdb").read_bytes())
    path.chmod(0o444)
    before = state(path)
    assert len(told_by(path).record_keys) == 2
    assert state(path) == before


def insert(database: sqlite3.Connection, key: str, value: Any) -> None:
    """Write a value as Cursor does, in place of another of the key."""
    database.execute("INSERT INTO cursorDiskKV VALUES (?, ?)", (key, json.dumps(value)))


@pytest.fixture
def live(tmp_path: Path) -> sqlite3.Connection:
    """Give a database that is being written, with a log of its own."""
    database = sqlite3.connect(tmp_path / "state.vscdb", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE cursorDiskKV (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    composer = {"composerId": "a", "createdAt": START_MS}
    insert(database, "composerData:a", composer)
    insert(database, "bubbleId:a:1", {"type": 1, "text": "Hi.", "bubbleId": "1"})
    return database


def test_conversations_that_go_on_are_read_again(live: sqlite3.Connection, tmp_path: Path) -> None:
    """Of a database only conversations that changed are read again, and their messages once."""
    path = tmp_path / "state.vscdb"
    first = told_by(path)
    progress = progress_after(first)
    assert read(Task(str(path), progress, 0)).portion is None
    insert(live, "bubbleId:a:2", {"type": 2, "text": "Hello.", "bubbleId": "2"})
    insert(live, "composerData:a", {"createdAt": START_MS, "lastUpdatedAt": START_MS + DAY_MS})
    insert(live, "composerData:b", {"createdAt": START_MS + DAY_MS})
    again = read(Task(str(path), progress, 0)).portion
    assert again is not None
    assert not again.replaced
    assert len(again.record_keys) == 2
    (session,) = (s for s in again.sessions if isinstance(s, Session))
    assert (len(session.prompts), len(session.calls)) == (1, 1)
    assert session.prompts.keys() == first.sessions[0].prompts.keys()
    live.close()


def test_a_locked_database_is_told(
    live: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that nobody may read just now is kept with a note, and read the next time."""
    monkeypatch.setattr(documents, "BUSY_SECONDS", 0.05)
    live.execute("PRAGMA journal_mode = DELETE")
    path = tmp_path / "state.vscdb"
    (tmp_path / "state.vscdb-wal").touch()
    live.execute("BEGIN EXCLUSIVE")
    portion = told_by(path)
    assert "locked" in (portion.note or "")
    assert not portion.sessions
    live.execute("ROLLBACK")
    later = read(Task(str(path), progress_after(portion), 0)).portion
    assert later is not None
    assert (later.note, len(later.record_keys)) == (None, 1)
    live.close()


@pytest.mark.parametrize("size", [3000, 7000])
def test_a_half_written_database_is_told(tmp_path: Path, size: int) -> None:
    """A database that was cut short is kept with a note, whatever of it could be read."""
    path = tmp_path / "state.vscdb"
    path.write_bytes((CASES / "conversation/state.vscdb").read_bytes()[:size])
    assert "cannot be read as a database" in (told_by(path).note or "")


@pytest.mark.parametrize(
    ("start", "claimed"),
    [
        (b"SQLite format 3\0CREATE TABLE cursorDiskKV (key TEXT", True),
        (b"SQLite format 3\0CREATE TABLE ItemTable (key TEXT", False),
        (b"CREATE TABLE cursorDiskKV (key TEXT", False),
    ],
)
def test_what_is_claimed(start: bytes, claimed: bool) -> None:
    """Its table tells Cursor's database from those of other editors."""
    assert (detect("state.vscdb", start) is SOURCE) == claimed
