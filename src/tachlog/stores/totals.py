"""What the quarter hours of all threads of an agent come to: kept by subtracting and adding.

Questions about everything, or about one agent, are answered from here: as many rows as there are
quarter hours and names, however many sessions there were.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from tachlog.stores.database import Database
from tachlog.stores.rows import Row

MODELS: Final = "model_quarters"
TOOLS: Final = "tool_quarters"
FAILURES: Final = "failure_quarters"

KEY: Final = "quarter, agent, name"


class Totals(Struct, frozen=True):
    """A table of totals and its sums; the first is zero where nothing is left."""

    table: str
    sums: str


TOTALS: Final[Mapping[str, Totals]] = {
    MODELS: Totals(
        "model_totals",
        "calls, input, cache_read, cache_write, output, estimated, cost_nanousd, unpriced_calls,"
        " response_n, response_us",
    ),
    TOOLS: Totals("tool_totals", "calls, successes, errors"),
    FAILURES: Totals("failure_totals", "failures"),
}
"""The totals of each table of quarter hours."""


def differing(database: Database, *, writes: bool) -> int:
    """How many totals are not what the quarter hours of threads come to.

    With `writes` these are put right.
    """
    count = 0
    for table, into in TOTALS.items():
        names = into.sums.split(", ")
        come = ", ".join(f"sum(coalesce(q.{name}, 0))" for name in names)
        summed = (
            f"SELECT q.quarter, t.agent, q.name, {come} FROM {table} q"
            " JOIN threads t ON t.id = q.thread GROUP BY q.quarter, t.agent, q.name"
        )
        wanted = {
            tuple(row[:3]): tuple(map(int, row[3:]))
            for row in database.rows(summed)
            if any(row[3:])
        }
        kept = {
            tuple(row[:3]): tuple(row[3:])
            for row in database.rows(f"SELECT {KEY}, {into.sums} FROM {into.table}")
        }
        wrong = [place for place in wanted | kept if wanted.get(place) != kept.get(place)]
        count += len(wrong)
        if wrong and writes:
            database.run_many(
                f"DELETE FROM {into.table} WHERE quarter = ? AND agent = ? AND name = ?", wrong
            )
            rows = [(*place, *wanted[place]) for place in wrong if place in wanted]
            database.insert(into.table, f"{KEY}, {into.sums}", rows)
    return count


def move(
    database: Database,
    into: Totals,
    columns: str,
    agents: Mapping[int, str],
    gone: Collection[Row],
    come: Collection[Row],
) -> None:
    """Subtract what rows of threads contributed, and add what others do.

    The rows have `columns`, of which the first are thread, quarter and name; `agents` has the agent
    of each thread.
    """
    sums = into.sums.split(", ")
    places = [columns.split(", ").index(name) for name in sums]
    moved: dict[Row, list[int]] = {}
    for rows, sign in ((gone, -1), (come, 1)):
        for row in rows:
            thread, quarter, name = row[:3]
            known = moved.setdefault((quarter, agents[thread], name), [0] * len(places))
            for at, place in enumerate(places):
                known[at] += sign * (row[place] or 0)
    changes = [(*place, *values) for place, values in moved.items() if any(values)]
    added = ", ".join(f"{name} = {into.table}.{name} + excluded.{name}" for name in sums)
    database.insert(into.table, f"{KEY}, {into.sums}", changes, f"({KEY}) DO UPDATE SET {added}")
    database.run_many(
        f"DELETE FROM {into.table} WHERE quarter = ? AND agent = ? AND name = ? AND {sums[0]} = 0",
        [place for place, values in moved.items() if values[0] < 0],
    )
