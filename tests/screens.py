"""Screens of the command: what each verb shows of two invented sessions.

`python tests/screens.py [NAME…]` writes `tests/screens/*.txt` anew from what the command shows now;
review every changed line before you commit it, since it is the test.
"""

import re
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from archives import as_session, assistant, jsonl, tool_result, tool_use, user
from tachlog.cli.calling import Caller
from tachlog.cli.running import run

SCREENS = Path(__file__).with_name("screens")
NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
MAIN = "a1b2c3d4-0000-4000-8000-000000000001"
FORK = "b7e80f11-0000-4000-8000-000000000002"
PRICES = """
[[price]]
model = "claude-opus-4-5*"
input_mtok = 5
output_mtok = 25
cache_read_mtok = 0.5
cache_write_mtok = 6.25
"""

NAMES: Mapping[str, tuple[str, ...]] = {
    "sessions": ("sessions",),
    "show": ("show", "a1b2"),
    "show-all": ("show", "a1b2", "--all"),
    "show-agent": ("show", f"{MAIN}/lint"),
    "explain": ("explain", "a1b2"),
    "explain-fork": ("explain", "b7e8"),
    "tools": ("tools",),
    "errors": ("errors",),
    "patterns": ("patterns",),
    "cost": ("cost",),
    "cost-tool": ("cost", "--by", "tool"),
    "cost-waste": ("cost", "--waste"),
    "cost-estimates": ("cost", "--estimates"),
    "trends": ("trends",),
    "doctor": ("doctor",),
    "budget": ("budget",),
    "report": ("report", "--week", "2026-W47"),
    "help": ("--help",),
    "help-analyze": ("analyze", "--help"),
}
"""The words of each screen."""


class Ran(tuple[int, str, str]):
    """Exit code, stdout and stderr of a run in this process."""

    @property
    def code(self) -> int:
        """The exit code."""
        return self[0]

    @property
    def out(self) -> str:
        """What was answered."""
        return self[1]

    @property
    def err(self) -> str:
        """What was told beside it."""
        return self[2]


