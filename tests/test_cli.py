"""The command as people meet it: what it shows, what it says when it cannot, how it ends."""

import fcntl
import json
import os
import struct
import subprocess
import sys
import sysconfig
import termios
from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest

import tachlog as package
from archives import as_session, assistant, jsonl, user
from conftest import Run, unmeasured
from screens import FORK, MAIN, NAMES, NOW, SCREENS, Desk, main_session
from tachlog.analysis.derivation import Step, adds_up
from tachlog.cli.calling import Caller
from tachlog.cli.running import EXPECTED, run
from tachlog.cli.verbs import VERBS
from tachlog.demo import Truth, write_demo
from tachlog.figures import cells

READING = ("sessions", "tools", "errors", "patterns", "trends")
COMMAND = Path(sysconfig.get_path("scripts")) / "tachlog"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give a home whose two sessions are in the archive; tests only look at it."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.write()
    assert desk.run("analyze").code == 0
    return desk


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Truth]:
    """Give a home whose archive holds the example logs, and what is true of them."""
    desk = Desk(tmp_path_factory.mktemp("demo"))
    truth = write_demo(desk.home / "logs")
    assert desk.run("analyze", str(desk.home / "logs")).code == 0
    return desk, truth


@pytest.fixture
def own_desk(tmp_path: Path) -> Desk:
    """Give a home with the logs of two sessions that nothing has read yet."""
    desk = Desk(tmp_path)
    desk.write()
    return desk


@pytest.fixture
def empty_desk(tmp_path: Path) -> Desk:
    """Give a home without any logs."""
    return Desk(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_verb_shows_its_screen(desk: Desk, name: str) -> None:
    """Each verb shows what is written in `tests/screens`; `python tests/screens.py` writes it."""
    assert desk.screen(name) == (SCREENS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("doctor", "report")])
def test_a_screen_fits_the_terminal(desk: Desk, name: str) -> None:
    """Nothing but paths is wider than 100 columns, and `show` has at most 60 lines.

    A report is Markdown, whose lines are whole paragraphs.
    """
    lines = desk.screen(name).splitlines()
    assert [line for line in lines if cells(line) > 100 and "HOME" not in line] == []
    assert len(lines) <= 60 or name == "show-all"


@pytest.mark.parametrize("columns", [40, 60, 200])
@pytest.mark.parametrize("verb", ["sessions", "tools", "show", "trends"])
def test_a_verb_bows_to_the_width(desk: Desk, verb: str, columns: int) -> None:
    """Tables drop columns and cut texts; the chart grows and shrinks."""
    words = [verb, "a1b2"] if verb == "show" else [verb]
    shown = desk.run(*words, COLUMNS=str(columns))
    assert shown.code == 0
    told = [line for line in shown.out.splitlines() if not line.startswith(("ID", "LOG"))]
    assert [line for line in told if cells(line) > columns] == []


@pytest.mark.parametrize("words", [("sessions", "--json"), ("show", "a1b2", "--json")])
def test_a_wide_answer_is_no_json_matter(desk: Desk, words: tuple[str, ...]) -> None:
    """JSON is the same on every terminal."""
    assert desk.run(*words, COLUMNS="40").out == desk.run(*words, COLUMNS="200").out


UNASKED = {
    *(
        "completion",
        "db",
        "demo",
        "export",
        "grafana",
        "hooks",
        "query",
        "reconcile",
        "serve",
        "service",
        "ship",
        "token",
        "top",
    ),
    *("user", "watch"),
}
"""Verbs that need more than their name or the logs of long ago, or change something."""


def json_calls() -> Iterator[tuple[str, ...]]:
    """Yield a way to call each verb that answers."""
    for verb in VERBS:
        if verb.name in ("show", "explain"):
            yield verb.name, "a1b2"
        elif verb.name == "analyze":
            yield verb.name, "--no-store"
        elif verb.name not in UNASKED:
            yield (verb.name,) if verb.name else ()


@pytest.mark.parametrize("words", list(json_calls()), ids=" ".join)
def test_every_verb_answers_in_json(desk: Desk, words: tuple[str, ...]) -> None:
    """With `--json` stdout is one JSON value and nothing else."""
    shown = desk.run(*words, "--json")
    assert shown.code == 0, shown.err
    assert json.loads(shown.out)
    assert shown.err == ""


def test_sessions_in_json_are_those_of_analyze(desk: Desk) -> None:
    """`sessions` lists the main conversations, newest first, with the fields of `analyze`."""
    listed = json.loads(desk.run("sessions", "--json").out)
    analyzed = json.loads(desk.run("analyze", "--json").out)["sessions"]
    assert [each["session_id"] for each in listed] == [FORK, MAIN]
    assert sorted(listed, key=lambda each: each["start_time"]) == [
        each for each in analyzed if each["parent_session_id"] is None
    ]
    assert len(analyzed) == 3


def test_show_in_json_tells_every_step(desk: Desk) -> None:
    """The timeline has turns with prompts, replies, calls, waits and compactions in order."""
    shown = json.loads(desk.run("show", "a1b2", "--json").out)
    assert shown["session"]["session_id"] == MAIN
    assert [thread["session_id"] for thread in shown["threads"]] == [f"{MAIN}/lint"]
    assert str(desk.logs / f"{MAIN}.jsonl") in shown["files"]
    assert sum(part["points"] for part in shown["complexity"]) == 1
    kinds = [[step["kind"] for step in turn["steps"]] for turn in shown["turns"]]
    assert kinds == [
        ["prompt", *["reply", "tool"] * 3, "reply", "wait", "compaction"],
        ["prompt", "reply", "tool", "reply"],
    ]
    first = shown["turns"][0]
    assert (first["model_calls"], first["tool_calls"], first["errors"]) == (4, 3, 1)
    assert first["duration"] == 60


