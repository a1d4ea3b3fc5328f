"""Follow what tells nobody of changes: SQL tables and files on servers, asked again and again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import Final, NamedTuple

from msgspec.structs import replace

from tachlog.config import Config
from tachlog.engines import Task
from tachlog.engines.work import remember_rows
from tachlog.model import is_table
from tachlog.pipeline import Kept, Wanted, read_into, setup_of, task_for
from tachlog.stores import PRIVATE, Progress, Store, StoreError, open_store
from tachlog.watching.places import Places

TABLE_SECONDS: Final = 5.0
"""How often tables are asked."""

REMOTE_SECONDS: Final = 60.0
"""How often files on servers are listed."""

OVERLAP_S: Final = 15.0
"""How far back of its last row a table is read again each time, for rows that are committed late or
changed in place …"""

LONG_OVERLAP_S: Final = 120.0
LONG_SECONDS: Final = 30.0
"""… and how far back every so often: reading two minutes of a busy table again is work."""


class Heard(NamedTuple):
    """What one transaction kept, and how long reading it took; `fault` when the archive failed."""

    kept: Kept
    seconds: float
    fault: str | None = None


class Afar:
    """Follows URLs into an archive, in a thread with its own opening of it."""

    def __init__(
        self, archive: str, places: Places, config: Config, wake: Callable[[], None]
    ) -> None:
        self.heard = SimpleQueue[Heard]()
        self.notes: dict[str, str] = {}
        """What cannot be read, by name."""
        self._archive = archive
        urls = [path for path in places() if "://" in path]
        self._tables = [url for url in urls if is_table(url)]
        self._remote = [url for url in urls if not is_table(url)]
        self._config = config
        self._wake = wake
        self._end = Event()
        self._thread = Thread(target=self._run, name="tachlog-afar", daemon=True)
        self._next_long = self._next_remote = 0.0

    def start(self) -> None:
        """Begin, if there is anything to follow."""
        if self._archive != PRIVATE and (self._tables or self._remote):
            self._thread.start()

    def close(self) -> None:
        """End; a step that was begun is ended."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            remember_rows()
            self._next_long = 0.0
            try:
                with closing(open_store(self._archive)) as store:
                    while not self._end.is_set():
                        begun = monotonic()
                        if not self._step(store):
                            break
                        self._end.wait(max(0.0, begun + TABLE_SECONDS - monotonic()))
            except StoreError as error:
                self._hear(Heard(Kept([], []), 0.0, str(error)))
            self._end.wait(TABLE_SECONDS)

    def _step(self, store: Store) -> bool:
        """Read what is new; False when another process was first with some of it."""
        now = monotonic()
        urls = list(self._tables)
        if self._remote and now >= self._next_remote:
            self._next_remote = now + REMOTE_SECONDS
            urls += self._remote
        overlap_s = OVERLAP_S
        if now >= self._next_long:
            self._next_long = now + LONG_SECONDS
            overlap_s = LONG_OVERLAP_S
        wanted = Wanted(urls)
        known = store.progress(wanted.paths)
        tasks = [_task(wanted, path, known.get(path), overlap_s) for path in wanted.paths]
        self.notes = dict(wanted.notes)
        setup = replace(setup_of(self._config), addresses=wanted.addresses, learned=store.learned())
        begun = monotonic()
        was_first = True
        for kept in read_into(store, [*filter(None, tasks)], setup, 1):
            for portion in kept.portions:
                if portion.note:
                    self.notes[portion.path] = portion.note
            self._hear(Heard(kept, monotonic() - begun))
            begun = monotonic()
            was_first = was_first and not kept.dropped
            if self._end.is_set():
                break
        return was_first

    def _hear(self, heard: Heard) -> None:
        self.heard.put(heard)
        self._wake()


def _task(wanted: Wanted, path: str, known: Progress | None, overlap_s: float) -> Task | None:
    task = task_for(path, known, wanted.listed.get(path))
    return replace(task, overlap_s=overlap_s) if task is not None and is_table(path) else task
