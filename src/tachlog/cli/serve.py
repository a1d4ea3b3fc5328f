"""The verb `serve`: the service with its pages and its API."""

from __future__ import annotations

import os
import secrets
import socket
import ssl
import threading
from argparse import Namespace
from ipaddress import ip_address
from pathlib import Path

import msgspec
from msgspec import Struct

from tachlog.cli.calling import Caller, Misuse, Unanswered
from tachlog.config import Loaded, data_home, load
from tachlog.config.keys import Serve
from tachlog.figures import plain
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
                ("serve.tls_cert", "--tls-cert", options.tls_cert),
                ("serve.tls_key", "--tls-key", options.tls_key),
            )
            if value is not None
        }
        return load(caller.environ, flags=flags)

    at_first = loaded().config
    if at_first.storage.url == PRIVATE:
        raise Misuse("--db: a service needs an archive that stays")
    host = at_first.serve.host
    is_local = is_loopback(host)
    tls = tls_of(at_first.serve)
    store = open_store(at_first.storage.url)
    try:
        set_up = secrets.token_urlsafe(24) if not is_local and is_new(store.people) else None
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
    access = Access(token, frozenset(names), f"tachlog_{port}", is_local, set_up)
    url = f"{'https' if tls else 'http'}://{_known_as(host)}:{port}/"
    if token is not None:
        url += f"?token={token}"
    if set_up is not None:
        url += f"set-up?key={set_up}"
    if options.json:
        caller.out.write(msgspec.json.encode(Address(url, port, token)).decode() + "\n")
    else:
        caller.out.write(f"{plain(url)}\n")
    caller.out.flush()
    if options.open:
        threading.Thread(target=_open, args=(url,), daemon=True).start()
    return 0 if server.run(Service(loaded, caller.environ), access, listening, tls) else 1


def tls_of(serve: Serve) -> tuple[Path, Path] | None:
    """The certificate and key to serve HTTPS with, None for HTTP; raises `Misuse`."""
    if serve.tls_cert is None and serve.tls_key is None:
        return None
    if serve.tls_cert is None or serve.tls_key is None:
        raise Misuse("HTTPS needs both: --tls-cert with the certificate, --tls-key with its key")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            serve.tls_cert, serve.tls_key
        )
    except OSError as error:
        told = error.strerror or str(error)
        files = f"{serve.tls_cert}, {serve.tls_key}"
        raise Misuse(f"{plain(files)}: no certificate (PEM) with its key: {told}") from None
    return serve.tls_cert, serve.tls_key


def is_new(people: People) -> bool:
    """Whether nobody has a way in yet: no user with a password, no token that holds."""
    has_token = any(token.revoked_at is None for token in people.tokens())
    return not has_token and not any(user.password for user in people.users())


def _known_as(host: str) -> str:
    """The name in the address that is shown: one that can be opened."""
    if host == "127.0.0.1":
        return "localhost"
    return socket.gethostname() if host in ("0.0.0.0", "::") else at(host)


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
