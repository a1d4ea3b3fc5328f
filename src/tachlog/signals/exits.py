"""Finds the exit code that an agent wrote into a tool's result."""

from __future__ import annotations

import re

_HEAD = 400  # characters in which an agent tells the exit code before the output
_TAIL = 200  # and after it

# Claude Code and others begin with it; Codex tells it in its header, Copilot CLI, pi, OpenHands and
# Gemini CLI behind the output (seen in their logs of 2025 and 2026).
_AT_START = re.compile(r"(?:<tool_use_error>)?(?:Error: )?Exit code:? (-?\d{1,9})\b")
_IN_HEADER = re.compile(r"(?:^|\n)(?:Process exited with code|Exit code:) (-?\d{1,9})\b")
_AT_END = re.compile(
    r"(?:Command exited with code |completed with exit code |command completed with exit code "
    r"|exited with exit code |Command failed with exit code |Exit Code: )(-?\d{1,9})\b"
)


def exit_code(text: str) -> int | None:
    """Return the exit code that an agent wrote into a tool's result; None when there is none."""
    found = _AT_START.match(text)
    if found is None:
        if "xit" not in text:
            return None
        head = text[:_HEAD]
        found = _IN_HEADER.search(head)
        if found is None:
            found = max(_AT_END.finditer(text[-_TAIL:]), key=re.Match.start, default=None)
    return int(found[1]) if found is not None else None
