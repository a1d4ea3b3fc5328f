"""The terminal answers: what they say, in which order, and that they fit whatever the logs hold."""

import re
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from summary_by_hand import (
    DAY,
    DOLLAR,
    HOUR,
    MODEL,
    NOW,
    SECOND,
    VIENNA,
    Shelf,
    at,
    thread,
    tool,
    use,
)
from tachlog import figures as fmt
from tachlog.analysis.alerts import Alert
from tachlog.analysis.overview import Overview, overview
from tachlog.analysis.selection import Input, Selection
from tachlog.analysis.summary import ReadNowView
from tachlog.analysis.trace import Trace, TracedUse
from tachlog.analysis.units import rfc3339
from tachlog.cli.answer import render_answer, render_short
from tachlog.metrics import Anomaly, ErrorCluster, SessionMetrics, TimeSplit

PRICES = "list prices of 2026-11"


def found(*threads: SessionMetrics, now_us: int = NOW, **asked: Any) -> Overview:
    """Return the overview of an archive with these threads."""
    read_now = asked.pop("read_now", None)
    selection = Selection(**asked.pop("select", {}))
    return overview(
        Shelf(threads, **asked),
        selection,
        time_zone=VIENNA,
        prices=PRICES,
        now_us=now_us,
        read_now=read_now,
    )


def answer(*threads: SessionMetrics, width: int = 100, **asked: Any) -> list[str]:
    """Return the lines of the answer without the version of tachlog, which changes."""
    text = render_answer(found(*threads, **asked), width=width)
    return re.sub(r"^tachlog \S+", "tachlog 1.0", text).split("\n")


def line_of(lines: list[str], start: str) -> str:
    """Return the line that begins with a word."""
    return next(line for line in lines if line.startswith(start))


