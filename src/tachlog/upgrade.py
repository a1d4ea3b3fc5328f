"""Read again what an earlier revision of a log format told, so that the archive tells it anew.

What the files told is replaced in one transaction for each group of sessions: a run that is killed
leaves them as they were or as they are now, and whoever runs next goes on.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from tachlog.analysis.summary import RenewedView
from tachlog.engines import Setup, Task
from tachlog.stores import Figures, Portion, Progress, Renewal, Store

if TYPE_CHECKING:
    from tachlog.sources import Source

NOTE: Final = "sources"
"""Under this name the archive notes which code of the formats it was brought up to date by."""

AT_ONCE_BYTES: Final = 256 << 20
"""Log bytes that are read before what they gave is written."""

WRITE_BYTES: Final = 16 << 20
"""Log bytes whose sessions are replaced in one transaction, unless they hang together."""

BATCH_BYTES: Final = 4 << 20
"""Encoded portions that are written together."""

_portions: Final = msgspec.msgpack.Decoder(Portion)

Shown = Callable[[int, int], None]


def renew_outdated(
    store: Store, setup: Setup, jobs: int | None, progress: Shown | None
) -> list[RenewedView]:
    """Read again the files that an earlier revision of their format read, and say what moved.

    Raises `StoreError` when the archive fails. Files that another process reads meanwhile are left
    to the next run.
    """
    from tachlog.sources import code_stamp

    stamp = code_stamp()
    noted = _noted(store)
    if noted.stamp == stamp and not any(_is_there(path, setup) for path in noted.gone):
        return []
    moved, gone = _renew(store, setup, jobs, progress)
    if not moved.late:
        store.note(NOTE, msgspec.json.encode(_Noted(stamp, gone)).decode())
    return moved.told()


class _Noted(Struct, array_like=True):
    """With which code every file was read, but for what files that were `gone` then told."""

    stamp: str = ""
    gone: list[str] = []


def _noted(store: Store) -> _Noted:
    found = store.noted(NOTE)
    return msgspec.json.decode(found, type=_Noted) if found else _Noted()


def _renew(
    store: Store, setup: Setup, jobs: int | None, progress: Shown | None
) -> tuple[_Moved, list[str]]:
    """What moved, and the files that are gone where that keeps something from being read again."""
    from tachlog.engines.work import prepare
    from tachlog.sources import all_sources

    known = store.progress()
    sources = all_sources() if known else {}
    outdated = {
        path: was.source
        for path, was in known.items()
        if was.source in sources and was.revision < sources[was.source].revision
    }
    moved = _Moved(outdated, sources)
    if not outdated:
        return moved, []
    gone = {path for path in known if not _is_there(path, setup)}
    renewals, staying, kept = store.renewals(outdated, gone)
    moved.stay(staying)
    moved.kept.update(outdated[path] for path in kept)
    measure = prepare(setup)
    total = sum(known[path].size for renewal in renewals for path in renewal.files)
    done = 0
    for part in _parts(renewals, known, AT_ONCE_BYTES):
        told = _read_again(part, known, setup, jobs)
        whole = [renewal for renewal in part if renewal.files <= told.keys()]
        for renewal in part:
            if renewal not in whole:
                moved.stay(renewal.outdated)
        for _, alike in groupby(sorted(whole, key=moved.source), moved.source):
            for some in _parts(alike, known, WRITE_BYTES):
                together = Renewal(
                    frozenset().union(*(one.outdated for one in some)),
                    frozenset().union(*(one.files for one in some)),
                )
                moved.add(together, store.renew(together, _batches(together, told), measure))
                done += sum(known[path].size for path in together.files)
                if progress is not None:
                    progress(done, total)
    return moved, sorted(gone) if staying or outdated.keys() & gone else []


def _is_there(path: str, setup: Setup) -> bool:
    return path in setup.addresses if "://" in path else os.path.isfile(path)


def _parts(
    renewals: Iterable[Renewal], known: Mapping[str, Progress], most_bytes: int
) -> Iterator[list[Renewal]]:
    """Renewals in order, in parts of about so many bytes of logs."""
    part: list[Renewal] = []
    size = 0
    for renewal in renewals:
        part.append(renewal)
        size += sum(known[path].size for path in renewal.files)
        if size >= most_bytes:
            yield part
            part, size = [], 0
    if part:
        yield part


def _read_again(
    renewals: Sequence[Renewal], known: Mapping[str, Progress], setup: Setup, jobs: int | None
) -> dict[str, list[bytes]]:
    """The encoded portions of each file; files that do not tell what they told are left out."""
    from tachlog.engines import local

    paths = {path for renewal in renewals for path in renewal.files}
    tasks = [Task(path, known[path], known[path].size, again=True) for path in sorted(paths)]
    told: dict[str, list[bytes]] = defaultdict(list)
    for readings in local.run(tasks, jobs, setup):
        for portion in filter(None, (reading.portion for reading in readings)):
            told[portion.path].append(msgspec.msgpack.encode(portion))
            if portion.note and portion.offset < known[portion.path].offset:
                told[portion.path].clear()
    return {path: portions for path, portions in told.items() if portions}


def _batches(renewal: Renewal, told: Mapping[str, list[bytes]]) -> Iterator[list[Portion]]:
    """The portions of a renewal's files, decoded as they are written."""
    batch: list[Portion] = []
    size = 0
    for path in sorted(renewal.files):
        for encoded in told[path]:
            batch.append(_portions.decode(encoded))
            size += len(encoded)
            if size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


class _Moved:
    """What reading again changed so far, by the sources whose revision was raised."""

    def __init__(self, outdated: Mapping[str, str], sources: Mapping[str, Source]) -> None:
        self.late = False
        self.outdated = outdated
        self.sources = sources
        self.files: Counter[str] = Counter()
        self.staying: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        """Files that stay since operations of their sessions were deleted."""
        self.before: dict[str, Figures] = defaultdict(Figures)
        self.after: dict[str, Figures] = defaultdict(Figures)

    def source(self, renewal: Renewal) -> str:
        """The source that figures are counted for, where several tell them the first one."""
        return min(self.outdated[path] for path in renewal.outdated)

    def stay(self, paths: Collection[str]) -> None:
        """Count files that stay as they were read."""
        self.staying.update(self.outdated[path] for path in paths)

    def add(self, renewal: Renewal, figures: tuple[Figures, Figures] | None) -> None:
        """Count a renewal: its figures before and after, None if another process was first."""
        if figures is None:
            self.late = True
            return
        before, after = figures
        self.files.update(self.outdated[path] for path in renewal.outdated)
        self.before[self.source(renewal)] += before
        self.after[self.source(renewal)] += after

    def told(self) -> list[RenewedView]:
        """What moved, by source."""
        return [
            RenewedView(
                source=name,
                title=self.sources[name].title,
                revision=self.sources[name].revision,
                change=self.sources[name].change,
                files=self.files[name],
                staying=self.staying[name],
                kept=self.kept[name],
                calls_before=self.before[name].calls,
                calls=self.after[name].calls,
                tool_calls_before=self.before[name].tool_calls,
                tool_calls=self.after[name].tool_calls,
                tokens_before=self.before[name].tokens,
                tokens=self.after[name].tokens,
            )
            for name in sorted({*self.files, *self.staying, *self.kept})
        ]
