"""All that is told of advice: what to change, what people said of it, whether it helped."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from tachlog.analysis.advice import recommend, still_told
from tachlog.analysis.advice.effect import BEFORE_US, Effect, effect_of
from tachlog.analysis.advice.material import Latest, Material, material_of
from tachlog.analysis.archive import Archive
from tachlog.analysis.selection import Selection
from tachlog.analysis.shapes import Recommendation
from tachlog.analysis.standing import Standing
from tachlog.analysis.summary import in_parts
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
    """The answer of `tachlog advice`: of `sessions` sessions; `titles` are of those named."""

    recommendations: list[Recommendation]
    answered: list[AnsweredView]
    titles: dict[str, str]
    sessions: int


def report_of(
    archive: Archive, selection: Selection, standings: list[Standing], now_us: int
) -> AdviceReport:
    """What the selected sessions recommend, and what came of what was said before."""
    material = material_of(archive, selection)
    found = still_told(recommend(material), standings, now_us)
    named = {session for each in found for session in each.sessions}
    heads = {tree.threads[0].root: tree.head for tree in material.trees}
    done = [each.at_us for each in standings if each.state == "done"]
    since_us = min(done) - BEFORE_US if done else None
    past = _since(archive, replace(selection, since_us=since_us)) if done else material
    return AdviceReport(
        found,
        [
            answered_view(each, effect_of(each, past) if each.state == "done" else None)
            for each in standings
            if each.holds(now_us)
        ],
        {root: heads[root].title or "" for root in sorted(named & heads.keys())},
        len(material.trees),
    )


def _since(archive: Archive, selection: Selection) -> Material:
    """All sessions of a time, however many: what is compared must be whole."""
    every = Latest(most=None)
    for trees in in_parts(archive, selection):
        every.add(trees)
    return material_of(archive, selection, every)


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