def team() -> list[SessionMetrics]:
    """Return five weeks of a small team: a busy last week, two models, errors, a loop."""
    bash = {"category": "shell", "classes": {"network": 2, "command_failed": 1}, "check_failed": 2}
    threads = []
    for days_ago in range(36):
        when = rfc3339(NOW - days_ago * DAY - 2 * HOUR)[:16]
        busy = days_ago < 7
        threads.append(
            thread(
                f"{days_ago:04x}-{'busy' if busy else 'calm'}",
                when,
                minutes=40,
                title="Migrate invoices to the new ledger" if busy else "Add VAT export",
                project="billing" if days_ago % 2 else "shop",
                models={
                    MODEL: use(20 if busy else 8, cost=(4 if busy else 1) * DOLLAR),
                    "claude-haiku-4-5": use(2, cost=DOLLAR // 100),
                },
                tools={
                    "Bash": tool(12, errors=3, us=[SECOND * n for n in range(1, 13)], **bash),
                    "Read": tool(20, category="file_read", us=[30_000] * 20),
                    "mcp__jira__search": tool(1, category="mcp", us=[900_000]),
                },
                us=[(8 + days_ago % 3) * SECOND] * 10,
                complexity="medium" if days_ago % 3 else "high",
                complexity_score=5,
                clusters=[
                    ErrorCluster(
                        *("network", 7, "Bash", "npm test", 2, at(when), at(when)),
                        "> npm test Error: connect ECONNREFUSED 127.0.0.1:5432",
                    )
                ],
            )
        )
    threads[0].anomalies = [
        Anomaly("loop", 6, 3, start_us=NOW - HOUR, end_us=NOW - HOUR + 9 * SECOND, count=6)
    ]
    threads[0].anomalies[0].about = "Bash"
    threads[9].anomalies = [
        Anomaly(
            *("error_cluster", 5, 3),
            start_us=threads[9].start_us,
            end_us=(threads[9].start_us or 0) + 90 * SECOND,
            count=5,
            about="network",
        ),
        Anomaly("response_time_outlier", 99 * SECOND, SECOND, about=MODEL),
    ]
    threads[3].anomalies = [
        Anomaly(
            *("response_time_spike", 95 * SECOND, 30 * SECOND, 9 * SECOND),
            start_us=threads[3].start_us,
            about=MODEL,
        )
    ]
    threads.append(thread("0001-busy/a1", rfc3339(NOW - DAY)[:16], of="0001-busy"))
    return threads


def failing(threads: Sequence[SessionMetrics]) -> list[Trace]:
    """Return the operations of the team's sessions as far as they failed: twice in each."""
    return [
        Trace(
            *(m.agent, m.root, m.session_id, []),
            [
                TracedUse(
                    key=2 * place + n,
                    at_us=m.start_us or 0,
                    tool="Bash",
                    outcome="error",
                    target="npm test",
                    error_class="network",
                    fingerprint=7,
                    excerpt="> npm test Error: connect ECONNREFUSED 127.0.0.1:5432",
                )
                for n in range(2)
            ]
            + [
                TracedUse(1000 + 8 * place + n, m.start_us or 0, "Bash", "success", target="ls")
                for n in range(8)
            ],
            *([], [], []),
        )
        for place, m in enumerate(threads)
        if m.parent is None
    ]


TEAM = """\
tachlog 1.0 · since 16 Oct (36 days) · Europe/Vienna · list prices of 2026-11
Claude Code 36 sessions                         +2 sessions since 08:12, 1,234 records read in 0.2 s

                    today    7 days   30 days   36 days   7 days against the 4 weeks before
sessions                1         7        30        36   ███████  flat
  + sub-agents          0         1         1         1   ▁▁▁▁▁█▁  flat
tokens             22.0 k     155 k     385 k     445 k   ███████  +122 %
at API prices       $4.01    $29.07    $52.30    $58.36   ▇▇▇▇▇█▇  +314 %, most of it opus-4-5
error rate          5.5 %     5.4 %     6.5 %     6.6 %   ███████  −22 %
p95 model call      8.0 s     9.9 s     9.9 s     9.9 s   ▇██▇██▇  flat

12.0 h   model 40 % █████▋  tools, approvals 40 % █████▋  your next prompt 20 % ██▊  + 12.0 h idle

TOOLS          calls failed         “no”*     p50     p95    time  fails mostly with
Read             720      –             –  0.03 s  0.03 s    22 s
Bash             432    108  25.0 %    72   6.0 s    12 s  47 min  72 × npm test: Error: connect EC…
mcp:jira.sea…     36      –             –   0.9 s   0.9 s    32 s
* tests, linters and searches that answered no: not errors

ERRORS 108  command_failed 108
COMPLEXITY  very low 0   low 0   medium 24 ██▋  high 12 █▍  very high 0

DEAREST                                                       when   active  calls      cost   share
0001  Migrate invoices to the new ledger   billing          19 Nov   20 min     33     $5.01   8.6 %
0000  Migrate invoices to the new ledger   shop             20 Nov   20 min     33     $4.01   6.9 %
0002  Migrate invoices to the new ledger   shop             18 Nov   20 min     33     $4.01   6.9 %

UNUSUAL  20 Nov 12:00  shop: the same Bash call 6 times in 9.0 s                                0000
         17 Nov 11:00  billing: a model call of 95 s, 9.0 s on average (opus-4-5)               0003
         11 Nov 11:00  billing: 5 errors in 90 s, mostly network: Error: connect ECONNREFUSED…  0009

DO NEXT  1  `npm test` (Bash) failed the same way 60 of 60 times in 30 sessions with “Error: connect
            ECONNREFUSED 127.0.0.1:5432”: start what it connects to before the agent runs

HOW SURE 100 records in 2 files = 80 read + 10 copies + 9 without meaning + 1 problem
         tool times include waits for approval

tachlog show 0000 · tachlog errors · tachlog patterns · tachlog doctor"""


def test_the_answer_as_a_whole() -> None:
    """How much, how long, what failed, what is odd, what to do, how sure: in a screen of lines."""
    read_now = ReadNowView(3, 9_000, 1_234, 2, 0.21, "2026-11-20T07:12:00.000Z")
    responses = [(NOW - n * DAY - HOUR, (8 + n % 3) * SECOND) for n in range(36) for _ in range(10)]
    lines = answer(*team(), read_now=read_now, responses=responses, traces=failing(team()))
    assert lines == TEAM.split("\n")


def test_it_fits_a_screen() -> None:
    """An ordinary answer has at most 45 lines, none wider than it may be, at any width."""
    assert len(answer(*team())) <= 45
    for width in (20, 60, 80, 100, 150, 300):
        assert max(map(fmt.cells, answer(*team(), width=width))) <= min(width, 120)


def test_colour_changes_no_letter() -> None:
    """Without its escape codes a coloured answer is the plain one."""
    coloured = render_answer(found(*team()), color=True)
    assert "\x1b[1m" in coloured
    bare = [line.rstrip() for line in re.sub(r"\x1b\[\d+m", "", coloured).split("\n")]
    assert bare == render_answer(found(*team())).split("\n")


def test_nothing_to_show() -> None:
    """Without sessions the answer says so, what was read, and where to look next."""
    lines = answer(read=Input(), read_now=ReadNowView())
    assert lines == [
        "tachlog 1.0 · no history · Europe/Vienna · list prices of 2026-11",
        "no sessions" + " " * 78 + "nothing new",
        "",
        "HOW SURE 0 records in 0 files = 0 read",
        "",
        "tachlog doctor says where logs were looked for, and what to do",
    ]


def test_a_single_session() -> None:
    """One session is told without windows that hold nothing, and without a comparison."""
    lines = answer(thread("07be-1", "2026-10-18T09:00", us=[2 * SECOND]))
    assert lines[0].startswith("tachlog 1.0 · 18 Oct 2026 · Europe/Vienna")
    assert lines[1].startswith("Claude Code 1 session  ")
    assert lines[3:9] == [
        "                   in all",
        "sessions                1",
        "tokens              1,000",
        "at API prices       $1.00",
        "error rate          0.0 %",
        "p95 model call      2.0 s",
    ]
    assert line_of(lines, "SESSION")
    assert line_of(lines, "07be").endswith("$1.00 100.0 %")
    assert not [line for line in lines if line.startswith(("COMPLEXITY", "ERRORS", "UNUSUAL"))]


def test_sessions_of_today_alone() -> None:
    """The first day of use has one column, called today."""
    lines = answer(thread("s1", "2026-11-20T08:00"), thread("s2", "2026-11-20T09:00"))
    assert lines[0].startswith("tachlog 1.0 · since 20 Nov (1 day) ·")
    assert lines[3].split() == ["today"]


def test_old_logs_say_when_they_end() -> None:
    """Where nothing happened for long, the columns are named after the last day."""
    lines = answer(thread("s1", "2025-12-18T09:00"), thread("s2", "2026-03-05T09:00"))
    assert lines[0].startswith("tachlog 1.0 · 18 Dec 2025 – 5 Mar 2026 ·")
    assert lines[3].split()[:8] == ["5", "Mar", "7", "days", "30", "days", "in", "all"]
    today = answer(thread("s1", "2026-03-05T07:00"), thread("s2", "2026-03-05T09:00"))
    assert today[0].startswith("tachlog 1.0 · 5 Mar 2026 ·")


def test_a_year_is_told_where_it_is_another() -> None:
    """Since when is told with its year, if that is not this one."""
    lines = answer(thread("s1", "2025-12-18T09:00"), thread("s2", "2026-11-19T09:00"))
    assert lines[0].startswith("tachlog 1.0 · since 18 Dec 2025 (338 days) ·")


def test_the_selection_is_told() -> None:
    """The filters stand in the first line, in words."""
    select = {"project": "shop", "agent": "claude_code", "paths": ("a", "b"), "model": MODEL}
    lines = answer(thread(), select=select, width=120)
    assert lines[0].startswith(
        f"tachlog 1.0 · 2 files, Claude Code, project shop, model {MODEL}, 18 Nov 2026 ·"
    )
    times = {"since_us": at("2026-11-17T23:00"), "until_us": at("2026-11-19T23:00")}
    lines = answer(thread(), select=times)
    assert lines[0].startswith(
        "tachlog 1.0 · begun since 18 Nov 00:00, begun before 20 Nov 00:00 ·"
    )
    assert lines[3].split() == ["in", "all"]


def test_nothing_has_a_price() -> None:
    """Without prices costs are dashes, the models are named, and tokens decide what is large."""
    calls = {f"glm-{n}": use(10 - n, cost=None) for n in range(5)}
    lines = answer(thread("s1", models=calls), thread("s2", models={"glm-0": use(cost=None)}))
    assert line_of(lines, "cost").split() == ["cost", "–"]
    assert line_of(lines, "LARGEST").split()[-2:] == ["tokens", "share"]
    assert "         no price: glm-0, glm-1, glm-2 and 2 more, 41.0 k tokens" in lines


def test_huge_figures_keep_their_columns() -> None:
    """Figures of a large company fit as well."""
    vast = use(3_000_000, cost=987_654_321 * DOLLAR, input=9 * 10**14, estimated=10**6)
    lines = answer(
        thread("s1", models={MODEL: vast}, minutes=10**6, us=[10**13]),
        thread("s2", tools={"Bash": tool(10**7, errors=10**6, us=[10**12])}),
    )
    assert line_of(lines, "tokens").split()[-2:] == ["900", "T"]
    assert line_of(lines, "at API").endswith("  $988 M")
    assert line_of(lines, "Bash").split()[1:5] == ["10.0", "M", "1.00", "M"]


def test_titles_of_any_script_keep_their_columns() -> None:
    """Wide characters take two columns and escape codes none: what follows stays in its place."""
    titles = [
        "請求書を新しい台帳に移行するためのとても長い題名",
        "\x1b[2Jclear \u202ethe screen",
        "plain",
    ]
    lines = answer(*(thread(f"{n}{n}{n}{n}", title=title) for n, title in enumerate(titles)))
    shown = [line for line in lines if re.match(r"(\d)\1{3} ", line)]
    assert len({fmt.cells(line) for line in shown}) == 1
    assert "請求書" in shown[0]
    assert "\x1b" not in "".join(lines)
    assert "\u202e" not in "".join(lines)


def test_a_session_without_a_title_is_told_by_where_it_was() -> None:
    """Project, branch and start stand in for the title."""
    lines = answer(thread("s1", title=None, branch="fix/checkout"))
    assert "shop · fix/checkout" in line_of(lines, "s1")


def test_approvals_are_told_apart_where_known() -> None:
    """Where some log tells waits for approval they are a share of their own, without a caveat."""
    split = TimeSplit(model=30 * SECOND, tool=50 * SECOND, approval=20 * SECOND)
    lines = answer(thread(time_split=split, tools={"Bash": tool()}))
    assert line_of(lines, "100 s").startswith(
        "100 s   model 30 % ██████████████▍  tools 50 % ████████████████████████  appr"
    )
    assert "idle" not in line_of(lines, "100 s")
    assert "tool times include waits" not in "".join(lines)


def test_a_session_of_no_length_has_no_time_to_split() -> None:
    """Sessions in which no time passed, and sub-agents alone, have no line of hours."""
    for alone in (thread(time_split=TimeSplit()), thread("s1/a", of="s1")):
        assert not [line for line in answer(alone) if "model 1" in line or "your next" in line]


def test_the_tools_that_matter_are_shown() -> None:
    """Six tools, chosen by calls, failures and time; the others together."""
    usage = {f"t{n}": tool(100 - n, us=[SECOND]) for n in range(9)}
    usage["flaky"] = tool(5, errors=4, classes={"network": 3, "timeout": 1})
    usage["slow"] = tool(1, us=[HOUR])
    lines = answer(thread(tools=usage))
    first = lines.index(line_of(lines, "TOOLS")) + 1
    assert [line.split()[0] for line in lines[first : first + 7]] == [
        *("t0", "t1", "t2", "t3", "flaky", "slow"),
        "5",
    ]
    assert line_of(lines, "flaky").endswith("network 3 · timeout 1")
    assert line_of(lines, "5 more").split()[2] == "470"
    assert "answered no" not in "".join(lines)


def test_seven_tools_are_all_shown() -> None:
    """A line for one more tool takes no more room than the tool."""
    lines = answer(thread(tools={f"t{n}": tool() for n in range(7)}))
    assert line_of(lines, "t6")
    assert not [line for line in lines if "more" in line]


def test_error_classes_that_do_not_fit_are_added_up() -> None:
    """As many classes as fit stand on the line, the others are one sum."""
    classes = {f"class_number_{n}": 10 - n for n in range(8)}
    line = line_of(answer(thread(errors=classes)), "ERRORS")
    assert line.startswith("ERRORS 52  class_number_0 10 · class_number_1 9 · ")
    assert line.endswith("4 more 18")


def test_what_a_tool_fails_with() -> None:
    """One text is told if it is half of the failures; a command is named, a file is not."""
    usage = {
        "Bash": tool(9, errors=4, classes={"network": 4}),
        "Read": tool(9, errors=4, category="file_read", classes={"not_found": 4}),
        "Edit": tool(9, errors=9, category="file_edit", classes={"edit_conflict": 9}),
    }
    lines = answer(
        thread(
            tools=usage,
            clusters=[
                ErrorCluster("network", 1, "Bash", "curl", 3, NOW, NOW, "refused"),
                ErrorCluster("not_found", 2, "Read", "a.py", 3, NOW, NOW, "no such file"),
                ErrorCluster("edit_conflict", 3, "Edit", "b.py", 4, NOW, NOW, "not there"),
            ],
        )
    )
    assert line_of(lines, "Bash").endswith("3 × curl: refused")
    assert line_of(lines, "Read").endswith("3 × no such file")
    assert line_of(lines, "Edit").endswith("edit_conflict 9")


def test_what_is_unusual_comes_from_different_sessions() -> None:
    """The most extreme of each kind, each once in a session, the latest on top."""

    def spike(seconds: int, when: str) -> Anomaly:
        times = (seconds * SECOND, SECOND, SECOND // 2)
        return Anomaly("response_time_spike", *times, start_us=at(when), about=MODEL)

    lines = answer(
        thread("aaaa", anomalies=[spike(90, "2026-11-18T10:00"), spike(80, "2026-11-18T11:00")]),
        thread("bbbb", project=None, anomalies=[spike(70, "2026-11-19T12:00")]),
        thread("cccc", anomalies=[Anomaly("loop", 4, 3, count=4, about="Bash")]),
        thread("dddd", anomalies=[spike(60, "2026-11-18T12:00")]),
    )
    first = lines.index(line_of(lines, "UNUSUAL"))
    assert [line[9:60].rstrip() for line in lines[first : first + 3]] == [
        "19 Nov 13:00  a model call of 70 s, 0.5 s on averag",
        "18 Nov 11:00  shop: a model call of 90 s, 0.5 s on",
        "              shop: the same Bash call 4 times",
    ]
    assert lines[first].endswith("  bbbb")


def test_an_error_cluster_without_a_text_names_its_class() -> None:
    """A text is quoted only if it belongs to the class and the time of the burst."""
    burst = Anomaly("error_cluster", 3, 3, start_us=NOW, end_us=NOW, count=3, about="network")
    other = ErrorCluster("timeout", 1, "Bash", None, 3, NOW, NOW, "too late")
    early = ErrorCluster("network", 2, "Bash", None, 3, NOW - DAY, NOW - DAY, "refused")
    line = line_of(answer(thread(anomalies=[burst], clusters=[other, early])), "UNUSUAL")
    assert "3 errors in 0.00 s, mostly network  " in line


def test_advice_takes_a_few_lines() -> None:
    """Long advice is cut after two lines, and what does not fit into five is left out."""
    threads = [thread(name) for name in ("s1", "s2", "s3")]
    failures = [
        Trace(
            *("claude_code", m.root, m.session_id, []),
            [
                TracedUse(
                    key=next(keys),
                    at_us=NOW,
                    tool=f"{'tool' * 30}{n}",
                    outcome="error",
                    error_class="network",
                    fingerprint=n,
                    excerpt="x" * 60,
                )
                for n in range(1, 5)
                for _ in range(5)
            ],
            *([], [], []),
        )
        for keys in (count(),)
        for m in threads
    ]
    lines = answer(*threads, traces=failures)
    first = lines.index(line_of(lines, "DO NEXT"))
    block = lines[first : lines.index("", first)]
    assert len(block) == 4
    assert [line[9:10] for line in block] == ["1", " ", "2", " "]
    assert block[1].endswith("…")


def test_records_of_unknown_kinds_are_named() -> None:
    """The kinds that no source knows are told with their counts, the most frequent first."""
    unknown = {"frame-link": 214, "b": 1, "c": 1, "d": 1}
    lines = render_answer(found(thread()), unknown=unknown).split("\n")
    told = "new record kinds: frame-link (214), b (1), c (1) and 1 more"
    assert f"         {told}" in lines


def test_where_every_record_went() -> None:
    """The equation of the records has only the parts that are not zero."""
    lines = answer(thread(), read=Input(files=1, records=1_002, parsed=1_000, problems=2))
    assert line_of(lines, "HOW SURE") == (
        "HOW SURE 1,002 records in 1 file = 1,000 read + 2 problems"
    )


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (ReadNowView(), "nothing new"),
        (ReadNowView(since="2026-11-20T07:12:00.000Z"), "nothing new since 08:12"),
        (ReadNowView(1, 2, 3, seconds=3.84), "3 records read in 3.8 s"),
        (ReadNowView(1, 2, 1, 1), "+1 session, 1 record read"),
    ],
)
def test_what_this_run_read(read: ReadNowView, told: str) -> None:
    """The second line says in a few words what was new."""
    assert answer(thread(), read_now=read)[1].endswith(f"  {told}")


