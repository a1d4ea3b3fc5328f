"""What each tool did in all: sums of the quarter hours of an agent's threads, kept in step.

A sketch and the classes of errors are no columns that the database could add up, so that a tool's
sums are read, moved and written, one row for each tool of an agent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct, field

from tachlog.analysis.selection import Selection
from tachlog.analysis.tally import add_stats, tally_of, trees_of
from tachlog.data import tool_category
from tachlog.metrics import Sketch, ToolStats
from tachlog.stores import reading
from tachlog.stores.database import LISTED, Database, listed, replacing
from tachlog.stores.rows import Row

TABLE: Final = "tool_stats"
COUNTS: Final = (
    "count",
    "success_count",
    "error_count",
    "expected_negative",
    "check_failed",
    "user_rejected",
    "user_interrupted",
    "unfinished",
    "timed",
    "total_us",
    "input_bytes",
    "output_bytes",
)
"""The sums of `ToolStats` in the order of a row of quarter hours; sketch and classes follow."""

_Name = TypeVar("_Name", int, str)
_COLUMNS: Final = "agent, name, sums"
_sketches: Final = msgspec.msgpack.Decoder(Sketch)


class Sums(Struct, array_like=True):
    """The figures of a tool: numbers in the order of `COUNTS`, bins of its sketch, classes."""

    counts: list[int] = field(default_factory=lambda: [0] * len(COUNTS))
    sketch: dict[int, int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)


_classes: Final = msgspec.json.Decoder(dict[str, int])
_sums: Final = msgspec.msgpack.Decoder(Sums)
_encoder: Final = msgspec.msgpack.Encoder()
Place = tuple[str, int]
"""An agent, and the number of a tool's name."""


def stats_of(name: str, row: Sequence[Any]) -> ToolStats:
    """The figures of a tool in the columns of a row of its quarter hours, from `calls` on."""
    *counts, sketch, classes = row
    return _stats(name, Sums(counts, _sketches.decode(sketch), _classes.decode(classes)))


def _stats(name: str, sums: Sums) -> ToolStats:
    return ToolStats(
        tool_category(name),
        **dict(zip(COUNTS, sums.counts, strict=True)),
        sketch=sums.sketch,
        classes=sums.classes,
    )


def move(
    database: Database, agents: Mapping[int, str], gone: Collection[Row], come: Collection[Row]
) -> None:
    """Subtract what rows of quarter hours contributed, and add what others do."""
    if not gone and not come:
        return
    places = {(agents[row[0]], row[2]) for rows in (gone, come) for row in rows}
    names = listed(sorted({name for _, name in places}))
    sums = {
        (agent, name): _sums.decode(blob)
        for agent, name, blob in database.rows(
            f"SELECT {_COLUMNS} FROM {TABLE} WHERE name IN {LISTED}", (names,)
        )
    }
    for rows, sign in ((gone, -1), (come, 1)):
        for thread, _, name, *values in rows:
            _add(sums.setdefault((agents[thread], name), Sums()), values, sign)
    _write(database, {place: sums[place] for place in places})


def differing(database: Database, *, writes: bool) -> int:
    """How many tools of agents have other figures than their quarter hours come to.

    With `writes` these are put right.
    """
    wanted: dict[Place, Sums] = {}
    for agent, name, *values in database.rows(
        "SELECT t.agent, q.name, q.calls, q.successes, q.errors, q.expected_negative,"
        " q.check_failed, q.user_rejected, q.user_interrupted, q.unfinished, q.timed, q.total_us,"
        " q.input_bytes, q.output_bytes, q.sketch, q.classes"
        " FROM tool_quarters q JOIN threads t ON t.id = q.thread"
    ):
        _add(wanted.setdefault((agent, name), Sums()), values, 1)
    kept = {
        (agent, name): _sums.decode(blob)
        for agent, name, blob in database.rows(f"SELECT {_COLUMNS} FROM {TABLE}")
    }
    wrong = [place for place in wanted | kept if wanted.get(place) != kept.get(place)]
    if writes:
        _write(database, {place: wanted.get(place, Sums()) for place in wrong})
    return len(wrong)


def _write(database: Database, sums: Mapping[Place, Sums]) -> None:
    database.run_many(
        f"DELETE FROM {TABLE} WHERE agent = ? AND name = ?",
        [place for place, told in sums.items() if not told.counts[0]],
    )
    rows = [(*place, _encoded(told)) for place, told in sums.items() if told.counts[0]]
    database.insert(TABLE, _COLUMNS, rows, replacing(_COLUMNS, "agent, name"))


def _encoded(sums: Sums) -> bytes:
    sketch, classes = dict(sorted(sums.sketch.items())), dict(sorted(sums.classes.items()))
    return _encoder.encode(Sums(sums.counts, sketch, classes))


def _add(sums: Sums, row: Sequence[Any], sign: int) -> None:
    *counts, sketch, classes = row
    for place, count in enumerate(counts):
        sums.counts[place] += sign * count
    _add_counts(sums.sketch, _sketches.decode(sketch), sign)
    _add_counts(sums.classes, _classes.decode(classes), sign)


def _add_counts(known: dict[_Name, int], told: Mapping[_Name, int], sign: int) -> None:
    for name, count in told.items():
        known[name] = known.get(name, 0) + sign * count
        if not known[name]:
            del known[name]


def tool_stats(
    database: Database, names: Mapping[int, str], selection: Selection
) -> dict[str, ToolStats]:
    """What each tool did in the selected sessions: of all, or of one agent, from its sums."""
    if selection != Selection(agent=selection.agent):
        return tally_of(trees_of(reading.sessions(database, selection)), ()).tools
    of = "" if selection.agent is None else " WHERE agent = ?"
    found: dict[str, ToolStats] = {}
    for name, blob in database.rows(
        f"SELECT name, sums FROM {TABLE}{of}", () if selection.agent is None else (selection.agent,)
    ):
        stats = _stats(names[name], _sums.decode(blob))
        add_stats(found.setdefault(names[name], ToolStats(stats.category)), stats)
    return found
