"""`tachlog cost`: every call is in one row, whatever rows are cut by, and nothing silently zero."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import astuple, replace

from archives import assistant, at, jsonl, read_in, tool_result, tool_use, user
from screens import Desk
from summary_by_hand import DOLLAR, MODEL, Shelf, use
from summary_by_hand import at as moment
from tachlog.analysis.billing import Billing
from tachlog.analysis.plans import UnmatchedBill, unmatched
from tachlog.analysis.selection import (
    BYS,
    NUMBER_NOT_TOLD,
    By,
    Selection,
    Shifts,
    Spending,
    Told,
)
from tachlog.analysis.spending import Costs, costs_of
from tachlog.analysis.tally import add_use
from tachlog.analysis.unlogged import SideCall
from tachlog.cli.blocks import paid, unmatched_bill
from tachlog.cli.cost import csv_lines
from tachlog.metrics import QUARTER_US, ModelUse
from tachlog.pricing import price
from tachlog.stores import Store, open_store, spending
from tachlog.stores.archive import SqlArchive


class Found(Shelf):
    """An archive that gives these groups and facts, whatever it is asked."""

    def __init__(self, found: list[Spending], marks: Mapping[str, list[Told]]) -> None:
        super().__init__()
        self.found = found
        self.marks = marks

    def spending(
        self, selection: Selection, by: By, cuts: Sequence[int] = (), shifts: Shifts | None = None
    ) -> list[Spending]:
        """Give the groups, divided by the moments."""
        return [replace(each, period=sum(c <= each.first_us for c in cuts)) for each in self.found]

    def told(self, selection: Selection, mark: str) -> list[Told]:
        """Give what is told of plans and limits."""
        return self.marks.get(mark, [])

    def providers(self) -> list[str]:
        """Those of the groups."""
        return sorted({each.use.provider for each in self.found})

    def side_calls(self, selection: Selection) -> list[SideCall]:
        """Give none."""
        return []


def costs(
    found: list[Spending],
    by: By = "day",
    time_zone: str = "UTC",
    *,
    billing: Sequence[Billing] = (),
    selection: Selection = Selection(),  # noqa: B008 (frozen)
    **marks: list[Told],
) -> Costs:
    """Add up what a store found, at noon on 20 November 2026."""
    return costs_of(
        Found(found, marks),
        selection,
        by,
        billing,
        time_zone=time_zone,
        prices="prices",
        price=price,
        generated_at_us=moment("2026-11-20T12:00"),
    )


def quarter(text: str, cost: int | None = DOLLAR, model: str = MODEL) -> Spending:
    """One call in the quarter hour of a time, for a dollar."""
    at_us = moment(text)
    return Spending(at_us // QUARTER_US, None, model, use(cost=cost), 0, at_us)


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("day", ["2025-12-31", "2026-01-01", "2026-01-05"]),
        ("week", ["2026-W01", "2026-W02"]),
        ("month", ["2025-12", "2026-01"]),
    ],
)
def test_periods_are_cut_in_the_zone_and_come_in_order(by: By, keys: list[str]) -> None:
    """Half past eleven at night in UTC is the next day in Vienna; weeks are those of ISO 8601."""
    found = [
        quarter("2026-01-05T08:00"),
        quarter("2025-12-31T23:30"),
        quarter("2025-12-31T22:30"),
    ]
    assert [row.key for row in costs(found, by, "Europe/Vienna").rows] == keys


def test_calls_without_a_time_have_a_row_of_their_own() -> None:
    """A log that tells no times gives places in a file, which are no day."""
    rows = costs([Spending(0, None, MODEL, use()), quarter("2026-11-18T09:00")]).rows
    assert [(row.key, row.calls) for row in rows] == [(None, 1), ("2026-11-18", 1)]


def test_a_call_without_a_price_is_listed_with_its_tokens() -> None:
    """It has no cost, it is counted, its model is named, and the total is that of the others."""
    found = costs([quarter("2026-11-18T09:00"), quarter("2026-11-18T10:00", None, "mystery-1")])
    (row,) = found.rows
    assert (row.cost_usd, row.unpriced_calls) == (1.0, 1)
    assert found.unpriced_models["mystery-1"].tokens == 1_000
    assert row.models["mystery-1"].cost_usd is None


def test_a_row_of_which_no_call_has_a_price_has_none() -> None:
    """Unknown is not zero."""
    (row,) = costs([quarter("2026-11-18T09:00", None)]).rows
    assert (row.cost_usd, row.cost_basis) == (None, None)


def test_rows_that_are_no_periods_come_with_the_dearest_first() -> None:
    """Those without a price follow by their tokens, those without a key after those with one."""
    found = [
        Spending("a", None, MODEL, use(cost=1)),
        Spending("c", None, MODEL, use(cost=None)),
        Spending(None, None, MODEL, use(cost=None)),
        Spending("b", None, MODEL, use(cost=2)),
        Spending("d", None, MODEL, use(2, cost=None)),
    ]
    assert [row.key for row in costs(found, "project").rows] == ["b", "a", "d", "c", None]


def test_one_model_of_two_providers_is_one_model() -> None:
    """It is told with the provider of most of its calls."""
    found = [
        Spending(None, None, MODEL, use()),
        Spending(None, None, MODEL, use(2, provider="vertex")),
    ]
    assert costs(found, "agent").total.models[MODEL].provider == "vertex"
    assert costs(found, "agent").total.models[MODEL].calls == 3


MAX = Billing("anthropic", "subscription", 30.436875, date(2026, 11, 1), "Claude Max")
API = Billing("anthropic", "api", since=date(2026, 11, 11))


def test_only_what_is_billed_by_use_is_spent() -> None:
    """A plan's calls are part of the cost at API prices, and no cent of them was spent."""
    found = [quarter("2026-10-31T09:00"), quarter("2026-11-10T09:00"), quarter("2026-11-11T09:00")]
    answer = costs(found, billing=[API, MAX])
    assert (answer.total.cost_usd, answer.total.spent_usd) == (3.0, 1.0)
    assert [row.spent_usd for row in answer.rows] == [None, 0.0, 1.0]


