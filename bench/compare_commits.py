"""How two commits differ in speed: each question is asked of both in turns, in the same minutes.

Prints one JSON object: for each question the median seconds of processor time of both commits and
their ratio (below 1: the second is faster), with the least and the greatest ratio of the rounds.
`python bench/compare_commits.py A B [LOGS …] [--rounds N]`; without LOGS it reads 30 MB of example
logs. Both run with the packages of this interpreter; an archive of each is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE_BYTES = 30_000_000
EXAMPLES = """
import sys
from pathlib import Path
from tachlog.demo import write_demo
write_demo(Path(sys.argv[1]), size_bytes=int(sys.argv[2]))
"""


class Commit:
    """The package as it was at a commit, laid out in a directory with an archive beside it."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.source = directory / "src"
        self.archive = directory / "archive.db"
        packed = subprocess.run(
            ["git", "-C", ROOT, "archive", name, "src"], check=True, stdout=subprocess.PIPE
        )
        with tarfile.open(fileobj=BytesIO(packed.stdout)) as tree:
            tree.extractall(directory, filter="data")

    def run(self, *arguments: str) -> float:
        """Seconds of processor time that a Python program takes, workers included."""
        before = _processor_seconds()
        subprocess.run(
            [sys.executable, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": str(self.source),
                "HOME": str(self.source.parent),
                "PYTHONDONTWRITEBYTECODE": "",  # users have compiled modules
            },
        )
        return _processor_seconds() - before

    def ask(self, question: str, logs: Sequence[str]) -> float:
        """Seconds of processor time that a question takes."""
        kept = ["--db", str(self.archive)]
        if question == "cold_storing":
            for file in self.archive.parent.glob("archive.db*"):
                file.unlink()
        arguments = {
            "cold_no_store": ["analyze", "--no-store", *logs],
            "cold_storing": ["analyze", *kept, *logs],
            "warm": ["analyze", *kept, *logs],
            "warm_json": ["analyze", "--json", *kept, *logs],
            "sessions": ["sessions", *kept],
            "help": ["--help"],
        }[question]
        return self.run("-m", "tachlog", *arguments)


QUESTIONS = ("cold_no_store", "cold_storing", "warm", "warm_json", "sessions", "help")
"""In this order: those that read an archive follow the one that fills it."""


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("logs", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        commits = []
        for place, name in (("a", options.a), ("b", options.b)):
            directory = Path(scratch, place)
            directory.mkdir()
            commits.append(Commit(name, directory))
        logs = [str(path.absolute()) for path in options.logs]
        if not logs:
            logs = [str(Path(scratch, "logs"))]
            commits[1].run("-c", EXAMPLES, logs[0], str(EXAMPLE_BYTES))
        print(json.dumps(compared(commits, logs, options.rounds), indent=2))


def compared(commits: Sequence[Commit], logs: Sequence[str], rounds: int) -> dict[str, object]:
    """All figures; one round before them is not counted."""
    seconds: dict[str, list[tuple[float, float]]] = {question: [] for question in QUESTIONS}
    for number in range(rounds + 1):
        for question in QUESTIONS:
            pair = commits if number % 2 else commits[::-1]
            took = {commit.name: commit.ask(question, logs) for commit in pair}
            if number:
                seconds[question].append((took[commits[0].name], took[commits[1].name]))
    return {
        "question": "two commits compared",
        "a": commits[0].name,
        "b": commits[1].name,
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "rounds": rounds,
        **{question: figures(pairs) for question, pairs in seconds.items()},
    }


def figures(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """The medians of both and of their ratio."""
    ratios = [b / a for a, b in pairs]
    return {
        "a": round(statistics.median(a for a, _ in pairs), 3),
        "b": round(statistics.median(b for _, b in pairs), 3),
        "ratio": round(statistics.median(ratios), 3),
        "least": round(min(ratios), 3),
        "greatest": round(max(ratios), 3),
    }


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
