"""Operations are deleted when they are old, and no figure of the archive shows it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archives import (
    MEASURER,
    assistant,
    at,
    jsonl,
    read_in,
    tool_result,
    tool_use,
    user,
)
from conftest import Archives
from screens import Desk
from tachlog import retention
from tachlog.analysis.derivation import adds_up, derive
from tachlog.analysis.measurer import Measurer
from tachlog.analysis.selection import BYS, Selection
from tachlog.analysis.summary import summarize, totals_of
from tachlog.config import Config
from tachlog.config.keys import Storage
from tachlog.metrics import Measured
from tachlog.metrics.remainder import Remainder
from tachlog.sessions import Session
from tachlog.stores import Cut, Store, open_store
from tachlog.stores.archive import SqlArchive
from tachlog.stores.following import Mirrored, MirrorState

CASES = Path(__file__).parent / "corpus"
LATER_US = 4_000_000_000_000_000
NOON_US = 1_793_188_800_000_000
DAY_US = 86_400_000_000

SOURCES = ("claude_code", "codex", "opencode")
FEW = (
    "claude_code/recorded_2.1.330",
    "claude_code/fork",
    "codex/recorded_0.169.0",
    "codex/fork_with_turns",
    "opencode/fork",
)
"""Cases for a server, to which each file is a journey."""

WHOSE = (
    "claude_code/recorded_2.1.330",
    "droid/recorded_0.215.0",
    "gemini_cli/recorded_0.61.0",
    "kimi_code/fork",
    "otlp/agent_before_calls",
    "otlp/agent_totals",
    "qwen_code/fork",
    "qwen_code/recorded_0.24.4",
)
"""Cases with forks, rewound talks and sums of runs: who owns what was deleted is not decided again.