def test_nothing_is_called_spent_where_nothing_says_how_it_is_paid() -> None:
    """Without `[[billing]]`, or with one of another provider, amounts are at API prices alone."""
    found = [quarter("2026-11-10T09:00")]
    assert costs(found).total.spent_usd is None
    assert costs(found, billing=[Billing("openai", "api")]).total.spent_usd is None


def test_a_subscription_is_compared_with_what_it_was_used_for() -> None:
    """Ten of 30.436875 days of a plan of as many dollars cost ten; five dollars of use are half."""
    found = [quarter(f"2026-11-0{day}T09:00") for day in range(1, 6)]
    (plan,) = costs(found, billing=[MAX, API]).plans
    assert (plan.name, plan.paid_usd, plan.used_usd, plan.leverage) == ("Claude Max", 10, 5, 0.5)
    assert (plan.start, plan.end) == ("2026-11-01T00:00:00.000Z", "2026-11-11T00:00:00.000Z")


def test_a_subscription_is_paid_until_now_from_its_first_call_where_no_day_is_told() -> None:
    """Two days after the first call, two days were paid; a free plan has no leverage."""
    free = Billing("anthropic", "subscription", 0)
    (plan,) = costs([quarter("2026-11-18T12:00")], billing=[free]).plans
    assert (plan.start, plan.end) == ("2026-11-18T12:00:00.000Z", "2026-11-20T12:00:00.000Z")
    assert (plan.name, plan.paid_usd, plan.leverage) == ("anthropic", 0, None)


@pytest.mark.parametrize(
    ("selection", "plans"),
    [
        (Selection(), 1),
        (Selection(provider="anthropic"), 1),
        (Selection(provider="openai"), 0),
        (Selection(project="shop"), 0),
        (Selection(model=MODEL), 0),
        (Selection(until_us=moment("2026-10-01T00:00")), 0),
    ],
)
def test_the_price_of_a_plan_is_that_of_all_its_calls(selection: Selection, plans: int) -> None:
    """It is not held against a part of them, nor against a time in which it was not paid."""
    found = costs([quarter("2026-11-10T09:00")], billing=[MAX], selection=selection)
    assert len(found.plans) == plans


def test_a_limit_hints_at_a_plan_where_no_log_names_one() -> None:
    """Codex names its plan, so that its limits say nothing new; Claude Code only hits limits."""
    plan = Told("codex", "plus", 2)
    limits = [Told("codex", "usage", 1), Told("claude_code", "8am", 1), Told("claude_code", "9", 2)]
    told = costs([], plan=[plan], limit=limits).plans_told
    assert [(each.agent, each.sessions) for each in told] == [("codex", 2), ("claude_code", 3)]


