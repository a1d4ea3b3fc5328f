"""What bought nothing: each kind with an amount worked out by hand, each token claimed once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archives import assistant, at, jsonl, tool_result, tool_use, user
from screens import Desk
from summary_by_hand import Shelf, thread
from tachlog.analysis.billing import Billing
from tachlog.analysis.claims import USUAL, divided, weights_of
from tachlog.analysis.limits import WEEK_US
from tachlog.analysis.selection import Marked, Quarter, Selection
from tachlog.analysis.trace import Trace, TracedCall, TracedUse
from tachlog.analysis.waste import Waste, WasteRow, waste_of
from tachlog.analysis.wasted import is_broken_off
from tachlog.metrics import SessionMetrics
from tachlog.model import ErrorClass, Usage

MINUTE = 60_000_000


def by_hand(
    usage: Usage, model: str, provider: str | None, at_us: int, *, tier: str | None
) -> int | None:
    """1,000 nano-dollars a token; from the cache a tenth, into it 1.25 ×, output 5 ×."""
    if model == "unknown":
        return None
    return (
        usage.input * 1_000
        + usage.cache_read * 100
        + usage.cache_write * 1_250
        + usage.output * 5_000
    )


LIMIT_USD = 10


class Limited(Shelf):
    """An archive of traces in which a weekly limit of ten dollars is told."""

    def __init__(self, traces: Sequence[Trace]) -> None:
        hour = 4 * 3600
        super().__init__(traces=traces, quarters=[Quarter(hour // 900, "opus", cost_nanousd=10**9)])

    def marked(self, mark: str, since_us: int) -> list[Marked]:
        """A tenth was used between three and five o'clock."""
        return [
            Marked("claude_code", f"10080:{percent}:604800", at_us, at_us)
            for percent, at_us in ((0, 3 * 3600 * 10**6), (10, 5 * 3600 * 10**6))
            if at_us >= since_us
        ]


class Traced(Shelf):
    """An archive of traces."""

    def __init__(self, traces: Sequence[Trace], threads: Sequence[SessionMetrics] = ()) -> None:
        super().__init__(threads, traces=traces)


def call(
    key: int,
    *,
    minute: float | None = None,
    fresh: int = 0,
    read: int = 0,
    write: int = 0,
    output: int = 0,
    model: str = "opus",
    **facts: Any,
) -> TracedCall:
    """A model call in the minute of its key, unless another is given."""
    usage = Usage(input=fresh, cache_read=read, cache_write=write, output=output)
    at_us = round((key if minute is None else minute) * MINUTE)
    return TracedCall(
        **{
            "key": key,
            "at_us": at_us,
            "model": model,
            "provider": "anthropic",
            "input": fresh,
            "cache_read": read,
            "cache_write": write,
            "cache_write_1h": 0,
            "output": output,
            "nanousd": by_hand(usage, model, None, at_us, tier=None),
            **facts,
        }
    )


def tool(key: int, asked: int | None, name: str = "Read", **facts: Any) -> TracedUse:
    """A tool call, a second after the model call of that number that asked for it."""
    minute = facts.pop("minute", asked or 0)
    return TracedUse(
        **{
            "key": key,
            "at_us": round(minute * MINUTE) + key,
            "tool": name,
            "outcome": "success",
            "call": asked,
            "input_digest": 7,
            "output_bytes": 40,
            **facts,
        }
    )


def trace(
    calls: Sequence[TracedCall],
    uses: Sequence[TracedUse] = (),
    *,
    session: str = "s1",
    root: str | None = None,
    failures: Sequence[tuple[int, int, ErrorClass]] = (),
    prompts: Sequence[int] = (),
    compactions: Sequence[int] = (),
) -> Trace:
    """A thread."""
    return Trace(
        "claude_code",
        root or session,
        session,
        list(calls),
        list(uses),
        list(failures),
        list(prompts),
        list(compactions),
    )


def waste(traces: Sequence[Trace], threads: Sequence[SessionMetrics] = ()) -> Waste:
    """What an archive of these traces wasted."""
    return waste_of(
        Traced(traces, threads),
        Selection(),
        time_zone="UTC",
        prices="by hand",
        price=by_hand,
        generated_at_us=0,
    )


def rows(found: Waste) -> dict[str, WasteRow]:
    """The rows by kind."""
    return {row.kind: row for row in found.rows}


def amounts(found: Waste) -> dict[str, tuple[int, int, int]]:
    """Cases, tokens and nano-dollars of each kind."""
    return {
        row.kind: (row.cases, row.tokens, round((row.cost_usd or 0) * 1e9)) for row in found.rows
    }


