"""The verb `export`: the archive as files for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tachlog import figures as fmt
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Misuse
from tachlog.cli.options import SELECTING
from tachlog.cli.table import Column, table
from tachlog.export import Exported, Wish
from tachlog.export import export as write_export

_COLUMNS = (
    Column("TABLE"),
    Column("DAYS", right=True),
    Column("ROWS", right=True),
    Column("SIZE", right=True),
    Column("WRITTEN NOW", right=True),
    Column("REMOVED", right=True),
)


def export(ask: Ask) -> Answer:
    """Answer `tachlog export`."""
    options = ask.options
    if options.format == "otlp":
        from tachlog.cli.pushing import export_otlp

        return export_otlp(ask)
    if options.dir is None:
        raise Misuse("DIR is missing: the directory; it is made, and brought up to date")
    if options.endpoint or options.headers:
        raise Misuse("--endpoint and --headers go with --format otlp")
    asked = {
        name: str(value) for name in SELECTING if (value := getattr(options, name)) is not None
    }
    wish = Wish(options.format, options.hints, ask.selection(), asked)
    with ask.store() as store:
        found = write_export(store, Path(options.dir), wish)
    return Answer(found, lambda: _lines(found, ask))


def _lines(found: Exported, ask: Ask) -> Iterator[str]:
    kind = "with hints" if found.hints else "facts only"
    facts = f"{found.format} · {kind} · days in UTC · {found.directory}"
    yield fmt.line([("EXPORT", "bold"), f" · {facts}"], ask.width, ask.has_color)
    yield ""
    rows = [
        [
            each.table,
            fmt.count(each.days),
            fmt.count(each.rows),
            fmt.size(each.bytes),
            fmt.plural(each.written, "file") if each.written else fmt.NONE,
            fmt.plural(each.removed, "file") if each.removed else "",
        ]
        for each in found.tables
    ]
    yield from table(_COLUMNS, rows, ask.width, ask.has_color)
    if not found.written and not found.removed:
        yield ""
        yield "nothing changed since the last export"
    if found.pruned_before is not None:
        yield ""
        yield (
            f"operations from before {found.pruned_before[:10]} were deleted from the archive:"
            " what was exported of them stays"
        )
