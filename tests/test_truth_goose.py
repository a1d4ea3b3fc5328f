"""Sessions of Goose are read as a second count says, from every version of its database."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import tachlog
from tachlog.discovery import discover
from tachlog.engines import Task
from tachlog.engines.work import chunks_of, read
from tachlog.frames import head
from tachlog.metrics.tokens import settled_usage
from tachlog.model import RUN_TOTALS
from tachlog.sessions import Session, Sessions, fold, merge_sessions
from tachlog.sources import detect
from tachlog.sources.goose import SOURCE
from truth import goose as second

CASES = Path(__file__).parent / "corpus/goose"
RECORDED = CASES / "recorded_1.34.0/sessions/sessions.db"

FIRST_SCHEMA = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, description TEXT NOT NULL DEFAULT '',
  working_dir TEXT NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, extension_data TEXT DEFAULT '{}',
  total_tokens INTEGER, input_tokens INTEGER, output_tokens INTEGER,
  accumulated_total_tokens INTEGER, accumulated_input_tokens INTEGER,
  accumulated_output_tokens INTEGER, schedule_id TEXT, recipe_json TEXT);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL,
  role TEXT NOT NULL, content_json TEXT NOT NULL, created_timestamp INTEGER NOT NULL,
  timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, tokens INTEGER);
"""
LATER_SCHEMA = """
ALTER TABLE sessions ADD COLUMN name TEXT DEFAULT '';
ALTER TABLE sessions ADD COLUMN session_type TEXT NOT NULL DEFAULT 'user';
ALTER TABLE sessions ADD COLUMN provider_name TEXT;
ALTER TABLE sessions ADD COLUMN model_config_json TEXT;
ALTER TABLE sessions ADD COLUMN accumulated_cache_read_tokens INTEGER;
ALTER TABLE sessions ADD COLUMN accumulated_cache_write_tokens INTEGER;
ALTER TABLE sessions ADD COLUMN accumulated_cost REAL;
ALTER TABLE sessions ADD COLUMN parent_session_id TEXT;
ALTER TABLE messages ADD COLUMN message_id TEXT;
ALTER TABLE messages ADD COLUMN metadata_json TEXT;
CREATE TABLE usage_ledger (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL,
  created_timestamp INTEGER NOT NULL, model TEXT, input_tokens INTEGER, output_tokens INTEGER,
  total_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER, cost REAL,
  cost_source TEXT, is_compaction INTEGER DEFAULT 0);
"""
BEGUN = 1767225600  # 2026-01-01T00:00:00Z


class Kitchen:
    """A database that a test writes as Goose does."""

    def __init__(self, folder: Path, *schemas: str) -> None:
        self.path = folder / "sessions/sessions.db"
        self.path.parent.mkdir(parents=True)
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        for schema in schemas:
            self.connection.executescript(schema)

    def put(self, table: str, **row: Any) -> None:
        """Insert or replace a row."""
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        line = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"
        self.connection.execute(line, tuple(row.values()))

    def session(self, name: str, spent: Sequence[int | None] = (None,) * 5, **more: Any) -> None:
        """A session that used (input, output, total, cache read, cache write) in all."""
        buckets = ("input", "output", "total", "cache_read", "cache_write")
        told = {
            f"accumulated_{bucket}_tokens": count
            for bucket, count in zip(buckets, spent, strict=False)
            if count is not None
        }
        times = {"created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:01:00"}
        self.put("sessions", id=name, working_dir="/home/ana/shop", **(times | told | more))

    def say(self, session: str, role: str, at: int, *content: Any, **more: Any) -> None:
        """A message, `at` seconds after the beginning."""
        blocks = [{"type": "text", "text": c} if isinstance(c, str) else c for c in content]
        told = {
            "content_json": json.dumps(blocks, separators=(",", ":")),
            "created_timestamp": BEGUN + at,
        }
        self.put("messages", session_id=session, role=role, **told, **more)

    def bill(self, session: str, at: int, used: Sequence[int], **more: Any) -> None:
        """A line of the ledger: input, output, cache read, cache write."""
        names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
        told = dict(zip(names, used, strict=True)) | {"total_tokens": used[0] + used[1]}
        self.put("usage_ledger", session_id=session, created_timestamp=BEGUN + at, **told, **more)

    def read(self) -> dict[str, Session]:
        """What tachlog makes of it now, by the names of sessions."""
        portion = read(Task(str(self.path), None, 0)).portion
        assert portion is not None
        assert (portion.source, portion.note, portion.unknown) == ("goose", None, {})
        return {session.thread.session_id: session for session in portion.sessions}


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterable[Kitchen]:
    """A database of the newest version."""
    made = Kitchen(tmp_path, FIRST_SCHEMA, LATER_SCHEMA)
    yield made
    made.connection.close()


