"""Sessions of OpenCode are read as a second count says, in whichever of its forms they are kept."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tachlog.engines import Task, progress_after, work
from tachlog.engines.work import chunks_of, read
from tachlog.frames import documents, head
from tachlog.model import Reading
from tachlog.sessions import Session, Sessions, fold, merge_sessions
from tachlog.sources import detect
from tachlog.sources.opencode import SOURCE
from tachlog.stores import Portion
from truth import opencode as second

CASES = Path(__file__).parent / "corpus/opencode"
OUTCOMES = {"completed": "success", "error": "error"}

SCHEMA = """
CREATE TABLE `session` (`id` text PRIMARY KEY, `parent_id` text, `directory` text, `title` text,
  `version` text, `time_created` integer, `time_updated` integer);
CREATE TABLE `message` (`id` text PRIMARY KEY, `session_id` text, `time_created` integer,
  `time_updated` integer, `data` text);
CREATE TABLE `part` (`id` text PRIMARY KEY, `message_id` text, `session_id` text,
  `time_created` integer, `time_updated` integer, `data` text);
"""


def read_all(paths: Iterable[Path]) -> tuple[list[Reading], Sessions]:
    """Return what the source makes of documents."""
    readings: list[Reading] = []
    sessions: Sessions = {}
    for path in map(str, paths):
        for chunk in chunks_of(SOURCE, SOURCE.frame(path, head(path)), path):
            readings.append(SOURCE.read(chunk, SOURCE.state()))
            fold(readings[-1].events, sessions)
    return readings, sessions


def test_real_sessions_are_counted_alike(corpus_dir: Path) -> None:
    """Calls, tokens, costs, tools and their times are those of the second count."""
    paths = sorted((corpus_dir / "opencode").rglob("*.json"))
    readings, sessions = read_all(paths)
    truth = second.count(paths)
    calls = {key: call for s in sessions.values() for key, call in s.calls.items()}
    used = [call.usage for call in calls.values() if call.usage]
    assert len(used) == len(calls) == len(truth.calls)
    assert {
        "input": sum(usage.input for usage in used),
        "read": sum(usage.cache_read for usage in used),
        "write": sum(usage.cache_write for usage in used),
        "output": sum(usage.output for usage in used),
    } == {"input": 0, "read": 0, "write": 0, "output": 0} | truth.tokens
    cost = sum(call.cost_nanousd or 0 for call in calls.values())
    assert cost == pytest.approx(sum(truth.costs.values()) * 1e9, abs=len(calls))
    tools = [use for session in sessions.values() for use in session.tools.values()]
    assert Counter(use.tool for use in tools) == sum(
        (Counter({name: n}) for (name, _), n in truth.tools.items()), Counter()
    )
    assert sum(use.duration_ms or 0 for use in tools) == truth.tool_ms
    assert sum(len(session.prompts) for session in sessions.values()) == truth.prompts
    assert sum(thread.parent is not None for thread in sessions) == truth.children
    assert len(sessions) == sum(len(r.record_keys) for r in readings) == truth.files
    assert not any(reading.unknown or reading.problems for reading in readings)


def exported(name: str) -> dict[str, Any]:
    """Return a case's exported session."""
    document: dict[str, Any] = json.loads((CASES / name).read_text())
    return document


def with_identity(part: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """Return a part as its own file has it."""
    return part | {"messageID": message["info"]["id"], "sessionID": message["info"]["sessionID"]}


def lay_out(storage: Path, document: dict[str, Any]) -> None:
    """Write an exported session as the older tree of files."""
    session = document["info"]
    files = {storage / "session/project" / f"{session['id']}.json": session}
    for message in document["messages"]:
        info = message["info"]
        files[storage / "message" / session["id"] / f"{info['id']}.json"] = info
        for part in message["parts"]:
            part_file = storage / "part" / info["id"] / f"{part['id']}.json"
            files[part_file] = with_identity(part, message)
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2))


def insert(database: sqlite3.Connection, document: dict[str, Any], at_ms: int) -> None:
    """Write an exported session into the tables of the database."""
    session = document["info"]
    database.execute(
        "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            session["id"],
            session.get("parentID"),
            session["directory"],
            session["title"],
            session["version"],
            session["time"]["created"],
            at_ms,
        ),
    )
    for message in document["messages"]:
        info = {**message["info"]}
        key = info.pop("id"), info.pop("sessionID")
        row = (*key, at_ms, at_ms, json.dumps(info))
        database.execute("INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?, ?)", row)
        for part in message["parts"]:
            body = json.dumps(part)
            database.execute(
                "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?)",
                (part["id"], *key, at_ms, at_ms, body),
            )


