"""A result with its windows: what the terminal answer, and later the start page, are made of."""

from __future__ import annotations

from msgspec import Struct

from tachlog.analysis.archive import Archive
from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import (
    ReadNowView,
    TelemetryResult,
    result_of,
    session_views,
    summarize,
)
from tachlog.analysis.tally import Tree
from tachlog.analysis.windows import Windows, windows_of, zone_of


class Overview(Struct, frozen=True):
    """What a selection comes to, in all and by windows of time.

    `trees` are its sessions. Their views are in `result` only where they were asked for.
    """

    result: TelemetryResult
    windows: Windows
    trees: list[Tree]


def overview(
    archive: Archive,
    selection: Selection,
    *,
    time_zone: str,
    prices: str,
    now_us: int,
    read_now: ReadNowView | None = None,
    views: bool = False,
) -> Overview:
    """Ask the archive once for all; `views` fills the result's list of sessions."""
    summary = summarize(archive, selection)
    result = result_of(
        summary,
        session_views(summary.trees) if views else [],
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
    windows = windows_of(archive, selection, threads, zone=zone, now_us=now_us)
    return Overview(result, windows, summary.trees)
