"""Sessions of logs that tell no times have an order, and figures without a clock."""

from tachlog.analysis.session import analyze_session
from tachlog.metrics.measure import measure
from tachlog.metrics.timing import response_times, time_split, timeline_of
from tachlog.model import RUN_TOTALS, Prompt, Reply, Thread, ToolCall, ToolResult, Usage
from tachlog.sessions import Sessions, fold

THREAD = Thread("swe_agent", "run-1", "run-1")


def untimed(*events: Prompt | Reply | ToolCall | ToolResult) -> Sessions:
    """The sessions of events that have a place in their file instead of a time."""
    sessions: Sessions = {}
    fold(events, sessions)
    return sessions


RUN = (
    Prompt(1, THREAD, 1, 10),
    Reply(2, THREAD, 2, 2, "m", "p", Usage(9000, output=100), stop_reason=RUN_TOTALS),
    ToolCall(2, THREAD, 2, "bash", 2),
    ToolResult(2, THREAD, 3, "success"),
    Reply(3, THREAD, 4, 3, "m", "p"),
    ToolCall(3, THREAD, 4, "bash", 3),
    ToolResult(3, THREAD, 5, "error", duration_ms=250),
)


def test_places_are_no_times() -> None:
    """A thread without times begins, ends and lasts at no time; its order is kept."""
    (session,) = untimed(*RUN).values()
    timeline = timeline_of(session)
    assert (timeline.start_us, timeline.end_us, timeline.active_us) == (None, None, 0)
    assert [call.key for call in timeline.calls] == [2, 3]
    assert response_times(timeline) == {}
    assert time_split(timeline) is None


def test_durations_that_are_told_stay() -> None:
    """A tool's own duration is known without a clock; nothing is derived from places."""
    (session,) = untimed(*RUN).values()
    assert session.tools[2].execution_us is None
    assert session.tools[3].execution_us == 250_000


def test_figures_without_a_clock() -> None:
    """Tokens, calls and outcomes count as ever; a run's totals are no single call's context."""
    (session,) = untimed(*RUN).values()
    metrics = measure(session, None)
    assert (metrics.total_tokens, metrics.calls, metrics.op_errors) == (9100, 2, 1)
    assert (metrics.start_us, metrics.duration_us, metrics.response_n) == (None, 0, 0)
    assert metrics.context.peak_tokens is None


def test_failures_without_a_clock_are_no_burst() -> None:
    """Places are not seconds: failures that stand close together need not be close in time."""
    failures = (
        event
        for n in range(10, 16)
        for event in (
            ToolCall(n, THREAD, n, "bash", None, input_digest=n),
            ToolResult(n, THREAD, n, "error", error_class="tool_error"),
        )
    )
    (session,) = untimed(*failures).values()
    metrics = analyze_session(session, None)
    assert (metrics.op_errors, metrics.anomalies) == (6, [])
