"""What happens now: current figures, trends, alerts, recommendations, and who needs a person."""

from __future__ import annotations

from tachlog.analysis.live import LiveSession, live_sessions
from tachlog.analysis.realtime import Realtime
from tachlog.analysis.realtime import realtime as realtime_of
from tachlog.web.endpoints import Asked, Endpoint, NoParameters
from tachlog.web.sessions import Whose


def realtime(asked: Asked[NoParameters]) -> Realtime:
    """The same as `tachlog.realtime()`."""
    return realtime_of(
        asked.store,
        now_us=asked.now_us,
        time_zone=asked.config.display.time_zone,
        thresholds=asked.config.alerts,
        is_served=True,
    )


def live(asked: Asked[Whose]) -> list[LiveSession]:
    """The same as `tachlog top --json`."""
    user, found = asked.query.user, live_sessions(asked.store, asked.now_us)
    owners = asked.store.finding.owners
    return [each for each in found if user is None or user in owners(each.session_id)]


REALTIME = Endpoint(
    "/api/v1/realtime",
    "current figures, trends, alerts and recommendations",
    realtime,
    Realtime,
    every_s=5,
)
LIVE_SESSIONS = Endpoint(
    "/api/v1/live-sessions",
    "the threads that are not over, those first that wait for a person",
    live,
    list[LiveSession],
    Whose,
    every_s=5,
    sight="own",
)
ENDPOINTS = [REALTIME, LIVE_SESSIONS]
