"""The verb `db`: what the archive itself is."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from tachlog.cli import format as fmt
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.table import Column, table
from tachlog.stores import TableSize

_COLUMNS = (
    Column("TABLE"),
    Column("ROWS", right=True),
    Column("SIZE", right=True),
    Column("SHARE", right=True),
)


class Sizes(Struct, frozen=True):
    """What the archive takes, in all and by table."""

    archive: str
    bytes: int
    tables: list[TableSize]


def db(ask: Ask) -> Answer:
    """Answer `tachlog db sizes`."""
    with ask.store() as store:
        found = Sizes(ask.archive, store.size(), store.tables())
    return Answer(found, lambda: _lines(found, ask))


def _lines(found: Sizes, ask: Ask) -> Iterator[str]:
    facts = f" · {fmt.size(found.bytes)} · {found.archive}"
    yield fmt.line([("ARCHIVE", "bold"), facts], ask.width, ask.has_color)
    yield ""
    whole = sum(each.bytes or 0 for each in found.tables)
    rows = [
        [
            each.table,
            fmt.count(each.rows),
            fmt.NONE if each.bytes is None else fmt.size(each.bytes),
            fmt.percent(each.bytes / whole) if each.bytes is not None and whole else fmt.NONE,
        ]
        for each in found.tables
    ]
    yield from table(_COLUMNS, rows, ask.width, ask.has_color)
