"""What the sources tell of files, added up, to be held against a second count."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tachlog.engines.work import chunks_of
from tachlog.frames import head
from tachlog.model import Reading
from tachlog.sessions import Sessions, fold
from tachlog.sources import detect


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, also in directories whose names begin with a dot."""
    return sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names)


def read_all(paths: Iterable[Path], source: str) -> tuple[list[Reading], Sessions]:
    """What a source makes of files, each of which it must claim, and the sessions it tells."""
    readings: list[Reading] = []
    sessions: Sessions = {}
    for path in paths:
        start = head(str(path))
        found = detect(str(path), start)
        assert found is not None, path
        assert found.name == source, path
        state = found.state()
        for chunk in chunks_of(found, found.frame(str(path), start), str(path)):
            reading = found.read(chunk, state)
            fold(reading.events, sessions)
            readings.append(reading)
    return readings, sessions


def totals(sessions: Sessions) -> Counter[str]:
    """The figures of all sessions together; what several tell, such as copies, counts once."""
    total: Counter[str] = Counter()
    total["sessions"] = sum(not thread.sidechain for thread in sessions)
    total["threads"] = len(sessions)
    for kind in ("prompts", "failures", "compactions", "calls"):
        total[kind] = len({key for session in sessions.values() for key in getattr(session, kind)})
    calls = {key: call for session in sessions.values() for key, call in session.calls.items()}
    uses = {key: use for session in sessions.values() for key, use in session.tools.items()}
    for call in calls.values():
        total["cost_nanousd"] += call.cost_nanousd or 0
        if call.usage is not None:
            total["with_usage"] += 1
            total["input"] += call.usage.input
            total["cache_read"] += call.usage.cache_read
            total["cache_write"] += call.usage.cache_write
            total["output"] += call.usage.output
            total["reasoning"] += call.usage.reasoning or 0
    for use in uses.values():
        total["tools"] += use.tool is not None
        total[use.reported] += 1
        total["timed"] += use.duration_ms is not None
        if use.exit_code is not None:
            total["exit 0" if use.exit_code == 0 else "exit not 0"] += 1
    return total


def unread(readings: Iterable[Reading]) -> dict[str, int]:
    """What was not understood: unknown kinds, and problems by kind."""
    found: Counter[str] = Counter()
    for reading in readings:
        found.update(reading.unknown)
        found.update(problem.kind for problem in reading.problems)
    return dict(found)