def pr_link(session: str, minute: int, number: int) -> dict[str, Any]:
    """The record of a pull request that a session is about."""
    return {
        "type": "pr-link",
        "sessionId": session,
        "prNumber": number,
        "prRepository": "ana/shop",
        "timestamp": at(minute),
    }


def replies(session: str, minutes: list[int], **more: Any) -> Iterator[dict[str, Any]]:
    """A reply in each of these minutes."""
    for minute in minutes:
        name = f"{session}-{minute}"
        yield assistant(session, name, at(minute, 5), f"m-{name}", **more)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an archive of a session with two pull requests, one that ran `gh pr create`, and one."""
    two = [
        user("two", "u1", at(0), "Go"),
        *replies("two", [0]),
        pr_link("two", 10, 1),
        *replies("two", [11], gitBranch="fix"),
        pr_link("two", 20, 2),
        *replies("two", [30, 31]),
    ]
    created = "gh pr create --fill"
    opened = [
        user("opened", "u2", at(0), "Go"),
        assistant(
            "opened",
            "o1",
            at(1),
            "m-o1",
            content=[
                tool_use("t1", "Bash", command=created),
                tool_use("t2", "Read", file_path="/home/ana/shop/a"),
                tool_use("t3", "Read", file_path="/home/ana/shop/b"),
            ],
        ),
        tool_result("opened", "x1", at(2), "t1", "https://example.org/1"),
    ]
    sub = {"isSidechain": True, "agentId": "a1"}
    alone = [user("alone", "u3", at(0), "Go"), *replies("alone", [40])]
    helper = [
        user("two", "s1", at(5), "Look", **sub),
        assistant("two", "s2", at(6), "m-s2", **sub),
    ]
    archive = open_store("private:")
    logs = {"two": two, "opened": opened, "alone": alone, "agent-a1": helper}
    read_in(archive, [jsonl(tmp_path / f"{name}.jsonl", log) for name, log in logs.items()])
    yield archive
    archive.close()


def test_calls_are_divided_at_the_moments_that_are_asked_for(store: Store) -> None:
    """A call at the moment itself comes after it; `first_us` is hardly before the first one."""
    cut = moment("2026-11-18T09:40") + 5_000_000
    found = store.spending(Selection(), "agent", [cut])
    calls = Counter[int]()
    for each in found:
        calls[each.period] += each.use.calls
    assert calls == {0: 6, 1: 1}
    assert {each.first_us for each in found if each.period} == {cut}


@pytest.mark.parametrize(
    "by", ["day", "model", "provider", "agent", "project", "session", "subagent"]
)
@pytest.mark.parametrize(
    ("since", "until"),
    [(None, None), ("2026-11-18T09:40:05", None), ("2026-11-18T09:31", "2026-11-18T09:40:05")],
)
def test_quarter_hours_come_to_what_their_calls_come_to(
    store: Store, by: By, since: str | None, until: str | None
) -> None:
    """Whatever calls are cut by, and wherever their time begins and ends, to the nano-dollar."""
    selection = Selection(since and moment(since), until and moment(until))
    archive = cast(SqlArchive, store)
    names = dict(archive.database.rows("SELECT id, text FROM names"))
    rows = [*spending._of_calls(archive.database, names, selection, by)]
    wanted = added_up(spending._spending(row, names, by, 0) for row in rows)
    assert added_up(store.spending(selection, by)) == wanted
    assert bool(wanted) == bool(rows)


def added_up(found: Iterable[Spending]) -> dict[Any, tuple[Any, ...]]:
    """The use of each group, model and provider."""
    uses: dict[Any, ModelUse] = {}
    for each in found:
        key = (each.group, each.within, each.model, each.use.provider)
        add_use(uses.setdefault(key, ModelUse(each.use.provider)), each.use)
    return {key: astuple(use) for key, use in uses.items()}


def test_marks_are_told_with_the_sessions_that_tell_them(store: Store) -> None:
    """A sub-agent's marks are its session's."""
    (shop,) = store.told(Selection(), "cwd")
    assert (shop.agent, shop.value, shop.sessions) == ("claude_code", "/home/ana/shop", 3)


def calls(store: Store, by: By, selection: Selection = Selection()) -> dict[Any, int]:  # noqa: B008
    """The calls of each group."""
    return {found.group: found.use.calls for found in store.spending(selection, by)}


@pytest.mark.parametrize("by", BYS)
def test_rows_add_up_to_the_same_total_whatever_they_are_cut_by(store: Store, by: By) -> None:
    """Tokens and nano-dollars of all rows are those of all calls, to the last one."""
    found = [spending.use for spending in store.spending(Selection(), by)]
    # Seven calls of Opus 4.5, each 10×5,000 + 1,000×500 + 100×6,250 + 50×25,000 nano-dollars
    assert sum(use.cost_nanousd or 0 for use in found) == 7 * 2_425_000
    assert sum(use.total for use in found) == 7 * 1_160
    assert sum(use.unpriced_calls for use in found) == 0


def test_a_pull_request_has_the_calls_that_led_to_it(store: Store) -> None:
    """Up to it from the one before; the last has what follows; sub-agents' calls count alike."""
    assert calls(store, "pr") == {"ana/shop#1": 2, "ana/shop#2": 3, "?": 1, None: 1}