def tells(session: Session) -> bool:
    """Whether anything is told of a session; the root of a sub-agent may only be known by name."""
    return bool(session.calls)


@pytest.mark.parametrize("name", ["reasoning/inside.json", "child/ses_c.json", "fork/fork.json"])
def test_forms_tell_the_same(tmp_path: Path, name: str) -> None:
    """An export, the tree of files and the database give the same session, and it counts once."""
    _, expected = read_all([CASES / name])
    (session,) = expected.values()
    lay_out(tmp_path / "storage", exported(name))
    _, from_tree = read_all(sorted((tmp_path / "storage").rglob("*.json")))
    assert from_tree == expected
    database = sqlite3.connect(tmp_path / "opencode.db", isolation_level=None)
    database.executescript(SCHEMA)
    insert(database, exported(name), 1)
    portion = read(Task(str(tmp_path / "opencode.db"), None, 0)).portion
    assert portion is not None
    assert (portion.source, portion.note, portion.unknown) == ("opencode", None, {})
    (from_database,) = filter(tells, portion.sessions)
    assert from_database == session
    assert merge_sessions(from_database, session) == session
    database.close()


def test_database_is_read_on_from_where_it_was(tmp_path: Path) -> None:
    """Of a database only what is new or changed is read again, and nothing when nothing is."""
    path = tmp_path / "opencode-dev.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(SCHEMA)
    insert(database, exported("reasoning/inside.json"), 1_000)
    first = read(Task(str(path), None, 0)).portion
    assert first is not None
    assert len(first.record_keys) == 1 + 6
    again = progress_after(first)
    assert read(Task(str(path), again, 0)).portion is None
    insert(database, exported("child/ses_c.json"), 400_000)
    more = read(Task(str(path), again, 0)).portion
    assert more is not None
    assert not more.replaced
    assert len(more.record_keys) == 1 + 2
    assert [session.thread.parent for session in filter(tells, more.sessions)] == ["ses_a"]
    database.close()