Times and averages of their sessions may differ (docs/retention.md), what counts does not.
"""
COUNTS = (
    ".total_tokens",
    ".tokens",
    ".cost_usd",
    ".model_calls",
    ".tool_call_count",
    ".prompts",
    ".failures",
    ".operations",
)


def prune(store: Store, cut_us: int = LATER_US, measure: Measurer = MEASURER) -> int:
    """Delete what happened before a moment."""
    cut = Cut(cut_us, "UTC", "storage.retention_days", cut_us)
    return store.past.prune(measure, cut, store.past.old(cut_us).threads)


def totals(store: Store) -> dict[str, Any]:
    """The totals of all sessions."""
    found: dict[str, Any] = msgspec.to_builtins(totals_of(summarize(store, Selection())))
    return found


def sessions(store: Store) -> dict[str, dict[str, Any]]:
    """Every figure of every session."""
    return {
        f"{m.agent} {m.session_id}": msgspec.to_builtins(m, str_keys=True)
        for m in store.sessions(Selection())
    }


def days(store: Store) -> dict[tuple[int, str | None], list[int]]:
    """What happened each day (UTC), by model."""
    found: dict[tuple[int, str | None], Counter[int]] = {}
    for quarter in store.quarters(Selection()):
        _, _, *sums = msgspec.structs.astuple(quarter)
        day = found.setdefault((quarter.quarter // 96, quarter.model), Counter())
        day.update(dict(enumerate(sums)))
    return {name: [day[place] for place in range(len(day))] for name, day in found.items()}


def spent(store: Store, by: Any) -> Any:
    """What was spent by group and model; days count from their beginning.

    A day has one provider for a model: the first one's.
    """
    found: dict[Any, list[Any]] = {}
    for each in store.spending(Selection(), by):
        group = each.group // 96 if isinstance(each.group, int) else each.group
        use = each.use
        sums = found.setdefault((group, each.within, each.model), [0] * 5)
        more = (use.calls, use.total, use.estimated, use.cost_nanousd or 0, use.unpriced_calls)
        sums[:] = [a + b for a, b in zip(sums, more, strict=True)]
    return found


def files_of(directory: Path, sources: Sequence[str] = ("",)) -> list[Path]:
    """The files of the cases of these sources, in order."""
    return sorted(
        path
        for source in sources
        for path in (directory / source).rglob("*")
        if path.is_file() and path.name != "expected.json"
    )


def test_what_is_told_again_adds_nothing(archives: Archives, tmp_path: Path) -> None:
    """Deleting moves no figure of any session, and copies of their logs are known."""
    store = archives.new()
    cases = FEW if store.url.startswith("postgresql") else SOURCES
    read_in(store, files_of(CASES, cases))
    before = sessions(store), days(store), totals(store)
    asked = [by for by in BYS if by not in ("branch", "pr", "tool")]
    was = {by: spent(store, by) for by in asked}
    assert prune(store) > (80 if cases is FEW else 400)
    assert (sessions(store), days(store), totals(store)) == before
    assert {by: spent(store, by) for by in asked} == was
    assert all(sum(u[0] for u in spent(store, by).values()) for by in ("branch", "pr", "tool"))
    shutil.copytree(CASES, tmp_path / "copies")
    read_in(store, files_of(tmp_path / "copies", cases))
    assert (sessions(store), days(store), totals(store)) == before
    assert prune(store) == 0


def continued() -> Iterator[list[Path]]:
    """The files of cases whose logs grow by lines: one of each source at a time, unrelated.

    Recorded telemetry tells the sessions of other recorded cases: it comes last, alone.
    """
    cases = sorted({path.parent for path in files_of(CASES) if path.suffix == ".jsonl"})
    names = [str(case.relative_to(CASES)) for case in cases]
    names = [name for name in names if not name.startswith(tuple(WHOSE))]
    telemetry = [name for name in names if name.startswith("otlp/recorded_")]
    names = [name for name in names if name not in telemetry]
    of_sources = [list(its) for _, its in groupby(names, lambda name: name.partition("/")[0])]
    of_sources[0] += [""] * (max(map(len, of_sources)) - len(of_sources[0])) + telemetry
    for together in zip_longest(*of_sources):
        yield [
            path
            for name in together
            if name
            for path in sorted((CASES / name).iterdir())
            if path.is_file()
        ]


def test_every_case_goes_on_where_it_was_deleted(tmp_path: Path) -> None:
    """The second half of a log, read when the first was deleted, gives what both would give."""
    differ = {}
    some = [(files_of(CASES / name), COUNTS) for name in WHOSE]
    for paths, figures in [*((paths, (".",)) for paths in continued()), *some]:
        halves = {path: tmp_path / path.relative_to(CASES) for path in paths}
        for path, place in halves.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_bytes().splitlines(keepends=True)
            half = lines[: len(lines) // 2] if path.suffix == ".jsonl" else lines
            place.write_bytes(b"".join(half))
        with closing(open_store("private:")) as whole, closing(open_store("private:")) as cut:
            read_in(cut, list(halves.values()))
            prune(cut)
            for path, place in halves.items():
                place.write_bytes(path.read_bytes())
            read_in(whole, list(halves.values()))
            read_in(cut, list(halves.values()))
            faults = within_a_percent(totals(cut), totals(whole))
            prune(cut)
            faults += within_a_percent(totals(cut), totals(whole))
            if of := [fault for fault in faults if fault.startswith(figures)]:
                differ[" ".join(map(str, paths))] = of
    assert differ == {}


def within_a_percent(found: Any, wanted: Any, name: str = "") -> list[str]:
    """Where figures differ: percentiles by more than a sketch is off, others at all."""
    if isinstance(wanted, dict):
        return [
            each
            for key in wanted | found
            for each in within_a_percent(found.get(key), wanted.get(key), f"{name}.{key}")
        ]
    is_quantile = name.endswith(("p95_response_time", "p95_time", "p50_time"))
    if found == wanted or (is_quantile and found == pytest.approx(wanted, rel=0.021)):
        return []
    return [f"{name}: {found} and not {wanted}"]


def step(session: str, minute: int, tool: str, *, failed: bool) -> list[dict[str, Any]]:
    """A prompt, a reply that asks for a tool, its result, a reply."""
    name, call = f"{session}{minute}", f"t{session}{minute}"
    return [
        user(session, f"u{name}", at(minute), "Go on"),
        assistant(
            session,
            f"a{name}",
            at(minute, 5),
            f"m{name}",
            stop="tool_use",
            content=[tool_use(call, tool, command=tool)],
        ),
        tool_result(session, f"r{name}", at(minute, 9), call, "x", error=failed),
        assistant(session, f"b{name}", at(minute, 12), f"n{name}", output=minute),
    ]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[int], list[int]]:
    """A session's records, where its portions end, and the minute before which is deleted after."""
    minutes = draw(st.lists(st.integers(0, 58), min_size=2, max_size=8, unique=True))
    records = [
        record
        for minute in sorted(minutes)
        for record in step(
            "s", minute, draw(st.sampled_from(["Bash", "Read"])), failed=draw(st.booleans())
        )
    ]
    ends = sorted(draw(st.sets(st.integers(1, len(records) - 1), min_size=1, max_size=3)))
    return records, ends, [draw(st.integers(0, 60)) for _ in ends]


