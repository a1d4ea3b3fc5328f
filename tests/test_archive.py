"""The archive holds the same rows however its logs were read."""

from __future__ import annotations

import random
import shutil
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

import golden
from archives import (
    MEASURER,
    archive_of,
    as_session,
    assistant,
    at,
    contents,
    figures,
    jsonl,
    portion_of,
    read_in,
    tool_result,
    tool_use,
    user,
)
from conftest import Archives
from tachlog.analysis.selection import Selection
from tachlog.demo import write_demo
from tachlog.model import Thread
from tachlog.operations import Span
from tachlog.sessions import Session
from tachlog.stores import Store, StoreError, open_store


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Example logs of two formats with forks, sub-agents and damaged lines."""
    directory = tmp_path_factory.mktemp("logs")
    write_demo(directory)
    return sorted(p for p in directory.rglob("*") if p.is_file())


@pytest.fixture
def archive_url(archives: Archives) -> str:
    """Where an empty archive is."""
    return archives.url()


@pytest.fixture
def store(archives: Archives, archive_url: str) -> Store:
    """An empty archive."""
    return archives.open(archive_url)


def turn(session: str, number: int, *, minute: int) -> list[dict[str, object]]:
    """A prompt, a reply that asks for a tool, its result and a last reply."""
    n = f"{session}-{number}"
    return [
        user(session, f"p{n}", at(minute), f"Do step {number}, please"),
        assistant(
            session,
            f"a{n}",
            at(minute, 5),
            f"msg_{n}a",
            content=[tool_use(f"toolu_{n}", "Bash", command="npm test")],
            stop="tool_use",
        ),
        tool_result(session, f"r{n}", at(minute, 9), f"toolu_{n}", "ok"),
        assistant(session, f"b{n}", at(minute, 15), f"msg_{n}b"),
    ]


def test_any_order_of_files_gives_the_same_rows(logs: list[Path]) -> None:
    """Reading files in another order gives the same rows."""
    shuffled = list(logs)
    random.Random(5).shuffle(shuffled)
    assert archive_of(shuffled) == archive_of(logs)


def test_small_portions_give_the_same_rows(logs: list[Path]) -> None:
    """Reading files in many small portions gives the rows of reading each at once."""
    assert archive_of(logs, portion_bytes=1) == archive_of(logs)


def test_reading_again_changes_nothing(logs: list[Path], store: Store) -> None:
    """A second reading of unchanged files finds nothing new."""
    read_in(store, logs)
    before = contents(store)
    read_in(store, logs)
    assert contents(store) == before


def test_a_copy_under_another_name_adds_only_duplicates(
    logs: list[Path], store: Store, tmp_path: Path
) -> None:
    """A file copied under another name changes no figure; its records count as duplicates."""
    read_in(store, logs)
    before = contents(store)
    original = next(p for p in logs if p.suffix == ".jsonl")
    copy = shutil.copy(original, tmp_path / "copy.jsonl")
    report = next(f for f in store.files() if f.path == str(original))
    read_in(store, [Path(copy)])
    after = contents(store)
    was, now = before.pop("input")[0], after.pop("input")[0]
    assert after == before
    assert now.parsed == was.parsed
    assert now.duplicates == was.duplicates + report.parsed + report.duplicates
    assert now.records == was.records + report.records


def test_appended_lines_give_the_rows_of_reading_once(tmp_path: Path, archives: Archives) -> None:
    """A file read while it grows, cut anywhere, gives the rows of the whole file."""
    records = turn("s1", 1, minute=0) + turn("s1", 2, minute=5)
    whole = jsonl(tmp_path / "s1.jsonl", records).read_bytes()
    expected = archive_of([tmp_path / "s1.jsonl"])
    for cut in range(1, len(whole), 97):
        store = archives.new()
        path = tmp_path / "s1.jsonl"
        path.write_bytes(whole[:cut])
        read_in(store, [path])
        path.write_bytes(whole)
        read_in(store, [path])
        assert contents(store) == expected, f"cut at byte {cut}"


def test_a_prompt_said_again_is_told_when_it_was_first(tmp_path: Path) -> None:
    """A first prompt that comes again after others gives the same rows read whole or in parts."""
    said = ["Hi", "Go on", "Hi"]
    records = [user("a", f"u{n}", at(n), text) for n, text in enumerate(said)]
    whole = archive_of([jsonl(tmp_path / "whole.jsonl", records)])
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        files = [jsonl(tmp_path / f"{order}" / f"{n}.jsonl", [records[n]]) for n in order]
        assert archive_of(files)["marks"] == whole["marks"]


def test_a_longer_snapshot_after_a_shorter_one_adds_what_is_new(
    tmp_path: Path, archives: Archives
) -> None:
    """An earlier snapshot of a session and the whole of it count once, in either order."""
    records = turn("s1", 1, minute=0) + turn("s1", 2, minute=5)
    short = jsonl(tmp_path / "a" / "s1.jsonl", records[:5])
    long = jsonl(tmp_path / "b" / "s1.jsonl", records)
    assert archive_of([short, long]) == archive_of([long, short])
    store = archives.new()
    read_in(store, [short, long])
    assert figures(store) == {"s1": {"calls": 4, "tool_calls": 2, "prompts": 2, "tokens": 4640}}
    total = store.input(Selection())[0]
    assert (total.records, total.parsed, total.duplicates) == (13, 8, 5)


@pytest.mark.parametrize("fork_first", [False, True])
def test_copied_history_belongs_to_the_session_that_was_continued(
    tmp_path: Path, fork_first: bool, archives: Archives
) -> None:
    """A session resumed under a new id owns only what came after, whichever file is read first."""
    history = turn("old", 1, minute=0)
    original = jsonl(tmp_path / "old.jsonl", history)
    resumed = jsonl(tmp_path / "new.jsonl", as_session(history, "new") + turn("new", 2, minute=30))
    store = archives.new()
    read_in(store, [resumed, original] if fork_first else [original, resumed])
    assert figures(store) == {
        "old": {"calls": 2, "tool_calls": 1, "prompts": 1, "tokens": 2320},
        "new": {"calls": 2, "tool_calls": 1, "prompts": 1, "tokens": 2320},
    }


def test_the_session_that_the_log_names_as_origin_owns_the_history(
    tmp_path: Path, archives: Archives
) -> None:
    """A named origin owns copied history even when both sessions went on."""
    history = turn("zz", 1, minute=0)
    original = jsonl(tmp_path / "zz.jsonl", history + turn("zz", 3, minute=50))
    copied = [
        {**r, "forkedFrom": {"sessionId": "zz", "messageUuid": r["uuid"]}}
        for r in as_session(history, "aa")
    ]
    fork = jsonl(tmp_path / "aa.jsonl", copied + turn("aa", 2, minute=20))
    expected = {"aa": 2, "zz": 4}
    for order in ([original, fork], [fork, original]):
        store = archives.new()
        read_in(store, order)
        assert {name: f["calls"] for name, f in figures(store).items()} == expected


def test_a_fork_that_did_nothing_yet_keeps_a_row_of_zeros(
    tmp_path: Path, archives: Archives
) -> None:
    """A copy of a whole session without anything of its own is a session with no operations."""
    history = turn("a1", 1, minute=0)
    store = archives.new()
    read_in(
        store,
        [
            jsonl(tmp_path / "b2.jsonl", as_session(history, "b2")),
            jsonl(tmp_path / "a1.jsonl", history),
        ],
    )
    assert figures(store)["b2"] == {"calls": 0, "tool_calls": 0, "prompts": 0, "tokens": 0}
    assert figures(store)["a1"]["calls"] == 2


def test_ownership_moves_when_the_original_appears_and_totals_do_not(
    tmp_path: Path, archives: Archives
) -> None:
    """An original that is read years after its fork takes its history back; the sum stays."""
    history = turn("old", 1, minute=0)
    store = archives.new()
    resumed = as_session(history, "new") + turn("new", 2, minute=30)
    read_in(store, [jsonl(tmp_path / "new.jsonl", resumed)])
    assert figures(store)["new"]["calls"] == 4
    read_in(store, [jsonl(tmp_path / "old.jsonl", history)])
    assert {name: f["calls"] for name, f in figures(store).items()} == {"old": 2, "new": 2}


def test_a_sub_agents_copy_of_its_parents_history_adds_nothing(
    tmp_path: Path, archives: Archives
) -> None:
    """Lines that a compaction agent repeats count for the main conversation alone."""
    history = turn("s1", 1, minute=0)
    copied = [{**r, "isSidechain": True, "agentId": "acompact-1"} for r in history]
    main = jsonl(tmp_path / "s1.jsonl", history)
    agent = jsonl(
        tmp_path / "s1" / "subagents" / "agent-acompact-1.jsonl",
        [*copied, assistant("s1", "x1", at(40), "msg_own", isSidechain=True, agentId="acompact-1")],
    )
    for order in ([main, agent], [agent, main]):
        store = archives.new()
        read_in(store, order)
        assert {name: f["calls"] for name, f in figures(store).items()} == {
            "s1": 2,
            "s1/acompact-1": 1,
        }


def test_tellings_that_share_a_request_id_are_one_call(tmp_path: Path, archives: Archives) -> None:
    """A line without a message id is the call whose request id it carries, in any order."""
    first = assistant("s1", "u1", at(1), "msg_1", output=3, stop=None, requestId="req_1")
    second = assistant("s1", "u2", at(2), None, output=70, requestId="req_1")
    one = jsonl(tmp_path / "1.jsonl", [user("s1", "p1", at(0), "Go"), first])
    two = jsonl(tmp_path / "2.jsonl", [second])
    assert archive_of([one, two]) == archive_of([two, one])
    store = archives.new()
    read_in(store, [one, two])
    assert figures(store)["s1"] == {"calls": 1, "tool_calls": 0, "prompts": 1, "tokens": 1180}


def test_a_batch_that_comes_late_is_given_back(
    tmp_path: Path, store: Store, archive_url: str, archives: Archives
) -> None:
    """Of two processes that read the same portion, one keeps it and the other is told."""
    path = jsonl(tmp_path / "s1.jsonl", turn("s1", 1, minute=0))
    mine, theirs = portion_of(path, store), portion_of(path, store)
    other = archives.open(archive_url)
    assert other.write([theirs], MEASURER) == []
    assert store.write([mine], MEASURER) == [mine]
    assert figures(store)["s1"]["calls"] == 2


def test_a_rewritten_file_is_read_anew_and_never_reduces_history(
    tmp_path: Path, store: Store
) -> None:
    """A file that was cut down and grew differently keeps what it told before."""
    path = jsonl(tmp_path / "s1.jsonl", turn("s1", 1, minute=0) + turn("s1", 2, minute=5))
    read_in(store, [path])
    jsonl(path, turn("s1", 2, minute=5) + turn("s1", 3, minute=9))
    read_in(store, [path])
    assert figures(store)["s1"]["calls"] == 6
    total = store.input(Selection())[0]
    assert (total.records, total.parsed, total.duplicates) == (8, 8, 0)


def test_a_torn_last_line_is_a_problem_until_it_is_whole(tmp_path: Path, store: Store) -> None:
    """Half a line is counted and shown; once the rest is written it is a record like any other."""
    records = turn("s1", 1, minute=0)
    path = jsonl(tmp_path / "s1.jsonl", records)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    read_in(store, [path])
    torn = store.input(Selection())[0]
    assert (torn.records, torn.parsed, torn.problems) == (4, 3, 1)
    path.write_bytes(whole)
    read_in(store, [path])
    mended = store.input(Selection())[0]
    assert (mended.records, mended.parsed, mended.problems) == (4, 4, 0)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    """A corrupt archive is an error that names it and says how to go on."""
    path = tmp_path / "archive.db"
    path.write_bytes(b"this is no database, but long enough to look at" * 100)
    with pytest.raises(StoreError, match=r"archive\.db: not a readable.*move the file away"):
        open_store(str(path))


def test_a_telling_that_names_the_parent_makes_the_thread_a_sub_agent(
    tmp_path: Path, archives: Archives
) -> None:
    """Which file is read first does not decide whose sub-agent a thread is."""
    portions = []
    for parent in ("boss", None):
        thread = Thread("claude_code", "helper", parent or "helper", parent)
        store = archives.new()
        path = jsonl(tmp_path / f"{parent}.jsonl", turn("x", 1, minute=0))
        portion = portion_of(path, store)
        portion.sessions = [
            Session(
                thread,
                portion.sessions[0].calls,
                marks={"title.prompt": {"Do it": Span(1, 1)}},
            )
        ]
        portion.measured = []
        portions.append(portion)
    for order in (portions, portions[::-1]):
        store = archives.new()
        for portion in order:
            assert store.write([portion], MEASURER) == []
        (helper,) = store.sessions(Selection())
        assert (helper.session_id, helper.parent, helper.root, helper.calls) == (
            "helper",
            "boss",
            "boss",
            2,
        )
        together = archives.new()
        assert together.write(order, MEASURER) == []
        assert contents(together)["calls"] == contents(store)["calls"]


def test_a_session_whose_own_log_is_missing_has_a_row(tmp_path: Path, archives: Archives) -> None:
    """A session that only its sub-agent's file names is there, with nothing of its own."""
    lines = [
        user("s1", "p1", at(0), "Look around", isSidechain=True, agentId="a1"),
        assistant("s1", "a1", at(1), "msg_1", isSidechain=True, agentId="a1"),
    ]
    store = archives.new()
    read_in(store, [jsonl(tmp_path / "agent-a1.jsonl", lines)])
    assert {name: f["calls"] for name, f in figures(store).items()} == {"s1": 0, "s1/a1": 1}
    path = str(tmp_path / "agent-a1.jsonl")
    assert [store.files_of(name) for name in ("s1", "s1/a1")] == [[], [path]]
    selected = store.sessions(Selection(paths=(path,)))
    assert [m.session_id for m in selected] == ["s1/a1", "s1"]


