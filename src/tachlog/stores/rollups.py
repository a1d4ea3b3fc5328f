"""What quarter hours and their totals answer: what happened when, by which tool, at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tachlog.analysis.selection import By, Quarter, Selection, Shifts, Spending
from tachlog.metrics import Sketch, ToolStats
from tachlog.stores import periods, reading, spending, tools
from tachlog.stores.database import Database


class Rollups:
    """What an archive answers without reading sessions again."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def names(self) -> dict[int, str]:
        """The names of models, tools and the like by their numbers."""
        return dict(self.database.rows("SELECT id, text FROM names"))

    def quarters(self, selection: Selection) -> list[Quarter]:
        """What happened when, by quarter hour and model."""
        with self.database.snapshot():
            return periods.quarters(self.database, self.names(), selection)

    def hours(self, selection: Selection) -> list[Quarter]:
        """What happened in each hour (UTC), under its first quarter hour, of all models."""
        with self.database.snapshot():
            return periods.hours(self.database, selection)

    def deleted_before_us(self) -> int | None:
        """The time before which operations were deleted, the latest; None where all are there."""
        return periods.deleted_before_us(self.database)

    def tools_between(self, selection: Selection, edges: Sequence[int]) -> Mapping[int, set[str]]:
        """The tools that were called between each two moments, by the first of them."""
        with self.database.snapshot():
            return periods.tools_between(self.database, self.names(), selection, edges)

    def tool_stats(self, selection: Selection) -> dict[str, ToolStats]:
        """What each tool did in the selected sessions."""
        with self.database.snapshot():
            return tools.tool_stats(self.database, self.names(), selection)

    def busy_windows(self, since_us: int, until_us: int, window_us: int) -> int:
        """How many windows, from one edge to another, have model calls with tokens."""
        return periods.busy_windows(self.database, since_us, until_us, window_us)

    def response_times(self, selection: Selection) -> list[tuple[int, Sketch]]:
        """How long the selected model calls took (µs), by quarter hour."""
        return periods.response_times(self.database, selection)

    def active(self, after_us: int, until_us: int) -> int:
        """How many sessions began before `until_us` and did something after `after_us`."""
        return reading.active(self.database, after_us, until_us)

    def complexity(self, selection: Selection) -> list[tuple[int, int, int]]:
        """The main conversations by the quarter hour of their start: how many, sum of scores."""
        return reading.complexity(self.database, selection)

    def spending(
        self,
        selection: Selection,
        by: By,
        cuts: Sequence[int] = (),
        shifts: Shifts | None = None,
    ) -> list[Spending]:
        """What the selected model calls used and cost, grouped; each call counts once."""
        with self.database.snapshot():
            return spending.spending(self.database, self.names(), selection, by, cuts, shifts)

    def providers(self) -> list[str]:
        """The providers of all model calls, in order, without `unknown`."""
        return spending.providers(self.database)