def test_reported_costs_are_no_list_prices() -> None:
    """Costs from the log are not called API prices."""
    lines = answer(thread(models={MODEL: use(reported_cost_calls=1)}))
    assert line_of(lines, "cost").split() == ["cost", "$1.00"]


def short(*threads: SessionMetrics, alerts: list[Alert] | None = None, **asked: Any) -> list[str]:
    """Return the lines of the short answer."""
    return render_short(found(*threads, **asked), alerts=alerts).split("\n")


def test_five_lines() -> None:
    """Today, this week, the latest session, what fires, the best advice."""
    assert short(*team(), traces=failing(team())) == [
        "today    1 session · 22.0 k tokens · $4.01 · 5.5 % errors",
        "7 days   7 sessions · 155 k tokens · $29.07 · 5.4 % errors · list prices of 2026-11",
        "latest   Migrate invoices to the new ledger · shop · 80 min ago · tachlog show 0000",
        "alerts   fewer errors than usual this week",
        "advice   `npm test` (Bash) failed the same way 60 of 60 times in 30 sessions with “Error:"
        " connect E…",
    ]


def test_five_lines_without_much_to_say() -> None:
    """What is not known is left out, and nothing is invented."""
    assert short(thread(project=None), alerts=[]) == [
        "today    0 sessions · 0 tokens · $0.00",
        "7 days   1 session · 1,000 tokens · $1.00 · 0.0 % errors · list prices of 2026-11",
        "latest   Work on s1 · 2 days ago · tachlog show s1",
        "alerts   nothing fires",
        "advice   nothing to recommend",
    ]
    (line,) = short()
    assert line == "tachlog doctor says where logs were looked for, and what to do"
    assert short(thread(start=None))[0].startswith("latest   Work on s1 · shop · tachlog show s1")


def test_what_fires_is_told() -> None:
    """The first alert is told, the others are counted."""
    alert = Alert("high_error_rate", "warning", "Error rate at 20 %", {})
    assert "alerts   Error rate at 20 %" in short(thread(), alerts=[alert])
    assert "alerts   Error rate at 20 % (+1 more)" in short(thread(), alerts=[alert, alert])


@pytest.mark.parametrize(
    ("ago_us", "told"),
    [
        (10 * SECOND, "just now"),
        (90 * SECOND, "90 s ago"),
        (3 * HOUR, "3.0 h ago"),
        (3 * DAY, "3 days ago"),
    ],
)
def test_the_latest_session_says_how_long_ago(ago_us: int, told: str) -> None:
    """Seconds, minutes, hours, then days since the last thing that happened."""
    end = at("2026-11-18T09:10")
    assert f" · {told} · " in short(thread(), now_us=end + ago_us)[2]
