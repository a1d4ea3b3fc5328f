"""How soon an archive of many operations answers the dashboard's questions, and what it weighs.

Prints one JSON object. `python bench/questions.py [--operations N] [--asks N] [--sqlite PATH]
[--postgresql URL]` reads example logs into an archive and multiplies it within the database: each
copy has keys, threads and files of its own and lies some quarter hours later, so that rows, indexes
and quarter hours are what reading so many logs leaves. A sample of the copies is measured anew from
its operations, and all totals are added up anew, before anything is asked: the program stops where
something differs. SQLite lies in a scratch directory, the PostgreSQL server is of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tachlog import __version__
from tachlog.analysis.realtime import WINDOW_US, moments_of, usual_rate
from tachlog.analysis.selection import By, Selection
from tachlog.analysis.series import trends_of
from tachlog.analysis.spending import costs_of
from tachlog.analysis.summary import tools_of
from tachlog.analysis.windows import shifts_of
from tachlog.config import Config
from tachlog.demo import UNTIL, write_demo
from tachlog.engines import local
from tachlog.engines.work import measurer_of
from tachlog.metrics import QUARTER_US
from tachlog.pipeline import setup_of, task_for
from tachlog.stores import open_store
from tachlog.stores.archive import SqlArchive
from tachlog.stores.figures import TABLE as SUMMARIES
from tachlog.stores.quarters import COLUMNS as QUARTERS
from tachlog.stores.rebuilding import differing, differing_sums
from tachlog.stores.schema import OPERATIONS
from tachlog.stores.summaries import SUMMARY_COLUMNS, metrics_of, summary_row

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import postgresql

DEMO_BYTES = 60_000_000
DAY_QUARTERS = 96
DAY_US = DAY_QUARTERS * QUARTER_US
SPREAD_DAYS = 55
"""The example's five weeks become ninety days."""

NOW_US = int((UNTIL + timedelta(days=25)).timestamp()) * 1_000_000
"""The moment of asking: the month before it is as full of work as any; a month more follows it."""

END_US = int((UNTIL + timedelta(days=SPREAD_DAYS)).timestamp()) * 1_000_000
"""When the archive ends: who was active last is asked then, as of no session it is the future."""

SAMPLE = 20
FILES = ("files", "told", "problems", "ledger", "copies")
THREADS = ("threads", "marks", "tellings", *OPERATIONS, *QUARTERS, "learned_from")
KEYS = {"key", "alias", "call"}
TIMES = {"at_us", "first_us", "usage_us", "sent_us", "end_us", "last_us"}
TEXTS = {"session_id", "root", "parent", "path"}
ASKED = Config()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=10_000_000)
    parser.add_argument("--asks", type=int, default=40)
    parser.add_argument("--demo-bytes", type=int, default=DEMO_BYTES)
    parser.add_argument("--sqlite", help="keep the archive at this path, or ask one that is there")
    parser.add_argument("--postgresql", help="an empty database, or one that this program filled")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    given = parser.parse_args()
    found: dict[str, Any] = {
        "question": "an archive of many operations: its size, and its answers",
        "tachlog": __version__,
        "python": platform.python_version(),
        "processors": os.cpu_count(),
    }
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        places = {
            "sqlite": lambda: beside(given.sqlite or str(directory / "archive.db")),
            "postgresql": lambda: beside(given.postgresql) if given.postgresql else served(),
        }
        for name, place in places.items():
            if given.only in (None, name):
                with place() as url, closing(open_store(url)) as store:
                    assert isinstance(store, SqlArchive)
                    found[name] = measured(store, directory, given)
    print(json.dumps(found, indent=2))


@contextmanager
def beside(url: str) -> Iterator[str]:
    """An archive that stays where it is."""
    yield url


@contextmanager
def served() -> Iterator[str]:
    """A database of a server that is stopped afterwards."""
    with postgresql.running() as server, postgresql.schema_in(server) as url:
        yield url


