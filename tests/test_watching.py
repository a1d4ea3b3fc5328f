"""Logs are followed as they grow, whatever happens to their files."""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import sqlite3
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from archives import archive_of_all, contents, figures, jsonl
from tachlog.config import Config
from tachlog.stores import open_store
from tachlog.watching import Places, Step, discovered, eyes, follow, follower, listing, named
from tachlog.watching.places import on_network
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

    def reads(self) -> int:
        """How often its threads have read anything, by the system's count."""
        threads = [self._thread, *(t for t in threading.enumerate() if t.name == "tachlog-eyes")]
        told = [Path(f"/proc/self/task/{t.native_id}/io").read_text() for t in threads]
        return sum(int(text.split("syscr: ")[1].split()[0]) for text in told)

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
    monkeypatch.setattr(eyes, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(listing, "ROOTS_SECONDS", 0.05)
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
        for line in text_of("a", 1).splitlines(keepends=True):
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


def test_files_at_rest_are_not_read(
    started: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While thousands of files rest, what follows them reads nothing, also when it lists them."""
    monkeypatch.setattr(follower, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(listing, "SWEEP_SECONDS", 0.2)
    for number in range(2000):
        log = tmp_path / "logs" / str(number % 50) / f"{number}.jsonl"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
    following = started(tmp_path / "logs")
    following.until(lambda step: not step.files and not step.backlog_files)
    before = following.reads()
    for _ in range(10):
        following.until(lambda step: True)
    assert following.reads() == before


def test_live_files_go_before_a_backlog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old logs are read latest first, and what is written meanwhile is read between them."""
    monkeypatch.setattr(follower, "SLICE_BYTES", 1)
    monkeypatch.setattr(follower, "LIVE_BYTES", len(text_of("old-10", 1)))
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(100):
        old = logs / f"old-{number}.jsonl"
        old.write_text(text_of(f"old-{number}", 1))
        os.utime(old, (1_700_000_000 + number, 1_700_000_000 + number))
    steps: list[Step] = []
    stop = threading.Event()

    def told(step: Step) -> None:
        if not steps:
            (logs / "live.jsonl").write_text(text_of("live", 1))
        steps.append(step)
        if not any("live" in step.sessions for step in steps):
            time.sleep(0.05)  # reading would be over before the system tells
        if not step.backlog_files:
            stop.set()

    follow(str(tmp_path / "a.db"), named([str(logs)]), Config(), stop=stop, told=told, jobs=1)
    order = [name for step in steps for name in step.sessions]
    assert 0 < order.index("live") < 100
    order.remove("live")
    assert order == [f"old-{number}" for number in reversed(range(100))]


def test_a_backlog_is_read_however_much_live_files_grow(tmp_path: Path) -> None:
    """A live file that has grown again after each step does not keep an old one from its turn."""
    logs = tmp_path / "logs"
    logs.mkdir()
    old, live = logs / "old.jsonl", logs / "live.jsonl"
    jsonl(old, turn("old", 1, minute=0))
    os.utime(old, (time.time() - 3600,) * 2)
    stop = threading.Event()
    told: list[Step] = []
    backlog = "old"

    def grow(step: Step) -> None:
        told.append(step)
        jsonl(live, [each for n in range(len(told)) for each in turn("live", n, minute=n)])
        time.sleep(0.3)  # the system has told of it before the next look
        if backlog in step.sessions or len(told) == 20:
            stop.set()

    jsonl(live, turn("live", 0, minute=0))
    follow(str(tmp_path / "a.db"), named([str(logs)]), Config(), stop=stop, told=grow)
    assert backlog in told[-1].sessions


def test_a_full_watch_list_is_told_and_files_are_looked_at(
    started: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system refuses to watch, that is told with what mends it, and nothing is missed."""

    class Refusing:
        def __init__(self, *_: object) -> None:
            raise OSError("OS file watch limit reached. about [...]")

    monkeypatch.setattr("watchfiles._rust_notify.RustNotify", Refusing)
    monkeypatch.setattr(eyes, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(eyes, "ROUND_SECONDS", 0.1)
    logs = tmp_path / "logs"
    logs.mkdir()
    following = started(logs)
    assert "fs.inotify.max_user_watches" in following.steps[0].notes[""]
    (logs / "a.jsonl").write_text(text_of("a", 1))
    following.until_calls(2)


def test_the_limit_of_watches_of_this_machine_is_noticed(tmp_path: Path) -> None:
    """Directories beyond the limit, of which the system says nothing, are told and looked at."""
    logs = tmp_path / "logs"
    deep = logs / "a" / "b" / "c"
    deep.mkdir(parents=True)
    limited = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    limit = "echo 2 > /proc/sys/user/max_inotify_watches"
    if subprocess.run([*limited, limit], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody set a limit for one process")
    tachlog = Path(sysconfig.get_path("scripts")) / "tachlog"
    command = f"{limit}; exec {tachlog} watch {logs} --json --db {tmp_path / 'a.db'}"
    with subprocess.Popen([*limited, command], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            steps = map(json.loads, process.stdout)
            assert "fs.inotify.max_user_watches" in next(steps)["notes"][""]
            (deep / "a.jsonl").write_text(text_of("a", 1))
            assert next(step for step in steps if step["files"])["sessions"] == ["a"]
        finally:
            process.kill()


def test_an_archive_that_fails_is_tried_again(
    started: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the archive is told, and what was written meanwhile is read when it is over."""
    monkeypatch.setattr(follower, "RETRY_SECONDS", 0.05)
    logs = tmp_path / "logs"
    logs.mkdir()
    following = started(logs)
    with closing(sqlite3.connect(following.archive)) as connection:
        connection.execute("ALTER TABLE files RENAME TO elsewhere")
        (logs / "a.jsonl").write_text(text_of("a", 1))
        assert "no such table" in str(following.until(lambda step: bool(step.fault)).fault)
        connection.execute("ALTER TABLE elsewhere RENAME TO files")
    following.until_calls(2)
    assert following.stop() == archive_of_all(logs)


def test_an_agent_that_is_installed_later_is_followed(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place that is not there yet is followed once it is; a file in its place is no log."""
    monkeypatch.setattr(listing, "ROOTS_SECONDS", 0.05)
    following = Following(
        tmp_path / "archive.db", discovered(os.environ, Config()), Config(), False
    )
    try:
        following.until(lambda step: True)
        log = home / ".claude" / "projects" / "shop" / "a.jsonl"
        log.parent.mkdir(parents=True)
        log.write_text(text_of("a", 1))
        following.until_calls(2)
    finally:
        assert following.stop() == archive_of_all(home / ".claude")


def test_the_command_follows_until_it_is_ended(home: Path, tmp_path: Path) -> None:
    """`tachlog watch --json` tells a step on a line; SIGTERM ends it with exit code 0, all kept."""
    log = tmp_path / "logs" / "a.jsonl"
    log.parent.mkdir()
    log.write_text(text_of("a", 1))
    archive = str(tmp_path / "archive.db")
    command = [Path(sysconfig.get_path("scripts")) / "tachlog", "watch", log, "--json"]
    with subprocess.Popen(
        [*command, "--db", archive], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            steps = map(json.loads, process.stdout)
            first = next(step for step in steps if step["files"])
            assert (first["sessions"], first["problems"]) == (["a"], 0)
            with log.open("a") as file:
                file.write(text_of("a", 2))
            step = next(step for step in steps if step["files"])
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
    assert step["behind_ms"] >= 0
    assert step["last"] == {
        "at": "2026-11-18T09:02:15.000Z",
        "agent": "claude_code",
        "session_id": "a",
        "what": "reply",
    }
    with closing(open_store(archive)) as store:
        assert contents(store) == archive_of_all(log.parent)


def test_a_mount_of_another_machine_is_known_by_its_kind(tmp_path: Path) -> None:
    """Files on NFS and the like are looked at in turn, those on disks and in memory are not."""
    mounts = "\n".join(
        (
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
            f"30 22 0:40 / {str(tmp_path).replace('_', chr(92) + '137')} rw - nfs4 nas:/home rw",
            f"31 30 0:41 / {tmp_path}/fast rw shared:1 - tmpfs tmpfs rw",
            "a line that says nothing",
        )
    )
    assert on_network(str(tmp_path / "logs"), mounts)
    assert not on_network(str(tmp_path / "fast" / "logs"), mounts)
    assert not on_network("/", mounts)


def as_nobody(place: str) -> Places:
    """A place, for a thread that loses root's right to open every file when it asks for it."""

    def places() -> list[str]:
        if os.geteuid() == 0:
            ctypes.CDLL(None).setfsuid(65_534)
        return [place]

    return places


def test_a_file_that_may_not_be_read_is_read_once_it_may() -> None:
    """A log without rights is told of; with them it is read, and the note is gone, each time."""
    with TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)  # pytest's own directories are closed to others
        log = Path(directory, "logs", "a.jsonl")
        log.parent.mkdir()
        log.write_text(text_of("a", 1))
        log.chmod(0)
        following = Following(
            Path(directory, "archive.db"), as_nobody(str(log.parent)), Config(), False
        )
        try:
            step = following.until(lambda step: str(log) in step.notes)
            assert step.notes[str(log)].startswith("cannot be opened (Permission denied)")
            log.chmod(0o644)
            following.until_calls(2)
            assert str(log) not in following.steps[-1].notes
            with log.open("a") as file:
                log.chmod(0)
                file.write(text_of("a", 2))
            following.until(lambda step: str(log) in step.notes)
            log.chmod(0o644)
            following.until_calls(4)
            log.parent.chmod(0)
            log.parent.chmod(0o755)
            with log.open("a") as file:
                file.write(text_of("a", 3))
            following.until_calls(6)
        finally:
            following.stop()
