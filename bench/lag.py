"""How soon what agents write is in the archive while `tachlog watch` runs.

Prints one JSON object. `python bench/lag.py [--sessions N] [--rates R …] [--seconds S]`: live
session files, each with a history, are appended to in turn at each rate (events a second in all).
Lag is from the write of a line until a reader of the archive, who looks every 20 ms, finds that the
file was read beyond it. `written_late_ms` is how far the writer itself came late.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sysconfig
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from tachlog import __version__

COMMAND = Path(sysconfig.get_path("scripts")) / "tachlog"
LOOK_S = 0.02
PATIENCE_S = 60


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--history", type=int, default=100)
    parser.add_argument("--rates", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    found = {
        "question": "write to visible while tachlog watch runs",
        "tachlog": __version__,
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "sessions": given.sessions,
        "history": given.history,
        "rates": [
            at_rate(given.sessions, given.history, rate, given.seconds) for rate in given.rates
        ],
    }
    print(json.dumps(found, indent=2))


def at_rate(sessions: int, history: int, rate: int, seconds: float) -> dict[str, Any]:
    """The lag at one rate of events a second."""
    with tempfile.TemporaryDirectory() as scratch:
        logs, archive = Path(scratch, "logs"), Path(scratch, "archive.db")
        logs.mkdir()
        writer = Writer(logs, sessions)
        for _ in range(history * sessions):
            writer.write()
        command = [COMMAND, "watch", logs, "--json", "--db", archive]
        before = processor_seconds()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as watching:
            try:
                lags, late = measured(writer, archive, rate, seconds)
                watching.terminate()
                watching.wait(PATIENCE_S)
            finally:
                watching.kill()
        spent = processor_seconds() - before
    cuts = statistics.quantiles(lags, n=100)
    return {
        "events_per_second": rate,
        "events": len(lags),
        "p50_ms": round(cuts[49] * 1000),
        "p95_ms": round(cuts[94] * 1000),
        "p99_ms": round(cuts[98] * 1000),
        "greatest_ms": round(max(lags) * 1000),
        "written_late_ms": round(late * 1000),
        "processor_seconds": round(spent, 1),
    }


def processor_seconds() -> float:
    """What processes that ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(writer: Writer, archive: Path, rate: int, seconds: float) -> tuple[list[float], float]:
    """The lag of each event, and how far the writing came late at most."""
    until = time.monotonic() + PATIENCE_S
    while writer.waiting:
        if archive.exists():
            writer.seen(archive)
        if time.monotonic() > until:
            raise SystemExit("the history was never read")
        time.sleep(0.1)
    lags: list[float] = []
    late = 0.0
    written = 0
    looked = begun = time.monotonic()
    while written < rate * seconds or writer.waiting:
        now = time.monotonic()
        if now > begun + seconds + PATIENCE_S:
            raise SystemExit(f"{len(writer.waiting)} files were never read to their end")
        due = min(int((now - begun) * rate), int(rate * seconds))
        if written < due:
            late = max(late, now - begun - written / rate)
        for _ in range(due - written):
            writer.write()
        written = due
        if now - looked >= LOOK_S:
            looked = now
            lags += writer.seen(archive)
        time.sleep(0.002)
    return lags, late


class Writer:
    """Sessions that grow in turn, and the lines that the archive has not read yet."""

    def __init__(self, logs: Path, sessions: int) -> None:
        self.paths = [logs / f"session-{number}.jsonl" for number in range(sessions)]
        self.sizes = {str(path): 0 for path in self.paths}
        self.waiting: dict[str, deque[tuple[int, float]]] = {}
        self._lines = events(sessions)

    def write(self) -> None:
        """Append the next event."""
        number, line = next(self._lines)
        path = str(self.paths[number])
        with open(path, "ab", buffering=0) as file:
            file.write(line)
        self.sizes[path] += len(line)
        told = (self.sizes[path], time.monotonic())
        self.waiting.setdefault(path, deque()).append(told)

    def seen(self, archive: Path) -> list[float]:
        """The lags of events that are in the archive now and were not before."""
        with closing(sqlite3.connect(f"{archive.as_uri()}?mode=ro", uri=True, timeout=1)) as reader:
            try:
                offsets = reader.execute('SELECT path, "offset" FROM files').fetchall()
            except sqlite3.OperationalError:  # it is being made
                offsets = []
        now = time.monotonic()
        lags = []
        for path, offset in offsets:
            lines = self.waiting.get(path, deque())
            while lines and lines[0][0] <= offset:
                lags.append(now - lines.popleft()[1])
            if not lines:
                self.waiting.pop(path, None)
        return lags


def events(sessions: int) -> Iterator[tuple[int, bytes]]:
    """Events of sessions in turn: a prompt now and then, calls with tools and their results."""
    for turn in count():
        for number in range(sessions):
            yield number, (json.dumps(event(f"session-{number}", turn)) + "\n").encode()


def event(session: str, turn: int) -> dict[str, Any]:
    """One line as Claude Code writes it."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    call = f"toolu_{session}_{turn // 2}"
    told: dict[str, Any] = {
        "uuid": f"{session}-{turn}",
        "sessionId": session,
        "cwd": "/home/ana/shop",
        "version": "2.1.219",
        "gitBranch": "main",
        "isSidechain": False,
        "timestamp": at,
    }
    if turn % 2:
        block = {"type": "tool_result", "tool_use_id": call, "content": "line of output\n" * 60}
        return told | {"type": "user", "message": {"role": "user", "content": [block]}}
    if turn % 20 == 0:
        return told | {"type": "user", "message": {"role": "user", "content": "Go on, please."}}
    text = {"type": "text", "text": "I shall look at the next file and then run the tests. " * 8}
    tool = {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": "make test"}}
    usage = {"input_tokens": 12, "output_tokens": 210, "cache_read_input_tokens": 40_000 + turn}
    message = {
        "id": f"msg_{session}_{turn}",
        "model": "claude-opus-4-5-20251101",
        "role": "assistant",
        "type": "message",
        "stop_reason": "tool_use",
        "content": [text, tool],
        "usage": usage,
    }
    return told | {"type": "assistant", "requestId": f"req_{session}_{turn}", "message": message}


if __name__ == "__main__":
    main()
