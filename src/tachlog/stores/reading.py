"""The way out of the archive: selected sessions, what happened when, what was read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tachlog.analysis.selection import (
    FileReport,
    Input,
    Marked,
    Selection,
    Told,
)
from tachlog.metrics import QUARTER_US, SessionMetrics
from tachlog.stores.database import LISTED_TEXTS, Database, listed
from tachlog.stores.schema import OPERATIONS
from tachlog.stores.summaries import metrics_of

_counts_decoder: Final = msgspec.json.Decoder(dict[str, int])

FILES_HERE: Final = f"f.host IN ('', ?) AND f.path IN {LISTED_TEXTS}"
"""A condition on rows of files `f`: those at some paths of this machine."""

PLACE: Final = "CASE WHEN f.host IN ('', ?) THEN f.path ELSE f.host || ':' || f.path END"
"""Where a file `f` is, seen from this machine."""

NOT_IN_DAYS: Final = (
    "NOT EXISTS (SELECT 1 FROM remainders r WHERE r.thread = o.thread AND o.at_us < r.cut_us)"
)
"""A condition on rows of operations `o`: no day that is left of deleted ones has them as well."""

_OWNERS_OF_COPIES: Final = " UNION ".join(
    f"SELECT o.thread FROM told_here h JOIN threads c ON c.id = h.thread AND c.named = 0"
    f" JOIN tellings m ON m.thread = c.id JOIN {table} o ON o.key = m.key"
    for table in OPERATIONS
)
"""Whose the operations are that copies without a name tell."""

Filter = tuple[str, list[Any]]


def threads_filter(database: Database, selection: Selection, *, by_start: bool) -> Filter:
    """A condition on rows of the summary table `s`.

    Times select by start, unless operations are asked for by their own time.
    """
    tests: list[str] = []
    values: list[Any] = []
    for column in ("agent", "provider", "model", "project", "complexity"):
        wanted = getattr(selection, column)
        if wanted is not None:
            tests.append(f"s.{column} = ?")
            values.append(wanted)
    if by_start:
        for test, limit in (
            ("s.start_us >= ?", selection.since_us),
            ("s.start_us < ?", selection.until_us),
        ):
            if limit is not None:
                tests.append(test)
                values.append(limit)
    for file_test, wanted in (
        ("f.owner = ?", selection.user),
        ("coalesce(f.machine, f.host) = ?", selection.host),
    ):
        if wanted is not None:
            tests.append(
                "s.thread IN (SELECT d.thread FROM told d JOIN files f ON f.id = d.file"
                f" WHERE {file_test})"
            )
            values.append(wanted)
    if selection.paths is not None:
        tests.append(
            "s.thread IN (WITH told_here AS (SELECT thread FROM told WHERE file IN"
            f" (SELECT id FROM files f WHERE {FILES_HERE})),"
            f" telling AS (SELECT thread FROM told_here UNION {_OWNERS_OF_COPIES})"
            " SELECT thread FROM telling UNION SELECT r.id FROM telling JOIN threads t"
            " ON t.id = telling.thread JOIN threads r"
            " ON r.session_id = t.root AND r.agent = t.agent)"
        )
        values += [database.host, listed(selection.paths)]
    return " AND ".join(tests) or "true", values


def without_needless_paths(database: Database, selection: Selection) -> Selection:
    """The same selection, without its paths where they are those of all logs of the archive.

    Where a thread that nothing tells has figures, the paths stay, unless it is the main one of a
    thread that is told.
    """
    if selection.paths is None:
        return selection
    here = (database.host, listed(selection.paths))
    elsewhere = database.rows(
        f"SELECT 1 FROM files f WHERE f.source IS NOT NULL AND NOT ({FILES_HERE}) LIMIT 1", here
    ) or database.rows(
        "SELECT 1 FROM agent_telemetry_summaries s WHERE NOT EXISTS (SELECT 1 FROM told d"
        " WHERE d.thread = s.thread) AND NOT EXISTS (SELECT 1 FROM threads t JOIN told d"
        " ON d.thread = t.id WHERE t.root = s.session_id AND t.agent = s.agent) LIMIT 1"
    )
    return selection if elsewhere else msgspec.structs.replace(selection, paths=None)


def operations_filter(database: Database, selection: Selection) -> Filter:
    """A condition on rows of operations `o` by their own time and their thread.

    Of a short time the operations are looked up first, of a longer one the threads.
    """
    test, values = threads_filter(database, selection, by_start=False)
    since, until = selection.since_us, selection.until_us
    is_short = since is not None and until is not None and until - since <= QUARTER_US
    of = "agent_telemetry_summaries s WHERE"
    threads = (
        f"EXISTS (SELECT 1 FROM {of} s.thread = o.thread AND {test})"
        if is_short
        else f"o.thread IN (SELECT s.thread FROM {of} {test})"
    )
    tests = [] if test == "true" else [threads]
    if test == "true":
        values = []
    for bound, limit in (("o.at_us >= ?", selection.since_us), ("o.at_us < ?", selection.until_us)):
        if limit is not None:
            tests.append(bound)
            values.append(limit)
    return " AND ".join(tests) or "true", values


def sessions(database: Database, selection: Selection) -> list[SessionMetrics]:
    """The figures of the selected threads in order of start, then session id."""
    test, values = threads_filter(database, selection, by_start=True)
    found = database.rows(
        f"SELECT s.metrics FROM agent_telemetry_summaries s WHERE {test}"
        " ORDER BY s.start_us IS NULL, s.start_us, s.session_id, s.agent",
        values,
    )
    return [metrics_of(blob) for (blob,) in found]


def parts(database: Database, selection: Selection, most: int) -> Iterator[list[SessionMetrics]]:
    """The same in order of root, so many threads at a time, or as many as one session has."""
    test, values = threads_filter(database, selection, by_start=True)
    asked = (
        f"SELECT s.root, s.agent, s.metrics FROM agent_telemetry_summaries s WHERE {test} AND"
        " {} ORDER BY s.root, s.agent, s.start_us IS NULL, s.start_us, s.session_id"
    )
    after: tuple[str, str] | None = None
    while True:
        beyond = "true" if after is None else "(s.root, s.agent) > (?, ?)"
        found = database.rows(f"{asked.format(beyond)} LIMIT {most + 1}", [*values, *(after or ())])
        if len(found) > most:
            cut = found[-1][:2]
            whole = [row for row in found if row[:2] != cut]
            found = whole or database.rows(
                asked.format("(s.root, s.agent) = (?, ?)"), [*values, *cut]
            )
        elif not found:
            return
        after = found[-1][:2]
        yield [metrics_of(blob) for _, _, blob in found]


def active(database: Database, after_us: int, until_us: int) -> int:
    """How many sessions have threads that did something after a moment and began before one."""
    found = database.rows(
        "SELECT root, agent FROM agent_telemetry_summaries WHERE end_us > ? AND start_us < ?",
        (after_us, until_us),
    )
    return len(set(found))


def complexity(database: Database, selection: Selection) -> list[tuple[int, int, int]]:
    """By quarter hour of their start: main conversations, and the sum of their scores."""
    test, values = threads_filter(database, selection, by_start=True)
    return [
        (int(quarter), int(count), int(score))
        for quarter, count, score in database.rows(
            f"SELECT s.start_us / {QUARTER_US}, count(*), sum(s.main_score)"
            " FROM agent_telemetry_summaries s WHERE s.start_us IS NOT NULL"
            f" AND s.main_score IS NOT NULL AND {test} GROUP BY 1 ORDER BY 1",
            values,
        )
    ]


def shared(database: Database, thread: int) -> dict[str, int]:
    """How many operations that a thread tells another one owns, by its session id; most first."""
    each = " UNION ALL ".join(
        f"SELECT o.thread FROM tellings y JOIN {table} o ON o.key = y.key"
        " WHERE y.thread = ? AND o.thread <> y.thread"
        for table in (*OPERATIONS, "pruned")
    )
    return dict(
        database.rows(
            f"SELECT t.session_id, count(*) FROM ({each}) c JOIN threads t ON t.id = c.thread"
            " GROUP BY t.session_id ORDER BY count(*) DESC, t.session_id",
            (thread,) * (len(OPERATIONS) + 1),
        )
    )


def told(database: Database, selection: Selection, mark: str) -> list[Told]:
    """The values of a mark that the selected sessions tell, by agent; most sessions first."""
    test, values = threads_filter(database, selection, by_start=True)
    return [
        Told(*row)
        for row in database.rows(
            "SELECT t.agent, m.value, count(DISTINCT t.root) FROM marks m"
            " JOIN threads t ON t.id = m.thread"
            " JOIN agent_telemetry_summaries s ON s.thread = t.id"
            f" WHERE m.name = ? AND {test} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            [mark, *values],
        )
    ]


def marked(database: Database, mark: str, since_us: int) -> list[Marked]:
    """The values of a mark that were told since then, in order of time."""
    return [
        Marked(*row)
        for row in database.rows(
            "SELECT t.agent, m.value, m.first_us, m.last_us FROM marks m"
            " JOIN threads t ON t.id = m.thread WHERE m.name = ? AND m.last_us >= ?"
            " ORDER BY m.last_us, t.agent, m.value",
            [mark, since_us],
        )
    ]


def inputs(database: Database, selection: Selection) -> tuple[Input, dict[str, Input]]:
    """What was read, in all and by source; of the selected files, where paths are selected.

    A torn last record that waits for its rest is a record and a problem until it is whole.
    """
    test, values = "true", []
    if selection.paths is not None:
        test, values = FILES_HERE, [database.host, listed(selection.paths)]
    copies: dict[str, int] = dict(
        database.rows(
            "SELECT source, sum(n - 1) FROM ("
            " SELECT min(f.source) AS source, sum(c.told) AS n FROM copies c"
            f" JOIN files f ON f.id = c.file WHERE {test} GROUP BY c.key) again"
            " WHERE n > 1 GROUP BY 1",
            values,
        )
    )
    by_source: dict[str, Input] = {}
    for source, files, records, parsed, problems, torn in database.rows(
        "SELECT f.source, count(*), sum(f.records), sum(f.parsed), sum(f.problems),"
        " count(*) FILTER (WHERE f.tail_bytes > 0)"
        f" FROM files f WHERE f.source IS NOT NULL AND {test} GROUP BY 1",
        values,
    ):
        duplicates = copies.get(source, 0)
        by_source[source] = Input(
            files=files,
            records=records + torn,
            parsed=parsed - duplicates,
            duplicates=duplicates,
            skipped=records - parsed - problems,
            problems=problems + torn,
        )
    total = Input(
        *(
            sum(getattr(part, name) for part in by_source.values())
            for name in Input.__struct_fields__
        )
    )
    return total, by_source


def files(database: Database, *, odd: bool) -> list[FileReport]:
    """Every file that was looked at, or those of which there is something odd to tell, by path."""
    asked = "f.note IS NOT NULL OR f.unknown <> '{}'" if odd else "true"
    some = f"file IN (SELECT f.id FROM files f WHERE {asked})"
    problems: dict[int, list[tuple[int, str, str]]] = {}
    for file, offset, kind, detail in database.rows(
        f'SELECT file, "offset", kind, detail FROM problems WHERE {some}'
        ' ORDER BY file, "offset", kind'
    ):
        problems.setdefault(file, []).append((offset, kind, detail))
    threads: dict[int, int] = dict(
        database.rows(f"SELECT file, count(*) FROM told WHERE {some} GROUP BY file")
    )
    copies: dict[int, int] = dict(
        database.rows(
            "SELECT c.file, sum(c.told) - count(*) FILTER (WHERE l.file = c.file)"
            f" FROM copies c JOIN ledger l ON l.key = c.key WHERE c.{some} GROUP BY c.file"
        )
    )
    return [
        FileReport(
            path=path,
            source=source,
            size=size,
            offset=offset,
            tail_bytes=tail,
            records=records,
            parsed=parsed - copies.get(number, 0),
            duplicates=copies.get(number, 0),
            skipped=_counts_decoder.decode(skipped),
            unknown=_counts_decoder.decode(unknown),
            problems=problems.get(number, []),
            note=note,
            threads=threads.get(number, 0),
            read_us=read_us,
        )
        for (
            number,
            path,
            source,
            size,
            offset,
            tail,
            records,
            parsed,
            skipped,
            unknown,
            note,
            read_us,
        ) in database.rows(
            f'SELECT f.id, {PLACE}, f.source, f.size, f."offset", f.tail_bytes, f.records,'
            " f.parsed, f.skipped, f.unknown, f.note, f.read_us"
            f" FROM files f WHERE {asked} ORDER BY f.path, f.host",
            (database.host,),
        )
    ]
