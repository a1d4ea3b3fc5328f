"""The archive over any SQL database: the `Store` contract, each method in one place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from tachlog.analysis.agreement import Stated
from tachlog.analysis.cost_check import ReportedCall, TokenCheck
from tachlog.analysis.drift import VersionCounts
from tachlog.analysis.exporting import Export
from tachlog.analysis.selection import (
    FileReport,
    Input,
    Marked,
    Place,
    Roots,
    Selection,
    StoredStep,
    Told,
)
from tachlog.analysis.trace import Trace
from tachlog.analysis.unlogged import SideCall
from tachlog.hooks.facts import Hooked, Key
from tachlog.metrics import SessionMetrics
from tachlog.metrics.calibration import Learned
from tachlog.sessions import Session
from tachlog.stores import (
    Figures,
    Measure,
    Past,
    Portion,
    Progress,
    Renewal,
    answers,
    feed,
    figures,
    hooked,
    learning,
    listing,
    reading,
    renewal,
    said,
    shipping,
    spending,
    traces,
    unlogged,
    versions,
    writing,
)
from tachlog.stores.advising import Advising
from tachlog.stores.counting import Counting, TableSize
from tachlog.stores.database import Database, replacing
from tachlog.stores.exporting import ArchiveExport
from tachlog.stores.following import AlertFacts, Change, Mirrored, MirrorState, Outgoing
from tachlog.stores.loading import load_session
from tachlog.stores.past import OldOperations
from tachlog.stores.people import People
from tachlog.stores.personal import PersonalData
from tachlog.stores.progress import at_rest, known
from tachlog.stores.recent import Recent
from tachlog.stores.rollups import Rollups
from tachlog.stores.searching import Finding
from tachlog.stores.summaries import metrics_of
from tachlog.stores.words import Words

if TYPE_CHECKING:
    from tachlog.stores.alerting import Alerting


class SqlArchive(Rollups):
    """A `Store` that keeps its rows in a database."""

    def __init__(self, url: str, database: Database) -> None:
        super().__init__(database)
        self.url = url
        self.words = Words(database)
        self.recent = Recent(database, self.words)
        self.people = People(database)
        self.advising = Advising(database)
        self.finding = Finding(database)
        self.past: Past = OldOperations(database, self.words)
        self.personal = PersonalData(database, self.words, self.recent)

    @property
    def came_from(self) -> int:
        """The version of the archive when it was opened; 0: it was made."""
        return self.database.came_from

    @cached_property
    def counting(self) -> Counting:
        """Counts of what there is and what happened lately."""
        return Counting(self.database)

    @cached_property
    def alerting(self) -> Alerting:
        """What is kept of alerts."""
        from tachlog.stores.alerting import Alerting

        return Alerting(self.database)

    def progress(self, paths: Collection[str] | None = None) -> dict[str, Progress]:
        """The progress of every known file, or of these, by path."""
        return known(self.database, paths)

    def at_rest(self, paths: Collection[str] | None = None) -> dict[str, tuple[int, int]]:
        """Size and time (ns) of every file that was read to its end, or of these, by path."""
        return at_rest(self.database, paths)

    def write(self, portions: Sequence[Portion], measure: Measure) -> list[Portion]:
        """Keep portions in one transaction; gives back those whose file was read by another."""
        with self.recent.unless_undone():
            return writing.write(self.recent, portions, measure)

    def renewals(
        self, outdated: Collection[str], gone: Collection[str]
    ) -> tuple[list[Renewal], list[str], list[str]]:
        """What to read again for the outdated files, and those that stay.

        First those of which others that told the same are gone, then those of which operations
        were deleted.
        """
        with self.database.snapshot():
            return renewal.renewals(self.database, outdated, gone)

    def renew(
        self, what: Renewal, batches: Iterable[Sequence[Portion]], measure: Measure
    ) -> tuple[Figures, Figures] | None:
        """Keep portions of a renewal's files in place of what they told, in one transaction."""
        try:
            with self.recent.unless_undone():
                return writing.renew(self.recent, what, batches, measure)
        except writing.TooLate:
            return None

    def learned(self) -> Learned:
        """What the archive has learned of reported counts."""
        return learning.known(self.database)

    def learn(self, measure: Measure, *, learns: bool = True) -> Learned:
        """Learn of the reported counts, and make every estimate anew that this moves."""
        with self.recent.unless_undone():
            return learning.learn(self.database, self.words, measure, learns=learns)

    def unlearned(self, *, learns: bool = True) -> bool:
        """Whether there is something of which the archive has not learned yet."""
        return learning.unlearned(self.database, learns=learns)

    def noted(self, name: str) -> str | None:
        """A note that a program left in the archive."""
        found = self.database.rows("SELECT value FROM meta WHERE name = ?", (name,))
        return str(found[0][0]) if found else None

    def note(self, name: str, value: str) -> None:
        """Leave a note."""
        with self.database.transaction():
            self.database.insert(
                "meta", "name, value", [(name, value)], replacing("name, value", "name")
            )

    def last_change(self) -> int:
        """The number of the last change: figures, or what hooks told, were kept; 0 before."""
        return figures.last_change(self.database) + hooked.count(self.database)

    def hooked(self, since_us: int) -> Mapping[Key, Hooked]:
        """What hooks told last of each thread, of those that told something since then."""
        return hooked.told_since(self.database, since_us)

    def keep_hooked(self, told: Mapping[Key, Hooked], now_us: int) -> None:
        """Keep what hooks told last of threads, unless something later is known."""
        hooked.keep(self.database, told, now_us)

    def kept(self, name: bytes, make: Callable[[], bytes]) -> bytes:
        """What `make` makes of this archive, kept under a name until figures change."""
        return answers.kept(self.database, name, make)

    def sessions(self, selection: Selection) -> list[SessionMetrics]:
        """The figures of the selected threads, in order of start, then session id."""
        return reading.sessions(self.database, selection)

    def parts(self, selection: Selection, most: int) -> Iterator[list[SessionMetrics]]:
        """The same, at most so many threads at a time, but sessions whole; in order of root."""
        return reading.parts(self.database, selection, most)

    def without_needless_paths(self, selection: Selection) -> Selection:
        """The same selection, without its paths where they are those of all that was read."""
        with self.database.snapshot():
            return reading.without_needless_paths(self.database, selection)

    def page(
        self, selection: Selection, most: int, after: Place | None = None
    ) -> tuple[list[SessionMetrics], int]:
        """The threads of so many selected sessions, the newest first, and how many there are."""
        with self.database.snapshot():
            return listing.page(self.database, selection, most, after)

    def session(self, session_id: str) -> tuple[SessionMetrics, Session] | None:
        """One thread with its operations."""
        with self.database.snapshot():
            found = self.database.rows(
                "SELECT thread, metrics FROM agent_telemetry_summaries WHERE session_id = ?"
                " ORDER BY agent",
                (session_id,),
            )
            if not found:
                return None
            thread, blob = found[0]
            return metrics_of(blob), load_session(self.database, self.words, thread)

    def shared(self, session_id: str) -> dict[str, int]:
        """How many operations that a thread tells another session owns, by that session's id."""
        with self.database.snapshot():
            found = self.database.rows(
                "SELECT thread FROM agent_telemetry_summaries WHERE session_id = ? ORDER BY agent",
                (session_id,),
            )
            return reading.shared(self.database, found[0][0]) if found else {}

    def count(self) -> int:
        """How many main conversations are known."""
        ((number,),) = self.database.rows(
            "SELECT count(*) FROM agent_telemetry_summaries WHERE main_score IS NOT NULL"
        )
        return int(number)

    def neighbours(self, session_ids: Collection[str]) -> set[str]:
        """The ids of main conversations next to these in the order of the alphabet."""
        return listing.neighbours(self.database, session_ids)

    def find(self, prefix: str) -> list[str]:
        """Session ids that begin with the prefix, or whose last part does."""
        return listing.find(self.database, prefix)

    def files_of(self, session_id: str) -> list[str]:
        """The files that tell a thread."""
        return [
            path
            for (path,) in self.database.rows(
                f"SELECT {reading.PLACE} FROM files f JOIN told d ON d.file = f.id"
                " JOIN threads t ON t.id = d.thread WHERE t.session_id = ? ORDER BY f.path, f.host",
                (self.database.host, session_id),
            )
        ]

    def steps(self, selection: Selection, roots: Roots = None) -> list[StoredStep]:
        """Tool calls in the order of their threads; of sessions, or of the selection's time."""
        with self.database.snapshot():
            return traces.steps(self.database, self.names(), selection, roots)

    def input(self, selection: Selection) -> tuple[Input, dict[str, Input]]:
        """What was read, in all and by source."""
        with self.database.snapshot():
            return reading.inputs(self.database, selection)

    def files(self, *, odd: bool = False) -> list[FileReport]:
        """Every file that was looked at; `odd`: those with a note or records of unknown kinds."""
        with self.database.snapshot():
            return reading.files(self.database, odd=odd)

    def last_read_us(self) -> int | None:
        """When a file was read last; None before any was."""
        ((at_us,),) = self.database.rows("SELECT max(read_us) FROM files")
        return None if at_us is None else int(at_us)

    def stated(self) -> list[Stated]:
        """What each telling says of the sessions that several tell, under their main threads."""
        return said.stated(self.database)

    def by_version(self) -> list[VersionCounts]:
        """What each version of each agent told, in the logs of each source."""
        with self.database.snapshot():
            return versions.by_version(self.database)

    def reported_calls(self) -> list[ReportedCall]:
        """The calls whose log reports their cost."""
        with self.database.snapshot():
            return spending.reported_calls(self.database, self.names())

    def reported_tokens(self) -> list[TokenCheck]:
        """The running totals that logs told last, without those of forks, which count on."""
        return spending.reported_tokens(self.database)

    def traces(self, selection: Selection) -> list[Trace]:
        """The selected operations of each thread."""
        with self.database.snapshot():
            return traces.traces(self.database, self.names(), selection)

    def side_calls(self, selection: Selection) -> list[SideCall]:
        """The calls that must have happened and that no log holds."""
        with self.database.snapshot():
            return unlogged.side_calls(self.database, self.names(), selection)

    def told(self, selection: Selection, mark: str) -> list[Told]:
        """The values of a mark that the selected sessions tell, by agent; most sessions first."""
        return reading.told(self.database, selection, mark)

    @contextmanager
    def export(self, selection: Selection) -> Iterator[Export]:
        """One state of the archive, to be read table by table and day by day."""
        with self.database.snapshot():
            yield ArchiveExport(self.database, self.words, selection)

    def marked(self, mark: str, since_us: int) -> list[Marked]:
        """The values of a mark that were told since then, in order of time."""
        return reading.marked(self.database, mark, since_us)

    def mirror(self, name: str) -> MirrorState:
        """How far a mirror was fed."""
        return feed.state(self.database, name)

    def behind(self, mirror: MirrorState) -> int:
        """How many threads changed that a mirror was not fed with."""
        return feed.behind(self.database, mirror)

    def changes(self, mirror: MirrorState) -> list[Change]:
        """The next threads that changed, in order; none when the mirror has everything."""
        with self.database.snapshot():
            return feed.changes(self.database, self.words, mirror)

    def outgoing(self, mirror: MirrorState) -> list[Outgoing]:
        """The next threads that changed, as each telling tells them; none when all were given."""
        with self.database.snapshot():
            return shipping.outgoing(self.database, self.words, mirror)

    def alerts(self, since_us: int | None) -> list[AlertFacts]:
        """Alerts that were triggered or acknowledged since then; all of them for None."""
        return feed.alerts(self.database, since_us)

    def keep_mirror(
        self, mirror: MirrorState, written: Sequence[tuple[Change, Mirrored | None]] = ()
    ) -> None:
        """Keep how far a mirror was fed, and where it has the points of these threads."""
        with self.database.transaction():
            feed.keep_state(self.database, mirror)
            feed.keep_mirrored(self.database, mirror.name, written)

    def forget_mirror(self, name: str) -> None:
        """Forget what a mirror was fed with: it is fed from the start."""
        with self.database.transaction():
            feed.forget(self.database, name)

    def size(self) -> int:
        """Bytes that the archive takes."""
        return self.database.size()

    def tables(self) -> list[TableSize]:
        """The tables of the archive, the largest first."""
        return self.counting.tables()

    def close(self) -> None:
        """Let go of the archive."""
        self.database.close()
