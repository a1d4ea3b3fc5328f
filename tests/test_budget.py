"""Budgets: set in the configuration file, used at API prices, projected by the past four weeks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import assistant, jsonl
from screens import Desk
from summary_by_hand import DOLLAR, MODEL, Shelf, quarter, use
from summary_by_hand import at as moment
from tachlog.analysis.billing import Budget
from tachlog.analysis.budget import BudgetView, budgets_of, proposal, state_of
from tachlog.analysis.selection import By, Marked, Quarter, Selection, Shifts, Spending
from tachlog.config import ConfigError
from tachlog.config.writing import changed_text, set_values

NOW = "2026-11-18T12:00"
"""A Wednesday: two days of the week are over, four follow."""


class Week(Shelf):
    """An archive of quarter hours and of what sessions cost: (id, dollars, when)."""

    def __init__(
        self, quarters: Sequence[Quarter], sessions: Iterable[tuple[str, int, str]] = ()
    ) -> None:
        super().__init__(quarters=quarters)
        self.costs = list(sessions)

    def spending(
        self, selection: Selection, by: By, cuts: Sequence[int] = (), shifts: Shifts | None = None
    ) -> list[Spending]:
        """The sessions, divided at the moments."""
        return [
            Spending(
                root,
                "claude_code",
                MODEL,
                use(cost=usd * DOLLAR),
                sum(cut <= moment(when) for cut in cuts),
            )
            for root, usd, when in self.costs
        ]

    def marked(self, mark: str, since_us: int) -> list[Marked]:
        """Nothing is told of limits."""
        return []


def spent(when: str, usd: float, minutes: int = 0) -> Quarter:
    """A quarter hour that cost so much; model calls took so many minutes."""
    return quarter(
        when, cost_nanousd=round(usd * DOLLAR), calls=1, response_us=minutes * 60 * 10**6
    )


def used(
    quarters: Sequence[Quarter],
    budget: Budget | None = None,
    sessions: Iterable[tuple[str, int, str]] = (),
) -> BudgetView:
    """What was used by noon of a Wednesday."""
    return budgets_of(
        Week(quarters, sessions),
        budget or Budget(),
        time_zone="UTC",
        prices="prices",
        now_us=moment(NOW),
    )


MORNING_AND_EVENING = [
    spent(f"2026-11-{day:02}T{hour}:00", usd)
    for day, evening in ((9, 2), (10, 4), (11, 6), (12, 8), (13, 10))
    for hour, usd in (("09", 10), ("18", evening))
]
"""Five days of use, each ten dollars in the morning and some in the evening."""


def test_the_projection_adds_the_median_rest_of_a_day_and_mean_days() -> None:
    """Today the rest of the median day follows, in the week four more days at the mean."""
    found = used(
        [*MORNING_AND_EVENING, spent("2026-11-16T09:00", 10), spent("2026-11-18T09:00", 3)],
        Budget(usd_per_day=9, usd_per_week=60),
    )
    day, week = found.budgets
    # Monday is a sixth day of use, without an evening: the lower median of 0, 2, 4, 6, 8, 10 is 4.
    assert (day.used_usd, day.projected_usd) == (3.0, 7.0)
    # 50 + 30 + 10 dollars in the nine days from 9 to 17 November are 10 a day.
    assert (week.used_usd, week.projected_usd) == (13.0, 13.0 + 4.0 + 4 * 10.0)
    assert (day.state, week.state) == ("within", "within")
    assert found.days_of_use == 6


def test_too_few_days_of_use_give_no_projection() -> None:
    """Four days say little of what follows; the budget is still held against what was used."""
    found = used([*MORNING_AND_EVENING[:8], spent("2026-11-18T09:00", 8)], Budget(usd_per_day=10))
    (day, _) = found.budgets
    assert (day.projected_usd, day.share, day.state) == (None, 0.8, "near")


@pytest.mark.parametrize(
    ("share", "projected", "state"),
    [
        (None, None, "none"),
        (0.79, None, "within"),
        (0.8, 1.0, "near"),
        (0.1, 1.01, "heading_over"),
        (1.0, 2.0, "over"),
    ],
)
def test_a_budget_warns_at_80_and_100_percent_and_on_the_projection(
    share: float | None, projected: float | None, state: str
) -> None:
    """The most pressing of the warnings is given."""
    assert state_of(share, projected) == state


def test_the_dearest_session_of_the_week_is_held_against_its_budget() -> None:
    """Its cost of last week counts, a session that did nothing this week does not."""
    found = used(
        [],
        Budget(usd_per_session=15),
        [
            ("long", 10, "2026-11-12T09:00"),
            ("long", 10, "2026-11-17T09:00"),
            ("over", 15, "2026-11-17T10:00"),
            ("small", 1, "2026-11-17T11:00"),
            ("old", 90, "2026-11-10T09:00"),
        ],
    )
    session = found.budgets[2]
    assert (session.session_id, session.used_usd, session.state) == ("long", 20.0, "over")
    assert found.over_sessions == ["long", "over"]


def test_without_a_budget_one_is_proposed_from_the_95th_percentile() -> None:
    """Of ten, twelve … eighteen dollars and twenty the greatest stands for the 95th percentile."""
    (day, week) = used(MORNING_AND_EVENING).budgets
    assert (day.proposed_usd, week.proposed_usd) == (20.0, None)
    assert day.state == "none"
    assert used(MORNING_AND_EVENING, Budget(usd_per_day=5)).budgets[0].proposed_usd is None


@given(st.lists(st.integers(1, 10**13), min_size=5, max_size=60))
def test_a_proposal_is_above_95_of_100_and_not_far_above(costs: list[int]) -> None:
    """At most one of twenty costs more; it is rounded up by less than a tenth or a cent."""
    told = proposal(costs, 5)
    assert told is not None
    assert sum(cost > told * DOLLAR + 1e-3 for cost in costs) <= len(costs) / 20
    assert told <= max(0.01, max(costs) / DOLLAR * 1.1 + 0.01)


def test_minutes_of_model_calls_are_told() -> None:
    """With a plan at a price by the month they say more than dollars."""
    (day, week) = used([spent("2026-11-17T09:00", 1, 30), spent("2026-11-18T09:00", 1, 12)]).budgets
    assert (day.model_minutes, week.model_minutes) == (12.0, 42.0)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A home with two sessions of 18 November, read in."""
    desk = Desk(tmp_path)
    desk.write()
    assert desk.run("analyze").code == 0
    return desk


