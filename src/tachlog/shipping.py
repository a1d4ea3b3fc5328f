"""A machine's sessions on their way to a team's archive: what leaves it, and how it arrives.

A shipment is a step of the sender's archive by its change numbers. The receiver merges it as it
merges portions of a file, by the keys of operations; so what is sent twice, or by two machines that
have copies of one log, counts once.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tachlog.analysis.selection import Selection
from tachlog.operations import Span
from tachlog.posting import PostError, post
from tachlog.projects import NAMED
from tachlog.sessions import Session
from tachlog.stores import Measure, Portion, Store, shown
from tachlog.stores.following import MirrorState, Outgoing

PATH: Final = "/api/v1/ship"
TYPE: Final = "application/msgpack"
VERSION: Final = 1

HIDDEN: Final = "hidden"
"""What stands for a name whose being there is a fact."""

_encoder: Final = msgspec.msgpack.Encoder()


class Shipment(Struct, frozen=True):
    """Threads of one machine, as each telling tells them; `user` is a keyed pseudonym."""

    version: int
    host: str
    user: str
    sessions: list[Session]


class Taken(Struct, frozen=True):
    """The answer to a shipment: how many threads were kept, merged with what was known of them.

    `archive` names the archive, `shipments` counts what it ever took from this sender; by these the
    sender notices that what it sent is there no more.
    """

    threads: int
    archive: str
    shipments: int


class Sender(Struct, frozen=True):
    """Who sends, to where: `user` is a name of this machine, and `key` makes a pseudonym of it.

    With `hints` titles, targets, excerpts, branches and pull requests leave as they are.
    """

    url: str
    token: str | None
    host: str
    user: str
    key: str
    hints: bool

    def shipment(self, sessions: list[Session]) -> Shipment:
        """Sessions on their way."""
        return Shipment(VERSION, self.host, pseudonym(self.key, self.user), sessions)


_decoder: Final = msgspec.msgpack.Decoder(Shipment)
_taken: Final = msgspec.json.Decoder(Taken)


def encoded(shipment: Shipment) -> bytes:
    """A shipment as it travels."""
    return _encoder.encode(shipment)


def decoded(body: bytes) -> Shipment:
    """A shipment; raises `msgspec.DecodeError` for what is none."""
    return _decoder.decode(body)


def named(value: object) -> object:
    """A shipment, or a part of it, with the names of all fields: what a person can read."""
    if isinstance(value, Struct):
        return {name: named(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {
            " ".join(map(str, key)) if isinstance(key, tuple) else str(key): named(each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [named(each) for each in value]
    return value


def pseudonym(key: str, user: str) -> str:
    """The same for the same user and key; without the key it tells nothing of who it is."""
    return "u-" + hmac.new(key.encode(), user.encode(), sha256).hexdigest()[:16]


def leaving(each: Outgoing, sender: Sender) -> list[Session]:
    """What leaves of a thread: facts, and only with `hints` what `Sender` names."""
    if sender.hints:
        return each.sessions
    return [_facts(session, each.metrics.project) for session in each.sessions]


def _facts(session: Session, project: str | None) -> Session:
    marks = {
        name: values
        for name, values in session.marks.items()
        if name != "branch" and not name.startswith("title.")
    }
    for name, instead in (("cwd", f"{NAMED}{project or ''}"), ("pull_request", HIDDEN)):
        if spans := marks.get(name, {}).values():
            whole = Span(min(s.first_us for s in spans), max(s.last_us for s in spans))
            marks[name] = {instead: whole}
    calls = {number: replace(call, branch=None) for number, call in session.calls.items()}
    tools = {
        number: replace(use, excerpt=None, target=use.target and replace(use.target, name=""))
        for number, use in session.tools.items()
    }
    failures = {number: replace(each, excerpt=None) for number, each in session.failures.items()}
    return replace(session, calls=calls, tools=tools, failures=failures, marks=marks)


def shipments(
    store: Store, known: MirrorState, sender: Sender
) -> Iterator[tuple[Shipment, MirrorState]]:
    """What is to be sent, step by step, each with how far it brings the receiver."""
    while step := store.outgoing(known):
        sessions = [session for each in step for session in leaving(each, sender)]
        known = replace(known, changed=step[-1].changed, thread=step[-1].thread)
        yield sender.shipment(sessions), known


def progress(store: Store, sender: Sender) -> MirrorState:
    """How far the receiver was brought."""
    return store.mirror(f"ship:{shown(sender.url)}{' with hints' if sender.hints else ''}")


def deliver(store: Store, sender: Sender, sleep: Callable[[float], None] = time.sleep) -> int:
    """Send what the receiver does not have; how many threads that were. Raises `PostError`.

    First it is asked what it has: one that lost its archive, or has an older one, is sent
    everything again.
    """

    def told(shipment: Shipment) -> Taken:
        return send(sender.url, sender.token, encoded(shipment), sleep=sleep)

    known = progress(store, sender)
    if not _has_still(told(sender.shipment([])), known.prepared):
        known = MirrorState(known.name)
    threads = 0
    for shipment, after in shipments(store, known, sender):
        there = told(shipment)
        threads += len(shipment.sessions)
        store.keep_mirror(replace(after, prepared=f"{there.archive} {there.shipments}"))
    return threads


def _has_still(there: Taken, before: str) -> bool:
    archive, _, shipments = before.partition(" ")
    return not before or (there.archive == archive and there.shipments >= int(shipments))


def keep(
    store: Store, shipment: Shipment, measure: Measure, now_us: int, owner: str | None = None
) -> Taken | None:
    """Take a shipment into an archive; None when another process took one of this sender.

    It is the work of `owner`, or else of whom the sender's pseudonym stands for. A shipment without
    sessions only asks what is there.
    """
    path = f"shipped:{shipment.host}/{shipment.user}"
    known = store.progress([path]).get(path)
    offset = known.offset if known else 0
    with store.export(Selection()) as archive:
        name = archive.archive_id()
    if not shipment.sessions:
        return Taken(0, name, offset)
    portion = Portion(
        path=path,
        source=None,
        revision=0,
        identity=b"",
        size=0,
        mtime_ns=0,
        expected=(known.identity, offset) if known else None,
        offset=offset + 1,
        tail_bytes=0,
        state=b"",
        replaced=False,
        sessions=shipment.sessions,
        record_keys=[],
        skipped={},
        unknown={},
        problems=[],
        read_us=now_us,
        owner=owner or shipment.user,
        machine=shipment.host,
    )
    if store.write([portion], measure):
        return None
    return Taken(len(shipment.sessions), name, offset + 1)


def send(
    url: str,
    token: str | None,
    body: bytes,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Taken:
    """Send until it is taken; raises `PostError` where it never will be, or patience ends."""
    headers = {"Content-Type": TYPE}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = post(url, body, headers, clock=clock, sleep=sleep)
    try:
        return _taken.decode(answer)
    except msgspec.DecodeError:
        raise PostError(f"{url} answers, but is no tachlog that takes shipments") from None