def test_explained_steps_add_up(desk: Desk) -> None:
    """Before each `=` stands a sum, in every figure of every session."""
    for session in (MAIN, f"{MAIN}/lint", FORK):
        explained = json.loads(desk.run("explain", session, "--json").out)
        for figure in explained["figures"]:
            total = 0.0
            for step in figure["steps"]:
                if step["sign"] == "=":
                    assert step["value"] == pytest.approx(total), figure
                total += {"+": 1, "-": -1}.get(step["sign"], 0) * step["value"]
            assert [step["sign"] for step in figure["steps"]].count("=") == 1


def test_the_figures_of_every_example_add_up(demo: tuple[Desk, Truth]) -> None:
    """Sums before each `=` hold for forks, placeholders, retries, AgentLog rows, all of them."""
    desk, truth = demo
    for session in truth.sessions:
        explained = json.loads(desk.run("explain", session.session_id, "--json").out)
        assert explained["files"], session.session_id
        for figure in explained["figures"]:
            steps = [Step(**step) for step in figure["steps"]]
            assert adds_up(steps), (session.session_id, figure)


def test_the_explained_calls_are_the_true_ones(demo: tuple[Desk, Truth]) -> None:
    """The walk ends at the number of model calls that the example logs were written from."""
    desk, truth = demo
    for session in truth.sessions:
        explained = json.loads(desk.run("explain", session.session_id, "--json").out)
        figures = {figure["name"]: figure["value"] for figure in explained["figures"]}
        assert figures["model_calls"] == session.figures.model_calls, session.session_id


def test_a_long_session_is_told_in_sixty_lines(demo: tuple[Desk, Truth]) -> None:
    """`show` picks what is telling and counts the rest; `--all` tells everything."""
    desk, truth = demo
    longest = max(truth.sessions, key=lambda session: session.figures.message_count)
    shown = desk.run("show", longest.session_id).out.splitlines()
    everything = desk.run("show", longest.session_id, "--all").out.splitlines()
    assert len(shown) <= 60 < len(everything)
    assert [line for line in everything if cells(line) > 100 and "LOG" not in line] == []


def test_every_example_can_be_shown(demo: tuple[Desk, Truth]) -> None:
    """No shape of session is too strange to be drawn, whatever the width."""
    desk, truth = demo
    for session in truth.sessions:
        for columns in ("30", "100"):
            shown = desk.run("show", session.session_id, COLUMNS=columns)
            assert shown.code == 0, shown.err
            assert len(shown.out.splitlines()) <= 60, session.session_id


def test_planted_patterns_are_shown(demo: tuple[Desk, Truth]) -> None:
    """Loops and clusters of the examples are told with their session; `--limit` tells more."""
    desk, truth = demo
    shown = desk.run("patterns", "--limit", "500").out
    for heading in ("SEQUENCES", "WHAT FOLLOWS WHAT", "AFTER A FAILURE", "LOOPS", "UNUSUAL"):
        assert f"\n{heading}\n" in f"\n{shown}"
    loops = [loop for session in truth.sessions for loop in session.loops]
    assert loops
    found = json.loads(desk.run("patterns", "--json").out)
    assert len(found["loops"]) == len(loops)
    assert shown.count(" loop ") == len(loops)
    few = desk.run("patterns", "--limit", "1").out
    assert " more: --limit " in few
    assert len(few.splitlines()) < len(shown.splitlines())


def test_errors_are_told_with_where_they_stand(demo: tuple[Desk, Truth]) -> None:
    """The largest kind of error has its tool, its targets, its sessions and a text."""
    desk, _ = demo
    shown = desk.run("errors", "--limit", "2").out
    found = json.loads(desk.run("errors", "--limit", "2", "--json").out)
    assert len(found["clusters"]) == 2
    largest = found["clusters"][0]
    about = f"{largest['tool'] or 'model call'} {largest['error_class']}"
    assert f"{largest['count']} × {about}" in shown
    assert " more kinds: --limit " in shown
    assert sum(found["error_breakdown"].values()) == found["errors"]


def test_a_long_trend_is_thinned(own_desk: Desk) -> None:
    """Many points share forty blocks, and a trend without points says so."""
    log = [user("long0001", "l", "2026-11-01T00:00:00Z", "Hi")]
    for hour in range(96):
        moment = f"2026-11-{1 + hour // 24:02}T{hour % 24:02}:10:00Z"
        log.append(assistant("long0001", f"l{hour}", moment, f"l{hour}", output=hour + 1))
    jsonl(own_desk.home / "long" / "long0001.jsonl", log)
    archive = str(own_desk.home / "long.db")
    own_desk.run("analyze", str(own_desk.home / "long"), "--db", archive)
    lines = own_desk.run("trends", "--db", archive).out.splitlines()
    assert "96 hours" in lines[0]
    assert lines[0].split()[2:4] == ["▲", "up"]
    blocks = [char for char in lines[1] if char in "▁▂▃▄▅▆▇█"]
    assert len(blocks) == 40
    assert blocks == sorted(blocks)
    assert lines[-1] == "  nothing to measure"


