"""All that is told of advice: what to change, what people said of it, whether it helped."""

from __future__ import annotations

from msgspec import Struct

from tachlog.analysis.advice import still_told
from tachlog.analysis.advice.effect import Effect
from tachlog.analysis.advice.keeping import advised
from tachlog.analysis.archive import Archive
from tachlog.analysis.selection import Selection
from tachlog.analysis.shapes import Recommendation
from tachlog.analysis.standing import Standing
from tachlog.analysis.units import optional_rfc3339, rfc3339


class AnsweredView(Struct, frozen=True):
    """A recommendation of which somebody said something; `effect` of those that are done."""

    id: str
    type: str
    about: str
    message: str
    state: str
    by: str
    at: str
    until: str | None
    note: str | None
    effect: Effect | None


class AdviceReport(Struct, frozen=True):
    """The answer of `tachlog advice`: of `sessions` sessions that began since then (None: of all).

    `titles` are of those named; `made_at` is when the advice was made.
    """

    recommendations: list[Recommendation]
    answered: list[AnsweredView]
    titles: dict[str, str]
    sessions: int
    since: str | None
    made_at: str


def report_of(
    archive: Archive, selection: Selection, now_us: int, *, is_served: bool = False
) -> AdviceReport:
    """What the selected sessions recommend, and what came of what was said before."""
    found = advised(archive, selection, now_us, is_served=is_served)
    standings = archive.advising.standings()
    told = still_told(found.recommendations, standings, now_us)
    named = {session for each in told for session in each.sessions}
    return AdviceReport(
        told,
        [
            answered_view(each, found.effects.get(each.id) if each.state == "done" else None)
            for each in standings
            if each.holds(now_us)
        ],
        {root: title for root, title in found.titles.items() if root in named},
        found.sessions,
        optional_rfc3339(found.since_us),
        rfc3339(found.made_us),
    )


def answered_view(standing: Standing, effect: Effect | None) -> AnsweredView:
    """What was said, with times as texts."""
    return AnsweredView(
        standing.id,
        standing.type,
        standing.about,
        standing.message,
        standing.state,
        standing.by,
        rfc3339(standing.at_us),
        optional_rfc3339(standing.until_us),
        standing.note,
        effect,
    )