def test_a_call_that_asked_for_several_tools_is_divided_among_them(store: Store) -> None:
    """Each of three tools has a third, the first ones what is left over."""
    found = {spending.group: spending.use for spending in store.spending(Selection(), "tool")}
    assert {name: use.calls for name, use in found.items()} == {"Bash": 1, "Read": 2, None: 6}
    assert found["Bash"].total + found["Read"].total == 1_160
    # Ten fresh tokens are 4 + 3 + 3, a thousand 334 + 333 + 333, and so on, in the order of keys.
    assert found["Bash"].input in (3, 4)
    assert found["Bash"].cache_read in (333, 334)
    assert (found["Bash"].cost_nanousd or 0) + (found["Read"].cost_nanousd or 0) == 2_425_000


def test_branches_are_those_of_a_project(store: Store) -> None:
    """The same branch name in two projects is two branches."""
    found = {(s.group, s.within): s.use.calls for s in store.spending(Selection(), "branch")}
    assert found == {("main", "shop"): 6, ("fix", "shop"): 1}


def test_main_conversations_and_sub_agents_are_told_apart(store: Store) -> None:
    """A sub-agent whose type no log tells is one without a type, not a main conversation."""
    assert calls(store, "subagent") == {None: 6, "": 1}


def test_the_calls_of_a_sub_agent_are_its_sessions(store: Store) -> None:
    """A session is the main conversation with all that it delegated."""
    assert calls(store, "session") == {"two": 5, "opened": 1, "alone": 1}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(model=MODEL), 7),
        (Selection(model="gpt-5.5"), 0),
        (Selection(provider="anthropic"), 7),
        (Selection(provider="nobody"), 0),
        (Selection(since_us=moment("2026-11-18T09:30")), 3),
        (Selection(until_us=moment("2026-11-18T09:01")), 1),
    ],
)
def test_a_selection_is_of_single_calls(store: Store, selection: Selection, expected: int) -> None:
    """Model, provider and times are those of the calls, whatever their session's are."""
    assert sum(calls(store, "model", selection).values()) == expected


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give a home whose sessions are in the archive; tests only look at it."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.write()
    assert desk.run("analyze").code == 0
    return desk


@pytest.mark.parametrize("by", BYS)
def test_every_cut_is_shown_with_its_total(desk: Desk, by: By) -> None:
    """The last row of the table is the whole, and its cost that of the JSON."""
    shown = desk.run("cost", "--by", by)
    total = json.loads(desk.run("cost", "--by", by, "--json").out)["total"]
    line = next(line for line in shown.out.splitlines() if line.startswith("in all"))
    assert f"${total['cost_usd']:.2f}" in line, shown.err


def test_csv_has_the_rows_of_the_json(desk: Desk) -> None:
    """Each row once, with the keys and amounts that the JSON tells, and the version of prices."""
    told = json.loads(desk.run("cost", "--by", "tool", "--json").out)
    rows = list(csv.DictReader(StringIO(desk.run("cost", "--by", "tool", "--csv").out)))
    assert [row["key"] or None for row in rows] == [row["key"] for row in told["rows"]]
    assert [float(row["cost_usd"]) for row in rows] == [row["cost_usd"] for row in told["rows"]]
    assert {(row["prices"], row["estimates"]) for row in rows} == {
        (told["prices"], told["estimates"])
    }


