"""What the command draws with: times, tables, ids, the timeline of a session."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_by_hand import Told, at
from tachlog.analysis.derivation import Step as Sum
from tachlog.analysis.derivation import adds_up
from tachlog.analysis.turns import Step, Turn, turns_of
from tachlog.cli.calling import Unanswered
from tachlog.cli.moments import moment_us
from tachlog.cli.naming import ShortIds, agent_name, model_name, resolve, when, words
from tachlog.cli.parser import near, size
from tachlog.cli.table import Column, table
from tachlog.cli.timeline import MOST_SPELLS, Agent, chart, spells_of, turn_lines
from tachlog.figures import cells

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
MINUTE = 60_000_000


def told(text: str, *, day_ends: bool = False, zone: ZoneInfo = VIENNA) -> str:
    """Return the moment that a text names, in UTC."""
    found = moment_us(text, round(NOW.timestamp()) * 1_000_000, zone, day_ends=day_ends)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found)
    return moment.isoformat().removesuffix("+00:00")


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("2026-11-20", "2026-11-19T23:00:00", "2026-11-20T23:00:00"),
        ("today", "2026-11-19T23:00:00", "2026-11-20T23:00:00"),
        ("Yesterday", "2026-11-18T23:00:00", "2026-11-19T23:00:00"),
        ("2026-10-25", "2026-10-24T22:00:00", "2026-10-25T23:00:00"),
        ("7d", "2026-11-13T18:30:00", "2026-11-13T18:30:00"),
        ("36h", "2026-11-19T06:30:00", "2026-11-19T06:30:00"),
        ("2W", "2026-11-06T18:30:00", "2026-11-06T18:30:00"),
        ("2026-11-20T14:00:00Z", "2026-11-20T14:00:00", "2026-11-20T14:00:00"),
        ("2026-11-20 14:00", "2026-11-20T13:00:00", "2026-11-20T13:00:00"),
        ("2026-11-20T14:00:00.5-05:00", "2026-11-20T19:00:00.500000", "2026-11-20T19:00:00.500000"),
    ],
)
def test_times_are_read_as_people_write_them(text: str, begins: str, ends: str) -> None:
    """A day stands for its beginning or its end in the zone, a span for that long ago."""
    assert told(text) == begins
    assert told(text, day_ends=True) == ends


@pytest.mark.parametrize(
    "text", ["", "soon", "7", "d", "7m", "2026-02-30", "2026", "0x7d", "9999999d"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """The message names the text and the forms."""
    with pytest.raises(ValueError, match="is no time: give a date"):
        told(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10MB", 10_000_000),
        ("1.5 MB", 1_500_000),
        ("2GiB", 2 << 30),
        ("3k", 3_000),
        ("4 kib", 4096),
        ("5000000", 5_000_000),
        ("7b", 7),
    ],
)
def test_sizes_are_read_with_their_units(text: str, number: int) -> None:
    """Decimal and binary units in any case; none means bytes."""
    assert size(text) == number


def test_a_near_word_is_offered_and_a_far_one_not() -> None:
    """Only what a person may have meant is suggested."""
    assert near("sesions", ["sessions", "show"]) == "; did you mean sessions?"
    assert near("xyzzy", ["sessions", "show"]) == ""


def test_short_ids_tell_sessions_apart() -> None:
    """Four characters where they suffice, as many as it takes where they do not."""
    ids = ShortIds(["a1b2c3", "a1b2d4", "ffff0000", "ffff", "x"])
    assert ids == {
        "a1b2c3": "a1b2c",
        "a1b2d4": "a1b2d",
        "ffff0000": "ffff0",
        "ffff": "ffff",
        "x": "x",
    }


@given(st.sets(st.text("ab/", min_size=1, max_size=8), max_size=20))
def test_short_ids_lead_back(session_ids: set[str]) -> None:
    """What is shown for a session finds that session among all of them."""
    for session_id, shown in ShortIds(session_ids).items():
        found = [each for each in sorted(session_ids) if each.startswith(shown)]
        assert resolve(found, shown) == session_id


def test_a_main_conversation_wins_over_its_sub_agents() -> None:
    """The beginning of an id means the session and not what it started."""
    assert resolve(["a1", "a1/x", "a1/y"], "a") == "a1"
    assert resolve(["a1/x"], "a1/") == "a1/x"
    with pytest.raises(Unanswered, match="may be a1/x, a1/y: give more"):
        resolve(["a1/x", "a1/y"], "a1/")


def test_names_are_short() -> None:
    """Models without maker and date, words without underscores, days of long ago with a year."""
    assert model_name("claude-opus-4-5-20251101") == "opus-4-5"
    assert model_name("gpt-5-mini") == "gpt-5-mini"
    assert model_name(None) == ""
    assert words("very_high") == "very high"
    assert agent_name("claude_code") == "Claude Code"
    assert agent_name("tau_bench") == "tau-bench"
    assert agent_name("house_agent") == "house agent"
    assert when("2026-11-02T23:30:00Z", VIENNA) == " 3 Nov 00:30"
    later = round(datetime(2028, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    assert when("2026-11-02T23:30:00Z", VIENNA, later) == " 3 Nov  2026"


def test_a_sum_that_does_not_add_up_is_found() -> None:
    """Parts of a sum do not count; a wrong sum is told from a right one."""
    right = [Sum("+", 5, "a"), Sum("-", 2, "b"), Sum("=", 3, "c"), Sum("of", 9, "d")]
    assert adds_up(right)
    assert not adds_up([*right, Sum("=", 4, "e")])


def test_a_table_aligns_and_gives_way() -> None:
    """Numbers stand to the right, texts are cut, spare columns go first, empty ones always."""
    columns = (
        Column("name", least=6),
        Column("n", right=True),
        Column("spare", spare=1),
        Column("sparer", spare=2),
        Column("empty"),
    )
    rows = [("a long name", "7", "x", "y", ""), ("日本語", "1,234", "", "", "")]
    assert table(columns, rows, 40) == [
        "name             n  spare  sparer",
        "a long name      7  x      y",
        "日本語       1,234",
    ]
    assert table(columns, rows, 26) == [
        "name             n  spare",
        "a long name      7  x",
        "日本語       1,234",
    ]
    assert table(columns, rows, 15) == ["name          n", "a long…       7", "日本語    1,234"]


@given(
    st.lists(st.tuples(st.text(max_size=30), st.text("0123456789,", max_size=9)), max_size=5),
    st.integers(30, 120),
)
def test_a_table_never_breaks_its_width(rows: list[tuple[str, str]], width: int) -> None:
    """Whatever logs say, a row is one line that fits."""
    lines = table((Column("text", least=4), Column("n", right=True)), rows, width)
    assert len(lines) == len(rows) + 1
    assert all(cells(line) <= width and "\n" not in line for line in lines)


def test_turns_begin_where_a_person_speaks() -> None:
    """A reply belongs to the turn in which it was written; a long silence is a wait."""
    story = Told()
    story.prompt(0)
    story.reply(5, 8)
    story.prompt(6, by_person=False)
    story.compaction(100)
    story.prompt(200)
    story.reply(201, 210, sent_us=at(199))
    story.failure(215, status=529)
    turns = turns_of(story.session())
    assert [[step.kind for step in turn.steps] for turn in turns] == [
        ["prompt", "reply", "prompt", "wait", "compaction"],
        ["prompt", "reply", "failure"],
    ]
    first, second = turns
    wait = first.steps[3]
    assert (wait.at_us, wait.duration_us) == (at(8), round(192e6))
    assert (first.number, second.number) == (1, 2)
    assert second.errors == 1
    assert second.steps[-1].outcome == "HTTP 529"


def test_every_prompt_of_a_sub_agent_begins_a_turn() -> None:
    """Where no person speaks, the parent's words begin the turns."""
    story = Told(parent="s0")
    story.reply(1)
    story.prompt(5, by_person=False)
    story.reply(6)
    story.prompt(10, by_person=False)
    assert [len(turn.steps) for turn in turns_of(story.session())] == [1, 2, 1]


