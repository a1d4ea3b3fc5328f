"""Answers that the archive keeps: what is told of kept figures is what they say."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import golden
from archives import assistant, at, jsonl, read_in, tool_result, tool_use, user
from conftest import Archives
from summary_by_hand import at as at_time
from summary_by_hand import thread
from tachlog.analysis import summary
from tachlog.analysis.advice.material import Latest
from tachlog.analysis.overview import Overview, overview
from tachlog.analysis.selection import Selection
from tachlog.analysis.tally import trees_of
from tachlog.stores import Store, open_store
from test_effort import calls_of
from test_retention import prune

NOW = 1_795_300_000_000_000
ALL = Selection()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An archive in a file."""
    opened = open_store(str(tmp_path / "kept.db"))
    yield opened
    opened.close()


def log_of(directory: Path, session: str, rounds: int) -> Path:
    """Write a session of so many calls of a tool that fails now and then."""
    records = [user(session, f"{session}-u", at(0), "Go on")]
    for number in range(rounds):
        use = tool_use(f"{session}-t{number}", "Bash", command="make")
        ids = f"{session}-a{number}", at(1, number), f"{session}-m{number}"
        records.append(assistant(session, *ids, content=[use]))
        ids = f"{session}-r{number}", at(2, number), f"{session}-t{number}"
        records.append(tool_result(session, *ids, "no rule", error=number % 2 == 1))
    return jsonl(directory / f"{session}.jsonl", records)


def told(store: Store, selection: Selection = ALL, *, views: bool = False) -> Overview:
    """Return what is told of the archive; with views it is never what was kept."""
    return overview(store, selection, time_zone="UTC", prices="list", now_us=NOW, views=views)


def is_right(store: Store, selection: Selection = ALL) -> bool:
    """Whether what is told, first made and then kept, is what all figures come to."""
    whole = told(store, selection, views=True)
    bare = msgspec.structs.replace(whole, result=msgspec.structs.replace(whole.result, sessions=[]))
    return told(store, selection) == bare and told(store, selection) == bare


def test_whatever_changes_is_told(store: Store, tmp_path: Path) -> None:
    """Sessions that begin, grow, and lose operations change what is told of any selection."""
    logs = [log_of(tmp_path, "first", 4), log_of(tmp_path, "second", 3)]
    selections = [ALL, Selection(agent="claude_code"), Selection(paths=(str(logs[0]),))]
    selections += [Selection(since_us=0), Selection(agent="codex")]
    selections += [Selection(paths=tuple(map(str, logs)))]
    steps = [
        lambda: read_in(store, logs[:1]),
        lambda: read_in(store, logs),
        lambda: read_in(store, [log_of(tmp_path, "first", 9)]),
        lambda: prune(store),
    ]
    calls = []
    for step in steps:
        step()
        assert all(is_right(store, selection) for selection in selections)
        calls.append(told(store).result.totals.tool_call_count)
    assert calls == [4, 7, 12, 12]


def test_what_others_write_is_told(store: Store, tmp_path: Path) -> None:
    """What one process keeps is not told once another has changed the figures."""
    read_in(store, [log_of(tmp_path, "first", 2)])
    assert told(store).result.totals.sessions == 1
    other = open_store(store.url)
    read_in(other, [log_of(tmp_path, "second", 2)])
    assert told(other).named == told(store).named
    assert told(store).result.totals.sessions == 2
    other.close()


def test_telling_again_takes_next_to_no_work(store: Store, tmp_path: Path) -> None:
    """Of the sessions in an answer that is kept nothing is read again."""
    read_in(store, [log_of(tmp_path, f"a{number}", 1) for number in range(3)])
    told(store)
    few = calls_of(lambda: told(store))
    read_in(store, [log_of(tmp_path, f"b{number}", 1) for number in range(60)])
    told(store)
    assert calls_of(lambda: told(store)) < few + 20


def test_paths_of_all_logs_are_needless(store: Store, tmp_path: Path) -> None:
    """Paths stay in a selection as long as a log is not among them; the answer names them."""
    logs = [log_of(tmp_path, name, 2) for name in ("first", "second")]
    read_in(store, logs)
    both = Selection(agent="claude_code", paths=tuple(map(str, logs)))
    one = Selection(paths=(str(logs[1]),))
    assert store.without_needless_paths(both) == Selection(agent="claude_code")
    assert store.without_needless_paths(one) == one
    assert store.without_needless_paths(ALL) == ALL
    assert told(store, both).result.selection.paths == list(map(str, logs))


def test_an_answer_is_the_same_however_few_sessions_are_held_at_a_time(
    archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures, names and advice of sessions with sub-agents and forks, on both databases."""
    store = archives.new()
    for source in ("claude_code", "codex"):
        read_in(store, sorted((golden.CORPUS / source).rglob("*.jsonl")))
    whole = told(store, views=True)
    assert whole.result.totals.threads > whole.result.totals.sessions > 40
    for most in (1, 7):
        monkeypatch.setattr(summary, "MOST_THREADS", most)
        assert told(store, views=True) == whole


def test_advice_is_made_of_the_latest_sessions() -> None:
    """As many as have so many operations, the oldest of them whole; all without a limit."""
    trees = trees_of(
        thread(f"s{n}", f"2026-11-18T09:0{n}", tool_calls=n, calls=0) for n in (3, 1, 4, 2)
    )
    few, every = Latest(most=6), Latest(most=None)
    for each in (few, every):
        each.add(trees[:2])
        each.add(trees[2:])
    assert [tree.head.session_id for tree in few.trees] == ["s3", "s4"]
    assert (few.since_us, every.since_us) == (at_time("2026-11-18T09:03"), None)
    assert len(every.trees) == 4
