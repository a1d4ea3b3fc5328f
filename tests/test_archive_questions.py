"""What the archive answers from rollups and indexes is what its operations and sessions say."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from archives import read_in
from conftest import Archives
from tachlog.analysis.realtime import WINDOW_US
from tachlog.analysis.selection import By, Place, Quarter, Selection
from tachlog.analysis.series import daily_complexity, daily_tools, midnights
from tachlog.analysis.tally import Tree, add_use, place_of, tally_of, trees_of
from tachlog.analysis.windows import local_date, shifts_of
from tachlog.demo import write_demo
from tachlog.metrics import QUARTER_US, ModelUse
from tachlog.stores import Store, spending
from tachlog.stores.archive import SqlArchive
from tachlog.stores.rebuilding import differing_sums
from tachlog.stores.totals import TOTALS

DAY_US = 86_400_000_000
SUMS = [name for name in Quarter.__struct_fields__ if name not in ("quarter", "model")]


def test_questions_are_answered_as_from_operations(archives: Archives, tmp_path: Path) -> None:
    """After growing session by session in any order, totals, lists and trends are recomputable."""
    write_demo(tmp_path)
    store = archives.new()
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    Random(3).shuffle(files)
    read_in(store, files[: len(files) // 2], portion_bytes=200_000)
    assert isinstance(store, SqlArchive)
    totals_are_sums(store)
    last_us = max(m.end_us or 0 for m in store.sessions(Selection()))
    selections = [
        Selection(),
        Selection(agent="claude_code"),
        Selection(project="storefront"),
        Selection(since_us=last_us - 9 * DAY_US + 1, until_us=last_us - DAY_US),
        Selection(since_us=last_us - DAY_US + 40 * 60_000_000, until_us=last_us),
        Selection(since_us=last_us - 1_200_000_000, until_us=last_us, agent="claude_code"),
        Selection(agent="nobody"),
    ]
    for selection in selections:
        pages_are_whole(store, selection)
        days_are_whole(store, selection)
        costs_are_whole(store, selection)
    sessions = store.sessions(Selection())
    for moment in (last_us - DAY_US, last_us - 10, last_us):
        then = {
            (m.agent, m.root)
            for m in sessions
            if (m.end_us or 0) > moment and m.start_us is not None and m.start_us <= last_us
        }
        assert store.active(moment, last_us + 1) == len(then)
    windows_are_busy(store, (last_us // QUARTER_US - 400) * QUARTER_US, last_us)
    mains = sorted({m.session_id for m in sessions if m.session_id == m.root})
    assert store.neighbours([mains[3]]) == {mains[2], mains[4]}
    assert store.neighbours([mains[0], mains[-1]]) == {mains[1], mains[-2]}


def totals_are_sums(store: SqlArchive) -> None:
    """Assert that the totals of agents are the sums of their threads' quarter hours."""
    assert differing_sums(store.database, writes=False) == 0
    for table, totals in TOTALS.items():
        sums = ", ".join(f"sum(coalesce(q.{name}, 0))" for name in totals.sums.split(", "))
        told = f", count(q.{totals.told})" if totals.told else ""
        of = ", ".join(f"q.{name}" for name in totals.of.split(", "))
        again = store.database.rows(
            f"SELECT t.agent, {of}, {sums}{told} FROM {table} q"
            f" JOIN threads t ON t.id = q.thread GROUP BY t.agent, {of} ORDER BY t.agent, {of}"
        )
        kept = store.database.rows(
            f"SELECT {totals.key}, {totals.columns} FROM {totals.table} ORDER BY {totals.key}"
        )
        assert kept == again
        assert kept or totals.table == "failure_totals"


