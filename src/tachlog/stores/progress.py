"""How far each file was read, which of its records are copies, what could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

import msgspec

from tachlog.model import Problem, is_table
from tachlog.stores import Portion, Progress
from tachlog.stores.database import LISTED, LISTED_TEXTS, Database, host_of, listed, marks

FILE_COLUMNS: Final = (
    'host, path, source, revision, identity, size, mtime_ns, "offset", tail_bytes, state, records, '
    "parsed, skipped, unknown, problems, note, read_us, done, owner, machine"
)

_counts_decoder: Final = msgspec.json.Decoder(dict[str, int])


def known(database: Database, paths: Collection[str] | None) -> dict[str, Progress]:
    """The progress of every known file of this machine, or of these, by path."""
    found = database.rows(
        'SELECT path, source, revision, identity, size, mtime_ns, "offset", tail_bytes, state,'
        f" done FROM files WHERE host IN ('', ?){_among(paths)}",
        (database.host, *(() if paths is None else (listed(paths),))),
    )
    return {row[0]: msgspec.convert(row, Progress, strict=False) for row in found}


def at_rest(database: Database, paths: Collection[str] | None) -> dict[str, tuple[int, int]]:
    """Size and time (ns) of every file that was read to its end, or of these, by path."""
    found = database.rows(
        f"SELECT path, size, mtime_ns FROM files WHERE done = 1 AND host IN ('', ?){_among(paths)}",
        (database.host, *(() if paths is None else (listed(paths),))),
    )
    return {path: (size, mtime_ns) for path, size, mtime_ns in found}


def _among(paths: Collection[str] | None) -> str:
    return "" if paths is None else f" AND path IN {LISTED_TEXTS}"


def advance(database: Database, portion: Portion) -> int | None:
    """Move a file's progress by a portion; None when it is no longer where the portion began.

    Gives the number of the file. What an earlier reading of a file that was rewritten since told
    stays in the archive; its counts begin anew.
    """
    host = host_of(database, portion.path)
    found = database.rows(
        'SELECT id, identity, "offset", records, parsed, skipped, unknown, problems'
        " FROM files WHERE host = ? AND path = ?",
        (host, portion.path),
    )
    was = (bytes(found[0][1]), int(found[0][2])) if found else None
    if was != portion.expected:
        return None
    records = parsed = problems = 0
    skipped: dict[str, int] = {}
    unknown: dict[str, int] = {}
    if found:
        file = int(found[0][0])
        if portion.replaced:
            database.run("DELETE FROM copies WHERE file = ?", (file,))
            database.run("DELETE FROM problems WHERE file = ?", (file,))
            database.run("UPDATE ledger SET file = 0 WHERE file = ?", (file,))
        else:
            records, parsed, problems = found[0][3], found[0][4], found[0][7]
            skipped = _counts_decoder.decode(found[0][5])
            unknown = _counts_decoder.decode(found[0][6])
        if is_table(portion.path):
            portion.record_keys = _untold(database, file, portion.record_keys)
    parsed += len(portion.record_keys)
    problems += len(portion.problems)
    records += portion.records_covered
    values = (
        host,
        portion.path,
        portion.source,
        portion.revision,
        portion.identity,
        portion.size,
        portion.mtime_ns,
        portion.offset,
        portion.tail_bytes,
        portion.state,
        records,
        parsed,
        _added(skipped, portion.skipped),
        _added(unknown, portion.unknown),
        problems,
        portion.note,
        portion.read_us,
        int(portion.done),
        portion.owner,
        portion.machine,
    )
    if found:
        columns = ", ".join(f"{name} = ?" for name in FILE_COLUMNS.split(", "))
        database.run(f"UPDATE files SET {columns} WHERE id = ?", (*values, file))
    else:
        ((file,),) = database.rows(
            f"INSERT INTO files ({FILE_COLUMNS}) VALUES ({marks(FILE_COLUMNS)}) RETURNING id",
            values,
        )
    return file


def _untold(database: Database, file: int, keys: list[int]) -> list[int]:
    """Those that a table did not tell before: a row that changed in place is the same record."""
    found = database.rows(
        f"SELECT key FROM ledger WHERE file = ? AND key IN {LISTED}", (file, listed(keys))
    )
    known = {key for (key,) in found}
    return [key for key in keys if key not in known]


def _added(counts: dict[str, int], more: dict[str, int]) -> str:
    for kind, count in more.items():
        counts[kind] = counts.get(kind, 0) + count
    return msgspec.json.encode(counts, order="sorted").decode()


def enter(database: Database, file: int, portion: Portion) -> None:
    """Note a portion's records in the ledger, copies among them, and its problems.

    `copies` says how often each file tells a record that is told more than once, so that for any
    set of files duplicates = all tellings − distinct records, in whatever order they were read.
    """
    told = Counter(portion.record_keys)
    known: dict[int, int] = dict(
        database.rows(f"SELECT key, file FROM ledger WHERE key IN {LISTED}", (listed(told),))
    )
    reclaimed = [key for key, owner in known.items() if owner == 0]
    if reclaimed:
        database.run(f"UPDATE ledger SET file = ? WHERE key IN {LISTED}", (file, listed(reclaimed)))
        copied = {
            key
            for (key,) in database.rows(
                f"SELECT DISTINCT key FROM copies WHERE key IN {LISTED}", (listed(reclaimed),)
            )
        }
        for key in reclaimed:
            if key not in copied:
                del known[key]
            else:
                known[key] = file
                told[key] -= 1
    database.insert(
        "ledger", "key, file", [(key, file) for key in told if key not in known], "(key) DO NOTHING"
    )
    again = {key: count for key, count in told.items() if key in known or count > 1}
    if again:
        columns = "key, file, told"
        database.insert(
            "copies", columns, [(key, known.get(key, file), 1) for key in again], "DO NOTHING"
        )
        database.insert(
            "copies",
            columns,
            [
                (key, file, count if key in known else count - 1)
                for key, count in again.items()
                if count - (key not in known) > 0
            ],
            "(key, file) DO UPDATE SET told = copies.told + excluded.told",
        )
    database.insert(
        "problems",
        'file, "offset", kind, detail',
        [_problem_row(file, problem) for problem in (*portion.problems, *portion.unread)],
        "DO NOTHING",
    )


def _problem_row(file: int, problem: Problem) -> tuple[int, int, str, str]:
    return (file, problem.offset, problem.kind, problem.detail)
