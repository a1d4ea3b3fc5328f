"""What a selection comes to, with a bounded number of its sessions in memory at a time."""

from __future__ import annotations

from msgspec import Struct

from tachlog.analysis.advice.keeping import recommended
from tachlog.analysis.archive import Archive
from tachlog.analysis.highlights import Candidates, Highlights
from tachlog.analysis.selection import Selection
from tachlog.analysis.shapes import Patterns, SessionView, Totals
from tachlog.analysis.summary import (
    Placed,
    ReadNowView,
    TelemetryResult,
    in_order,
    patterns_of,
    placed_views,
    result_of,
    summarize,
    totals_of,
)
from tachlog.analysis.tally import Tree
from tachlog.analysis.unlogged import SideCall
from tachlog.analysis.windows import Begun, also_begun, begun_of


class Come(Struct, frozen=True):
    """What the figures of a selection's sessions come to: all of an answer that needs each of them.

    The archive keeps it until figures change (`Archive.kept`).
    """

    totals: Totals
    patterns: Patterns
    named: Highlights
    begun: Begun
    side_calls: list[SideCall]


class Gathering:
    """What is made of sessions as they are shown, part by part, besides their tally.

    Their views in order of start, where they are asked for; which of them to name; when
    they began.
    """

    def __init__(self, *, views: bool = False) -> None:
        self.candidates = Candidates()
        self.begun = begun_of(())
        self._views: list[Placed] | None = [] if views else None

    def look(self, trees: list[Tree]) -> None:
        """Look at whole sessions that were not shown before."""
        self.candidates.add(trees)
        self.begun = also_begun(self.begun, begun_of(m for tree in trees for m in tree.threads))
        if self._views is not None:
            self._views += placed_views(trees)

    @property
    def views(self) -> list[SessionView]:
        """The views of all threads; none where they were not asked for."""
        return in_order(self._views or [])


def come_of(archive: Archive, selection: Selection, gathering: Gathering) -> Come:
    """What a selection comes to; `gathering` is shown its sessions."""
    tally = summarize(archive, selection, gathering.look)
    totals, patterns = totals_of(tally), patterns_of(tally)
    return Come(
        totals,
        patterns,
        gathering.candidates.chosen(priced=bool(totals.cost_usd)),
        gathering.begun,
        archive.side_calls(selection),
    )


def build(
    archive: Archive,
    selection: Selection,
    *,
    time_zone: str,
    prices: str,
    generated_at_us: int,
    read_now: ReadNowView = ReadNowView(),  # noqa: B008 (frozen)
) -> TelemetryResult:
    """Everything that the archive tells about a selection."""
    gathering = Gathering(views=True)
    come = come_of(archive, selection, gathering)
    return result_of(
        come.totals,
        come.patterns,
        recommended(archive, selection, generated_at_us),
        gathering.views,
        selection,
        archive.input(selection),
        time_zone=time_zone,
        prices=prices,
        estimates=archive.learned().name,
        generated_at_us=generated_at_us,
        read_now=read_now,
    )
