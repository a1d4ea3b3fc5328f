"""The traces that unlogged calls left in the archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tachlog.analysis.selection import Selection
from tachlog.analysis.unlogged import AGENT, SideCall
from tachlog.model import OUTCOMES
from tachlog.stores.database import Database
from tachlog.stores.reading import operations_filter

_TRANSCRIPT: Final = "/acompact-"
"""In the id of a thread whose log holds the compactions of its session."""

_SESSION: Final = (
    " CROSS JOIN threads t CROSS JOIN agent_telemetry_summaries s WHERE t.id = o.thread"
    f" AND s.thread = t.id AND t.agent = '{AGENT}' AND s.model IS NOT NULL"
)
"""Crossed, so that SQLite, which knows no better, begins with the operations: they are the few."""


def side_calls(
    database: Database, names: Mapping[int, str], selection: Selection
) -> list[SideCall]:
    """The selected compactions without a transcript, titles and web searches, each a call."""
    test, values = operations_filter(database, selection)
    found = [
        SideCall("compaction", model, provider, at_us, size)
        for model, provider, at_us, size in database.rows(
            "SELECT s.model, s.provider, o.at_us, o.tokens_before FROM compactions o"
            f"{_SESSION} AND NOT EXISTS (SELECT 1 FROM threads c WHERE c.root = t.root"
            f" AND c.agent = t.agent AND c.session_id LIKE '%{_TRANSCRIPT}%') AND {test}",
            values,
        )
    ]
    marked = "(SELECT thread, min(first_us) AS at_us FROM marks WHERE name = 'title.ai' GROUP BY 1)"
    found += [
        SideCall("title", model, provider, at_us)
        for model, provider, at_us in database.rows(
            f"SELECT s.model, s.provider, o.at_us FROM {marked} o{_SESSION} AND {test}", values
        )
    ]
    searching = [number for number, text in names.items() if text == "WebSearch"]
    found += [
        SideCall("web_search", model, provider, at_us, size)
        for number in searching
        for model, provider, at_us, size in database.rows(
            f"SELECT s.model, s.provider, o.at_us, o.output_bytes FROM tool_calls o{_SESSION}"
            f" AND o.tool = ? AND o.outcome = {OUTCOMES.index('success')} AND {test}",
            [number, *values],
        )
    ]
    return found
