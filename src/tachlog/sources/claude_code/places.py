"""Where and when a record of a Claude Code transcript stands: its thread and its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from tachlog.model import Thread

AGENT: Final = "claude_code"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@lru_cache(1 << 12)
def thread_of(session_id: str, agent_id: str | None, sidechain: bool) -> Thread:
    """The thread that a record belongs to: sub-agents' lines carry the session of their parent."""
    if agent_id:
        return Thread(AGENT, f"{session_id}/{agent_id}", session_id, session_id)
    if sidechain:
        return Thread(AGENT, f"{session_id}/sidechain", session_id, session_id)
    return Thread(AGENT, session_id, session_id)


def micros(time: datetime) -> int:
    """Microseconds since the epoch; a time without a zone is UTC."""
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return (time - _EPOCH) // _MICROSECOND
