"""What happens now: the user's current figures, trends, alerts and recommendations."""

from __future__ import annotations

from tachlog.analysis.realtime import Realtime
from tachlog.analysis.realtime import realtime as realtime_of
from tachlog.web.endpoints import Asked, Endpoint, NoParameters


def realtime(asked: Asked[NoParameters]) -> Realtime:
    """The same as `tachlog.realtime()`."""
    return realtime_of(
        asked.store,
        now_us=asked.now_us,
        time_zone=asked.config.display.time_zone,
        thresholds=asked.config.alerts,
    )


REALTIME = Endpoint(
    "/api/v1/realtime",
    "current figures, trends, alerts and recommendations",
    realtime,
    Realtime,
    every_s=5,
)
ENDPOINTS = [REALTIME]
