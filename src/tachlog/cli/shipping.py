"""The verb `ship`: sends this machine's sessions to a team's tachlog."""

from __future__ import annotations

import getpass
import secrets
import socket
from argparse import Namespace
from contextlib import closing
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tachlog.cli.answering import Ask, as_json
from tachlog.cli.calling import Caller, Misuse, Unanswered
from tachlog.cli.format import plain, plural

KEY_NOTE = "ship_key"


class Shipped(Struct, frozen=True):
    """How many threads were sent where."""

    to: str
    threads: int


def ship(options: Namespace, caller: Caller) -> int:
    """Run `tachlog ship`."""
    from tachlog.shipping import PATH, ShipError, encoded, pseudonym, send, shipments
    from tachlog.stores import Store, open_store, shown

    ask = Ask(options, caller)
    address = options.to or ""
    if urlsplit(address).scheme not in ("http", "https"):
        raise Misuse("--to: the address of the team's tachlog: https://tachlog.example.com")
    url = address.rstrip("/") + PATH
    name = f"ship:{shown(url)}{' with hints' if options.hints else ''}"

    def key_of(store: Store) -> str:
        key = store.noted(KEY_NOTE)
        if key is None:
            key = secrets.token_hex(32)
            store.note(KEY_NOTE, key)
        return key

    with closing(open_store(ask.config.storage.url)) as store:
        user = pseudonym(key_of(store), getpass.getuser())
        known = store.mirror(name)
        threads = 0
        for shipment, after in shipments(
            store, known, socket.gethostname(), user, hints=options.hints
        ):
            threads += len(shipment.sessions)
            if options.dry_run:
                for session in shipment.sessions:
                    line = {"host": shipment.host, "user": shipment.user, "session": session}
                    caller.out.write(msgspec.json.encode(line).decode() + "\n")
                continue
            try:
                send(url, caller.environ.get("TACHLOG_SHIP_TOKEN"), encoded(shipment))
            except ShipError as error:
                raise Unanswered(str(error)) from None
            store.keep_mirror(after)
    if options.dry_run:
        return 0
    if options.json:
        caller.out.write(as_json(Shipped(shown(url), threads)))
    else:
        caller.out.write(f"{plural(threads, 'thread')} sent to {plain(shown(url))}\n")
    return 0
