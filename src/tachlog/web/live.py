"""Live updates: one server-sent event for each change of the archive."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tachlog.web.endpoints import service_of

HEARTBEAT_S = 15.0
RETRY_MS = 2000
"""When a browser whose connection broke comes again."""


async def live(request: Request) -> Response:
    """Stream the number of the archive's last change, then of each that follows."""
    service = service_of(request)

    async def events() -> AsyncIterator[str]:
        yield f"retry: {RETRY_MS}\n\n"
        async for change in service.changes.follow(HEARTBEAT_S):
            if change is None:
                yield ": still here\n\n"
            else:
                yield f'event: change\nid: {change}\ndata: {{"change": {change}}}\n\n'

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


ROUTES = [Route("/api/v1/live", live, methods=["GET"])]
