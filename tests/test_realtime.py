"""What goes on now: counted call by call from operations that were read from real log lines."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archives import read_in
from summary_by_hand import HOUR, NOW, SECOND, Shelf, thread
from tachlog.analysis.realtime import Realtime, realtime, usual_rate
from tachlog.analysis.selection import Quarter
from tachlog.analysis.units import rfc3339
from tachlog.config import Config
from tachlog.stores import Store, open_store

MINUTE = 60 * SECOND
DAY = 24 * HOUR

Row = dict[str, Any]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Callable[[Sequence[Row]], Store]]:
    """Return a function that makes an archive of AgentLog rows."""
    store = open_store("private:")

    def make(rows: Sequence[Row]) -> Store:
        path = tmp_path / "log.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        read_in(store, [path])
        return store

    yield make
    store.close()


def row(ago_us: int, *, session: str = "s1", tokens: int = 1_000, **more: Any) -> Row:
    """Return a row that tells a model call of half a second."""
    return {
        "id": f"{session} {ago_us} {sorted(more)}",
        "session_id": session,
        "provider": "openai",
        "model": "gpt-5",
        "log_timestamp": rfc3339(NOW - ago_us),
        "response_time": 500,
        "structured_data": {
            "payload": {"content": "Done."},
            "usage": {"input_tokens": tokens - 10, "output_tokens": 10, "total_tokens": tokens},
        },
        **more,
    }


def failed(ago_us: int, **more: Any) -> Row:
    """Return a row whose tool failed."""
    call = {"name": "search", "input": {"q": ago_us}, "content": "no", "is_error": True}
    return row(ago_us, tool_calls=call, **more)


def now(store: Store) -> Realtime:
    """Return what goes on now, with the thresholds that the user gave."""
    return realtime(store, now_us=NOW, time_zone="UTC", thresholds=Config().alerts)


def test_the_shape_is_the_users(archive: Callable[[Sequence[Row]], Store]) -> None:
    """Exactly `current`, `trends`, `alerts`, `recommendations`, with the user's names in them."""
    found = json.loads(msgspec.json.encode(now(archive([row(MINUTE)]))))
    assert list(found) == ["current", "trends", "alerts", "recommendations"]
    assert list(found["current"])[:5] == [
        *("active_sessions", "requests_per_minute", "avg_response_time", "error_rate"),
        "token_usage_rate",
    ]
    assert list(found["trends"]) == [
        *("token_usage_trend", "error_rate_trend", "complexity_trend", "tool_diversity_trend")
    ]


def test_current_figures_are_of_five_minutes(archive: Callable[[Sequence[Row]], Store]) -> None:
    """What is older than five minutes, or not yet written, does not count."""
    found = now(
        archive(
            [
                row(MINUTE),
                row(2 * MINUTE, session="s2"),
                failed(3 * MINUTE),
                row(5 * MINUTE),
                row(HOUR, session="s3"),
                row(-MINUTE),
            ]
        )
    ).current
    assert (found.active_sessions, found.requests, found.requests_per_minute) == (2, 3, 0.6)
    assert (found.token_usage_rate, found.token_usage_rate_fresh) == (600.0, 600.0)
    assert found.avg_response_time == 500.0
    assert found.error_rate == 0.25
    assert (found.operations, found.minutes) == (4, 5)
    assert found.open_sessions == 3


def test_failed_attempts_are_requests(archive: Callable[[Sequence[Row]], Store]) -> None:
    """A model call that failed is a request and an error; old failures and tools are neither."""
    overloaded = {"error": {"type": "overloaded_error", "message": "Overloaded"}}
    untimed = row(2 * MINUTE)
    del untimed["response_time"]
    found = now(
        archive(
            [
                row(MINUTE, structured_data=overloaded, response_time=None),
                row(HOUR, structured_data=overloaded, response_time=None),
                failed(2 * HOUR),
                untimed,
            ]
        )
    ).current
    assert (found.requests, found.operations, found.error_rate) == (2, 2, 0.5)


def test_some_failures_are_no_alert(archive: Callable[[Sequence[Row]], Store]) -> None:
    """One error in ten operations is below the threshold."""
    rows = [row(n * SECOND) for n in range(1, 9)]
    assert now(archive([*rows, failed(10 * SECOND)])).alerts == []


