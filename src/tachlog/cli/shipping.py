"""The verb `ship`: sends this machine's sessions to a team's tachlog."""

from __future__ import annotations

import getpass
import secrets
import socket
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tachlog.cli.answering import Ask, as_json
from tachlog.cli.calling import Caller, Misuse, Unanswered
from tachlog.figures import plain, plural

if TYPE_CHECKING:
    from tachlog.shipping import Shipment

KEY_NOTE = "ship_key"


class Shipped(Struct, frozen=True):
    """How many threads were sent where."""

    to: str
    threads: int


def ship(options: Namespace, caller: Caller) -> int:
    """Run `tachlog ship`."""
    from tachlog.posting import PostError
    from tachlog.shipping import (
        PATH,
        Sender,
        decoded,
        deliver,
        encoded,
        progress,
        shipments,
    )
    from tachlog.stores import Store, open_store, shown

    ask = Ask(options, caller)
    address = options.to or ""
    if urlsplit(address).scheme not in ("http", "https"):
        raise Misuse("--to: the address of the team's tachlog: https://tachlog.example.com")
    url = address.rstrip("/") + PATH

    def key_of(store: Store) -> str:
        key = store.noted(KEY_NOTE)
        if key is None:
            key = secrets.token_hex(32)
            store.note(KEY_NOTE, key)
        return key

    with closing(open_store(ask.config.storage.url)) as store:
        sender = Sender(
            url=url,
            token=caller.environ.get("TACHLOG_SHIP_TOKEN"),
            host=socket.gethostname(),
            user=getpass.getuser(),
            key=key_of(store),
            hints=options.hints,
        )
        if options.dry_run:
            for shipment, _ in shipments(store, progress(store, sender), sender):
                for line in _lines(decoded(encoded(shipment))):
                    caller.out.write(line)
            return 0
        try:
            threads = deliver(store, sender)
        except PostError as error:
            raise Unanswered(str(error)) from None
    if options.json:
        caller.out.write(as_json(Shipped(shown(url), threads)))
    else:
        caller.out.write(f"{plural(threads, 'thread')} sent to {plain(shown(url))}\n")
    return 0


def _lines(shipment: Shipment) -> Iterator[str]:
    """A shipment, a line for each telling of a thread, with every field that travels."""
    from tachlog.shipping import named

    told = named(shipment)
    assert isinstance(told, dict)
    for session in told.pop("sessions"):
        yield msgspec.json.encode({**told, "session": session}).decode() + "\n"
