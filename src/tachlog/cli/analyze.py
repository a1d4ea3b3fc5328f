"""The main verb `analyze`, and the five lines of `tachlog` alone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from tachlog import figures as fmt
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Misuse, Unanswered
from tachlog.cli.mirroring import followed
from tachlog.cli.progress import progress_bar
from tachlog.records import is_unread

if TYPE_CHECKING:
    from tachlog.analysis.alerts import Alert
    from tachlog.analysis.overview import Overview
    from tachlog.analysis.selection import FileReport, Selection
    from tachlog.analysis.summary import ReadNowView, RenewedView
    from tachlog.analysis.unlogged import NotLogged, SideCall
    from tachlog.pipeline import ReadNow
    from tachlog.stores import Store

FOUND_PROBLEMS = 3
MOST_UNREAD = 8
"""Lines on what could not be read."""


class Logs(NamedTuple):
    """What is to be read: `chosen` by the person, or found; `archive` where it is kept."""

    paths: list[str]
    chosen: bool
    archive: str
    notes: list[str]


def analyze(ask: Ask) -> Answer:
    """Answer `tachlog analyze`."""
    from msgspec.structs import replace

    from tachlog.engines import EngineError
    from tachlog.engines.choice import engine_of
    from tachlog.pipeline import bring_up_to_date
    from tachlog.stores import open_store

    selection, _ = ask.selection(), ask.prices  # a misuse is told before anything is read
    try:
        engine = engine_of(ask.options.engine, ask.options.jobs)
    except EngineError as error:
        raise Misuse(str(error)) from error
    logs = _logs(ask)
    store = open_store(logs.archive)
    try:
        before = _Before(store)
        with progress_bar(ask.caller) as progress:
            read = bring_up_to_date(
                store,
                logs.paths,
                ask.config,
                jobs=ask.options.jobs,
                progress=progress,
                engine=engine,
            )
        selection = replace(selection, paths=read.paths if logs.chosen else None)
        found = _overview(ask, store, selection, _read_now(store, read, before))
        files = store.files(odd=True)
        missing = [] if ask.options.json else _not_in_any_log(ask, found.side_calls)
        mirrors = [] if ask.options.no_store else followed(ask, store)
    except EngineError as error:
        raise Unanswered(str(error)) from error
    finally:
        store.close()
    unread = _unread(logs, read, files)
    unknown = _unknown(files, selection.paths)
    has_problem = bool(found.result.input.problems) or any(map(is_unread, unknown))
    fails = bool(ask.options.fail_on) and has_problem
    return Answer(
        found.result,
        lambda: _screen(ask, found, unknown, missing),
        [*unread, *logs.notes, *map(_renewed, found.result.read_now.renewed), *mirrors],
        FOUND_PROBLEMS if fails else int(bool(logs.chosen and unread)),
    )


def short(ask: Ask) -> Answer:
    """Answer `tachlog` alone."""
    from tachlog.analysis.realtime import realtime
    from tachlog.analysis.selection import Selection

    if not ask.has_archive:
        told = (
            f"nothing read yet: tachlog analyze reads the logs on this machine into {ask.archive}"
        )
        return Answer(None, lambda: [told])
    with ask.store() as store:
        found = _overview(ask, store, Selection(), None)
        now = realtime(
            store,
            now_us=ask.caller.now_us,
            time_zone=ask.config.display.time_zone,
            thresholds=ask.config.alerts,
        )
    return Answer(found.result, lambda: _short_screen(ask, found, now.alerts))


def _logs(ask: Ask) -> Logs:
    """What is to be read; raises `Unanswered` when there is nothing."""
    options = ask.options
    archive = "private:" if options.no_store else ask.config.storage.url
    if options.path:
        from tachlog.discovery import walk

        walk([path for path in options.path if "://" not in path])  # raises for a missing one
        return Logs(options.path, True, archive, [])
    found, looked_in = _discovered(ask)
    if found:
        return Logs(found, False, archive, [])
    if options.or_demo:
        return _demo(ask, archive)
    raise Unanswered(
        f"no agent logs on this machine; looked in {', '.join(looked_in)}\n"
        "name a path, or see what it would look like: tachlog analyze --or-demo"
    )


def _discovered(ask: Ask) -> tuple[list[str], list[str]]:
    """The directories with logs, and all that were looked at."""
    from tachlog.discovery import discover, home_of

    environ = ask.caller.environ
    places = discover(environ, home_of(environ))
    own = list(ask.config.sources.paths)
    found = [str(place.directory) for place in places if place.files]
    return found + own, [str(place.directory) for place in places] + own


def _demo(ask: Ask, archive: str) -> Logs:
    """The example logs: written once, kept apart from the archive of real sessions."""
    from pathlib import Path

    from tachlog.config import cache_home
    from tachlog.demo import write_demo

    directory = Path(cache_home(ask.caller.environ), "demo")
    if not directory.is_dir():
        now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ask.caller.now_us)
        unfinished = directory.with_name("demo.new")
        write_demo(unfinished, until=now.replace(minute=0, second=0, microsecond=0))
        unfinished.rename(directory)
    notes = [f"no agent logs on this machine: these are the example logs in {directory}"]
    if ask.loaded.origins["storage.url"] == "default" and archive != "private:":
        archive = str(directory.with_name("demo.db"))
        notes.append(f"look further with --db {archive}")
    return Logs([str(directory)], False, archive, notes)


class _Before:
    """What the archive knew before this run."""

    def __init__(self, store: Store) -> None:
        self.sessions = store.count()
        self.read_us = store.last_read_us()


def _overview(
    ask: Ask, store: Store, selection: Selection, read_now: ReadNowView | None
) -> Overview:
    from tachlog.analysis.overview import overview

    return overview(
        store,
        selection,
        time_zone=ask.config.display.time_zone,
        prices=ask.prices,
        now_us=ask.caller.now_us,
        read_now=read_now,
        views=ask.options.json,
    )


def _read_now(store: Store, read: ReadNow, before: _Before) -> ReadNowView:
    from tachlog.analysis.summary import ReadNowView
    from tachlog.analysis.units import optional_rfc3339

    return ReadNowView(
        files=read.files,
        bytes=read.bytes,
        records=read.records,
        sessions=store.count() - before.sessions,
        seconds=read.seconds,
        since=optional_rfc3339(before.read_us),
        renewed=read.renewed,
    )


def _not_in_any_log(ask: Ask, calls: Sequence[SideCall]) -> list[NotLogged]:
    from tachlog.analysis.unlogged import not_logged

    return not_logged(calls, ask.book.price)


def _screen(
    ask: Ask, found: Overview, unknown: Mapping[str, int], missing: Sequence[NotLogged]
) -> list[str]:
    from tachlog.cli.answer import render_answer

    text = render_answer(
        found,
        width=ask.width,
        color=ask.has_color,
        unknown=unknown,
        billing=ask.config.billing,
        not_in_any_log=missing,
    )
    return text.splitlines()


def _short_screen(ask: Ask, found: Overview, alerts: Sequence[Alert]) -> list[str]:
    from tachlog.cli.answer import render_short

    text = render_short(found, alerts=alerts, width=ask.width, color=ask.has_color)
    return text.splitlines()


def _unknown(files: Sequence[FileReport], paths: Sequence[str] | None) -> Counter[str]:
    """How many records have a kind that their source does not know, by kind."""
    counts: Counter[str] = Counter()
    chosen = None if paths is None else frozenset(paths)
    for file in files:
        if file.unknown and (chosen is None or file.path in chosen):
            counts.update(file.unknown)
    return counts


def _unread(logs: Logs, read: ReadNow, reports: Sequence[FileReport]) -> list[str]:
    """What was named and gave nothing, what could not be read, and why."""
    named = {os.path.abspath(path) for path in logs.paths if "://" not in path} | set(logs.paths)
    notes = {r.path: r.note for r in reports if r.note and r.path in named} | read.notes
    told = [f"{path}: {note}" for path, note in sorted(notes.items())]
    if len(told) > MOST_UNREAD:
        more = len(told) - MOST_UNREAD + 1
        told[MOST_UNREAD - 1 :] = [f"{more} more could not be read: tachlog doctor --all"]
    empty = [
        f"{path}: no logs in this directory"
        for path in logs.paths
        if logs.chosen and os.path.isdir(path) and not _within(os.path.abspath(path), read.paths)
    ]
    return told + empty


def _renewed(one: RenewedView) -> str:
    """What reading again moved and why, in one line."""
    told = f"{one.title} logs: revision {one.revision} of this format"
    told += f" ({one.change})" if one.change else ""
    if one.files:
        figures = (
            ("call", one.calls_before, one.calls),
            ("tool call", one.tool_calls_before, one.tool_calls),
            ("token", one.tokens_before, one.tokens),
        )
        moved = [
            f"{fmt.plural(now, name)}, before {was:,}" for name, was, now in figures if was != now
        ]
        told += f", {fmt.plural(one.files, 'file')} read again: "
        told += "; ".join(moved) or "calls and tokens are as before"
    if one.staying:
        told += f"; {fmt.plural(one.staying, 'file')} not, as others that told of the same are gone"
    if one.kept:
        told += f"; {fmt.plural(one.kept, 'file')} not, as old operations of the same were deleted"
    return told


def _within(directory: str, paths: Sequence[str]) -> bool:
    return any(path.startswith(os.path.join(directory, "")) for path in paths)
