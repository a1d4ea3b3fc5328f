"""Stores keep rows and give them back; they do not think.

A store is opened by URL. Writing happens in batches: each is one transaction that first checks that
the files' progress is still what the batch was read from; a batch that comes late drops itself.
Returning means safe; else a store raises `StoreError`. Several processes may write and read at
once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from tachlog.analysis.archive import Archive
from tachlog.analysis.exporting import Export
from tachlog.analysis.selection import FileReport, Selection
from tachlog.hooks.facts import Hooked, Key
from tachlog.metrics import Measured
from tachlog.metrics.calibration import Learned
from tachlog.model import Problem, SpanPlace
from tachlog.sessions import Session
from tachlog.stores.counting import Counting, TableSize
from tachlog.stores.following import AlertFacts, Change, Mirrored, MirrorState, Outgoing
from tachlog.stores.holding import Personal
from tachlog.stores.measure import Measure
from tachlog.stores.people import People

if TYPE_CHECKING:
    from tachlog.stores.alerting import Alerting
    from tachlog.stores.searching import Finding

PRIVATE = "private:"
"""The URL of an archive that vanishes when it is closed."""


class StoreError(Exception):
    """The archive cannot do what was asked; the message says what, where and what to do."""


class Portion(Struct, array_like=True):
    """What one reading of a part of one file gave, and the progress that goes with it.

    `expected` is the progress that the reading began from, None for a file that was not known: if
    it moved meanwhile, the portion is dropped. The file was read up to `offset`; `identity` is the
    encoded `frames.FileId` of the file then. `replaced` marks a file that was rewritten and is read
    again from its beginning. `done` is False while there is more to read at once. `source` is None
    when no format claims the file; `note` says why it, or a part of it, could not be read.
    `unread` are the problems of parts of records that were read; they are no records of their own.
    `measured` has the figures of the sessions, each as if this portion were all that is told of it.
    `owner` is whose work it tells, None where nobody said; `machine` where it was written, None for
    the machine that reads it.
    `spans` and `names` are of traces, as in `model.Reading`.
    """

    path: str
    source: str | None
    revision: int
    identity: bytes
    size: int
    mtime_ns: int
    expected: tuple[bytes, int] | None
    offset: int
    tail_bytes: int
    state: bytes
    replaced: bool
    sessions: list[Session]
    record_keys: list[int]
    skipped: dict[str, int]
    unknown: dict[str, int]
    problems: list[Problem]
    read_us: int
    done: bool = True
    note: str | None = None
    measured: list[Measured] = []
    spans: list[SpanPlace] = []
    unread: list[Problem] = []
    owner: str | None = None
    machine: str | None = None
    names: dict[str, str] = {}

    @property
    def bytes_covered(self) -> int:
        """How many bytes (rows of a table) it covers."""
        before = 0 if self.expected is None or self.replaced else self.expected[1]
        return max(0, self.offset - before)

    @property
    def records_covered(self) -> int:
        """How many records it covers."""
        return len(self.record_keys) + len(self.problems) + sum(self.skipped.values())


class Progress(Struct, frozen=True, array_like=True):
    """How far a file was read, and the state to go on with."""

    path: str
    source: str | None
    revision: int
    identity: bytes
    size: int
    mtime_ns: int
    offset: int
    tail_bytes: int
    state: bytes
    done: bool


class Renewal(Struct, frozen=True):
    """Files to be read again together, since a newer revision tells something else of `outdated`.

    `files` are these and all others that tell of the same threads.
    """

    outdated: frozenset[str]
    files: frozenset[str]


class Figures(Struct, frozen=True):
    """What some threads come to: model calls, tool calls, tokens."""

    calls: int = 0
    tool_calls: int = 0
    tokens: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.calls + other.calls,
            self.tool_calls + other.tool_calls,
            self.tokens + other.tokens,
        )


class Cut(Struct, frozen=True):
    """What is deleted: operations that ended before `cut_us`, a midnight of `zone`.

    `rule` is the key of the configuration that says so, `now_us` the time of the job.
    """

    cut_us: int
    zone: str
    rule: str
    now_us: int


class Old(Struct, frozen=True):
    """Operations from before a moment, by table, of which threads; when the first one was."""

    threads: list[int]
    operations: dict[str, int]
    first_us: int | None


class Pruned(Struct, frozen=True):
    """That operations of a thread were deleted, and how many.

    Those before `cut_us` were, at `pruned_us`, as the key `rule` of the configuration says.
    """

    cut_us: int
    pruned_us: int
    rule: str
    operations: int


class Past(Protocol):
    """The operations of an archive that are old, and the way to be rid of them."""

    def old(self, cut_us: int) -> Old:
        """The operations from before a moment; what has no time is of no age."""
        ...

    def by_day(self) -> list[tuple[int, int]]:
        """How many operations each day (UTC, since the epoch) has, in order."""
        ...

    def prune(self, measure: Measure, cut: Cut, threads: Collection[int]) -> int:
        """Delete what some threads did before a moment, in one transaction; gives how many."""
        ...

    def ended(self, before_us: int) -> list[int]:
        """The threads of sessions that had ended, sub-agents and all, before a moment."""
        ...

    def forget(self, measure: Measure, cut: Cut, threads: Collection[int]) -> int:
        """Delete threads with their figures, in one transaction; gives how many sessions."""
        ...

    def of(self, session_id: str) -> Pruned | None:
        """What was deleted of a session's operations; None where they are all there."""
        ...

    def rebuild(self, measure: Measure, *, writes: bool) -> tuple[list[str], int]:
        """The sessions whose figures are wrong, how many totals; `writes` puts them right."""
        ...

    def compact(self) -> None:
        """Forget words that nothing has any more, and give the space of deleted rows back."""
        ...


