"""One summary behind every face: the JSON contract, totals that are the sum of the rows."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summary_by_hand import (
    DOLLAR,
    HOUR,
    MODEL,
    NOW,
    SECOND,
    VIENNA,
    Shelf,
    at,
    steps,
    thread,
    tool,
    use,
)
from tachlog.analysis.gathering import build
from tachlog.analysis.overview import overview
from tachlog.analysis.selection import Input, Selection
from tachlog.analysis.summary import (
    ReadNowView,
    TelemetryResult,
    patterns_of,
    summarize,
    totals_of,
)
from tachlog.analysis.tally import Tally, merge
from tachlog.analysis.units import rfc3339
from tachlog.metrics import Anomaly, Context, ErrorCluster, SessionMetrics, TimeSplit

SESSION_KEYS = [
    *("session_id", "title", "agent", "provider", "model", "models", "project"),
    *("parent_session_id", "root_session_id", "kind", "outcome"),
    *("start_time", "end_time", "duration", "active_duration", "time_split"),
    *("message_count", "tool_call_count", "retries", "total_tokens", "tokens", "cost_usd", "tree"),
    *("success_rate", "error_rate", "complexity", "complexity_score"),
    *("token_efficiency", "cache_hit_rate", "avg_response_time", "p95_response_time"),
    *("tool_usage", "error_breakdown", "patterns", "context"),
]
TOOL_KEYS = [
    *("category", "count", "success_count", "error_count", "total_time", "avg_time", "p95_time"),
    *("success_rate", "input_bytes", "output_bytes"),
]
MEASURES = [
    *("duration", "active_duration", "time_split", "message_count", "tool_call_count", "retries"),
    *("total_tokens", "tokens", "cost_usd", "success_rate", "error_rate", "complexity"),
    *("complexity_score", "token_efficiency", "cache_hit_rate", "avg_response_time"),
    *("p95_response_time", "tool_usage", "error_breakdown", "context"),
]


def result(*threads: SessionMetrics, **kept: Any) -> TelemetryResult:
    """Return the result of an archive with these threads."""
    return build(
        Shelf(threads, **kept), Selection(), time_zone=VIENNA, prices="list", generated_at_us=NOW
    )


def as_json(found: TelemetryResult) -> Any:
    """Return a result as a program reads it."""
    return json.loads(msgspec.json.encode(found))


def has(keys: list[str], shape: dict[str, Any]) -> bool:
    """Return whether the keys of a contract are there, in its order."""
    return [key for key in shape if key in keys] == keys


def test_json_is_the_contract() -> None:
    """Every key that docs/design.md promises is there, in its place."""
    found = as_json(result(thread(tools={"Bash": tool(us=[SECOND])})))
    assert has(
        [
            *("schema", "tachlog", "generated_at", "prices", "time_zone", "selection"),
            *("sessions", "totals", "patterns", "input", "read_now"),
        ],
        found,
    )
    (session,) = found["sessions"]
    assert has(SESSION_KEYS, session)
    assert has(TOOL_KEYS, session["tool_usage"]["Bash"])
    assert has(["model", "tool", "approval", "person", "idle"], session["time_split"])
    assert has(
        ["input", "cache_read", "cache_write", "output", "reasoning", "estimated"],
        session["tokens"],
    )
    assert has(["peak_tokens", "window", "peak_share", "compactions"], session["context"])
    for patterns in (session["patterns"], found["patterns"]):
        assert has(["errors", "behaviors", "sequences", "anomalies"], patterns)
    assert {*MEASURES, "sessions", "threads", "unpriced_models"} <= found["totals"].keys()
    assert found["schema"] == 1
    assert found["generated_at"] == "2026-11-20T12:00:00.000Z"


def test_units_are_those_of_the_contract() -> None:
    """Durations are seconds, response and tool times ms, money dollars, times RFC 3339."""
    found = result(
        thread(
            start="2026-11-18T09:00",
            minutes=10,
            us=[1_500_250, 2_500_250],
            tools={"Bash": tool(2, us=[250_000, 750_001])},
            models={MODEL: use(2, cost=1_234_567_891)},
        )
    )
    (session,) = found.sessions
    assert (session.start_time, session.end_time) == (
        "2026-11-18T09:00:00.000Z",
        "2026-11-18T09:10:00.000Z",
    )
    assert (session.duration, session.active_duration) == (600.0, 300.0)
    assert (session.avg_response_time, session.p95_response_time) == (2000.25, 2500.25)
    assert session.cost_usd == 1.234567891
    bash = session.tool_usage["Bash"]
    assert (bash.total_time, bash.avg_time, bash.p95_time) == (1000.001, 500.0, 750.001)
    assert rfc3339(at("2026-11-18T09:00") + 7) == "2026-11-18T09:00:00.000007Z"


def test_rates_are_of_what_was_decided() -> None:
    """Success and error rates are of operations; tokens and cache rates of their buckets."""
    (session,) = result(thread(tools={"Bash": tool(3, errors=1)}, models={MODEL: use(5)})).sessions
    assert (session.success_rate, session.error_rate) == (0.875, 0.125)
    assert (session.token_efficiency, session.cache_hit_rate) == (0.05, round(700 / 950, 6))
    assert session.total_tokens == 5_000
    assert session.tool_usage["Bash"].success_rate == round(2 / 3, 6)


def test_nothing_known_is_none_and_never_zero() -> None:
    """A session without calls costs nothing, has no rates and no times; its row stays."""
    (session,) = result(thread(start=None, models={}, time_split=None)).sessions
    assert (session.start_time, session.end_time, session.time_split) == (None, None, None)
    assert (session.success_rate, session.error_rate, session.avg_response_time) == (None,) * 3
    assert (session.token_efficiency, session.cache_hit_rate) == (None, None)
    assert (session.cost_usd, session.cost_basis) == (0.0, None)


def test_a_session_without_a_price_has_no_cost() -> None:
    """No cost is told where no call has a price, and the models are listed with their tokens."""
    found = result(
        thread("s1", models={"glm-5": use(2, cost=None)}),
        thread("s2", models={"glm-5": use(1, cost=None), MODEL: use(1, cost=3)}),
    )
    assert [session.cost_usd for session in found.sessions] == [None, 3e-9]
    assert as_json(found)["totals"]["unpriced_models"] == {"glm-5": {"calls": 3, "tokens": 3_000}}
    assert (found.totals.cost_usd, found.totals.unpriced_calls) == (3e-9, 3)


@pytest.mark.parametrize(("reported", "basis"), [(0, "api_prices"), (1, "mixed"), (2, "reported")])
def test_the_basis_of_costs_is_told(reported: int, basis: str) -> None:
    """Costs are marked as reported by the log, at list prices, or both."""
    found = result(thread(models={MODEL: use(2, reported_cost_calls=reported)}))
    assert (found.sessions[0].cost_basis, found.totals.cost_basis) == (basis, basis)


def test_main_threads_show_their_tree() -> None:
    """A main conversation shows what it and its sub-agents come to; a sub-agent does not."""
    found = result(
        thread("s1", tools={"Agent": tool()}),
        thread("s1/a", of="s1", tools={"Read": tool(2)}, models={MODEL: use(3, cost=DOLLAR)}),
    )
    main, sub = found.sessions
    assert main.tree is not None
    assert (main.tree.tokens, main.tree.tool_calls, main.tree.threads) == (4_000, 3, 2)
    assert (main.tree.cost_usd, main.total_tokens, sub.tree) == (2.0, 1_000, None)
    assert (found.totals.sessions, found.totals.threads) == (1, 2)


def test_a_session_of_which_only_sub_agents_are_known_is_counted() -> None:
    """Sub-agents whose main conversation has no log still make one session."""
    found = result(thread("s1/a", of="s1"), thread("s1/b", of="s1"), thread("s2"))
    assert (found.totals.sessions, found.totals.threads) == (2, 3)


def test_sessions_of_two_agents_may_share_an_id() -> None:
    """A session is told apart by its agent as well."""
    found = result(thread("s1"), thread("s1", agent="agent_log"))
    assert found.totals.sessions == 2


def test_sessions_come_in_order_of_their_start() -> None:
    """Sub-agents stand where they began, not after their main conversation."""
    found = result(
        thread("late", "2026-11-18T12:00"),
        thread("late/a", "2026-11-18T12:05", of="late"),
        thread("early", "2026-11-18T09:00"),
        thread("between", "2026-11-18T12:01"),
    )
    assert [s.session_id for s in found.sessions] == ["early", "late", "between", "late/a"]


def test_percentiles_over_all_come_from_sketches() -> None:
    """The 95th percentile over sessions is within 1 % of that of all values together."""
    fast = [10_000 + n for n in range(90)]
    slow = [5_000_000 + n for n in range(10)]
    found = result(
        thread("s1", us=fast, tools={"Bash": tool(90, us=fast)}),
        thread("s2", us=slow, tools={"Bash": tool(10, us=slow)}),
    ).totals
    assert found.p95_response_time == pytest.approx(5_000, rel=0.01)
    assert found.tool_usage["Bash"].p95_time == pytest.approx(5_000, rel=0.01)
    assert found.tool_usage["Bash"].p50_time == pytest.approx(10, rel=0.01)
    assert found.timed_calls == 100


def test_time_splits_add_up_and_approval_stays_unknown_where_no_log_tells_it() -> None:
    """The waits for approval that are known are added; without any the total does not know."""
    silent = TimeSplit(model=SECOND)
    telling = TimeSplit(model=SECOND, approval=2 * SECOND)
    assert (
        result(thread(time_split=silent)).totals.time_split
        == result(thread(time_split=silent)).sessions[0].time_split
    )
    total = result(thread("a", time_split=silent), thread("b", time_split=telling)).totals
    assert total.time_split is not None
    assert (total.time_split.model, total.time_split.approval) == (2.0, 2.0)


def test_totals_of_nothing() -> None:
    """An archive without sessions has totals of zero and no rates."""
    found = result(read=Input())
    assert (found.totals.sessions, found.totals.cost_usd, found.totals.error_rate) == (0, 0.0, None)
    assert (found.sessions, found.patterns.errors, found.recommendations) == ([], [], [])
    assert found.totals.time_split is None
    assert as_json(found)["input"]["by_source"] == {}


def test_the_largest_context_is_told_with_its_window() -> None:
    """The peak over all sessions is that of one of them, with that one's window."""
    found = result(
        thread("s1", context=Context(150_000, 200_000, 2)),
        thread("s2", context=Context(180_000, None, 1)),
        thread("s3", context=Context()),
    )
    assert found.sessions[0].context.peak_share == 0.75
    whole = found.totals.context
    assert (whole.peak_tokens, whole.window, whole.peak_share, whole.compactions) == (
        *(180_000, None, None),
        3,
    )