class Desk:
    """A home with two sessions in it, and the command on a terminal of 100 columns."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.logs = home / ".claude" / "projects" / "-home-ana-shop"
        (home / "prices.toml").write_text(PRICES)
        (home / "config.toml").write_text('[prices]\nfile = "prices.toml"\n')
        self.environ = {
            "HOME": str(home),
            "TZ": "UTC",
            "COLUMNS": "100",
            "TACHLOG_CONFIG": str(home / "config.toml"),
        }

    def write(self) -> None:
        """Write the transcripts: a session with a sub-agent, and its fork."""
        told = main_session()
        jsonl(self.logs / f"{MAIN}.jsonl", told)
        jsonl(self.logs / MAIN / "subagents" / "agent-lint.jsonl", sub_agent())
        jsonl(self.logs / f"{FORK}.jsonl", fork(told))

    def run(self, *words: str, now: datetime = NOW, **environ: str) -> Ran:
        """Run the command in this process."""
        out, err = StringIO(), StringIO()
        now_us = round(now.timestamp()) * 1_000_000
        code = run(list(words), Caller({**self.environ, **environ}, now_us, out, err))
        return Ran((code, out.getvalue(), err.getvalue()))

    def screen(self, name: str) -> str:
        """What a verb shows, without what is different on each machine."""
        shown = self.run(*NAMES[name], COLUMNS="200" if name == "doctor" else "100")
        assert shown.code == 0, shown.err
        text = re.sub(r"\d+ kB", "100 kB", shown.out.replace(str(self.home), "HOME"))
        text = re.sub(r"read until [\d :-]+", "read until 2026-11-20 18:00 ", text)
        # Formats come and go: places without logs are those of agents that are not in the scene.
        return "".join(line for line in text.splitlines(True) if "  not there  " not in line)


def main_session() -> list[dict[str, object]]:
    """Two turns with a failing test, a missed edit, a wait, a compaction and a sub-agent."""
    day = "2026-11-18T09:"
    refused = "Exit code 1\nError: connect ECONNREFUSED 127.0.0.1:5432"
    return [
        user(MAIN, "u1", f"{day}00:00.000Z", "Fix the flaky checkout test"),
        assistant(
            MAIN,
            "r1",
            f"{day}00:05.000Z",
            "m1",
            stop=None,
            output=3,
            content=[{"type": "text", "text": "I am searching for the test."}],
        ),
        assistant(
            MAIN,
            "r2",
            f"{day}00:06.000Z",
            "m1",
            stop="tool_use",
            output=120,
            content=[tool_use("t1", "Bash", command="npm test")],
        ),
        tool_result(MAIN, "x1", f"{day}00:36.000Z", "t1", refused, error=True),
        assistant(
            MAIN,
            "r3",
            f"{day}00:40.000Z",
            "m2",
            stop="tool_use",
            content=[tool_use("t2", "Read", file_path="/home/ana/shop/checkout.test.js")],
        ),
        tool_result(MAIN, "x2", f"{day}00:41.000Z", "t2", "1\ttest('pays', …)"),
        assistant(
            MAIN,
            "r4",
            f"{day}00:50.000Z",
            "m3",
            stop="tool_use",
            content=[tool_use("t3", "Edit", file_path="/home/ana/shop/checkout.test.js")],
        ),
        tool_result(
            MAIN,
            "x3",
            f"{day}00:51.000Z",
            "t3",
            "<tool_use_error>String to replace not found in file.</tool_use_error>",
            error=True,
        ),
        assistant(MAIN, "r5", f"{day}01:00.000Z", "m4", output=400),
        {
            "type": "system",
            "subtype": "compact_boundary",
            "uuid": "c1",
            "sessionId": MAIN,
            "timestamp": f"{day}12:50.000Z",
            "content": "Conversation compacted",
            "compactMetadata": {"trigger": "manual", "preTokens": 150_000},
        },
        user(MAIN, "u2", f"{day}13:00.000Z", "Start the database, then run it again"),
        assistant(
            MAIN,
            "r6",
            f"{day}13:05.000Z",
            "m5",
            stop="tool_use",
            content=[tool_use("t4", "Task", subagent_type="lint", prompt="Lint it")],
        ),
        tool_result(MAIN, "x4", f"{day}13:45.000Z", "t4", "clean"),
        assistant(MAIN, "r7", f"{day}13:55.000Z", "m6", output=80),
    ]


def sub_agent() -> list[dict[str, object]]:
    """What the sub-agent did."""
    own = {"isSidechain": True, "agentId": "lint"}
    day = "2026-11-18T09:"
    return [
        user(MAIN, "s1", f"{day}13:06.000Z", "Lint it", **own),
        assistant(
            MAIN,
            "s2",
            f"{day}13:10.000Z",
            "n1",
            stop="tool_use",
            content=[tool_use("l1", "Bash", command="ruff check .")],
            **own,
        ),
        tool_result(MAIN, "s3", f"{day}13:30.000Z", "l1", "All checks passed!", **own),
        assistant(MAIN, "s4", f"{day}13:40.000Z", "n2", **own),
    ]


def fork(told: list[dict[str, object]]) -> list[dict[str, object]]:
    """The first turn again, as a resumed session copies it, and another second turn."""
    copied = as_session(told[:9], FORK)
    return [
        *copied,
        user(FORK, "v1", "2026-11-19T08:30:00.000Z", "Try without a database"),
        assistant(FORK, "v2", "2026-11-19T08:30:20.000Z", "p1", stop=None, output=2),
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        desk = Desk(Path(directory))
        desk.write()
        assert desk.run("analyze").code == 0
        for chosen in sys.argv[1:] or NAMES:
            (SCREENS / f"{chosen}.txt").write_text(desk.screen(chosen), encoding="utf-8")
