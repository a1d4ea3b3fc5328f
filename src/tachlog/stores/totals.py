"""What the quarter hours of all threads of an agent come to: kept by subtracting and adding.

Questions about everything, or about one agent, are answered from here: as many rows as there are
quarter hours and names, however many sessions there were.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from tachlog.stores.database import Database, at_key
from tachlog.stores.rows import Row

MODELS: Final = "model_quarters"
TOOLS: Final = "tool_quarters"
FAILURES: Final = "failure_quarters"


class Totals(Struct, frozen=True):
    """A table of totals and its sums; the first is zero where nothing is left.

    `of` are the columns that, with the agent, its rows are of. `told` is a sum that may be NULL:
    `told_rows` counts the quarter hours of threads of which it is told. A row is `empty` when
    nothing is left of it.
    """

    table: str
    sums: str
    of: str = "quarter, name"
    told: str | None = None
    empty: str = "calls = 0"

    @property
    def key(self) -> str:
        """The columns of its key."""
        return f"agent, {self.of}"

    @property
    def columns(self) -> str:
        """The columns of what is added up."""
        return f"{self.sums}, {self.told}_rows" if self.told else self.sums


TOTALS: Final[Mapping[str, Totals]] = {
    MODELS: Totals(
        "model_totals",
        "calls, input, cache_read, cache_write, cache_write_1h, output, reasoning, estimated,"
        " cost_nanousd, unpriced_calls, unpriced_tokens, reported_cost_calls, response_n,"
        " response_us",
        "quarter, name, provider",
        "reasoning",
    ),
    TOOLS: Totals("tool_totals", "calls, successes, errors"),
    FAILURES: Totals("failure_totals", "failures", empty="failures = 0"),
}
"""The totals of each table of quarter hours."""

HOURS: Final = Totals(
    "hour_totals",
    "calls, input, cache_read, cache_write, output, estimated, cost_nanousd, unpriced_calls,"
    " response_n, response_us, tool_calls, tool_successes, tool_errors, failures",
    "hour",
    empty="calls + tool_calls + failures = 0",
)
"""What all that comes to in each hour (UTC), of all models and tools together."""

_OF_AN_HOUR: Final[Mapping[str, Mapping[str, str]]] = {
    MODELS: {name: name for name in HOURS.sums.split(", ")[:10]},
    TOOLS: {"tool_calls": "calls", "tool_successes": "successes", "tool_errors": "errors"},
    FAILURES: {"failures": "failures"},
}
"""Which sums of an hour each table of quarter hours gives, and from which of its columns."""


def differing(database: Database, *, writes: bool) -> int:
    """How many totals are not what the quarter hours of threads come to.

    With `writes` these are put right.
    """
    count = 0
    for table, into in TOTALS.items():
        count += _differing(database, into, _summed(table, into), writes=writes)
    return count + _differing(database, HOURS, _summed_hours(), writes=writes)


def _summed(table: str, into: Totals) -> str:
    """What the quarter hours of threads come to."""
    of = ", ".join(f"q.{name}" for name in into.of.split(", "))
    come = ", ".join(f"sum(coalesce(q.{name}, 0))" for name in into.sums.split(", "))
    come += f", count(q.{into.told})" if into.told else ""
    return (
        f"SELECT t.agent, {of}, {come} FROM {table} q"
        f" JOIN threads t ON t.id = q.thread GROUP BY t.agent, {of}"
    )


def _summed_hours() -> str:
    """What the totals of quarter hours come to by the hour."""
    names = HOURS.sums.split(", ")
    each = " UNION ALL ".join(
        f"SELECT agent, quarter / 4 AS hour, {columns} FROM {TOTALS[table].table}"
        for table, given in _OF_AN_HOUR.items()
        for columns in (", ".join(f"{given.get(name, 0)} AS {name}" for name in names),)
    )
    sums = ", ".join(f"sum({name})" for name in names)
    return f"SELECT agent, hour, {sums} FROM ({each}) q GROUP BY agent, hour"


def _differing(database: Database, into: Totals, summed: str, *, writes: bool) -> int:
    width = len(into.key.split(", "))
    wanted = {
        tuple(row[:width]): tuple(map(int, row[width:]))
        for row in database.rows(summed)
        if any(row[width:])
    }
    kept = {
        tuple(row[:width]): tuple(row[width:])
        for row in database.rows(f"SELECT {into.key}, {into.columns} FROM {into.table}")
    }
    wrong = [place for place in wanted | kept if wanted.get(place) != kept.get(place)]
    if wrong and writes:
        database.run_many(f"DELETE FROM {into.table} WHERE {at_key(into.key)}", wrong)
        rows = [(*place, *wanted[place]) for place in wrong if place in wanted]
        database.insert(into.table, f"{into.key}, {into.columns}", rows)
    return len(wrong)


def move(
    database: Database,
    into: Totals,
    columns: str,
    agents: Mapping[int, str],
    gone: Collection[Row],
    come: Collection[Row],
) -> None:
    """Subtract what rows of threads contributed, and add what others do.

    The rows have `columns`, of which the first are the thread and those that the totals are `of`;
    `agents` has the agent of each thread.
    """
    sums, width = into.columns.split(", "), len(into.key.split(", "))
    given = columns.split(", ")
    places = [given.index(name) for name in into.sums.split(", ")]
    told = given.index(into.told) if into.told else None
    moved: dict[Row, list[int]] = {}
    for rows, sign in ((gone, -1), (come, 1)):
        for row in rows:
            known = moved.setdefault((agents[row[0]], *row[1:width]), [0] * len(sums))
            for at, place in enumerate(places):
                known[at] += sign * (row[place] or 0)
            if told is not None and row[told] is not None:
                known[-1] += sign
    changes = [(*place, *values) for place, values in moved.items() if any(values)]
    added = ", ".join(f"{name} = {into.table}.{name} + excluded.{name}" for name in sums)
    written = f"{into.key}, {into.columns}"
    database.insert(into.table, written, changes, f"({into.key}) DO UPDATE SET {added}")
    database.run_many(
        f"DELETE FROM {into.table} WHERE {at_key(into.key)} AND {into.empty}",
        [place for place, values in moved.items() if min(values) < 0],
    )


def move_hours(
    database: Database,
    table: str,
    columns: str,
    agents: Mapping[int, str],
    gone: Collection[Row],
    come: Collection[Row],
) -> None:
    """The same for the hours that rows of a table of quarter hours lie in."""
    given = columns.split(", ")
    names = HOURS.sums.split(", ")
    places = [
        given.index(source) if (source := _OF_AN_HOUR[table].get(name)) else None for name in names
    ]
    both = [
        [
            (row[0], row[1] // 4, *(None if place is None else row[place] for place in places))
            for row in rows
        ]
        for rows in (gone, come)
    ]
    move(database, HOURS, f"thread, hour, {HOURS.sums}", agents, *both)
