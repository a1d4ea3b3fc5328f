"""`tachlog user export` and `tachlog user erase`: a person's data, handed out and erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

from tachlog import figures as fmt
from tachlog import privacy
from tachlog.analysis.units import rfc3339
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Misuse, Unanswered
from tachlog.stores.holding import Held
from tachlog.stores.schema import LOCAL_USER

STAYS = (
    "Mirrors follow. What was exported or shipped elsewhere, reports and backups are out of reach;"
    " logs on the person's own machines stay, and add nothing here when they are read again."
)


class Exported(Struct, frozen=True):
    """The file that somebody's data was written to."""

    name: str
    file: str
    bytes: int


class Erasure(Struct, frozen=True):
    """What goes with somebody, counted, and whether it went."""

    held: Held
    erased: bool


def export(ask: Ask, name: str) -> Answer:
    """Write everything that is kept of somebody into a new file."""
    place = Path(ask.options.to or privacy.file_name(name))
    with ask.store() as store:
        _checked(name, store.personal.held(name))
        try:
            with place.open("xb") as file:
                privacy.write(store, name, file, ask.caller.now_us)
        except FileExistsError:
            raise Misuse(f"{place}: is there already; name another file with --to") from None
        except OSError as error:
            raise Unanswered(f"{place}: {error.strerror}") from None
        store.people.note(LOCAL_USER, privacy.HANDED_OUT, name, ask.caller.now_us)
    found = Exported(name, str(place), place.stat().st_size)
    return Answer(found, lambda: [f"{place}: {fmt.size(found.bytes)}, everything kept of {name}"])


def erase(ask: Ask, name: str) -> Answer:
    """Say what goes with somebody and, when that is confirmed, erase it."""
    with ask.store() as store:
        held = store.personal.held(name)
        _checked(name, held)
        if ask.options.dry_run:
            return Answer(Erasure(held, False), lambda: _lines(held, ask, "would erase"))
        if not ask.options.yes:
            _confirm(ask, held)
        from tachlog.engines.work import measurer_of
        from tachlog.pipeline import setup_of

        measure = measurer_of(setup_of(ask.config))
        store.personal.erase(name, measure, LOCAL_USER, ask.caller.now_us)
    return Answer(Erasure(held, True), lambda: _lines(held, ask, "erased"))


def plan(held: Held, zone: ZoneInfo) -> Iterator[str]:
    """What goes when somebody is erased, and what stays, a line each."""
    agents = held.threads - held.sessions
    if held.threads:
        told = fmt.plural(held.sessions, "session")
        told += f" and {fmt.plural(agents, 'sub-agent')}" if agents else ""
        if held.first_us is not None and held.last_us is not None:
            first, last = (fmt.day(rfc3339(us), zone) for us in (held.first_us, held.last_us))
            told += f" of {first}" if first == last else f" from {first} to {last}"
        yield f"{told}, with their figures and {fmt.plural(held.all_operations, 'operation')}"
    for count, one, many in (
        (held.files, "log that told them", "logs that told them"),
        (held.hooked, "state told by hooks", "states told by hooks"),
        (held.alerts, "alert about them", "alerts about them"),
        (held.tokens, "token", "tokens"),
    ):
        if count:
            yield fmt.plural(count, one, many)
    if held.signs_in:
        yield "the way to sign in"
    if lines := held.acts + held.said:
        yield f"the name in {fmt.plural(lines, 'line')} of the record, where a pseudonym will stand"
    if held.shared:
        told = fmt.plural(held.shared, "thread")
        yield f"not {told} that somebody else's logs tell as well: theirs from then on"


def _lines(held: Held, ask: Ask, did: str) -> Iterator[str]:
    yield f"{did} of {held.name}:"
    yield from (f"  {line}" for line in plan(held, ask.zone))
    yield ""
    yield from fmt.wrap(STAYS, ask.width)


def _checked(name: str, held: Held) -> None:
    if (why := privacy.refusal(name, held)) is not None:
        raise Unanswered(why)


def _confirm(ask: Ask, held: Held) -> None:
    """Let the name be typed; raises `Misuse` where nobody can be asked, or another is typed."""
    caller = ask.caller
    if caller.into is None or not caller.into.isatty():
        raise Misuse("nothing was erased; --dry-run tells what would be, --yes erases it")
    caller.err.writelines(f"{fmt.plain(line)}\n" for line in _lines(held, ask, "this erases"))
    caller.err.write("type the name to erase it for good: ")
    caller.err.flush()
    if caller.into.readline().rstrip("\r\n") != held.name:
        raise Misuse("nothing was erased")