def measured(store: SqlArchive, directory: Path, given: argparse.Namespace) -> dict[str, Any]:
    """All figures of one archive."""
    begun = time.perf_counter()
    if not store.count():
        fill(store, directory, given.operations, given.demo_bytes)
    seconds = time.perf_counter() - begun
    rows = {each.table: each for each in store.tables()}
    operations = sum(rows[table].rows for table in OPERATIONS)
    return {
        "operations": operations,
        "sessions": store.count(),
        "threads": rows["threads"].rows,
        "filled_in_seconds": round(seconds),
        "bytes": store.size(),
        "bytes_per_operation": round(store.size() / operations, 1),
        "bytes_per_operation_of": {
            name: round((each.bytes or 0) / operations, 1)
            for name, each in rows.items()
            if (each.bytes or 0) > operations / 10
        },
        "load": round(os.getloadavg()[0], 1),
        "milliseconds": {name: times(ask, given.asks) for name, ask in questions(store).items()},
    }


def questions(store: SqlArchive) -> dict[str, Callable[[], object]]:
    """What the dashboard asks."""
    month = Selection(since_us=NOW_US - 30 * DAY_US, until_us=NOW_US + 1)
    ((session_id,),) = store.database.rows(
        f"SELECT session_id FROM {SUMMARIES} WHERE session_id = root AND start_us < ?"
        " ORDER BY start_us DESC LIMIT 1",
        (NOW_US,),
    )
    ((project,),) = store.database.rows(
        f"SELECT project FROM {SUMMARIES} WHERE project IS NOT NULL ORDER BY project LIMIT 1"
    )
    page, _ = store.page(Selection(), 50)
    last = page[-1]

    def trends(within: Selection) -> Callable[[], object]:
        return lambda: trends_of(store, within, time_zone="Europe/Berlin", now_us=NOW_US)

    def cost(by: By, within: Selection) -> Callable[[], object]:
        return lambda: costs_of(
            store,
            within,
            by,
            time_zone="Europe/Berlin",
            prices="",
            price=lambda *_, **__: None,
            generated_at_us=NOW_US,
        )

    def spent(by: By, within: Selection) -> Callable[[], object]:
        return lambda: store.spending(within, by, (), shifts_of(ZoneInfo("Europe/Berlin")))

    return {
        "last_5_minutes": lambda: (
            moments_of(store, NOW_US - WINDOW_US, NOW_US),
            store.active(END_US - WINDOW_US, END_US + 1),
        ),
        "usual_rate_of_the_week": lambda: usual_rate(store, NOW_US, 1e12, 2.0),
        "four_trends_of_30_days": trends(month),
        "four_trends_of_30_days_of_an_agent": trends(
            msgspec.structs.replace(month, agent="claude_code")
        ),
        "four_trends_of_90_days": trends(Selection(until_us=NOW_US + 1)),
        "tool_table": lambda: tools_of(store.tool_stats(Selection())),
        "tool_table_of_30_days": lambda: tools_of(store.tool_stats(month)),
        "session_list_page": lambda: store.page(Selection(), 50),
        "session_list_next_page": lambda: store.page(
            Selection(), 50, (last.start_us or 0, last.session_id, last.agent)
        ),
        "session_list_page_of_an_agent": lambda: store.page(Selection(agent="claude_code"), 50),
        "session_list_page_of_a_project": lambda: store.page(Selection(project=project), 50),
        "one_session": lambda: store.session(session_id),
        "cost_by_day_of_30_days": spent("day", month),
        "cost_by_model": spent("model", Selection()),
        "cost_by_day_of_30_days_and_what_no_log_holds": cost("day", month),
    }


