"""Limits of plans: blocks, windows that logs tell of, limits that were hit and when they end."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from archives import assistant, jsonl, user
from screens import Desk
from summary_by_hand import DOLLAR, Shelf, quarter
from summary_by_hand import at as moment
from tachlog.analysis.budget import BudgetView
from tachlog.analysis.limits import Limits, limits_of, reset_us
from tachlog.analysis.selection import Marked, Quarter
from tachlog.analysis.weekly import weekly_limits
from tachlog.cli.answering import Ask
from tachlog.cli.calling import Caller
from tachlog.cli.limits import limit_lines

NOW = "2026-11-18T12:00"


class Told(Shelf):
    """An archive of quarter hours and of facts that logs tell."""

    def __init__(self, quarters: Sequence[Quarter], marks: Mapping[str, list[Marked]]) -> None:
        super().__init__(quarters=quarters)
        self.marks = marks

    def marked(self, mark: str, since_us: int) -> list[Marked]:
        """The values of a mark told since then."""
        return [each for each in self.marks.get(mark, []) if each.last_us >= since_us]


def quota(value: str, when: str, agent: str = "codex") -> Marked:
    """A share of a limit, told at a time."""
    return Marked(agent, value, moment(when), moment(when))


def seconds(when: str) -> int:
    """A time in seconds since the epoch."""
    return moment(when) // 1_000_000


def limits(quarters: Sequence[Quarter] = (), **marks: list[Marked]) -> Limits:
    """What is known at noon."""
    return limits_of(Told(quarters, marks), time_zone="Europe/Vienna", now_us=moment(NOW))


def spent(when: str, usd: int) -> Quarter:
    """A quarter hour with so many dollars, a thousand tokens and three minutes of model calls."""
    return quarter(when, cost_nanousd=usd * DOLLAR, input=1_000, response_us=180_000_000)


def test_the_open_block_tells_its_burn_rate_and_what_is_left() -> None:
    """Since 10:00 six dollars: 3 an hour, 3 more hours of it; the block before had ten."""
    found = limits(
        [
            spent("2026-11-17T09:30", 10),
            spent("2026-11-18T10:00", 4),
            spent("2026-11-18T11:45", 2),
        ]
    )
    block, week = found.windows
    assert (block.start, block.end) == ("2026-11-18T10:00:00.000Z", "2026-11-18T15:00:00.000Z")
    assert (block.used_usd, block.usd_per_hour, block.projected_usd) == (6.0, 3.0, 15.0)
    assert (block.seconds_left, block.tokens, block.model_minutes) == (3 * 3600, 2_000, 6.0)
    assert block.largest_usd == 10.0
    assert (week.used_usd, week.tokens, week.end, week.minutes) == (16.0, 3_000, None, 10_080)


def test_without_calls_no_window_is_open() -> None:
    """A block that ended is history."""
    assert limits().windows == []
    (week,) = limits([spent("2026-11-18T06:00", 1)]).windows
    assert week.end is None
    assert limits([spent("2026-11-01T06:00", 1)]).windows == []


def test_windows_that_logs_tell_are_as_they_were_told_last() -> None:
    """30 % after two of five hours are 15 % an hour and 75 % at the end."""
    resets = seconds("2026-11-18T14:00")
    found = limits(
        quota=[
            quota("10080:90:1", "2026-11-10T09:00"),
            quota(f"300:10:{resets}", "2026-11-18T10:00"),
            quota(f"300:30:{resets}", "2026-11-18T11:00"),
            quota(f"300:50:{resets}", "2026-11-18T13:00"),
            quota("60:50:", "2026-11-18T11:00"),
        ]
    )
    (window,) = found.windows
    assert (window.agent, window.minutes, window.used_share) == ("codex", 300, 0.3)
    assert (window.projected_share, window.seconds_left) == (0.75, 2 * 3600)
    assert (window.told_at, window.start) == (
        "2026-11-18T11:00:00.000Z",
        "2026-11-18T09:00:00.000Z",
    )


def test_a_weekly_limit_is_worth_what_its_points_cost() -> None:
    """From 20 to 30 % five dollars went, so that all of it is fifty: by the latest such window."""
    resets, next_resets = seconds("2026-11-15T09:00"), seconds("2026-11-22T09:00")
    told = Told(
        [
            spent("2026-11-10T09:00", 50),
            spent("2026-11-16T08:30", 90),
            spent("2026-11-16T09:30", 4),
            spent("2026-11-17T10:45", 1),
            spent("2026-11-17T11:30", 90),
        ],
        {
            "quota": [
                quota(f"10080:10:{resets}", "2026-11-10T08:00"),
                quota(f"10080:90:{resets}", "2026-11-11T08:00"),
                quota(f"10080:20:{next_resets}", "2026-11-16T09:00"),
                quota(f"10080:30:{next_resets + 1}", "2026-11-17T11:00"),
                quota(f"300:80:{next_resets}", "2026-11-17T11:00"),
                quota("10080:99:", "2026-11-17T11:00"),
                quota(f"10080:99:{next_resets}", "2026-11-19T11:00"),
            ]
        },
    )
    assert weekly_limits(told, moment(NOW)) == {"codex": 50 * DOLLAR}


@pytest.mark.parametrize("end", [4, 99])
def test_a_weekly_limit_is_not_told_by_a_few_points_or_without_a_price(end: int) -> None:
    """Shares are whole percents: of less than five points rounding says too little."""
    resets = seconds("2026-11-22T09:00")
    marks = [
        quota(f"10080:0:{resets}", "2026-11-16T09:00"),
        quota(f"10080:{end}:{resets}", "2026-11-17T11:00"),
    ]
    quarters = [spent("2026-11-16T10:00", 5)] if end == 4 else []
    assert weekly_limits(Told(quarters, {"quota": marks}), moment(NOW)) == {}


def test_limits_that_were_hit_are_told_while_they_matter() -> None:
    """For a day, and until they end."""
    found = limits(
        limit=[
            Marked("claude_code", "You've hit your limit", 0, moment("2026-11-16T09:00")),
            Marked("claude_code", "… resets Nov 20, 9am (UTC)", 0, moment("2026-11-16T10:00")),
            Marked("codex", "usage limit", 0, moment("2026-11-18T09:00")),
            Marked("codex", "usage limit", 0, moment("2026-11-18T13:00")),
        ]
    )
    assert [(hit.agent, hit.resets) for hit in found.hits] == [
        ("claude_code", "2026-11-20T09:00:00.000Z"),
        ("codex", None),
    ]


@pytest.mark.parametrize(
    ("text", "resets"),
    [
        ("Claude AI usage limit reached|1752433200", "2025-07-13T19:00"),
        ("You've hit your limit · resets 8am (UTC)", "2026-03-03T08:00"),
        ("You've hit your limit · resets 12:30pm (Europe/Vienna)", "2026-03-02T11:30"),
        ("5-hour limit reached ∙ resets 11pm", "2026-03-02T22:00"),
        ("weekly limit · resets Mar 9, 5pm (UTC)", "2026-03-09T17:00"),
        ("weekly limit · resets Jan 4 at 12am (UTC)", "2027-01-04T00:00"),
        ("resets 99am", None),
        ("resets 8am (Nowhere/Land)", None),
        ("resets Xyz 4, 8am", None),
        ("You've hit your limit", None),
    ],
)
def test_the_end_of_a_limit_is_read_from_its_message(text: str, resets: str | None) -> None:
    """In the zone that it names, else in that of the display; a time of day is the next one."""
    told = reset_us(text, moment("2026-03-02T09:00"), ZoneInfo("Europe/Vienna"))
    assert told == (None if resets is None else moment(resets))


def limit_lines_of(found: Limits) -> list[str]:
    """What `tachlog budget` shows of limits at noon in Vienna, on a wide screen."""
    environ = {"COLUMNS": "200", "TACHLOG_DISPLAY__TIME_ZONE": "Europe/Vienna"}
    ask = Ask(Namespace(no_color=True), Caller(environ, moment(NOW), StringIO(), StringIO()))
    view = BudgetView(
        generated_at="",
        prices="",
        time_zone="",
        budgets=[],
        over_sessions=[],
        days_of_use=0,
        limits=found,
        has_plan=False,
    )
    return [line.rstrip() for line in limit_lines(view, ask)]


def test_every_kind_of_window_has_its_line() -> None:
    """A block with its burn rate, seven days without an end, a week that the log tells."""
    block, week, told = limit_lines_of(
        limits(
            [spent("2026-11-01T09:30", 10), spent("2026-11-18T10:00", 5)],
            quota=[quota(f"10080:41:{seconds('2026-11-20T09:00')}", "2026-11-18T11:00")],
        )
    )[1:4]
    assert block.split()[:4] == ["Claude", "Code", "5", "h"]
    assert "$5.00" in block
    assert "/h" in block
    assert "50 % of the dearest block in 4 weeks" in block
    assert "past 7 days" in week
    assert "$5.00" in week
    assert "/h" not in week
    assert told.startswith("Codex 7 days")
    assert "41 %" in told
    assert "resets Fri 20 Nov 10:00 (as of 12:00)" in told


def test_a_limit_that_was_hit_is_told_without_any_window_and_nothing_without_both() -> None:
    """Its end is told where the log says it."""
    hit = Marked("codex", "usage limit", 0, moment("2026-11-17T19:00"))
    assert limit_lines_of(limits(limit=[hit])) == [
        "▲ Codex: limit hit Tue 17 Nov 20:00: usage limit",
        "",
    ]
    assert limit_lines_of(limits()) == []


NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)


def test_the_command_tells_limits_before_dollars_where_there_is_a_plan(tmp_path: Path) -> None:
    """And after them where calls are billed by use, or nothing is said of a plan."""
    desk = Desk(tmp_path)
    session = "d1c2c3d4-0000-4000-8000-000000000010"
    failed = {
        **assistant(session, "r2", "2026-11-18T11:00:00.000Z", "m2"),
        "isApiErrorMessage": True,
    }
    failed["message"] = {
        **failed["message"],
        "model": "<synthetic>",
        "content": [{"type": "text", "text": "You've hit your limit · resets 3pm (UTC)"}],
    }
    jsonl(
        desk.logs / f"{session}.jsonl",
        [
            user(session, "u1", "2026-11-18T10:05:00.000Z", "Go"),
            assistant(session, "r1", "2026-11-18T10:20:00.000Z", "m1"),
            failed,
        ],
    )
    rollout = tmp_path / ".codex/sessions/2026/11/18/rollout-2026-11-18T11-00-00-x.jsonl"
    window = {"used_percent": 30.4, "window_minutes": 300, "resets_at": seconds("2026-11-18T14:00")}
    jsonl(
        rollout,
        [
            {
                "timestamp": "2026-11-18T11:00:00.000Z",
                "type": "session_meta",
                "payload": {"id": "e1", "timestamp": "2026-11-18T11:00:00.000Z", "cwd": "/home"},
            },
            {
                "timestamp": "2026-11-18T11:00:00.000Z",
                "type": "event_msg",
                "payload": {
                    "type": "token_count",
                    "info": None,
                    "rate_limits": {"primary": window},
                },
            },
        ],
    )
    assert desk.run("analyze").code == 0
    lines = desk.run("budget", now=NOON).out.splitlines()
    places = [n for n, line in enumerate(lines) if line.startswith(("LIMITS", "today"))]
    assert lines[places[0]].startswith("today")
    assert any("Codex 5 h" in line and "30 %" in line and "resets 14:00" in line for line in lines)
    assert any("limit hit 11:00, ends 15:00" in line for line in lines)
    with (tmp_path / "config.toml").open("a") as file:
        file.write('[[billing]]\nprovider = "anthropic"\nplan = "subscription"\n')
        file.write("usd_per_month = 200\n")
    lines = desk.run("budget", now=NOON).out.splitlines()
    assert next(line for line in lines if line.startswith(("LIMITS", "today")))[0] == "L"
    told = json.loads(desk.run("budget", "--json", now=NOON).out)["use"]
    assert told["has_plan"]
    headings = [" ".join(line.split()[:3]) for line in lines if "MODEL TIME" in line]
    assert headings == ["LIMITS MODEL TIME", "MODEL TIME USED"]
    assert [each["agent"] for each in told["limits"]["windows"]] == [
        "claude_code",
        "claude_code",
        "codex",
    ]