def totals(*sessions: Session) -> Counter[str]:
    """The tokens of sessions, each call once; those of nothing are left out."""
    found: Counter[str] = Counter()
    for session in sessions:
        for call in session.calls.values():
            usage, _ = settled_usage(call)
            for bucket in ("input", "cache_read", "cache_write", "output"):
                found[bucket] += getattr(usage, bucket)
    return +found


def read_all(path: Path) -> Sessions:
    """What the source makes of a file."""
    sessions: Sessions = {}
    state = SOURCE.state()
    for chunk in chunks_of(SOURCE, SOURCE.frame(str(path), head(str(path))), str(path)):
        fold(SOURCE.read(chunk, state).events, sessions)
    return sessions


@pytest.mark.parametrize("path", [RECORDED, CASES / "export/session.json"], ids=lambda p: p.stem)
def test_sessions_are_counted_alike(path: Path) -> None:
    """Tokens, prompts, tools, their times and failures are those of the second count."""
    truth = second.count(path)
    sessions = read_all(path).values()
    tools = [use for session in sessions for use in session.tools.values()]
    assert totals(*sessions) == +truth.tokens
    assert len(sessions) == truth.sessions
    assert sum(len(session.prompts) for session in sessions) == truth.prompts
    assert Counter(use.tool for use in tools) == truth.tools
    assert sum(use.reported == "error" for use in tools) == truth.failed
    assert sum(use.execution_us or 0 for use in tools) == truth.tool_seconds * 1_000_000


def test_first_schema_is_read(tmp_path: Path) -> None:
    """A database without the columns that came later tells its sessions all the same."""
    kitchen = Kitchen(tmp_path, FIRST_SCHEMA)
    kitchen.session("20250325_200615", (900, 100, 1000))
    kitchen.say("20250325_200615", "user", 0, "Hello.")
    kitchen.say("20250325_200615", "assistant", 2, "Hello.")
    (session,) = kitchen.read().values()
    assert totals(session) == {"input": 900, "output": 100}
    assert (len(session.calls), len(session.prompts)) == (1, 1)
    kitchen.connection.close()


def test_ledger_tells_each_call(kitchen: Kitchen) -> None:
    """Each line of the ledger is one call with its buckets, and the row's totals add nothing."""
    model = json.dumps({"model_name": "gpt-5.4"})
    kitchen.session("20260101_1", (1500, 60, 1560, 700, 100), model_config_json=model)
    kitchen.say("20260101_1", "user", 0, "Hello.")
    kitchen.say("20260101_1", "assistant", 2, "Hello.")
    kitchen.bill("20260101_1", 2, (1000, 40, 500, 100), cost=0.25, cost_source="provider_reported")
    used = {"cost": 0.5, "cost_source": "estimated", "is_compaction": 1}
    kitchen.bill("20260101_1", 9, (500, 20, 200, 0), model="gpt-5.4-mini", **used)
    (session,) = kitchen.read().values()
    assert session.thread.session_id == "20260101_1-000000"
    assert totals(session) == {"input": 700, "cache_read": 700, "cache_write": 100, "output": 60}
    assert {
        (call.model, call.stop_reason, call.cost_nanousd) for call in session.calls.values()
    } == {
        ("gpt-5.4", "completed", 250_000_000),
        ("gpt-5.4-mini", "compaction", None),
    }
    assert totals(session) == +second.count(kitchen.path).tokens


def test_ledger_that_begins_in_a_session_adds_nothing_twice(kitchen: Kitchen) -> None:
    """Totals from before the ledger stay at the first call, also when they are carried into it."""
    name = "20260101_1"
    kitchen.session(name, (900, 90, 990))
    kitchen.say(name, "user", 0, "Hello.")
    kitchen.say(name, "assistant", 2, "Hello.")
    kitchen.say(name, "user", 30, "More.")
    kitchen.say(name, "assistant", 33, "No more.")
    (before,) = kitchen.read().values()
    kitchen.session(name, (1400, 100, 1500, 300, 0), updated_at="2026-01-01 00:02:00")
    kitchen.say(name, "user", 60, "Again.")
    kitchen.say(name, "assistant", 62, "Again.")
    kitchen.bill(name, 62, (900, 90, 0, 0), cost_source="carried_forward")
    kitchen.bill(name, 62, (500, 10, 300, 0), cost_source="estimated")
    (after,) = kitchen.read().values()
    assert totals(before) == {"input": 900, "output": 90}
    assert totals(after) == {"input": 1100, "cache_read": 300, "output": 100}
    assert (len(before.calls), len(after.calls)) == (2, 3)
    assert merge_sessions(before, after) == merge_sessions(after, before) == after
    assert totals(after) == +second.count(kitchen.path).tokens