def test_complexity_is_counted_over_sessions() -> None:
    """Sub-agents have a complexity of their own, which the totals leave out."""
    found = result(
        thread("s1", complexity="high", complexity_score=6),
        thread("s1/a", of="s1", complexity="very_high", complexity_score=9),
        thread("s2", complexity="low", complexity_score=3),
    ).totals
    assert found.complexity == {"very_low": 0, "low": 1, "medium": 0, "high": 1, "very_high": 0}
    assert found.complexity_score == 4.5


def test_retries_are_averaged_over_sessions() -> None:
    """A session's retries are those of all its threads."""
    found = result(thread("s1", retries=1), thread("s1/a", of="s1", retries=4), thread("s2")).totals
    assert (found.retries, found.avg_retries) == (5, 2.5)


def test_a_model_of_two_providers_is_one_model() -> None:
    """The provider of a model in the totals is the one that served most of its calls."""
    found = result(
        thread("s1", models={MODEL: use(1, provider="aws-bedrock")}),
        thread("s2", models={MODEL: use(2, provider="anthropic"), "other": use(1)}),
    ).totals
    assert list(found.models) == [MODEL, "other"]
    assert (found.models[MODEL].provider, found.models[MODEL].calls) == ("anthropic", 3)


def test_reasoning_is_known_where_some_log_told_it() -> None:
    """Reasoning tokens are added where told, and unknown where no log told any."""
    told = thread("s1", models={MODEL: use(reasoning=7)})
    assert result(told, thread("s2")).totals.tokens.reasoning == 7
    assert result(thread("s2")).totals.tokens.reasoning is None