def test_trends_look_at_thirty_days_of_activity(demo: tuple[Desk, Truth]) -> None:
    """Without `--since` the last 30 days with activity are told, however long ago they were."""
    desk, _ = demo
    found = json.loads(desk.run("trends", "--json", now=NOW.replace(year=2030)).out)
    assert [trend["name"] for trend in found] == [
        "token_usage_trend",
        "error_rate_trend",
        "complexity_trend",
        "tool_diversity_trend",
    ]
    assert {trend["step"] for trend in found} == {"hour", "day"}
    starts = [point["start"] for trend in found for point in trend["points"]]
    assert "2026-10-20" <= min(starts) < "2026-10-25"
    since = json.loads(desk.run("trends", "--since", "2026-11-18", "--json").out)
    assert min(p["start"] for trend in since for p in trend["points"]) >= "2026-11-18"
    shown = desk.run("trends").out
    assert "token usage" in shown
    assert "per hour" in shown


def test_reported_costs_of_the_examples_agree(demo: tuple[Desk, Truth]) -> None:
    """Every session that tells its cost has an id, and what it tells is compared."""
    desk, _ = demo
    checks = json.loads(desk.run("doctor", "--json").out)["reported_costs"]
    assert checks
    assert all(check["session_id"] for check in checks)


def test_sessions_of_every_format_are_listed(demo: tuple[Desk, Truth]) -> None:
    """Every main conversation of the examples has a row."""
    desk, truth = demo
    listed = json.loads(desk.run("sessions", "--json").out)
    mains = {s.session_id for s in truth.sessions if s.parent_session_id is None}
    assert {each["session_id"] for each in listed} == mains
    rows = desk.run("sessions", COLUMNS="200").out.splitlines()
    assert rows.index("") == len(mains) + 1
    assert rows[-1].startswith("at API prices, or as the log tells it: genai-prices ")
    assert {"AGENT", "PROJECT", "MODEL", "OUTCOME"} <= set(rows[0].split())


def test_sessions_of_long_ago_have_their_year(demo: tuple[Desk, Truth]) -> None:
    """A day of another year is told with it, where the time of day was."""
    desk, _ = demo
    assert " 2026 " in desk.run("sessions", now=NOW.replace(year=2030)).out
    assert " 2026 " not in desk.run("sessions").out


def test_explain_names_the_session_that_owns_what_is_told_twice(desk: Desk) -> None:
    """A fork says how many of the operations in its log count in the original; that has none."""
    fork = json.loads(desk.run("explain", "b7e8", "--json").out)
    assert fork["shared"] == {MAIN: 8}
    assert f"8  operations told here too count in {MAIN}" in desk.run("explain", "b7e8").out
    assert json.loads(desk.run("explain", "a1b2", "--json").out)["shared"] == {}


def test_what_is_explained_is_what_is_shown(desk: Desk) -> None:
    """`explain` ends at the figures of `sessions`."""
    session = json.loads(desk.run("show", "a1b2", "--json").out)["session"]
    figures = {
        figure["name"]: figure["value"]
        for figure in json.loads(desk.run("explain", "a1b2", "--json").out)["figures"]
    }
    for name in ("total_tokens", "success_rate", "cost_usd", "complexity_score", "operations"):
        assert figures[name] == pytest.approx(session[name]), name
    assert figures["avg_response_time"] == pytest.approx(session["avg_response_time"], abs=0.001)


@pytest.mark.parametrize("asked", [MAIN, "a1b2c3d4", f"{MAIN}/lint", "lint"])
def test_a_session_is_found_by_the_beginning_of_its_id(desk: Desk, asked: str) -> None:
    """A whole id, its beginning, and the last part of a sub-agent's name one session."""
    shown = json.loads(desk.run("show", asked, "--json").out)
    assert shown["session"]["session_id"] == (f"{MAIN}/lint" if "lint" in asked else MAIN)


@pytest.mark.parametrize("verb", ["show", "explain"])
def test_a_session_that_is_not_there_is_told(desk: Desk, verb: str) -> None:
    """An unknown id ends with 1 and says how to find one."""
    shown = desk.run(verb, "c0ffee")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err == (
        f"tachlog {verb}: no session begins with 'c0ffee'; tachlog sessions lists them\n"
    )


def test_an_ambiguous_id_lists_its_candidates(own_desk: Desk) -> None:
    """Of several sessions that begin alike none is guessed."""
    for number in range(7):
        session = f"feed000{number}"
        log = [
            user(session, f"u{number}", "2026-11-19T08:00:00Z", "Hi"),
            assistant(session, f"r{number}", "2026-11-19T08:00:09Z", f"m{number}"),
        ]
        jsonl(own_desk.logs / f"{session}.jsonl", log)
    assert own_desk.run("analyze").code == 0
    shown = own_desk.run("show", "feed")
    assert shown.code == 1
    assert "may be feed0000, feed0001, feed0002, feed0003, feed0004 and 2 more" in shown.err
    assert own_desk.run("show", "feed0003").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sesions"], "tachlog: there is no verb 'sesions'; did you mean sessions?"),
        (["xyzzy"], "tachlog: there is no verb 'xyzzy'\n"),
        (["--json", "sessions"], "tachlog: the verb comes first: tachlog sessions --json …"),
        (["--jsn"], "tachlog: there is no option --jsn; did you mean --json?"),
        (["--q=x"], "tachlog: there is no option --q\n"),
        (["sessions", "--limt", "3"], "there is no option --limt; did you mean --limit?"),
        (["sessions", "--limit", "0"], "--limit: '0' is no number of at least 1"),
        (["sessions", "--limit"], "--limit: expected one argument"),
        (["sessions", "--sort", "token"], "--sort: there is no 'token'; did you mean tokens?"),
        (["sessions", "--sort", "x"], "give one of when, active, calls"),
        (["sessions", "--since", "soon"], "--since: 'soon' is no time: give a date"),
        (["sessions", "--until", "2026-13-01"], "--until: '2026-13-01' is no time"),
        (["tools", "--since", "7d", "--until", "8d"], "--since is not before --until"),
        (["trends", "now"], "tachlog trends: 'now' is not expected here"),
        (["show"], "tachlog show: ID is missing: the session's id"),
        (["show", "a", "b"], "tachlog show: 'b' is not expected here"),
        (["sessions", "--complexity", "hard"], "--complexity: there is no 'hard'"),
        (["analyze", "--jobs", "many"], "--jobs: 'many' is no number of at least 1"),
        (["analyze", "--fail-on", "all"], "--fail-on: there is no 'all': give one of problems"),
        (["demo"], "DIR is missing"),
        (["demo", "x", "--size", "big"], "--size: 'big' is no size: give one like 10MB"),
        (["demo", "x", "--size", "1MB"], "--size: the examples need at least 3MB"),
        (["demo", "x", "--seed", "x"], "--seed: invalid int value: 'x'"),
    ],
)
def test_misuse_is_told_in_two_lines(desk: Desk, words: list[str], told: str) -> None:
    """What is wrong, what is meant perhaps, how to find help; exit code 2, nothing on stdout."""
    shown = desk.run(*words)
    assert (shown.code, shown.out) == (2, "")
    assert told in shown.err
    assert shown.err.count("\n") == 2
    assert shown.err.endswith("--help tells how it is used\n")


