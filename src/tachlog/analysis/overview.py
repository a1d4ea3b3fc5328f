"""A result with its windows: what the terminal answer, and later the start page, are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from tachlog.analysis.advice.keeping import recommended
from tachlog.analysis.archive import Archive
from tachlog.analysis.gathering import Come, Gathering, come_of
from tachlog.analysis.highlights import Highlights
from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import ReadNowView, TelemetryResult, result_of
from tachlog.analysis.unlogged import SideCall
from tachlog.analysis.versions import version_of_makers
from tachlog.analysis.windows import Windows, local_date, windows_of, zone_of


class Overview(Struct, frozen=True):
    """What a selection comes to, in all and by windows of time, and which sessions to name.

    The views of its sessions are in `result` only where they were asked for. `side_calls` are those
    that no log holds.
    """

    result: TelemetryResult
    windows: Windows
    named: Highlights
    side_calls: list[SideCall]


Kept = TypeVar("Kept", Come, Windows)


def _counter_of(_kind: type, counts: Any) -> Counter[str]:
    return Counter(counts)


_NOT_KEPT: Final = ("since_us", "until_us", "user", "host", "paths")
_come_decoder: Final = msgspec.msgpack.Decoder(Come)
_windows_decoder: Final = msgspec.msgpack.Decoder(Windows, dec_hook=_counter_of)


def overview(
    archive: Archive,
    selection: Selection,
    *,
    time_zone: str,
    prices: str,
    now_us: int,
    read_now: ReadNowView | None = None,
    views: bool = False,
    is_served: bool = False,
) -> Overview:
    """Ask the archive once for all; `views` fills the result's list of sessions.

    Served, advice is that of lately.
    """
    asked, selection = selection, archive.without_needless_paths(selection)
    zone = zone_of(time_zone)
    gathering = Gathering(views=views)
    if views:
        come = come_of(archive, selection, gathering)
    else:
        come = _kept(
            archive, selection, (), _come_decoder, lambda: come_of(archive, selection, gathering)
        )
    result = result_of(
        come.totals,
        come.patterns,
        recommended(archive, asked, now_us, is_served=is_served),
        gathering.views,
        asked,
        archive.input(selection),
        time_zone=time_zone,
        prices=prices,
        estimates=archive.learned().name,
        generated_at_us=now_us,
        read_now=read_now or ReadNowView(),
    )
    windows = _kept(
        archive,
        selection,
        (time_zone, str(local_date(now_us, zone))),
        _windows_decoder,
        lambda: windows_of(archive, selection, come.begun, zone=zone, now_us=now_us),
    )
    return Overview(result, windows, come.named, come.side_calls)


def _kept(
    archive: Archive,
    selection: Selection,
    also: tuple[str, ...],
    decoder: msgspec.msgpack.Decoder[Kept],
    make: Callable[[], Kept],
) -> Kept:
    """What a selection comes to, as the archive keeps it; `also` names what else it depends on.

    Selections by time are not kept, since each is another one, nor those by files and what they
    are told to belong to: a copy of known records changes that without figures.
    """
    if any(getattr(selection, name) is not None for name in _NOT_KEPT):
        return make()
    name = msgspec.msgpack.encode((version_of_makers(), selection, *also))
    return decoder.decode(archive.kept(name, lambda: msgspec.msgpack.encode(make())))
