"""How fast `tachlog analyze` reads logs, how much memory it takes, how soon commands answer.

Prints one JSON object. `python bench/analyze.py [LOGS …] [--runs N]`; without LOGS it reads the
real logs beside the checkout (`../shared/corpus/claude-code`) where they exist, else 100 MB of
example logs that it writes first. Each figure is the median of the runs with least and greatest;
memory is the greatest sum of the resident sizes of all processes, sampled every 5 ms in a run of
its own, since looking costs the run that is looked at; `pss` divides what processes share.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tachlog import __version__

ROOT = Path(__file__).resolve().parents[1]
REAL_LOGS = ROOT / "../shared/corpus/claude-code"
EXAMPLE_BYTES = 100_000_000
MANY_FILES = 10_000
COMMAND = Path(sysconfig.get_path("scripts")) / "tachlog"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(measured(options.logs, options.runs, Path(scratch)), indent=2))


def measured(logs: Sequence[Path], runs: int, scratch: Path) -> dict[str, object]:
    """All figures."""
    logs = logs or ([REAL_LOGS] if REAL_LOGS.exists() else [example_logs(scratch)])
    size = sum(size_of(path) for path in logs)
    paths = [str(path) for path in logs]
    archive = scratch / "archive.db"

    def stored() -> list[str]:
        for file in scratch.glob("archive.db*"):
            file.unlink()
        return ["analyze", "--json", "--db", str(archive), *paths]

    cold = times(lambda: ["analyze", "--json", "--no-store", *paths], runs, scratch)
    storing = times(stored, runs, scratch)
    return {
        "question": "cold and warm analyze",
        "tachlog": __version__,
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "logs": [path.name for path in logs],
        "megabytes": round(size / 1e6, 1),
        "cold_no_store": {**cold, **rate(size, cold)},
        "cold_storing": {**storing, **rate(size, storing)},
        "archive_share": round(archive.stat().st_size / size, 3),
        "warm": times(lambda: ["analyze", "--json", "--db", str(archive), *paths], runs, scratch),
        "warm_many_files": many_files(runs, scratch),
        "sessions": times(lambda: ["sessions", "--db", str(archive)], runs, scratch),
        "help": times(lambda: ["--help"], runs, scratch),
        "python_alone": times(None, runs, scratch),
    }


def many_files(runs: int, scratch: Path) -> dict[str, object]:
    """A run with nothing new among many small files, each a session of three model calls."""
    logs, archive = scratch / "many", scratch / "many.db"
    for number in range(MANY_FILES):
        directory = logs / f"p{number % 200}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"s{number}.jsonl").write_text(small_session(number))
    command = ["analyze", "--db", str(archive), str(logs)]
    first = once(lambda: command, scratch, watch=True)
    return {
        "files": MANY_FILES,
        "first": first,
        "answer": times(lambda: command, runs, scratch),
        "json": times(lambda: [*command, "--json"], runs, scratch),
        "sessions": times(lambda: ["sessions", "--db", str(archive)], runs, scratch),
    }


def small_session(number: int, calls: int = 3) -> str:
    """A session of a few model calls as AgentLog lines."""
    rows = (
        {
            "id": f"{number}-{call}",
            "session_id": f"s{number}",
            "provider": "anthropic",
            "model": "claude-sonnet-4-5",
            "log_timestamp": f"2026-11-{1 + number % 20:02}T10:{number % 60:02}:{call:02}Z",
            "structured_data": {"usage": {"input_tokens": 900, "output_tokens": 80}},
            "response_time": 1200,
        }
        for call in range(calls)
    )
    return "".join(json.dumps(row) + "\n" for row in rows)


def rate(size: int, figures: dict[str, float]) -> dict[str, float]:
    """Megabytes of log per second, start-up included."""
    return {"megabytes_per_second": round(size / 1e6 / figures["seconds"])}


def times(arguments: object, runs: int, scratch: Path) -> dict[str, float]:
    """Seconds of a command over several runs, after one that only its memory is taken of."""
    watched = once(arguments, scratch, watch=True)
    ran = [once(arguments, scratch) for _ in range(runs)]
    seconds = [each["seconds"] for each in ran]
    return {
        "seconds": round(statistics.median(seconds), 3),
        "least": round(min(seconds), 3),
        "greatest": round(max(seconds), 3),
        "least_cpu": round(min(each["cpu_seconds"] for each in ran), 3),
        "peak_megabytes": watched["peak_megabytes"],
        "peak_pss_megabytes": watched["peak_pss_megabytes"],
    }


def once(arguments: object, scratch: Path, *, watch: bool = False) -> dict[str, float]:
    """Seconds and processor time of one run; its memory too if it is watched."""
    command = (
        [str(COMMAND), *arguments()] if callable(arguments) else [sys.executable, "-c", "pass"]
    )
    environment = {
        **os.environ,
        "HOME": str(scratch),
        "XDG_DATA_HOME": str(scratch),
        "PYTHONDONTWRITEBYTECODE": "",  # users have compiled modules
        "PYTHONPYCACHEPREFIX": str(scratch / "compiled"),
    }
    resident = shared_out = looks = 0
    begun, used = time.perf_counter(), cpu_seconds()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        while watch and process.poll() is None:
            resident = max(resident, memory_bytes(process.pid))
            if looks % 10 == 0:
                shared_out = max(shared_out, memory_bytes(process.pid, pss=True))
            looks += 1
            time.sleep(0.005)
    if process.returncode != 0:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return {
        "seconds": round(time.perf_counter() - begun, 3),
        "cpu_seconds": round(cpu_seconds() - used, 3),
        "peak_megabytes": round(resident / 1e6, 1),
        "peak_pss_megabytes": round(shared_out / 1e6, 1),
    }


def cpu_seconds() -> float:
    """What ended children have used of processors, which other programs disturb less than time."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_bytes(pid: int, *, pss: bool = False) -> int:
    """Resident memory of a process and all below it.

    Pages that processes share count for each; with `pss` they are divided among them.
    """
    total = 0
    waiting = [pid]
    while waiting:
        number = waiting.pop()
        try:
            total += _pss(number) if pss else _resident(number)
            for task in Path(f"/proc/{number}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (OSError, IndexError):
            continue
    return total


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def _pss(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.split("\nPss:")[1].split()[0]) * 1024


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a directory."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def example_logs(scratch: Path) -> Path:
    """Example logs to read where there are no real ones."""
    from tachlog.demo import write_demo

    write_demo(scratch / "logs", size_bytes=EXAMPLE_BYTES)
    return scratch / "logs"


if __name__ == "__main__":
    main()