def test_cached_tokens_are_told_apart(archive: Callable[[Sequence[Row]], Store]) -> None:
    """The fresh rate leaves out what came from a cache."""
    cached = row(MINUTE)
    cached["structured_data"]["usage"] = {
        "input_tokens": 100,
        "cache_read_input_tokens": 900,
        "output_tokens": 50,
    }
    found = now(archive([cached])).current
    assert found.token_usage_rate - found.token_usage_rate_fresh == 900 / 5


def test_a_quiet_archive_has_no_means(archive: Callable[[Sequence[Row]], Store]) -> None:
    """Without anything in the last minutes rates are zero and means unknown."""
    found = now(archive([row(HOUR)]))
    assert (found.current.active_sessions, found.current.token_usage_rate) == (0, 0.0)
    assert (found.current.error_rate, found.current.avg_response_time) == (None, None)
    assert (found.alerts, found.recommendations) == ([], [])


def test_a_high_error_rate_fires(archive: Callable[[Sequence[Row]], Store]) -> None:
    """More than 15 % of the operations of the last minutes: a warning that says how many."""
    (alert,) = now(archive([failed(n * MINUTE) for n in range(1, 5)])).alerts
    assert (alert.type, alert.severity) == ("high_error_rate", "warning")
    assert alert.message.startswith("Error rate at ")
    assert "(threshold: 15 %)" in alert.message
    assert alert.context["errors"] == 4
    assert alert.context["threshold"] == 0.15


def test_a_single_failure_is_no_error_rate(archive: Callable[[Sequence[Row]], Store]) -> None:
    """Below five operations nothing fires."""
    assert now(archive([failed(MINUTE)])).alerts == []


def test_a_token_spike_fires(archive: Callable[[Sequence[Row]], Store]) -> None:
    """More than twice the mean of the past week's busy windows: for information."""
    usual = [row(n * HOUR, session=f"u{n}") for n in range(1, 13)]
    (alert,) = now(archive([*usual, row(MINUTE, tokens=2_500)])).alerts
    assert (alert.type, alert.severity) == ("token_spike", "info")
    assert alert.message == ("Token usage 2 × above average: 500 a minute, 200 usually")


@pytest.mark.parametrize(
    ("windows", "tokens"), [(12, 1_900), (11, 9_000), (0, 9_000)], ids=["not", "few", "none"]
)
def test_no_spike(archive: Callable[[Sequence[Row]], Store], windows: int, tokens: int) -> None:
    """Less than twice as much is no spike, nor is anything with fewer than twelve busy windows."""
    usual = [row(n * HOUR, session=f"u{n}") for n in range(1, windows + 1)]
    assert now(archive([*usual, row(MINUTE, tokens=tokens)])).alerts == []


def test_a_dense_week_is_compared_by_its_windows(
    archive: Callable[[Sequence[Row]], Store],
) -> None:
    """Quarter hours with one busy window of three do not make the usual rate look lower."""
    usual = [row(n * HOUR, session=f"u{n}", tokens=3_000) for n in range(1, 13)]
    assert now(archive([*usual, row(MINUTE, tokens=5_900)])).alerts == []
    assert usual_rate(Shelf(), NOW, 1e9, 2.0) is None


def test_a_session_that_is_gone_is_left_out() -> None:
    """A thread that somebody removed meanwhile has no operations and stops nothing."""
    shelf = Shelf(
        [thread(start="2026-11-20T11:55")], quarters=[Quarter(NOW // (900 * SECOND), None)]
    )
    found = realtime(shelf, now_us=NOW, time_zone="UTC", thresholds=Config().alerts)
    assert (found.current.active_sessions, found.current.requests) == (1, 0)


def test_recommendations_are_of_the_past_month(archive: Callable[[Sequence[Row]], Store]) -> None:
    """What failed long ago is no recommendation any more."""
    recent = [failed(DAY + n * MINUTE) for n in range(20)]
    assert [one.type for one in now(archive(recent)).recommendations][:1] == ["tool_optimization"]


def test_old_failures_are_forgotten(archive: Callable[[Sequence[Row]], Store]) -> None:
    """Sessions that began more than 30 days ago give no advice now."""
    assert now(archive([failed(40 * DAY + n * MINUTE) for n in range(20)])).recommendations == []