def test_large_databases_come_in_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database is read on from each portion, and the portions are together what it tells."""
    path = tmp_path / "opencode.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(SCHEMA)
    insert(database, exported("reasoning/inside.json"), 1)
    whole = read(Task(str(path), None, 0)).portion
    assert whole is not None
    monkeypatch.setattr(work, "PORTION_BYTES", 1)
    monkeypatch.setattr(documents, "PAGE_BYTES", 1)
    progress = None
    portions: list[Portion] = []
    while True:
        reading = read(Task(str(path), progress, 0))
        if reading.portion is None:
            break
        portions.append(reading.portion)
        progress = progress_after(reading.portion)
    assert len(portions) == len(whole.record_keys)
    assert [key for portion in portions for key in portion.record_keys] == whole.record_keys
    (expected,) = whole.sessions
    merged = Session(expected.thread)
    for portion in portions:
        for session in portion.sessions:
            merged = merge_sessions(merged, session)
    assert merged == expected
    database.close()


def test_database_that_is_damaged_is_noted(tmp_path: Path) -> None:
    """What begins as a database and is none is kept as a file with a note."""
    path = tmp_path / "opencode.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 2000)
    portion = read(Task(str(path), None, 0)).portion
    assert portion is not None
    assert "cannot be read as a database" in (portion.note or "")
    assert not portion.sessions


def test_another_database_in_its_place_is_read_from_the_start(tmp_path: Path) -> None:
    """A database that was put in the place of another is not taken for the old one."""
    portions: list[Portion] = []
    for number, name in enumerate(("reasoning/inside.json", "child/ses_c.json")):
        other = tmp_path / f"{number}.db"
        database = sqlite3.connect(other, isolation_level=None)
        database.executescript(SCHEMA)
        insert(database, exported(name), 1)
        database.close()
        progress = progress_after(portions[-1]) if portions else None
        path = other.rename(tmp_path / "opencode.db")
        portion = read(Task(str(path), progress, 0)).portion
        assert portion is not None
        portions.append(portion)
    assert [portion.replaced for portion in portions] == [False, True]
    assert [session.thread.session_id for session in filter(tells, portions[1].sessions)] == [
        "ses_c"
    ]


def test_rows_that_are_damaged_are_counted(tmp_path: Path) -> None:
    """Texts that are no JSON, and messages without a session, do not hinder the others."""
    path = tmp_path / "opencode.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(SCHEMA)
    insert(database, exported("child/ses_c.json"), 1)
    database.execute("INSERT INTO message VALUES ('msg_z', 'ses_z', 1, 1, '{torn')")
    database.execute("INSERT INTO part VALUES ('prt_z', 'msg_1', 'ses_c', 1, 1, '{torn')")
    portion = read(Task(str(path), None, 0)).portion
    assert portion is not None
    assert portion.unknown == {"message/unreadable": 1, "part/unreadable": 1}
    (session,) = filter(tells, portion.sessions)
    assert len(session.calls) == 1
    database.close()


def test_second_schema_tells_its_calls(tmp_path: Path) -> None:
    """Calls in `session_message` are read, with the model as an object."""
    path = tmp_path / "opencode.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(
        SCHEMA
        + "CREATE TABLE session_message (id text, session_id text, type text, time_created integer,"
        " time_updated integer, data text);"
    )
    told = {
        "model": {"id": "claude-opus-4-5", "providerID": "anthropic"},
        "tokens": {"input": 5, "output": 6, "reasoning": 7, "cache": {"read": 8, "write": 9}},
        "time": {"created": 1767225600000, "completed": 1767225601000},
    }
    row = "INSERT INTO session_message VALUES (?, 'ses_a', ?, 1, 1, ?)"
    database.execute(row, ("msg_1", "assistant", json.dumps(told)))
    database.execute(row, ("msg_2", "switch", "{}"))
    portion = read(Task(str(path), None, 0)).portion
    assert portion is not None
    assert portion.unknown == {"message/switch": 1}
    (call,) = portion.sessions[0].calls.values()
    assert (call.model, call.provider, call.final) == ("claude-opus-4-5", "anthropic", True)
    assert call.usage is not None
    assert (call.usage.total, call.usage.output) == (35, 13)
    database.close()


def test_changed_document_is_read_anew(tmp_path: Path) -> None:
    """A document that was written again is read from its start, and says so."""
    path = tmp_path / "ses_c.json"
    path.write_bytes((CASES / "child/ses_c.json").read_bytes())
    first = read(Task(str(path), None, 0)).portion
    assert first is not None
    assert read(Task(str(path), progress_after(first), 0)).portion is None
    document = exported("child/ses_c.json")
    document["messages"] *= 2
    path.write_text(json.dumps(document))
    second_time = read(Task(str(path), progress_after(first), 0)).portion
    assert second_time is not None
    assert (second_time.replaced, len(second_time.record_keys)) == (True, 1)
    assert list(filter(tells, second_time.sessions)) == list(filter(tells, first.sessions))


def test_fork_has_the_calls_of_its_original() -> None:
    """Copies share an alias, a prompt and tool calls with what they were copied from."""
    _, sessions = read_all([CASES / "fork/original.json", CASES / "fork/fork.json"])
    original, fork = (sessions[thread] for thread in sorted(sessions, key=lambda t: t.session_id))
    assert aliases(original) < aliases(fork)
    assert original.prompts.keys() == fork.prompts.keys()
    assert original.tools.keys() == fork.tools.keys()


def aliases(session: Session) -> set[int | None]:
    """Return the aliases of a session's calls."""
    return {call.alias for call in session.calls.values()}


LARGE = b'{"info": {"slug": "x", "id": "ses_1", "title": "' + b"x" * 70_000


@pytest.mark.parametrize(
    ("name", "start", "claimed"),
    [
        ("a.json", LARGE[: 1 << 16], True),
        ("a.json", b'{"role":"user","sessionID":"ses_1","summary":' + b"[" * 70_000, False),
        ("a.json", b'{"id":"ses_1"}', False),
        ("a.json", b'{"id":"msg_1"}', False),
        ("a.json", b'{"id":"prt_1"}', False),
        ("a.json", b'{"info":{"id":"ses_1"},"messages":{}}', False),
        ("a.jsonl", b'{"id":"ses_1","projectID":"p"}', False),
        ("other.db", b"SQLite format 3\0" + b"CREATE TABLE `part` (`id` text", True),
        ("other.db", b"SQLite format 3\0" + b"CREATE TABLE parts (id text", False),
        ("opencode-dev.db", b"SQLite format 3\0", True),
    ],
)
def test_what_is_claimed(name: str, start: bytes, claimed: bool) -> None:
    """Ids tell documents, tables or the name a database."""
    assert (detect(name, start) is SOURCE) == claimed
