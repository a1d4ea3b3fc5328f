"""Recommendations: few, with evidence, never from too small a sample."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from archives import read_in
from screens import Desk
from serving import Served
from summary_by_hand import thread
from tachlog import data
from tachlog.analysis.advice import FINDERS, id_of, recommend, still_told
from tachlog.analysis.advice.contexts import short_tokens
from tachlog.analysis.advice.effect import BEFORE_US, effect_of
from tachlog.analysis.advice.failing import gist
from tachlog.analysis.advice.keeping import (
    MOST_SHARE,
    PATIENCE_US,
    advised,
    lately,
    renew,
)
from tachlog.analysis.advice.material import Material, material_of
from tachlog.analysis.selection import Selection
from tachlog.analysis.shapes import Recommendation
from tachlog.analysis.standing import Standing
from tachlog.analysis.tally import trees_of
from tachlog.analysis.trace import Trace, TracedCall, TracedUse
from tachlog.cli.advice import saving_told
from tachlog.metrics import Context, SessionMetrics
from tachlog.model import ERROR_CLASSES, Usage
from tachlog.pricing import price
from tachlog.stores import open_store
from test_alert_acting import post
from test_alerts import row
from test_waste import MINUTE, call, tool, trace

START = 1_790_000_000_000_000
WEEK = 7 * 86_400_000_000
_keys = count(1_000)


def session(
    number: int, uses: Sequence[TracedUse] = (), calls: Sequence[TracedCall] = (), **facts: Any
) -> tuple[SessionMetrics, Trace]:
    """A session with its only thread, whose first call asks for every tool call."""
    asked = calls or [call(next(_keys), minute=START / MINUTE, fresh=1_000, output=100)]
    name = f"s{number:02}"
    own = [
        replace(use, key=next(_keys), call=asked[0].key, at_us=asked[0].at_us + place)
        for place, use in enumerate(uses)
    ]
    told = {key: facts.pop(key) for key in ("failures", "compactions") if key in facts}
    return thread(name, **facts), trace(asked, own, session=name, **told)


def material(*sessions: tuple[SessionMetrics, Trace]) -> Material:
    """What the sessions of an archive give to make advice from."""
    trees = trees_of(m for m, _ in sessions)
    return Material(trees, [each for _, each in sessions])


def advice(*sessions: tuple[SessionMetrics, Trace]) -> list[Recommendation]:
    """What is recommended after these sessions."""
    return still_told(recommend(material(*sessions)), [], START)


def failed(name: str = "Bash", error_class: str = "command_failed", **facts: Any) -> TracedUse:
    """A tool call that failed in a way of its own."""
    own = next(_keys)
    told = {"outcome": "error", "error_class": error_class, "input_digest": own}
    return tool(1, 1, name, **{**told, "fingerprint": own, **facts})


def worked(name: str = "Bash", **facts: Any) -> TracedUse:
    """A tool call that worked, with an input of its own."""
    return tool(1, 1, name, **{"input_digest": next(_keys), **facts})


def test_a_tool_that_fails_too_often_is_to_be_optimized() -> None:
    """More than 30 % of at least twenty decided calls: the user's rule, and what to do."""
    edits = [failed("Edit", "edit_conflict") for _ in range(7)]
    good = [worked("Edit") for _ in range(14)]
    rejected = worked("Edit", outcome="user_rejected")
    (found,) = advice(session(1, [*edits[:2], *good, rejected]), session(2, edits[2:]))
    assert (found.type, found.tool, found.about) == ("tool_optimization", "Edit", "Edit")
    assert found.message == (
        "Edit failed 7 of 21 times (33%), mostly edit_conflict (7):"
        " tell the agent to read a file again right before it edits it"
    )
    assert found.evidence["error_rate"] == round(7 / 21, 6)
    assert found.sessions == ["s02", "s01"]
    assert (found.confidence, found.effort, found.instruction) == ("low", "medium", None)
    assert advice(session(1, [*edits[:6], *good])) == []
    assert advice(session(1, [*edits, *good[:12]])) == []


