"""Recommendations: few, with evidence, never from too small a sample."""

from typing import Any

from summary_by_hand import NOW, steps, thread, tool
from tachlog.analysis.advice import REMEDIES, gist, recommend
from tachlog.analysis.shapes import Recommendation
from tachlog.analysis.tally import tally_of, trees_of
from tachlog.metrics import Anomaly, Context, ErrorCluster, SessionMetrics
from tachlog.model import ERROR_CLASSES


def advice(*threads: SessionMetrics) -> list[Recommendation]:
    """Return what is recommended after these sessions."""
    trees = trees_of(threads)
    return recommend(trees, tally_of(trees, steps("s1", "Bash")))


def cluster(count: int, **facts: Any) -> ErrorCluster:
    """Return failures that read alike."""
    told = {"error_class": "network", "fingerprint": 7, "tool": "Bash", "target": "npm test"}
    return ErrorCluster(**{**told, "count": count, "first_us": NOW, "last_us": NOW, **facts})


def test_a_tool_that_fails_too_often_is_to_be_optimized() -> None:
    """More than 30 % of at least twenty calls: the user's rule, with what to do about it."""
    (found,) = advice(
        thread("s1", tools={"Edit": tool(15, errors=2, classes={"edit_conflict": 2})}),
        thread("s2", tools={"Edit": tool(6, errors=5, classes={"edit_conflict": 5})}),
    )
    assert (found.type, found.tool) == ("tool_optimization", "Edit")
    assert found.message == (
        "Edit failed 7 of 21 times (33 %), mostly edit_conflict (7):"
        " tell the agent to read a file again right before it edits it"
    )
    assert found.evidence["error_rate"] == round(7 / 21, 6)
    assert found.sessions == ["s2", "s1"]


def test_thirty_percent_and_nineteen_calls_are_not_too_many() -> None:
    """The rate has to be above the threshold, and calls that were not decided do not count."""
    assert advice(thread(tools={"Edit": tool(20, errors=6)})) == []
    assert advice(thread(tools={"Edit": tool(19, errors=19)})) == []
    undecided = tool(25, errors=12, success_count=7, user_rejected=6)
    assert advice(thread(tools={"Edit": undecided})) == []


def test_a_failing_tool_without_classes_still_gets_advice() -> None:
    """Where the log tells no class, the advice is to look at the errors."""
    (found,) = advice(thread(tools={"Edit": tool(20, errors=10)}))
    assert found.message == (
        "Edit failed 10 of 20 times (50 %): look at its errors with `tachlog errors`"
    )


def test_many_retries_are_to_be_reduced() -> None:
    """More than two retries a session on average: the user's other rule; sub-agents count along."""
    (found,) = advice(
        thread("s1", retries=1, errors={"rate_limit": 4, "network": 1}),
        thread("s1/a", of="s1", retries=4),
        thread("s2"),
    )
    assert found.type == "retry_reduction"
    assert found.message.startswith("1 of 2 sessions repeat what failed, 2.5 times on average")
    assert REMEDIES["rate_limit"] in found.message
    assert (found.evidence["retries"], found.evidence["avg_retries"]) == (5, 2.5)
    assert found.sessions == ["s1"]


def test_two_retries_on_average_are_not_many() -> None:
    """The average has to be above the threshold."""
    assert advice(thread("s1", retries=4), thread("s2")) == []
    assert advice() == []


def test_the_same_failure_again_and_again() -> None:
    """Ten failures that read alike name the command, the text and what to do."""
    (found,) = advice(
        thread("s1", clusters=[cluster(6, excerpt="ECONNREFUSED :5432")]),
        thread("s2", clusters=[cluster(5)]),
        thread("s3", clusters=[cluster(4, fingerprint=8)]),
    )
    assert found.message == (
        "Bash `npm test` failed the same way 11 times in 2 sessions with “ECONNREFUSED :5432”:"
        " start what it connects to before the agent runs"
    )
    assert found.evidence == {
        "failures": 11,
        "sessions": 2,
        "error_class": "network",
        "fingerprint": "0000000000000007",
    }
    assert found.sessions == ["s1", "s2"]


def test_failures_without_a_text_are_not_the_same() -> None:
    """What left no text cannot be told to be alike."""
    assert advice(thread(clusters=[cluster(50, fingerprint=0)])) == []


def test_what_failed_is_named_as_far_as_it_is_known() -> None:
    """Failures of several targets name the tool alone, those of model calls the model call."""
    several = advice(
        thread("s1", clusters=[cluster(6)]), thread("s2", clusters=[cluster(6, target="curl")])
    )
    assert several[0].message.startswith("Bash failed the same way 12 times in 2 sessions with net")
    (call,) = advice(thread(clusters=[cluster(10, tool=None, target=None)]))
    assert call.message.startswith("The model call failed the same way 10 times in 1 session")
    assert call.tool is None


def test_a_tool_is_named_once() -> None:
    """The same failure of a tool that fails too often anyway is no second recommendation."""
    found = advice(thread(tools={"Bash": tool(20, errors=20)}, clusters=[cluster(20)]))
    assert [one.type for one in found] == ["tool_optimization"]


def loop(count: int | None, about: str = "Bash") -> Anomaly:
    """Return a loop of so many calls."""
    return Anomaly("loop", count or 0, 3, count=count, about=about)


def test_loops_are_to_be_broken() -> None:
    """Ten identical calls, in one loop or several, are worth a word; fewer are not."""
    assert advice(thread(anomalies=[loop(9), loop(None)])) == []
    spike = Anomaly("response_time_spike", 9, 1)
    found = advice(
        thread("s1", anomalies=[loop(4), spike, loop(12, "Read->Edit")]),
        thread("s2", anomalies=[loop(6)]),
    )
    assert [one.tool for one in found] == [None, "Bash"]
    assert found[1].message.startswith(
        "Identical Bash calls followed each other, 10 calls in 2 loops:"
    )
    assert "12 calls in 1 loop:" in found[0].message
    assert found[1].sessions == ["s2", "s1"]


def test_full_contexts_ask_for_shorter_sessions() -> None:
    """Three sessions that were compacted twice or more make a pattern, two do not."""
    full = [thread(f"s{n}", context=Context(compactions=2)) for n in range(3)]
    assert advice(*full[:2], thread("s9", context=Context(compactions=1))) == []
    (found,) = advice(*full, thread("s9"))
    assert found.type == "context_pressure"
    assert found.evidence == {"sessions": 3, "of": 4, "compactions": 6}


def test_at_most_five_the_most_wasted_first() -> None:
    """Recommendations are ranked by the calls that they are about, and few."""
    many = [cluster(10 + n, fingerprint=n + 1) for n in range(8)]
    found = advice(thread(clusters=many))
    assert [one.evidence["failures"] for one in found] == [17, 16, 15, 14, 13]


def test_sessions_are_few() -> None:
    """The sessions that show it most are named, not all of them."""
    found = advice(*(thread(f"s{n}", retries=3 + n) for n in range(8)))
    assert found[0].sessions == ["s7", "s6", "s5", "s4", "s3"]


def test_the_gist_of_an_error() -> None:
    """A text is told from where it says what the error is, and not too long."""
    assert gist("> shop@1 test > node Error: connect ECONNREFUSED") == "Error: connect ECONNREFUSED"
    assert gist("no such file") == "no such file"
    assert gist("x" * 51) == "x" * 50 + "…"


def test_every_error_class_has_a_remedy() -> None:
    """Whatever fails, there is something to do about it."""
    assert REMEDIES.keys() == set(ERROR_CLASSES)