def test_a_setting_that_cannot_be_used_is_misuse(desk: Desk) -> None:
    """An unknown key ends every verb with exit code 2 and one line that names the nearest one."""
    shown = desk.run("sessions", TACHLOG_ALERTS__ERROR_RATE="0.1")
    assert (shown.code, shown.out) == (2, "")
    assert shown.err == (
        "tachlog sessions: TACHLOG_ALERTS__ERROR_RATE: no such variable;"
        " did you mean TACHLOG_ALERTS__ERROR_RATE_THRESHOLD?\n"
    )


def test_a_path_that_is_missing_is_misuse(own_desk: Desk) -> None:
    """A path that is not there is told before anything is read."""
    missing = own_desk.home / "nowhere"
    shown = own_desk.run("analyze", str(own_desk.logs), str(missing))
    assert (shown.code, shown.out) == (2, "")
    assert shown.err == f"tachlog analyze: {missing} is not there: check the name\n"


def test_a_price_file_that_cannot_be_used_is_misuse(own_desk: Desk) -> None:
    """The message names the file and what is wrong in it."""
    (own_desk.home / "prices.toml").write_text("[[price]]\nmodl = 1\n")
    shown = own_desk.run("analyze")
    assert shown.code == 2
    assert "prices.toml: unknown key modl in [[price]]; did you mean model?" in shown.err


def test_faults_are_named_as_they_are() -> None:
    """The names by which faults are judged are those of real exceptions."""
    for name in EXPECTED:
        module, _, kind = name.rpartition(".")
        assert issubclass(getattr(import_module(module), kind), Exception)


def test_an_archive_that_is_none_is_told(own_desk: Desk) -> None:
    """A file that is no archive ends with 1, whoever asks."""
    archive = own_desk.home / "notes.db"
    archive.write_text("These are no tables. " * 100)
    for words in (["analyze"], ["sessions"], ["doctor"]):
        shown = own_desk.run(*words, "--db", str(archive))
        assert (shown.code, shown.out) == (1, "")
        assert shown.err.startswith(f"tachlog {words[0]}: {archive}: not a readable archive")


@pytest.mark.parametrize("verb", [*READING, "show", "explain"])
def test_without_an_archive_the_way_to_one_is_told(empty_desk: Desk, verb: str) -> None:
    """A reading verb makes no archive; it says which verb does, and ends with 1."""
    words = [verb, "a1b2"] if verb in ("show", "explain") else [verb]
    shown = empty_desk.run(*words, "--db", str(empty_desk.home / "no.db"))
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.endswith("no.db: there is no archive yet; tachlog analyze makes one\n")
    assert not (empty_desk.home / "no.db").exists()


def test_alone_without_an_archive_it_says_how_to_begin(empty_desk: Desk) -> None:
    """`tachlog` on a new machine is no fault."""
    shown = empty_desk.run()
    assert shown.code == 0
    assert shown.out.startswith("nothing read yet: tachlog analyze reads the logs")
    assert empty_desk.run("--json").out == "null\n"


def test_alone_it_tells_five_lines(desk: Desk) -> None:
    """Today, this week, the latest session, what fires, the best advice."""
    assert desk.run().out.count("\n") == 5


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--since", "2026-11-19"], [FORK]),
        (["--since", "36h", "--until", "yesterday"], [FORK]),
        (["--until", "2026-11-18"], [MAIN]),
        (["--until", "2026-11-18T09:00Z"], []),
        (["--since", "2026-11-18T09:00:00+00:00", "--until", "2026-11-18T10:00:00"], [MAIN]),
        (["--since", "today"], []),
        (["--since", "1w"], [FORK, MAIN]),
        (["--agent", "claude_code"], [FORK, MAIN]),
        (["--agent", "codex"], []),
        (["--provider", "anthropic", "--project", "shop"], [FORK, MAIN]),
        (["--project", "billing"], []),
        (["--model", "claude-opus-4-5-20251101"], [FORK, MAIN]),
        (["--complexity", "high"], []),
        (["--sort", "cost"], [MAIN, FORK]),
        (["--sort", "errors", "--limit", "1"], [MAIN]),
        (["--sort", "active"], [MAIN, FORK]),
        (["--sort", "calls"], [MAIN, FORK]),
        (["--sort", "tokens"], [MAIN, FORK]),
        (["--sort", "complexity"], [MAIN, FORK]),
    ],
)
def test_filters_and_order_choose_sessions(desk: Desk, words: list[str], kept: list[str]) -> None:
    """Times, names and complexity select, all together; `--sort` and `--limit` arrange."""
    listed = json.loads(desk.run("sessions", *words, "--json").out)
    assert [each["session_id"] for each in listed] == kept


