"""The rule language, the measures, and what rules say of moments written by hand."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog.analysis.alerting.evaluation import Activity, evaluate
from tachlog.analysis.alerting.expressions import Expression, ExpressionError
from tachlog.analysis.alerting.measures import MEASURES, Span
from tachlog.analysis.alerting.moments import Health, Moment, Usual, Waiting
from tachlog.analysis.alerting.rehearsal import rehearse
from tachlog.analysis.alerting.rules import Rule, RuleError, rules_of, shipped
from tachlog.analysis.alerting.texts import RuleText
from tachlog.config import Config, value_of

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NAMES = ("error_rate", "operations", "cost_usd", "value")


def moment(ago_us: int, kind: Any = "call", **more: Any) -> Moment:
    """A moment so long before now; a call of 100 tokens unless it says otherwise."""
    told = {"thread": 1, "is_main": True, "agent": "a", "session": "s", "model": "m"}
    if kind == "call":
        told |= {"tokens": 100, "prompt": 80, "cost_nanousd": 10**9, "took_us": SECOND}
    return Moment(at_us=NOW - ago_us, kind=kind, **(told | more))


def activity(*moments: Moment, usual: Usual | None = None) -> Activity:
    """Moments in order of time."""
    ordered = sorted(moments, key=lambda each: each.at_us)
    return Activity(ordered, usual or Usual(), Health(), UTC)


def rule(when: str, **more: Any) -> Rule:
    """A rule that was written by hand."""
    return Rule(RuleText(name="mine", when=when, **more), "alerts.rules[0]")


def says(asked: Rule, *moments: Moment, now_us: int = NOW) -> dict[str, bool | None]:
    """What a rule says, by the values of its labels."""
    found = evaluate([asked], activity(*moments), now_us)
    return {" ".join(value for _, value in each.labels): each.holds for each in found}


@pytest.mark.parametrize(
    ("text", "values", "truth"),
    [
        ("error_rate > 0.2", {"error_rate": 0.3}, True),
        ("error_rate > 0.2", {"error_rate": None}, None),
        ("error_rate > 0.2 and operations >= 20", {"error_rate": None, "operations": 3}, False),
        ("error_rate > 0.2 or operations >= 20", {"error_rate": None, "operations": 30}, True),
        ("not (operations >= 20)", {"operations": 3}, True),
        ("cost_usd / operations > 1", {"cost_usd": 5, "operations": 0}, None),
        ("1 < operations <= 3", {"operations": 3}, True),
        ("-cost_usd + 2 * 3 - 1 == 4", {"cost_usd": 1}, True),
        ("project == 'shop'", {"project": "shop"}, True),
        ("cost_usd * 1e200 * 1e200 > 1", {"cost_usd": 1.0}, None),
    ],
)
def test_expressions_are_three_valued(text: str, values: dict[str, Any], truth: Any) -> None:
    """What is not known stays unknown, unless what is known decides."""
    assert Expression(text, NAMES, ("project",)).holds(values.get) is truth


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("eror_rate > 1", "character 1: there is no measure 'eror_rate'; did you mean error_rate"),
        ("error_rate", "it is a number, and not true or false"),
        ("error_rate > 'a'", "a number and a text cannot be compared"),
        ("project > 'a'", "compares in no known way"),
        ("__import__('os').system('id') > 1", "is not part of the language"),
        ("(lambda: 1)() > error_rate", "is not part of the language"),
        ("[x for x in ()] == error_rate", "is not part of the language"),
        ("error_rate ** 9 > 1", "is not part of the language"),
        ("error_rate >", "cannot be read"),
        ("error_rate > " + "1 + " * 60 + "1", "more than 100 parts"),
        ("error_rate > 1" + " " * 500, "more than 500 characters"),
        ("error_rate > 1e999", "too large"),
        ("True", "True and False are not used"),
        ("error_rate and operations > 1", "'error_rate' is a number, not a truth"),
        ("-project == 1", "'project' is a text, not a number"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, why: str) -> None:
    """An expression that is wrong, or asks for more than the language has, is told with place."""
    with pytest.raises(ExpressionError, match=why.replace("(", r"\(")):
        Expression(text, NAMES, ("project",))


@given(st.text(alphabet="error_at>=<1.0 andornt()+-*/'%[]{}:;,\\\"\n\t\0é", max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    """Whatever is written, it is an expression that ends, or an error that says why."""
    with suppress(ExpressionError):
        assert Expression(text, NAMES, ()).holds(lambda name: 0.5) in (True, False, None)


def test_a_value_is_suggested_in_its_own_terms() -> None:
    """Where a value is a factor, what would just reach it is told as a factor."""
    found = Expression("cost_usd > value * operations", NAMES, ())
    assert found.reached({"cost_usd": 30.0, "operations": 10.0}.get, "value") == 3
    assert not found.falls_below("value")
    assert Expression("error_rate < value", NAMES, ()).falls_below("value")
    assert Expression("error_rate < 1", NAMES, ()).reached({"error_rate": 1.0}.get, "value") is None
    assert found.measured == "cost_usd"


FAILED = {"outcome": "error", "error_class": "timeout"}


@pytest.mark.parametrize(
    ("name", "moments", "value"),
    [
        ("error_rate", [moment(1), moment(2, "tool", **FAILED)], 0.5),
        ("error_rate", [], None),
        ("operations", [moment(1), moment(2, "failure"), moment(3, "prompt")], 2),
        (
            "tool_error_rate",
            [moment(1, "tool", outcome="success"), moment(2, "tool", **FAILED)],
            0.5,
        ),
        ("tool_error_rate", [moment(1, "tool", outcome="user_rejected")], None),
        ("tokens_per_minute", [moment(1)] * 10, 1000),
        ("cost_usd", [moment(1), moment(2, cost_nanousd=None)], 1.0),
        ("cost_usd", [moment(1, cost_nanousd=None)], None),
        ("cost_usd", [], 0.0),
        ("unpriced_calls", [moment(1), moment(2, cost_nanousd=None)], 1),
        ("response_time_p95", [moment(n, took_us=n * 1000) for n in range(1, 101)], 95.0),
        ("response_time_p95", [moment(1, took_us=0)], None),
        ("response_time_p50", [moment(n, took_us=n * 1000) for n in (1, 2, 3)], 2.0),
        ("cache_hit_rate", [moment(1, cache_read=40), moment(2)], 0.25),
        ("rate_limits", [moment(1, "failure", error_class="overloaded")], 1),
        ("failed_in_a_row", [moment(n, "failure") for n in range(3)] + [moment(9)], 3),
        ("tool_errors", [moment(1, "tool", **FAILED), moment(2, "failure")], 1),
        ("repeats", [moment(n, "tool", tool="Bash", digest=7) for n in range(4)], 4),
        ("repeats", [moment(n, "tool", tool="Bash", digest=n) for n in range(1, 4)], 1),
        ("repeats", [moment(n, "tool", tool="Bash", digest=7, thread=n) for n in range(4)], 1),
        ("repeats", [moment(n, "tool", tool="write_stdin", digest=7) for n in range(4)], 1),
        ("duration", [moment(9 * SECOND), moment(SECOND)], 8.0),
        ("active_duration", [moment(HOUR), moment(HOUR - MINUTE), moment(0)], 60.0),
        ("session_time", [moment(HOUR), moment(0)], 3600.0),
        ("session_time", [moment(9 * HOUR), moment(9 * HOUR - 1), moment(0)], 1e-6),
        ("session_time", [moment(HOUR), moment(HOUR - 1, "prompt"), moment(0, "prompt")], 1e-6),
        ("context_share", [moment(1, model="claude-opus-4-1", prompt=100_000)], 0.5),
        ("context_share", [moment(1, model="no-such-model", prompt=100_000)], None),
        ("sessions", [moment(1), moment(2, session="t")], 2),
        ("compactions", [moment(1, "compaction")], 1),
    ],
)
def test_measures(name: str, moments: list[Moment], value: float | None) -> None:
    """Each measure is what docs/alerts.md says of it."""
    ordered = sorted(moments, key=lambda each: each.at_us)
    found = MEASURES[name].of(Span(ordered, NOW, MINUTE))
    assert found == (value if value is None else pytest.approx(value))


def test_what_is_usual_needs_enough_of_it() -> None:
    """Averages of past weeks are none until there are twelve busy spans, or five days."""
    five, quarter = NOW // (5 * MINUTE), NOW // (15 * MINUTE)
    busy = Usual(
        {five - n: 500 for n in range(1, 13)},
        {quarter - 96 * n: 10**9 * n for n in range(2, 8)},
        {"a": [quarter - 200, quarter - 20, quarter - 10]},
    )
    span = Span([], NOW, MINUTE, busy, agent="a")
    few = Span([], NOW, MINUTE, Usual({five - 1: 500}, {quarter - 200: 10**9}), agent="a")
    asked = {name: MEASURES[name].of for name in MEASURES if "usual" in name or "silence" in name}
    assert asked["usual_tokens_per_minute"](span) == 100
    assert asked["usual_cost_usd"](span) == pytest.approx(4.5)
    assert asked["usual_silence_hours"](span) == pytest.approx(179 / 4)
    assert asked["silence_hours"](span) == pytest.approx(9 / 4, abs=0.26)
    assert MEASURES["active_days"].of(span) in (2, 3)
    assert [of(few) for of in asked.values()] == [None] * len(asked)


def test_high_is_the_busiest_but_for_the_day_of_a_flood() -> None:
    """A flood of some minutes on one day of the week does not make the next one usual."""
    five = NOW // (5 * MINUTE)
    tokens = {five - n: 500 for n in range(1, 200)} | {five - 200: 9_000, five - 201: 9_000}
    high = MEASURES["high_tokens_per_minute"].of
    assert high(Span([], NOW, MINUTE, Usual(tokens))) == 1_800
    days = {five - n * 288: 1_000 * n for n in (2, 3, 4)}
    assert high(Span([], NOW, MINUTE, Usual(tokens | days))) == 800
    assert high(Span([], NOW, MINUTE, Usual(tokens | dict(list(days.items())[:2])))) == 1_800
    assert high(Span([], NOW, MINUTE, Usual({five - 1: 500}))) is None


def test_a_model_is_compared_with_its_own_two_weeks() -> None:
    """The usual response time is the mean over all calls of the days before, from a hundred on."""
    today = NOW // DAY
    responses = {
        "m": {today - 1: (60, 60 * SECOND), today - 9: (40, 240 * SECOND), today: (9, HOUR)},
        "few": {today - 1: (99, HOUR)},
    }
    usual = MEASURES["usual_response_time_avg"].of
    assert usual(Span([], NOW, MINUTE, Usual(responses=responses), model="m")) == 3_000
    assert usual(Span([], NOW, MINUTE, Usual(responses=responses), model="few")) is None
    assert usual(Span([], NOW, MINUTE, Usual(responses=responses))) is None


def test_a_silence_counts_by_the_days_of_the_week_that_were_busy_before() -> None:
    """A weekend off is no surprise; a third working day without the agent is."""
    today = NOW // DAY

    def odds(silent: int, *, off: int) -> float | None:
        days = [today - ago for ago in range(silent + 1, 35) if (today - ago) % 7 not in (off,)]
        busy = {"a": [96 * day + 40 for day in sorted(days)]}
        return MEASURES["silence_odds"].of(Span([], NOW, MINUTE, Usual(busy=busy), agent="a"))

    assert odds(0, off=99) == 1
    assert odds(3, off=99) == pytest.approx(10**3, rel=0.3)
    assert odds(2, off=(today - 1) % 7) == pytest.approx(10 * 10 / 9, rel=0.2)
    assert MEASURES["silence_odds"].of(Span([], NOW, MINUTE, agent="a")) is None


def test_rules_look_at_their_window_and_their_labels() -> None:
    """Of each group what lies in the window counts; a moment without the label is in none."""
    each = rule("calls >= 2", by=("project",), window="5m")
    moments = [moment(n * MINUTE, project="p") for n in range(3)]
    other = [moment(1, project="q"), moment(2), moment(HOUR, project="q")]
    assert says(each, *moments, *other) == {"p": True, "q": False}


def test_a_session_is_looked_at_while_it_is_under_way() -> None:
    """The window of a session begins with it; one that rests says nothing any more."""
    each = rule("duration > 600", by=("session",), window="session")
    long = [moment(n * MINUTE, session="long") for n in range(0, 60, 4)]
    rests = [moment(HOUR + n * MINUTE, session="rests") for n in range(0, 60, 4)]
    assert says(each, *long, *rests, moment(1, session="new")) == {"long": True, "new": False}


def test_a_day_begins_at_midnight() -> None:
    """What lies before midnight is of yesterday."""
    midnight = NOW // DAY * DAY
    each = rule("calls >= 1", window="day")
    before, after = moment(NOW - midnight + 1), moment(NOW - midnight - 1)
    assert says(each, before) == {"": False}
    assert says(each, before, after) == {"": True}


def test_without_its_sample_a_rule_says_nothing() -> None:
    """`least` must hold before anything is said."""
    each = rule("error_rate > 0.1", least="operations >= 5")
    assert says(each, moment(1, "failure")) == {"": None}
    assert says(each, *[moment(n, "failure") for n in range(5)]) == {"": True}


def test_an_agent_that_did_nothing_is_looked_at() -> None:
    """Silence is told of agents that were used lately."""
    busy = Usual(busy={"codex": [NOW // (15 * MINUTE) - 96 * n for n in (3, 4, 5)]})
    each = rule("silence_hours > 48", by=("agent",), window="24h")
    (found,) = evaluate([each], activity(usual=busy), NOW)
    assert (found.labels, found.holds) == ((("agent", "codex"),), True)


def test_messages_have_figures_with_units() -> None:
    """What an alert says has the figures of the moment in it, each with its unit."""
    text = "{project}: {cost_usd}, {error_rate:%} of {operations}, {tokens}, {value}, {window}"
    each = rule("cost_usd > value and error_rate >= 0 and operations + tokens > 0", value=1.5,
                by=("project",), message=text, window="2h")  # fmt: skip
    (found,) = evaluate([each], activity(*[moment(n, project="p") for n in range(120)]), NOW)
    assert found.message == "p: $120.00, 0 % of 120, 12 k, $1.50, 2 hours"
    plain = rule("response_time_p50 >= 1 or context_share > 2", window="session", by=("session",))
    (found,) = evaluate([plain], activity(moment(1)), NOW)
    assert found.message == "mine: response_time_p50 >= 1 or context_share > 2, 1.0 s"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"when": "x > 1"}, r"alerts.rules\[0\].when: at character 1: there is no measure"),
        ({"least": "calls"}, r"alerts.rules\[0\].least: it is a number"),
        ({"window": "5 minutes"}, r"alerts.rules\[0\].window: '5 minutes' is no time"),
        ({"window": "25h"}, "is not within 1s and 24h"),
        ({"for_": "soon"}, r"alerts.rules\[0\].for: 'soon' is no time"),
        ({"window": "session"}, 'needs by = \\["session"\\]'),
        ({"when": "calls > value"}, "there is no measure 'value'"),
        ({"message": "{calls} of {nothing}"}, r"message: there is no {nothing}"),
        ({"when": "project == 'p'"}, "there is no measure 'project'"),
    ],
)
def test_a_wrong_rule_is_refused(more: dict[str, Any], why: str) -> None:
    """A rule that cannot be meant is told with its place and the reason."""
    with pytest.raises(RuleError, match=why):
        rule(**({"when": "calls > 1"} | more))


def test_rules_in_force() -> None:
    """Rules can be set, put off and replaced; a name that no rule has is refused."""
    own = [
        RuleText(name="tool_loop", when="repeats > 3"),
        RuleText(name="x", when="calls > 1", off=True),
    ]
    found = {each.name: each for each in rules_of(own, {"token_spike": 9.0}, off=["agent_silent"])}
    assert found["tool_loop"].text.when == "repeats > 3"
    assert found["tool_loop"].is_set
    assert (found["token_spike"].text.value, found["token_spike"].is_set) == (9.0, True)
    assert not found["high_error_rate"].is_set
    assert not {"agent_silent", "x", "budget_of_a_day"} & found.keys()
    assert "x" in {each.name for each in rules_of(own, {}, on=["x"])}
    assert "turn_finished" not in found
    for chosen in ({"values": {"turn_finished": 9.0}}, {"accepted": ["turn_finished"]}):
        assert "turn_finished" in {each.name for each in rules_of([], **{"values": {}, **chosen})}
    with pytest.raises(RuleError, match="no rule 'tool_lop'; did you mean tool_loop"):
        rules_of([], {}, accepted=["tool_lop"])


def test_shipped_rules_have_the_defaults_of_the_configuration() -> None:
    """Each shipped rule is in order, and its value is the default of its setting."""
    assert len(rules_of([], {each.name: 1.0 for each in shipped()})) == len(shipped())
    for each in shipped():
        if each.setting is not None:
            assert value_of(Config(), each.setting) == each.value, each.name


def test_a_rehearsal_counts_suggests_and_gates() -> None:
    """A rule that fires more than once a day is noisy, unless its value was set."""
    moments = [moment(n * HOUR + m * SECOND) for n in range(0, 72, 2) for m in range(10)]
    noisy = rule("calls >= value", value=5, window="5m")
    calm = Rule(RuleText(name="calm", when="calls >= value", value=50), "rule calm")
    of_mine = Rule(RuleText(name="own", when="calls >= 5"), "rule own", is_set=True)
    found = rehearse([noisy, calm, of_mine], activity(*moments), NOW, days=3)
    assert [each.fired for each in found] == [36, 0, 36]
    assert [each.is_gated for each in found] == [True, False, False]
    assert [each.is_noisy for each in found] == [True, False, True]
    assert [each.suggested for each in found] == [10, 10, None]


def test_what_waits_now_is_told_of_now() -> None:
    """A session that asks is looked at however long ago it did anything; the past is not known."""
    rules = [Rule(each, each.name) for each in shipped() if each.off]
    moments = [moment(40 * MINUTE, session="asks"), moment(MINUTE, session="over")]
    waits = {"asks": Waiting(asked_us=NOW - 20 * MINUTE), "over": Waiting(over_us=NOW - MINUTE)}
    now = Activity(moments, Usual(), Health(), UTC, lambda: waits)
    told = {(each.rule, each.labels[0][1]): each for each in evaluate(rules, now, NOW)}
    assert {key for key, each in told.items() if each.holds} == {
        ("waiting_for_you", "asks"),
        ("turn_finished", "over"),
    }
    assert told["waiting_for_you", "asks"].message == "A session has waited for you for 20 min"
    assert told["turn_finished", "over"].message == "A turn ended 60 s ago"
    assert told["waiting_for_you", "over"].ends
    past = evaluate(rules, activity(*moments), NOW)
    assert {each.holds for each in past} == {None}
    assert not any(each.is_noisy for each in rehearse(rules, activity(*moments), NOW))
