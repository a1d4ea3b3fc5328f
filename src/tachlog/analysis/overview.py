"""A result with its windows: what the terminal answer, and later the start page, are made of."""

from __future__ import annotations

from msgspec import Struct

from tachlog.analysis.archive import Archive
from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import ReadNowView, TelemetryResult, result_of, summarize
from tachlog.analysis.windows import Windows, windows_of, zone_of


class Overview(Struct, frozen=True):
    """What a selection comes to, in all and by windows of time."""

    result: TelemetryResult
    windows: Windows


def overview(
    archive: Archive,
    selection: Selection,
    *,
    time_zone: str,
    prices: str,
    now_us: int,
    read_now: ReadNowView | None = None,
) -> Overview:
    """Ask the archive once for both."""
    summary = summarize(archive, selection)
    result = result_of(
        summary,
        selection,
        archive.input(selection),
        time_zone=time_zone,
        prices=prices,
        estimates=archive.learned().name,
        generated_at_us=now_us,
        read_now=read_now or ReadNowView(),
    )
    threads = [m for tree in summary.trees for m in tree.threads]
    zone = zone_of(time_zone)
    return Overview(result, windows_of(archive, selection, threads, zone=zone, now_us=now_us))