@pytest.mark.parametrize("verb", READING)
def test_an_empty_selection_says_so(desk: Desk, verb: str) -> None:
    """Nothing that fits is an answer: one line, exit code 0."""
    shown = desk.run(verb, "--project", "billing")
    assert (shown.code, shown.out) == (0, "nothing fits these filters\n")


@pytest.mark.parametrize("verb", READING)
def test_an_archive_without_sessions_says_how_to_fill_it(own_desk: Desk, verb: str) -> None:
    """An archive into which nothing was read names the verb that reads."""
    (own_desk.home / "empty").mkdir()
    own_desk.run("analyze", str(own_desk.home / "empty"))
    assert own_desk.run(verb).out == "nothing read yet: tachlog analyze\n"


def test_the_zone_is_that_of_the_display(desk: Desk) -> None:
    """A session of the evening in UTC began the next morning in Tokyo."""
    shown = desk.run("sessions", TACHLOG_DISPLAY__TIME_ZONE="Asia/Tokyo")
    assert "18 Nov 18:00" in shown.out
    tokyo = desk.run(
        "sessions", "--until", "2026-11-18T18:00:01", TACHLOG_DISPLAY__TIME_ZONE="Asia/Tokyo"
    )
    assert "a1b2" in tokyo.out


def test_colours_are_for_terminals_or_on_demand(desk: Desk) -> None:
    """Nothing is coloured in a pipe, everything when asked, nothing with --no-color."""
    escape = "\x1b["
    assert escape not in desk.run("sessions").out
    assert escape in desk.run("sessions", TACHLOG_DISPLAY__COLOR="always").out
    for name in ("sessions", "errors", "analyze"):
        shown = desk.run(name, "--no-color", TACHLOG_DISPLAY__COLOR="always")
        assert escape not in shown.out


class _Terminal(StringIO):
    def isatty(self) -> bool:
        """Say that a person watches."""
        return True


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"TACHLOG_DISPLAY__COLOR": "never"}, False),
        ({"TACHLOG_DISPLAY__COLOR": "always", "NO_COLOR": "1"}, True),
    ],
)
def test_a_terminal_is_coloured_unless_refused(
    desk: Desk, environ: dict[str, str], coloured: bool
) -> None:
    """`NO_COLOR` (if it says anything) and a dumb terminal get plain text."""
    out = _Terminal()
    caller = Caller({**desk.environ, **environ}, 0, out, StringIO())
    assert run(["sessions"], caller) == 0
    assert ("\x1b[" in out.getvalue()) == coloured


def test_progress_is_for_terminals(own_desk: Desk) -> None:
    """A long reading shows a bar on a terminal's stderr, and leaves nothing of it behind."""
    line = json.dumps(user("s9", "u9", "2026-11-19T08:00:00Z", "x" * 100_000)) + "\n"
    (own_desk.logs / "long.jsonl").write_text(line * 120)
    err = _Terminal()
    out = StringIO()
    assert run(["analyze", "--jobs", "1"], Caller(own_desk.environ, 0, out, err)) == 0
    assert "reading logs" in err.getvalue()
    assert "reading logs" not in out.getvalue()
    again = _Terminal()
    assert run(["analyze"], Caller(own_desk.environ, 0, out, again)) == 0
    assert again.getvalue() == ""


def test_a_second_run_tells_the_same_and_that_nothing_is_new(own_desk: Desk) -> None:
    """Only the line on what was read differs."""
    first, second = own_desk.run("analyze"), own_desk.run("analyze")
    assert "+2 sessions, 29 records read" in first.out
    assert "nothing new since" in second.out
    assert first.out.splitlines()[2:] == second.out.splitlines()[2:]
    before, after = (json.loads(own_desk.run("analyze", "--json").out) for _ in range(2))
    assert before["sessions"] == after["sessions"]
    assert after["read_now"]["sessions"] == 0
    assert after["read_now"]["since"] is not None


def test_paths_select_the_sessions_that_they_tell(own_desk: Desk) -> None:
    """With a path only its sessions are told, whether they are read now or were before."""
    path = str(own_desk.logs / f"{FORK}.jsonl")
    own_desk.run("analyze")
    found = json.loads(own_desk.run("analyze", path, "--json").out)
    assert [each["session_id"] for each in found["sessions"]] == [FORK]
    assert found["selection"]["paths"] == [path]
    assert found["read_now"]["files"] == 0


def test_nothing_is_kept_on_demand(own_desk: Desk) -> None:
    """`--no-store` answers and leaves no archive."""
    shown = own_desk.run("analyze", "--no-store")
    assert shown.code == 0
    assert "a1b2" in shown.out
    assert not list(own_desk.home.rglob("*.db"))


def test_the_archive_is_where_it_is_wanted(own_desk: Desk) -> None:
    """`--db` takes a path or a URL, and `config` tells that it came from the flag."""
    path = own_desk.home / "other.db"
    assert own_desk.run("analyze", "--db", f"sqlite:///{path}").code == 0
    assert path.exists()
    assert "a1b2" in own_desk.run("sessions", "--db", str(path)).out
    settings = json.loads(own_desk.run("config", "--db", str(path), "--json").out)
    (url,) = [each for each in settings if each["name"] == "storage.url"]
    assert (url["value"], url["origin"]) == (f'"{path}"', "--db")