def test_a_new_archive_has_the_user_local(
    store: Store, archive_url: str, archives: Archives
) -> None:
    """Whoever works on an archive without signing in is the user `local`, made once."""
    again = archives.open(archive_url)
    for one in (store, again):
        assert one.database.rows("SELECT name FROM users") == [("local",)]  # type: ignore[attr-defined]


def test_the_users_tables_have_the_users_columns_and_indexes(store: Store) -> None:
    """`agent_telemetry_summaries` and `telemetry_alerts` are there by the user's names."""
    database = store.database  # type: ignore[attr-defined]
    assert database.columns("agent_telemetry_summaries")[:18] == [
        "id",
        "session_id",
        "provider",
        "model",
        "start_time",
        "end_time",
        "duration",
        "message_count",
        "tool_call_count",
        "total_tokens",
        "success_rate",
        "complexity",
        "avg_response_time",
        "p95_response_time",
        "tool_usage",
        "error_breakdown",
        "patterns",
        "created_at",
    ]
    assert database.columns("telemetry_alerts")[:9] == [
        "id",
        "type",
        "severity",
        "message",
        "context",
        "triggered_at",
        "acknowledged",
        "acknowledged_by",
        "acknowledged_at",
    ]


def test_the_users_row_is_in_the_users_units(tmp_path: Path, store: Store) -> None:
    """A row has seconds, milliseconds, shares and JSON, as the user's schema names them."""
    read_in(store, [jsonl(tmp_path / "s1.jsonl", turn("s1", 1, minute=0))])
    (row,) = contents(store)["agent_telemetry_summaries"]
    usage, patterns = row.pop("tool_usage"), row.pop("patterns")
    assert (usage["Bash"]["count"], patterns["behaviors"]) == (1, {})
    assert {name: row[name] for name in list(row)[1:15]} == {
        "session_id": "s1",
        "provider": "anthropic",
        "model": "claude-opus-4-5-20251101",
        "start_time": datetime(2026, 11, 18, 9, 0, 0),  # noqa: DTZ001 - as the user's column has it
        "end_time": datetime(2026, 11, 18, 9, 0, 15),  # noqa: DTZ001
        "duration": 15,
        "message_count": 3,
        "tool_call_count": 1,
        "total_tokens": 2320,
        "success_rate": 1.0,
        "complexity": "very_low",
        "avg_response_time": 5500.0,
        "p95_response_time": 6000.0,
        "error_breakdown": {},
    }