def pages_are_whole(store: Store, selection: Selection) -> None:
    """Assert that pages of any size come to the list of all selected sessions, in its order."""
    wanted = sorted(trees_of(store.sessions(selection)), key=place_of, reverse=True)
    for most in (3, 1_000):
        found: list[Tree] = []
        after: Place | None = None
        while True:
            threads, total = store.page(selection, most, after)
            assert total == len(wanted)
            trees = trees_of(threads)
            found += trees
            if len(trees) < most:
                break
            after = place_of(trees[-1])
        assert found == wanted


def costs_are_whole(store: SqlArchive, selection: Selection) -> None:
    """Assert that cost by model and agent is that of single calls, None where none is known."""
    names: dict[int, str] = dict(store.database.rows("SELECT id, text FROM names"))
    cuts: tuple[By, ...] = ("model", "provider", "agent")
    for by in cuts:
        rows = spending._of_calls(store.database, names, selection, by)
        sums: list[dict[tuple[str | int | None, str, str], ModelUse]] = [{}, {}]
        calls = [spending._spending(row, names, by, 0) for row in rows]
        for known, found in zip(sums, (calls, store.spending(selection, by)), strict=True):
            for each in found:
                place = each.group, each.model, each.use.provider
                add_use(known.setdefault(place, ModelUse(each.use.provider)), each.use)
        assert sums[0] == sums[1]

    zone = ZoneInfo("America/New_York")
    by_day: list[dict[tuple[int, str, str], ModelUse]] = [{}, {}]
    whole = store.spending(selection, "day", (), shifts_of(zone))
    for known, rows in zip(by_day, (whole, store.spending(selection, "day")), strict=True):
        for each in rows:
            assert isinstance(each.group, int)
            day = local_date(each.group * QUARTER_US, zone).toordinal()
            served_by = each.use.provider
            add_use(known.setdefault((day, each.model, served_by), ModelUse(served_by)), each.use)
    assert by_day[0] == by_day[1]
    assert len(whole) <= len(by_day[0]) + 2 * len({each.model for each in whole})


def days_are_whole(store: Store, selection: Selection) -> None:
    """Assert that scores and tools by day are those of the sessions and the calls of tools."""
    zone = ZoneInfo("Asia/Kathmandu")
    tools: dict[int, set[str]] = defaultdict(set)
    for step in store.steps(selection):
        tools[local_date(step.at_us, zone).toordinal()].add(step.tool)
    kept = daily_tools(store, selection, midnights(store.hours(selection), zone))
    assert kept == {day: len(found) for day, found in tools.items()}
    sums: dict[int, list[int]] = {}
    for quarter in store.quarters(selection):
        known = sums.setdefault(quarter.quarter // 4 * 4, [0] * len(SUMS))
        for place, name in enumerate(SUMS):
            known[place] += getattr(quarter, name)
    assert {
        hour.quarter: [getattr(hour, name) for name in SUMS] for hour in store.hours(selection)
    } == sums
    assert store.tool_stats(selection) == tally_of(trees_of(store.sessions(selection)), ()).tools
    scores: dict[int, list[int]] = defaultdict(list)
    for m in store.sessions(selection):
        if m.parent is None and m.start_us is not None:
            scores[local_date(m.start_us, zone).toordinal()].append(m.complexity_score)
    assert daily_complexity(store.complexity(selection), zone) == {
        day: sum(found) / len(found) for day, found in scores.items()
    }


def windows_are_busy(store: SqlArchive, since_us: int, until_us: int) -> None:
    """Assert that windows with tokens are those in which calls with tokens lie."""
    until_us = until_us // WINDOW_US * WINDOW_US
    tokens = Counter[int]()
    for at_us, count in store.database.rows(
        "SELECT at_us, coalesce(input + cache_read + cache_write, 0) + settled_output FROM calls"
        " WHERE at_us >= ? AND at_us < ?",
        (since_us, until_us),
    ):
        tokens[at_us // WINDOW_US] += count
    busy = sum(1 for count in tokens.values() if count)
    assert store.busy_windows(since_us, until_us, WINDOW_US) == busy > 3