def test_an_unknown_kind_of_archive_is_told(own_desk: Desk) -> None:
    """A URL of a database that tachlog cannot keep an archive in names those that it can."""
    shown = own_desk.run("analyze", "--db", "mongodb://host/x")
    assert shown.code == 1
    assert "mongodb: no such kind of archive" in shown.err


def test_without_logs_it_says_where_it_looked(empty_desk: Desk) -> None:
    """A machine without agents ends with 1 and with what could be done."""
    shown = empty_desk.run("analyze")
    assert (shown.code, shown.out) == (1, "")
    assert f"looked in {empty_desk.home}/.config/claude/projects, " in shown.err
    assert "tachlog analyze --or-demo" in shown.err


def test_without_logs_the_examples_can_be_shown(empty_desk: Desk) -> None:
    """`--or-demo` writes them once, says so, and keeps them out of the person's own archive."""
    first, second = (empty_desk.run("analyze", "--or-demo") for _ in range(2))
    demo = empty_desk.home / ".cache/tachlog/demo"
    assert first.code == second.code == 0
    assert first.err == second.err
    assert f"these are the example logs in {demo}\n" in first.err
    assert f"look further with --db {demo}.db\n" in first.err
    assert "Claude Code" in first.out
    assert "nothing new since" in second.out
    assert not (empty_desk.home / ".local").exists()
    private = empty_desk.run("analyze", "--or-demo", "--no-store")
    assert "--db" not in private.err


def test_with_logs_the_examples_are_not_shown(own_desk: Desk) -> None:
    """`--or-demo` changes nothing where there is something real to show."""
    shown = own_desk.run("analyze", "--or-demo")
    assert (shown.code, shown.err) == (0, "")
    assert "a1b2" in shown.out


def test_places_of_ones_own_are_read_too(own_desk: Desk) -> None:
    """`sources.paths` adds to what is discovered."""
    log = [
        user("extra", "e1", "2026-11-19T08:00:00Z", "Hi"),
        assistant("extra", "e2", "2026-11-19T08:00:09Z", "e"),
    ]
    jsonl(own_desk.home / "more" / "extra.jsonl", log)
    found = own_desk.run("analyze", "--json", TACHLOG_SOURCES__PATHS=f'["{own_desk.home}/more"]')
    assert "extra" in [each["session_id"] for each in json.loads(found.out)["sessions"]]


