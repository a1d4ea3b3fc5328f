"""`tachlog export --format otlp`: what model and tool calls came to, told to a collector."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.selection import Selection
from tachlog.analysis.units import rfc3339
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Misuse, Unanswered
from tachlog.cli.options import SELECTING
from tachlog.posting import PostError
from tachlog.scraping.growth import Growth, Kept
from tachlog.scraping.otlp import collector_of, push
from tachlog.stores import shown

NOTE = "otlp"
"""What was told last, in the archive: the next time goes on from there."""


class Pushed(Struct, frozen=True):
    """What a collector was told: points counted from `since` on, and how many it refused."""

    endpoint: str
    since: str
    points: int
    rejected: int
    message: str


def export_otlp(ask: Ask) -> Answer:
    """Tell a collector what came to the archive, in sums that only grow."""
    _refuse_other(ask.options)
    try:
        collector = collector_of(ask.caller.environ, ask.options.endpoint, ask.options.headers)
    except ValueError as error:
        raise Misuse(f"--endpoint: {error}") from None
    if collector is None:
        raise Misuse("--endpoint: the collector's address, such as http://localhost:4318")
    with ask.store() as store:
        told = store.noted(NOTE)
        kept = None if told is None else msgspec.json.decode(told, type=Kept)
        growth = Growth(kept, with_history=True)
        counts = growth.look(store.counting, ask.caller.now_us)
        kept = growth.kept()
        with store.export(Selection()) as archive:
            name = archive.archive_id()
        try:
            answered = push(collector, counts, name, kept.since_us, ask.caller.now_us)
        except PostError as error:
            raise Unanswered(str(error)) from None
        store.note(NOTE, msgspec.json.encode(kept).decode())
    found = Pushed(
        shown(collector.url),
        rfc3339(kept.since_us),
        answered.points,
        answered.rejected,
        answered.message,
    )
    notes = [f"the collector says: {found.message}"] if found.message else []
    return Answer(found, lambda: _lines(found), notes, 1 if found.rejected else 0)


def _refuse_other(options: Namespace) -> None:
    """What selects files or sessions says nothing to a collector: refused, not passed over."""
    given = [f"--{name}" for name in SELECTING if getattr(options, name) is not None]
    given += ["--hints"] if options.hints else []
    given += ["DIR"] if options.dir else []
    if given:
        raise Misuse(
            f"{given[0]} does not go with --format otlp: it tells sums of the whole archive"
        )


def _lines(found: Pushed) -> Iterator[str]:
    points = fmt.plural(found.points, "point")
    yield f"{points} sent to {found.endpoint}, counted since {found.since}"
    if found.rejected:
        yield f"it refused {found.rejected:,} of them"