@settings(max_examples=12)
@given(histories())
def test_any_portions_and_horizons_give_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    history: tuple[list[dict[str, Any]], list[int], list[int]],
) -> None:
    """Wherever a log is cut and whatever is deleted between, the figures are those of all of it."""
    records, ends, minutes = history
    log = tmp_path_factory.mktemp("history") / "s.jsonl"
    with closing(open_store("private:")) as whole, closing(open_store("private:")) as cut:
        for end, minute in zip(ends, minutes, strict=True):
            read_in(cut, [jsonl(log, records[:end])])
            prune(cut, 1_795_251_600_000_000 - 7_200_000_000 + minute * 60_000_000)
        read_in(cut, [jsonl(log, records)])
        read_in(whole, [log])
        assert within_a_percent(totals(cut), totals(whole)) == []
        assert days(cut) == days(whole)


class Killed(Measurer):
    """Measures a few sessions, and is killed."""

    left = 3

    def learning(self, learned: Any) -> Killed:
        """Stay what it is."""
        return self

    def session(self, session: Session, before: Remainder | None = None) -> Measured:
        """Measure, or be killed."""
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return super().session(session, before)


def test_who_is_killed_leaves_a_whole_archive(archives: Archives, tmp_path: Path) -> None:
    """A job that ends in the middle has deleted nothing of its part; the next one does."""
    store = archives.new()
    logs = [jsonl(tmp_path / f"{n}.jsonl", step(n, 1, "Bash", failed=False)) for n in "abcde"]
    read_in(store, logs)
    before = sessions(store)
    with pytest.raises(KeyboardInterrupt):
        prune(store, measure=Killed(MEASURER.price, MEASURER.project))
    assert sum(store.past.old(LATER_US).operations.values()) == 20
    assert prune(store) == 20
    assert sessions(store) == before


def config(**storage: Any) -> Config:
    """A configuration that says how long operations stay."""
    return Config(storage=Storage(**storage))


