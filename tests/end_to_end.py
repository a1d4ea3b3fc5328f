"""What tests of the installed command share: logs to break, its answer, starting it."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archives import assistant, user
from conftest import Ran

COMMAND = Path(sysconfig.get_path("scripts")) / "tachlog"
SESSION = "bad00001"
PASSING = ("generated_at", "read_now")
"""Parts of an answer that say when it was given, and what was new then."""


def lines(session: str = SESSION) -> list[bytes]:
    """A session of two prompts with their replies, of 1,160 and 1,180 tokens, as a log's lines."""
    records = [
        user(session, f"{session}-1", "2026-11-18T09:00:00Z", "Hi"),
        assistant(session, f"{session}-2", "2026-11-18T09:00:05Z", f"{session}-a"),
        user(session, f"{session}-3", "2026-11-18T09:01:00Z", "Again"),
        assistant(session, f"{session}-4", "2026-11-18T09:01:05Z", f"{session}-b", output=70),
    ]
    return [json.dumps(record).encode() + b"\n" for record in records]


def answer(ran: Ran) -> dict[str, Any]:
    """What `analyze --json` printed; fails where records are not all accounted for."""
    found: dict[str, Any] = json.loads(ran.stdout)
    for each in (found["input"], *found["input"]["by_source"].values()):
        assert each["records"] == sum(
            each[part] for part in ("parsed", "duplicates", "skipped", "problems")
        )
    return found


def lasting(ran: Ran) -> dict[str, Any]:
    """An answer without what differs from run to run."""
    return {name: value for name, value in answer(ran).items() if name not in PASSING}


def start(*words: str | Path, **options: Any) -> subprocess.Popen[str]:
    """Start the command in a process group of its own, in the home of the test."""
    return subprocess.Popen(
        [COMMAND, *words],
        cwd=os.environ["HOME"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        **options,
    )


def ended(process: subprocess.Popen[str]) -> Ran:
    """Wait for a command that was started."""
    stdout, stderr = process.communicate(timeout=120)
    return Ran(stdout, stderr, process.returncode)


def children(process: subprocess.Popen[str]) -> list[int]:
    """The processes that a running command has started itself (Linux)."""
    try:
        return [int(n) for n in _children(process.pid).read_text().split()]
    except OSError:
        return []


def _children(pid: int) -> Path:
    return Path(f"/proc/{pid}/task/{pid}/children")


def files_below(directory: Path) -> Mapping[str, bytes]:
    """Every file below a directory with its content."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }
