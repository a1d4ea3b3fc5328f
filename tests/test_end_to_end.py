"""The whole way through the installed command, from logs whose truth is known to the answer."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from end_to_end import COMMAND, answer, files_below, lasting, lines
from tachlog.demo import Truth, write_demo
from tachlog.demo.truth import SessionTruth

Demo = tuple[Path, Truth]

WATCH = """
import os, sys
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
STARTS = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"}
told = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def hook(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (
        os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND)
    if writes or event in CHANGES or event in STARTS or event.startswith("socket."):
        os.write(told, f"{event} {arguments[0]}\\n".encode())
sys.addaudithook(hook)
"""
"""A `sitecustomize` that notes what a program writes, starts, or asks of the network."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Give the example logs, which no test changes, and what they hold."""
    directory = tmp_path_factory.mktemp("demo")
    return directory, write_demo(directory)


def expected(truth: SessionTruth) -> dict[str, Any]:
    """The figures of a thread by what was counted while it was written."""
    figures = truth.figures
    errors = Counter(figures.tool_errors) + Counter(figures.failures)
    return {
        "parent_session_id": truth.parent_session_id,
        "start": truth.start_time,
        "end": truth.end_time,
        "message_count": figures.message_count,
        "prompts": figures.prompts,
        "model_calls": figures.model_calls,
        "models": figures.models,
        "failures": sum(figures.failures.values()),
        "retries": figures.retries,
        "compactions": figures.compactions,
        "error_breakdown": dict(errors),
        "input": figures.tokens.input,
        "cache_read": figures.tokens.cache_read,
        "cache_write": figures.tokens.cache_write,
        "reported_output": figures.tokens.output,
        "reasoning": figures.tokens.reasoning,
        "tools": {
            name: {
                "count": tool.calls,
                "success_count": tool.success + tool.expected_negative + tool.check_failed,
                "error_count": tool.error,
                "expected_negative": tool.expected_negative,
                "check_failed": tool.check_failed,
                "user_rejected": tool.rejected,
                "user_interrupted": tool.interrupted,
                "unfinished": tool.unfinished,
            }
            for name, tool in figures.tools.items()
        },
        "loops": sorted(loop.calls for loop in truth.loops),
    }


def told(session: dict[str, Any]) -> dict[str, Any]:
    """The same figures as the command tells them."""
    tokens = session["tokens"]
    return {
        "parent_session_id": session["parent_session_id"],
        "start": moment(session["start_time"]),
        "end": moment(session["end_time"]),
        **{
            name: session[name]
            for name in (
                "message_count",
                "prompts",
                "model_calls",
                "failures",
                "retries",
                "error_breakdown",
            )
        },
        "models": {name: model["calls"] for name, model in session["models"].items()},
        "compactions": session["context"]["compactions"],
        "input": tokens["input"],
        "cache_read": tokens["cache_read"],
        "cache_write": tokens["cache_write"],
        "reported_output": tokens["output"] - tokens["estimated"],
        "reasoning": tokens["reasoning"] or 0,
        "tools": {
            name: {
                key: tool[key]
                for key in (
                    "count",
                    "success_count",
                    "error_count",
                    "expected_negative",
                    "check_failed",
                    "user_rejected",
                    "user_interrupted",
                    "unfinished",
                )
            }
            for name, tool in session["tool_usage"].items()
        },
        "loops": sorted(anomaly["count"] for anomaly in anomalies(session, "loop")),
    }


def moment(text: str | None) -> datetime | None:
    """A time of an answer."""
    return None if text is None else datetime.fromisoformat(text)


def anomalies(session: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The unusual things of one kind in a session."""
    return [each for each in session["patterns"]["anomalies"] if each["type"] == kind]


def test_the_answer_is_the_truth(tachlog: Run, demo: Demo) -> None:
    """Every figure of every session is what was counted while the logs were written."""
    directory, truth = demo
    assert truth.sessions is not None
    sessions = {
        s["session_id"]: s for s in answer(tachlog("analyze", directory, "--json"))["sessions"]
    }
    assert sessions.keys() == {session.session_id for session in truth.sessions}
    for session in truth.sessions:
        assert told(sessions[session.session_id]) == expected(session), session.session_id


def test_what_was_planted_is_found(tachlog: Run, demo: Demo) -> None:
    """Spikes, clusters of errors and loops are told in their session, at their time."""
    directory, truth = demo
    assert truth.sessions is not None
    sessions = {
        s["session_id"]: s for s in answer(tachlog("analyze", directory, "--json"))["sessions"]
    }
    planted = Counter[str]()
    for session in truth.sessions:
        found = sessions[session.session_id]
        for spike in session.spikes:
            ends = [moment(each["end"]) for each in anomalies(found, "response_time_spike")]
            assert spike.at in ends
        for cluster in session.clusters:
            assert [
                each
                for each in anomalies(found, "error_cluster")
                if each["count"] >= cluster.count
                and datetime.fromisoformat(each["start"]) < cluster.end
                and datetime.fromisoformat(each["end"]) > cluster.start
            ]
        planted.update(spike=len(session.spikes), cluster=len(session.clusters))
    assert planted["spike"]
    assert planted["cluster"]


def test_the_totals_are_the_truth(tachlog: Run, demo: Demo) -> None:
    """Sessions, threads, records, copies and sums are those of the logs."""
    directory, truth = demo
    found = answer(tachlog("analyze", directory, "--json"))
    totals, figures = found["totals"], truth.totals
    assert (totals["sessions"], totals["threads"]) == (truth.session_count, truth.thread_count)
    for name in ("message_count", "model_calls", "retries"):
        assert totals[name] == getattr(figures, name), name
    assert totals["failures"] == sum(figures.failures.values())
    assert totals["tool_call_count"] == sum(tool.calls for tool in figures.tools.values())
    assert totals["tokens"]["output"] - totals["tokens"]["estimated"] == figures.tokens.output
    read = found["input"]
    assert read["files"] == truth.files
    assert read["records"] == truth.records + truth.damaged_lines
    assert (read["skipped"], read["problems"]) == (truth.meaningless, truth.damaged_lines)
    assert 0 < read["duplicates"] <= truth.copies
    assert truth.planted_secret not in json.dumps(found)


def test_copied_calls_count_for_their_owner_alone(tachlog: Run, demo: Demo) -> None:
    """A fork owns what came after the copies; the session that it was copied from the rest."""
    directory, truth = demo
    assert truth.forks
    assert truth.sessions is not None
    sessions = {
        s["session_id"]: s for s in answer(tachlog("analyze", directory, "--json"))["sessions"]
    }
    calls = {s.session_id: s.figures.model_calls for s in truth.sessions}
    for fork in truth.forks:
        assert fork.copied_calls
        for session in (fork.session_id, fork.owner):
            assert sessions[session]["model_calls"] == calls[session]


def test_a_second_run_tells_the_same_and_what_was_new(tachlog: Run, demo: Demo) -> None:
    """Only the line on what was read now differs; the archive did not change."""
    directory, _ = demo
    first, second = (tachlog("analyze", directory) for _ in range(2))
    assert re.search(r"\+37 sessions, 2,571 records read in ", first.stdout)
    assert "nothing new since" in second.stdout
    assert second.stdout.splitlines()[2:] == first.stdout.splitlines()[2:]
    one, two = (tachlog("analyze", directory, "--json") for _ in range(2))
    assert lasting(one) == lasting(two)
    assert answer(two)["read_now"]["records"] == 0


def test_any_order_gives_the_same_answer(tachlog: Run, demo: Demo, home: Path) -> None:
    """Files one by one, backwards, each in a run of its own: the answer of reading all at once."""
    directory, _ = demo
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    once = lasting(tachlog("analyze", directory, "--json", "--db", "once.db"))
    for part in (files[::-2], files[-2::-2]):
        for begin in range(0, len(part), 7):
            tachlog("analyze", *part[begin : begin + 7], "--db", "parts.db")
    assert lasting(tachlog("analyze", directory, "--json", "--db", "parts.db")) == once


def test_a_copied_file_changes_no_figure(tachlog: Run, demo: Demo, tmp_path: Path) -> None:
    """A file under another name adds duplicates and nothing else."""
    directory, _ = demo
    logs = tmp_path / "logs"
    shutil.copytree(directory, logs)
    before = lasting(tachlog("analyze", logs, "--json"))
    path = max(logs.rglob("*.jsonl"), key=lambda each: each.stat().st_size)
    shutil.copy(path, path.with_name("again.jsonl"))
    after = lasting(tachlog("analyze", logs, "--json"))
    for name in ("sessions", "totals", "patterns"):
        assert after[name] == before[name]
    assert after["input"]["parsed"] == before["input"]["parsed"]
    assert after["input"]["duplicates"] > before["input"]["duplicates"]


def test_an_appended_line_is_read_on(tachlog: Run, tmp_path: Path) -> None:
    """A log read while it grew gives the answer of the whole log; only the new is read."""
    whole, grown = tmp_path / "log.jsonl", tmp_path / "grown/log.jsonl"
    records = lines()
    whole.write_bytes(b"".join(records))
    grown.parent.mkdir()
    for number in range(len(records)):
        with grown.open("ab") as file:
            file.write(records[number])
        read = answer(tachlog("analyze", grown, "--json"))["read_now"]
        assert (read["records"], read["bytes"]) == (1, len(records[number]))
    at_once = lasting(tachlog("analyze", whole, "--json", "--no-store"))
    in_parts = lasting(tachlog("analyze", grown, "--json"))
    assert at_once.pop("selection") != in_parts.pop("selection")
    assert in_parts == at_once


@pytest.mark.parametrize("words", [["--no-store"], []], ids=["no-store", "archive"])
def test_only_the_archive_is_written(
    tachlog: Run, demo: Demo, home: Path, tmp_path: Path, words: list[str]
) -> None:
    """No network, no other program, no file beside the archive; with --no-store none at all."""
    directory, _ = demo
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    watched = tmp_path / "told.txt"
    environ = {
        "WATCHED": str(watched),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    }
    before = files_below(directory)
    tachlog("analyze", directory, *words, "--jobs", "1", env=environ)
    tachlog("sessions", *words[:0], env=environ, check=not words)
    ours = [line for line in watched.read_text().splitlines() if ".coverage" not in line]
    archive = home / ".local/share/tachlog"
    assert [line for line in ours if str(archive.parents[1]) not in line] == []
    assert files_below(directory) == before
    kept = {path.split("/tachlog.db")[0] for path in files_below(home)}
    assert kept == (set() if words else {".local/share/tachlog"})


def on_terminal(*words: str | Path, env: dict[str, str] | None = None) -> tuple[str, str]:
    """Run the command with a terminal for stdout and another for stderr; what each was shown."""
    (out, out_end), (err, err_end) = pty.openpty(), pty.openpty()
    with subprocess.Popen(
        [COMMAND, *words],
        stdin=subprocess.DEVNULL,
        stdout=out_end,
        stderr=err_end,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **(env or {})},
    ) as process:
        os.close(out_end)
        os.close(err_end)
        shown = {out: b"", err: b""}
        waiting = [out, err]
        while waiting:
            for end in select.select(waiting, [], [], 60)[0]:
                try:
                    data = os.read(end, 65_536)
                except OSError:
                    data = b""
                shown[end] += data
                if not data:
                    waiting.remove(end)
    os.close(out)
    os.close(err)
    assert process.returncode == 0
    return shown[out].decode().replace("\r\n", "\n"), shown[err].decode()


def test_the_answer_fits_a_terminal(tachlog: Run, demo: Demo) -> None:
    """At most 45 lines of 100 columns, coloured; with NO_COLOR the same without colours."""
    directory, _ = demo
    tachlog("analyze", directory)
    coloured, _ = on_terminal("analyze", directory)
    plain, _ = on_terminal("analyze", directory, env={"NO_COLOR": "1"})
    assert "\x1b[" in coloured
    assert "\x1b" not in plain
    rows = plain.splitlines()
    assert len(rows) <= 45
    assert max(map(len, rows)) <= 100
    uncoloured = re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines()
    assert uncoloured[2:] == rows[2:]
    assert tachlog("analyze", directory).stdout.splitlines()[2:] == rows[2:]


def test_progress_is_drawn_on_a_terminal_only(tachlog: Run, tmp_path: Path) -> None:
    """A long run shows a bar on a terminal's stderr and takes it away; elsewhere nothing."""
    logs = tmp_path / "logs"
    write_demo(logs, size_bytes=9_000_000)
    answered, drawn = on_terminal("analyze", logs, "--no-store")
    assert "reading logs" in drawn
    assert "reading logs" not in answered
    assert tachlog("analyze", logs, "--no-store").stderr == ""
    tachlog("analyze", logs)
    assert on_terminal("analyze", logs)[1] == ""


def test_alone_it_prints_five_lines(tachlog: Run, demo: Demo) -> None:
    """`tachlog` tells today, the week, the latest, what fires, the best advice."""
    directory, _ = demo
    tachlog("analyze", directory)
    shown = tachlog().stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["today", "7", "latest", "alerts", "advice"]
    assert max(map(len, shown)) <= 100


def test_an_archive_may_be_called_anything(tachlog: Run, demo: Demo, home: Path) -> None:
    """Spaces, quotes, percent signs and letters of any script in a path are taken as they are."""
    directory, _ = demo
    archive = home / "mein Archiv %20 ’日本’ #1?" / "täch log.db"
    tachlog("analyze", directory, "--db", archive)
    assert archive.is_file()
    assert len(json.loads(tachlog("sessions", "--db", archive, "--json").stdout)) == 37
    by_url = tachlog("sessions", "--db", f"sqlite:///{archive}", "--json")
    assert len(json.loads(by_url.stdout)) == 37
    assert [path.name for path in home.iterdir()] == [archive.parent.name]


def test_logs_may_be_called_anything(tachlog: Run, home: Path) -> None:
    """So are paths of logs, and what they are called does not reach the shell or the terminal."""
    log = home / "a b" / "Ünï $(touch x) \x1b[31m.jsonl"
    log.parent.mkdir()
    log.write_bytes(b"".join(lines()))
    assert len(answer(tachlog("analyze", log, "--json"))["sessions"]) == 1
    odd = log.with_name("\x1b[31mempty.jsonl")
    odd.touch()
    assert "\x1b" not in tachlog("analyze", odd, check=False).stderr
    assert "\x1b" not in tachlog("analyze", f"{odd}x", check=False).stderr
    for words in (
        ["analyze", str(log)],
        ["doctor", "--all"],
        ["show", "bad0"],
        ["explain", "bad0"],
    ):
        assert "\x1b" not in tachlog(*words).stdout


def test_what_rows_say_does_not_steer_the_terminal(tachlog: Run, home: Path) -> None:
    """Ids and names of AgentLog rows may hold anything; no control character is shown."""
    red = "\x1b[31mred"
    row = {
        "id": 1,
        "session_id": red,
        "provider": red,
        "model": red,
        "log_timestamp": "2026-11-18T09:00:00Z",
        "structured_data": {"payload": {"content": red}, "usage": {"output_tokens": 5}},
        "tool_calls": {"name": red, "input": {}, "content": red, "is_error": True},
        "response_time": 100,
    }
    log = home / "rows.jsonl"
    log.write_text(json.dumps(row) + "\n")
    for words in (["analyze", str(log)], ["sessions"], ["tools"], ["errors"], ["patterns"], []):
        assert "\x1b" not in tachlog(*words).stdout
    for verb in ("show", "explain"):
        assert "[31mred" in tachlog(verb, red).stdout
        assert "\x1b" not in tachlog(verb, red).stdout


def test_without_logs_the_examples_are_shown(tachlog: Run, home: Path) -> None:
    """What `make run` does on a bare machine: the examples, said to be such, alike twice."""
    first, second = (tachlog("analyze", "--or-demo") for _ in range(2))
    assert f"no agent logs on this machine: these are the example logs in {home}" in first.stderr
    assert second.stdout.splitlines()[2:] == first.stdout.splitlines()[2:]
    assert not (home / ".local").exists()
    makefile = Path(__file__).resolve().parents[1] / "Makefile"
    assert "tachlog analyze --or-demo $(LOGS)" in makefile.read_text()