def test_a_failed_tool_call_costs_its_part_of_the_call_that_asked() -> None:
    """Half of 100 fresh, 1,000 cached and 10 output tokens: 50 + 500 + 5, 125,000 nano-dollars."""
    asking = call(1, fresh=100, read=1_000, output=10, response_us=2 * MINUTE)
    failed = tool(1, 1, "Bash", outcome="error", execution_us=3 * MINUTE)
    found = waste([trace([asking], [failed, tool(2, 1)])])
    assert amounts(found) == {"failed": (1, 555, 125_000)}
    assert found.rows[0].minutes == 1 + 3
    assert (found.used_tokens, found.used_usd) == (1_110, 0.00025)
    assert found.cost_share == 0.5


def test_a_failed_model_call_costs_the_wait_before_the_next() -> None:
    """No log holds what it would have cost."""
    (row,) = waste([trace([call(1, fresh=5)], failures=[(1, 90_000, "rate_limit")])]).rows
    assert (row.kind, row.cases, row.tokens, row.minutes, row.cost_usd) == (
        "failed",
        1,
        0,
        1.5,
        None,
    )


def test_time_that_no_log_reports_counts_up_to_ten_minutes() -> None:
    """Between a call and its result a machine may have slept all night."""
    slept = {"outcome": "error", "execution_us": 600 * MINUTE}
    uses = [tool(1, 1, "Bash", **slept), tool(2, 1, "Bash", **slept, is_reported=True)]
    assert waste([trace([call(1, fresh=5)], uses)]).minutes == 610


def test_reading_again_what_did_not_change_is_told() -> None:
    """The same answer of the same size, though a command ran between; not after a compaction."""
    calls = [call(n, fresh=100) for n in (1, 2, 3, 4)]
    uses = [tool(1, 1), tool(2, 2, "Bash", input_digest=8), tool(3, 3), tool(4, 4)]
    found = waste([trace(calls, uses, compactions=[round(3.5 * MINUTE)])])
    assert amounts(found) == {"reread": (1, 100, 100_000)}


def test_a_file_that_grew_is_not_read_for_nothing() -> None:
    """Another answer is news."""
    calls = [call(n, fresh=100) for n in (1, 2)]
    assert waste([trace(calls, [tool(1, 1), tool(2, 2, output_bytes=41)])]).rows == []


def test_asking_the_same_with_nothing_between_is_told() -> None:
    """Three polls are two too many; an edit, a prompt or another answer makes a call a new one."""
    calls = [call(n, fresh=100) for n in range(1, 8)]
    uses = [
        tool(1, 1, "Bash"),
        tool(2, 2, "Bash"),
        tool(3, 3, "Bash"),
        tool(4, 4, "Edit", input_digest=9),
        tool(5, 5, "Bash"),
        tool(6, 6, "Bash"),
        tool(7, 7, "Bash", output_bytes=41),
    ]
    found = waste([trace(calls, uses, prompts=[round(5.5 * MINUTE)])])
    assert amounts(found) == {"repeated": (2, 200, 200_000)}


def test_a_lost_cache_costs_what_it_is_dearer_than_reading() -> None:
    """Of 12,000 cached tokens 2,000 are read: 10,000 × (1,250 − 100) nano-dollars too much."""
    found = waste(
        [
            trace(
                [
                    call(1, read=10_000, write=2_000),
                    call(2, read=2_000, write=12_000),
                    call(9, read=14_000, write=100),
                    call(16, fresh=14_500, model="haiku"),
                ]
            )
        ]
    )
    assert amounts(found) == {
        "cache_miss": (2, 10_000 + 14_100, 10_000 * 1_150 + 14_100 * 900),
    }
    assert rows(found)["cache_miss"].reasons == {"model_changed": 14_100, "prefix_changed": 10_000}


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        ({"minute": 5}, "prefix_changed"),
        ({"minute": 6}, "idle"),
        ({"minute": 6, "response_us": MINUTE}, "prefix_changed"),
        ({"minute": 2, "read": 8_000}, "tail_rewritten"),
        ({"minute": 2, "model": "haiku"}, "model_changed"),
    ],
)
def test_the_reason_of_a_lost_cache_is_told(later: dict[str, Any], reason: str) -> None:
    """Five minutes without a call are too long; the call's own time does not count."""
    first = call(1, minute=0.5, read=11_000)
    told = {"read": 0, **later}
    second = call(2, **told, write=12_000 - told["read"])
    (row,) = waste([trace([first, second])]).rows
    assert row.reasons == {reason: 11_000 - told["read"]}


def test_a_cache_for_an_hour_lasts_an_hour() -> None:
    """Half an hour is no reason then."""
    first = call(1, write=11_000, cache_write_1h=11_000)
    (row,) = waste([trace([first, call(31, write=12_000)])]).rows
    assert row.reasons == {"prefix_changed": 11_000}


