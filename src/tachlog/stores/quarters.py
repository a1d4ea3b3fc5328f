"""Quarter hours of threads as rows: written where they changed, added up by the database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from tachlog.metrics import (
    ModelKey,
    ModelQuarter,
    ModelUse,
    QuarterMetrics,
    Sketch,
    ToolStats,
)
from tachlog.stores import tools, totals
from tachlog.stores.database import LISTED, Database, at_key, listed, replacing
from tachlog.stores.rows import Row
from tachlog.stores.totals import FAILURES, MODELS, TOOLS
from tachlog.stores.words import Words

_USAGE: Final = (
    "calls, input, cache_read, cache_write, cache_write_1h, output, reasoning, estimated,"
    " cost_nanousd, unpriced_calls, unpriced_tokens, reported_cost_calls"
)

COLUMNS: Final[Mapping[str, str]] = {
    MODELS: f"thread, quarter, name, provider, {_USAGE}, response_n, response_us, sketch",
    TOOLS: "thread, quarter, name, calls, successes, errors, expected_negative, check_failed,"
    " user_rejected, user_interrupted, unfinished, timed, total_us, input_bytes, output_bytes,"
    " sketch, classes",
    FAILURES: "thread, quarter, name, failures",
}
"""The tables, each with one row per thread, quarter hour and name: of the model (and who served
it), of the tool, of the class of error."""

_sketch_encoder: Final = msgspec.msgpack.Encoder()
_sketch_decoder: Final = msgspec.msgpack.Decoder(Sketch)


def keep(
    database: Database,
    words: Words,
    quarters: Mapping[int, Iterable[QuarterMetrics]],
    new: Collection[int],
    change: int,
    moved: Mapping[int, Collection[int]] | None = None,
) -> None:
    """Make the rows of threads what their quarter hours are; nothing is stored yet of `new` ones.

    Of threads of which it is known which have `moved` only those are looked at.
    Only what differs is written, as part of a change of the archive: a thread that grew touches the
    quarter hour in which it did.
    """
    moved = moved or {}
    wanted: dict[str, list[Row]] = {table: [] for table in COLUMNS}
    for thread, found in quarters.items():
        only = moved.get(thread)
        fresh = found if only is None else [each for each in found if each.quarter in only]
        for table, row in _rows(words, thread, fresh):
            wanted[table].append(row)
    known = listed([thread for thread in quarters if thread not in new and thread not in moved])
    some = (listed(moved.keys() & quarters.keys()), listed(set().union(*moved.values())))
    agents: dict[int, str] = dict(
        database.rows(f"SELECT id, agent FROM threads WHERE id IN {LISTED}", (listed(quarters),))
    )
    for table, columns in COLUMNS.items():
        kept = {
            tuple(map(_plain, row))
            for row in database.rows(
                f"SELECT {columns} FROM {table} WHERE thread IN {LISTED}"
                f" UNION ALL SELECT {columns} FROM {table} WHERE thread IN {LISTED}"
                f" AND quarter IN {LISTED}",
                (known, *some),
            )
            if row[1] in moved.get(row[0], (row[1],))
        }
        stays = kept.intersection(wanted[table])
        key = f"thread, {totals.TOTALS[table].of}"
        width = key.count(",") + 1
        place = {row[:width] for row in wanted[table]}
        database.run_many(
            f"DELETE FROM {table} WHERE {at_key(key)}",
            [row[:width] for row in kept - stays if row[:width] not in place],
        )
        written = f"{columns}, changed"
        database.insert(
            table,
            written,
            [(*row, change) for row in wanted[table] if row not in stays],
            replacing(written, key),
        )
        _move(database, table, agents, kept - stays, set(wanted[table]) - stays)


def load(database: Database, words: Words, thread: int) -> list[QuarterMetrics]:
    """The quarter hours of a thread as they are kept."""
    found: dict[int, QuarterMetrics] = {}
    for table, columns in COLUMNS.items():
        for _, quarter, name, *values in database.rows(
            f"SELECT {columns} FROM {table} WHERE thread = ? ORDER BY quarter, name", (thread,)
        ):
            each = found.setdefault(quarter, QuarterMetrics(quarter, {}, {}, {}))
            text = words.name(name)
            if table == MODELS:
                served_by, *use, n, total_us, sketch = values
                provider = words.name(served_by)
                each.models[text, provider] = ModelQuarter(
                    ModelUse(provider, *use),
                    n,
                    total_us,
                    _sketch_decoder.decode(sketch),
                )
            elif table == TOOLS:
                each.tools[text] = tools.stats_of(text, values)
            else:
                each.failures[text] = values[0]
    return [found[quarter] for quarter in sorted(found)]


def keep_usage(
    database: Database,
    words: Words,
    thread: int,
    uses: Mapping[int, Mapping[ModelKey, ModelUse]],
    change: int,
) -> None:
    """Put what models used in a thread's quarter hours in the place of what is kept of it."""
    settings = ", ".join(f"{name} = ?" for name in _USAGE.split(", "))
    before = _of_thread(database, thread)
    database.run_many(
        f"UPDATE {MODELS} SET {settings}, changed = ? WHERE thread = ? AND quarter = ?"
        " AND name = ? AND provider = ? AND (output, estimated) <> (?, ?)",
        [
            (*_usage(use), change, thread, quarter, *map(words.name_id, key), *_moved(use))
            for quarter, models in uses.items()
            for key, use in models.items()
        ],
    )
    after = _of_thread(database, thread)
    ((agent,),) = database.rows("SELECT agent FROM threads WHERE id = ?", (thread,))
    _move(database, MODELS, {thread: str(agent)}, before - after, after - before)


