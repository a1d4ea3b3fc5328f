"""The verb `watch`: follow the logs into the archive, and tell on one line how it goes."""

from __future__ import annotations

import signal
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final, TextIO

from tachlog import figures as fmt
from tachlog.cli.answering import Ask
from tachlog.cli.calling import Caller
from tachlog.data.agents import AGENTS

if TYPE_CHECKING:
    from tachlog.watching import Places, Step

MOMENT_SECONDS: Final = 0.25
"""How often the line is written anew at most."""

REPORT_SECONDS: Final = 60.0
"""How often a line is written where nobody looks at one that changes."""

_DAY_US: Final = 86_400 * 1_000_000
_CLEAR_LINE: Final = "\r\x1b[K"


def watch(options: Namespace, caller: Caller) -> int:
    """Run `tachlog watch` until it is interrupted or told to end."""
    from tachlog.hooks.facts import spool_path
    from tachlog.watching import follow

    ask = Ask(options, caller)
    places = _places(ask)
    _ = ask.prices  # a price file that cannot be used is told before anything is read
    screen = _Screen(ask)
    with _ended_by_signals() as stop:
        try:
            follow(
                ask.config.storage.url,
                places,
                ask.config,
                stop=stop,
                told=screen.json if options.json else screen.tell,
                jobs=options.jobs,
                poll=options.poll,
                hooks=spool_path(caller.environ),
            )
        finally:
            screen.end()
    return 0


def _places(ask: Ask) -> Places:
    """What is followed: what the person named, else everything that is or will be found."""
    from tachlog.discovery import walk
    from tachlog.watching import discovered, named

    paths = ask.options.path
    if not paths:
        return discovered(ask.caller.environ, ask.config)
    walk([path for path in paths if "://" not in path])  # raises for a missing one
    return named(paths)


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, instead of ending the program in the middle."""
    stop = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, lambda *_: stop.set()) for each in signals]
    try:
        yield stop
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


class _Screen:
    """What is told while logs are followed: a line that changes, or one a minute in a log."""

    def __init__(self, ask: Ask) -> None:
        caller = ask.caller
        self._out: TextIO = caller.out
        self._err: TextIO = caller.err
        self._width: Callable[[], int] = lambda: caller.width
        self._zone = ask.zone
        self._changes = caller.out.isatty() and caller.environ.get("TERM") != "dumb"
        self._archive = ask.archive
        self._records = 0
        self._next = 0.0
        self._told: set[str] = set()

    def json(self, step: Step) -> None:
        """Tell a step as one object on one line."""
        import msgspec

        from tachlog.analysis.units import rfc3339

        told = msgspec.to_builtins(step)
        told["at"] = rfc3339(told.pop("at_us"))
        if step.last is not None:
            told["last"]["at"] = rfc3339(told["last"].pop("at_us"))
        self._out.write(msgspec.json.encode(told).decode() + "\n")
        self._out.flush()

    def tell(self, step: Step) -> None:
        """Tell what cannot be read once, and how it goes now and then."""
        self._records += step.records
        for path, note in step.notes.items():
            self._once(f"{path}: {note}" if path else note)
        if step.fault:
            self._once(step.fault)
        else:
            self._told = {line for line in self._told if line in _lines(step)}
        if monotonic() < self._next and not step.fault:
            return
        self._next = monotonic() + (MOMENT_SECONDS if self._changes else REPORT_SECONDS)
        line = fmt.plain(self._line(step))
        if self._changes:
            self._out.write(_CLEAR_LINE + fmt.clip(line, self._width() - 1))
        else:
            self._out.write(f"{line}\n")
        self._out.flush()

    def end(self) -> None:
        """Leave the line that changes."""
        if self._changes:
            self._out.write("\n")
            self._out.flush()

    def _once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._out.write(_CLEAR_LINE if self._changes else "")
            self._out.flush()
            self._err.write(fmt.plain(f"tachlog watch: {line}") + "\n")
            self._err.flush()

    def _line(self, step: Step) -> str:
        told = [f"{fmt.plural(step.active_sessions, 'session')} active"]
        if step.last is not None:
            at = datetime.fromtimestamp(step.last.at_us / 1e6, UTC).astimezone(self._zone)
            when = f"{at:%H:%M:%S}" if step.at_us - step.last.at_us < _DAY_US else f"{at:%d %b %Y}"
            agent = AGENTS.get(step.last.agent, step.last.agent)
            told.append(f"last {when} {agent} {step.last.what}")
        if step.fault:
            told.append("the archive fails")
        elif step.backlog_files:
            told.append(f"{fmt.size(step.backlog_bytes)} of older logs to read")
        elif step.behind_ms is None:
            told.append("up to date")
        else:
            told.append(f"{fmt.duration(step.behind_ms / 1000)} behind")
        told.append(f"{fmt.plural(self._records, 'record')} read")
        return " · ".join(told)


def _lines(step: Step) -> set[str]:
    return {f"{path}: {note}" if path else note for path, note in step.notes.items()}