def test_saying_again_that_it_is_done_is_no_loop() -> None:
    """A tool by which an agent ends is asked for again by a scaffold that goes on."""
    again = [worked("finish", input_digest=5, output_bytes=9) for _ in range(9)]
    assert advice(*(session(number, again) for number in range(3))) == []


def test_many_retries_are_to_be_reduced() -> None:
    """More than two retries a session on average: the user's other rule."""
    again = failed(input_digest=3)
    many = session(1, [again, again, again], retries=5, errors={"rate_limit": 4, "network": 1})
    (found,) = advice(many, session(2))
    assert found.type == "retry_reduction"
    assert found.message.startswith("1 of 2 sessions repeat what failed, 2.5 times on average")
    assert data.advice().remedies["rate_limit"] in found.message
    assert (found.evidence["retries"], found.evidence["avg_retries"]) == (5, 2.5)
    assert found.sessions == ["s01"]
    assert advice(session(1, retries=4), session(2)) == []
    assert advice() == []


def carried(number: int) -> tuple[SessionMetrics, Trace]:
    """A session in which a large output is read by two more calls."""
    first = call(next(_keys), minute=START / MINUTE, fresh=5_000, output=10)
    second = call(next(_keys), minute=START / MINUTE + 1, fresh=405_000)
    third = call(next(_keys), minute=START / MINUTE + 2, fresh=406_000)
    uses = [worked("Read", output_bytes=420_000) for _ in range(4)]
    return session(number, uses, [first, second, third])


def broken(number: int, minutes: float, model: str = "opus") -> tuple[SessionMetrics, Trace]:
    """A session whose third call finds nothing in the cache, after so many minutes."""
    begin = START / MINUTE
    calls = [
        call(next(_keys), minute=begin, write=50_000),
        call(next(_keys), minute=begin + minutes, write=50_000, model=model),
    ]
    return session(number, (), calls)


def small_task(number: int) -> tuple[SessionMetrics, Trace]:
    """A session with one question to a dear model."""
    asked = call(next(_keys), minute=START / MINUTE, fresh=9_000, output=900, nanousd=10**9)
    return session(number, (), [asked], model="claude-opus-4-1", complexity="very_low")


def many(
    count_of: int, make: Callable[[int], tuple[SessionMetrics, Trace]]
) -> list[tuple[SessionMetrics, Trace]]:
    """So many sessions alike."""
    return [make(number) for number in range(count_of)]


def flaky(number: int) -> tuple[SessionMetrics, Trace]:
    """A session in which the provider was overloaded four times."""
    return session(number, failures=[(START + n, 60_000, "overloaded") for n in range(4)])