def test_a_context_that_was_cut_is_no_lost_cache() -> None:
    """After a compaction, or a prompt that lost its history, another context is read."""
    calls = [call(1, read=50_000), call(2, write=49_000), call(3, write=20_000)]
    assert waste([trace(calls, compactions=[round(1.5 * MINUTE)])]).rows == []


def test_a_large_output_is_carried_until_a_compaction() -> None:
    """60,000 bytes are 40,000 too many: 10,000 tokens, read again by two calls from the cache."""
    calls = [
        call(1, read=1_000),
        call(2, read=1_000, write=16_000),
        call(3, read=17_000),
        call(4, read=17_000),
        call(5, fresh=17_000),
    ]
    uses = [tool(1, 1, output_bytes=60_000)]
    found = waste([trace(calls, uses, compactions=[round(4.5 * MINUTE)])])
    assert amounts(found) == {"carried": (1, 20_000, 20_000 * 100)}


def test_an_output_counts_as_far_as_the_context_grew() -> None:
    """An agent that shows the model 3,000 of 15,000 tokens carries a fifth of the excess."""
    calls = [call(1, fresh=1_000), call(2, fresh=4_000), call(3, fresh=4_000)]
    found = waste([trace(calls, [tool(1, None, output_bytes=60_000, minute=1)])])
    assert amounts(found) == {"carried": (1, 2_000, 2_000 * 1_000)}


def test_what_is_left_of_a_broken_off_session_bought_nothing() -> None:
    """With its sub-agents; what failed in it is told as failed and not again."""
    traces = [
        trace([call(1, fresh=100), call(2, fresh=50)], [tool(1, 1, "Bash", outcome="error")]),
        trace([call(3, fresh=10)], session="s1/a", root="s1"),
        trace([call(4, fresh=1_000)], session="done"),
    ]
    ended = [
        thread("s1", outcome_reasons=["interrupted"], title="Stopped"),
        thread("done", outcome_reasons=["commit_made", "interrupted"]),
    ]
    found = waste(traces, ended)
    assert amounts(found) == {"failed": (1, 100, 100_000), "abandoned": (1, 60, 60_000)}
    (session,) = rows(found)["abandoned"].sessions
    assert (session.session_id, session.title, session.tokens) == ("s1", "Stopped", 60)
    edited = [trace([call(1, fresh=100)], [tool(1, 1, "Edit", input_digest=1)])]
    assert waste(edited, ended).rows == []


def test_calls_without_a_price_count_with_their_tokens() -> None:
    """Unknown is not zero."""
    asking = call(1, fresh=100, model="unknown")
    found = waste([trace([asking], [tool(1, 1, outcome="error")])])
    assert (found.tokens, found.cost_usd, found.used_usd) == (100, None, None)
    assert weights_of(by_hand)(asking) == USUAL


counts = st.integers(0, 30_000)
some_calls = st.lists(
    st.builds(
        lambda fresh, read, write, output, model: (fresh, read, write, output, model),
        counts,
        counts,
        counts,
        counts,
        st.sampled_from(["opus", "haiku", "unknown"]),
    ),
    max_size=8,
)
some_uses = st.lists(
    st.tuples(
        st.sampled_from(["Read", "Bash", "Edit", "Grep"]),
        st.sampled_from(["success", "error", "unfinished"]),
        st.integers(0, 2),
        st.sampled_from([0, 40, 90_000]),
    ),
    max_size=8,
)


def made(session: str, calls: list[Any], uses: list[Any]) -> Trace:
    """A thread out of drawn values."""
    return trace(
        [
            call(n + 1, fresh=fresh, read=read, write=write, output=output, model=model)
            for n, (fresh, read, write, output, model) in enumerate(calls)
        ],
        [
            tool(
                n, n % (len(calls) + 1) or None, name, outcome=ended, input_digest=d, output_bytes=b
            )
            for n, (name, ended, d, b) in enumerate(uses, 1)
        ],
        session=session,
        compactions=[4 * MINUTE],
    )


@settings(max_examples=60)
@given(some_calls, some_uses, some_calls, some_uses, st.booleans())
def test_sessions_add_up_and_nothing_is_claimed_twice(
    calls: list[Any], uses: list[Any], others: list[Any], other_uses: list[Any], stopped: bool
) -> None:
    """Both sessions together waste what each does, in either order, and no more than was used."""
    ended = [thread("a", outcome_reasons=["interrupted" if stopped else "left"]), thread("b")]
    a, b = made("a", calls, uses), made("b", others, other_uses)
    both, alone = waste([a, b], ended), [amounts(waste([one], ended)) for one in (a, b)]
    assert amounts(waste([b, a], ended)) == amounts(both)
    for kind, told in amounts(both).items():
        parts = [each.get(kind, (0, 0, 0)) for each in alone]
        assert told == tuple(map(sum, zip(*parts, strict=True)))
    assert both.tokens <= both.used_tokens
    assert (both.cost_usd or 0) <= (both.used_usd or 0) + 1e-12
    if is_broken_off(ended[0], [a]):
        own = waste([a], ended)
        assert own.tokens == own.used_tokens


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=4))
def test_a_cost_is_divided_without_a_rest(whole: int, weights: list[int]) -> None:
    """Parts add up, and none is negative."""
    parts = divided(whole, weights)
    assert sum(parts) == whole
    assert min(parts) >= 0


