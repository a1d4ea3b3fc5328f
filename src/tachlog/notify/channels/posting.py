"""POST a body to a place that the user named, and to none that only its name hides."""

from __future__ import annotations

import http.client
import socket
import ssl
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from tachlog import __version__
from tachlog.analysis.alerting.channels import Channel
from tachlog.notify.channels import ChannelError

TIMEOUT_S: Final = 10.0


def post(channel: Channel, path: str, body: bytes, headers: Mapping[str, str]) -> None:
    """POST to the URL of a channel with `path` behind it; raises `ChannelError`.

    The address is looked up once, judged and used, so that a name cannot mean two places.
    Redirects are not followed.
    """
    scheme, _, _ = channel.kind.partition("+")
    try:
        url = urlsplit(channel.url.removeprefix(f"{scheme}+"))
        connection = _connection(url, _address(channel, url))
        target = (url.path.rstrip("/") if path else url.path) + path or "/"
        target += f"?{url.query}" if url.query else ""
        user = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
        known = {"Authorization": f"Basic {b64encode(user.encode()).decode()}"}
        told = {"Content-Type": "application/json", "User-Agent": f"tachlog/{__version__}"}
        try:
            connection.request(
                "POST", target, body, {**told, **(known if url.username else {}), **headers}
            )
            status = connection.getresponse().status
        finally:
            connection.close()
    except ChannelError:
        raise
    except TimeoutError:
        raise ChannelError(f"{channel.shown} did not answer in {TIMEOUT_S:.0f} s") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else None
        raise ChannelError(f"{channel.shown}: {why or type(error).__name__}") from None
    if not 200 <= status < 300:
        raise ChannelError(f"{channel.shown} answered {status}")


def _address(channel: Channel, url: SplitResult) -> tuple[str, int]:
    """Where to connect to: an address that may be told."""
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, place in found:
        if not channel.private and not is_open(str(place[0])):
            raise ChannelError(
                f"{channel.shown} is in a private network; private = true in its [[channels]]"
                " allows that"
            )
    return str(found[0][4][0]), port


def is_open(address: str) -> bool:
    """Whether a webhook may go to an address: one of the open Internet, or this machine's own."""
    told = ip_address(address.partition("%")[0])
    if isinstance(told, IPv6Address) and told.ipv4_mapped:
        told = told.ipv4_mapped
    return told.is_loopback or (told.is_global and not told.is_multicast)


def _connection(url: SplitResult, place: tuple[str, int]) -> http.client.HTTPConnection:
    """A connection to a place that goes by the name of the URL."""
    name = url.hostname or ""
    connection = http.client.HTTPConnection(name, place[1], timeout=TIMEOUT_S)
    plain = socket.create_connection(place, TIMEOUT_S)
    if url.scheme == "https":
        connection.default_port = 443
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=name)
    else:
        connection.sock = plain
    return connection
