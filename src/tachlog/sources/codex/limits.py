"""What a token count tells of the person's plan and its usage limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tachlog import signals
from tachlog.sources.codex.shapes import RateLimits
from tachlog.sources.codex.state import State

_STEP: Final = 10
_MOST_PERCENT: Final = 1000
_MOST_WINDOWS: Final = 8


def limits_of(told: RateLimits, state: State) -> Iterator[tuple[str, str]]:
    """The marks of a snapshot that are new: the plan, a limit that was hit, tens of per cent spent.

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
        percent = int(window.used_percent) // _STEP * _STEP
        if state.quotas.get(window.window_minutes) != percent:
            state.quotas[window.window_minutes] = percent
            while len(state.quotas) > _MOST_WINDOWS:
                del state.quotas[next(iter(state.quotas))]
            yield "quota", f"{window.window_minutes}:{percent}"
