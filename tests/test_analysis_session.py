"""One call tells everything of a session: figures, complexity, sequences, anomalies."""

from sessions_by_hand import Told, at
from tachlog.analysis.complexity import ComplexityFactors
from tachlog.analysis.session import analyze_session
from tachlog.metrics import SessionMetrics
from tachlog.metrics.measure import measure
from tachlog.metrics.timing import timeline_of


def busy_session() -> Told:
    """Tell an hour and a half of work: 12 turns, a loop of failing tests, one slow reply."""
    told = Told()
    for turn in range(24):
        start = turn * 240
        told.prompt(start)
        told.reply(start + 2, start + (90 if turn == 20 else 3))
        told.tool(start + 100, start + 101, "Read")
        told.tool(start + 102, start + 103, "Edit")
    for when in range(4):
        told.tool(5_800 + 20 * when, 5_810 + 20 * when, "Bash", "error", given="npm test")
    return told


def test_a_session_is_analysed_at_once() -> None:
    """Complexity, patterns and anomalies stand beside the measures of the same session."""
    found = analyze_session(busy_session().session(), None)
    assert (found.messages, len(found.tools), found.operations) == (48, 3, 24 + 48 + 4)
    assert (found.complexity_score, found.complexity) == (2 + 1 + 0 + 2, "medium")
    assert found.sequences["Read->Edit"] == 24
    assert found.sequences["Bash->Bash"] == 3
    assert "Edit->Bash" not in found.sequences
    assert min(found.sequences.values()) == 2
    assert [(a.type, a.start_us, a.count) for a in found.anomalies] == [
        ("response_time_spike", at(4_800), None),
        ("loop", at(5_800), 4),
        ("error_cluster", at(5_810), 4),
    ]


def test_measures_are_those_of_the_session() -> None:
    """The analysis adds to the measures and changes none of them."""
    session = busy_session().session()
    found = analyze_session(session, None, timeline=timeline_of(session))
    plain = measure(session, None)
    for name in set(SessionMetrics.__struct_fields__) - {
        "complexity",
        "complexity_score",
        "sequences",
        "anomalies",
    }:
        assert getattr(found, name) == getattr(plain, name)


def test_complexity_follows_the_given_factors() -> None:
    """The user's thresholds decide."""
    factors = ComplexityFactors(message_count=(47, 48, 49), unique_tools=(3, 4, 5))
    found = analyze_session(busy_session().session(), None, factors)
    assert found.complexity_score == 1 + 0 + 0 + 2


def test_a_session_without_operations_is_very_low() -> None:
    """A thread that did nothing has no error rate, no patterns and no points."""
    found = analyze_session(Told().session(), None)
    assert (found.complexity, found.complexity_score) == ("very_low", 0)
    assert (found.sequences, found.anomalies) == ({}, [])


def test_a_failing_session_has_points_for_its_errors() -> None:
    """One failure among four operations is an error rate above a fifth."""
    told = Told()
    told.failure(0)
    for when in range(1, 4):
        told.reply(when)
    assert analyze_session(told.session(), None).complexity_score == 2
