"""A session's figures follow the formulas of the design, each None where the log does not say."""

import pytest

from sessions_by_hand import MODEL, SECOND, Told, at, text
from tachlog.metrics import SessionMetrics, TimeSplit
from tachlog.metrics.measure import measure
from tachlog.metrics.sketch import sketch_of
from tachlog.metrics.timing import timeline_of
from tachlog.model import BEHAVIORS, OUTCOMES, Usage, key_of


def measured(told: Told) -> SessionMetrics:
    """Return the figures of what was told, without prices."""
    return measure(told.session(), None)


def test_a_thread_that_did_nothing_has_a_row_of_zeros() -> None:
    """A fork without operations is told with its name and nothing that the log did not say."""
    told = Told(parent="s0")
    told.mark(3, "forked_from", "s7")
    assert measured(told) == SessionMetrics(
        agent="claude_code",
        session_id="s1",
        root="s0",
        parent="s0",
        forked_from="s7",
        kind="sub-agent",
        outcome_reasons=["left"],
    )


def test_messages_are_prompts_and_calls() -> None:
    """A call on several lines is one message, a tool call none; records count the lines."""
    told = Told()
    told.prompt(0)
    told.reply(1, 3)
    told.tool(3, 4)
    told.reply(5)
    found = measured(told)
    assert (found.messages, found.prompts, found.calls, found.records) == (3, 1, 2, 3)
    assert found.tool_calls == 1


def test_operations_are_attempts_and_decided_tool_calls() -> None:
    """Replies succeed, failures fail; refused, interrupted and unfinished calls decide nothing."""
    told = Told()
    told.prompt(0)
    told.failure(1)
    told.failure(2, "rate_limit")
    told.reply(4)
    for when, outcome in enumerate(OUTCOMES, 5):
        told.tool(when, when + 0.5, "Bash", outcome)
    found = measured(told)
    assert (found.op_successes, found.op_errors, found.operations) == (1 + 3, 2 + 1, 7)
    assert (found.failures, found.retries) == (2, 2)
    assert found.errors == {"overloaded": 1, "rate_limit": 1, "unknown": 1}
    assert [cluster.count for cluster in found.clusters] == [1, 1, 1]


def test_retries_of_calls_and_tools_add_up() -> None:
    """Both kinds of a second attempt are retries."""
    told = Told()
    told.failure(1)
    told.reply(2)
    told.tool(3, 4, "Bash", "error", given="make")
    told.tool(5, 6, "Bash", given="make")
    assert measured(told).retries == 2


def test_times_are_those_of_the_first_and_last_operation() -> None:
    """Marks do not lengthen a session; a tool's result does."""
    told = Told()
    told.mark(-50, "cwd", "/shop")
    told.prompt(0)
    told.reply(2, 4)
    told.tool(4, 9)
    told.mark(90, "title.ai", "Fix it")
    found = measured(told)
    assert (found.start_us, found.end_us, found.duration_us) == (at(0), at(9), 9 * SECOND)
    assert found.active_us == 9 * SECOND
    assert found.time_split == TimeSplit(model=4 * SECOND, tool=5 * SECOND)


def test_only_a_main_thread_has_its_time_divided() -> None:
    """A sub-agent's time is its parent's tool time."""
    told = Told(parent="s0")
    told.prompt(0)
    told.reply(2)
    assert measured(told).time_split is None


def test_response_times_are_those_that_are_known() -> None:
    """Sum, number, percentile and sketch are over the calls that have a response time."""
    told = Told()
    for turn in range(20):
        told.prompt(turn * 100)
        told.reply(turn * 100 + turn + 1)
        told.reply(turn * 100 + 50)
    found = measured(told)
    times = [turn * SECOND for turn in range(1, 21)]
    assert (found.response_n, found.response_us) == (20, sum(times))
    assert found.response_p95_us == 19 * SECOND
    assert found.response_sketch == sketch_of(times)


def test_without_response_times_there_is_no_percentile() -> None:
    """Nothing known is None, and an empty sketch."""
    told = Told()
    told.reply(1)
    found = measured(told)
    assert (found.response_n, found.response_us, found.response_p95_us) == (0, 0, None)
    assert found.response_sketch == {}


