"""Costs that logs report for single calls, beside the same calls at API prices."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from archives import read_in
from screens import Desk
from summary_by_hand import at
from tachlog.analysis.cost_check import CostComparison, ReportedCall, compare
from tachlog.analysis.selection import Selection
from tachlog.cli.cross_checks import CostCheck, blocks
from tachlog.model import Usage
from tachlog.pricing import price
from tachlog.stores import open_store

CASES = Path(__file__).parent / "corpus"

CALL = ReportedCall(
    # Opus 4.5: 1,000 × $5 + 100 × $25 per million = $0.0075
    "opencode",
    "claude-opus-4-5",
    "anthropic",
    None,
    at("2026-11-18T09:00"),
    Usage(input=1_000, output=100),
    7_500_000,
)


@pytest.mark.parametrize(
    ("reported", "difference", "differs"),
    [
        (7_500_000, 0.0, False),
        (7_200_000, 0.041667, False),
        (7_000_000, 0.071429, True),
        (10_000_000, -0.25, True),
    ],
)
def test_more_than_a_twentieth_is_a_difference(
    reported: int, difference: float, differs: bool
) -> None:
    """The share is of what the log reports."""
    (found,) = compare([replace(CALL, reported_nanousd=reported)], price)
    assert (found.difference, found.differs) == (difference, differs)


def test_calls_without_a_price_are_counted_and_not_compared() -> None:
    """A model without any price has no other cost to hold against what the log says."""
    unknown = replace(CALL, model="mystery-1")
    found = compare([unknown, replace(CALL, tier="no such tier"), CALL], price)
    assert found == [
        CostComparison("opencode", "claude-opus-4-5", 2, 0.015, 0.0075, 1, 0.0),
        CostComparison("opencode", "mystery-1", 1, 0.0075, None, 1, None),
    ]
    assert not found[1].differs


def test_the_greatest_difference_in_dollars_comes_first() -> None:
    """That is the one to look at."""
    near = replace(CALL, agent="pi", reported_nanousd=7_000_000)
    far = replace(CALL, agent="zed", reported_nanousd=9_000_000)
    assert [each.agent for each in compare([near, far], price)] == ["zed", "pi"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give a home with a log of AgentLog's kind that a mapping gives costs."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    logs = desk.home / "bot.jsonl"
    call = {"s": "one", "m": "claude-opus-4-5", "r": "assistant", "i": 1_000, "o": 100}
    rows = [
        {**call, "t": f"2026-11-18T09:0{n}:00Z", "id": f"c{n}", "c": cost}
        for n, cost in enumerate((0.0045, 0.02))
    ]
    logs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = desk.home / "config.toml"
    config.write_text(
        config.read_text()
        + '[[sources.mappings]]\nname = "bot"\nmatch = "*bot.jsonl"\n'
        + '[sources.mappings.fields]\nsession = "s"\ntime = "t"\nmodel = "m"\nid = "id"\n'
        + 'role = "r"\ninput_tokens = "i"\noutput_tokens = "o"\ncost = "c"\n'
    )
    assert desk.run("analyze", str(logs)).code == 0
    return desk


def test_doctor_tells_which_reported_costs_differ(desk: Desk) -> None:
    """It names agent, model, both amounts and by how much they differ."""
    (found,) = json.loads(desk.run("doctor", "--json").out)["reported_calls"]
    assert (found["calls"], found["reported_usd"], found["computed_usd"]) == (2, 0.0245, 0.015)
    shown = desk.run("doctor", COLUMNS="200").out
    assert "0 of 1 model agree within 5 %; what the log reports counts" in shown
    assert "claude-opus-4-5, 2 calls: reported $0.02, at API prices $0.01 (−39 %)" in shown


def test_a_reported_cost_wins_and_is_marked(desk: Desk) -> None:
    """The total is what the log reports, and says so."""
    total = json.loads(desk.run("cost", "--json").out)["total"]
    assert (total["cost_usd"], total["cost_basis"]) == (0.0245, "reported")
    assert "as the logs report it" in desk.run("cost").out


def test_the_cost_of_a_whole_run_is_no_calls() -> None:
    """Totals of a run are priced as one great call, so that nothing follows from a difference."""
    store = open_store("private:")
    read_in(store, sorted((CASES / "swe_agent" / "totals").glob("*.traj")))
    assert sum(
        use.reported_cost_calls for m in store.sessions(Selection()) for use in m.models.values()
    )
    assert store.reported_calls() == []
    store.close()


def test_doctor_tells_sessions_whose_reported_cost_differs(tmp_path: Path) -> None:
    """A recorded session agrees but for the call that compacts, which its log does not hold.

    Another's running cost lacks the call that was interrupted: that is 12 %. The copy of a session
    counts on from what that had cost and is not compared; one without any call cost nothing.
    """
    logs = tmp_path / "logs"
    shutil.copytree(CASES / "claude_code" / "recorded_2.1.330", logs)
    desk = Desk(tmp_path)
    (tmp_path / "prices.toml").write_text("")
    assert desk.run("analyze", str(logs)).code == 0
    checks = json.loads(desk.run("doctor", "--json").out)["reported_costs"]
    told = {each["session_id"][-1]: (each["reported_usd"], each["computed_usd"]) for each in checks}
    assert told["1"] == (0.079272, 0.075468)
    assert told["3"] == (0.01689, 0.0189225)
    assert told.keys() == {"1", "3", "4"}
    shown = desk.run("doctor", COLUMNS="200").out
    assert "2 of 3 agree within 5 %" in shown
    assert "0003: reported $0.02, at API prices $0.02" in shown


@pytest.mark.parametrize("lost", [False, True])
def test_doctor_tells_running_totals_that_differ(tmp_path: Path, lost: bool) -> None:
    """Codex says what a thread used; a rollout that lost the record of a call falls short of it."""
    case = next((CASES / "codex" / "usage_records").glob("*.jsonl"))
    lines = case.read_text(encoding="utf-8").splitlines(keepends=True)
    if lost:
        lines.remove([line for line in lines if "token_usage_record" in line][-1])
    desk = Desk(tmp_path)
    rollout = tmp_path / "logs" / case.name
    rollout.parent.mkdir()
    rollout.write_text("".join(lines), encoding="utf-8")
    assert desk.run("analyze", str(rollout)).code == 0
    (check,) = json.loads(desk.run("doctor", "--json").out)["reported_tokens"]
    assert (check["reported"] > check["counted"]) == lost
    shown = desk.run("doctor").out
    assert ("0 of 1 agree" if lost else "1 of 1 agree") in shown
    assert (f"reported {check['reported']:,}, counted {check['counted']:,}" in shown) == lost


def test_a_session_whose_calls_have_no_price_is_told_as_a_difference() -> None:
    """What logs report for a session stands beside a dash where no price is known."""
    checks = [CostCheck("priced", 1.0, 1.02), CostCheck("unpriced", 1.0, None)]
    [(title, lines)] = blocks(checks, [], [])
    assert title == "COSTS that logs report for sessions, beside ours"
    assert lines == [
        "  1 of 2 agree within 5 %",
        "  unpriced: reported $1.00, at API prices –",
    ]
