"""What a session does now where its agent's hooks tell it: exact, and the log fills the rest.

Hooks say when a tool begins and ends, when permission is asked for, when a turn and a session end.
None says that a person has answered: Claude Code 2.1.330 reminds the person six seconds after it
asked, so that a question without a reminder was answered, and a call goes on (docs/hooks.md).
"""

from __future__ import annotations

from typing import Final

from tachlog.analysis.states import (
    STALLED_US,
    State,
    StateKind,
    Usual,
    last_of,
    moment_of,
    open_calls,
    spell,
    state_of,
)
from tachlog.data import asks_person
from tachlog.hooks.facts import Asking, Hooked
from tachlog.operations import ToolUse
from tachlog.sessions import Session

REMINDED_US: Final = 15_000_000
"""Who has not answered for so long was reminded."""

REMIND: Final = frozenset({"claude_code"})
"""Agents that remind a person who was asked; of the others nothing tells that one has answered."""

SLACK_US: Final = 200_000
"""So much later a record may be written than the hook told of the same."""


def state_now(
    session: Session, now_us: int, usual: Usual, kind: str, heard: Hooked | None
) -> State | None:
    """The state of a thread: by its hooks as far as they tell it, else as `state_of` says.

    `heard` is what hooks told of it; what the log tells later than that is believed more.
    """
    state = state_of(session, now_us, usual, kind)
    if heard is None or state is None or state.kind == "ended" or heard.at_us > now_us + SLACK_US:
        return state
    calls = open_calls(session)
    if heard.asking and _is_pending(heard.asking, session, calls, now_us):
        return _asks(heard.asking, calls)
    stops = [span.last_us for span in session.marks.get("interrupted", {}).values()]
    last = last_of(session)
    logged_us = max([moment_of(last) if last else 0, *stops])
    if logged_us > heard.at_us + SLACK_US:
        return state
    return _told(heard, state, calls, now_us, usual, kind)


def _is_pending(asking: Asking, session: Session, calls: list[ToolUse], now_us: int) -> bool:
    """Whether a person is still asked, for all that is known: the log tells an end after that."""
    is_reminded = session.thread.agent in REMIND
    if is_reminded and asking.reminded_us is None and now_us - asking.at_us > REMINDED_US:
        return False
    own = [use for use in session.tools.values() if asking.tool in (None, use.tool)]
    if any(use in calls and use.at_us <= asking.at_us + SLACK_US for use in own):
        return True
    return all(use.end_us is None or use.end_us < asking.at_us for use in own)


def _asks(asking: Asking, calls: list[ToolUse]) -> State:
    own = [use for use in calls if asking.tool in (None, use.tool)]
    tool = asking.tool or (own[0].tool if own else None)
    target = own[0].target.name if own and own[0].target else None
    if tool is not None and asks_person(tool):
        return _exact("waiting_prompt", asking.at_us, f"{tool} asks", tool, target)
    what = "it asked for permission, and of the answer no hook tells"
    return _exact("waiting_approval", asking.at_us, what, tool, target)


def _told(
    heard: Hooked, state: State, calls: list[ToolUse], now_us: int, usual: Usual, kind: str
) -> State:
    """The state after the last thing that hooks told."""
    after_turn: StateKind = "waiting_prompt" if kind == "interactive" else "ended"
    if heard.event == "SessionEnd":
        return _exact("ended", heard.at_us, "its session was closed")
    if heard.event in ("Stop", "StopFailure"):
        how = "ended" if heard.event == "Stop" else "failed"
        return _exact(after_turn, heard.at_us, f"its turn {how}")
    if heard.event in ("SessionStart", "Notification"):
        is_asked = kind == "interactive"
        return _exact(after_turn, heard.at_us, "it waits for a prompt") if is_asked else state
    if not heard.open:
        if now_us - heard.at_us > max(STALLED_US, usual.response_us or 0):
            return state
        return _exact("model", heard.at_us, "the model is to answer")
    tool, since_us = min(heard.open.values(), key=lambda begun: begun[1])
    if asks_person(tool):
        return _exact("waiting_prompt", since_us, f"{tool} asks", tool)
    target = next((use.target.name for use in calls if use.tool == tool and use.target), None)
    running_us = now_us - since_us
    if running_us > max(STALLED_US, usual.tools.get(tool, 0)):
        return _exact("stalled", since_us, f"{tool} runs for {spell(running_us)}", tool, target)
    return _exact("tool", since_us, f"{tool} runs", tool, target)


def _exact(
    kind: StateKind, since_us: int, what: str, tool: str | None = None, target: str | None = None
) -> State:
    return State(kind, since_us, f"{what}: exact (hook)", tool, target, is_exact=True)
