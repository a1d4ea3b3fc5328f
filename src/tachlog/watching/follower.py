"""The loop that follows files: live ones first, a backlog in steps between them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from threading import Event
from time import monotonic, time_ns
from typing import Final

from msgspec.structs import replace

from tachlog.config import Config
from tachlog.engines import Setup, Task, progress_after
from tachlog.engines.work import LIVE
from tachlog.hooks.facts import Spool
from tachlog.pipeline import Kept, read_into, setup_of, task_for
from tachlog.stores import PRIVATE, Store, StoreError, open_store
from tachlog.upgrade import renew_outdated
from tachlog.watching.afar import Afar
from tachlog.watching.listing import Listing
from tachlog.watching.places import Places
from tachlog.watching.steps import Activity, Step
from tachlog.watching.upkeep import Upkeep

LIVE_SECONDS: Final = 600.0
"""What was written so lately is read before everything else."""

LIVE_BYTES: Final = 8 << 20
"""Unread bytes that are read at once; a file with more of them is backlog."""

LIVE_FILES: Final = 32
"""So many files are kept together: what is written while one waits for the others waits as well."""

SLICE_BYTES: Final = 256 << 20
"""Bytes of a backlog that are handed to the engine together, the latest files first."""

BACKLOG_SHARE: Final = 0.5
"""A backlog is read for so much of the time that live files take, however many of them grow."""

QUIET_SECONDS: Final = 10.0
"""How often a step is told where nothing is new."""

RETRY_SECONDS: Final = 5.0
"""How long the archive is left alone after a fault."""

STOP_SECONDS: Final = 0.5
"""How long it may take until a stop is seen."""


def follow(
    archive: str,
    places: Places,
    config: Config,
    *,
    stop: Event,
    told: Callable[[Step], None],
    jobs: int | None = None,
    poll: bool = False,
    hooks: str | None = None,
) -> None:
    """Follow the logs of `places` into the archive at a URL until `stop` is set.

    Each step is `told`, in this thread; without anything new one every ten seconds. With `poll` all
    files are looked at in turn. A fault of the archive is told and what was to be kept is read
    again; what cannot be read or watched is told in a step's notes. Threads of its own ask SQL
    tables every five seconds and files on servers every minute, and let the archive learn of
    reported counts and feed its mirrors now and then. What hooks told is taken from the spool
    `hooks` within half a second.

    Raises `StoreError` when the archive cannot be opened at first.
    """
    follower = _Follower(open_store(archive), archive, places, config, stop, told, jobs, poll)
    follower.spool = None if hooks is None else Spool(hooks)
    follower.run()


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
        self.setup = setup_of(config)
        self.stop = stop
        self.told = told
        self.jobs = jobs
        self.listing = Listing(places, self._is_known, self._is_database, poll=poll)
        self.afar = Afar(archive, places, config, self.listing.eyes.wake)
        self.upkeep = Upkeep(archive, config)
        self.activity = Activity()
        self.known = store.progress()
        self.spool: Spool | None = None
        self.backlog: dict[str, Task] = {}
        self.reading: Generator[Kept, None, None] | None = None
        """The slice of the backlog that is being read."""
        self.owed = 0.0
        """Seconds that the backlog has to come."""
        self.notes: dict[str, str] = {}
        self.next_quiet = 0.0
        self.began_us = time_ns() // 1000

    def run(self) -> None:
        """Follow until the end."""
        try:
            renew_outdated(self.store, self._setup(), self.jobs, None)
            self.known = self.store.progress()
            self.afar.start()
            self.upkeep.start()
            while not self.stop.is_set():
                self.listing.look()
                try:
                    self._listen()
                    if not self._read():
                        self._rest()
                except StoreError as error:
                    self._fail(error)
                self.listing.take(self.listing.eyes.gather(self._patience()))
                self._hear()
        finally:
            self.listing.eyes.close()
            self._drop_reading()
            self.store.close()
            self.afar.close()
            self.upkeep.close()

    def _listen(self) -> None:
        """Keep what hooks told since the last look."""
        heard = self.spool.look() if self.spool else {}
        if self.spool and heard:
            try:
                self.store.keep_hooked(heard, time_ns() // 1000)
            except StoreError:
                self.spool.forget()
                raise

    def _is_known(self, path: str) -> bool:
        return path in self.known

    def _is_database(self, path: str) -> bool:
        known = self.known.get(path)
        return known is not None and known.mtime_ns == LIVE

    def _hear(self) -> None:
        """Tell what was read of tables and of files on servers."""
        while not self.afar.heard.empty():
            heard = self.afar.heard.get()
            if heard.fault is not None:
                self.told(replace(self._step(0.0), fault=heard.fault))
                continue
            self.activity.add(heard.kept.portions)
            self.upkeep.moved()
            self._tell(heard.kept, heard.seconds)

    # What is read

    def _setup(self) -> Setup:
        learned = self.store.learned()
        if learned != self.setup.learned:
            self.setup = replace(self.setup, learned=learned)
        return self.setup

    def _read(self) -> bool:
        """Read live files, and of the backlog its share of the time; whether there was anything."""
        begun = monotonic()
        was_live = self._read_live()
        read = monotonic()
        self.owed = self.owed + (read - begun) * BACKLOG_SHARE if was_live else 0.0
        if was_live and self.owed <= 0.0:
            return True
        was_backlog = self._read_backlog()
        self.owed -= monotonic() - read
        return was_live or was_backlog

    def _read_live(self) -> bool:
        """Read what has been due longest, and not too much at once; whether anything was."""
        seen: dict[str, int] = {}
        live: list[Task] = []
        room = LIVE_BYTES
        recent_ns = time_ns() - int(LIVE_SECONDS * 1e9)
        for path in list(self.listing.due):
            task = self._task(path)
            is_live = (
                task is not None
                and task.size <= LIVE_BYTES
                and self.listing.written_ns(path) >= recent_ns
            )
            if task and is_live and (len(live) == LIVE_FILES or task.size > room):
                break
            seen[path] = self.listing.due.pop(path)
            self.backlog.pop(path, None)
            if task and is_live:
                room -= task.size
                live.append(task)
            elif task:
                self.backlog[path] = task
        if not live:
            return False
        begun = monotonic()
        try:
            for kept in read_into(self.store, live, self._setup(), 1):
                self._keep(kept)
                self._tell(kept, begun, [self._written_us(p.path, seen) for p in kept.portions])
                begun = monotonic()
        except StoreError:
            self.listing.due = seen | self.listing.due
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
        for path in sorted(self.backlog, key=self.listing.written_ns, reverse=True):
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
                self.listing.due.setdefault(path, time_ns() // 1000)
            self.known.update(self.store.progress(paths))
        self.activity.add(kept.portions)
        self.upkeep.moved()

    # What is told

    def _written_us(self, path: str, seen: Mapping[str, int]) -> int:
        """When the oldest that was just read of a file was written, as far as can be told."""
        return max(self.began_us, min(seen[path], self.listing.written_ns(path) // 1000))

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
            self.listing.forget()
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
            notes=self.notes | self.listing.notes | self.afar.notes | self.upkeep.notes,
        )

    def _patience(self) -> float:
        """How long the eyes may wait."""
        busy = self.listing.due or self.backlog or self.reading is not None
        if busy or self.stop.is_set():
            return 0.0
        waits = min(self.listing.next_look(), self.next_quiet) - monotonic()
        return min(max(0.0, waits), STOP_SECONDS)