def test_queue_time_is_known_where_the_log_says() -> None:
    """Waits of prompts are summed; a session that tells none has None."""
    told = Told()
    told.prompt(0)
    assert measured(told).queue_ms is None
    told.prompt(1, queued_ms=0)
    told.prompt(2, queued_ms=1_200)
    assert measured(told).queue_ms == 1_200


def test_models_tokens_and_placeholders_are_told() -> None:
    """The model with most calls names the session; tokens are all models' together."""
    told = Told()
    told.reply(1, model="gpt-5", provider="openai", usage=Usage(input=900))
    told.reply(2)
    told.reply(3, usage=Usage(output=1), features=text(9_000), stop=None)
    found = measured(told)
    assert (found.model, found.provider, found.placeholder_calls) == (MODEL, "anthropic", 1)
    assert found.total_tokens == 900 + 15 + found.models[MODEL].estimated
    assert found.context.peak_tokens == 900


def test_prices_are_asked_at_the_calls_own_time() -> None:
    """A call is priced when its last record was written, with its tier."""
    asked = []

    def price(
        usage: Usage, model: str, provider: str | None, at_us: int, *, tier: str | None
    ) -> int:
        asked.append((usage.total, model, provider, at_us, tier))
        return 3

    told = Told()
    told.reply(1, 4, tier="fast")
    found = measure(told.session(), price)
    assert asked == [(15, MODEL, "anthropic", at(4), "fast")]
    assert found.models[MODEL].cost_nanousd == 3


def test_behaviours_count_the_calls_that_show_them() -> None:
    """A call that shows two behaviours counts for both; what never showed is left out."""
    told = Told()
    told.reply(1, behaviors=0b0101)
    told.reply(2, behaviors=0b0100)
    told.reply(3)
    assert measured(told).behaviors == {BEHAVIORS[0]: 1, BEHAVIORS[2]: 2}


def test_facts_are_taken_over() -> None:
    """A session has the facts that its log tells: the first place, the last branch, all commits."""
    told = Told()
    for when, (name, value) in enumerate(
        [
            ("cwd", "/shop"),
            ("cwd", "/shop/api"),
            ("branch", "main"),
            ("branch", "fix"),
            ("version", "2.1.330"),
            ("agent_type", "explore"),
            ("title.ai", "Fix checkout"),
            ("entrypoint", "sdk-py"),
            ("commit", "b"),
            ("commit", "a"),
            ("pull_request", "7"),
            ("mcp_server", "jira"),
            ("skill", "review"),
        ]
    ):
        told.mark(when, name, value)
    told.compaction(20)
    found = measured(told)
    assert (found.cwd, found.branch, found.version) == ("/shop", "fix", "2.1.330")
    assert (found.agent_type, found.title, found.kind) == ("explore", "Fix checkout", "headless")
    assert (found.commits, found.pull_requests) == (["b", "a"], ["7"])
    assert (found.mcp_servers, found.skills) == (["jira"], ["review"])
    assert (found.outcome, found.outcome_reasons[1]) == ("pull_request_opened", "commit_made")
    assert (found.context.compactions, found.project) == (1, None)


def test_a_timeline_made_before_is_used() -> None:
    """Measuring with the session's own timeline gives the same figures."""
    told = Told()
    told.prompt(0)
    told.reply(1)
    session = told.session()
    assert measure(session, None, timeline_of(session)) == measure(session, None)


@pytest.mark.parametrize("failed", [False, True])
def test_a_row_of_an_agent_log_is_one_operation(failed: bool) -> None:
    """A row with a model call and a tool is one message and one operation, failed if either did."""
    told = Told(agent="agent_log")
    told.reply(0, key="row 1")
    told.tool(0, 1, "search", "error" if failed else "success", call=key_of("row 1"))
    found = measured(told)
    assert (found.messages, found.calls, found.tool_calls) == (1, 1, 1)
    assert (found.op_successes, found.op_errors) == ((0, 1) if failed else (1, 0))


def test_rows_without_a_model_call_are_messages_too() -> None:
    """A row that is a prompt, a failure, or a tool call alone counts as the message it is."""
    told = Told(agent="agent_log")
    told.prompt(0)
    told.failure(1)
    told.tool(2, 3, call=key_of("row 3"))
    told.tool(4, 5, outcome="user_rejected")
    told.tool(6)
    found = measured(told)
    assert found.messages == 5
    assert (found.op_successes, found.op_errors) == (1, 1)
