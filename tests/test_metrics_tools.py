"""Tools are counted by outcome, and a "no" of a check is no error."""

from sessions_by_hand import SECOND, Told
from tachlog.metrics import ToolStats
from tachlog.metrics.sketch import sketch_of
from tachlog.metrics.timing import timeline_of
from tachlog.metrics.tools import tool_stats, unique_tools
from tachlog.model import OUTCOMES, ToolResult


def stats(told: Told) -> dict[str, ToolStats]:
    """Return the figures of each tool."""
    timeline = timeline_of(told.session())
    return tool_stats(timeline.uses, timeline.ran)


def test_each_outcome_has_its_column() -> None:
    """Successes include the calls that said no; errors are errors only."""
    told = Told()
    for when, outcome in enumerate(OUTCOMES):
        told.tool(when, when + 0.5, "Bash", outcome, error_class="timeout")
    found = stats(told)["Bash"]
    assert (found.count, found.success_count, found.error_count) == (7, 3, 1)
    assert (found.expected_negative, found.check_failed) == (1, 1)
    assert (found.user_rejected, found.user_interrupted, found.unfinished) == (1, 1, 1)
    assert found.classes == {"timeout": 1}


def test_an_error_without_a_class_is_unknown() -> None:
    """Each failure has exactly one class."""
    told = Told()
    told.tool(0, 1, "Read", "error")
    told.tool(2, 3, "Read", "error")
    assert stats(told)["Read"].classes == {"unknown": 2}


def test_sizes_and_times_are_summed_per_tool() -> None:
    """Bytes and times of calls add up by tool; those without a result have no time."""
    told = Told()
    told.tool(0, 2, "Bash")
    told.tool(3, 4, "Bash")
    told.tool(5, None, "Bash")
    told.tool(6, 7, "Grep")
    found = stats(told)
    assert list(found) == ["Bash", "Grep"]
    assert (found["Bash"].input_bytes, found["Bash"].output_bytes) == (21, 40)
    assert (found["Bash"].timed, found["Bash"].total_us) == (2, 3 * SECOND)
    assert found["Bash"].p95_us == 2 * SECOND
    assert found["Bash"].sketch == sketch_of([SECOND, 2 * SECOND])


def test_a_tool_that_never_ended_has_no_p95() -> None:
    """Without a known duration there is no percentile."""
    told = Told()
    told.tool(0)
    assert stats(told)["Bash"].p95_us is None


def test_call_and_result_of_one_moment_have_no_time() -> None:
    """What is written at once, or in the wrong order, does not tell a time; a duration does."""
    told = Told()
    told.tool(3, 3, "Bash")
    told.tool(4, 2, "Bash")
    told.tool(5, 5, "Bash", duration_ms=0)
    assert (stats(told)["Bash"].timed, stats(told)["Bash"].total_us) == (1, 0)


def test_tools_have_a_category() -> None:
    """What a tool is for is looked up by its name; one that nobody listed is `other`."""
    told = Told()
    told.tools(["Bash", "Read", "mcp__jira__search", "Frobnicate"])
    assert [found.category for found in stats(told).values()] == [
        "shell",
        "file_read",
        "mcp",
        "other",
    ]


def test_a_result_without_its_call_counts_as_unknown() -> None:
    """A log that begins between call and result tells no name, no time, and no further tool."""
    told = Told()
    told.events.append(ToolResult(5, told.thread, 1_000, "error", 20))
    told.tool(1, 2, "Read")
    found = stats(told)
    assert (found["unknown"].error_count, found["unknown"].timed) == (1, 0)
    assert unique_tools(found) == 1
