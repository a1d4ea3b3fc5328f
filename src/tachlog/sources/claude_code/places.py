"""The session and thread that a record of a Claude Code transcript belongs to."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePath
from typing import Final

from tachlog.model import Thread

AGENT: Final = "claude_code"


@lru_cache(1 << 12)
def thread_of(session_id: str, agent_id: str | None, sidechain: bool) -> Thread:
    """The thread that a record belongs to: sub-agents' lines carry the session of their parent."""
    if agent_id:
        return Thread(AGENT, f"{session_id}/{agent_id}", session_id, session_id)
    if sidechain:
        return Thread(AGENT, f"{session_id}/sidechain", session_id, session_id)
    return Thread(AGENT, session_id, session_id)


def session_of(path: str) -> str:
    """The session that a transcript's file is named by (measured: true of every main file)."""
    return PurePath(path).name.partition(".")[0]