SAME = {"fingerprint": 7, "excerpt": "run > Error: connect ECONNREFUSED", "target": "npm test"}
CASES: dict[str, tuple[list[tuple[SessionMetrics, Trace]], str]] = {
    "repeated_failure": (
        many(3, lambda n: session(n, [failed(error_class="network", **SAME) for _ in range(3)])),
        "`npm test` (Bash) failed the same way 9 of 9 times in 3 sessions with “Error: connect"
        " ECONNREFUSED”: start what it connects to before the agent runs",
    ),
    "missing_path": (
        many(
            3,
            lambda n: session(
                n,
                [failed("Read", "not_found", target_kind="file", target="src/a.py")] * 2
                + [worked("Read", target_kind="file", target="b.py")] * 9,
            ),
        ),
        "In shop the agent asked 6 times in 3 sessions for a path that does not exist: `src/a.py`;"
        " say in its instructions where things are",
    ),
    "loop": (
        many(2, lambda n: session(n, [worked("Fetch", input_digest=5, output_bytes=n)] * 5)),
        "Fetch was called again with the same input 8 times in 2 runs of three or more"
        " (2 sessions): tell the agent to change something before it asks a third time",
    ),
    "polling": (
        many(1, lambda n: session(n, [worked("write_stdin", input_digest=5)] * 21)),
        "write_stdin looked 20 times whether something was done (1 run in 1 session), each time"
        " for a whole model call: let each look wait longer, or run the command to its end",
    ),
    "repeated_call": (
        many(
            5,
            lambda n: session(n, [worked(input_digest=d) for d in (5, 5, 6, 6)]),
        ),
        "Bash gave the same answer again 10 times in 5 sessions, with nothing changed in between:"
        " tell the agent to use the answer that it has",
    ),
    "reread_file": (
        many(
            4,
            lambda n: session(
                n, [worked("Read", input_digest=d, target=f"f{d}.py") for d in (5, 6, 5, 6)]
            ),
        ),
        "In shop files were read again 8 times in 4 sessions while the context still held them"
        " unchanged, most often `f5.py`, `f6.py`: tell the agent to rely on what it has read",
    ),
    "oversized_output": (
        many(3, carried),
        "Read returned 12 outputs of more than 20 kB in 3 sessions (half of them more than 420 kB),"
        " and later calls read 1.14 M tokens of that again: read the part that is needed (offset"
        " and limit), not whole files",
    ),
    "cache_idle": (
        many(10, lambda n: broken(n, 6 + n)),
        "Claude Code's prompt cache was rewritten 10 times after idle gaps of 6 to 15 minutes,"
        " 500 k tokens in 10 sessions: use the 1-hour cache lifetime, or ask in one sitting",
    ),
    "cache_return": (
        many(10, lambda n: broken(n, 90)),
        "Sessions of Claude Code were taken up again 10 times after more than an hour, and 500 k"
        " tokens of old context read at the full price (10 sessions): begin a new session with a"
        " short summary instead",
    ),
    "cache_model_switch": (
        many(5, lambda n: broken(n, 1, "sonnet")),
        "Claude Code changed the model within 5 sessions, and 250 k tokens had to be written to the"
        " other one's cache in 5 calls: choose the model when a session begins",
    ),
    "cache_prefix": (
        many(20, lambda n: broken(n, 1)),
        "Claude Code lost its cached context in 20 of 40 calls (20 sessions, 1 M tokens) without a"
        " pause: keep tools, MCP servers and instruction files as they are while a session runs (or"
        " the provider dropped it)",
    ),
    "context_pressure": (
        many(3, lambda n: session(n, context=Context(compactions=2))),
        "3 of 3 sessions of Claude Code outgrew the context 6 times and lost detail: begin a new"
        " session for each task, and let sub-agents do the wide reading",
    ),
    "model_choice": (
        many(10, small_task),
        "10 of 10 sessions with claude-opus-4-1 were simple (few messages, few tools, hardly an"
        " error, no file changed): begin such sessions with claude-sonnet-4-5",
    ),
    "slow_tool": (
        many(
            5,
            lambda n: session(
                n,
                [worked(target_kind="command", target="make test", execution_us=90 * 10**6)] * 2,
            ),
        ),
        "`make test` took 90 s on average in 10 calls (5 sessions, 15 min in all): let the agent"
        " run the part that it needs, or run it in the background",
    ),
    "approval_wait": (
        many(
            5,
            lambda n: session(
                n, [worked(target_kind="command", target="git push", waited_us=MINUTE)] * 2
            ),
        ),
        "`git push` (Bash) waited for consent 10 times, 10 min in all, and was never refused: allow"
        " it in the agent's settings",
    ),
    "flaky_network": (
        many(3, flaky),
        "Claude Code's model calls failed 12 times in 3 sessions for reasons outside the agent,"
        " mostly overloaded (12): run when the provider is less busy, or fall back to another"
        " model",
    ),
    "abandoned_session": (
        many(5, lambda n: session(n, outcome="left", outcome_reasons=["interrupted"])),
        "5 of 5 sessions of Claude Code were broken off by a person before any file was changed:"
        " give the task in smaller steps, or ask for a plan first",
    ),
    "unused_mcp": (
        many(10, lambda n: session(n, mcp_servers=["jira"])),
        "MCP server jira was loaded in 10 sessions and called in none: load it only where it is"
        " needed, its tools take room in every call",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_what_is_said_and_from_how_many_cases_on(kind: str) -> None:
    """Each kind says what happened and what to do; with one session less it says nothing."""
    sessions, message = CASES[kind]
    told = {each.type: each.message for each in advice(*sessions)}
    assert told.get(kind) == message
    assert kind not in {each.type for each in advice(*sessions[1:])}


def test_small_sub_agents_are_work_for_the_main_agent() -> None:
    """Most sub-agents of a type that make two tool calls or fewer cost more than they spare."""
    sessions = []
    for number in range(4):
        sessions.append(session(number, [worked("Task")] * 2))
        for part in range(2):
            name, root = f"s{number:02}/{part}", f"s{number:02}"
            m = thread(name, of=root, agent_type="Explore")
            asked = call(next(_keys), minute=START / MINUTE, fresh=12_000)
            sessions.append((m, trace([asked], session=name, root=root)))
    (found,) = [each for each in advice(*sessions) if each.type == "subagent_cost"]
    assert found.message.startswith(
        "8 of 8 sub-agents of the type Explore made two tool calls or fewer, for 12 k tokens each"
    )
    assert advice(*sessions[3:]) == []


def test_a_tool_of_a_server_makes_it_used() -> None:
    """A server that one session called is not unused, nor is one with other signs in its name."""
    stats = thread(tools={}).tools
    called = session(99, tools={**stats, "mcp__my_server__find": _stats()})
    loaded = many(10, lambda n: session(n, mcp_servers=["my server"]))
    assert "unused_mcp" in {each.type for each in advice(*loaded)}
    assert "unused_mcp" not in {each.type for each in advice(*loaded, called)}


def _stats() -> Any:
    from summary_by_hand import tool as stats

    return stats()


def test_a_path_that_was_found_is_not_missing() -> None:
    """A path that the agent could read at another time exists, or did."""
    sessions, _ = CASES["missing_path"]
    there = session(9, [worked("Read", target_kind="file", target="src/a.py")])
    assert "missing_path" not in {each.type for each in advice(*sessions, there)}


def test_no_case_is_saved_twice() -> None:
    """The same failures give one recommendation, and all of them save no more than was used."""
    same = [failed(error_class="network", **SAME) for _ in range(10)]
    sessions = many(3, lambda n: session(n, same))
    found = advice(*sessions)
    assert [each.type for each in found] == ["tool_optimization"]
    used = sum(c.nanousd or 0 for _, each in sessions for c in each.calls)
    saved = sum((each.saving.usd_per_week or 0) * each.saving.weeks for each in found)
    assert saved == pytest.approx(used / 1e9, rel=0.01)
    assert found[0].saving.tokens_per_week == 3 * 1_100


def test_with_a_plan_a_saving_is_told_first_in_time_and_share() -> None:
    """Of the weekly limit where logs tell it, else of all that was used; dollars come after."""
    found = advice(*CASES["loop"][0])[0].saving
    assert found.use_share is not None
    assert found.limit_share is None
    saving = replace(found, usd_per_week=2.5, minutes_per_week=12, tokens_per_week=0, weeks=4)
    of_use = replace(saving, use_share=0.125)
    assert saving_told(of_use) == "up to $2.50, 12 min a week of work (over 4 weeks)"
    assert saving_told(of_use, True) == (
        "up to 12 min, 12.5 % of the use, $2.50 at API prices a week of work (over 4 weeks)"
    )
    assert "12 min, 3.0 % of the weekly limit, $2.50 at" in saving_told(
        replace(of_use, limit_share=0.03), True
    )


def test_a_saving_is_held_against_the_weekly_limit_of_its_agent() -> None:
    """All that the sessions used is saved here: their cost over the limit, by the week."""
    found = material(*CASES["loop"][0])
    cost, _ = found.used
    limited = Material(found.trees, found.traces, {"claude_code": 10 * cost})
    saving = recommend(limited)[0].saving
    assert saving.use_share is not None
    assert saving.limit_share == pytest.approx(saving.use_share / 10 / saving.weeks, rel=0.01)


def test_few_of_a_kind_and_in_all() -> None:
    """Two of a kind at most, those that save most, in whatever order sessions come."""
    sessions = [
        session(n, [worked(f"tool{k}", input_digest=5)] * (9 + k))
        for k in range(4)
        for n in (2 * k, 2 * k + 1)
    ]
    found = advice(*sessions)
    assert [each.about for each in found if each.type == "loop"] == ["tool3", "tool2"]
    assert advice(*sessions[::-1]) == found
    assert len(found) <= data.advice().most


def test_saving_is_by_week_of_work() -> None:
    """Weeks in which nothing was done do not make a saving smaller."""
    late = call(next(_keys), minute=(START + 9 * WEEK) / MINUTE, fresh=1)
    sessions = [*CASES["loop"][0], session(50, (), [late])]
    found = next(each for each in advice(*sessions) if each.type == "loop")
    assert found.saving.weeks == 2


def test_every_kind_is_found_and_worded() -> None:
    """Data and code name the same kinds, every error class has a remedy, and ids stay."""
    assert [kind.type for kind in data.advice().kinds] == list(FINDERS)
    assert data.advice().remedies.keys() == set(ERROR_CLASSES)
    assert set(CASES) | {"tool_optimization", "retry_reduction", "subagent_cost"} == set(FINDERS)
    assert id_of("loop", "Bash") == id_of("loop", "Bash") != id_of("loop", "Read")


def test_texts_are_short() -> None:
    """An error is told from where it says what it is; tokens are told in round numbers."""
    assert gist("> shop@1 test > node Error: connect ECONNREFUSED") == "Error: connect ECONNREFUSED"
    assert gist("x" * 51) == "x" * 50 + "…"
    assert [short_tokens(n) for n in (9_400, 240_900, 1_900_000)] == ["9,400", "240 k", "1.9 M"]


def looped(number: int, at_us: int, repeats: int) -> tuple[SessionMetrics, Trace]:
    """A session with ten calls that began then; so many of them repeat the one before."""
    uses = [worked("Fetch", input_digest=5 if n <= repeats else 0) for n in range(10)]
    return session(number, uses, start=None, start_us=at_us)


@pytest.mark.parametrize(
    ("before", "since", "repeats", "verdict"),
    [
        (6, 6, 0, "helped"),
        (6, 6, 9, "did not help"),
        (6, 20, 5, "did not help"),
        (6, 4, 0, "too early"),
        (6, 6, 5, "too early"),
        (0, 0, 0, "too early"),
    ],
)
def test_whether_it_helped(before: int, since: int, repeats: int, verdict: str) -> None:
    """Sessions since are compared with those of four weeks before, and too few say nothing."""
    done = Standing("x", "loop", "Fetch", "", "done", "local", START)
    sessions = [looped(n, START - WEEK, 5) for n in range(before)]
    sessions += [looped(50 + n, START + WEEK, repeats) for n in range(since)]
    sessions += [looped(90, START - BEFORE_US - 1, 9)]
    found = effect_of(done, material(*sessions))
    assert (found.verdict, found.sessions_before, found.sessions_since) == (verdict, before, since)
    if since:
        assert (found.before, found.since) == (0.5, repeats / 10)


def test_numbers_of_real_logs_can_be_counted_again(corpus_dir: Path, tmp_path: Path) -> None:
    """What the advice about real logs says is what plain loops over the operations count."""
    store = open_store(str(tmp_path / "a.db"))
    read_in(store, sorted((corpus_dir / "tau-bench").rglob("*.json*")))
    found = {each.type: each for each in recommend(material_of(store, Selection()))}
    calls = Counter[str]()
    errors = Counter[str]()
    for m in store.sessions(Selection()):
        told = store.session(m.session_id)
        assert told is not None
        for use in told[1].tools.values():
            if use.outcome in ("success", "error"):
                calls[use.tool] += 1
                errors[use.tool] += use.outcome == "error"
    store.close()
    advised = found["tool_optimization"].evidence
    tools = [name for name in calls if calls[name] >= 20 and errors[name] > 0.3 * calls[name]]
    assert found["tool_optimization"].tool in tools
    assert (advised["calls"], advised["errors"]) in {(calls[n], errors[n]) for n in tools}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Give somebody whose agent repeats itself, with an archive of it."""
    desk = Desk(tmp_path)
    rows = [row(START + n * 1_000_000, session=f"s{n % 3}", digest=1 + n % 3) for n in range(30)]
    (tmp_path / "logs").mkdir()
    text = "".join(json.dumps(each) + "\n" for each in rows)
    (tmp_path / "logs" / "a.ndjson").write_text(text)
    assert desk.run("analyze", str(tmp_path / "logs"), now=LATE).code == 0
    return desk


LATE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_the_command_lists_advice_and_takes_what_is_said_of_it(desk: Desk) -> None:
    """`advice` lists and shows, prints instructions, and forgets what was dismissed or snoozed."""
    first = json.loads(desk.run("advice", "--json", now=LATE).out)["recommendations"][0]
    assert (first["type"], first["about"]) == ("loop", "search")
    number = first["id"][:6]
    listed = desk.run("advice", now=LATE).out
    assert "1  search was called again with the same input 27 times in 3 runs" in listed
    assert f"   {number} · seen in s0, s1, s2" in listed
    shown = desk.run("advice", "show", number, now=LATE).out
    assert "repeats: 27" in shown
    assert "to tell the agent: Do not call search a third time" in shown
    markdown = desk.run("advice", "--markdown", now=LATE).out
    assert markdown.startswith("## How to work here\n\n- Do not call search a third time")
    snoozed = desk.run("advice", "snooze", number, "--days", "3", now=LATE).out
    assert snoozed.startswith(f"{number} snoozed until 23 Nov by local on 20 Nov\n")
    assert "nothing to recommend in 3 sessions" in desk.run("advice", now=LATE).out
    later = desk.run("advice", "--json", now=LATE + timedelta(days=4)).out
    assert [each["id"] for each in json.loads(later)["recommendations"]] == [first["id"]]
    until = desk.run("advice", "snooze", number, "--until", "2026-12-24", now=LATE).out
    assert "until 25 Dec" in until
    done = desk.run("advice", "done", number, "--note", "told it", now=LATE).out
    assert "done by local on 20 Nov: told it" in done
    assert "too early: repeats of all calls of the tool" in desk.run("advice", now=LATE).out
    assert "nothing that belongs" in desk.run("advice", "--markdown", now=LATE).out
    assert "done by local" in desk.run("advice", "show", number, now=LATE).out
    assert "dismissed by local" in desk.run("advice", "dismiss", number, now=LATE).out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["shwo"], 2),
        (["list", "more"], 2),
        (["show"], 2),
        (["done", "ffffffffff"], 1),
        (["snooze", "x", "--until", "soon"], 2),
        (["snooze", "x", "--until", "2026-01-01"], 2),
        (["snooze", "x", "--until", "2027-01-01", "--days", "2"], 2),
    ],
)
def test_what_cannot_be_said_is_refused(desk: Desk, words: list[str], code: int) -> None:
    """A word, an id or a time that cannot be is refused, and nothing is kept."""
    assert desk.run("advice", *words, now=LATE).code == code
    assert json.loads(desk.run("advice", "--json", now=LATE).out)["answered"] == []


def test_nothing_read_nothing_advised(desk: Desk) -> None:
    """Without sessions there is nothing to say."""
    assert "nothing fits" in desk.run("advice", "--project", "other", now=LATE).out


def test_the_page_takes_what_is_said(served: Served) -> None:
    """The Advice page offers to dismiss, snooze and mark as done; what is not there is refused."""
    rows = [row(START + n, session=f"adv{n % 2}", digest=1 + n % 2) for n in range(30)]
    body = "".join(json.dumps(each) + "\n" for each in rows).encode()
    sent = {"content-type": "application/x-ndjson"}
    assert served.ask("/api/v1/agent-logs", "POST", body, sent).status == 200
    found = served.ask("/api/v1/advice?provider=openai").json
    for verb, body in (("done", {"note": "x"}), ("snooze", {"days": 2}), ("dismiss", {})):
        path = f"/api/v1/advice/nothing/{verb}"
        assert post(served, path, body).status == 404
    number = found["recommendations"][0]["id"]
    page = served.ask("/advice?provider=openai").body.decode()
    assert f'data-post="/api/v1/advice/{number}/dismiss"' in page
    assert "Made " in page
    said = post(served, f"/api/v1/advice/{number}/done", {"note": "now"})
    assert (said.status, said.json["state"], said.json["note"]) == (200, "done", "now")
    assert "<strong>done</strong>" in served.ask("/advice").body.decode()
    assert post(served, f"/api/v1/advice/{number}/snooze", {"days": 2}).json["state"] == "snoozed"


def test_the_cheaper_model_is_cheaper() -> None:
    """Each model of the table costs less than the one it is advised for, for input and output."""
    at_us = 1_790_000_000_000_000
    names = {"claude-opus": "claude-opus-4-8", "gemini-3-pro": "gemini-3-pro-preview"}
    for begins, cheaper in data.advice().cheaper.items():
        for usage in (Usage(input=100_000), Usage(output=100_000)):
            own = price(usage, names.get(begins, begins), None, at_us)
            other = price(usage, cheaper, None, at_us)
            assert own is not None, begins
            assert other is not None, cheaper
            assert other < own, (begins, cheaper)


def test_advice_is_kept_and_made_again_when_figures_change(tmp_path: Path) -> None:
    """Who asks gets advice of the figures as they are; a service tells what it made lately."""

    def read(name: str, sessions: int) -> None:
        rows = [row(START + n, session=f"{name}{n % sessions}", digest=1) for n in range(30)]
        path = tmp_path / f"{name}.ndjson"
        path.write_text("".join(json.dumps(each) + "\n" for each in rows))
        read_in(store, [path])

    store = open_store(str(tmp_path / "a.db"))
    read("a", 2)
    first = advised(store, Selection(), START)
    assert advised(store, Selection(), START + 9) == first
    assert first.made_us == START
    named = Selection(agent="agent_log")
    assert advised(store, named, START, is_served=True).sessions == 2
    read("b", 3)
    later = START + PATIENCE_US - 1
    assert advised(store, Selection(), later, is_served=True) == first
    assert advised(store, named, later, is_served=True).sessions == 2
    assert advised(store, named, later + 1, is_served=True).sessions == 5
    assert not renew(store, START)
    kept = [store.advising.kept(name) for name in (b"x",)]
    assert kept == [None]
    assert renew(store, later)
    assert advised(store, Selection(), later, is_served=True).sessions == 5
    assert not renew(store, later + int(PATIENCE_US / MOST_SHARE))
    store.close()


def test_advice_is_of_thirty_days(tmp_path: Path) -> None:
    """It is of the last 30 days with anything done, unless something else was asked for."""
    day_us = 86_400_000_000
    days = [row(START - n * 2 * day_us, session=f"s{n}") for n in range(35)]
    (tmp_path / "a.ndjson").write_text("".join(json.dumps(each) + "\n" for each in days))
    store = open_store(str(tmp_path / "a.db"))
    assert lately(store, Selection(), START) == Selection()
    read_in(store, [tmp_path / "a.ndjson"])
    for now_us in (START, START + 90 * day_us):
        found = lately(store, Selection(), now_us)
        assert found.since_us == (START // day_us - 29 * 2) * day_us
        assert len(store.sessions(found)) == 30
    for asked in (Selection(since_us=5), Selection(paths=("a",)), Selection(agent="codex")):
        assert lately(store, asked, START) == asked
    store.close()
