"""The application: every route, behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from tachlog.service import Service
from tachlog.web import (
    acting,
    activity,
    administering,
    advising,
    agent_logs,
    alerting,
    changes,
    comparing,
    door,
    endpoints,
    figures,
    health,
    ingest,
    keeping,
    live,
    now,
    openapi,
    pages,
    personal,
    reports,
    scraped,
    searching,
    sessions,
    shipments,
    spending,
    status,
    team,
)
from tachlog.web.attempts import Attempts
from tachlog.web.changes import Change
from tachlog.web.compressing import GZIP_LEVEL, LEAST_BYTES, Compressing
from tachlog.web.endpoints import Answers, Endpoint
from tachlog.web.guard import Access, Guard
from tachlog.web.problems import HANDLERS

ENDPOINTS: list[Endpoint] = [
    *now.ENDPOINTS,
    *figures.ENDPOINTS,
    *advising.ENDPOINTS,
    *spending.ENDPOINTS,
    *activity.ENDPOINTS,
    *comparing.ENDPOINTS,
    *alerting.ENDPOINTS,
    *reports.ENDPOINTS,
    *status.ENDPOINTS,
    *administering.ENDPOINTS,
    *keeping.ENDPOINTS,
    *personal.ENDPOINTS,
    *searching.ENDPOINTS,
    *team.ENDPOINTS,
    *sessions.ENDPOINTS,
]
CHANGES: list[Change] = [
    *acting.CHANGES,
    *advising.CHANGES,
    *administering.CHANGES,
    *keeping.CHANGES,
    *personal.CHANGES,
]
ROUTES: list[BaseRoute] = [
    *health.ROUTES,
    *door.ROUTES,
    *map(endpoints.route, ENDPOINTS),
    *map(changes.route, CHANGES),
    *live.ROUTES,
    openapi.route(ENDPOINTS, CHANGES),
    *ingest.ROUTES,
    *agent_logs.ROUTES,
    *shipments.ROUTES,
    *scraped.ROUTES,
    *personal.ROUTES,
    *pages.ROUTES,
]


def create_app(service: Service, access: Access) -> Starlette:
    """The application over a service, which starts and stops with it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(
                Guard,
                access=access,
                token=service.token,
                user=service.user,
                clock=service.clock,
            ),
            Middleware(Compressing, minimum_size=LEAST_BYTES, compresslevel=GZIP_LEVEL),
        ],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.access = access
    app.state.answers = Answers()
    app.state.attempts = Attempts()
    app.state.scraped = scraped.Scraped()
    return app
