"""Results of tau-bench tell what a second count finds in them."""

from pathlib import Path

import golden
from tachlog.model import RUN_TOTALS
from totals import files_below, read_all, totals, unread
from truth.tau_bench import count


def test_the_second_count_agrees(corpus_dir: Path) -> None:
    """On public real results, every figure of the second count is the source's as well."""
    paths = files_below(corpus_dir / "tau-bench")
    readings, sessions = read_all(paths, "tau_bench")
    expected = count(paths)
    agents = {t: s for t, s in sessions.items() if not t.sidechain}
    users = {t: s for t, s in sessions.items() if t.sidechain}
    assert totals(agents)["calls"] == expected.pop("assistant")
    assert totals(users)["calls"] == expected.pop("user")
    assert expected.pop("system") == expected["sessions"]
    assert expected.pop("tool") == expected["error"] + expected["success"]
    assert {name: totals(sessions)[name] for name in expected} == expected
    assert unread(readings) == {}


def test_the_simulated_user_is_kept_apart() -> None:
    """The agent's thread has the agent's tokens and cost; the user's are in a thread below it."""
    path = golden.CORPUS / "tau_bench/simulations/results.json"
    _, sessions = read_all([path], "tau_bench")
    by_side = {thread.sidechain: {thread: session} for thread, session in sessions.items()}
    agent, user = totals(by_side[False]), totals(by_side[True])
    assert (agent["input"], agent["cache_read"], agent["output"]) == (176 + 1000, 1024, 60)
    assert (agent["cost_nanousd"], user["cost_nanousd"]) == (3_100_000, 500_000)
    assert (user["input"], user["output"], user["calls"]) == (1100, 15, 2)


def test_the_greeting_is_no_call() -> None:
    """The words with which the agent's program opens a simulation come from no model."""
    path = golden.CORPUS / "tau_bench/simulations/results.json"
    _, sessions = read_all([path], "tau_bench")
    agent = next(session for thread, session in sessions.items() if not thread.sidechain)
    assert len(agent.calls) == 2
    assert RUN_TOTALS not in {call.stop_reason for call in agent.calls.values()}
