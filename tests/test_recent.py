"""What a writer holds in memory of threads that grow is what the archive has of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from archives import archive_of, contents, jsonl, read_in
from conftest import Archives
from tachlog.analysis.measurer import Measurer
from tachlog.demo import write_demo
from tachlog.engines import Task, work
from tachlog.projects import project_of
from tachlog.stores import Store, open_store, recent
from test_archive import turn


def grow(stores: Sequence[Store], logs: Sequence[Path], parts: int) -> None:
    """Append a part of each log's lines in turn, and read it into the next store each round."""
    lines = {path: path.read_bytes().splitlines(keepends=True) for path in logs}
    for part in range(1, parts + 1):
        for path, every in lines.items():
            path.write_bytes(b"".join(every[: len(every) * part // parts]))
        read_in(stores[part % len(stores)], logs)


@pytest.mark.parametrize(("writers", "most"), [(1, 100), (2, recent.MOST_OPERATIONS)])
def test_files_that_grow_in_turn_give_the_rows_of_reading_each_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writers: int, most: int
) -> None:
    """Sessions, forks and sub-agents growing side by side, by one writer or two, add up alike."""
    write_demo(tmp_path / "logs")
    logs = sorted(path for path in (tmp_path / "logs").rglob("*.jsonl"))
    expected = archive_of(logs)
    monkeypatch.setattr(recent, "MOST_OPERATIONS", most)
    with ExitStack() as after:
        stores = [
            after.enter_context(closing(open_store(str(tmp_path / "archive.db"))))
            for _ in range(writers)
        ]
        grow(stores, logs, parts=8)
        assert contents(stores[0]) == expected


def test_what_was_undone_counts_nowhere(tmp_path: Path, archives: Archives) -> None:
    """A transaction that fails at the end leaves nothing behind in what its writer holds."""
    store, path = archives.new(), tmp_path / "s1.jsonl"
    begun = turn("s1", 1, minute=0)
    read_in(store, [jsonl(path, begun)])
    begun += turn("s1", 2, minute=5)
    read_in(store, [jsonl(path, begun)])

    def no_price(*_: object, **__: object) -> int:
        raise ZeroDivisionError

    jsonl(path, begun + turn("s1", 3, minute=9))
    reading = work.read(Task(str(path), store.progress()[str(path)], 0))
    assert reading.portion is not None
    with pytest.raises(ZeroDivisionError):
        store.write([reading.portion], Measurer(no_price, project_of))
    read_in(store, [jsonl(path, begun + turn("s1", 4, minute=12))])
    assert contents(store) == archive_of([path])
