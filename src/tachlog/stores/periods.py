"""What happened in a period of time: whole quarter hours, and operations at its ends."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from tachlog.analysis.selection import Quarter, Selection
from tachlog.metrics import QUARTER_US, Sketch
from tachlog.metrics.sketch import merge, sketch_of
from tachlog.metrics.tools import UNKNOWN_TOOL
from tachlog.model import OUTCOMES
from tachlog.stores import totals
from tachlog.stores.database import LISTED, Database, listed
from tachlog.stores.reading import NOT_IN_DAYS, Filter, operations_filter, threads_filter
from tachlog.stores.rows import Row
from tachlog.stores.totals import MODELS

_classes_decoder: Final = msgspec.json.Decoder(dict[str, int])
_sketch_decoder: Final = msgspec.msgpack.Decoder(Sketch)
_SUCCESSES: Final = tuple(
    OUTCOMES.index(name) for name in ("success", "expected_negative", "check_failed")
)
_ERROR: Final = OUTCOMES.index("error")


class Part:
    """A part of a selection's time: whole quarter hours, or a piece of one with its operations."""

    def __init__(self, selection: Selection, *, whole: bool) -> None:
        self.selection = selection
        self.whole = whole


def parts_of(selection: Selection) -> list[Part]:
    """The whole quarter hours of a selection, and the pieces of quarter hours at its ends."""
    since, until = selection.since_us, selection.until_us
    first = None if since is None else -(-since // QUARTER_US) * QUARTER_US
    last = None if until is None else until // QUARTER_US * QUARTER_US
    if first is not None and last is not None and first > last:
        return [Part(selection, whole=False)]
    replace = msgspec.structs.replace
    parts = [Part(replace(selection, since_us=first, until_us=last), whole=True)]
    if first is not None and since != first:
        parts.append(Part(replace(selection, until_us=first), whole=False))
    if last is not None and until != last:
        parts.append(Part(replace(selection, since_us=last), whole=False))
    return parts


def by_agent(selection: Selection) -> bool:
    """Whether the totals of agents answer for whole quarter hours of a selection."""
    return selection == Selection(selection.since_us, selection.until_us, selection.agent)


def totals_filter(database: Database, selection: Selection) -> Filter:
    """A condition on rows `q` of the tables that hold the quarter hours of a selection."""
    if not by_agent(selection):
        return whole_filter(database, selection)
    test, values = _within(selection, "q.quarter", QUARTER_US)
    if selection.agent is None:
        return test, values
    return f"{test} AND q.agent = ?", [*values, selection.agent]


def whole_filter(database: Database, selection: Selection) -> Filter:
    """A condition on rows `q` of the quarter hours of threads."""
    test, values = threads_filter(database, selection, by_start=False)
    within, limits = _within(selection, "q.quarter", QUARTER_US)
    if test == "true":
        return within, limits
    of = f"q.thread IN (SELECT s.thread FROM agent_telemetry_summaries s WHERE {test})"
    return f"{of} AND {within}", [*values, *limits]


def _within(selection: Selection, column: str, unit_us: int) -> Filter:
    """A condition on a column of spans of time: those that begin in a selection's."""
    tests: list[str] = []
    values: list[Any] = []
    if selection.since_us is not None:
        tests.append(f"{column} >= ?")
        values.append(-(-selection.since_us // unit_us))
    if selection.until_us is not None:
        tests.append(f"{column} < ?")
        values.append(-(-selection.until_us // unit_us))
    return " AND ".join(tests) or "true", values


def deleted_before_us(database: Database) -> int | None:
    """The time before which operations were deleted, the latest; None where all are there."""
    ((cut_us,),) = database.rows("SELECT max(cut_us) FROM remainders")
    return None if cut_us is None else int(cut_us)


def quarters(database: Database, names: Mapping[int, str], selection: Selection) -> list[Quarter]:
    """What happened in each quarter hour, by model; tool calls and failures under model None."""
    sums: dict[tuple[int, str | None], list[int]] = {}
    for part in parts_of(selection):
        ask = _of_whole if part.whole else _of_pieces
        models, tools, failures = ask(database, part.selection)
        for quarter, name, *values in models:
            _add(sums, (quarter, names[name]), values)
        for quarter, *values in tools:
            _add(sums, (quarter, None), [*values, 0])
        for quarter, count in failures:
            _add(sums, (quarter, None), [0, 0, 0, count])
    return [
        Quarter(quarter, name, *values)
        if name is not None
        else Quarter(quarter, None, *_NO_CALLS, *values)
        for (quarter, name), values in sorted(
            sums.items(), key=lambda item: (item[0][0], item[0][1] or "")
        )
    ]


def error_classes(
    database: Database, names: Mapping[int, str], selection: Selection
) -> list[tuple[int, str, int]]:
    """How many failures of tools and of model calls: by quarter hour that begins then, by class."""
    test, values = whole_filter(database, selection)
    sums: Counter[tuple[int, str]] = Counter()
    for quarter, classes in database.rows(
        f"SELECT q.quarter, q.classes FROM tool_quarters q WHERE q.errors > 0 AND {test}", values
    ):
        for name, count in _classes_decoder.decode(classes).items():
            sums[quarter, name] += count
    for quarter, name, count in database.rows(
        f"SELECT q.quarter, q.name, sum(q.failures) FROM failure_quarters q WHERE {test}"
        " GROUP BY q.quarter, q.name",
        values,
    ):
        sums[quarter, names[name]] += int(count)
    return [(quarter, name, count) for (quarter, name), count in sorted(sums.items())]


def hours(database: Database, selection: Selection) -> list[Quarter]:
    """What happened in each hour (UTC), under its first quarter hour, of all models together."""
    sums: dict[int, list[int]] = {}
    for part in parts_of(selection):
        if part.whole and by_agent(part.selection):
            for quarter, *values in _of_hours(database, part.selection):
                _add(sums, quarter, values)
            edges = _hour_edges(part.selection)
            asked = [_of_whole(database, edge, _HOUR, "NULL") for edge in edges]
        elif part.whole:
            asked = [_of_whole(database, part.selection, _HOUR, "NULL")]
        else:
            asked = [_of_pieces(database, part.selection)]
        for models, tools, failures in asked:
            for quarter, _, *values in models:
                _add(sums, quarter // 4 * 4, [*values, 0, 0, 0, 0])
            for quarter, *values in tools:
                _add(sums, quarter // 4 * 4, [*_NO_CALLS, *values, 0])
            for quarter, count in failures:
                _add(sums, quarter // 4 * 4, [*_NO_CALLS, 0, 0, 0, count])
    return [Quarter(quarter, None, *values) for quarter, values in sorted(sums.items())]


def _of_hours(database: Database, selection: Selection) -> list[Row]:
    """The whole hours of a selection by totals, each under its first quarter hour."""
    since, until = selection.since_us, selection.until_us
    ended = None if until is None else until // HOUR_US * HOUR_US
    test, values = _within(Selection(since, ended), "h.hour", HOUR_US)
    if selection.agent is not None:
        test, values = f"{test} AND h.agent = ?", [*values, selection.agent]
    sums = ", ".join(f"sum(h.{name})" for name in totals.HOURS.sums.split(", "))
    return database.rows(
        f"SELECT h.hour * 4, {sums} FROM hour_totals h WHERE {test} GROUP BY h.hour", values
    )


def _hour_edges(selection: Selection) -> list[Selection]:
    """The quarter hours of a selection that are of no whole hour in it."""
    since, until = selection.since_us, selection.until_us
    first = None if since is None else -(-since // HOUR_US) * HOUR_US
    last = None if until is None else until // HOUR_US * HOUR_US
    if first is not None and last is not None and first > last:
        return [selection]
    replace = msgspec.structs.replace
    edges = [] if first == since else [replace(selection, until_us=first)]
    return edges if last == until else [*edges, replace(selection, since_us=last)]


HOUR_US: Final = 4 * QUARTER_US
_HOUR: Final = "q.quarter / 4 * 4"
_NO_CALLS: Final = (0,) * 10
_Key = TypeVar("_Key")


def _add(sums: dict[_Key, list[int]], key: _Key, values: Sequence[int]) -> None:
    known = sums.setdefault(key, [0] * len(values))
    for place, value in enumerate(values):
        known[place] += value


def _tables(selection: Selection) -> list[str]:
    """The tables that hold the whole quarter hours of a selection."""
    return (
        [each.table for each in totals.TOTALS.values()]
        if by_agent(selection)
        else list(totals.TOTALS)
    )


def _of_whole(
    database: Database, selection: Selection, at: str = "q.quarter", name: str = "q.name"
) -> tuple[list[Row], list[Row], list[Row]]:
    test, values = totals_filter(database, selection)
    models, tools, failures = _tables(selection)
    return (
        database.rows(
            f"SELECT {at}, {name}, sum(q.calls), sum(q.input), sum(q.cache_read),"
            " sum(q.cache_write), sum(q.output), sum(q.estimated),"
            " coalesce(sum(q.cost_nanousd), 0), sum(q.unpriced_calls), sum(q.response_n),"
            f" sum(q.response_us) FROM {models} q WHERE {test} GROUP BY 1, 2",
            values,
        ),
        database.rows(
            f"SELECT {at}, sum(q.calls), sum(q.successes), sum(q.errors)"
            f" FROM {tools} q WHERE {test} GROUP BY 1",
            values,
        ),
        database.rows(
            f"SELECT {at}, sum(q.failures) FROM {failures} q WHERE {test} GROUP BY 1", values
        ),
    )


def _of_pieces(database: Database, selection: Selection) -> tuple[list[Row], list[Row], list[Row]]:
    test, values = operations_filter(database, selection)
    test = f"{test} AND {NOT_IN_DAYS}"
    ok = ", ".join(map(str, _SUCCESSES))
    return (
        database.rows(
            f"SELECT o.at_us / {QUARTER_US}, o.model, count(*), coalesce(sum(o.input), 0),"
            " coalesce(sum(o.cache_read), 0), coalesce(sum(o.cache_write), 0),"
            " sum(o.settled_output), sum(o.estimated),"
            " coalesce(sum(o.cost_nanousd), 0), count(*) - count(o.cost_nanousd),"
            " count(o.response_us), coalesce(sum(o.response_us), 0)"
            f" FROM calls o WHERE {test} GROUP BY 1, 2",
            values,
        ),
        database.rows(
            f"SELECT o.at_us / {QUARTER_US}, count(*), count(*) FILTER (WHERE o.outcome IN ({ok})),"
            f" count(*) FILTER (WHERE o.outcome = {_ERROR})"
            f" FROM tool_calls o WHERE {test} GROUP BY 1",
            values,
        ),
        database.rows(
            f"SELECT o.at_us / {QUARTER_US}, count(*) FROM failures o WHERE {test} GROUP BY 1",
            values,
        ),
    )


def tools_between(
    database: Database, names: Mapping[int, str], selection: Selection, edges: Sequence[int]
) -> dict[int, set[str]]:
    """The tools that the selected calls called between each two moments, by the first of them."""
    found: list[tuple[int, int]] = []
    for part in parts_of(selection):
        if part.whole:
            found += _between(database, part.selection, edges)
        else:
            test, values = operations_filter(database, part.selection)
            asked = f"SELECT o.at_us, o.tool FROM tool_calls o WHERE o.tool IS NOT NULL AND {test}"
            places = [
                (bisect_right(edges, at_us), at_us, tool)
                for at_us, tool in database.rows(asked, values)
            ]
            found += [
                (edges[place - 1], tool) for place, _, tool in places if 0 < place < len(edges)
            ]
    tools: dict[int, set[str]] = {}
    for edge, tool in found:
        if names[tool] != UNKNOWN_TOOL:
            tools.setdefault(edge, set()).add(names[tool])
    return tools


def _between(
    database: Database, selection: Selection, edges: Sequence[int]
) -> list[tuple[int, int]]:
    """Each moment with each tool of the quarter hours until the next; they are edges of these."""
    test, values = totals_filter(database, selection)
    _, table, _ = _tables(selection)
    if not by_agent(selection):
        asked = f"SELECT DISTINCT q.quarter, q.name FROM {table} q WHERE {test}"
        starts = [edge // QUARTER_US for edge in edges]
        places = [
            (bisect_right(starts, quarter), tool) for quarter, tool in database.rows(asked, values)
        ]
        return [(edges[place - 1], tool) for place, tool in places if 0 < place < len(edges)]
    return [
        (quarter * QUARTER_US, tool)
        for quarter, tool in database.rows(
            "WITH spans AS (SELECT w.value AS since, lead(w.value) OVER (ORDER BY w.value) AS until"
            f" FROM {LISTED} w) SELECT s.since, n.name FROM spans s,"
            " (SELECT DISTINCT name FROM tool_stats) n WHERE s.until IS NOT NULL AND EXISTS ("
            f"SELECT 1 FROM {table} q WHERE q.name = n.name AND q.quarter >= s.since"
            f" AND q.quarter < s.until AND {test})",
            [listed([edge // QUARTER_US for edge in edges]), *values],
        )
    ]


def busy_windows(database: Database, since_us: int, until_us: int, window_us: int) -> int:
    """How many windows of this length between two of their edges have model calls with tokens.

    Only quarter hours with calls are looked into, each window up to its first call with tokens.
    """
    quarters_found = database.rows(
        "SELECT DISTINCT q.quarter FROM model_totals q WHERE q.quarter >= ? AND q.quarter < ?",
        (since_us // QUARTER_US, -(-until_us // QUARTER_US)),
    )
    starts = [
        start_us
        for (quarter,) in quarters_found
        for start_us in range(quarter * QUARTER_US, (quarter + 1) * QUARTER_US, window_us)
        if since_us <= start_us < until_us
    ]
    ((number,),) = database.rows(
        f"SELECT count(*) FROM {LISTED} w WHERE EXISTS (SELECT 1 FROM calls o"
        f" WHERE o.at_us >= w.value AND o.at_us < w.value + {window_us}"
        " AND coalesce(o.input + o.cache_read + o.cache_write, 0) + o.settled_output > 0)",
        (listed(starts),),
    )
    return int(number)


def response_times(database: Database, selection: Selection) -> list[tuple[int, Sketch]]:
    """How long model calls took, by quarter hour."""
    sketches: dict[int, Sketch] = {}
    for part in parts_of(selection):
        if part.whole:
            test, values = whole_filter(database, part.selection)
            for quarter, blob in database.rows(
                f"SELECT q.quarter, q.sketch FROM {MODELS} q WHERE q.response_n > 0 AND {test}",
                values,
            ):
                merge(sketches.setdefault(quarter, {}), _sketch_decoder.decode(blob))
        else:
            test, values = operations_filter(database, part.selection)
            for at_us, response_us in database.rows(
                "SELECT o.at_us, o.response_us FROM calls o"
                f" WHERE o.response_us IS NOT NULL AND {test}",
                values,
            ):
                merge(sketches.setdefault(at_us // QUARTER_US, {}), sketch_of([response_us]))
    return sorted(sketches.items())
