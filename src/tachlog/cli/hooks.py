"""The verb `hooks`: lets an agent tell by its hooks what it does, and takes that back."""

from __future__ import annotations

import os
import tempfile
from argparse import Namespace
from contextlib import suppress
from difflib import unified_diff
from pathlib import Path
from typing import Final

from msgspec import Struct

from tachlog.cli.answering import as_json
from tachlog.cli.calling import Caller, Misuse, Unanswered
from tachlog.figures import plain
from tachlog.hooks.agents import AGENTS, Agent
from tachlog.hooks.editing import NotEditable
from tachlog.hooks.facts import OLD, spool_path
from tachlog.hooks.settings import (
    OURS,
    command_of,
    found_in,
    with_hooks,
    without_hooks,
)

NOTHING: Final = "{}\n"
"""What settings are that nobody has written yet."""


class Told(Struct, frozen=True):
    """How it stands: the settings file, for which events our hooks are there, what was changed.

    `current` says that they call this very tachlog. `spool` is the file that they write.
    """

    path: str
    installed: list[str]
    current: bool
    spool: str
    changed: bool = False
    diff: str = ""


def hooks(options: Namespace, caller: Caller) -> int:
    """Run `tachlog hooks`."""
    agent = AGENTS[options.agent]
    path = agent.settings(caller.environ)
    spool = spool_path(caller.environ)
    command = command_of(agent, spool)
    is_install = options.what == "install"
    try:
        before = _read(path)
        after = before
        if options.what != "status":
            after = with_hooks(agent, before, command) if is_install else without_hooks(before)
        diff = _diff(path, before, after)
        if diff:
            if not options.json:
                caller.out.write(diff)
            _agree(options.yes, path, caller)
            _write(path, before, after)
        if is_install:
            os.makedirs(os.path.dirname(spool), mode=0o700, exist_ok=True)
        elif diff and not _are_others(agent, caller):
            for each in (spool, spool + OLD):
                with suppress(FileNotFoundError):
                    os.unlink(each)
        told = _told(agent, path, after, spool, command, diff)
    except NotEditable as error:
        raise Unanswered(f"{path}: {error}; nothing was changed") from None
    caller.out.write(as_json(told) if options.json else f"{plain(_line(agent, told))}\n")
    return 0


def _are_others(agent: Agent, caller: Caller) -> bool:
    """Whether another agent writes the spool."""
    others = (each.settings(caller.environ) for each in AGENTS.values() if each is not agent)
    return any(OURS.search(_read(path)) for path in others)


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read() or NOTHING
    except FileNotFoundError:
        return NOTHING
    except UnicodeDecodeError:
        raise NotEditable("it is no text in UTF-8") from None


def _diff(path: Path, before: str, after: str) -> str:
    lines = unified_diff(
        before.splitlines(), after.splitlines(), str(path), f"{path} (new)", lineterm=""
    )
    return "".join(f"{plain(line.expandtabs(4))}\n" for line in lines)


def _agree(is_agreed: bool, path: Path, caller: Caller) -> None:
    """Ask whether to write; raises `Misuse` where nobody can be asked, or somebody refuses."""
    if is_agreed:
        return
    if caller.into is None or not caller.into.isatty():
        raise Misuse("nothing was changed; --yes writes it without asking")
    caller.err.write(f"write this to {plain(str(path))}? [y/N] ")
    caller.err.flush()
    if caller.into.readline().strip().lower() not in ("y", "yes"):
        raise Misuse("nothing was changed")


def _write(path: Path, before: str, after: str) -> None:
    """Put the new text in place at once, through links, unless another was there meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    real = path.resolve()
    if _read(path) != before:
        raise Unanswered(f"{path}: it was changed meanwhile; run it again")
    number, beside = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(after)
        with suppress(FileNotFoundError):
            os.chmod(beside, real.stat().st_mode & 0o777)
        os.replace(beside, real)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside)
        raise


def _told(agent: Agent, path: Path, text: str, spool: str, command: str, diff: str) -> Told:
    found = found_in(text)
    events = list(dict.fromkeys(each.event for each in found))
    is_current = bool(found) and text == with_hooks(agent, text, command)
    return Told(str(path), events, is_current, spool, bool(diff), diff)


def _line(agent: Agent, told: Told) -> str:
    what = f"not installed; tachlog hooks install {agent.name} does it"
    if told.installed:
        what = f"hooks for {len(told.installed)} of {len(agent.events)} events"
        if not told.current:
            what += ", of another tachlog: install them again"
        elif told.changed and agent.hint:
            what += f"; {agent.hint}"
    return f"{told.path}: {what}"