def test_what_was_named_and_not_read_is_told(own_desk: Desk) -> None:
    """A named file that is no log, and a directory without logs, end with 1, on every run."""
    (own_desk.home / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (own_desk.home / "bare").mkdir()
    words = ("analyze", str(own_desk.home / "picture.png"), str(own_desk.home / "bare"))
    first, second = own_desk.run(*words), own_desk.run(*words)
    assert first.code == second.code == 1
    assert first.err == second.err
    assert f"{own_desk.home}/picture.png: binary, no log\n" in first.err
    assert f"{own_desk.home}/bare: no logs in this directory\n" in first.err


def test_a_problem_can_fail_a_run(own_desk: Desk) -> None:
    """`--fail-on problems` ends with 3 when a record could not be read; else it is counted only."""
    assert own_desk.run("analyze", "--fail-on", "problems").code == 0
    with (own_desk.logs / f"{FORK}.jsonl").open("a") as log:
        log.write('{"type": "user", "broken\n{"type":"mode","sessionId":"x"}\n')
    assert own_desk.run("analyze").code == 0
    assert own_desk.run("analyze", "--fail-on", "problems").code == 3


def test_doctor_tells_what_was_not_understood(own_desk: Desk) -> None:
    """Damaged lines, torn tails, unknown kinds and files of no format: each with what to do."""
    log = own_desk.logs / f"{FORK}.jsonl"
    with log.open("a") as file:
        file.write('{"type": "user", "broken\n')
        file.write('{"type":"frame-link","sessionId":"b7e8","uuid":"f1"}\n')
        file.write('{"type":"user","uuid":"torn"')
    (own_desk.logs / "notes.json").write_text('{"a": 1}\n')
    own_desk.run("analyze")
    shown = own_desk.run("doctor", COLUMNS="300").out
    assert "damaged_line at byte" in shown
    assert "the agent wrote half a record" in shown
    assert "wait at its end: the rest of its last record is not written yet" in shown
    assert "UNKNOWN, as this version does not know these kinds: please report them" in shown
    assert "frame-link 1" in shown
    assert "not read: no known log format" in shown
    assert "FILES 2 of 4" in shown
    assert "FILES 4 of 4" in own_desk.run("doctor", "--all").out
    found = json.loads(own_desk.run("doctor", "--json").out)
    (torn,) = [file for file in found["files"] if file["path"] == str(log)]
    assert torn["tail_bytes"] == len('{"type":"user","uuid":"torn"')
    assert torn["problems"][0]["remedy"].startswith("the agent wrote half a record")
    assert found["archive"]["exists"]


def test_doctor_counts_what_is_too_much_to_list(own_desk: Desk) -> None:
    """Of many files, problems and kinds the first are told and the others counted."""
    for number in range(14):
        kinds = [json.dumps({"type": f"news-{number}-{n}", "sessionId": "s"}) for n in range(2)]
        lines = [*["{broken"] * (5 - number % 2), *kinds, '{"type":"mode","sessionId":"s"}', ""]
        (own_desk.logs / f"odd{number:02}.jsonl").write_text("\n".join(lines))
    own_desk.run("analyze")
    shown = own_desk.run("doctor").out
    assert "FILES 14 of 17" in shown
    assert "  2 more: --all\n" in shown
    assert "    2 more problems\n" in shown
    assert "    1 more problem\n" in shown
    assert "22 more kinds 22" in shown
    assert "SKIPPED, as these kinds carry no telemetry\n  mode 14\n" in shown


def test_doctor_tells_each_format_apart(demo: tuple[Desk, Truth]) -> None:
    """Where several formats were read, each has its own sum, and all have one."""
    desk, _ = demo
    found = json.loads(desk.run("doctor", "--json").out)
    shown = desk.run("doctor").out
    width = max(len(name) for name in found["by_source"])
    for name, read in [*found["by_source"].items(), ("all", found["input"])]:
        assert read["records"] == sum(
            read[part] for part in ("parsed", "duplicates", "skipped", "problems")
        )
        assert f"  {name:{width}}  {read['records']:,} records in {read['files']:,} files" in shown
    for file in found["files"]:
        parts = file["parsed"] + file["duplicates"] + len(file["problems"])
        assert file["records"] == parts + sum(file["skipped"].values()), file["path"]


def test_a_fork_that_did_nothing_yet_is_shown(own_desk: Desk) -> None:
    """A session whose every record is a copy keeps a row, and says so."""
    session = "dead0001"
    jsonl(own_desk.logs / f"{session}.jsonl", as_session(main_session(), session))
    own_desk.run("analyze")
    listed = json.loads(own_desk.run("sessions", "--json").out)
    idle = [each["session_id"] for each in listed if each["start_time"] is None]
    assert len(idle) == 1
    assert "did nothing yet" in own_desk.run("show", idle[0]).out
    assert own_desk.run("explain", idle[0]).code == 0
    assert own_desk.run("sessions").out.splitlines().index("") == len(listed) + 1


def test_calls_without_a_price_are_told(own_desk: Desk) -> None:
    """A model that nobody has a price for costs nothing that is known, and `explain` says so."""
    log = [user("free0001", "w1", "2026-11-19T08:00:00Z", "Hi")]
    for number, model in enumerate(["home-grown-1", "home-grown-1", "claude-opus-4-5-20251101"]):
        reply = assistant("free0001", f"w2{number}", f"2026-11-19T08:00:0{number}Z", f"w{number}")
        reply["message"]["model"] = model
        log.append(reply)
    jsonl(own_desk.logs / "free0001.jsonl", log)
    own_desk.run("analyze")
    shown = own_desk.run("explain", "free0001").out
    assert "2  calls have no price and are not in it" in shown
    assert "−               2  that began after another reply, with nothing between" in shown


def test_doctor_without_an_archive_tells_the_places(empty_desk: Desk) -> None:
    """It is the verb to ask when nothing is there."""
    shown = empty_desk.run("doctor", COLUMNS="200")
    assert shown.code == 0
    assert f"  not there  {empty_desk.home}/.claude/projects" in shown.out
    assert "tachlog.db: not there yet, tachlog analyze makes it" in shown.out


def test_doctor_compares_reported_costs(own_desk: Desk) -> None:
    """A cost that a log tells stands beside the sum of its calls."""
    session = "c0571234"
    log = [
        user(session, "k1", "2026-11-19T08:00:00Z", "Hi"),
        assistant(session, "k2", "2026-11-19T08:00:09Z", "k"),
        {
            "type": "cost-state",
            "sessionId": session,
            "timestamp": "2026-11-19T08:00:10Z",
            "totalCostUSD": 1.5,
        },
    ]
    jsonl(own_desk.logs / f"{session}.jsonl", log)
    own_desk.run("analyze")
    (check,) = json.loads(own_desk.run("doctor", "--json").out)["reported_costs"]
    assert check["session_id"] == session
    assert check["reported_usd"] == 1.5
    assert check["computed_usd"] == pytest.approx(0.002425)
    assert "reported $1.50, at API prices <$0.01" in own_desk.run("doctor", COLUMNS="200").out


def test_config_tells_where_values_come_from(desk: Desk) -> None:
    """Each setting with its origin: a variable, the file, or the default."""
    shown = desk.run("config", TACHLOG_ALERTS__RESPONSE_TIME_P95="10", COLUMNS="200").out
    rows = {line.split()[0]: line.split() for line in shown.splitlines() if line}
    assert rows["alerts.response_time_p95"][1:] == [
        "10",
        "ms",
        "TACHLOG_ALERTS__RESPONSE_TIME_P95",
    ]
    assert rows["prices.file"][1:] == [f'"{desk.home}/prices.toml"', f"{desk.home}/config.toml"]
    assert rows["storage.retention_days"][1:] == ["90", "days", "default"]
    assert rows["file:"] == ["file:", f"{desk.home}/config.toml"]


def test_formats_tells_what_is_known_and_from_where(desk: Desk) -> None:
    """Every source with the places of its logs and the evidence for what is read."""
    shown = desk.run("formats").out
    assert "Claude Code (claude_code, revision 1)" in shown
    assert "AgentLog (agent_log, revision 1)" in shown
    for each in json.loads(desk.run("formats", "--json").out):
        assert each["evidence"]
        assert each["lives"]


def test_demo_writes_the_examples(tmp_path: Path, empty_desk: Desk) -> None:
    """`demo` writes into a new directory, alike for the same seed, and never over something."""
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    written = json.loads(empty_desk.run("demo", str(one), "--json").out)
    assert written["directory"] == str(one)
    assert written["bytes"] == sum(p.stat().st_size for p in one.rglob("*") if p.is_file())
    assert f"look at them: tachlog analyze --no-store {two}" in empty_desk.run("demo", str(two)).out
    empty_desk.run("demo", str(other), "--seed", "8")
    texts = [
        {p.relative_to(d): p.read_bytes() for p in d.rglob("*") if p.is_file()}
        for d in (one, two, other)
    ]
    assert texts[0] == texts[1] != texts[2]
    again = empty_desk.run("demo", str(one))
    assert again.code == 1
    assert f"{one}: not empty" in again.err


def test_a_fault_of_its_own_asks_to_be_reported(
    own_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody foresaw is told without a traceback, unless `TACHLOG_DEBUG=1` asks for it."""
    monkeypatch.setattr("tachlog.cli.keep.keys", lambda: 1 / 0)
    shown = own_desk.run("config")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith("tachlog config: a fault of tachlog itself: ZeroDivisionError")
    assert "Traceback" not in shown.err
    assert "Traceback" in own_desk.run("config", TACHLOG_DEBUG="1").err


def test_a_place_that_cannot_be_written_is_told(own_desk: Desk) -> None:
    """An error of the system names the file and what the system says."""
    (own_desk.home / "file").write_text("")
    shown = own_desk.run("demo", str(own_desk.home / "file" / "x"))
    assert shown.code == 1
    assert shown.err.startswith("tachlog demo: ")
    assert "Not a directory" in shown.err


def test_what_logs_say_does_not_steer_the_terminal(own_desk: Desk) -> None:
    """Escape sequences in titles, tools and excerpts are not printed."""
    log = [
        user("evil", "z1", "2026-11-19T08:00:00Z", "\x1b]0;owned\x07 \x1b[31mred"),
        assistant("evil", "z2", "2026-11-19T08:00:09Z", "z"),
    ]
    jsonl(own_desk.logs / "evil.jsonl", log)
    own_desk.run("analyze")
    for words in (["sessions"], ["show", "evil"], ["analyze"], ["explain", "evil"]):
        assert "\x1b" not in own_desk.run(*words).out


def test_the_width_is_that_of_the_terminal() -> None:
    """`COLUMNS` wins, a terminal tells its own width, everything else gets 100 columns."""
    primary, secondary = os.openpty()
    with open(primary, "rb"), open(secondary, "w", encoding="utf-8") as terminal:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 72, 0, 0))
        assert Caller({}, 0, terminal, terminal).width == 72
        assert Caller({"COLUMNS": "80"}, 0, terminal, terminal).width == 80
        assert Caller({"COLUMNS": "wide"}, 0, terminal, terminal).width == 72
    assert Caller({}, 0, StringIO(), StringIO()).width == 100


def test_the_installed_command_tells_its_version(tachlog: Run) -> None:
    """`--version` prints the name and the version, nothing else."""
    assert tachlog("--version").stdout.startswith(f"tachlog {package.__version__}")


def test_help_lists_every_verb_once(tachlog: Run) -> None:
    """`--help` names each verb; each verb has a help of its own with all of its options."""
    listed = tachlog("--help").stdout
    for verb in VERBS:
        assert listed.count(f"\n  {verb.name or '(none)'} ") == 1
    shown = tachlog("sessions", "-h").stdout
    for option in next(verb for verb in VERBS if verb.name == "sessions").options:
        assert f"  {option.usage} " in shown


def test_the_installed_command_ends_with_its_code(tachlog: Run) -> None:
    """Misuse is 2, what cannot be answered 1."""
    assert tachlog("sesions", check=False).code == 2
    assert tachlog("sessions", check=False).code == 1


def test_help_imports_nothing_heavy() -> None:
    """Help, version and misuse load none of what only a verb needs."""
    script = (
        "import sys; from tachlog.cli import main; main(['--help']); main(['--version']);"
        " main(['nothing']); print(*sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    heavy = {"msgspec", "rich", "asyncio", "sqlalchemy", "re2", "pandas"}
    assert loaded & heavy == set()


@pytest.mark.parametrize("words", ["sessions", "config", "cost", "show a1b2"])
def test_reading_verbs_import_no_more_than_they_need(desk: Desk, words: str) -> None:
    """Looking at the archive needs no patterns, no progress bar, no worker processes."""
    script = (
        "import sys; from tachlog.cli import main; main(sys.argv[1:]); print(*sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words.split()],
        capture_output=True,
        text=True,
        check=True,
        env={**unmeasured(), **desk.environ},
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert (
        loaded
        & {
            *("rich", "asyncio", "sqlalchemy", "pydantic", "re2", "pandas", "concurrent.futures"),
            *("tachlog.signals", "tachlog.redact", "tachlog.pipeline", "tachlog.engines.work"),
            *("tachlog.sources.claude_code", "multiprocessing", "unittest", "http.client"),
        }
        == set()
    )


def test_a_reader_that_goes_away_ends_the_command(desk: Desk) -> None:
    """`tachlog … | head` ends quietly, as other commands do."""
    environ = {**os.environ, **desk.environ}
    with subprocess.Popen(
        [COMMAND, "sessions", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait(60) == 141
    assert told == b""


def test_a_narrow_encoding_is_no_fault(desk: Desk) -> None:
    """A terminal that knows ASCII alone gets question marks for blocks and bars."""
    done = subprocess.run(
        [COMMAND, "show", "a1b2"],
        capture_output=True,
        encoding="ascii",
        check=False,
        env={**os.environ, **desk.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Fix the flaky checkout test" in done.stdout


def test_ctrl_c_ends_the_command(own_desk: Desk) -> None:
    """An interrupt is no fault: exit code 130 and nothing told."""
    script = (
        "import sys, tachlog.pipeline as pipeline\n"
        "from tachlog.cli import main\n"
        "def interrupted(*_, **__): raise KeyboardInterrupt\n"
        "pipeline.bring_up_to_date = interrupted\n"
        "sys.exit(main(['analyze']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **own_desk.environ},
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
