"""Logs are followed as they grow, whatever happens to their files."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from archives import archive_of_all, contents, figures
from tachlog.config import Config
from tachlog.stores import open_store
from tachlog.watching import Places, Step, eyes, follow, follower, named
from test_archive import turn

PATIENCE_S = 30.0
"""How long a test waits for what must come; it never depends on how soon it does."""


class Following:
    """A follower in a thread of its own, and what it told."""

    def __init__(self, archive: Path, places: Places, config: Config, poll: bool) -> None:
        self.archive = str(archive)
        self.steps: list[Step] = []
        self._told = SimpleQueue[Step]()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=follow,
            args=(self.archive, places, config),
            kwargs={"stop": self._stop, "told": self._told.put, "jobs": 1, "poll": poll},
        )
        self._thread.start()

    def until(self, holds: Callable[[Step], bool]) -> Step:
        """The next step for which something holds."""
        while True:
            try:
                step = self._told.get(timeout=PATIENCE_S)
            except Empty:
                pytest.fail(f"never told; before: {self.steps}")
            self.steps.append(step)
            if holds(step):
                return step

    def until_calls(self, count: int) -> None:
        """Wait until so many model calls are in the archive."""
        while self._calls() != count:
            self.until(lambda step: step.files > 0)

    def _calls(self) -> int:
        store = open_store(self.archive)
        try:
            return sum(each["calls"] for each in figures(store).values())
        finally:
            store.close()

    def stop(self) -> dict[str, Any]:
        """End following; what the archive holds then."""
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        store = open_store(self.archive)
        try:
            return contents(store)
        finally:
            store.close()


Start = Callable[..., Following]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts following paths; all are stopped after the test."""
    running: list[Following] = []

    def start(*paths: Path, poll: bool = False) -> Following:
        archive = tmp_path / f"archive-{len(running)}.db"
        found = Following(archive, named([str(path) for path in paths]), Config(), poll)
        running.append(found)
        found.until(lambda step: True)
        return found

    yield start
    for each in running:
        each.stop()


@pytest.fixture(params=[False, True], ids=["told", "in turn"])
def poll(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways to see changes."""
    monkeypatch.setattr(eyes, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(follower, "ROOTS_SECONDS", 0.05)
    return bool(request.param)


def text_of(session: str, *numbers: int) -> str:
    """Turns of a session, each with two model calls, as lines."""
    records = [record for number in numbers for record in turn(session, number, minute=number)]
    return "".join(json.dumps(record) + "\n" for record in records)


def test_what_grows_is_read_line_by_line(started: Start, tmp_path: Path, poll: bool) -> None:
    """Lines that are written one by one, each in two halves, end in what reading at once gives."""
    logs = tmp_path / "logs"
    following = started(logs, poll=poll)
    (logs / "project").mkdir(parents=True)
    with (logs / "project" / "a.jsonl").open("w") as file:
        for line in text_of("a", 1, 2).splitlines(keepends=True):
            for half in (line[: len(line) // 2], line[len(line) // 2 :]):
                file.write(half)
                file.flush()
                following.until(lambda step: step.files > 0)
    assert following.stop() == archive_of_all(logs)


def test_files_that_are_rotated_rewritten_and_removed(
    started: Start, tmp_path: Path, poll: bool
) -> None:
    """Renamed, truncated, replaced, compressed, deleted: nothing is lost or counted twice."""
    logs = tmp_path / "logs"
    log = logs / "a.jsonl"
    log.parent.mkdir()
    log.write_text(text_of("a", 1))
    following = started(logs, poll=poll)
    following.until_calls(2)
    log.rename(logs / "a.jsonl.1")
    log.write_text(text_of("a", 2))
    following.until_calls(4)
    log.write_text(text_of("a", 3, 4))
    following.until_calls(8)
    log.write_text("")
    fresh = logs / ".fresh"
    fresh.write_text(text_of("a", 3, 4, 5))
    fresh.replace(log)
    following.until_calls(10)
    (logs / "a.jsonl.1.gz").write_bytes(gzip.compress((logs / "a.jsonl.1").read_bytes()))
    (logs / "a.jsonl.1").unlink()
    log.unlink()
    log.mkdir()
    (log / "b.jsonl").write_text(text_of("b", 1))
    following.until_calls(12)
    log.rename(logs / "elsewhere")
    (logs / "elsewhere" / "b.jsonl").write_text(text_of("b", 1, 2))
    following.until_calls(14)
    found = following.stop()
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "a.jsonl").write_text(text_of("a", 1, 2, 3, 4, 5))
    (whole / "b.jsonl").write_text(text_of("b", 1, 2))
    expected = archive_of_all(whole)
    assert found["calls"] == expected["calls"]
    assert found["tool_calls"] == expected["tool_calls"]
    assert found["agent_telemetry_summaries"] == expected["agent_telemetry_summaries"]