CLUSTER = ErrorCluster("network", 255, "Bash", "npm test", 3, at("2026-11-18T09:00"), NOW, "b")


def test_errors_that_read_alike_are_one_pattern() -> None:
    """Failures are grouped over sessions by class, text and tool; sessions are counted once."""
    other = ErrorCluster("network", 255, "Bash", "curl", 1, NOW - HOUR, NOW - HOUR, "a")
    unlike = ErrorCluster("network", 255, None, None, 2, NOW, NOW)
    found = result(
        thread("s1", clusters=[CLUSTER]),
        thread("s1/a", of="s1", clusters=[other]),
        thread("s2", clusters=[CLUSTER, unlike]),
    )
    alike, rest = found.patterns.errors
    assert (alike.count, alike.sessions, alike.targets) == (7, 2, {"npm test": 6, "curl": 1})
    assert (alike.first, alike.last) == ("2026-11-18T09:00:00.000Z", "2026-11-20T12:00:00.000Z")
    assert (alike.fingerprint, alike.excerpt) == ("00000000000000ff", "a")
    assert (rest.tool, rest.targets, rest.excerpt, rest.sessions) == (None, {}, None, 1)
    (mine,) = found.sessions[0].patterns.errors
    assert (mine.count, mine.sessions, mine.targets) == (3, 1, {"npm test": 3})


