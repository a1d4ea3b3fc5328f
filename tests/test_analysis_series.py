"""The user's four trends: what an hour or a day comes to, and which of them take part."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest

from tachlog.analysis.selection import Input, Quarter, Selection
from tachlog.analysis.series import (
    daily_complexity,
    daily_tools,
    hourly_error_rates,
    hourly_tokens,
    midnights,
    trends_of,
)
from tachlog.metrics import SessionMetrics, Sketch
from tachlog.sessions import Session

HOUR = 494_000
"""Some hour since the epoch, in 2026; its first quarter hour is four times that."""

HOUR_US = 3_600_000_000
UTC = ZoneInfo("UTC")
TOKYO = ZoneInfo("Asia/Tokyo")


def quarter(hour: int, model: str | None = "m", **sums: int) -> Quarter:
    """Return the second quarter of an hour after `HOUR`."""
    return Quarter(4 * (HOUR + hour) + 1, model, **sums)


def begun(hour: int, score: int, sessions: int = 1) -> tuple[int, int, int]:
    """Return sessions that began in an hour after `HOUR`, with the sum of their scores."""
    return (4 * (HOUR + hour), sessions, score)


class Told:
    """An archive that tells what it was given."""

    def __init__(self, hours: int) -> None:
        self.told = range(hours)

    def hours(self, selection: Selection) -> list[Quarter]:
        """Tell a call in every hour, each larger than the one before."""
        return [quarter(hour, calls=1, output=10 * hour + 10, tool_calls=1) for hour in self.told]

    def deleted_before_us(self) -> int | None:
        """Tell that nothing was deleted."""
        return None

    def complexity(self, selection: Selection) -> list[tuple[int, int, int]]:
        """Tell a session in every hour."""
        return [begun(hour, 3) for hour in self.told]

    def tools_between(self, selection: Selection, edges: Sequence[int]) -> dict[int, set[str]]:
        """Tell one tool between each two moments."""
        return {edge: {"Read"} for edge in edges[:-1]}

    def session(self, session_id: str) -> tuple[SessionMetrics, Session] | None:
        """Tell nothing."""
        return None

    def response_times(self, selection: Selection) -> list[tuple[int, Sketch]]:
        """Tell nothing."""
        return []

    def input(self, selection: Selection) -> tuple[Input, dict[str, Input]]:
        """Tell nothing."""
        return Input(), {}


def test_tokens_are_summed_by_hour() -> None:
    """All buckets of all models count; an hour without a model call does not."""
    found = hourly_tokens(
        [
            quarter(0, calls=1, input=1, cache_read=20, cache_write=300, output=4000),
            quarter(0, "n", calls=2, output=5),
            quarter(1, None, tool_calls=3, tool_successes=3),
            quarter(2, calls=1),
        ]
    )
    assert found == {HOUR: 4326, HOUR + 2: 0}


def test_error_rates_are_of_operations() -> None:
    """Model calls, failed attempts and decided tool calls; no rate where there are none."""
    found = hourly_error_rates(
        [
            quarter(0, calls=3),
            quarter(0, None, tool_calls=9, tool_successes=4, tool_errors=2, failures=1),
            quarter(1, None, tool_calls=2),
        ]
    )
    assert found == {HOUR: pytest.approx(3 / 10)}


def test_complexity_is_the_mean_of_sessions_begun_that_day() -> None:
    """Sessions count alike, whichever quarter hour they began in; the day is the zone's."""
    told = [begun(0, 2), begun(1, 5), begun(2, 5, sessions=2), begun(24, 1)]
    assert list(daily_complexity(told, UTC).values()) == [3, 1]
    late = [begun(0, 2), begun(9, 4)]
    assert len(daily_complexity(late, UTC)) == 1
    assert len(daily_complexity(late, TOKYO)) == 2


def test_tool_diversity_is_of_the_days_with_calls() -> None:
    """Days are the zone's; an hour on two of them asks for both, and idle days for none."""
    midnight = HOUR // 24 * 24
    late = [quarter(midnight + 18 - HOUR, tool_calls=1), quarter(midnight + 70 - HOUR)]
    assert len(midnights(late, UTC)) == 2
    assert len(midnights(late, ZoneInfo("Asia/Kolkata"))) == 3
    days = midnights(late, UTC)

    class Asked(Told):
        def tools_between(self, selection: Selection, edges: Sequence[int]) -> dict[int, set[str]]:
            assert [edge // HOUR_US for edge in edges] == [midnight, midnight + 24]
            return {edges[0]: {"Read", "Bash"}}

    assert daily_tools(Asked(0), Selection(), days) == {days[midnight * HOUR_US]: 2}


def test_what_is_not_over_takes_no_part() -> None:
    """The current hour and the current day are left out, as they would look like a fall."""
    now_us = (HOUR + 29) * HOUR_US + 1
    found = {
        trend.name: trend
        for trend in trends_of(Told(30), Selection(), time_zone="UTC", now_us=now_us)
    }
    assert found["token_usage_trend"].n == 29
    assert found["token_usage_trend"].direction == "up"
    assert found["token_usage_trend"].slope == pytest.approx(10)
    assert found["error_rate_trend"].direction == "flat"
    assert found["complexity_trend"].n == 1
    assert found["tool_diversity_trend"].n == 1
    starts = [point.start for trend in found.values() for point in trend.points]
    assert max(starts) == "2026-05-11T12:00:00.000Z"


def test_nothing_has_flat_trends() -> None:
    """An archive without anything has four trends without points."""
    found = trends_of(Told(0), Selection(), time_zone="Asia/Tokyo", now_us=0)
    assert [(trend.direction, trend.n, trend.points) for trend in found] == [("flat", 0, [])] * 4


def test_the_trends_have_the_users_names() -> None:
    """In the user's order."""
    found = trends_of(Told(1), Selection(), time_zone="UTC", now_us=0)
    assert [trend.name for trend in found] == [
        "token_usage_trend",
        "error_rate_trend",
        "complexity_trend",
        "tool_diversity_trend",
    ]
