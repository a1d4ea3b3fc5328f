"""`tachlog statusline`: five-hour blocks, one line of named parts, nothing heavy loaded for it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import unmeasured
from screens import Desk, Ran
from tachlog.analysis.blocks import BLOCK_S, HOUR_S, QUARTER_S, Spent, blocks_of, open_block
from tachlog.cli.calling import Caller
from tachlog.cli.running import run
from tachlog.config import load
from tachlog.settings import Settings, machine_zone

DOLLAR = 1_000_000_000
WHEN = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
"""An hour after the sessions of the desk began."""


def spent(hour: float, usd: int = 1, tokens: int = 100) -> Spent:
    """A quarter hour, so many hours after the epoch."""
    return Spent(int(hour * HOUR_S) // QUARTER_S, usd * DOLLAR, tokens)


def test_a_block_begins_at_the_full_hour_and_lasts_five_hours() -> None:
    """The call at 6:00 is the first of the next block, though it goes on from the one before."""
    first, second = blocks_of([spent(1.75), spent(5.75), spent(6.0), spent(13.5)])[:2]
    assert (first.start_s, first.end_s, first.nanousd) == (1 * HOUR_S, 6 * HOUR_S, 2 * DOLLAR)
    assert (second.start_s, second.tokens) == (6 * HOUR_S, 100)


def test_burn_rate_and_projection_are_of_the_time_since_the_first_call() -> None:
    """Six dollars in two hours are three an hour, and 6 + 3 × 2.5 hours at the end."""
    block = open_block([spent(1.5, 4), spent(3.25, 2)], round(3.5 * HOUR_S))
    assert block is not None
    assert block.nanousd_per_hour(round(3.5 * HOUR_S)) == 3 * DOLLAR
    assert block.projected_nanousd(round(3.5 * HOUR_S)) == 6 * DOLLAR + 7_500_000_000


def test_a_block_that_has_ended_is_not_open() -> None:
    """Nothing burns any more."""
    assert open_block([spent(1.5)], 6 * HOUR_S) is None
    assert open_block([], 0) is None


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9)), max_size=40), st.randoms())
def test_blocks_are_the_same_in_any_order_and_lose_nothing(
    told: list[tuple[int, int]], dice: Any
) -> None:
    """They hold every quarter hour once, do not overlap, and none is without a call."""
    quarters = [Spent(quarter, usd, 1) for quarter, usd in told]
    blocks = blocks_of(quarters)
    dice.shuffle(quarters)
    assert blocks_of(quarters) == blocks
    assert sum(block.nanousd for block in blocks) == sum(usd for _, usd in told)
    assert sum(block.tokens for block in blocks) == len(told)
    starts = [block.start_s for block in blocks]
    assert all(b - a >= BLOCK_S for a, b in itertools.pairwise(starts))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A home with two sessions of 18 November, 9:00 to 9:14, read in."""
    desk = Desk(tmp_path)
    desk.write()
    assert desk.run("analyze").code == 0
    return desk


def line(desk: Desk, *words: str, told: object = None, **environ: str) -> Ran:
    """Run the command with what an agent says on its standard input."""
    out, err = StringIO(), StringIO()
    into = StringIO(told if isinstance(told, str) else json.dumps(told))
    now_us = round(WHEN.timestamp()) * 1_000_000
    caller = Caller({**desk.environ, **environ}, now_us, out, err, into)
    code = run(["statusline", *words], caller)
    return Ran((code, out.getvalue(), err.getvalue()))


def test_the_line_tells_today_the_block_and_the_context(desk: Desk) -> None:
    """9:00 to 14:00 is a block; three cents in an hour; the last call of the session had 34 k."""
    ran = line(desk, told={"context_window": {"used_percentage": 43.2}})
    assert ran == (
        0,
        "$0.03 today · block $0.03, $0.03/h, 4 h 0 min left · context 43 %\n",
        "",
    )


