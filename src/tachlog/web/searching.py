"""The search box: sessions, projects, tools and models by a part of their names."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from tachlog.analysis.selection import Match
from tachlog.model import ERROR_CLASSES
from tachlog.web.endpoints import Asked, Endpoint

MOST = 20
MOST_OF_ALL = 1000


class Sought(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is looked for."""

    q: Annotated[str, Meta(max_length=200)] = ""
    user: str | None = None


def search(asked: Asked[Sought]) -> list[Match]:
    """What has the text in its name; nothing for no text. Of a user's only their sessions.

    Errors are found by the names of their classes.
    """
    text, user, finding = asked.query.q.strip(), asked.query.user, asked.store.finding
    if not text:
        return []
    classes = [
        Match("error", name)
        for name in ERROR_CLASSES
        if text.lower() in name.replace("_", " ") or text.lower() in name
    ]
    if user is None:
        return [*finding.search(text, MOST), *classes]
    found = finding.search(text, MOST_OF_ALL)
    return [each for each in found if each.id is not None and user in finding.owners(each.id)][
        :MOST
    ]


SEARCH = Endpoint(
    "/api/v1/search",
    "sessions, projects, tools, models, classes of errors by name",
    search,
    list[Match],
    Sought,
    sight="own",
)
ENDPOINTS = [SEARCH]
