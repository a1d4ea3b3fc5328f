"""Sessions in lists: page by page, next to each other, and by what their ids begin with."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from tachlog.analysis.selection import Place, Selection
from tachlog.metrics import SessionMetrics
from tachlog.stores.database import Database
from tachlog.stores.reading import threads_filter
from tachlog.stores.summaries import metrics_of

_START: Final = "coalesce(s.start_us, 0)"
_PLACE: Final = f"({_START}, s.session_id, s.agent)"


def page(
    database: Database, selection: Selection, most: int, after: Place | None
) -> tuple[list[SessionMetrics], int]:
    """The threads of a page of sessions, the newest first, and how many sessions there are.

    A session stands where its main conversation does, without one where its first thread does.
    """
    test, values = threads_filter(database, selection, by_start=True)
    of = test.replace("s.", "r.")
    before = f"{_PLACE} < (?, ?, ?) AND " if after else ""
    heads = database.rows(
        f"SELECT s.root, s.agent FROM agent_telemetry_summaries s WHERE {before}{test}"
        " AND (s.session_id = s.root OR NOT EXISTS (SELECT 1 FROM agent_telemetry_summaries r"
        " WHERE r.root = s.root AND r.agent = s.agent AND (r.session_id = r.root"
        " OR (r.start_us IS NULL, coalesce(r.start_us, 0), r.session_id)"
        f" < (s.start_us IS NULL, {_START}, s.session_id)) AND {of}))"
        f" ORDER BY {_START} DESC, s.session_id DESC, s.agent DESC LIMIT {most}",
        [*(after or ()), *values, *values],
    )
    found = [
        row
        for root, agent in heads
        for row in database.rows(
            f"SELECT s.metrics FROM agent_telemetry_summaries s"
            f" WHERE s.root = ? AND s.agent = ? AND {test}"
            " ORDER BY s.start_us IS NULL, s.start_us, s.session_id",
            [root, agent, *values],
        )
    ]
    return [metrics_of(blob) for (blob,) in found], _number(database, selection, test, values)


def _number(database: Database, selection: Selection, test: str, values: list[Any]) -> int:
    """How many sessions are selected; the totals know of all, and of those of an agent."""
    if selection == Selection(agent=selection.agent):
        of = test.replace("s.", "")
        asked = f"SELECT coalesce(sum(sessions), 0) FROM session_totals WHERE {of}"
    else:
        each = "SELECT DISTINCT s.root, s.agent FROM agent_telemetry_summaries s"
        asked = f"SELECT count(*) FROM ({each} WHERE {test}) found"
    ((number,),) = database.rows(asked, values)
    return int(number)


def neighbours(database: Database, session_ids: Collection[str]) -> set[str]:
    """Of each main conversation the ids next to its own, before and behind it."""
    found: set[str] = set()
    for session_id in session_ids:
        for side, order in (("<", "DESC"), (">", "ASC")):
            found |= {
                near
                for (near,) in database.rows(
                    f"SELECT session_id FROM agent_telemetry_summaries WHERE session_id {side} ?"
                    f" AND session_id = root ORDER BY session_id {order} LIMIT 1",
                    (session_id,),
                )
            }
    return found


def find(database: Database, prefix: str) -> list[str]:
    """Session ids that begin with the prefix, or whose last part does."""
    pattern = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return [
        session_id
        for (session_id,) in database.rows(
            "SELECT session_id FROM agent_telemetry_summaries"
            " WHERE session_id LIKE ? ESCAPE '\\' OR session_id LIKE ? ESCAPE '\\'"
            " ORDER BY length(session_id), session_id",
            (pattern, f"%/{pattern}"),
        )
    ]