@pytest.mark.parametrize(
    ("by", "key", "name"),
    [
        ("day", None, "no date"),
        ("branch", None, "no branch"),
        ("subagent", None, "main conversations"),
        ("subagent", "", "type not told"),
        ("pr", None, "no pull request"),
        ("pr", NUMBER_NOT_TOLD, "opened, number not told"),
        ("model", "opus", "opus"),
    ],
)
def test_rows_of_a_csv_are_told_apart_without_a_key(by: By, key: str | None, name: str) -> None:
    """What has no key and what has one that no log tells are two rows, each with its name."""
    found = costs([Spending(0 if by == "day" else key, None, MODEL, use())], by)
    (row,) = csv.DictReader(csv_lines(found))
    assert (row["key"], row["name"]) == (key or "", name)


def test_rows_beyond_the_limit_are_one_row(desk: Desk) -> None:
    """What is not shown by name is still counted: the total stays."""
    shown = desk.run("cost", "--by", "tool", "--limit", "1").out
    assert "4 more tools" in shown


def test_json_and_csv_exclude_each_other(desk: Desk) -> None:
    """One answer has one form."""
    ran = desk.run("cost", "--json", "--csv")
    assert (ran.code, ran.out) == (2, "")


def test_an_empty_selection_says_so(desk: Desk) -> None:
    """Nothing is told of nothing."""
    assert desk.run("cost", "--model", "gpt-5.5").out == "nothing fits these filters\n"


BILLED = """
[[billing]]
provider = "anthropic"
plan = "subscription"
usd_per_month = 200
name = "Claude Max"
"""


def test_a_plan_is_shown_with_its_price_and_its_use(tmp_path: Path) -> None:
    """The sentence names the plan, what was paid and how many times that was used."""
    desk = Desk(tmp_path)
    desk.write()
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + BILLED)
    assert desk.run("analyze").code == 0
    shown = desk.run("cost").out
    # From 09:00 on the 18th to 18:00 on the 20th: 2.375 of 30.436875 days, $200 × 0.07803
    assert "Claude Max, $200 a month: you paid $15.61 from 18 Nov 2026 to 20 Nov 2026" in shown
    config.write_text(config.read_text().replace('"subscription"\nusd_per_month = 200', '"api"'))
    assert "SPENT" in desk.run("cost").out


def test_a_pull_request_without_a_number_and_amounts_of_both_kinds_are_named(
    tmp_path: Path,
) -> None:
    """One that was opened by a command and is named nowhere; a cost that a log reports beside."""
    desk = Desk(tmp_path)
    opened = [tool_use("t", "Bash", command="gh pr create --fill")]
    log = [
        user("o", "u", at(0), "Open it"),
        assistant("o", "r", at(5), "m-1", content=opened),
        tool_result("o", "x", at(6), "t", "done"),
    ]
    jsonl(desk.logs / "o.jsonl", log)
    row = {"s": "b", "t": at(9), "m": "claude-opus-4-5", "r": "assistant", "i": 9, "o": 9, "c": 0.5}
    reported = jsonl(tmp_path / "bot.jsonl", [row])
    config = tmp_path / "config.toml"
    config.write_text(
        config.read_text()
        + '[[sources.mappings]]\nname = "bot"\nmatch = "*bot.jsonl"\n'
        + '[sources.mappings.fields]\nsession = "s"\ntime = "t"\nmodel = "m"\nrole = "r"\n'
        + 'input_tokens = "i"\noutput_tokens = "o"\ncost = "c"\n'
    )
    assert desk.run("analyze", str(reported), str(desk.logs)).code == 0
    shown = desk.run("cost", "--by", "pr").out
    assert "at API prices, or as the log reports it" in shown
    assert "opened, number not told" in shown


@pytest.mark.parametrize(
    ("named", "meant"),
    [("antropic", "anthropic"), ("claude", "anthropic"), ("Anthropic", "anthropic")],
)
def test_a_bill_of_a_provider_without_a_call_is_told(
    tmp_path: Path, named: str, meant: str
) -> None:
    """`cost` and `doctor` say so and name the provider that was likely meant."""
    desk = Desk(tmp_path)
    desk.write()
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + BILLED.replace('"anthropic"', f'"{named}"'))
    desk.run("analyze")
    told = f"[[billing]] provider {named!r}: no call of this archive is by it; did you mean"
    for verb in ("cost", "doctor"):
        assert f"{told} {meant!r}?" in " ".join(desk.run(verb).out.split())
        (bill,) = json.loads(desk.run(verb, "--json").out)["unmatched_billing"]
        assert bill == {"provider": named, "nearest": meant}