EVENING = datetime(2026, 11, 18, 18, 0, tzinfo=UTC)


def test_budgets_are_written_to_the_configuration_file(desk: Desk) -> None:
    """Only these keys change; the answer shows old and new and is already asked with them."""
    ran = desk.run("budget", "60/day", "$0.01/session", "--fail-on", "budget", now=EVENING)
    assert ran.code == 3, ran.err
    assert "budget.usd_per_day: none → 60 in" in ran.out
    assert "dearest session" in ran.out
    assert "over the budget" in ran.out
    text = (desk.home / "config.toml").read_text()
    assert text.startswith('[prices]\nfile = "prices.toml"\n')
    assert "[budget]\nusd_per_day = 60\nusd_per_session = 0.01\n" in text


def test_a_budget_is_taken_away_again(desk: Desk) -> None:
    """`none` leaves the other budgets as they are; without `--fail-on` the exit code is 0."""
    desk.run("budget", "60/day", "0.01/session", now=EVENING)
    ran = desk.run("budget", "none/session", "--json", now=EVENING)
    told = json.loads(ran.out)
    assert ran.code == 0
    assert told["changes"][0] == {
        "name": "budget.usd_per_session",
        "old": 0.01,
        "new": None,
        "file": str(desk.home / "config.toml"),
    }
    assert [each["budget_usd"] for each in told["use"]["budgets"]] == [60.0, None, None]


def test_a_variable_that_wins_over_the_file_is_named(desk: Desk) -> None:
    """Who sets a budget that is not in force is told why."""
    ran = desk.run("budget", "60/day", now=EVENING, TACHLOG_BUDGET__USD_PER_DAY="9")
    assert "but TACHLOG_BUDGET__USD_PER_DAY is set and wins over the file" in ran.out
    assert "$9.00" in ran.out


