"""Turns text into facts: what failed, what is shown, what a tool call was about.

Text is seen once, in sources, and dropped there; what is not turned into a fact here is lost when
the agent deletes its logs. All of it is pure, never raises on any text, and is fast enough for any
record. The tables behind it are in `tachlog.data`.
"""

from __future__ import annotations

from tachlog.model import ErrorClass
from tachlog.signals.classify import Signals, configure, in_force
from tachlog.signals.exits import exit_code
from tachlog.signals.features import json_features, text_features
from tachlog.signals.targets import target
from tachlog.signals.wording import excerpt, fingerprint, title

__all__ = [
    "VERSION",
    "Signals",
    "behaviors",
    "configure",
    "error_class",
    "excerpt",
    "exit_code",
    "fingerprint",
    "json_features",
    "target",
    "text_features",
    "title",
]

VERSION = 1
"""The revision of these signals; rows carry it. Raised when the meaning of a signal changes."""


def error_class(
    text: str,
    *,
    status: int | None = None,
    error_type: str | None = None,
    exit_code: int | None = None,
    tool: bool = False,
) -> ErrorClass:
    """Return what an error was about, as `Signals.error_class` of this process says."""
    return in_force().error_class(
        text, status=status, error_type=error_type, exit_code=exit_code, tool=tool
    )


def behaviors(text: str) -> int:
    """Return what an assistant's words show: bit i for `BEHAVIORS[i]`."""
    return in_force().behaviors(text)