def test_a_session_that_did_nothing_has_no_turns() -> None:
    """There is nothing to draw, and nothing is drawn."""
    assert turns_of(Told().session()) == []
    assert list(chart([], [], UTC, 100)) == []


def step(minute: float, minutes: float = 1, kind: str = "tool", **facts: object) -> Step:
    """Return a step that begins and lasts so many minutes."""
    return Step(kind, round(minute * MINUTE), round(minutes * MINUTE), name="Bash", **facts)  # type: ignore[arg-type]


def test_silences_take_one_column() -> None:
    """The columns go to the work, by how long it took, and each spell has at least one."""
    spells = spells_of([step(0, 30), step(60, 10), step(600, 0)], 43)
    assert [(spell.column, spell.width) for spell in spells] == [(0, 31), (32, 9), (42, 1)]
    assert spells[0].column_of(0) == 0
    assert spells[0].column_of(30 * MINUTE) == 30


def test_many_silences_are_drawn_as_work() -> None:
    """Short silences between many spells are joined until ten spells are left."""
    spells = spells_of([step(20 * n + n * n) for n in range(40)], 90)
    assert len(spells) <= MOST_SPELLS
    assert spells[-1].column + spells[-1].width == 90


@given(
    st.lists(
        st.tuples(st.floats(0, 3000), st.floats(0, 100), st.sampled_from(["tool", "reply"])),
        min_size=1,
        max_size=30,
    ),
    st.integers(30, 120),
)
def test_a_chart_fits_whatever_happened(
    moments: list[tuple[float, float, str]], width: int
) -> None:
    """Every row of every chart keeps to the width."""
    steps = [step(at, length, kind, context=100) for at, length, kind in sorted(moments)]
    for line in chart([Turn(1, tuple(steps))], [], UTC, width):
        assert cells(line) <= width


