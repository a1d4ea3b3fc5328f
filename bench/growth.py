"""How time and memory grow with the logs: from 0.1 GB to any size, and with a million tiny files.

Prints one JSON object. `python bench/growth.py [--gigabytes 0.1 1 10] [--files 10000 100000]
[--scratch DIR]`. Example logs (`tachlog demo`) of each size are read with everything stored, then
asked again with nothing new; so are so many files of one model call each. Memory is the greatest
sum of the resident sizes of all processes; `pss` divides the pages that they share.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
from pathlib import Path

import analyze

from tachlog import __version__
from tachlog.demo import write_demo


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", nargs="*", type=float, default=[0.1, 1.0])
    parser.add_argument("--files", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scratch", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        found = {
            "question": "how time and memory grow",
            "tachlog": __version__,
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "sizes": [of_size(each, options.runs, Path(scratch)) for each in options.gigabytes],
            "files": [of_files(each, options.runs, Path(scratch)) for each in options.files],
        }
    print(json.dumps(found, indent=2))


def of_size(gigabytes: float, runs: int, scratch: Path) -> dict[str, object]:
    """Example logs of one size."""
    logs = scratch / "logs"
    write_demo(logs, size_bytes=int(gigabytes * 1e9))
    size = analyze.size_of(logs)
    found = asked(logs, runs, scratch)
    first = found["first"]
    found |= {
        "gigabytes": round(size / 1e9, 3),
        "cpu_seconds_per_gigabyte": round(first["cpu_seconds"] / (size / 1e9), 2),
        "seconds_per_gigabyte": round(first["seconds"] / (size / 1e9), 2),
    }
    shutil.rmtree(logs)
    return found


def of_files(files: int, runs: int, scratch: Path) -> dict[str, object]:
    """Files of one model call each, a thousand to a directory."""
    logs = scratch / "tiny"
    for number in range(files):
        directory = logs / f"p{number // 1000}"
        if number % 1000 == 0:
            directory.mkdir(parents=True)
        (directory / f"s{number}.jsonl").write_text(analyze.small_session(number, calls=1))
    found = asked(logs, runs, scratch)
    found |= {"files": files, "cpu_us_per_file": round(found["first"]["cpu_seconds"] / files * 1e6)}
    shutil.rmtree(logs)
    return found


def asked(logs: Path, runs: int, scratch: Path) -> dict[str, dict[str, float]]:
    """The first reading, and what is asked of the archive after it."""
    archive = scratch / "archive.db"
    read = ["analyze", "--db", str(archive), str(logs)]
    questions = {
        "nothing_new": read,
        "sessions": ["sessions", "--db", str(archive)],
        "statusline": ["statusline", "--db", str(archive)],
        "help": ["--help"],
    }
    found = {"first": analyze.once(lambda: read, scratch, watch=True)}
    for name, words in questions.items():
        found[name] = analyze.times(lambda words=words: words, runs, scratch)
    for file in scratch.glob("archive.db*"):
        file.unlink()
    return found


if __name__ == "__main__":
    main()
