"""A place where an agent can be run without seeing this machine, and where its logs become a case.

The agent is installed from its package into a directory of its own, then runs with a home made for
it, an environment that holds nothing of ours, and a network that has only loopback: the script
starts itself again in a network namespace before it runs anything.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrub import Scrub
from stub import Answer, Fault, Served, Silence, Stub

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
RECORDED_ON = "2026-11-22"
LONGEST_RUN_SECONDS = 120

_ALONE = "TACHLOG_RECORDING_ALONE"
_SET_FLAGS, _UP = 0x8914, 0x41
_SHOP = {
    "prices.py": "PRICES = {'tea': 3, 'jam': 5}\n\n\ndef total(names):\n"
    "    return sum(PRICES[name] for name in names)\n",
    "README.md": "# Shop\n\nA shop that sells tea and jam.\n",
}


def installed(
    manager: str, package: str, version: str, *beside: str, python: str = sys.executable
) -> Path:
    """The directory of a pinned package with all that it needs, installed if it is not there.

    `beside` names what the package needs and does not ask for, `python` who runs a Python package.
    """
    place = Path(tempfile.gettempdir(), "tachlog-record", f"{Path(package).name}-{version}")
    done = place / "installed"
    if not done.exists():
        place.mkdir(parents=True, exist_ok=True)
        if manager == "npm":
            command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run([*command, "--prefix", place, f"{package}@{version}"], check=True)
        else:
            subprocess.run([python, "-m", "venv", place], check=True)
            command = [f"{place}/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*command, f"{package}=={version}", *beside], check=True)
        done.touch()
    return place


def python_from(minor: int) -> str:
    """A Python 3 of this minor version or a newer one, for agents that want it."""
    for name in (sys.executable, *(f"python3.{newer}" for newer in range(minor, minor + 4))):
        asked = [name, "-c", f"import sys; sys.exit(sys.version_info < (3, {minor}))"]
        if shutil.which(name) and subprocess.run(asked, check=False).returncode == 0:
            return name
    sys.exit(f"Python 3.{minor} or newer is not on the path")


def only_loopback() -> None:
    """Go on in a network namespace whose only interface is loopback (Linux)."""
    if _ALONE not in os.environ:
        os.environ[_ALONE] = "1"
        alone = ["unshare", "--map-root-user", "--net", sys.executable, *sys.argv]
        os.execvp(alone[0], alone)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        fcntl.ioctl(plug, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))


@dataclass
class Ran:
    """What a run of the agent left behind."""

    stdout: str
    stderr: str
    code: int


class Place:
    """A home with a project, in a directory that is gone afterwards."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="tachlog-place-"))
        self.home = self.root / "home/ana"
        self.shop = self.home / "shop"
        self.shop.mkdir(parents=True)
        for name, text in _SHOP.items():
            (self.shop / name).write_text(text, encoding="utf-8")
        git = ["git", "init", "--quiet", "--initial-branch=main", "."]
        subprocess.run(git, cwd=self.shop, env=self.environment(), check=True)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.root)

    def environment(self, **more: str) -> dict[str, str]:
        """All that the agent sees of an environment."""
        kept = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
        temporary = self.root / "tmp"
        temporary.mkdir(exist_ok=True)
        mine = {"HOME": str(self.home), "TMPDIR": str(temporary), "USER": "ana"}
        nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
        return kept | mine | nowhere | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | more

    def run(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        interrupt: threading.Event | None = None,
        seconds: float = LONGEST_RUN_SECONDS,
    ) -> Ran:
        """Run the agent to its end; when `interrupt` is set, stop it as a person would, by ^C."""
        process = subprocess.Popen(
            command,
            cwd=self.shop,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        if interrupt is not None:
            threading.Thread(target=_interrupt, args=(process, interrupt), daemon=True).start()
        try:
            stdout, stderr = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            sys.exit(f"{command} was still running after {seconds} s:\n{stdout}\n{stderr}")
        return Ran(stdout, stderr, process.returncode)


def _interrupt(process: subprocess.Popen[str], when: threading.Event) -> None:
    if when.wait(LONGEST_RUN_SECONDS):
        process.send_signal(signal.SIGINT)


def billed(stub: Stub, *parts: str, unfinished: bool = False) -> dict[str, Any]:
    """What the model answered and billed, and how often it failed, in these parts of the script.

    Replies that fell silent count if `unfinished`; what they put out nobody knows, so that the
    output is left out.
    """
    lines = [one.line for one in stub.served if one.part in parts]
    answers = [line for line in lines if isinstance(line, Answer)]
    silent = [line for line in lines if isinstance(line, Silence) and unfinished]
    told = [line.usage for line in (*answers, *silent)]
    buckets = ["input", "cache_read", "cache_write"] + ([] if silent else ["output", "reasoning"])
    return {
        "model_calls": len(told),
        "tokens": {bucket: sum(getattr(usage, bucket) for usage in told) for bucket in buckets},
        "failures": sum(isinstance(line, Fault) for line in lines),
    }


def begun(told: dict[str, Any]) -> dict[str, Any]:
    """Figures with one reply more that began and told no usage; its output is estimated."""
    tokens = {name: told["tokens"][name] for name in ("input", "cache_read", "cache_write")}
    return told | {"model_calls": told["model_calls"] + 1, "tokens": tokens}


def check(stub: Stub) -> None:
    """Stop unless every line of the script was said, once, and no request went beyond it."""
    said = [(one.part, one.line) for one in stub.served]
    script = [(part, line) for part, lines in stub.script.items() for line in lines]
    if sorted(map(repr, said)) != sorted(map(repr, script)):
        sys.exit(f"the agent did not play the scenario:\n{shown(stub.served)}")


def shown(served: Sequence[Served]) -> str:
    """Who asked what, to look at while a scenario is written."""
    return "\n".join(f"{one.part:<10} {one.model:<24} {one.line}"[:160] for one in served)


def keep(
    case: Path,
    files: Mapping[str, bytes],
    scrub: Scrub,
    truth: Mapping[str, Any],
    notes: str,
) -> None:
    """Write a case anew: its files, scrubbed, the known truth, and how it was recorded."""
    shutil.rmtree(case, ignore_errors=True)
    case.mkdir(parents=True)
    for name, data in files.items():
        path = case / scrub.text(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(scrub.lines(data))
    told = json.dumps(truth, indent=1, ensure_ascii=False)
    (case / "truth.json").write_text(told + "\n", encoding="utf-8")
    (case / "RECORDED.md").write_text(notes, encoding="utf-8")


def collected(
    folder: Path, name: Callable[[Path], str | None] = lambda path: path.name
) -> dict[str, bytes]:
    """The files below a folder, under the names that `name` gives them, or not at all."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (kept := name(path)):
            found[kept] = path.read_bytes()
    return found