def test_what_the_agent_says_of_limits_is_told(desk: Desk) -> None:
    """The end of the block that it names wins over the one worked out."""
    resets = round(WHEN.timestamp()) + 33 * 60
    told = {
        "rate_limits": {
            "five_hour": {"used_percentage": 71, "resets_at": resets},
            "seven_day": {"used_percentage": 12.4},
        },
        "cost": {"total_cost_usd": 1.5},
        "model": {"display_name": "Opus 5"},
    }
    ran = line(desk, "--template", "{model} · {session} · {limit} · {left} · {week}", told=told)
    assert ran.out == (
        "Opus 5 · $1.50 session · 5 h 71 %, week 12 % · 33 min left · $0.03 this week\n"
    )


def test_budgets_stand_beside_what_is_used(desk: Desk) -> None:
    """Without a template of the command the configuration's is taken."""
    (desk.home / "config.toml").write_text(
        '[statusline]\ntemplate = "tachlog · {today}"\n[budget]\nusd_per_day = 60\n'
    )
    assert line(desk).out == "tachlog · $0.03 of $60.00 today\n"


def test_the_context_of_a_session_comes_from_the_archive_where_it_is_not_told(desk: Desk) -> None:
    """Its latest call's prompt, in tokens."""
    session = "a1b2c3d4-0000-4000-8000-000000000001"
    ran = line(desk, "--template", "{context}", told={"session_id": session})
    assert ran.out.startswith("context ")
    assert line(desk, "--template", "{context}", told={"session_id": "none"}).out == "\n"


@pytest.mark.parametrize(
    "told",
    ["", "{", "[]", {"rate_limits": 3}, {"context_window": {"used_percentage": "x"}}, {"model": 1}],
)
def test_what_cannot_be_read_is_left_out(desk: Desk, told: object) -> None:
    """A status line never fails by what an agent says."""
    ran = line(desk, "--template", "{limit} · {context} · {model} · {today}", told=told)
    assert (ran.code, ran.out) == (0, "$0.03 today\n")


def test_without_an_archive_the_line_is_what_the_agent_says(tmp_path: Path) -> None:
    """And no archive is made."""
    desk = Desk(tmp_path)
    ran = line(desk, "--db", str(tmp_path / "none.db"), told={"context_window": {}})
    assert (ran.code, ran.out) == (0, "\n")
    assert not (tmp_path / "none.db").exists()
    assert json.loads(line(desk, "--json", told={}).out)["today"] == ""


def test_an_archive_may_be_anywhere(desk: Desk) -> None:
    """Whatever characters its path is made of, and in whatever zone days are cut."""
    place = desk.home / "50 %#?" / "a.db"
    place.parent.mkdir()
    assert desk.run("analyze", "--db", str(place)).code == 0
    ran = line(desk, "--db", f"sqlite:///{place}", TACHLOG_DISPLAY__TIME_ZONE="Asia/Tokyo")
    assert ran.out.startswith("$0.03 today")


@pytest.mark.parametrize(
    ("zone", "today"),
    [("Asia/Tokyo", "$0.03"), ("Pacific/Kiritimati", "$0.00"), ("<here>-14", "$0.03")],
)
def test_days_begin_in_the_zone_of_the_machine(
    desk: Desk, zone: str, today: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At ten in Greenwich the next day has begun in Kiritimati; a zone without a name is UTC."""
    for name, value in {**desk.environ, "TZ": zone}.items():
        monkeypatch.setenv(name, value)
    time.tzset()
    out = StringIO()
    caller = Caller(os.environ, round(WHEN.timestamp()) * 1_000_000, out, StringIO())
    try:
        assert run(["statusline", "--template", "{today}"], caller) == 0
    finally:
        monkeypatch.undo()
        time.tzset()
    assert out.getvalue() == f"{today} today\n"


def test_times_that_are_left_are_told_to_two_units(desk: Desk) -> None:
    """Days and hours, hours and minutes, minutes."""
    resets = round(WHEN.timestamp()) + 51 * 3_600
    told = {"rate_limits": {"five_hour": {"resets_at": resets}}}
    assert line(desk, "--template", "{left}", told=told).out == "2 d 3 h left\n"


def test_an_unknown_part_is_named(desk: Desk) -> None:
    """The message names those that there are."""
    ran = line(desk, "--template", "{todya}")
    assert ran.code == 2
    assert "{todya} is no part of a status line: give today, week" in ran.err


HEAVY = ("msgspec", "xxhash", "inspect", "traceback", "pathlib", "shutil", "tomllib", "zoneinfo")
"""What is slow to import; the last two are, where no file is to be read and no zone is set."""


def test_the_line_loads_neither_configuration_nor_archive(desk: Desk) -> None:
    """What takes longest to import is not imported, so that the line is there at once."""
    script = (
        "import sys; from tachlog.cli import main; main(sys.argv[1:]); print(*sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "statusline"],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
        env={**unmeasured(), **desk.environ, "TACHLOG_CONFIG": "none", "TZ": "Europe/Vienna"},
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    ours = {name for name in loaded if name.split(".")[0] == "tachlog"}
    assert ours == {
        "tachlog",
        "tachlog.analysis",
        "tachlog.analysis.blocks",
        "tachlog.cli",
        "tachlog.cli.acting_verbs",
        "tachlog.cli.calling",
        "tachlog.figures",
        "tachlog.cli.options",
        "tachlog.cli.parser",
        "tachlog.cli.running",
        "tachlog.cli.statusline",
        "tachlog.cli.team_verbs",
        "tachlog.cli.verbs",
        "tachlog.glance",
        "tachlog.settings",
    }
    assert loaded & set(HEAVY) == set()


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("", {}),
        ('[storage]\nurl = "kept/a.db"\n[display]\ntime_zone = "Europe/Vienna"\n', {}),
        ('[storage]\nurl = "~/a.db"\n[statusline]\ntemplate = "{week}"\n', {}),
        ('[storage]\nurl = "postgresql://db/t"\n[budget]\nusd_per_day = 3\n', {}),
        ("[budget]\nusd_per_day = 3\n", {"TACHLOG_BUDGET__USD_PER_DAY": "4.5"}),
        ("", {"TACHLOG_STORAGE__URL": "b.db", "TACHLOG_DISPLAY__TIME_ZONE": "Asia/Tokyo"}),
        ("", {"TACHLOG_STATUSLINE__TEMPLATE": "{limit}", "XDG_DATA_HOME": "/data"}),
    ],
)
def test_single_settings_are_those_of_the_configuration(
    tmp_path: Path, text: str, environ: dict[str, str]
) -> None:
    """Read at once or with everything else, from the file or a variable: the same."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    environ = {"HOME": "/home/ana", "TZ": "UTC", "TACHLOG_CONFIG": str(path), **environ}
    config, settings = load(environ).config, Settings(environ)
    zone = settings.text("display", "time_zone", machine_zone(environ))
    assert settings.archive == config.storage.url
    assert zone == config.display.time_zone
    assert settings.number("budget", "usd_per_day") == config.budget.usd_per_day
    if text or environ.get("TACHLOG_STATUSLINE__TEMPLATE"):
        template = config.statusline.template
        assert settings.text("statusline", "template", template) == template


def test_a_configuration_that_is_not_in_order_does_not_stop_the_line(tmp_path: Path) -> None:
    """Other verbs say what is wrong with it."""
    path = tmp_path / "config.toml"
    path.write_text("[budget]\nusd_per_day = 'much'\n")
    assert Settings({"TACHLOG_CONFIG": str(path)}).number("budget", "usd_per_day") is None
    path.write_text("[budget")
    assert Settings({"TACHLOG_CONFIG": str(path)}).text("a", "b", "c") == "c"