def test_a_bill_is_matched_by_all_calls_of_the_archive_and_never_by_none(tmp_path: Path) -> None:
    """A selection without its calls does not make it wrong; an archive without calls names none."""
    desk = Desk(tmp_path)
    desk.write()
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + BILLED)
    desk.run("analyze")
    assert (
        json.loads(desk.run("cost", "--until", "2020-01-01", "--json").out)["unmatched_billing"]
        == []
    )
    store = open_store("private:")
    assert unmatched([MAX], store) == [UnmatchedBill("anthropic", None)]
    store.close()
    assert unmatched_bill(UnmatchedBill("x", None)).endswith("no call of this archive is by it")


def test_the_page_tells_every_way_to_cut_and_every_basis() -> None:
    """Who reads docs/cost.md finds what each row and each amount is."""
    page = (Path(__file__).parents[1] / "docs" / "cost.md").read_text(encoding="utf-8")
    assert [by for by in BYS if f"`{by}`" not in page] == []
    for name in ("at API prices", "as the log reports it", "spent", "not in any log"):
        assert f"\n| {name} |" in page


def test_plans_that_logs_tell_are_shown_until_it_is_said_what_is_paid(tmp_path: Path) -> None:
    """They hint at what to say; a limit that was hit is one."""
    desk = Desk(tmp_path)
    limit = assistant("l", "l1", at(1), "m-l1", stop="stop_sequence", isApiErrorMessage=True)
    limit["message"] |= {
        "model": "<synthetic>",
        "content": [{"type": "text", "text": "You've hit your limit · resets 8am (UTC)"}],
    }
    jsonl(desk.logs / "l.jsonl", [user("l", "u", at(0), "Go"), *replies("l", [0]), limit])
    desk.run("analyze")
    shown = desk.run("cost").out
    assert "plans that the logs tell: Claude Code a subscription: a usage limit was hit" in shown
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + BILLED)
    assert "plans that the logs tell" not in desk.run("cost").out


def test_the_latest_periods_are_shown_and_the_earlier_ones_together(desk: Desk) -> None:
    """A table of days ends with today."""
    lines = desk.run("cost", "--limit", "1").out.splitlines()
    assert lines[3].startswith("1 earlier day ")
    assert lines[4].startswith("19 Nov 2026 ")


def test_an_amount_with_calls_without_a_price_is_a_least_one(tmp_path: Path) -> None:
    """It says so, and names their models with their tokens."""
    desk = Desk(tmp_path)
    unknown = assistant("p", "p1", at(1), "m-p1")
    unknown["message"]["model"] = "mystery-1"
    jsonl(desk.logs / "p.jsonl", [user("p", "u", at(0), "Go"), *replies("p", [0]), unknown])
    desk.run("analyze")
    shown = desk.run("cost").out
    assert "≥ $0.00" in shown
    assert "no price: mystery-1 1,160 tokens" in shown


def test_the_answer_tells_what_subscriptions_cost_today() -> None:
    """The latest of each provider, added up; none where all are billed by use or begin later."""
    today = date(2026, 11, 20)
    old = Billing("anthropic", "subscription", 20, None, "Claude Pro")
    codex = Billing("openai", "subscription", 20, date(2026, 11, 20), "Codex Plus")
    later = Billing("google", "subscription", 20, date(2026, 12, 1))
    max_plan = Billing("anthropic", "subscription", 200, date(2026, 9, 1), "Claude Max")
    ((told,),) = paid([max_plan, old, codex, later], today)
    assert told == ("  you pay $220 a month (Claude Max, Codex Plus)", "dim")
    assert paid([old, API, later], today) == []


def test_the_answer_tells_what_no_log_holds(tmp_path: Path) -> None:
    """`analyze` names the calls that its costs lack, and what is paid by the month."""
    desk = Desk(tmp_path)
    desk.write()
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + BILLED)
    shown = desk.run("analyze", "--no-store").out
    assert "you pay $200 a month (Claude Max)" in shown
    assert "not in any log: 1 compaction, about $0.17 more" in " ".join(shown.split())