def test_sub_agents_have_a_row() -> None:
    """Each has a bracket with its name where there is room; one that overlaps is left out."""
    turn = Turn(1, (step(0, 90),))
    agents = [
        Agent(0, 40 * MINUTE, "explore $2.10"),
        Agent(20 * MINUTE, 30 * MINUTE, "hidden"),
        Agent(50 * MINUTE, 55 * MINUTE, "a long name"),
        Agent(89 * MINUTE, 89 * MINUTE, "short"),
    ]
    *_, row = chart([turn], agents, UTC, 99)
    assert row[:9].strip() == "agents"
    assert row[9:] == f"├explore $2.10{'─' * 26}┤{' ' * 9}├────┤{' ' * 33}│"


def many_turns(count: int, *, failed: Sequence[int] = ()) -> list[Turn]:
    """Return turns of two steps each, ten minutes apart; some of them failed."""
    return [
        Turn(
            number,
            (
                step(10 * number, 1, "prompt", characters=5),
                step(
                    10 * number + 1,
                    2,
                    outcome="error" if number in failed else "success",
                    error_class="timeout" if number in failed else None,
                ),
            ),
        )
        for number in range(1, count + 1)
    ]


def test_many_turns_are_told_by_the_worst() -> None:
    """Where not all fit, those that failed and those that took long are told, in order."""
    lines = list(turn_lines(many_turns(100, failed=(7, 42)), UTC, 100, 20))
    assert len(lines) <= 20
    assert lines[-1] == "94 turns more: --all"
    numbers = [int(line.split()[0]) for line in lines if not line.startswith("      ")][:-1]
    assert {7, 42} <= set(numbers)
    assert numbers == sorted(numbers)


def test_all_turns_are_told_on_demand() -> None:
    """Without a limit every step has its line."""
    assert len(list(turn_lines(many_turns(100), UTC, 100, None))) == 300


def test_what_fails_alike_is_told_once() -> None:
    """The first three of a run of like failures are told, the others counted."""
    failing = [step(n, 0.1, outcome="error", error_class="network") for n in range(9)]
    lines = list(turn_lines([Turn(1, tuple(failing))], UTC, 100, 40))
    assert len(lines) == 5
    assert lines[-1].endswith("… 6 more like it until 00:08:00")


def test_one_long_turn_is_cut() -> None:
    """A turn with more to tell than there is room for says how many steps are left."""
    mixed = [
        step(n, 0.1, outcome="error", error_class=("network", "timeout")[n % 2]) for n in range(50)
    ]
    lines = list(turn_lines([Turn(1, tuple(mixed))], UTC, 100, 20))
    assert len(lines) == 20
    assert lines[-1] == "32 steps more: --all"


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"kind": "compaction", "context": 213_000, "output": 25_300}, "213 k → 25.3 k tokens"),
        ({"kind": "compaction", "context": 150_000}, "context compacted: from 150 k tokens"),
        ({"kind": "compaction"}, "context compacted"),
        (
            {"kind": "failure", "error_class": "overloaded", "outcome": "HTTP 529"},
            "✗ model call  ov",
        ),
        ({"kind": "reply", "output": 7}, "Bash: writes 7"),
        ({"kind": "reply", "output": 7, "context": 900}, "Bash: reads 900, writes 7"),
        (
            {"kind": "tool", "about": "npm test", "outcome": "check_failed"},
            "Bash npm test  check failed",
        ),
        ({"kind": "prompt", "characters": 1200}, "prompt, 1,200 characters"),
    ],
)
def test_a_step_is_told_in_words(facts: dict[str, object], shown: str) -> None:
    """Each kind of step says what it was."""
    made = step(0, 1, **facts)  # type: ignore[arg-type]
    (_, line) = turn_lines([Turn(1, (made,))], UTC, 100, None)
    assert shown in line
