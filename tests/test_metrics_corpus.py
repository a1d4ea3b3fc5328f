"""On real logs the figures of every thread agree with each other, in whatever order it is told."""

from pathlib import Path

import pytest

from tachlog.analysis.session import analyze_session
from tachlog.metrics import SessionMetrics
from tachlog.model import Chunk, Event
from tachlog.sessions import Sessions, fold
from tachlog.sources.claude_code import SOURCE

EVERY = 8  # one file in so many is enough to meet all versions


@pytest.fixture(scope="module")
def events(corpus_dir: Path) -> list[Event]:
    """Return what a part of the real transcripts tells."""
    told: list[Event] = []
    for path in sorted((corpus_dir / "claude-code").rglob("*.jsonl"))[::EVERY]:
        chunk = Chunk(str(path), 0, path.read_bytes(), True)
        told += SOURCE.read(chunk, SOURCE.state()).events
    return told


@pytest.fixture(scope="module")
def measured(events: list[Event]) -> list[SessionMetrics]:
    """Return the figures of every thread in them."""
    return analyzed(events)


def analyzed(events: list[Event]) -> list[SessionMetrics]:
    """Return the figures of the threads that these events tell, by session id."""
    sessions: Sessions = {}
    fold(events, sessions)
    found = [analyze_session(session, None) for session in sessions.values()]
    return sorted(found, key=lambda metrics: metrics.session_id)


def test_real_time_is_divided_without_a_rest(measured: list[SessionMetrics]) -> None:
    """In every main thread the parts of the time add up to its duration."""
    assert measured
    for metrics in measured:
        split = metrics.time_split
        if split is not None:
            parts = (split.model, split.tool, split.approval or 0, split.person, split.idle)
            assert min(parts) >= 0
            assert sum(parts) == metrics.duration_us
        assert 0 <= metrics.active_us <= metrics.duration_us


def test_real_counts_agree(measured: list[SessionMetrics]) -> None:
    """Tools, models, errors and operations of a thread are the same calls counted in other ways."""
    for metrics in measured:
        tools, models = metrics.tools.values(), metrics.models.values()
        assert sum(tool.count for tool in tools) == metrics.tool_calls
        assert sum(model.calls for model in models) == metrics.calls
        assert sum(metrics.errors.values()) == metrics.op_errors
        assert sum(tool.success_count for tool in tools) + metrics.calls == metrics.op_successes
        assert sum(model.estimated for model in models) <= sum(model.output for model in models)
        assert sum(metrics.response_sketch.values()) == metrics.response_n <= metrics.calls


def test_most_real_replies_have_a_response_time(measured: list[SessionMetrics]) -> None:
    """Of real model calls at least 95 % tell when they were asked for."""
    known = sum(metrics.response_n for metrics in measured)
    assert known >= 0.95 * sum(metrics.calls for metrics in measured)


def test_real_events_in_reverse_give_the_same_figures(
    events: list[Event], measured: list[SessionMetrics]
) -> None:
    """The order in which a thread was told changes nothing."""
    assert analyzed(events[::-1]) == measured