def test_sequences_have_counts_sessions_and_lift() -> None:
    """N-grams are counted within threads; sessions are those of the threads' roots."""
    found = result(
        thread("s1"),
        thread("s2"),
        steps=[
            *steps("s1", *["Read", "Edit"] * 5),
            *steps("s1/a", "Read", "Edit", root="s1"),
            *steps("s2", "Read", "Edit"),
        ],
    ).patterns
    pair = found.sequences["Read->Edit"]
    assert (pair.count, pair.sessions, pair.lift) == (7, 2, round(7 / 11 / 0.25, 3))
    assert found.transitions == {"Edit": {"Read": 4}, "Read": {"Edit": 7}}
    assert found.sequences["Edit->Read"].lift is None


def test_what_follows_a_failure_is_told() -> None:
    """Recoveries say which tool came after a failed one, and how often that worked."""
    found = result(thread(), steps=steps("s1", "Bash", "Read", failed=0)).patterns
    assert as_json_of(found.recoveries) == [
        {"after": "Bash", "next": "Read", "count": 1, "worked": 1}
    ]


def as_json_of(shape: object) -> Any:
    """Return anything as a program reads it."""
    return json.loads(msgspec.json.encode(shape))


@pytest.mark.parametrize(
    ("anomaly", "told"),
    [
        (
            Anomaly("response_time_spike", 9_000_000, 4_000_000, 2_000_000, log_id="ab", about="m"),
            {"value": 9_000.0, "threshold": 4_000.0, "unit": "ms", "baseline": 2_000.0}
            | {"log_id": "ab", "about": "m"},
        ),
        (
            Anomaly("error_cluster", 4, 3, start_us=NOW, end_us=NOW, count=4, about="network"),
            {"value": 4.0, "threshold": 3.0, "unit": "errors", "count": 4, "about": "network"}
            | {"start": "2026-11-20T12:00:00.000Z", "end": "2026-11-20T12:00:00.000Z"},
        ),
        (
            Anomaly("loop", 3, 3, count=3, about="Bash"),
            {"value": 3.0, "threshold": 3.0, "unit": "calls", "count": 3, "about": "Bash"},
        ),
    ],
    ids=lambda value: value.type if isinstance(value, Anomaly) else "",
)
def test_anomalies_are_told_in_their_unit(anomaly: Anomaly, told: dict[str, Any]) -> None:
    """An anomaly has its value, threshold and what it rests on, and nothing that does not apply."""
    found = result(thread(anomalies=[anomaly]))
    whole = {"type": anomaly.type, "scope": "session", "session_id": "s1", **told}
    assert as_json_of(found.patterns.anomalies) == [whole]
    assert as_json_of(found.sessions[0].patterns.anomalies) == [whole]


def test_the_selection_and_the_reading_are_told() -> None:
    """The filters, what was read in all and what this run read stand in the result."""
    selection = Selection(since_us=NOW - HOUR, project="shop", paths=("a.jsonl",))
    found = build(
        Shelf([]),
        selection,
        time_zone=VIENNA,
        prices="list",
        generated_at_us=NOW,
        read_now=ReadNowView(1, 2, 3),
    )
    told = as_json(found)
    assert told["selection"]["since"] == "2026-11-20T11:00:00.000Z"
    assert (told["selection"]["project"], told["selection"]["paths"]) == ("shop", ["a.jsonl"])
    assert told["selection"]["agent"] is None
    assert told["input"]["by_source"]["claude_code"]["records"] == 100
    assert (told["read_now"]["files"], told["read_now"]["bytes"], told["read_now"]["records"]) == (
        *(1, 2),
        3,
    )


def test_an_overview_holds_the_same_result() -> None:
    """The terminal and `--json` tell the same figures."""
    shelf = Shelf([thread()])
    asked: dict[str, Any] = {"time_zone": "UTC", "prices": "list", "now_us": NOW}
    found = overview(shelf, Selection(), **asked, views=True)
    without = overview(shelf, Selection(), **asked)
    assert without.result == msgspec.structs.replace(found.result, sessions=[])
    assert without.named.latest is not None
    assert [without.named.latest.session_id] == without.named.ids
    assert found.result == build(
        shelf, Selection(), time_zone="UTC", prices="list", generated_at_us=NOW
    )
    assert found.windows.days == 3


counts = st.integers(0, 5)
small = st.lists(st.integers(1, 10_000_000), max_size=4)


