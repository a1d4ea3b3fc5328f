"""What is told of each step of following."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from tachlog.sessions import Session
from tachlog.stores import Portion

ACTIVE_US = 5 * 60 * 1_000_000
"""A session is active when something happened in it so lately (as in `analysis.realtime`)."""


class Happened(Struct, frozen=True):
    """The last that happened in some session.

    `what` is `prompt`, `reply`, `error`, a tool, or `result` of a tool that was named before.
    """

    at_us: int
    agent: str
    session_id: str
    what: str


class Step(Struct, frozen=True):
    """What one step read into the archive; a step that read nothing tells that nothing was new.

    `at_us` is when it was in the archive, `seconds` how long the step took. `behind_ms` is how long
    before the oldest of it was written, None where nothing had just been written (a backlog, a
    quiet step). `sessions` are the threads that it tells of, `active_sessions` those main
    conversations in which something happened in the last five minutes. `backlog_files` and
    `backlog_bytes` are still to be read. `notes` tells by path what cannot be read or watched and
    why; `fault` why the archive could not be written: it is tried again.
    """

    at_us: int
    seconds: float
    files: int = 0
    bytes: int = 0
    records: int = 0
    problems: int = 0
    behind_ms: int | None = None
    sessions: tuple[str, ...] = ()
    active_sessions: int = 0
    last: Happened | None = None
    backlog_files: int = 0
    backlog_bytes: int = 0
    notes: dict[str, str] = {}
    fault: str | None = None


class Activity:
    """Which sessions are active, and what happened last."""

    def __init__(self) -> None:
        self.last: Happened | None = None
        self._active: dict[tuple[str, str], int] = {}

    def add(self, portions: Iterable[Portion]) -> None:
        """Take in what was read."""
        for portion in portions:
            for session in portion.sessions:
                happened = last_of(session)
                if happened is None:
                    continue
                root = (session.thread.agent, session.thread.root)
                self._active[root] = max(self._active.get(root, 0), happened.at_us)
                if self.last is None or happened.at_us >= self.last.at_us:
                    self.last = happened

    def active(self, now_us: int) -> int:
        """How many main conversations are active."""
        self._active = {
            root: at_us for root, at_us in self._active.items() if at_us > now_us - ACTIVE_US
        }
        return len(self._active)


def last_of(session: Session) -> Happened | None:
    """The last that a session's operations tell."""
    told = [(call.at_us, "reply") for call in session.calls.values()]
    told += [(use.end_us or use.at_us, use.tool or "result") for use in session.tools.values()]
    told += [(prompt.at_us, "prompt") for prompt in session.prompts.values()]
    told += [(failure.at_us, "error") for failure in session.failures.values()]
    if not told:
        return None
    at_us, what = max(told)
    return Happened(at_us, session.thread.agent, session.thread.session_id, what)
