"""The program on one page: find what is new, read it, build sessions, measure, keep, go on.

files ─▶ tasks ─▶ engine (frames ▸ source ▸ sessions) ─▶ portions ─▶ store (merge ▸ own ▸ measure)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from time import perf_counter
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from tachlog.analysis.summary import RenewedView
from tachlog.config import Config
from tachlog.discovery import LOG_NAME, walk
from tachlog.engines import Engine, Setup, Task
from tachlog.engines.choice import engine_of
from tachlog.frames import FrameError, Status, find_remote, status_of, table_name
from tachlog.model import Problem, is_remote, is_table
from tachlog.stores import Portion, Progress, Store
from tachlog.upgrade import renew_outdated

ROUNDS: Final = 3
"""How often files that another process read meanwhile are taken up again."""

FEW: Final = 100
"""Up to so many files the archive is asked for these alone, beyond it for all that it knows."""

Shown = Callable[[int, int], None]
"""Told of progress: bytes read, bytes to read."""


class ReadNow(Struct, frozen=True):
    """What one run read: files with something new, their bytes and records.

    `paths` are all files that were asked for, `notes` those of them (or of what was looked for)
    that could not be read and why; files that are no logs are not among them. `renewed` is what
    newer revisions of formats changed of what had been read before.
    """

    files: int
    bytes: int
    records: int
    problems: int
    seconds: float
    paths: tuple[str, ...]
    notes: dict[str, str]
    renewed: tuple[RenewedView, ...] = ()


def bring_up_to_date(
    store: Store,
    paths: Sequence[str],
    config: Config,
    *,
    jobs: int | None = None,
    progress: Shown | None = None,
    engine: Engine | None = None,
) -> ReadNow:
    """Read everything below `paths` that the archive does not have yet.

    What an earlier revision of a format had told of any file is told anew before, with `jobs`
    processes of this machine whatever the engine (None: processes).

    Raises `MissingPath` for a path that is not there and `StoreError` when the archive fails,
    `EngineError` when the engine does;
    whatever stands in the logs ends up in the archive or in its problems.
    """
    begun = perf_counter()
    wanted = Wanted(paths)
    setup = msgspec.structs.replace(
        setup_of(config), addresses=wanted.addresses, learned=store.learned()
    )
    renewed = renew_outdated(store, setup, jobs, progress)
    tally = Tally()
    for _ in range(ROUNDS):
        tasks = wanted.tasks(store)
        total = sum(task.size for task in tasks)
        late = False
        for kept in read_into(store, tasks, setup, jobs, engine):
            late = late or bool(kept.dropped)
            tally.add(kept.portions)
            if progress is not None:
                progress(min(tally.bytes, total), total)
        if not late:
            break
    learn(store, setup, config)
    return ReadNow(
        len(tally.files),
        tally.bytes,
        tally.records,
        tally.problems,
        perf_counter() - begun,
        tuple(wanted.paths),
        wanted.notes | tally.notes,
        tuple(renewed),
    )


class Kept(NamedTuple):
    """Portions that one transaction kept, and those it dropped: another process had been first."""

    portions: list[Portion]
    dropped: list[Portion]


def read_into(
    store: Store,
    tasks: Sequence[Task],
    setup: Setup,
    jobs: int | None = None,
    engine: Engine | None = None,
) -> Generator[Kept, None, None]:
    """Read the tasks into the store, a transaction at a time."""
    if not tasks:
        return
    from tachlog.engines.work import prepare

    measure = prepare(setup)
    for readings in (engine or engine_of(None, jobs))(tasks, setup):
        portions = [reading.portion for reading in readings if reading.portion is not None]
        dropped = store.write(portions, measure) if portions else []
        kept = [each for each in portions if not any(each is late for late in dropped)]
        yield Kept(kept, dropped)


def task_for(path: str, known: Progress | None, status: Status | None = None) -> Task | None:
    """What is to be done for a file; None when nothing is, which costs one stat."""
    if is_table(path):
        return Task(path, known, 0)
    try:
        status = status or status_of(path)
    except FrameError:
        return Task(path, known, 0)
    if known is None:
        return Task(path, None, status.size)
    if known.done and (known.size, known.mtime_ns) == (status.size, status.mtime_ns):
        return None
    return Task(path, known, max(0, status.size - known.offset))


def learn(store: Store, setup: Setup, config: Config) -> None:
    """Let the archive learn of its reported counts how far its estimates are off, if any is new."""
    learns = config.estimates.factors == "learned"
    if store.unlearned(learns=learns):
        from tachlog.engines.work import measurer_of

        store.learn(measurer_of(setup), learns=learns)


def setup_of(config: Config) -> Setup:
    """What reading needs of a configuration."""
    return Setup(
        config.signals.errors,
        config.signals.behaviors,
        str(config.prices.file) if config.prices.file else None,
        config.projects,
        config.analysis.complexity_factors,
        config.sources.mappings,
    )


class Wanted:
    """What was asked for: `paths` by the names that they have here and in the archive.

    Tables and files on servers are called by their URLs without user, password and options: the
    URLs themselves are their `addresses`. `listed` has what servers told of files when they were
    listed, `notes` what could not be looked at.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths: list[str] = []
        self.addresses: dict[str, str] = {}
        self.listed: dict[str, Status] = {}
        self.notes: dict[str, str] = {}
        for url in dict.fromkeys(path for path in paths if "://" in path):
            self._url(url)
        for found in walk([path for path in paths if "://" not in path]):
            if isinstance(found, Problem):
                self.notes[found.path] = found.detail
            else:
                self.paths.append(found)

    def _url(self, url: str) -> None:
        found: Mapping[str, Status | None]
        try:
            if is_remote(url):
                found = find_remote(url, lambda name: LOG_NAME.fullmatch(name) is not None)
            else:
                found = {table_name(url): None}
        except FrameError as error:
            self.notes[error.path] = error.detail
            return
        for name, status in found.items():
            address = name if name.startswith("s3://") else url
            if self.addresses.setdefault(name, address) != address:
                self.notes[name] = "is named twice, with other options: name it once"
            elif name not in self.listed:
                self.paths.append(name)
            if status is not None:
                self.listed[name] = status

    def tasks(self, store: Store) -> list[Task]:
        """What is to be done; nothing for files that are still as they were read to their end."""
        at_rest = store.at_rest(self.paths if len(self.paths) <= FEW else None)
        moved = [path for path in self.paths if not self._rests(path, at_rest.get(path))]
        known = store.progress(moved) if moved else {}
        tasks = (task_for(path, known.get(path), self.listed.get(path)) for path in moved)
        return [task for task in tasks if task is not None]

    def _rests(self, path: str, was: tuple[int, int] | None) -> bool:
        """Whether a file has the size and time that it had when it was read to its end."""
        if was is None:
            return False
        if "://" in path or path in self.listed:
            status = self.listed.get(path)
            return status is not None and (status.size, status.mtime_ns) == was
        try:
            found = os.stat(path)
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == was


class Tally:
    """What a run has read so far."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.bytes = 0
        self.records = 0
        self.problems = 0
        self.notes: dict[str, str] = {}

    def add(self, portions: Sequence[Portion]) -> None:
        """Count what was kept."""
        for portion in portions:
            if portion.note and (portion.source or not portion.identity):
                self.notes[portion.path] = portion.note
            self.files.add(portion.path)
            self.bytes += portion.bytes_covered
            self.problems += len(portion.problems)
            self.records += portion.records_covered