def test_a_budget_can_be_set_before_anything_was_read(tmp_path: Path) -> None:
    """Nothing is used yet."""
    ran = Desk(tmp_path).run("budget", "300/week", "--json")
    assert (ran.code, json.loads(ran.out)["use"]) == (0, None)


def test_a_month_of_use_is_projected_and_gives_a_proposal(tmp_path: Path) -> None:
    """Two calls on each of 28 days: the second one is what the rest of a day is like."""
    desk = Desk(tmp_path)
    days = [
        f"2026-{'10' if day > 21 else '11'}-{day:02}" for day in [*range(22, 32), *range(1, 19)]
    ]
    for number, day in enumerate(days):
        session = f"{number:08x}-0000-4000-8000-000000000010"
        hours = (9, 20) if day != "2026-11-18" else (9,)
        told = [
            assistant(session, f"r{hour}", f"{day}T{hour:02}:00:00.000Z", f"{day}{hour}")
            for hour in hours
        ]
        jsonl(desk.logs / f"{session}.jsonl", told)
    assert desk.run("analyze").code == 0
    ran = desk.run("budget", now=EVENING)
    assert "like that of the median of 27 days of use" in " ".join(ran.out.split())
    assert "set one: tachlog budget 0.01/day" in ran.out
    day = json.loads(desk.run("budget", "--json", now=EVENING).out)["use"]["budgets"][0]
    assert day["projected_usd"] == pytest.approx(2 * day["used_usd"])
    ran = desk.run("budget", "0.001/session", "0.0101/day", now=EVENING)
    assert "sessions of this week over the budget: 0000" in ran.out
    assert " %" in next(line for line in ran.out.splitlines() if line.startswith("today"))


@pytest.mark.parametrize("text", ["60", "60/year", "0/day", "~3/week", "none", "1e9/day"])
def test_what_is_no_budget_is_refused(tmp_path: Path, text: str) -> None:
    """The message says how one is written, and the file stays as it is."""
    desk = Desk(tmp_path)
    before = (tmp_path / "config.toml").read_text()
    ran = desk.run("budget", "5/day", text)
    assert ran.code == 2
    assert "/day" in ran.err
    assert (tmp_path / "config.toml").read_text() == before


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", "[budget]\nusd_per_day = 60\n"),
        ("a = 1\n", "a = 1\n\n[budget]\nusd_per_day = 60\n"),
        (
            "[budget] # mine\nusd_per_day = 5 # low\nusd_per_week = 9\n\n[prices]\n# none\n",
            "[budget] # mine\nusd_per_week = 9\nusd_per_day = 60\n\n[prices]\n# none\n",
        ),
        (
            "[[billing]]\nplan = 'api'\n\n[ budget ]\n\n[a]\n",
            "[[billing]]\nplan = 'api'\n\n[ budget ]\nusd_per_day = 60\n\n[a]\n",
        ),
    ],
)
def test_other_lines_of_the_file_stay(text: str, changed: str) -> None:
    """Comments, order and blank lines of other sections are kept."""
    assert changed_text(text, "budget", {"usd_per_day": 60}) == changed


@pytest.mark.parametrize(
    "text", ["budget = { usd_per_day = 5 }\n", "budget.usd_per_day = 5\n", "[budget\n"]
)
def test_a_file_that_is_written_in_another_way_is_left_alone(tmp_path: Path, text: str) -> None:
    """The message says what to write by hand."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="usd_per_day = 60"):
        set_values(path, "budget", {"usd_per_day": 60})
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    """What is no UTF-8 is not written over."""
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        set_values(path, "budget", {"usd_per_day": 60})


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    """People keep their configuration elsewhere; its permissions are kept too."""
    path, link = tmp_path / "kept.toml", tmp_path / "config.toml"
    path.write_text("")
    path.chmod(0o600)
    link.symlink_to(path)
    set_values(link, "budget", {"usd_per_day": 60})
    assert link.is_symlink()
    assert path.read_text() == "[budget]\nusd_per_day = 60\n"
    assert path.stat().st_mode & 0o777 == 0o600
