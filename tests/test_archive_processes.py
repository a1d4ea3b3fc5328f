"""Several processes read logs into one archive at once, and nothing is lost or doubled."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from archives import (
    MEASURER,
    archive_of,
    archive_of_all,
    contents,
    figures,
    jsonl,
    portion_of,
    read_in,
)
from tachlog.config import Config
from tachlog.demo import write_demo
from tachlog.pipeline import bring_up_to_date
from tachlog.stores import StoreError, open_store, sqlite
from test_archive import turn

READER = """
import sys
from tachlog.config import Config
from tachlog.pipeline import bring_up_to_date
from tachlog.stores import open_store
bring_up_to_date(open_store(sys.argv[1]), sys.argv[2:], Config(), jobs=1)
"""


def test_processes_that_read_the_same_logs_at_once_store_them_once(tmp_path: Path) -> None:
    """Four processes that analyse the same directory at the same time give the rows of one."""
    write_demo(tmp_path / "logs")
    archive = str(tmp_path / "archive.db")
    processes = [
        subprocess.Popen([sys.executable, "-c", READER, archive, str(tmp_path / "logs")])
        for _ in range(4)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0, 0]
    store = open_store(archive)
    assert contents(store) == archive_of_all(tmp_path / "logs")


def test_worker_processes_give_what_one_process_gives(tmp_path: Path) -> None:
    """Reading with two workers and with none ends in the same rows."""
    write_demo(tmp_path / "logs", size_bytes=14_000_000)
    stores = [open_store(str(tmp_path / name)) for name in ("one.db", "two.db")]
    for store, jobs in zip(stores, (1, 2), strict=True):
        bring_up_to_date(store, [str(tmp_path / "logs")], Config(), jobs=jobs)
    one, two = (contents(store) for store in stores)
    assert one == two


def test_a_reader_sees_the_archive_while_another_writes(tmp_path: Path) -> None:
    """Reading is never blocked by a write transaction, and sees none of its rows before the end."""
    archive = str(tmp_path / "archive.db")
    store = open_store(archive)
    read_in(store, [jsonl(tmp_path / "a.jsonl", turn("a", 1, minute=0))])
    writer = sqlite3.connect(archive, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM agent_telemetry_summaries")
    assert list(figures(open_store(archive))) == ["a"]
    writer.execute("ROLLBACK")


def test_a_locked_archive_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that lasts too long is an error; the same portion is kept once the lock is gone."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    archive = str(tmp_path / "archive.db")
    store = open_store(archive)
    portion = portion_of(jsonl(tmp_path / "a.jsonl", turn("a", 1, minute=0)), store)
    writer = sqlite3.connect(archive, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another process"):
        store.write([portion], MEASURER)
    writer.execute("ROLLBACK")
    assert store.write([portion], MEASURER) == []
    assert figures(store)["a"]["calls"] == 2


def test_a_full_disk_in_the_middle_of_a_batch_keeps_nothing_of_it(tmp_path: Path) -> None:
    """When the archive cannot grow the batch is undone, and the next run completes the work."""
    store = open_store(str(tmp_path / "archive.db"))
    database = store.database  # type: ignore[attr-defined]
    ((pages,),) = database.rows("PRAGMA page_count")
    database.run(f"PRAGMA max_page_count = {pages + 2}")
    records = [record for number in range(60) for record in turn("a", number, minute=number % 60)]
    path = jsonl(tmp_path / "a.jsonl", records)
    with pytest.raises(StoreError, match="the disk is full; free some space and run again"):
        store.write([portion_of(path, store)], MEASURER)
    assert store.progress() == {}
    assert figures(store) == {}
    database.run("PRAGMA max_page_count = 1000000")
    read_in(store, [path])
    assert figures(store)["a"]["calls"] == 120


def test_a_writer_that_dies_leaves_whole_batches_only(tmp_path: Path) -> None:
    """After a writer was killed in a transaction, the next run completes what is missing."""
    archive = str(tmp_path / "archive.db")
    path = jsonl(tmp_path / "a.jsonl", turn("a", 1, minute=0))
    script = (
        "import os, sys; from tachlog.stores import open_store, writing\n"
        "sys.path.insert(0, sys.argv[3]); from archives import read_in; from pathlib import Path\n"
        "store = open_store(sys.argv[1]); writing._Batch._figures = lambda *_: os._exit(9)\n"
        "read_in(store, [Path(sys.argv[2])])"
    )
    here = str(Path(__file__).parent)
    died = subprocess.run(
        [sys.executable, "-c", script, archive, str(path), here], check=False, timeout=60
    )
    assert died.returncode == 9
    store = open_store(archive)
    assert store.progress() == {}
    read_in(store, [path])
    assert contents(store) == archive_of([path])


def test_threads_of_one_process_may_each_open_the_archive(tmp_path: Path) -> None:
    """Writers in threads with archives of their own take turns."""
    archive = str(tmp_path / "archive.db")
    paths = [jsonl(tmp_path / f"{n}.jsonl", turn(f"s{n}", 1, minute=n)) for n in range(6)]
    open_store(archive).close()
    threads = [
        threading.Thread(target=lambda p=path: read_in(open_store(archive), [p])) for path in paths
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert contents(open_store(archive)) == archive_of(paths)


OPENER = """
import sys
from tachlog.stores import open_store
open_store(sys.argv[1]).close()
"""


def test_first_runs_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """Processes that make the same archive at the same moment all end with it open."""
    for number in range(3):
        archive = str(tmp_path / f"archive-{number}.db")
        processes = [subprocess.Popen([sys.executable, "-c", OPENER, archive]) for _ in range(6)]
        assert [process.wait(timeout=60) for process in processes] == [0] * 6


def test_an_archive_that_stays_locked_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever cannot even turn on write-ahead logging is told so in the end."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    archive = tmp_path / "archive.db"
    holder = sqlite3.connect(archive, isolation_level=None)
    holder.execute("CREATE TABLE held (x)")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="locked by another process"):
        open_store(str(archive))
    holder.execute("ROLLBACK")
