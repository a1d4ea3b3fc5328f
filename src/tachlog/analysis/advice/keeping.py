"""Advice that the archive keeps, so that nobody who looks waits for it.

It is made from so many operations at most, of the last 30 days with any unless the selection
says since when or of which files. Whoever asks makes it anew when figures have changed; a service
makes it between questions (`renew`), and tells what is kept.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tachlog.analysis.advice import recommend, still_told
from tachlog.analysis.advice.effect import BEFORE_US, Effect, effect_of
from tachlog.analysis.advice.material import Latest, material_of
from tachlog.analysis.archive import Archive
from tachlog.analysis.selection import Selection
from tachlog.analysis.shapes import Recommendation
from tachlog.analysis.standing import Standing
from tachlog.analysis.summary import in_parts
from tachlog.analysis.versions import version_of_makers
from tachlog.metrics import QUARTER_US
from tachlog.model import UNTIMED_US

DAY_US: Final = 86_400_000_000
HORIZON: Final = 30
"""Of so many days with anything done advice is made."""
FOLLOWED_US: Final = 56 * DAY_US
"""So long it is measured whether what was done helped; then the verdict stands."""

PATIENCE_US: Final = 600_000_000
"""So old advice about a part of the archive may be, where somebody waits for the page."""

MOST_SHARE: Final = 0.01
"""So much of its time a service gives to making advice."""


class Advised(Struct, frozen=True):
    """What a selection recommends, whatever was said of it, and whether what was done helped.

    `made_us` is when it was made, of `sessions` that began since `since_us` (None: of all).
    `titles` are of the sessions named, `effects` of what was done, by id; `version` is that of the
    code and the data.
    """

    recommendations: list[Recommendation]
    effects: dict[str, Effect]
    titles: dict[str, str]
    sessions: int
    since_us: int | None
    made_us: int
    version: int


_decoder: Final = msgspec.msgpack.Decoder(Advised)


def advised(
    archive: Archive, selection: Selection, now_us: int, *, is_served: bool = False
) -> Advised:
    """What a selection recommends: of the figures as they are, or, served, as they were lately.

    Of everything a service keeps it (`renew`): it is told whatever its age. Selections by time are
    not kept, since each is another one, nor those by files, users and machines where nobody is
    served, since a copy of known records changes what belongs to these without figures.
    """
    whole = archive.without_needless_paths(selection)
    if _is_unkept(whole, is_served):
        return _made(archive, selection, now_us, {})
    name = msgspec.msgpack.encode((whole, selection.paths is None))
    known = archive.advising.kept(name)
    former = None if known is None else _decoded(known.answer)
    if known is not None and former is not None:
        age_us = now_us - known.made_us
        if is_served and (whole == Selection() or age_us < PATIENCE_US):
            return former
        is_known = former.effects.keys() >= _done(archive, now_us)
        if known.is_current and is_known and former.version == version_of_makers():
            return former
    effects = {} if former is None else former.effects
    answer = archive.advising.renewed(
        name, lambda: _encoded(_made(archive, selection, now_us, effects)), now_us
    )
    return _decoder.decode(answer)


def renew(archive: Archive, now_us: int) -> bool:
    """Make the advice of everything anew where figures changed; gives whether it did.

    The longer that takes the more seldom it is done.
    """
    known = archive.advising.kept(msgspec.msgpack.encode((Selection(), True)))
    if known is not None and now_us - known.made_us < known.took_us / MOST_SHARE:
        return False
    return advised(archive, Selection(), now_us).made_us == now_us


def find(archive: Archive, number: str) -> Recommendation | Standing | None:
    """What was told under an id, of everything or of a part of it."""
    known: list[Recommendation | Standing] = list(archive.advising.standings())
    for answer in archive.advising.answers():
        found = _decoded(answer)
        known += found.recommendations if found else []
    return next((each for each in known if each.id == number), None)


def recommended(
    archive: Archive, selection: Selection, now_us: int, *, is_served: bool = False
) -> list[Recommendation]:
    """What of the advice is to be told now."""
    found = advised(archive, selection, now_us, is_served=is_served).recommendations
    return still_told(found, archive.advising.standings(), now_us)


def lately(archive: Archive, selection: Selection, now_us: int) -> Selection:
    """The same selection, of the last 30 days (UTC) on which anything was done.

    One with a beginning or with paths stays as it is.
    """
    if (selection.since_us, selection.paths) != (None, None):
        return selection
    until_us = min(now_us + 1, selection.until_us or now_us + 1)
    for since_us in (now_us - 3 * HORIZON * DAY_US, None):
        asked = replace(selection, since_us=since_us, until_us=until_us)
        quarters = archive.quarters(asked)
        days = {each.quarter * QUARTER_US // DAY_US for each in quarters} - {UNTIMED_US // DAY_US}
        if len(days) >= HORIZON:
            return replace(selection, since_us=sorted(days)[-HORIZON] * DAY_US)
    return selection


def _is_unkept(selection: Selection, is_served: bool) -> bool:
    if (selection.since_us, selection.until_us, selection.paths) != (None, None, None):
        return True
    return not is_served and (selection.user, selection.host) != (None, None)


def _done(archive: Archive, now_us: int) -> set[str]:
    """What was done, and is not measured to the end."""
    return {each.id for each in _followed(archive.advising.standings(), now_us)}


def _followed(standings: Collection[Standing], now_us: int) -> list[Standing]:
    since_us = now_us - FOLLOWED_US
    return [each for each in standings if each.state == "done" and each.at_us >= since_us]


def _made(
    archive: Archive, selection: Selection, now_us: int, effects: dict[str, Effect]
) -> Advised:
    limited, latest = lately(archive, selection, now_us), Latest()
    for trees in in_parts(archive, limited):
        latest.add(trees)
    material = material_of(archive, limited, latest)
    found = recommend(material)
    followed = _followed(archive.advising.standings(), now_us)
    if followed:
        since_us = min(each.at_us for each in followed) - BEFORE_US
        wide = replace(selection, since_us=max(since_us, selection.since_us or since_us))
        every = Latest(most=None)
        for trees in in_parts(archive, wide):
            every.add(trees)
        past = material_of(archive, wide, every)
        effects = effects | {each.id: effect_of(each, past) for each in followed}
    heads = {tree.threads[0].root: tree.head for tree in material.trees}
    named = {session for each in found for session in each.sessions}
    return Advised(
        found,
        effects,
        {root: heads[root].title or "" for root in sorted(named & heads.keys())},
        len(material.trees),
        latest.since_us or limited.since_us,
        now_us,
        version_of_makers(),
    )


def _encoded(found: Advised) -> bytes:
    return msgspec.msgpack.encode(found)


def _decoded(answer: bytes) -> Advised | None:
    """What is kept, None where another version kept it in another shape."""
    try:
        return _decoder.decode(answer)
    except msgspec.DecodeError:
        return None
