"""Where the spans of traces lie, whatever file tells them, and which calls only repeat others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from tachlog.identity import merge_places, repeated
from tachlog.model import TELLINGS, SpanPlace
from tachlog.stores.database import LISTED, Database, listed, replacing

_COLUMNS: Final = "trace, key, parent, call, metered, file"
_TELEMETRY: Final = TELLINGS.index("telemetry")


def place(database: Database, file: int, spans: Sequence[SpanPlace]) -> set[int]:
    """Keep where spans lie; gives the names of all calls of their traces that others repeat."""
    if not spans:
        return set()
    placed = {
        (row[0], row[1]): SpanPlace(row[0], row[1], row[2], row[3], bool(row[4]))
        for row in database.rows(
            f"SELECT trace, key, parent, call, metered FROM spans WHERE trace IN {LISTED}",
            (listed({span.trace for span in spans}),),
        )
    }
    for span in spans:
        known = placed.get((span.trace, span.key), span)
        placed[span.trace, span.key] = merge_places(known, span)
    database.insert(
        "spans",
        _COLUMNS,
        [
            (span.trace, span.key, span.parent, span.call, int(span.metered), file)
            for span in (placed[name] for name in {(span.trace, span.key) for span in spans})
        ],
        replacing(_COLUMNS, "trace, key"),
    )
    return repeated(placed.values())


def forget(database: Database, calls: Collection[int]) -> set[int]:
    """Delete calls that others repeat; gives the threads that had them or told of them."""
    names = listed(calls)
    threads = {
        thread
        for (thread,) in database.rows(
            f"SELECT thread FROM calls WHERE key IN {LISTED} UNION"
            f" SELECT thread FROM said WHERE key IN {LISTED} AND telling = ?",
            (names, names, _TELEMETRY),
        )
    }
    for table in ("calls", "tellings"):
        database.run(f"DELETE FROM {table} WHERE key IN {LISTED}", (names,))
    return threads