def test_totals_beyond_the_ledger_are_kept(kitchen: Kitchen) -> None:
    """What a row has and its ledger has not is told, also where no message is left."""
    kitchen.session("20260101_1", (1000, 100, 1100))
    kitchen.bill("20260101_1", 5, (400, 30, 0, 0))
    (session,) = kitchen.read().values()
    assert totals(session) == {"input": 1000, "output": 100}
    assert {call.stop_reason for call in session.calls.values()} == {RUN_TOTALS, "completed"}


def test_growing_sessions_are_counted_once(kitchen: Kitchen) -> None:
    """Totals of a longer snapshot replace those of a shorter one, in whatever order."""
    name = "20260101_1"
    snapshots = []
    for turn, spent in enumerate([(100, 10, 110), (300, 25, 325), (900, 70, 970)]):
        kitchen.session(name, spent, updated_at=f"2026-01-01 00:0{turn}:00")
        kitchen.say(name, "user", 60 * turn, f"{turn}?")
        kitchen.say(name, "assistant", 60 * turn + 3, f"{turn}.")
        snapshots += kitchen.read().values()
    first, middle, last = snapshots
    assert [totals(each)["input"] for each in snapshots] == [100, 300, 900]
    merged = merge_sessions(merge_sessions(last, first), middle)
    assert merged == last
    assert len(last.calls) == 3


def test_fork_counts_what_it_used_itself(kitchen: Kitchen) -> None:
    """A copied conversation adds no calls: copies have the keys of their originals."""
    own = "msg_{}_11111111-1111-4111-8111-111111111111"
    for name, spent in (("20260101_1", (500, 50, 550)), ("20260101_2", (70, 7, 77))):
        kitchen.session(name, spent)
        kitchen.say(name, "user", 0, "Hello.", message_id=own.format("20260101_1"))
        kitchen.say(name, "assistant", 2, "Hello.", message_id="a")
        kitchen.say(name, "assistant", 5, "Well?", message_id="b")
    kitchen.say("20260101_2", "user", 60, "And?", message_id=own.format("20260101_2"))
    kitchen.say("20260101_2", "assistant", 63, "Nothing.", message_id="c")
    original, fork = kitchen.read().values()
    assert totals(original, fork) == {"input": 570, "output": 57}
    told = tachlog.analyze([kitchen.path], jobs=1).totals
    assert (told.model_calls, told.tokens.total) == (2, 627)
    assert len(fork.prompts.keys() - original.prompts.keys()) == 1


@pytest.mark.parametrize("told_by", ["column", "answer"])
def test_sub_agents_belong_to_their_session(kitchen: Kitchen, told_by: str) -> None:
    """A delegated session names its parent, or the answer to its parent names it."""
    column = {"parent_session_id": "20260101_1"} if told_by == "column" else {}
    kitchen.session("20260101_1", (500, 50, 550))
    kitchen.session("20260101_2", (70, 7, 77), session_type="sub_agent", **column)
    kitchen.say("20260101_2", "user", 3, "Look.")
    meta = {"subagent_session_id": "20260101_2"}
    value = {"content": [], "isError": False, "_meta": meta}
    answer = {"type": "toolResponse", "id": "x" * 20, "toolResult": {"value": value}}
    content = [answer] if told_by == "answer" else ["Well."]
    kitchen.say("20260101_1", "user", 9, *content, timestamp="2026-01-01 00:00:30")
    found = kitchen.read()
    child = found["20260101_2-000000"]
    assert child.thread.parent == child.thread.root == "20260101_1-000000"
    assert [prompt.by_person for prompt in child.prompts.values()] == [False]
    assert found["20260101_1-000000"].thread.parent is None


def test_what_was_not_counted_is_estimated(kitchen: Kitchen) -> None:
    """A provider that reports no usage leaves the words, from which the output is estimated."""
    kitchen.session("20260101_1")
    kitchen.say("20260101_1", "user", 0, "Hello.")
    kitchen.say("20260101_1", "assistant", 2, "Good morning to you, what may it be?")
    (session,) = kitchen.read().values()
    (call,) = session.calls.values()
    usage, estimated = settled_usage(call)
    assert not call.final
    assert usage is not None
    assert usage.output == estimated > 0


def test_times_in_milliseconds_are_understood(kitchen: Kitchen) -> None:
    """Some versions stamp messages in milliseconds."""
    kitchen.session("20260101_1", (1, 1, 2))
    stamp = {"content_json": '[{"type": "text", "text": "Hi."}]'}
    kitchen.put(
        "messages",
        session_id="20260101_1",
        role="user",
        created_timestamp=BEGUN * 1000,
        **stamp,
    )
    (session,) = kitchen.read().values()
    assert [prompt.at_us for prompt in session.prompts.values()] == [BEGUN * 1_000_000]


