"""What a token count tells of the person's plan and its usage limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tachlog import signals
from tachlog.sources.codex.shapes import RateLimits
from tachlog.sources.codex.state import State

_SAME_S: Final = 120
"""Times of the same reset that snapshots tell differ by a second or so."""

_LATEST_S: Final = 1 << 33
_MOST_PERCENT: Final = 1000
_MOST_WINDOWS: Final = 8


def limits_of(told: RateLimits, state: State) -> Iterator[tuple[str, str]]:
    """The marks of a snapshot that are new: the plan, a limit that was hit, per cents spent.

    Snapshots come with every call; only what changed is told, so that a long session has few marks.
    """
    if told.plan_type and told.plan_type != state.plan:
        state.plan = told.plan_type
        yield "plan", signals.excerpt(told.plan_type, 40)
    if told.rate_limit_reached_type:
        yield "limit", signals.excerpt(told.rate_limit_reached_type, 80)
    for window in (told.primary, told.secondary):
        if window is None or window.used_percent is None or window.window_minutes is None:
            continue
        if not 0 <= window.used_percent <= _MOST_PERCENT:
            continue
        known = (int(window.used_percent), _minute(window.resets_at))
        before = state.quotas.get(window.window_minutes)
        if before is None or known[0] != before[0] or abs(known[1] - before[1]) > _SAME_S:
            state.quotas[window.window_minutes] = known
            while len(state.quotas) > _MOST_WINDOWS:
                del state.quotas[next(iter(state.quotas))]
            yield "quota", f"{window.window_minutes}:{known[0]}:{known[1] or ''}"


def _minute(resets_at: float | None) -> int:
    """The minute in which a window ends, in seconds since the epoch; 0 where it is not told."""
    is_time = resets_at is not None and 0 < resets_at < _LATEST_S
    return int(resets_at) // 60 * 60 if is_time and resets_at is not None else 0