class Store(Archive, Protocol):
    """What every store can do: what analysis asks of it, and how it is filled."""

    url: str
    people: People
    finding: Finding
    past: Past
    personal: Personal

    @property
    def came_from(self) -> int:
        """The version of the archive when it was opened; 0: it was made."""

    @property
    def counting(self) -> Counting:
        """Counts of what there is and what happened lately."""

    @property
    def alerting(self) -> Alerting:
        """What is kept of alerts."""

    def progress(self, paths: Collection[str] | None = None) -> dict[str, Progress]:
        """The progress of every known file, or of these, by path."""

    def at_rest(self, paths: Collection[str] | None = None) -> dict[str, tuple[int, int]]:
        """Size and time (ns) of every file that was read to its end, or of these, by path."""

    def write(self, portions: Sequence[Portion], measure: Measure) -> list[Portion]:
        """Keep portions in one transaction; gives back those whose file another process read."""

    def renewals(
        self, outdated: Collection[str], gone: Collection[str]
    ) -> tuple[list[Renewal], list[str], list[str]]:
        """What to read again for the outdated files, and those that stay.

        First those of which others that told the same are gone, then those of which operations
        were deleted.
        """

    def renew(
        self, renewal: Renewal, batches: Iterable[Sequence[Portion]], measure: Measure
    ) -> tuple[Figures, Figures] | None:
        """Keep portions of a renewal's files, all from their start, in place of what they told.

        One transaction; gives the figures before and after, None (and nothing is changed) when
        another process read one of the files.
        """

    def learn(self, measure: Measure, *, learns: bool = True) -> Learned:
        """Learn of the reported counts, and make every estimate anew that this moves."""

    def unlearned(self, *, learns: bool = True) -> bool:
        """Whether there is something of which the archive has not learned yet."""

    def noted(self, name: str) -> str | None:
        """A note that a program left in the archive."""

    def note(self, name: str, value: str) -> None:
        """Leave a note."""

    def last_change(self) -> int:
        """The number of the last change: figures, or what hooks told, were kept; 0 before."""

    def keep_hooked(self, told: Mapping[Key, Hooked], now_us: int) -> None:
        """Keep what hooks told last of threads, unless something later is known."""

    def shared(self, session_id: str) -> dict[str, int]:
        """How many operations that a thread tells another session owns, by that session's id."""

    def count(self) -> int:
        """How many main conversations are known."""

    def neighbours(self, session_ids: Collection[str]) -> set[str]:
        """The ids of main conversations next to these in the order of the alphabet."""

    def find(self, prefix: str) -> list[str]:
        """Session ids that begin with the prefix, or whose last part does."""

    def files_of(self, session_id: str) -> list[str]:
        """The files that tell a thread."""

    def files(self, *, odd: bool = False) -> list[FileReport]:
        """Every file that was looked at; `odd`: those with a note or records of unknown kinds."""

    def last_read_us(self) -> int | None:
        """When a file was read last; None before any was."""

    def export(self, selection: Selection) -> AbstractContextManager[Export]:
        """One state of the archive, to be read table by table and day by day."""

    def mirror(self, name: str) -> MirrorState:
        """How far a mirror was fed."""

    def behind(self, mirror: MirrorState) -> int:
        """How many threads changed that a mirror was not fed with."""

    def changes(self, mirror: MirrorState) -> list[Change]:
        """The next threads that changed, in order; none when the mirror has everything."""

    def outgoing(self, mirror: MirrorState) -> list[Outgoing]:
        """The next threads that changed, as each telling tells them; none when all were given."""

    def alerts(self, since_us: int | None) -> list[AlertFacts]:
        """Alerts that were triggered or acknowledged since then; all of them for None."""

    def keep_mirror(
        self, mirror: MirrorState, written: Sequence[tuple[Change, Mirrored | None]] = ()
    ) -> None:
        """Keep how far a mirror was fed, and where it has the points of these threads."""

    def forget_mirror(self, name: str) -> None:
        """Forget what a mirror was fed with: it is fed from the start."""

    def size(self) -> int:
        """Bytes that the archive takes."""

    def tables(self) -> list[TableSize]:
        """The tables of the archive, the largest first."""

    def close(self) -> None:
        """Let go of the archive."""


def shown(url: str) -> str:
    """The URL of an archive without user, password and options."""
    scheme, is_url, rest = url.partition("://")
    if not is_url or scheme == "sqlite":
        return url
    place = rest.partition("?")[0]
    return f"{scheme}://{place.rpartition('@')[2]}"


def open_store(url: str) -> Store:
    """Open the archive at a URL: a path, `sqlite:///path` or `postgresql://user@host/database`.

    `private:` vanishes when it is closed. The archive's own `url` holds no password.

    An archive of an earlier version is brought to this one, which is logged. Raises `StoreError`
    when it cannot be opened, is corrupt, locked, or from a newer version.
    """
    scheme = url.partition(":")[0] if "://" in url else "sqlite"
    module = {"sqlite": "sqlite", "postgres": "postgres", "postgresql": "postgres"}.get(scheme)
    if module is None:
        raise StoreError(
            f"{scheme}: no such kind of archive; use a path, sqlite:///path or "
            "postgresql://user@host/database"
        )
    store: Store = import_module(f"{__name__}.{module}").open_archive(url)
    return store


__all__ = [
    "PRIVATE",
    "Cut",
    "Figures",
    "Measure",
    "Old",
    "Portion",
    "Progress",
    "Pruned",
    "Renewal",
    "Store",
    "StoreError",
    "TableSize",
    "open_store",
    "shown",
]