def test_the_file_shrinks_and_the_newest_stay(tmp_path: Path) -> None:
    """Days go from the oldest on until the archive is small enough; today stays in any case."""
    log = [
        {**record, "timestamp": f"2026-{month:02}-{day:02}{record['timestamp'][10:]}"}
        for month in range(1, 11)
        for day in range(1, 29, 2)
        for minute in (1, 30)
        for record in step(f"{month}-{day}-", minute, "Bash", failed=True)
    ]
    log = [{**record, "sessionId": "s"} for record in log]
    with closing(open_store(str(tmp_path / "archive.db"))) as store:
        read_in(store, [jsonl(tmp_path / "s.jsonl", log)])
        store.past.compact()
        before, whole = sessions(store), store.size()
        plan = retention.planned(
            store, config(retention_days=4000, max_size=whole - 75_000), NOON_US
        )
        assert (plan.cut.rule, plan.bytes) == ("storage.max_size", whole)
        assert 0 < plan.operations < 1000
        done = retention.prune(store, plan, MEASURER)
        assert done.operations == plan.operations
        assert done.bytes == store.size() < whole
        assert sessions(store) == before
        plan = retention.planned(store, config(retention_days=4000, max_size=1), NOON_US)
        assert plan.cut.cut_us == NOON_US // DAY_US * DAY_US
        plan = retention.planned(store, config(retention_days=4000), NOON_US)
        assert (plan.cut.rule, plan.operations) == ("storage.retention_days", 0)
        assert retention.prune(store, plan, MEASURER).operations == 0


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with the example logs read in."""
    found = Desk(tmp_path)
    found.write()
    assert found.run("analyze").code == 0
    return found


def test_nothing_is_deleted_before_it_is_asked_for(desk: Desk) -> None:
    """Without a key that says how long, the job says what it would delete and which key to set."""
    later = datetime(2027, 6, 1, tzinfo=UTC)
    tried = desk.run("db", "prune", "--dry-run", now=later)
    assert tried.code == 0
    assert "would delete from before Wed 3 Mar 2027 (storage.retention_days)" in tried.out
    refused = desk.run("db", "prune", now=later)
    assert (refused.code, "nothing was deleted" in refused.err) == (1, True)
    assert "set storage.retention_days (days, as 90) or storage.max_size" in refused.err
    told = json.loads(desk.run("db", "prune", "--json", now=later).out)
    assert (told["deleted"], told["bytes_after"]) == (0, None)
    assert told["operations"]["calls"] > 0
    sessions = desk.run("sessions", now=later).out
    days = {"TACHLOG_STORAGE__RETENTION_DAYS": "90"}
    done = desk.run("db", "prune", now=later, **days)
    assert (done.code, done.err) == (0, "")
    assert "from before Wed 3 Mar 2027 (storage.retention_days); the archive takes" in done.out
    assert desk.run("sessions", now=later).out == sessions
    assert "nothing is from before" in desk.run("db", "prune", now=later, **days).out
    assert desk.run("db", "prune", now=later).code == 0


def test_sessions_beyond_their_history_go_whole(archives: Archives, tmp_path: Path) -> None:
    """Their rows and days go, nothing else moves; their logs add nothing, who goes on begins anew.

    Sub-agents go with their session. A mirror is told.
    """
    store = archives.new()
    read_in(store, files_of(CASES, FEW))
    old = [jsonl(tmp_path / f"{n}.jsonl", step(n, 1, "Bash", failed=True)) for n in "ab"]
    for log in old:
        log.write_text(log.read_text().replace("2026-11-", "2020-03-"))
    agent = [dict(r, isSidechain=True, agentId="x1") for r in step("a", 3, "Read", failed=False)]
    side = jsonl(tmp_path / "a" / "subagents" / "agent-x1.jsonl", agent)
    side.write_text(side.read_text().replace("2026-11-", "2020-03-"))
    known = sessions(store), days(store), totals(store)
    read_in(store, [*old, side])
    mirrored = [(change, Mirrored(1, 1)) for change in store.changes(MirrorState("m"))]
    store.keep_mirror(MirrorState("m"), mirrored)
    plan = retention.planned(store, config(retention_days=1500, history_days=1500), NOON_US)
    assert (len(plan.ended), plan.operations) == (3, 12)
    done = retention.prune(store, plan, MEASURER)
    assert (done.operations, done.sessions) == (12, 2)
    assert (sessions(store), days(store), totals(store)) == known
    assert store.past.rebuild(MEASURER, writes=False) == ([], 0)
    gone = [change for change in store.changes(MirrorState("m")) if change.metrics is None]
    assert len(gone) == 3
    shutil.copytree(tmp_path, tmp_path / "copies")
    read_in(store, sorted((tmp_path / "copies").rglob("*.jsonl")))
    assert (sessions(store), days(store), totals(store)) == known
    assert retention.planned(store, config(history_days=1500), NOON_US).ended == []
    new = step("a", 50, "Read", failed=False)
    read_in(store, [jsonl(old[0], [*map(json.loads, old[0].read_text().splitlines()), *new])])
    (resumed,) = (m for m in store.sessions(Selection()) if m.session_id == "a")
    assert (resumed.calls, resumed.tool_calls, resumed.failures) == (2, 1, 0)
    assert totals(store)["model_calls"] == known[2]["model_calls"] + 2
    assert store.past.rebuild(MEASURER, writes=False) == ([], 0)


def test_the_command_says_which_sessions_go(desk: Desk) -> None:
    """Alone or with operations; what was exported of them stays."""
    later = datetime(2027, 6, 1, tzinfo=UTC)
    place = desk.home / "out"
    exported = ("export", str(place), "--format", "csv")
    assert desk.run(*exported, now=later).code == 0
    count = len(json.loads(desk.run("sessions", "--json", now=later).out))
    days = {"TACHLOG_STORAGE__HISTORY_DAYS": "100"}
    ended = "ended before Sun 21 Feb 2027 (storage.history_days)"
    tried = desk.run("db", "prune", "--dry-run", now=later, **days)
    assert tried.code == 0
    assert count == 2
    assert "would delete the rows and days of 3 sessions and sub-agents" in tried.out
    assert ended in tried.out
    kept = {"TACHLOG_STORAGE__HISTORY_DAYS": "36000"}
    assert (
        "would delete the rows" not in desk.run("db", "prune", "--dry-run", now=later, **kept).out
    )
    done = desk.run("db", "prune", now=later, **days).out
    assert "sessions that had ended before Sun 21 Feb 2027, with all figures" in done
    assert json.loads(desk.run("sessions", "--json", now=later).out) == []
    told = json.loads(desk.run(*exported, "--json", now=later).out)
    assert told["removed"] == []
    assert "no session ended before" in desk.run("db", "prune", now=later, **days).out


def test_an_old_session_says_what_was_deleted(desk: Desk) -> None:
    """Its figures stay; of its operations is told when they went, and why."""
    later = datetime(2027, 6, 1, tzinfo=UTC)
    head = desk.run("show", "a1b2", now=later).out.splitlines()[:5]
    assert desk.run("db", "prune", now=later, TACHLOG_STORAGE__RETENTION_DAYS="30").code == 0
    shown = desk.run("show", "a1b2", now=later)
    assert shown.code == 0
    assert shown.out.splitlines()[:5] == head
    told = "from before 2 May 2027 were deleted on 1 Jun 2027 (storage.retention_days)"
    assert told in shown.out
    explained = desk.run("explain", "a1b2", now=later).out
    assert told in explained
    assert "deleted operations: " in explained


def test_the_figures_of_a_half_deleted_session_add_up(desk: Desk) -> None:
    """What deleted operations come to is a step of its own; trends say from when hours are kept."""
    archive = str(desk.home / ".local/share/tachlog/tachlog.db")
    with closing(open_store(archive)) as store:
        main = next(m for m in store.sessions(Selection()) if m.session_id.startswith("a1b2"))
        prune(store, (main.start_us or 0) + main.duration_us // 2)
        found = store.session(main.session_id)
        assert found is not None
        metrics, session = found
        assert 0 < len(session.calls) < metrics.calls
        figures = derive(metrics, session, store.files(), is_pruned=True)
        assert [figure.name for figure in figures if not adds_up(figure.steps)] == []
        told = [step.what for figure in figures for step in figure.steps]
        assert sum("deleted" in what for what in told) >= 2
        assert not any(step.value < 0 for figure in figures for step in figure.steps)
    shown = desk.run("trends").out
    assert shown.count("hours are kept from 18 Nov on (db prune)") == 2
    assert shown.count("too few hours kept") == 2


def test_an_export_keeps_what_was_deleted(desk: Desk) -> None:
    """Days that were exported stay when their operations go, and it says so; new ones follow."""
    later = datetime(2027, 6, 1, tzinfo=UTC)
    place = desk.home / "out"
    assert desk.run("export", str(place), "--format", "csv", now=later).code == 0
    calls = {path: path.read_bytes() for path in place.rglob("calls.csv")}
    assert sum(len(content.splitlines()) - 1 for content in calls.values()) > 5
    assert desk.run("db", "prune", now=later, TACHLOG_STORAGE__RETENTION_DAYS="30").code == 0
    again = desk.run("export", str(place), "--format", "csv", now=later)
    assert "operations from before 2027-05-02 were deleted" in again.out
    assert {path: path.read_bytes() for path in calls} == calls
    told = json.loads(desk.run("export", str(place), "--format", "csv", "--json", now=later).out)
    assert (told["removed"], told["pruned_before"]) == ([], "2027-05-02T00:00:00.000Z")


def test_a_mirror_is_told_what_it_will_never_have(archives: Archives, tmp_path: Path) -> None:
    """Operations deleted before a mirror had them are counted; those that it has are not."""
    store = archives.new()
    read_in(store, [jsonl(tmp_path / "s.jsonl", step("s", 1, "Bash", failed=True))])
    (change,) = store.changes(MirrorState("old"))
    assert (len(change.calls), len(change.tools), change.deleted) == (2, 1, 0)
    store.keep_mirror(MirrorState("old", change.changed, change.thread), [(change, Mirrored(1, 1))])
    prune(store)
    (change,) = store.changes(MirrorState("new"))
    assert (len(change.calls), len(change.tools), change.deleted) == (0, 0, 3)
    assert [each.deleted for each in store.changes(MirrorState("old"))] == [0]


def test_what_was_deleted_is_not_read_again_by_a_newer_revision(tmp_path: Path) -> None:
    """Files of sessions whose operations went stay as they were read; others are read again."""
    old, new = (
        jsonl(tmp_path / f"{name}.jsonl", step(name, minute, "Bash", failed=False))
        for name, minute in (("a", 1), ("b", 40))
    )
    with closing(open_store("private:")) as store:
        read_in(store, [old, new])
        first_us = min(m.start_us or 0 for m in store.sessions(Selection()))
        assert prune(store, first_us + 600_000_000) == 4
        renewals, staying, kept = store.renewals({str(old), str(new)}, set())
        assert [one.outdated for one in renewals] == [frozenset({str(new)})]
        assert (staying, kept) == ([], [str(old)])
        assert store.renewals({str(old)}, {str(old)})[1:] == ([], [])


def test_what_was_learned_from_stays(tmp_path: Path) -> None:
    """Corrections of estimates are the same when the calls that led to them are deleted."""
    long = [{"type": "text", "text": "A sentence of some length about nothing. " * 5}]
    log = [
        assistant("s", f"a{n}", at(n % 60, n // 60), f"m{n}", output=120, content=long)
        for n in range(80)
    ]
    guess = assistant("s", "g", at(59, 59), "g", output=1, stop=None, content=long)
    path = jsonl(tmp_path / "s.jsonl", [*log, guess])
    with closing(open_store("private:")) as store:
        read_in(store, [path])
        learned = store.learn(MEASURER)
        assert learned.steps["claude_code"]
        was = totals(store)
        prune(store)
        assert store.learn(MEASURER) == learned
        read_in(store, [jsonl(path, [*log, guess, *step("s", 58, "Read", failed=False)])])
        assert store.learn(MEASURER, learns=False).steps == {}
        assert store.learn(MEASURER).steps == learned.steps
        assert totals(store)["model_calls"] == was["model_calls"] + 2


def test_everything_derived_can_be_recomputed(archives: Archives, tmp_path: Path) -> None:
    """A rebuild finds nothing to do, also after a deletion; a figure that is wrong is put right."""
    store = archives.new()
    read_in(store, files_of(CASES, FEW))
    assert store.past.rebuild(MEASURER, writes=False) == ([], 0)
    prune(store)
    assert store.past.rebuild(MEASURER, writes=False) == ([], 0)
    was = sessions(store), days(store)
    assert isinstance(store, SqlArchive)
    with store.database.transaction():
        ((thread, session_id),) = store.database.rows(
            "SELECT q.thread, t.session_id FROM model_quarters q JOIN threads t ON t.id = q.thread"
            " WHERE q.calls = 2 ORDER BY q.thread LIMIT 1"
        )
        store.database.run("UPDATE model_quarters SET calls = 7 WHERE thread = ?", (thread,))
    assert store.past.rebuild(MEASURER, writes=False) == ([session_id], 1)
    assert store.past.rebuild(MEASURER, writes=True)[0] == [session_id]
    assert store.past.rebuild(MEASURER, writes=False) == ([], 0)
    assert (sessions(store), days(store)) == was
    with store.database.transaction():
        store.database.run("UPDATE model_totals SET output = output + 1")
        store.database.run("DELETE FROM tool_totals")
    ((wrong,),) = store.database.rows(
        "SELECT (SELECT count(*) FROM model_totals) + (SELECT count(*) FROM"
        " (SELECT DISTINCT q.quarter, t.agent, q.name FROM tool_quarters q"
        " JOIN threads t ON t.id = q.thread) every)"
    )
    assert store.past.rebuild(MEASURER, writes=True) == ([], wrong)
    assert store.past.rebuild(MEASURER, writes=False) == ([], 0)
    assert days(store) == was[1]


def test_the_last_check_that_ran_stays_in_mind(tmp_path: Path) -> None:
    """One that never ended, after it, does not hide it when both are deleted."""
    checks = [
        assistant(
            "s", f"c{n}", at(0, n), f"c{n}", content=[tool_use(f"k{n}", "Bash", command=what)]
        )
        for n, what in ((1, "npm test"), (3, "npm test"))
    ]
    result = tool_result("s", "r1", at(0, 2), "k1", "2 failing", error=True)
    more = [record for n in range(1, 20) for record in step("s", n, "Read", failed=False)]
    with closing(open_store("private:")) as store:
        read_in(store, [jsonl(tmp_path / "s.jsonl", [checks[0], result, checks[1], *more])])
        before = sessions(store)
        assert "check_failed" in str(before)
        prune(store)
        assert store.past.rebuild(MEASURER, writes=False) == ([], 0)
        assert sessions(store) == before


def test_the_time_of_a_session_adds_up_when_its_beginning_comes_last(tmp_path: Path) -> None:
    """Idle is what nothing else explains, also where the first spans of a run are told last."""
    lines = (CASES / "otlp/agent_totals/input.jsonl").read_bytes().splitlines(keepends=True)
    log = tmp_path / "input.jsonl"
    with closing(open_store("private:")) as store:
        log.write_bytes(lines[0])
        read_in(store, [log])
        prune(store)
        log.write_bytes(b"".join(lines))
        read_in(store, [log])
        (found,) = store.sessions(Selection())
    assert found.time_split is not None
    assert (found.duration_us, found.time_split.model, found.time_split.idle) == (
        4_000_000,
        2_000_000,
        2_000_000,
    )


def test_the_command_says_whether_figures_are_right(desk: Desk) -> None:
    """`db rebuild` says that all figures are what their operations come to, or puts them right."""
    assert desk.run("db", "rebuild").out == (
        "2 sessions: all figures are what their operations come to\n"
        "all totals of agents are what their sessions come to\n"
    )
    with closing(open_store(str(desk.home / ".local/share/tachlog/tachlog.db"))) as store:
        assert isinstance(store, SqlArchive)
        with store.database.transaction():
            store.database.run("DELETE FROM tool_totals")
    told = desk.run("db", "rebuild").out
    assert "of the totals of agents are not what their sessions come to now" in told
    assert told.endswith("they were put right\n")
    assert "all totals of agents are" in desk.run("db", "rebuild").out