def test_damaged_rows_do_not_hinder_others(kitchen: Kitchen) -> None:
    """Texts that are no JSON and counts that cannot be are left out or told, row by row."""
    kitchen.session("20260101_1", (10, 1, 11), model_config_json="{torn")
    torn = {"content_json": "{torn", "metadata_json": "{torn", "created_timestamp": BEGUN}
    kitchen.put("messages", session_id="20260101_1", role="assistant", **torn)
    kitchen.session("20260101_2", (-5, 1, 11))
    kitchen.session("20260101_3", (7, 1, 8))
    kitchen.bill("20260101_3", 1, (-7, 1, 0, 0))
    portion = read(Task(str(kitchen.path), None, 0)).portion
    assert portion is not None
    assert [problem.kind for problem in portion.problems] == ["unexpected_shape"]
    assert portion.unknown == {"ledger/unreadable": 1}
    assert totals(*portion.sessions) == {"input": 17, "output": 2}


def test_locked_database_is_told_and_left_alone(kitchen: Kitchen) -> None:
    """While another process holds the database, what to do is told, and nothing changes."""
    kitchen.session("20260101_1", (10, 1, 11))
    before = kitchen.path.read_bytes()
    with closing(sqlite3.connect(kitchen.path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN EXCLUSIVE")
        portion = read(Task(str(kitchen.path), None, 0)).portion
        assert portion is not None
        assert "try again when the agent is not writing it" in (portion.note or "")
        other.execute("ROLLBACK")
    assert kitchen.read().keys() == {"20260101_1-000000"}
    assert len(before) == kitchen.path.stat().st_size


def test_half_written_database_is_told(tmp_path: Path) -> None:
    """A database that was cut short is kept as a file with a note."""
    path = tmp_path / "sessions/sessions.db"
    path.parent.mkdir()
    path.write_bytes(RECORDED.read_bytes()[:30_000])
    portion = read(Task(str(path), None, 0)).portion
    assert portion is not None
    assert "cannot be read as a database" in (portion.note or "")


LARGE = (
    b'{"id": "x", "working_dir": "/", "session_type": "user", "extension_data": {' + b" " * 70_000
)


@pytest.mark.parametrize(
    ("name", "start", "claimed"),
    [
        ("sessions/sessions.db", b"SQLite format 3\0", True),
        ("other/backup.db", b"SQLite format 3\0 working_dir accumulated_total_tokens", True),
        ("other/sessions.db", b"SQLite format 3\0", False),
        ("a.json", LARGE[: 1 << 16], True),
        ("a.json", b'{"conversation": [', False),
        ("a.json", b'{"conversation": [], "accumulated_total_tokens": 1}', True),
        ("a.jsonl", b'{"description": "", "message_count": 0}\n{"role": "user"}', True),
        ("goose/sessions/a.jsonl", b'{"role": "user", "created": 1, "content": []}', True),
        ("other/sessions/a.jsonl", b'{"role": "user", "created": 1, "content": []}', False),
        ("a.txt", b'{"description": "", "message_count": 0}', False),
    ],
)
def test_what_is_claimed(name: str, start: bytes, claimed: bool) -> None:
    """Names and schemas tell the database, fields the rest."""
    assert (detect(name, start) is SOURCE) == claimed


@pytest.mark.parametrize(
    ("platform", "environ", "below"),
    [
        ("linux", {}, ".local/share/goose"),
        ("darwin", {}, ".local/share/goose"),
        ("linux", {"XDG_DATA_HOME": "~/data"}, "data/goose"),
        ("linux", {"GOOSE_PATH_ROOT": "~/bird"}, "bird/data"),
        ("darwin", {}, "Library/Application Support/Block/goose"),
        ("win32", {"APPDATA": "{home}/Roaming"}, "Roaming/Block/goose/data"),
    ],
)
def test_places(tmp_path: Path, platform: str, environ: dict[str, str], below: str) -> None:
    """The database and the lines are found where each system and each variable puts them."""
    sessions = tmp_path / below / "sessions"
    sessions.mkdir(parents=True)
    for name in ("sessions.db", "20250325_200615.jsonl"):
        (sessions / name).touch()
    told = {name: value.format(home=tmp_path) for name, value in environ.items()}
    (found,) = (each for each in discover(told, tmp_path, platform=platform) if each.files)
    assert (found.agent, found.directory, found.files) == ("goose", sessions, 2)