@st.composite
def threads(draw: st.DrawFn) -> list[SessionMetrics]:
    """Draw whole sessions, each with up to two sub-agents."""
    drawn = []
    for number in range(draw(st.integers(0, 4))):
        root = f"s{number}"
        for sub in range(draw(st.integers(1, 3))):
            models = {
                name: use(
                    draw(st.integers(1, 3)),
                    cost=draw(st.none() | st.integers(0, 10**10)),
                    reasoning=draw(st.none() | counts),
                    provider=draw(st.sampled_from(["anthropic", "aws-bedrock"])),
                )
                for name in draw(st.sets(st.sampled_from(["opus", "haiku"])))
            }
            tools = {
                name: tool(draw(st.integers(1, 4)), us=draw(small), errors=draw(st.integers(0, 1)))
                for name in draw(st.sets(st.sampled_from(["Read", "Bash"])))
            }
            first = NOW + draw(counts)
            drawn.append(
                thread(
                    root if not sub else f"{root}/{sub}",
                    draw(st.sampled_from([None, "2026-11-18T09:00", "2026-11-19T10:00"])),
                    of=root if sub else None,
                    models=models,
                    tools=tools,
                    us=draw(small),
                    retries=draw(counts),
                    complexity=draw(st.sampled_from(["low", "high"])),
                    complexity_score=draw(counts),
                    behaviors={"retry": draw(counts)},
                    context=Context(draw(st.none() | st.integers(1, 9)), 10, draw(counts)),
                    clusters=[
                        ErrorCluster(
                            "network",
                            draw(st.integers(0, 2)),
                            draw(st.sampled_from([None, "Bash"])),
                            draw(st.sampled_from([None, "curl", "npm test"])),
                            draw(st.integers(1, 3)),
                            first,
                            first + draw(counts),
                            draw(st.sampled_from([None, "x", "y"])),
                        )
                    ],
                    anomalies=[Anomaly("loop", draw(counts), 3, start_us=draw(counts))],
                )
            )
    return drawn


@settings(max_examples=40)
@given(threads(), st.data())
def test_totals_of_whole_sessions_merge(drawn: list[SessionMetrics], data: st.DataObject) -> None:
    """Summaries of disjoint sets of whole sessions merge into the summary of all, either way."""
    left = data.draw(st.sets(st.sampled_from(["s0", "s1", "s2", "s3"])))
    calls = [
        step
        for m in drawn
        for step in steps(
            m.session_id, *data.draw(st.lists(st.sampled_from("abc"), max_size=6)), root=m.root
        )
    ]

    def part(roots: set[str]) -> Tally:
        return summarize(
            Shelf(
                [m for m in drawn if m.root in roots],
                steps=[step for step in calls if step.root in roots],
            ),
            Selection(),
        )

    right = {m.root for m in drawn} - left
    whole, a, b = part(left | right), part(left), part(right)
    for merged in (merge(a, b), merge(b, a)):
        assert merged == whole
        assert totals_of(merged) == totals_of(whole)
        assert patterns_of(merged) == patterns_of(whole)


@settings(max_examples=40)
@given(threads())
def test_rows_add_up_to_the_totals(drawn: list[SessionMetrics]) -> None:
    """Every sum in the totals is that of the sessions, to the last token and nano-dollar."""
    found = result(*drawn)
    totals, rows = found.totals, found.sessions
    for name in (
        *("message_count", "tool_call_count", "retries", "total_tokens", "duration"),
        *("active_duration", "model_calls", "operations", "unpriced_calls"),
    ):
        assert getattr(totals, name) == sum(getattr(row, name) for row in rows), name
    for name in ("input", "cache_read", "cache_write", "output", "estimated"):
        assert getattr(totals.tokens, name) == sum(getattr(row.tokens, name) for row in rows), name
    priced = [row.cost_usd for row in rows if row.cost_usd is not None]
    assert round(totals.cost_usd or 0, 9) == round(sum(priced), 9)
    for name, usage in totals.tool_usage.items():
        mine = [row.tool_usage[name] for row in rows if name in row.tool_usage]
        assert usage.count == sum(one.count for one in mine)
        assert round(usage.total_time, 3) == round(sum(one.total_time for one in mine), 3)
    trees = [row.tree for row in rows if row.tree is not None]
    assert totals.total_tokens == sum(tree.tokens for tree in trees)
    assert totals.threads == sum(tree.threads for tree in trees)


@settings(max_examples=40)
@given(threads(), st.randoms())
def test_the_order_of_sessions_does_not_matter(drawn: list[SessionMetrics], random: Any) -> None:
    """The same sessions in any order give the same result."""
    shuffled = list(drawn)
    random.shuffle(shuffled)
    assert result(*shuffled).totals == result(*drawn).totals
    assert result(*shuffled).sessions == result(*drawn).sessions
