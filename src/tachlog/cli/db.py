"""The verb `db`: what the archive itself is, and what of it is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.units import optional_rfc3339, rfc3339
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.table import Column, table
from tachlog.stores.counting import TableSize

MOST_NAMED = 20

_COLUMNS = (
    Column("TABLE"),
    Column("ROWS", right=True),
    Column("SIZE", right=True),
    Column("SHARE", right=True),
)


class PruneView(Struct, frozen=True):
    """What `prune` deletes and why: operations `before` a time, as the key `rule` asks for.

    `first` is the time of the first of them; `operations` are counted by table. Of sessions that
    had ended before `history`, in all `ended` with their sub-agents, everything goes; it is None
    where sessions stay for ever. `deleted` operations and `deleted_sessions` went; `bytes_after` is
    None where nothing was deleted.
    """

    archive: str
    rule: str
    before: str
    first: str | None
    threads: int
    operations: dict[str, int]
    history: str | None
    ended: int
    deleted: int
    deleted_sessions: int
    bytes_before: int
    bytes_after: int | None


class Rebuilt(Struct, frozen=True):
    """What `rebuild` found: the sessions whose figures are not what they come to.

    `totals` is how many sums by agent, quarter hour and name are not what the sessions come to.
    """

    archive: str
    sessions: int
    differing: list[str]
    totals: int
    written: bool


class Migrated(Struct, frozen=True):
    """The version of the archive's tables, and the one that it was of before."""

    archive: str
    before: int
    version: int
    sessions: int


class Sizes(Struct, frozen=True):
    """What the archive takes, in all and by table."""

    archive: str
    bytes: int
    tables: list[TableSize]


def db(ask: Ask) -> Answer:
    """Answer `tachlog db` with `sizes`, `migrate`, `prune` and `rebuild`."""
    if ask.options.what == "migrate":
        return _migrate(ask)
    if ask.options.what == "prune":
        return _prune(ask)
    if ask.options.what == "rebuild":
        return _rebuild(ask)
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


def _migrate(ask: Ask) -> Answer:
    """Opening is what brings an archive to this version."""
    from tachlog.stores.schema import VERSION

    with ask.store() as store:
        found = Migrated(ask.archive, store.came_from, VERSION, store.count())
    told = f"{found.archive}: version {found.version}, {fmt.plural(found.sessions, 'session')}"
    is_new = found.before == found.version
    told += "; nothing to do" if is_new else f"; it was of version {found.before}"
    return Answer(found, lambda: [told])


def _prune(ask: Ask) -> Answer:
    from tachlog import retention

    with ask.store() as store:
        plan = retention.planned(store, ask.config, ask.caller.now_us)
        is_refused = not plan.is_empty and not retention.is_asked_for(ask.loaded)
        done = None
        if not (plan.is_empty or is_refused or ask.options.dry_run):
            from tachlog.engines.work import measurer_of
            from tachlog.pipeline import setup_of

            done = retention.prune(store, plan, measurer_of(setup_of(ask.config)))
    view = PruneView(
        ask.archive,
        plan.cut.rule,
        rfc3339(plan.cut.cut_us),
        optional_rfc3339(plan.old.first_us),
        len(plan.old.threads),
        plan.old.operations,
        None if plan.history is None else rfc3339(plan.history.cut_us),
        len(plan.ended),
        0 if done is None else done.operations,
        0 if done is None else done.sessions,
        plan.bytes,
        None if done is None else done.bytes,
    )
    notes = []
    if is_refused and not ask.options.dry_run:
        notes.append(
            "nothing was deleted: how long operations stay is not set; set storage.retention_days"
            f" (days, as {ask.config.storage.retention_days}) or storage.max_size (bytes) in"
            f" {ask.loaded.path} and run again"
        )
    return Answer(view, lambda: _pruned_lines(view, ask), notes, 1 if notes else 0)


def _pruned_lines(view: PruneView, ask: Ask) -> Iterator[str]:
    day = _day(view.before, ask)
    facts = f" · {fmt.size(view.bytes_before)} · {view.archive}"
    yield fmt.line([("ARCHIVE", "bold"), facts], ask.width, ask.has_color)
    yield ""
    total = sum(view.operations.values())
    ended = "" if view.history is None else f"ended before {_day(view.history, ask)}"
    if not total and not view.ended:
        yield f"nothing is from before {day} ({view.rule})"
        if ended:
            yield f"no session {ended} (storage.history_days)"
        return
    if view.bytes_after is not None:
        freed = view.bytes_before - view.bytes_after
        told = f"; the archive takes {fmt.size(view.bytes_after)} now"
        told += f", {fmt.size(freed)} less" if freed > 0 else ""
        if view.deleted_sessions:
            of = fmt.plural(view.deleted_sessions, "session")
            yield f"deleted {of} that had {ended}, with all figures (storage.history_days)"
        of = f"deleted {fmt.plural(view.deleted, 'operation')}"
        yield f"{of} from before {day} ({view.rule}){told}"
    else:
        if view.ended:
            of = f"the rows and days of {fmt.plural(view.ended, 'session')} and sub-agents"
            yield f"would delete {of} that had {ended} (storage.history_days)"
        of = fmt.plural(view.threads, "session")
        yield f"would delete from before {day} ({view.rule}), of {of} and sub-agents:"
        yield ""
        rows = [(name, fmt.count(number)) for name, number in view.operations.items() if number]
        yield from table((Column("OPERATIONS"), Column("COUNT", right=True)), rows, ask.width)
        yield ""
    stays = "all other sessions" if view.ended else "sessions"
    yield f"{stays}, days and totals stay as they are; docs/retention.md says what goes with it"


def _day(moment: str, ask: Ask) -> str:
    at = datetime.fromisoformat(moment).astimezone(ask.zone)
    return f"{at:%a} {at.day} {at:%b %Y}"


def _rebuild(ask: Ask) -> Answer:
    from tachlog.engines.work import measurer_of
    from tachlog.pipeline import setup_of

    with ask.store() as store:
        measure = measurer_of(setup_of(ask.config))
        differing, totals = store.past.rebuild(measure, writes=False)
        writes = bool(differing or totals) and not ask.options.dry_run
        view = Rebuilt(ask.archive, store.count(), differing, totals, writes)
        if writes:
            store.past.rebuild(measure, writes=True)
    return Answer(view, lambda: _rebuilt_lines(view))


def _rebuilt_lines(view: Rebuilt) -> Iterator[str]:
    of = fmt.plural(view.sessions, "session")
    if view.differing:
        yield f"{of}: figures of {len(view.differing)} are not what their operations come to now"
        yield from (f"  {fmt.plain(name)}" for name in view.differing[:MOST_NAMED])
        if len(view.differing) > MOST_NAMED:
            yield f"  and {len(view.differing) - MOST_NAMED:,} more"
    else:
        yield f"{of}: all figures are what their operations come to"
    if view.totals:
        yield f"{view.totals:,} of the totals of agents are not what their sessions come to now"
    else:
        yield "all totals of agents are what their sessions come to"
    if not view.differing and not view.totals:
        return
    yield "they were put right" if view.written else "nothing was written"
