"""Counts of what an archive holds, and of what happened lately, for those who watch tachlog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tachlog.analysis.selection import Selection
from tachlog.metrics import QUARTER_US
from tachlog.model import ERROR_CLASSES, OUTCOMES, RUN_TOTALS
from tachlog.stores.database import Database
from tachlog.stores.periods import error_classes
from tachlog.stores.rows import Row

_UNFINISHED: Final = OUTCOMES.index("unfinished")


class TableSize(Struct, frozen=True):
    """One table of the archive: its rows, and the bytes that it takes with its indexes.

    `bytes` is None where this build of SQLite cannot tell.
    """

    table: str
    rows: int
    bytes: int | None


class Held(Struct, frozen=True):
    """What an archive holds; tokens by kind, cost in nano-dollars, `read_us` None before a read."""

    sessions: int
    threads: int
    files: int
    problems: int
    read_us: int | None
    calls: int
    tool_calls: int
    tokens: Mapping[str, int]
    cost_nanousd: int
    unpriced_calls: int


class CountedCall(Struct, frozen=True):
    """A model call: tokens None where no log tells them, `response_us` likewise.

    `is_run`: it stands for all calls of a run, of which the log tells no more.
    """

    model: str
    provider: str
    input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int
    cost_nanousd: int | None
    response_us: int | None
    ttft_ms: int | None
    is_run: bool


class Happened(Struct, frozen=True):
    """What happened in a quarter hour.

    `tools` counts calls that came to an end by tool, outcome and class of error (empty without
    one), `failures` failed model calls by class.
    """

    calls: list[CountedCall]
    tools: list[tuple[str, str, str, int]]
    failures: list[tuple[str, int]]


class Counting:
    """Counts, asked of the totals where these tell, of single operations within a quarter hour."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def error_classes(self, selection: Selection) -> list[tuple[int, str, int]]:
        """How many failures of a selection: by quarter hour (whole ones), by class."""
        with self.database.snapshot():
            names: dict[int, str] = dict(self.database.rows("SELECT id, text FROM names"))
            return error_classes(self.database, names, selection)

    def held(self) -> Held:
        """What the archive holds."""
        rows = self.database.rows
        with self.database.snapshot():
            ((sessions,),) = rows("SELECT count(*) FROM threads WHERE session_id = root")
            ((threads,),) = rows("SELECT count(*) FROM threads")
            ((files, problems, read_us),) = rows(
                "SELECT count(*), coalesce(sum(problems), 0), max(read_us) FROM files"
            )
            ((calls, *tokens, nanousd, unpriced),) = rows(
                "SELECT coalesce(sum(calls), 0), coalesce(sum(input), 0),"
                " coalesce(sum(cache_read), 0), coalesce(sum(cache_write), 0),"
                " coalesce(sum(output), 0), coalesce(sum(cost_nanousd), 0),"
                " coalesce(sum(unpriced_calls), 0) FROM model_totals"
            )
            ((tools,),) = rows("SELECT coalesce(sum(calls), 0) FROM tool_totals")
        kinds = ("input", "cache_read", "cache_write", "output")
        told = dict(zip(kinds, tokens, strict=True))
        return Held(
            sessions, threads, files, problems, read_us, calls, tools, told, nanousd, unpriced
        )

    def tables(self) -> list[TableSize]:
        """The tables of the archive, the largest first."""
        with self.database.snapshot():
            found = [
                TableSize(name, self.database.rows(f"SELECT count(*) FROM {name}")[0][0], size)
                for name, size in self.database.table_sizes().items()
            ]
        return sorted(found, key=lambda each: (-(each.bytes or 0), -each.rows, each.table))

    def most_called(self, most: int) -> list[str]:
        """The tools that were called most, in order."""
        found = self.database.rows(
            "SELECT n.text, sum(q.calls) FROM tool_totals q JOIN names n ON n.id = q.name"
            " GROUP BY n.text ORDER BY 2 DESC, 1 LIMIT ?",
            (most,),
        )
        return [tool for tool, _ in found]

    def marks(self, since: int) -> dict[int, list[Row]]:
        """The sums of each quarter hour from one on: another where something came to it."""
        found: dict[int, list[Row]] = {}
        for sums, table in (
            ("sum(calls), sum(input), sum(output), sum(cost_nanousd), sum(response_us)", "model"),
            ("sum(calls), sum(successes), sum(errors)", "tool"),
            ("sum(failures)", "failure"),
        ):
            for quarter, *told in self.database.rows(
                f"SELECT quarter, {sums} FROM {table}_totals WHERE quarter >= ? GROUP BY quarter",
                (since,),
            ):
                found.setdefault(quarter, []).append((table, *told))
        return found

    def happened(self, quarter: int) -> Happened:
        """What happened in a quarter hour, as far as its operations are kept."""
        within = (quarter * QUARTER_US, (quarter + 1) * QUARTER_US)
        during = "WHERE o.at_us >= ? AND o.at_us < ?"
        with self.database.snapshot():
            calls = self.database.rows(
                "SELECT m.text, p.text, o.input, o.cache_read, o.cache_write, o.settled_output,"
                " o.cost_nanousd, o.response_us, o.ttft_ms, r.text FROM calls o"
                " JOIN names m ON m.id = o.model JOIN names p ON p.id = o.provider"
                f" LEFT JOIN names r ON r.id = o.stop_reason {during}",
                within,
            )
            tools = self.database.rows(
                "SELECT n.text, o.outcome, o.error_class, count(*) FROM tool_calls o"
                f" JOIN names n ON n.id = o.tool {during} AND o.outcome <> {_UNFINISHED}"
                " GROUP BY 1, 2, 3",
                within,
            )
            failures = self.database.rows(
                f"SELECT o.error_class, count(*) FROM failures o {during} GROUP BY 1", within
            )
        return Happened(
            [CountedCall(*(*row[:-1], row[-1] == RUN_TOTALS)) for row in calls],
            [
                (
                    tool,
                    OUTCOMES[outcome],
                    ERROR_CLASSES[kind]
                    if OUTCOMES[outcome] == "error" and kind is not None
                    else "",
                    count,
                )
                for tool, outcome, kind, count in tools
            ],
            [(ERROR_CLASSES[kind], count) for kind, count in failures],
        )
