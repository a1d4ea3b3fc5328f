"""Quarter hours of the archive say what its operations say, for any span and in every zone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from archives import assistant, at, contents, jsonl, read_in, tool_use, user
from conftest import Archives
from tachlog.analysis.selection import Quarter, Selection
from tachlog.analysis.windows import midnight_us
from tachlog.demo import write_demo
from tachlog.metrics import QUARTER_US
from tachlog.metrics.sketch import merge, sketch_of
from tachlog.stores import Store, open_store

SUMS = [name for name in Quarter.__struct_fields__ if name not in ("quarter", "model")]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An archive of the example logs."""
    directory = tmp_path_factory.mktemp("quarters")
    write_demo(directory / "logs")
    with closing(open_store(str(directory / "archive.db"))) as store:
        read_in(store, sorted(p for p in (directory / "logs").rglob("*") if p.is_file()))
        yield store


def operations(store: Store, since_us: int, until_us: int) -> dict[str, Any]:
    """What the operations of a span come to, counted one by one."""
    database = sqlite3.connect(store.url)
    with closing(database):
        calls = database.execute(
            "SELECT input, cache_read, cache_write, settled_output, estimated, cost_nanousd,"
            " response_us FROM calls WHERE at_us >= ? AND at_us < ?",
            (since_us, until_us),
        ).fetchall()
        outcomes = database.execute(
            "SELECT outcome FROM tool_calls WHERE at_us >= ? AND at_us < ?", (since_us, until_us)
        ).fetchall()
        (failures,) = database.execute(
            "SELECT count(*) FROM failures WHERE at_us >= ? AND at_us < ?", (since_us, until_us)
        ).fetchone()
    times = [call[6] for call in calls if call[6] is not None]
    return {
        "calls": len(calls),
        "input": sum(call[0] or 0 for call in calls),
        "cache_read": sum(call[1] or 0 for call in calls),
        "cache_write": sum(call[2] or 0 for call in calls),
        "output": sum(call[3] for call in calls),
        "estimated": sum(call[4] for call in calls),
        "cost_nanousd": sum(call[5] or 0 for call in calls),
        "unpriced_calls": sum(call[5] is None for call in calls),
        "response_n": len(times),
        "response_us": sum(times),
        "tool_calls": len(outcomes),
        "tool_successes": sum(outcome in (0, 2, 3) for (outcome,) in outcomes),
        "tool_errors": sum(outcome == 1 for (outcome,) in outcomes),
        "failures": failures,
        "sketch": sketch_of(times),
    }


def told(store: Store, since_us: int, until_us: int) -> dict[str, Any]:
    """What the archive answers for a span."""
    span = Selection(since_us=since_us, until_us=until_us)
    found = store.quarters(span)
    sketch: dict[int, int] = {}
    for _, times in store.response_times(span):
        merge(sketch, times)
    return {name: sum(getattr(q, name) for q in found) for name in SUMS} | {"sketch": sketch}


def test_any_span_is_the_sum_of_its_operations(archive: Store) -> None:
    """Spans that begin and end anywhere, also within one quarter hour, count what lies in them."""
    all_of_it = archive.quarters(Selection())
    first, last = all_of_it[0].quarter * QUARTER_US, (all_of_it[-1].quarter + 1) * QUARTER_US
    random = Random(7)
    spans = [sorted(random.randrange(first, last) for _ in range(2)) for _ in range(20)]
    spans += [
        [quarter.quarter * QUARTER_US + 1, quarter.quarter * QUARTER_US + QUARTER_US // 2]
        for quarter in random.sample(all_of_it, 20)
    ]
    spans += [[first, last], [first, first], [first + 1, last - 1]]
    for since_us, until_us in spans:
        assert told(archive, since_us, until_us) == operations(archive, since_us, until_us)


@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"]
)
def test_days_of_every_zone_are_made_of_whole_quarter_hours(archive: Store, zone: str) -> None:
    """Zones half and three quarters of an hour from the others, and both changes of the clock."""
    days = [date(2026, 11, day) for day in range(14, 19)]
    days += [date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5), date(2026, 10, 4)]
    for day in days:
        edges = [midnight_us(each, ZoneInfo(zone)) for each in (day, day + timedelta(days=1))]
        assert [edge % QUARTER_US for edge in edges] == [0, 0]
        assert told(archive, *edges) == operations(archive, *edges)


def lines(minutes: list[int]) -> list[dict[str, Any]]:
    """A session with a reply that asks for a tool at each of the minutes."""
    return [
        record
        for minute in minutes
        for record in (
            user("s", f"u{minute}", at(minute), f"Step {minute}"),
            assistant(
                "s",
                f"a{minute}",
                at(minute, 5),
                f"m{minute}",
                content=[tool_use(f"t{minute}", "Bash", command="ls")],
            ),
        )
    ]


def test_what_is_appended_touches_the_quarter_hour_in_which_it_was(tmp_path: Path) -> None:
    """A session that goes on writes one quarter hour, however long it was before."""
    path = jsonl(tmp_path / "s.jsonl", lines([1, 20, 40]))
    with closing(open_store(str(tmp_path / "archive.db"))) as store:
        read_in(store, [path])
        with closing(sqlite3.connect(store.url)) as watcher:
            watcher.execute("CREATE TABLE touched (quarter)")
            for event, row in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old")):
                watcher.execute(
                    f"CREATE TRIGGER on_{event} AFTER {event} ON model_quarters"
                    f" BEGIN INSERT INTO touched VALUES ({row}.quarter); END"
                )
            jsonl(path, lines([1, 20, 40, 50, 51]))
            read_in(store, [path])
            touched = watcher.execute("SELECT quarter FROM touched").fetchall()
        found = [quarter.quarter for quarter in store.quarters(Selection()) if quarter.model]
    assert len(found) == 4
    assert touched == [(found[-1],)]


def test_what_another_session_takes_over_leaves_no_quarter_hour_behind(
    tmp_path: Path, archives: Archives
) -> None:
    """When the original of copied history appears, the copy's quarter hours go."""
    history = lines([1, 20])
    copied = [{**record, "sessionId": "copy"} for record in lines([1, 20, 40])]
    store = archives.new()
    read_in(store, [jsonl(tmp_path / "copy.jsonl", copied)])
    assert [row["session_id"] for row in contents(store)["tool_quarters"]] == ["copy"] * 3
    read_in(store, [jsonl(tmp_path / "s.jsonl", history)])
    assert [row["session_id"] for row in contents(store)["tool_quarters"]] == ["copy", "s", "s"]
    assert sum(quarter.calls for quarter in store.quarters(Selection())) == 3
