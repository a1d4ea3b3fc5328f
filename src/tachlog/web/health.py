"""Whether the service lives, and whether it does its work: `/healthz`, `/readyz`."""

from __future__ import annotations

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tachlog import __version__
from tachlog.service import Check
from tachlog.web.endpoints import service_of


class Health(Struct, frozen=True):
    """The service lives."""

    status: str
    tachlog: str


class Readiness(Struct, frozen=True):
    """Whether every part does its work; `ready` is that of all together."""

    ready: bool
    checks: list[Check]


async def healthz(request: Request) -> Response:
    """Answer that the process lives."""
    body = msgspec.json.encode(Health("alive", __version__))
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


async def readyz(request: Request) -> Response:
    """Answer whether every part does its work: 200, or 503 with what does not."""
    checks = await service_of(request).checks()
    found = Readiness(all(check.ok for check in checks), checks)
    return Response(
        msgspec.json.encode(found),
        200 if found.ready else 503,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


ROUTES = [
    Route("/healthz", healthz, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
]
