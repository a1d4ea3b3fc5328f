"""What a week's limit of a plan is worth, where logs tell how much of it is used.

Codex writes the share of its weekly limit with its calls, in whole percents. What its calls between
the first and the last telling of a window cost, over the points by which the share grew, is what a
point is worth. Claude Code's logs tell no share.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from tachlog.analysis.archive import Archive
from tachlog.analysis.limits import WEEK_MINUTES
from tachlog.analysis.selection import Selection

LEAST_POINTS: Final = 5
"""Percents by which a share has to grow: of fewer the rounding says too little."""

LOOK_BACK_US: Final = 91 * 86_400_000_000
_HOUR_S: Final = 3600


def weekly_limits(archive: Archive, now_us: int) -> dict[str, int]:
    """The weekly limit of each agent, in nano-dollars at API prices, by its latest window.

    It is too small by what was used elsewhere on the same plan, or has no price.
    """
    windows: defaultdict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for each in archive.marked("quota", now_us - LOOK_BACK_US):
        minutes, percent, resets = each.value.split(":")
        if int(minutes) == WEEK_MINUTES and resets and each.last_us <= now_us:
            told = [(each.first_us, int(percent)), (each.last_us, int(percent))]
            windows[each.agent, int(resets) // _HOUR_S] += told
    limits: dict[str, int] = {}
    for (agent, _), told in sorted(windows.items()):
        (first_us, least), (last_us, most) = min(told), max(told)
        points = most - least
        if points < LEAST_POINTS:
            continue
        between = Selection(since_us=first_us, until_us=last_us, agent=agent)
        cost = sum(quarter.cost_nanousd for quarter in archive.quarters(between))
        if cost:
            limits[agent] = cost * 100 // points
    return limits
