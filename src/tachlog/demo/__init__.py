"""Writes example logs of an invented team, alike for the same seed, and knows what they hold.

`write_demo` makes Claude Code transcripts of six versions below `claude/projects/` and AgentLog
rows below `agent-logs/`: errors, retries, sub-agents, forks, loops, spikes, compactions, over five
weeks. Some sessions are always told (`stories`); ordinary ones fill up to the size.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from tachlog.demo.agent_log import RowLog, planted_sessions, some_session
from tachlog.demo.dice import Dice
from tachlog.demo.hours import Calendar
from tachlog.demo.ordinary import some_transcripts
from tachlog.demo.stories import STORIES, planted_secret
from tachlog.demo.truth import Truth
from tachlog.demo.writing import Output

__all__ = ["DEFAULT_SIZE", "LEAST_SIZE", "UNTIL", "Truth", "write_demo"]

UNTIL = datetime(2026, 11, 20, 18, tzinfo=UTC)
DEFAULT_SIZE = 3_500_000
LEAST_SIZE = 3_000_000


def write_demo(
    directory: Path, *, seed: int = 7, size_bytes: int | None = None, until: datetime | None = None
) -> Truth:
    """Write example logs into `directory` and return what they hold.

    The five weeks end at `until` (a time with a zone, else 2026-11-20 18:00 UTC). All files
    together have about `size_bytes` (else 3.5 MB). Raises ValueError below `LEAST_SIZE`, which the
    sessions that are always told need.
    """
    size = DEFAULT_SIZE if size_bytes is None else size_bytes
    if size < LEAST_SIZE:
        raise ValueError(f"size_bytes is {size}, but must be at least {LEAST_SIZE}")
    calendar = Calendar((until or UNTIL).astimezone(UTC))
    output = Output(directory)
    row_ids = count(100_001)

    def row_log(desk: str, start_ms: int, model: int | None) -> RowLog:
        dice = Dice(f"{seed}/rows/{desk}/{start_ms}")
        return RowLog(desk, dice, lambda: next(row_ids), start_ms, model)

    for story in STORIES:
        for session in story(Dice(f"{seed}/{story.__name__}"), calendar):
            output.transcript(session)
    days = [calendar.workday(ago, 10, 12 * ago) for ago in (1, 3, 4, 6, 8)]
    for log in planted_sessions(row_log, days):
        output.rows(log)

    for number in count():
        left = size - output.bytes
        if left < size // 100:
            break
        dice = Dice(f"{seed}/ordinary/{number}")
        if dice.chance(0.2):
            output.rows(some_session(row_log("support-desk", calendar.some_time(dice), None)))
        else:
            for session in some_transcripts(dice, calendar, left):
                output.transcript(session)
    return output.truth(seed, calendar.until, planted_secret())