@pytest.mark.parametrize("case", ["fork_before_turns", "fork_with_turns"])
def test_a_call_ended_when_its_original_says_whatever_copies_are_stamped(
    case: str, tmp_path: Path
) -> None:
    """Forks of Codex, and forks of those, stamp anew what they copy; the originals' times stay."""
    folder = golden.CORPUS / "codex" / case
    original, fork = folder / "original.jsonl", folder / "fork.jsonl"
    again = jsonl(tmp_path / "again.jsonl", _forked_anew(fork))
    alone, both = (_call_times([*paths]) for paths in ((original,), (original, fork)))
    assert alone
    assert alone.items() <= both.items()
    assert len(both) > len(alone)
    for order in permutations((original, fork, again)):
        assert _call_times([*order]) == both


def _call_times(paths: list[Path]) -> dict[int, Any]:
    """By key of a call: whose it is, when it began and ended, how long it was waited for."""
    told = ("session_id", "first_us", "at_us", "response_us", "output")
    return {row["key"]: [row[name] for name in told] for row in archive_of(paths)["calls"]}


def _forked_anew(fork: Path) -> list[dict[str, Any]]:
    """A fork of a fork that did nothing of its own: a header, and all lines stamped an hour on."""
    records = [msgspec.json.decode(line) for line in fork.read_bytes().splitlines()]
    head = records[0]["payload"]
    own = {**head, "id": "0c0de0ff-0000-4000-8000-0000000000ff", "forked_from_id": head["id"]}
    moment = {"timestamp": "2026-03-02T23:00:00.000Z"}
    return [{**records[0], **moment, "payload": own}, *({**r, **moment} for r in records)]
