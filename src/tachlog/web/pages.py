"""Pages: each is a template over the answers to questions, its JSON twins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tachlog.model import key_of
from tachlog.web.activity import ACTIVITY
from tachlog.web.administering import ADMIN
from tachlog.web.advising import ADVICE
from tachlog.web.alerting import ALERTS
from tachlog.web.comparing import COMPARE
from tachlog.web.endpoints import Endpoint, answer_to, seen_by, service_of
from tachlog.web.figures import ERRORS, OVERVIEW, TOOLS, TRENDS
from tachlog.web.guard import Viewer
from tachlog.web.keeping import RETENTION
from tachlog.web.now import LIVE_SESSIONS, REALTIME
from tachlog.web.personal import PERSON
from tachlog.web.rendering import HERE, written
from tachlog.web.reports import REPORT, REPORTS
from tachlog.web.searching import SEARCH
from tachlog.web.sessions import SESSION, SESSIONS, Filters
from tachlog.web.spending import BUDGET, COST
from tachlog.web.status import STATUS
from tachlog.web.team import PROJECTS, TEAM


class Part(NamedTuple):
    """A question that a page shows the answer to, under a name, with parameters of its own.

    One that `may_lack` is None for those who are not answered; else they are not shown the page.
    """

    endpoint: Endpoint
    given: Mapping[str, str] = {}
    may_lack: bool = False


class Page(NamedTuple):
    """A page: its address, its name, its template, what it shows.

    One without a name is not in the navigation. With `filters` it has those of sessions. `scope` is
    what somebody must be allowed to be shown the way to it; `of_teams` is for people who sign
    in.
    """

    path: str
    name: str
    template: str
    parts: Mapping[str, Part]
    filters: bool = True
    scope: str = "read"
    of_teams: bool = False

    def is_for(self, viewer: Viewer) -> bool:
        """Whether somebody is shown it."""
        return self.scope in viewer.scopes and all(
            part.may_lack or seen_by(viewer, part.endpoint.sight) for part in self.parts.values()
        )

    def is_shown(self, viewer: Viewer) -> bool:
        """Whether the way to it stands among the pages."""
        return self.is_for(viewer) and (viewer.role is not None or not self.of_teams)


PAGES = (
    Page(
        "/",
        "Now",
        "now.html",
        {
            "now": Part(REALTIME),
            "live": Part(LIVE_SESSIONS),
            "overview": Part(OVERVIEW),
            "budget": Part(BUDGET),
            "alerts": Part(ALERTS),
            "advice": Part(ADVICE),
            "latest": Part(SESSIONS, {"limit": "8"}),
        },
        filters=False,
    ),
    Page("/sessions", "Sessions", "sessions.html", {"found": Part(SESSIONS)}),
    Page(
        "/activity", "Activity", "activity.html", {"found": Part(ACTIVITY), "trends": Part(TRENDS)}
    ),
    Page("/compare", "Compare", "compare.html", {"found": Part(COMPARE)}),
    Page(
        "/tools", "Tools", "tools.html", {"found": Part(TOOLS), "costs": Part(COST, {"by": "tool"})}
    ),
    Page("/errors", "Errors", "errors.html", {"found": Part(ERRORS)}),
    Page(
        "/cost",
        "Cost",
        "cost.html",
        {
            "days": Part(COST, {"by": "day"}),
            "models": Part(COST, {"by": "model"}),
            "projects": Part(COST, {"by": "project"}),
            "agents": Part(COST, {"by": "agent"}),
        },
    ),
    Page(
        "/team",
        "Team",
        "team.html",
        {
            "weeks": Part(TEAM, {"by": "week"}),
            "models": Part(TEAM, {"by": "model"}),
            "agents": Part(TEAM, {"by": "agent"}),
            "projects": Part(PROJECTS, may_lack=True),
        },
        filters=False,
        of_teams=True,
    ),
    Page("/alerts", "Alerts", "alerts.html", {"found": Part(ALERTS)}, filters=False),
    Page("/advice", "Advice", "advice.html", {"found": Part(ADVICE)}),
    Page("/reports", "Reports", "reports.html", {"found": Part(REPORTS)}, filters=False),
    Page("/status", "Status", "status.html", {"found": Part(STATUS)}, filters=False),
    Page("/admin", "Admin", "admin.html", {"found": Part(ADMIN)}, filters=False, scope="admin"),
    Page(
        "/admin/people/{name}",
        "",
        "person.html",
        {"found": Part(PERSON)},
        filters=False,
        scope="admin",
    ),
    Page(
        "/admin/retention",
        "",
        "retention.html",
        {"found": Part(RETENTION), "now": Part(ADMIN)},
        filters=False,
        scope="admin",
    ),
    Page("/reports/{week}", "", "report.html", {"found": Part(REPORT)}, filters=False),
    Page("/search", "", "search.html", {"found": Part(SEARCH)}, filters=False),
    Page(
        "/sessions/{session_id:path}", "", "session.html", {"found": Part(SESSION)}, filters=False
    ),
)


def route(page: Page) -> Route:
    """The route of a page."""

    async def respond(request: Request) -> Response:
        viewer: Viewer = request.state.viewer
        if page.path == "/" and not page.is_for(viewer):
            return RedirectResponse("/team", 303)
        query = dict(request.query_params)
        answers: dict[str, Any] = {}
        tags = []
        for name, part in page.parts.items():
            if part.may_lack and not seen_by(viewer, part.endpoint.sight):
                answers[name] = None
                continue
            fields = part.endpoint.query.__struct_fields__
            given = {key: value for key, value in query.items() if key in fields and value}
            found = await answer_to(request, part.endpoint, {**given, **part.given})
            assert found.body is not None
            answers[name] = msgspec.json.decode(found.body)
            tags.append(found.tag)
        tag = f'W/"{key_of(*tags, viewer.name, viewer.role or ""):x}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        service = service_of(request)
        facets: dict[str, list[str]] = {}
        if page.filters:
            facets = await service.ask(lambda store: store.finding.facets(viewer.sees))
        told = {
            "page": page,
            "pages": [e for e in PAGES if e.name and (e is page or e.is_shown(viewer))],
            "query": query,
            "filters": Filters.__struct_fields__ if page.filters else (),
            "facets": facets,
            "viewer": viewer,
            "zone": ZoneInfo(service.config.display.time_zone),
            "has_plan": any(bill.plan == "subscription" for bill in service.config.billing),
            **answers,
        }
        text = await written(page.template, told)
        return HTMLResponse(text, headers=headers)

    return Route(page.path, respond, methods=["GET"], name=f"page:{page.path}")


ROUTES: list[BaseRoute] = [
    *map(route, PAGES),
    Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
]
