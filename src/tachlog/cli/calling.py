"""Who calls: the environment, the clock, the streams and how wide and colourful they are."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from io import TextIOWrapper
from typing import NamedTuple, TextIO

WIDTH = 100
"""Columns of an answer where nothing says how wide the terminal is."""


class Misuse(Exception):
    """The command was called in a way that it does not understand; the message says what to do."""


class Unanswered(Exception):
    """Part of what was asked could not be done; the message says what, where and what to do."""


class Caller(NamedTuple):
    """What a verb may know of the world around it, so that tests can make their own."""

    environ: Mapping[str, str]
    now_us: int
    out: TextIO
    err: TextIO
    into: TextIO | None = None

    @property
    def width(self) -> int:
        """Columns of the terminal: `COLUMNS`, else its own size, else 100."""
        columns = self.environ.get("COLUMNS", "")
        if columns.isdecimal() and int(columns) > 0:
            return int(columns)
        try:
            return os.get_terminal_size(self.out.fileno()).columns or WIDTH
        except (OSError, ValueError):
            return WIDTH

    def has_color(self, wanted: str, refused: bool) -> bool:
        """Whether to colour: `wanted` is auto, always or never; `NO_COLOR` speaks for auto."""
        if refused or wanted == "never":
            return False
        if wanted == "always":
            return True
        plain = self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb"
        return self.out.isatty() and not plain


def this_caller() -> Caller:
    """The caller of this process; what its streams cannot write is told as `?`, never a fault."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    return Caller(os.environ, time.time_ns() // 1000, sys.stdout, sys.stderr, sys.stdin)
