"""The hooks in an agent's settings: put in, found, taken out.

All agents here have them alike: `hooks` of a JSON file, an object of events, each a list of groups
with an optional `matcher` and a list of commands (`hooks.agents` cites where that is told).
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from typing import Any, Final, NamedTuple

from tachlog.hooks import hand_on
from tachlog.hooks.agents import Agent
from tachlog.hooks.editing import (
    NotEditable,
    Piece,
    added,
    member,
    parsed,
    pieces,
    start,
    taken_out,
)

OURS: Final = re.compile(r"tachlog[/\\]+hooks[/\\]+hand_on\.py")
"""How a command of ours is known, whichever installation it is of."""


class Found(NamedTuple):
    """One of our hooks in a text: its event and the command."""

    event: str
    command: str


def command_of(agent: Agent, spool: str, python: str = sys.executable) -> str:
    """What the agent's shell runs: it is silent and never fails, even when tachlog is gone.

    A Python that does not find its file ends with 2, by which a hook forbids what is to be done.
    """
    words = [python, "-I", "-S", os.path.abspath(hand_on.__file__), spool, agent.key]
    return f"{shlex.join(words)} 2>/dev/null || true"


def group_of(agent: Agent, event: str, command: str) -> dict[str, Any]:
    """What stands in the settings for an event.

    An agent that need not wait for it (`async`) does so at the end: it would be gone before the
    hook.
    """
    hook: dict[str, Any] = {"type": "command", "command": command, "timeout": agent.timeout}
    if agent.async_ and event != "SessionEnd":
        hook["async"] = True
    matcher = agent.events[event]
    return {"matcher": matcher, "hooks": [hook]} if matcher else {"hooks": [hook]}


def found_in(text: str) -> list[Found]:
    """Our hooks in a text, in its order; raises `NotEditable`."""
    hooks = parsed(text).get("hooks")
    if not isinstance(hooks, dict):
        return []
    return [
        Found(event, command)
        for event, groups in hooks.items()
        for group in (groups if isinstance(groups, list) else [])
        if (command := _ours(group)) is not None
    ]


def _ours(group: object) -> str | None:
    """The command of a group that has ours and nothing else."""
    hooks = group.get("hooks") if isinstance(group, dict) else None
    if not isinstance(hooks, list) or len(hooks) != 1 or not isinstance(hooks[0], dict):
        return None
    command = hooks[0].get("command")
    return command if isinstance(command, str) and OURS.search(command) else None


def with_hooks(agent: Agent, text: str, command: str) -> str:
    """A text with our hooks, once each, with this command; the same text where it has them."""
    told = parsed(text)
    hooks = told.get("hooks", {})
    if not isinstance(hooks, dict) or not all(isinstance(each, list) for each in hooks.values()):
        raise NotEditable("its `hooks` are no object of lists")
    wanted = {event: group_of(agent, event, command) for event in agent.events}
    there = {
        event: [group for group in groups if _ours(group)]
        for event, groups in hooks.items()
        if any(_ours(group) for group in groups)
    }
    if there == {event: [group] for event, group in wanted.items()}:
        return text
    text = without_hooks(text)
    if member(text, start(text), "hooks") is None:
        return added(text, start(text), "hooks", {e: [g] for e, g in wanted.items()}, 1)
    for event, group in wanted.items():
        place = _member(text, start(text), "hooks").value_at
        known = member(text, place, event)
        if known is None:
            text = added(text, place, event, [group], 2)
        else:
            text = added(text, known.value_at, None, group, 3)
    return text


def without_hooks(text: str) -> str:
    """A text without our hooks, and without the lists and the object that they leave empty."""
    for each in found_in(text):
        hooks = _member(text, start(text), "hooks")
        event = _member(text, hooks.value_at, each.event)
        groups = parsed(text)["hooks"][each.event]
        place = next(place for place, group in enumerate(groups) if _ours(group))
        if len(groups) > 1:
            text = taken_out(text, event.value_at, pieces(text, event.value_at)[place])
        elif len(pieces(text, hooks.value_at)) > 1:
            text = taken_out(text, hooks.value_at, event)
        else:
            text = taken_out(text, start(text), hooks)
    return text


def _member(text: str, at: int, key: str) -> Piece:
    found = member(text, at, key)
    assert found is not None
    return found
