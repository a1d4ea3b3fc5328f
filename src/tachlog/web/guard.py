"""Who may ask what: hosts, origins, tokens, and the headers that every answer carries.

The rules are those of OWASP's Secure Headers and Cross-Site Request Forgery Prevention pages and of
Jupyter's server (token in the first address, then a cookie), checked 2026-11-22.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from msgspec import Struct
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tachlog.web.problems import problem

OPEN: Final = ("/healthz", "/readyz", "/static/")
INGEST: Final = ("/v1/", "/api/v1/agent-logs")
READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Access(Struct, frozen=True):
    """Who may ask: whoever has the token (None: everybody), by which names of this machine."""

    token: str | None
    names: frozenset[str]
    cookie: str = "tachlog"

    @property
    def pass_(self) -> str:
        """What the cookie holds: proof of the token, and not the token itself."""
        return hmac.new((self.token or "").encode(), b"cookie", sha256).hexdigest()


class Guard:
    """Lets a request through to the application, or refuses it."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, sent)
        else:
            await refusal(scope, receive, sent)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not is_name(host, self.access.names):
            return problem(421, f"{host[:80]!r} is no name of this server; add it to serve.hosts")
        if is_foreign(headers, scope["method"]):
            return problem(403, "asked for by a page of another site")
        return self._stranger(scope, headers)

    def _stranger(self, scope: Scope, headers: Headers) -> Response | None:
        token, path = self.access.token, scope["path"]
        if token is None or path.startswith((*OPEN, *INGEST)):
            return None
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        given = asked.pop("token", None)
        if given is not None and is_same(given, token):
            rest = f"?{urlencode(asked)}" if asked else ""
            answer = RedirectResponse(path + rest, 303)
            answer.set_cookie(
                self.access.cookie, self.access.pass_, httponly=True, samesite="strict"
            )
            return answer
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and is_same(bearer.strip(), token):
            return None
        if is_same(cookie_in(headers, self.access.cookie), self.access.pass_):
            return None
        return problem(
            401,
            "open the address that tachlog serve printed, which carries a token, or send the "
            "token as `Authorization: Bearer …`",
            {"WWW-Authenticate": 'Bearer realm="tachlog"'},
        )


def is_name(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header names this server: by a number, which no other site can, or a name."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        ip_address(name)
    except ValueError:
        return name in names
    return True


def is_foreign(headers: Headers, method: str) -> bool:
    """Whether a page of another site asks, for more than to be looked at."""
    if method in READS:
        return False
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc != headers.get("host", "")
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


def is_same(given: str, wanted: str) -> bool:
    """Whether two secrets are the same, found out in a time that tells nothing of them."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def cookie_in(headers: Headers, name: str) -> str:
    """The value of a cookie, empty without it."""
    jar = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    return jar[name].value if name in jar else ""
