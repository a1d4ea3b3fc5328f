"""What the calls of a session had to read: parts that add up, growth, the cache and its breaks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from archives import assistant, at, jsonl, tool_result, tool_use, user
from screens import Desk
from sessions_by_hand import MODEL, Told, text
from tachlog.analysis.context import ContextReport, context_report
from tachlog.analysis.derivation import derive
from tachlog.cli.reading import context_lines
from tachlog.data import context_window, estimator_factors
from tachlog.metrics.calibration import SHIPPED
from tachlog.metrics.measure import measure
from tachlog.model import RUN_TOTALS, Usage


def report(told: Told) -> ContextReport:
    """What is told of the context."""
    found = context_report(told.session(), SHIPPED)
    assert found is not None
    return found


def parts(told: Told) -> dict[str, int]:
    """The tokens of each part of the greatest call's context."""
    found = report(told)
    assert sum(part.tokens for part in found.parts) == found.peak_tokens
    return {part.name: part.tokens for part in found.parts}


def test_nothing_is_told_of_calls_that_read_nothing() -> None:
    """Without a call that tells what it read there is no report."""
    told = Told()
    told.reply(1, usage=Usage(output=300))
    told.reply(2, usage=Usage(9_000, output=300), stop=RUN_TOTALS)
    assert context_report(told.session(), SHIPPED) is None


def test_a_context_grows_by_results_replies_and_prompts() -> None:
    """What each part adds is estimated, what is left over is the agent's own."""
    told = Told()
    told.prompt(0)
    told.reply(1, usage=Usage(1_000, 9_000, 10_000, 500))
    told.tool(2, 3, "Read")
    told.prompt(4)
    told.reply(5, usage=Usage(1_000, 20_000, 4_000, 100))
    factors = estimator_factors(MODEL)
    assert parts(told) == {
        "the first request": 20_000,
        "tool results": round(20 * factors.tool_output),
        "replies": 500,
        "prompts": 3,
        "what the agent adds": 25_000 - 20_503 - round(20 * factors.tool_output),
    }
    found = report(told)
    assert (found.calls, found.first_tokens, found.last_tokens) == (2, 20_000, 25_000)
    assert found.window == context_window(MODEL)
    assert found.growth_per_turn == 2_500
    assert found.cache_hit_rate == round(29_000 / 45_000, 6)


def test_parts_are_never_more_than_was_read() -> None:
    """Where the estimates exceed the growth, as after thinking that was dropped, they shrink."""
    told = Told()
    told.reply(1, usage=Usage(20_000, output=5_000))
    told.reply(2, usage=Usage(21_000, output=1))
    assert parts(told) == {"the first request": 20_000, "replies": 1_000}


def test_estimated_replies_are_parts_too() -> None:
    """A reply without a final count adds its estimate."""
    told = Told()
    told.reply(1, usage=Usage(20_000, output=1), features=text(4_000), stop=None)
    told.reply(2, usage=Usage(30_000, output=1))
    factors = estimator_factors(MODEL)
    assert parts(told)["replies"] == round(4_000 * factors.text + factors.constant)


def test_after_a_compaction_the_context_begins_anew() -> None:
    """The parts are those since the compaction before the peak; what it saved is told."""
    told = Told()
    told.reply(1, usage=Usage(50_000, output=700))
    told.compaction(2)
    told.reply(3, usage=Usage(8_000, output=600))
    told.reply(4, usage=Usage(90_000, output=600))
    told.compaction(5)
    found = report(told)
    assert found.parts[0].name == "the summary and what goes with it"
    assert parts(told)["replies"] == 600
    assert [(one.before, one.after, one.saved) for one in found.compactions] == [
        (50_000, 8_000, 42_000),
        (90_000, None, None),
    ]
    assert found.growth_per_turn == 82_000


def test_system_prompt_and_tools_are_apart_where_the_log_holds_them() -> None:
    """The latest shape before the call splits the first request; more than was read is cut."""
    told = Told()
    told.mark(0, "request_shape", "30000:60000:aa")
    told.mark(3, "request_shape", "1:1:bb")
    told.reply(1, usage=Usage(40_000))
    found = parts(told)
    assert list(found) == ["system prompt", "tools", "the first prompt"]
    assert 6_000 < found["system prompt"] < 9_000
    assert 18_000 < found["tools"] < 22_000
    small = Told()
    small.mark(0, "request_shape", "30000:60000:aa")
    small.reply(1, usage=Usage(1_000))
    assert parts(small)["the first prompt"] in (0, 1)


BREAKS: list[tuple[str | None, dict[str, Any], float]] = [
    ("model_switch", {"model": "claude-haiku-4-5"}, 10),
    ("idle", {}, 400),
    (None, {}, 10),
]


@pytest.mark.parametrize(("cause", "facts", "seconds"), BREAKS)
def test_a_cache_that_fails_has_its_visible_cause(
    cause: str | None, facts: dict[str, Any], seconds: float
) -> None:
    """Another model, a pause longer than the cache lives; else no cause is told."""
    told = Told()
    told.reply(1, usage=Usage(10, 0, 30_000, 5))
    told.reply(1 + seconds, usage=Usage(10, 5_000, 26_000, 5), **facts)
    (found,) = report(told).cache_breaks
    assert (found.cause, found.tokens) == (cause, 25_000)
    assert found.at is not None


