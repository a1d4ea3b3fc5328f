"""Log formats of the user's own, by the installed command: configured, tried out, read."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from conftest import Run

RECORDS = [
    {"chat": "c1", "at": "2026-03-02T09:00:00Z", "who": "user", "said": "Where is my parcel?"},
    {"chat": "c1", "at": "2026-03-02T09:00:02Z", "who": "assistant", "in": 900, "out": 40},
    {"chat": "c1", "at": "2026-03-02T09:00:03Z", "tool": "parcel_status", "failed": "yes"},
    {"chat": "c2", "at": "2026-03-02T10:00:00Z", "who": "assistant", "in": 100, "out": 10},
]
COLUMNS = ("chat", "at", "who", "said", "in", "out", "tool", "failed", "shard")
FIELDS = """
[sources.mappings.fields]
session = "chat"
time = "at"
role = "who"
text = "said"
input_tokens = "in"
output_tokens = "out"
tool = "tool"
tool_error = "failed"
"""


def as_lines(directory: Path) -> str:
    """The records as JSON lines."""
    path = directory / "bot.jsonl"
    path.write_text("".join(json.dumps({**record, "shard": 3}) + "\n" for record in RECORDS))
    return str(path)


def as_csv(directory: Path) -> str:
    """The records as the rows of a CSV file."""
    path = directory / "bot.csv"
    rows = [",".join(str(record.get(name, "")) for name in COLUMNS) for record in RECORDS]
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    return str(path)


def as_table(directory: Path) -> str:
    """The records as the rows of an SQLite table."""
    path = directory / "bot.db"
    with closing(sqlite3.connect(path)) as connection:
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        connection.execute(f"CREATE TABLE runs (id INTEGER PRIMARY KEY, {names})")
        for record in RECORDS:
            connection.execute(
                f"INSERT INTO runs ({names}) VALUES ({', '.join('?' * len(COLUMNS))})",
                [record.get(name) for name in COLUMNS],
            )
        connection.commit()
    return f"sqlite:///{path}?table=runs"


def configure(home: Path, match: str, kind: str, more: str = "") -> dict[str, str]:
    """Write a configuration with one mapping; what makes the command read it."""
    path = home / "mine.toml"
    path.write_text(
        f'[[sources.mappings]]\nname = "parcels"\nmatch = "{match}"\nformat = "{kind}"\n'
        f"{more}{FIELDS}"
    )
    return {"TACHLOG_CONFIG": str(path)}


def figures(answer: str) -> dict[str, list[object]]:
    """What `analyze --json` tells of each session: agent, title, tokens, tools, error rate."""
    return {
        each["session_id"]: [
            each["agent"],
            each["title"],
            each["total_tokens"],
            each["tool_call_count"],
            each["error_rate"],
        ]
        for each in json.loads(answer)["sessions"]
    }


TRUTH = {
    "c1": ["parcels", "Where is my parcel?", 940, 1, 0.5],
    "c2": ["parcels", None, 110, 0, 0],
}


@pytest.mark.parametrize(
    ("write", "kind", "match"),
    [
        (as_lines, "jsonl", "*/bot.jsonl"),
        (as_csv, "csv", "bot.csv"),
        (as_table, "table", "sqlite://*?table=runs"),
    ],
)
def test_a_format_of_the_users_own_is_read_and_tried(
    write: Callable[[Path], str], kind: str, match: str, home: Path, tmp_path: Path, tachlog: Run
) -> None:
    """JSON lines, a CSV file and a table tell the same; `--try` says what stays unused of each."""
    env = configure(home, match, kind)
    path = write(tmp_path)
    assert figures(tachlog("analyze", path, "--json", env=env).stdout) == TRUTH
    trial = json.loads(tachlog("formats", "--try", path, "--json", env=env).stdout)
    assert (trial["source"], trial["parsed"], trial["problems"]) == ("mapping", 4, {})
    assert trial["sessions"] == ["c1", "c2"]
    assert (trial["unused"].get("shard"), trial["unused"].get("in")) == (
        (4, None) if kind == "jsonl" else (None, None)
    )
    shown = tachlog("formats", "--try", path, env=env).stdout
    assert "ToolResult outcome=error error_class=tool_error" in shown
    assert "4 parsed, 0 skipped, 0 problems" in shown


def test_a_mapping_reaches_worker_processes(home: Path, tmp_path: Path, tachlog: Run) -> None:
    """Enough bytes for several processes are read by the same mapping."""
    env = configure(home, "*/bot*.jsonl", "jsonl")
    for number in range(3):
        record = {"chat": f"c{number}", "at": "2026-03-02T09:00:00Z", "who": "assistant"}
        line = json.dumps({**record, "out": 10, "padding": "x" * (5 << 20)})
        (tmp_path / f"bot{number}.jsonl").write_text(line + "\n")
    found = figures(tachlog("analyze", tmp_path, "--jobs", "2", "--json", env=env).stdout)
    assert {name: row[:3] for name, row in found.items()} == {
        f"c{number}": ["parcels", None, 10] for number in range(3)
    }


def test_a_mapping_wins_over_the_formats_that_are_known(
    home: Path, tmp_path: Path, tachlog: Run
) -> None:
    """A file that looks like an AgentLog is read as the user says."""
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"session_id": "s", "log_timestamp": "2026-03-02T09:00:00Z", "chat": "c",'
        ' "at": "2026-03-02T09:00:00Z", "out": 7, "response_time": 5}\n'
    )
    plain = json.loads(tachlog("formats", "--try", path, "--json").stdout)
    assert plain["source"] == "agent_log"
    env = configure(home, "rows.jsonl", "jsonl")
    found = figures(tachlog("analyze", path, "--json", env=env).stdout)
    assert found == {"c": ["parcels", None, 7, 0, 0]}


def test_a_file_that_no_format_claims_cannot_be_tried(tmp_path: Path, tachlog: Run) -> None:
    """The answer says why, and the exit code that it was none."""
    path = tmp_path / "notes.txt"
    path.write_text("buy milk\n")
    ran = tachlog("formats", "--try", path, check=False)
    assert (ran.stdout, ran.code) == (f"{path}: no known log format\n", 1)
    ran = tachlog("formats", "--try", tmp_path / "none", check=False)
    assert (ran.stdout.count("none"), ran.code) == (1, 1)