def _move(
    database: Database, table: str, agents: Mapping[int, str], gone: set[Row], come: set[Row]
) -> None:
    """Make the totals what they are without some rows of a table, and with others."""
    columns = COLUMNS[table]
    totals.move(database, totals.TOTALS[table], columns, agents, gone, come)
    totals.move_hours(database, table, columns, agents, gone, come)
    if table == TOOLS:
        tools.move(database, agents, gone, come)


def _of_thread(database: Database, thread: int) -> set[Row]:
    found = database.rows(f"SELECT {COLUMNS[MODELS]} FROM {MODELS} WHERE thread = ?", (thread,))
    return {tuple(map(_plain, row)) for row in found}


def _moved(use: ModelUse) -> tuple[int, int]:
    """What differs when estimates were made anew: both move the same way in all calls."""
    return use.output, use.estimated


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def _rows(
    words: Words, thread: int, quarters: Iterable[QuarterMetrics]
) -> Iterator[tuple[str, Row]]:
    for each in quarters:
        place = (thread, each.quarter)
        for key, model in each.models.items():
            yield MODELS, (*place, *map(words.name_id, key), *_model(model))
        for name, tool in each.tools.items():
            yield TOOLS, (*place, words.name_id(name), *_tool(tool))
        for name, count in each.failures.items():
            yield FAILURES, (*place, words.name_id(name), count)


def _model(model: ModelQuarter) -> Row:
    return (
        *_usage(model.use),
        model.response_n,
        model.response_us,
        _encoded(model.sketch),
    )


def _usage(use: ModelUse) -> Row:
    return (
        use.calls,
        use.input,
        use.cache_read,
        use.cache_write,
        use.cache_write_1h,
        use.output,
        use.reasoning,
        use.estimated,
        use.cost_nanousd,
        use.unpriced_calls,
        use.unpriced_tokens,
        use.reported_cost_calls,
    )


def _tool(tool: ToolStats) -> Row:
    return (
        tool.count,
        tool.success_count,
        tool.error_count,
        tool.expected_negative,
        tool.check_failed,
        tool.user_rejected,
        tool.user_interrupted,
        tool.unfinished,
        tool.timed,
        tool.total_us,
        tool.input_bytes,
        tool.output_bytes,
        _encoded(tool.sketch),
        msgspec.json.encode(tool.classes, order="sorted").decode(),
    )


def _encoded(sketch: Sketch) -> bytes:
    return _sketch_encoder.encode(dict(sorted(sketch.items())))
