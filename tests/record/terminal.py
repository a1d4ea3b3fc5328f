"""An agent at a terminal, driven by keys, and what is noted of it while it is watched."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

ESCAPES = re.compile(r"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b[\]PX^_].*?(\x07|\x1b\\)")


class Terminal:
    """The agent at a terminal of its own; what it shows is kept as text."""

    def __init__(self, cwd: Path, command: list[str | Path], environment: dict[str, str]) -> None:
        self.shown = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(command[0], [str(word) for word in command], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))

    def wait(self, until: Callable[[], bool], seconds: float = 40) -> None:
        """Take what it shows until something is so."""
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                sys.exit(f"the agent did not come so far; its screen:\n{self.shown[-3000:]}")
            if select.select([self.fd], [], [], 0.05)[0]:
                told = os.read(self.fd, 65536).decode("utf-8", "replace")
                self.shown += ESCAPES.sub(" ", told)

    def pause(self, seconds: float) -> None:
        """Let time go by."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end, seconds + 5)

    def wait_for(self, text: str) -> None:
        """Wait until a text is shown anew."""
        begun = len(self.shown)
        self.wait(lambda: text in re.sub(r"\s+", "", self.shown[begun:]))

    def press(self, keys: str, then: str = "") -> None:
        """Press keys, and after a moment another."""
        os.write(self.fd, keys.encode())
        self.pause(0.6)
        if then:
            os.write(self.fd, then.encode())

    def press_last(self, keys: str, seconds: float = 20) -> None:
        """Press keys that end the agent; waits until it is gone, and for what it tells then."""
        os.write(self.fd, keys.encode())
        end = time.monotonic() + seconds
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                sys.exit("the agent did not end")
            if select.select([self.fd], [], [], 0.05)[0]:
                with suppress(OSError):
                    os.read(self.fd, 65536)
        time.sleep(1)


class Truth:
    """What a session does, noted while it is watched.

    With each moment goes how many lines its `logs` had then, by their names.
    """

    def __init__(self, logs: Callable[[], dict[str, bytes]] | None = None) -> None:
        self.moments: list[dict[str, Any]] = []
        self._logs = logs

    def note(
        self, session: str, state: str, tool: str | None = None, *, hooks: bool = True
    ) -> None:
        """Note what is so now."""
        told = {"at_us": time.time_ns() // 1000, "session": session, "state": state, "tool": tool}
        if self._logs is not None:
            told["lines"] = {name: data.count(b"\n") for name, data in self._logs().items()}
        self.moments.append({**told, "hooks": hooks})