def times(ask: Callable[[], object], asks: int) -> dict[str, float]:
    """Milliseconds of a question; one that takes a second is asked three times.

    `processor` is the least processor time of this process, which SQLite works in: what the wait
    would be on an idle machine.
    """
    found: list[float] = []
    spent: list[float] = []
    while len(found) < asks and not (len(found) >= 3 and min(found) > 1_000):
        begun, used = time.perf_counter(), time.process_time()
        ask()
        found.append((time.perf_counter() - begun) * 1_000)
        spent.append((time.process_time() - used) * 1_000)
    found.sort()
    return {
        "p50": round(found[len(found) // 2], 1),
        "p95": round(found[min(len(found) - 1, len(found) * 95 // 100)], 1),
        "processor": round(min(spent), 1),
        "asks": len(found),
    }


def fill(store: SqlArchive, directory: Path, operations: int, demo_bytes: int) -> None:
    """Read example logs, and multiply what they leave until there are so many operations."""
    logs = directory / "logs"
    if not logs.exists():
        write_demo(logs, size_bytes=demo_bytes)
    setup = setup_of(ASKED)
    paths = sorted(path for path in logs.rglob("*") if path.is_file())
    tasks = [task for path in paths if (task := task_for(str(path), None)) is not None]
    for readings in local.run(tasks, 1, setup):
        portions = [each.portion for each in readings if each.portion is not None]
        store.write(portions, measurer_of(setup))
    store.learn(measurer_of(setup))
    database = store.database
    if not database.host:
        database.run("PRAGMA cache_size = -1048576")
        database.run("PRAGMA synchronous = OFF")
    told = sum(database.rows(f"SELECT count(*) FROM {table}")[0][0] for table in OPERATIONS)
    copied = Copied(store)
    for number in range(1, max(1, round(operations / told))):
        with database.transaction():
            copied.once_more(number)
    with database.transaction():
        differing_sums(database, writes=True)
    database.run("ANALYZE" if database.host else "PRAGMA optimize")
    if not database.host:
        database.run("PRAGMA cache_size = -32768")
        database.run("PRAGMA synchronous = NORMAL")
    threads = [thread for (thread,) in database.rows("SELECT thread FROM " + SUMMARIES)]
    sample = Random(7).sample(threads, SAMPLE)
    if names := [
        name for name, _, _ in differing(database, store.words, measurer_of(setup), sample)
    ]:
        raise SystemExit(f"copies are not what their operations come to: {names}")


class Copied:
    """What was read first, to be added again: elsewhere, later, under other keys."""

    def __init__(self, store: SqlArchive) -> None:
        self.database = database = store.database
        self.random = Random(11)
        self.figures = database.rows(f"SELECT thread, metrics, changed FROM {SUMMARIES}")
        self.columns = {table: database.columns(table) for table in (*FILES, *THREADS)}
        for table in self.columns:
            database.run(f"CREATE TEMPORARY TABLE first_{table} AS SELECT * FROM {table}")
        ((self.threads, self.families),) = database.rows(
            "SELECT max(id), coalesce(max(family), 0) FROM threads"
        )
        ((self.files,),) = database.rows("SELECT max(id) FROM files")

    def once_more(self, number: int) -> None:
        """Add everything again."""
        quarters = self.random.randrange(SPREAD_DAYS * DAY_QUARTERS)
        digits = self.random.getrandbits(63)
        later_us, prefix = quarters * QUARTER_US, f"{digits % 16**7:07x}-"
        added = number * max(self.threads, self.families)

        def changed(table: str, name: str) -> str:
            if name in KEYS:
                return f'("{name}" | {digits}) - ("{name}" & {digits})'
            if name in TIMES:
                return f"{name} + {later_us}"
            if name in TEXTS:
                return f"'{prefix}' || {name}"
            if name == "quarter":
                return f"quarter + {quarters}"
            if name in ("thread", "family") or (table, name) == ("threads", "id"):
                return f"{name} + {added}"
            if name == "file" or (table, name) == ("files", "id"):
                return f"{name} + {number * self.files}"
            return f'"{name}"'

        for table, columns in self.columns.items():
            told = ", ".join(f'"{name}"' for name in columns)
            taken = ", ".join(changed(table, name) for name in columns)
            self.database.run(f"INSERT INTO {table} ({told}) SELECT {taken} FROM first_{table}")
        rows = []
        for thread, blob, change in self.figures:
            metrics = metrics_of(blob)
            for name in ("session_id", "root", "parent"):
                if getattr(metrics, name) is not None:
                    setattr(metrics, name, prefix + getattr(metrics, name))
            for each in (metrics, *metrics.clusters, *metrics.anomalies):
                for name in ("start_us", "end_us", "first_us", "last_us"):
                    if getattr(each, name, None) is not None:
                        setattr(each, name, getattr(each, name) + later_us)
            for anomaly in metrics.anomalies:
                if anomaly.log_id is not None:
                    anomaly.log_id = f"{int(anomaly.log_id, 16) ^ digits:0{len(anomaly.log_id)}x}"
            rows.append((*summary_row(thread + added, metrics), change))
        self.database.insert(SUMMARIES, f"{SUMMARY_COLUMNS}, changed", rows)


if __name__ == "__main__":
    main()