def test_the_command_shows_kinds_and_sessions(tmp_path: Path) -> None:
    """A transcript with a failed command: its call's cost, and the session behind it."""
    desk = Desk(tmp_path)
    session = "c1c2c3d4-0000-4000-8000-000000000009"
    told = [
        user(session, "u1", at(0), "Run it"),
        assistant(
            session, "r1", at(5), "m1", content=[tool_use("t1", "Bash", command="psql shop")]
        ),
        tool_result(
            session, "x1", at(9), "t1", "Exit code 2\npsql: error: connection refused", error=True
        ),
        assistant(session, "r2", at(12), "m2"),
    ]
    jsonl(desk.logs / f"{session}.jsonl", told)
    assert desk.run("analyze").code == 0
    ran = desk.run("cost", "--waste")
    assert ran.code == 0
    assert "failed calls" in ran.out
    assert "  c1c2 " in ran.out
    found = json.loads(desk.run("cost", "--waste", "--json").out)
    (row,) = found["rows"]
    assert (row["kind"], row["sessions"][0]["session_id"]) == ("failed", session)
    assert 0 < row["cost_usd"] < found["used_usd"]
    assert desk.run("cost", "--waste", "--since", "2026-11-19").out.startswith("nothing fits")
    plan = '[[billing]]\nprovider = "anthropic"\nplan = "subscription"\nusd_per_month = 200\n'
    with (tmp_path / "config.toml").open("a") as file:
        file.write(plan)
    shown = desk.run("cost", "--waste").out
    assert "WHAT CASES SESSIONS TIME SHARE TOKENS COST MOST IN" in " ".join(shown.split())
    assert "no log here tells the size of a weekly limit" in shown


def test_a_week_of_waste_is_held_against_the_weekly_limit() -> None:
    """Two dollars in two weeks, of a limit of ten a week, are a tenth; nothing without a plan."""
    calls = [call(n, minute=n * WEEK_US / MINUTE, fresh=2_000_000_000) for n in (1, 2)]
    uses = [tool(n, n, "Bash", outcome="error") for n in (1, 2)]
    archive = Limited([trace(calls, uses)])
    plan = Billing("anthropic", "subscription", 200)
    without, found = (
        waste_of(
            archive,
            Selection(),
            billing,
            time_zone="UTC",
            prices="by hand",
            price=by_hand,
            generated_at_us=0,
        )
        for billing in ((), (plan,))
    )
    assert (without.has_plan, without.of_weekly_limit) == (False, {})
    assert found.has_plan
    assert found.cost_usd is not None
    (share,) = found.of_weekly_limit.values()
    assert share == pytest.approx(found.cost_usd / 2 / LIMIT_USD)


def test_a_lost_cache_is_told_with_its_reasons_and_without_a_price(tmp_path: Path) -> None:
    """Twenty thousand tokens read anew under a model that nobody prices: no share is made up."""
    desk = Desk(tmp_path)
    session = "c1c2c3d4-0000-4000-8000-000000000009"
    told = [user(session, "u1", at(0), "Go")]
    for number, (fresh, read) in enumerate([(10, 20_000), (20_010, 0)]):
        reply = assistant(session, f"r{number}", at(5 + number), f"m{number}")
        reply["message"] |= {"model": "mystery-1"}
        reply["message"]["usage"] |= {
            "input_tokens": fresh,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": 0,
        }
        told.append(reply)
    jsonl(desk.logs / f"{session}.jsonl", told)
    desk.run("analyze")
    (row,) = json.loads(desk.run("cost", "--waste", "--json").out)["rows"]
    assert (row["kind"], row["tokens"], row["cost_usd"]) == ("cache_miss", 20_000, None)
    shown = " ".join(desk.run("cost", "--waste").out.split())
    assert "by reason: something at the beginning changed, or the provider dropped it 20" in shown


def test_nothing_wasted_is_said(tmp_path: Path) -> None:
    """A session without any of it has an answer too."""
    desk = Desk(tmp_path)
    session = "c1c2c3d4-0000-4000-8000-000000000009"
    told = [user(session, "u1", at(0), "Hello"), assistant(session, "r1", at(5), "m1")]
    jsonl(desk.logs / f"{session}.jsonl", told)
    desk.run("analyze")
    assert "nothing of what was looked for" in desk.run("cost", "--waste").out
