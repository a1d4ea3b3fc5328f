"""Pages: each is a template over the answer to one question, its JSON twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tachlog import __version__
from tachlog.web.endpoints import Endpoint, answer_to
from tachlog.web.now import REALTIME

HERE = Path(__file__).resolve().parent


class Page(NamedTuple):
    """A page: its address, its name in the navigation, its template, and what it shows."""

    path: str
    name: str
    template: str
    twin: Endpoint


PAGES = (Page("/", "Now", "now.html", REALTIME),)

templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(("html",)),
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
templates.globals.update(version=__version__, pages=PAGES)


def route(page: Page) -> Route:
    """The route of a page."""

    async def respond(request: Request) -> Response:
        found = await answer_to(request, page.twin)
        headers = {"ETag": found.tag, "Cache-Control": "private, no-cache"}
        if found.body is None:
            return Response(status_code=304, headers=headers)
        answer: Any = msgspec.json.decode(found.body)
        text = templates.get_template(page.template).render(page=page, answer=answer)
        return HTMLResponse(text, headers=headers)

    return Route(page.path, respond, methods=["GET"], name=f"page:{page.path}")


ROUTES: list[BaseRoute] = [
    *map(route, PAGES),
    Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
]
