"""The loop that follows files: live ones first, a backlog in steps between them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Event
from time import monotonic, time_ns
from typing import Final, NamedTuple

from msgspec.structs import replace

from tachlog.config import Config
from tachlog.discovery import LOG_NAME, SKIPPED_DIRECTORIES, MissingPath, walk
from tachlog.engines import Setup, Task, progress_after
from tachlog.model import Problem
from tachlog.pipeline import Kept, read_into, setup_of, task_for
from tachlog.stores import PRIVATE, Store, StoreError, open_store
from tachlog.upgrade import renew_outdated
from tachlog.watching.eyes import Eyes, Stamp, stamp_of
from tachlog.watching.places import MOUNTS, Places, on_network
from tachlog.watching.steps import Activity, Step
from tachlog.watching.upkeep import Upkeep

LIVE_SECONDS: Final = 600.0
"""What was written so lately is read before everything else."""

LIVE_BYTES: Final = 8 << 20
"""Unread bytes that are read at once; files beyond them are backlog."""

SLICE_BYTES: Final = 256 << 20
"""Bytes of a backlog that are handed to the engine together, the latest files first."""

SWEEP_SECONDS: Final = 60.0
"""How often everything is listed again, for what nobody told of."""

ROOTS_SECONDS: Final = 2.0
"""How often the places themselves are looked at, since they may come, go and be replaced."""

QUIET_SECONDS: Final = 10.0
"""How often a step is told where nothing is new."""

RETRY_SECONDS: Final = 5.0
"""How long the archive is left alone after a fault."""

STOP_SECONDS: Final = 0.5
"""How long it may take until a stop is seen."""

DATABASE_ENDS: Final = ("-wal", "-journal", "-shm")


def follow(
    archive: str,
    places: Places,
    config: Config,
    *,
    stop: Event,
    told: Callable[[Step], None],
    jobs: int | None = None,
    poll: bool = False,
) -> None:
    """Follow the logs of `places` into the archive at a URL until `stop` is set.

    Each step is `told`, in this thread; without anything new one every ten seconds. With `poll` all
    files are looked at in turn. A fault of the archive is told and what was to be kept is read
    again; what cannot be read or watched is told in a step's notes. In a thread of its own the
    archive learns of reported counts now and then, and mirrors are fed.

    Raises `StoreError` when the archive cannot be opened at first.
    """
    _Follower(open_store(archive), archive, places, config, stop, told, jobs, poll).run()


class _Root(NamedTuple):
    """A place, and what is there now: a directory, a file, or nothing (`identity` None)."""

    path: str
    identity: tuple[int, int] | None
    is_directory: bool


class _Follower:
    """One run of following: what is known of the files, and what is still to be read."""

    def __init__(
        self,
        store: Store,
        archive: str,
        places: Places,
        config: Config,
        stop: Event,
        told: Callable[[Step], None],
        jobs: int | None,
        poll: bool,
    ) -> None:
        self.store = store
        self.archive = archive
        self.places = places
        self.setup = setup_of(config)
        self.stop = stop
        self.told = told
        self.jobs = jobs
        self.poll = poll
        self.eyes = Eyes()
        self.upkeep = Upkeep(archive, config)
        self.activity = Activity()
        self.known = store.progress()
        self.stamps: dict[str, tuple[Stamp | None, ...]] = {}
        self.roots: list[_Root] = []
        self.folders: dict[str, str] = {}
        """Directories by their real paths, as the walk came to them."""
        self.due: dict[str, int] = {}
        """Files to look at, and when they were seen to have changed (µs)."""
        self.backlog: dict[str, Task] = {}
        self.reading: Generator[Kept, None, None] | None = None
        """The slice of the backlog that is being read."""
        self.notes: dict[str, str] = {}
        self.next_sweep = self.next_roots = self.next_quiet = 0.0
        self.began_us = time_ns() // 1000

    def run(self) -> None:
        """Follow until the end."""
        try:
            renew_outdated(self.store, self._setup(), self.jobs, None)
            self.known = self.store.progress()
            self.upkeep.start()
            while not self.stop.is_set():
                self._look()
                try:
                    if not (self._read_live() or self._read_backlog()):
                        self._rest()
                except StoreError as error:
                    self._fail(error)
                self._take(self.eyes.gather(self._patience()))
        finally:
            self.eyes.close()
            self._drop_reading()
            self.store.close()
            self.upkeep.close()

    # What is there

    def _look(self) -> None:
        """See to the places, and list everything where it is time."""
        now = monotonic()
        if now >= self.next_roots:
            self.next_roots = now + ROOTS_SECONDS
            fresh = [*map(_root, self._paths(now >= self.next_sweep))]
            if fresh != self.roots:
                self.roots = fresh
                self._watch()
                self.next_sweep = now
        if now >= self.next_sweep:
            self.next_sweep = now + SWEEP_SECONDS
            self._sweep()

    def _paths(self, anew: bool) -> Sequence[str]:
        if not anew and self.roots:
            return [root.path for root in self.roots]
        return [path for path in self.places() if "://" not in path]

    def _watch(self) -> None:
        mounts = MOUNTS.read_text() if MOUNTS.exists() else ""
        there = [root for root in self.roots if root.identity is not None]
        near = [r.path for r in there if r.is_directory and not on_network(r.path, mounts)]
        far = [r.path for r in there if r.path not in near]
        self.eyes.watch(near, far, poll=self.poll)
        self.notes.pop("", None)
        if self.eyes.fault:
            self.notes[""] = self.eyes.fault

    def _sweep(self) -> None:
        """Take up every file that is not as it was when it was last looked at."""
        listed: list[str] = []
        folders: set[str] = set()
        for found in self._walked([root.path for root in self.roots if root.identity]):
            listed.append(found)
            folders.add(os.path.dirname(found))
        self.folders = {os.path.realpath(folder): folder for folder in folders}
        for path in listed:
            self._notice(path)
        gone = self.stamps.keys() - set(listed)
        for path in gone:
            if not os.path.exists(path):
                del self.stamps[path]

    def _walked(self, paths: Sequence[str]) -> Iterator[str]:
        try:
            for found in walk(paths):
                if isinstance(found, Problem):
                    self.notes[found.path] = found.detail
                else:
                    self.notes.pop(found, None)
                    yield found
        except MissingPath:
            self.next_roots = 0.0

    def _take(self, changed: Iterable[str]) -> None:
        """Take up what the eyes saw: logs, and what directories hold that appeared."""
        for path in changed:
            if any(part in SKIPPED_DIRECTORIES for part in path.split(os.sep)):
                continue
            if os.path.isdir(path):
                for found in self._walked([path]):
                    self._notice(self._usual(found))
                continue
            for end in DATABASE_ENDS:
                path = path.removesuffix(end)
            if LOG_NAME.fullmatch(os.path.basename(path)) or self._is_root(path):
                self._notice(self._usual(path))

    def _is_root(self, path: str) -> bool:
        return any(root.path == path for root in self.roots)

    def _usual(self, path: str) -> str:
        """The name by which a file is known: links may lead to it in several ways."""
        folder, name = os.path.split(path)
        real = os.path.realpath(folder)
        return os.path.join(self.folders.get(real, folder), name)

    def _notice(self, path: str) -> None:
        """A file is due if it is not as it was when it was last looked at."""
        stamps = (stamp_of(path), *(stamp_of(path + end) for end in self._ends(path)))
        if stamps == self.stamps.get(path, (None,)):
            return
        self.stamps[path] = stamps
        known = self.known.get(path)
        if stamps[0] is None and known is None:
            return
        self.due.setdefault(path, time_ns() // 1000)

    def _ends(self, path: str) -> tuple[str, ...]:
        known = self.known.get(path)
        return DATABASE_ENDS[:1] if known is not None and known.mtime_ns == 0 else ()

    # What is read

    def _setup(self) -> Setup:
        learned = self.store.learned()
        if learned != self.setup.learned:
            self.setup = replace(self.setup, learned=learned)
        return self.setup

    def _read_live(self) -> bool:
        """Read what is due and not too much; the rest becomes backlog. Whether anything was."""
        if not self.due:
            return False
        seen, self.due = self.due, {}
        live: list[Task] = []
        room = LIVE_BYTES
        recent_ns = time_ns() - int(LIVE_SECONDS * 1e9)
        tasks = [task for path in seen if (task := self._task(path))]
        for task in sorted(tasks, key=lambda task: task.size):
            self.backlog.pop(task.path, None)
            if task.size <= room and self._written_ns(task.path) >= recent_ns:
                room -= task.size
                live.append(task)
            else:
                self.backlog[task.path] = task
        if not live:
            return False
        begun = monotonic()
        try:
            for kept in read_into(self.store, live, self._setup(), 1):
                self._keep(kept)
                self._tell(kept, begun, [self._written_us(p.path, seen) for p in kept.portions])
                begun = monotonic()
        except StoreError:
            self.due = dict(seen) | self.due
            raise
        return True

    def _read_backlog(self) -> bool:
        """Go a step on with the backlog; whether there was one."""
        if self.reading is None:
            if not self.backlog:
                return False
            self.reading = read_into(self.store, self._slice(), self._setup(), self.jobs)
        begun = monotonic()
        kept = next(self.reading, None)
        if kept is None:
            self.reading = None
            return self._read_backlog()
        self._keep(kept)
        self._tell(kept, begun)
        return True

    def _slice(self) -> list[Task]:
        """The next part of the backlog, the latest files first; small at first, to show soon."""
        room = LIVE_BYTES if not self.activity.last else SLICE_BYTES
        chosen: list[Task] = []
        for path in sorted(self.backlog, key=self._written_ns, reverse=True):
            if chosen and room <= 0:
                break
            task = self._task(path)
            del self.backlog[path]
            if task is not None:
                chosen.append(task)
                room -= task.size
        return chosen

    def _task(self, path: str) -> Task | None:
        return task_for(path, self.known.get(path))

    def _written_ns(self, path: str) -> int:
        stamps = [stamp for stamp in self.stamps.get(path, ()) if stamp]
        return max((stamp[1] for stamp in stamps), default=0)

    def _keep(self, kept: Kept) -> None:
        """Remember how far files are read; those that another process read are looked at again."""
        for portion in kept.portions:
            self.known[portion.path] = progress_after(portion)
            self.notes.pop(portion.path, None)
            if portion.note and (portion.source or not portion.identity):
                self.notes[portion.path] = portion.note
        if kept.dropped:
            paths = [portion.path for portion in kept.dropped]
            for path in paths:
                self.known.pop(path, None)
                self.due.setdefault(path, time_ns() // 1000)
            self.known.update(self.store.progress(paths))
        self.activity.add(kept.portions)
        self.upkeep.moved()

    # What is told

    def _written_us(self, path: str, seen: Mapping[str, int]) -> int:
        """When the oldest that was just read of a file was written, as far as can be told."""
        return max(self.began_us, min(seen[path], self._written_ns(path) // 1000))

    def _tell(self, kept: Kept, begun: float, written_us: Sequence[int] = ()) -> None:
        step = self._step(monotonic() - begun)
        sessions = (s.thread for p in kept.portions for s in p.sessions if not s.is_silent)
        self.told(
            replace(
                step,
                files=len(kept.portions),
                bytes=sum(portion.bytes_covered for portion in kept.portions),
                records=sum(portion.records_covered for portion in kept.portions),
                problems=sum(len(portion.problems) for portion in kept.portions),
                behind_ms=max(0, step.at_us - min(written_us)) // 1000 if written_us else None,
                sessions=tuple(dict.fromkeys(thread.session_id for thread in sessions)),
            )
        )
        self.next_quiet = monotonic() + QUIET_SECONDS

    def _rest(self) -> None:
        """Nothing is new: say so now and then."""
        if monotonic() >= self.next_quiet:
            self.next_quiet = monotonic() + QUIET_SECONDS
            self.told(self._step(0.0))

    def _fail(self, error: StoreError) -> None:
        """Tell a fault of the archive, leave it alone for a while, and open it anew."""
        if self.reading is not None:
            self._drop_reading()
            self.stamps.clear()
            self.next_sweep = 0.0
        self.told(replace(self._step(0.0), fault=str(error)))
        if self.stop.wait(RETRY_SECONDS) or self.archive == PRIVATE:
            return
        with suppress(StoreError):
            fresh = open_store(self.archive)
            self.store.close()
            self.store = fresh

    def _drop_reading(self) -> None:
        if self.reading is not None:
            self.reading.close()
            self.reading = None

    def _step(self, seconds: float) -> Step:
        now_us = time_ns() // 1000
        return Step(
            at_us=now_us,
            seconds=seconds,
            active_sessions=self.activity.active(now_us),
            last=self.activity.last,
            backlog_files=len(self.backlog),
            backlog_bytes=sum(task.size for task in self.backlog.values()),
            notes=self.notes | self.upkeep.notes,
        )

    def _patience(self) -> float:
        """How long the eyes may wait."""
        if self.due or self.backlog or self.reading is not None or self.stop.is_set():
            return 0.0
        waits = min(self.next_roots, self.next_sweep, self.next_quiet) - monotonic()
        return min(max(0.0, waits), STOP_SECONDS)


def _root(path: str) -> _Root:
    try:
        told = os.stat(path)
    except (OSError, ValueError):
        return _Root(path, None, False)
    return _Root(path, (told.st_dev, told.st_ino), stat.S_ISDIR(told.st_mode))
