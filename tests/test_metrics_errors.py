"""Failures are counted once, with the retries that followed, and grouped by how they read."""

from sessions_by_hand import Told, at
from tachlog.metrics import ErrorCluster
from tachlog.metrics.errors import (
    Fault,
    clusters_of,
    faults_of,
    model_retries,
    tool_retries,
)
from tachlog.metrics.timing import timeline_of
from tachlog.model import Target


def failures(told: Told) -> list[str]:
    """Return the classes of the failed attempts, in order."""
    return [failure.error_class for failure in timeline_of(told.session()).failures]


def retries(told: Told) -> tuple[int, int]:
    """Return the retries of model calls and of tools."""
    timeline = timeline_of(told.session())
    return model_retries(timeline.moments, len(timeline.failures)), tool_retries(timeline.uses)


def faults(told: Told) -> list[Fault]:
    """Return all failures."""
    timeline = timeline_of(told.session())
    return faults_of(timeline.failures, timeline.uses)


def test_every_failed_attempt_is_a_failure() -> None:
    """Attempts in a row, and those between replies and tools, count each, in order."""
    told = Told()
    told.prompt(0)
    for when in (1, 2, 4):
        told.failure(when, "rate_limit")
    told.reply(12)
    told.failure(13, "timeout")
    told.tool(14, 15)
    told.failure(16, "network")
    assert failures(told) == ["rate_limit"] * 3 + ["timeout", "network"]


def test_a_failed_attempt_before_another_attempt_was_retried() -> None:
    """Failures that a reply or another failure follows are retries; a last one is none."""
    told = Told()
    told.failure(1)
    told.failure(2)
    assert retries(told) == (1, 0)
    told.reply(3)
    assert retries(told) == (2, 0)
    told.failure(4)
    told.prompt(5)
    told.tool(6, 7)
    assert retries(told) == (2, 0)


def test_without_attempts_nothing_was_retried() -> None:
    """A thread of prompts and tools has no retries of model calls."""
    told = Told()
    told.prompt(0)
    told.tool(1, 2)
    assert retries(told) == (0, 0)


def test_a_failed_call_with_the_same_input_again_is_a_retry() -> None:
    """The same tool with the same input within three calls retries a failed one."""
    told = Told()
    told.tool(0, 1, "Bash", "error", given="npm test")
    told.tool(2, 3, "Edit")
    told.tool(4, 5, "Read")
    told.tool(6, 7, "Bash", "error", given="npm test")
    told.tool(8, 9, "Bash", given="npm test")
    assert retries(told) == (0, 2)


def test_a_call_four_calls_later_is_no_retry() -> None:
    """What comes later than the third call after a failure is something new."""
    told = Told()
    told.tool(0, 1, "Bash", "error", given="npm test")
    for when in (2, 4, 6):
        told.tool(when, when + 1, "Edit")
    told.tool(8, 9, "Bash", given="npm test")
    assert retries(told) == (0, 0)


def test_other_input_other_tool_or_no_failure_is_no_retry() -> None:
    """Repeating what worked, or something else after a failure, retries nothing."""
    told = Told()
    told.tool(0, 1, "Bash", "check_failed", given="npm test")
    told.tool(2, 3, "Bash", "error", given="npm test")
    told.tool(4, 5, "Read", given="npm test")
    told.tool(6, 7, "Bash", given="npm run lint")
    assert retries(told) == (0, 0)


def test_an_unknown_input_is_never_the_same() -> None:
    """Where the log does not tell the input, nothing says that a call was repeated."""
    told = Told()
    for when in (0, 2):
        told.tool(when, when + 1, "Bash", "error")
    session = told.session()
    for use in session.tools.values():
        use.input_digest = 0
    assert tool_retries(timeline_of(session).uses) == 0


def test_failures_of_model_and_tools_stand_in_order_of_time() -> None:
    """A tool's failure shows when its result comes; what is no error is none."""
    told = Told()
    told.tool(0, 9, "Bash", "error", error_class="timeout", fingerprint=3, excerpt="too long")
    told.failure(5, "network", fingerprint=4, excerpt="refused")
    told.tool(6, 7, "Read", "error")
    told.tool(8, 9, "Grep", "expected_negative", error_class="not_found")
    assert faults(told) == [
        Fault(at(5), "network", 4, None, None, "refused"),
        Fault(at(7), "unknown", 0, "Read", None, None),
        Fault(at(9), "timeout", 3, "Bash", None, "too long"),
    ]


def test_failures_that_read_alike_are_one_cluster() -> None:
    """Class, fingerprint and tool make a cluster; target and excerpt are the first that is told."""
    told = Told()
    npm = Target("command", "npm test", 1)
    told.tool(0, 1, "Bash", "error", error_class="network", fingerprint=3)
    told.tool(2, 3, "Bash", "error", target=npm, error_class="network", fingerprint=3, excerpt="x")
    told.tool(4, 5, "Bash", "error", error_class="network", fingerprint=9)
    told.failure(6, "network", fingerprint=3)
    assert clusters_of(faults(told)) == [
        ErrorCluster("network", 3, "Bash", "npm test", 2, at(1), at(3), "x"),
        ErrorCluster("network", 9, "Bash", None, 1, at(5), at(5)),
        ErrorCluster("network", 3, None, None, 1, at(6), at(6)),
    ]


def test_only_the_ten_largest_clusters_are_kept() -> None:
    """The largest come first, of equal ones the earliest."""
    told = Told()
    for when in range(12):
        told.failure(when, fingerprint=when)
    told.failure(20, fingerprint=11)
    assert [cluster.fingerprint for cluster in clusters_of(faults(told))] == [11, *range(9)]
