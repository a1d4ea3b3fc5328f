"""Hand on what an agent's hook tells: run by the agent for each event, as a file of its own.

`python -I -S hand_on.py SPOOL AGENT` reads the event on standard input and appends one line of
facts to the spool: when, which session, which event, the name and id of the tool; nothing of what
was said or done. It loads nothing but four modules of Python, prints nothing and always ends with
0: an agent must not wait for it, nor fail because of it.
"""

import json
import os
import re
import sys
import time

MOST_BYTES = 1 << 20
"""A spool of so many bytes becomes the old one, whose place it takes."""

LONGEST = 200
WORD = re.compile(r"[A-Za-z_]{1,40}")
"""What a reason or kind of the agent's own vocabulary looks like."""


def fact_of(told: object, agent: str, at_us: int) -> dict[str, object] | None:
    """What is handed on of an event; None of what names no session."""
    if not isinstance(told, dict):
        return None

    def name(key: str) -> str | None:
        value = told.get(key)
        return value[:LONGEST] if isinstance(value, str) and value else None

    session, event = name("session_id"), name("hook_event_name")
    if session is None or event is None:
        return None
    kinds = (name("notification_type"), name("source"), name("reason"))
    kind = next((each for each in kinds if each), None)
    found = {
        "at_us": at_us,
        "agent": agent,
        "session": session,
        "event": event,
        "sub": name("agent_id"),
        "tool": name("tool_name"),
        "call": name("tool_use_id"),
        "kind": kind if kind and WORD.fullmatch(kind) else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def append(spool: str, fact: dict[str, object]) -> None:
    """Append a line to a spool that only its owner reads, and begin a new one where it is full."""
    line = json.dumps(fact, separators=(",", ":")).encode() + b"\n"
    file = os.open(spool, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line)
        mine = os.fstat(file)
    finally:
        os.close(file)
    if mine.st_size >= MOST_BYTES and os.stat(spool).st_ino == mine.st_ino:
        os.replace(spool, spool + ".1")


def main(words: list[str]) -> None:
    """Hand on one event, whatever happens."""
    try:
        at_us = time.time_ns() // 1000
        spool, agent = words
        fact = fact_of(json.load(sys.stdin.buffer), agent, at_us)
        if fact is not None:
            append(spool, fact)
    except Exception:  # noqa: BLE001 - whatever goes wrong here is no business of the agent
        return


if __name__ == "__main__":
    main(sys.argv[1:])
