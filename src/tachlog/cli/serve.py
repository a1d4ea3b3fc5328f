"""The verb `serve`: the service with its pages and its API."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from argparse import Namespace
from ipaddress import ip_address
from pathlib import Path

import msgspec
from msgspec import Struct

from tachlog.cli.calling import Caller, Misuse, Unanswered
from tachlog.cli.format import plain
from tachlog.config import Loaded, data_home, load
from tachlog.stores import PRIVATE, open_store
from tachlog.stores.people import People

TOKEN_FILE = "serve.token"


class Address(Struct, frozen=True):
    """Where the service is: the address of its page, its port, the token that lets in."""

    url: str
    port: int
    token: str | None


def serve(options: Namespace, caller: Caller) -> int:
    """Run `tachlog serve` until it is told to stop."""
    from tachlog.service import Service
    from tachlog.web import logs, server
    from tachlog.web.guard import Access

    def loaded() -> Loaded:
        flags = {
            key: (flag, value)
            for key, flag, value in (
                ("storage.url", "--db", options.db),
                ("serve.host", "--host", options.host),
                ("serve.port", "--port", options.port),
            )
            if value is not None
        }
        return load(caller.environ, flags=flags)

    at_first = loaded().config
    if at_first.storage.url == PRIVATE:
        raise Misuse("--db: a service needs an archive that stays")
    host = at_first.serve.host
    is_local = is_loopback(host)
    store = open_store(at_first.storage.url)
    try:
        if not is_local:
            _check_way_in(store.people, host)
    finally:
        store.close()
    logs.begin(options.log_json)
    try:
        listening = server.listen(host, at_first.serve.port)
    except OSError as error:
        place = f"{host}:{at_first.serve.port}"
        raise Unanswered(
            f"{place}: {error.strerror}; another tachlog may serve there already: "
            "--port takes another port, --port 0 a free one"
        ) from None
    port = listening.getsockname()[1]
    wants_token = is_local and not options.no_token
    token = token_in(Path(data_home(caller.environ))) if wants_token else None
    names = {"localhost", socket.gethostname().lower(), *map(str.lower, at_first.serve.hosts)}
    access = Access(token, frozenset(names), f"tachlog_{port}", is_local)
    url = f"http://{'localhost' if host == '127.0.0.1' else at(host)}:{port}/"
    if token is not None:
        url += f"?token={token}"
    if options.json:
        caller.out.write(msgspec.json.encode(Address(url, port, token)).decode() + "\n")
    else:
        caller.out.write(f"{plain(url)}\n")
    caller.out.flush()
    if options.open:
        threading.Thread(target=_open, args=(url,), daemon=True).start()
    return 0 if server.run(Service(loaded, caller.environ), access, listening) else 1


def _check_way_in(people: People, host: str) -> None:
    """Refuse to serve others where nobody has a way in; raises `Misuse`: what mends it."""
    if any(token.revoked_at is None for token in people.tokens()):
        return
    raise Misuse(
        f"--host {host}: others reach this address, and nobody has a token yet; make one first:\n"
        "tachlog token create --scope read NAME    (to read)\n"
        "tachlog token create --scope ingest NAME  (to send telemetry)"
    )


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def at(host: str) -> str:
    """An address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def token_in(directory: Path) -> str:
    """The token of this person's service, made at the first start; only they can read its file."""
    path = directory / TOKEN_FILE
    try:
        if known := path.read_text(encoding="ascii").strip():
            return known
    except FileNotFoundError:
        pass
    directory.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token + "\n")
    return token


def _open(url: str) -> None:
    import webbrowser

    webbrowser.open(url)