def test_compactions_and_changed_tools_break_the_cache() -> None:
    """Both lie between the calls."""
    told = Told()
    told.reply(1, usage=Usage(10, 0, 30_000, 5))
    told.compaction(2)
    told.reply(3, usage=Usage(10, 0, 9_000, 5))
    told.mark(4, "request_shape", "1:1:aa")
    told.reply(5, usage=Usage(10, 0, 9_500, 5))
    assert [(one.cause, one.tokens) for one in report(told).cache_breaks] == [
        ("compaction", 9_010),
        ("changed_tools", 9_000),
    ]


def test_a_cache_that_lives_for_an_hour_is_not_idle_after_ten_minutes() -> None:
    """Writes for an hour last an hour; small prompts and kept caches are no breaks."""
    told = Told()
    told.reply(1, usage=Usage(10, 0, 30_000, 5, 30_000))
    told.reply(601, usage=Usage(10, 0, 30_000, 5))
    told.reply(602, usage=Usage(10, 30_000, 100, 5))
    told.reply(603, usage=Usage(900, 0, 0, 5))
    assert [one.cause for one in report(told).cache_breaks] == [None]
    told = Told()
    told.reply(1, usage=Usage(10, 0, 900, 5))
    told.reply(2, usage=Usage(910, 0, 0, 5))
    assert report(told).cache_breaks == []


def test_where_nothing_is_written_what_was_read_is_what_lay_there() -> None:
    """OpenAI's cache writes by itself: a break is when what was read from it is not read again."""
    told = Told("codex")
    told.reply(1, usage=Usage(20_000, 0, 0, 5), model="gpt-5")
    told.reply(2, usage=Usage(1_000, 20_000, 0, 5), model="gpt-5")
    told.reply(3, usage=Usage(22_000, 0, 0, 5), model="gpt-5")
    assert [one.tokens for one in report(told).cache_breaks] == [20_000]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give a home with one session whose tools changed."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    shape = {"system": [{"type": "text", "text": "s" * 900}], "tools": [{"name": "Bash"}]}
    begins = {"type": "api-request-shape", "sessionId": "5e55", "timestamp": at(0), "shape": shape}
    odd = {**begins, "shape": "odd", "timestamp": at(1)}
    records = [
        begins,
        odd,
        user("5e55", "u0", at(0), "go on"),
        assistant("5e55", "u1", at(1), "m1", content=[tool_use("t1", "Bash", command="ls")]),
        tool_result("5e55", "u2", at(2), "t1", "README.md"),
        assistant("5e55", "u3", at(3), "m2"),
    ]
    jsonl(desk.home / ".claude/projects/shop/5e55.jsonl", records)
    assert desk.run("analyze").code == 0
    return desk


def test_show_and_explain_tell_what_was_read(desk: Desk) -> None:
    """The heading of a session has its sizes and the cache, `explain` the parts one by one."""
    shown = desk.run("show", "5e55").out
    assert "READ 1,110 tokens at first, at most 1,110" in shown
    assert "system prompt ~" in shown
    assert "90.1 % of it from the cache" in shown
    told = msgspec.json.decode(desk.run("show", "5e55", "--json").out)["context"]
    assert sum(part["tokens"] for part in told["parts"]) == told["peak_tokens"] == 1_110
    explained = desk.run("explain", "5e55").out
    assert "context: 1,110  reported, its parts estimated" in explained
    assert "system prompt, estimated" in explained


def test_explain_lists_breaks_and_savings() -> None:
    """Each break of the cache and each compaction has its line."""
    told = Told()
    told.reply(1, usage=Usage(10, 0, 30_000, 5))
    told.compaction(2)
    told.reply(3, usage=Usage(10, 0, 9_000, 5))
    told.reply(400, usage=Usage(10, 0, 9_000, 5))
    told.reply(401, usage=Usage(10, 0, 9_000, 5))
    told.compaction(500)
    session = told.session()
    figures = derive(measure(session, None), session, [], context=report(told))
    (found,) = [figure for figure in figures if figure.name == "context"]
    assert found.basis == "reported"
    assert [(step.value, step.what.partition(": ")[2] or step.what[:5]) for step in found.steps][
        2:
    ] == [(9_010, "compaction"), (9_000, "idle"), (9_000, "no cause is told"), (21_000, "saved")]


def test_breaks_are_counted_by_cause() -> None:
    """How often the cache failed, why, and what had to be read anew, in one line."""
    told = Told()
    for when in (1, 400, 401, 402):
        told.reply(when, usage=Usage(10, 0, 30_000, 5))
    told.reply(403, usage=Usage(10, 30_000, 9_000, 5))
    lines = list(context_lines(report(told), 100))
    assert lines[0] == (
        "READ 30.0 k tokens at first, at most 39.0 k, 20 % of the window of 200 k"
        " · a turn adds 9,000"
    )
    assert lines[-1] == (
        "     18.9 % of it from the cache, lost 3 times (not told 2, idle 1): 90.0 k tokens anew"
    )


def test_a_plain_report_is_one_line() -> None:
    """Without a cache, a window or parts there is only the size; compactions are counted."""
    told = Told()
    told.compaction(0)
    told.reply(1, usage=Usage(input=1_500), model="my-own-model")
    lines = list(context_lines(report(told), 100))
    assert lines == ["READ 1,500 tokens at first, at most 1,500 · a turn adds 0 · 1 compaction"]
