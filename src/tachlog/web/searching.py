"""The search box: sessions, projects, tools and models by a part of their names."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from tachlog.analysis.selection import Match
from tachlog.web.endpoints import Asked, Endpoint

MOST = 20


class Sought(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is looked for."""

    q: Annotated[str, Meta(max_length=200)] = ""


def search(asked: Asked[Sought]) -> list[Match]:
    """What has the text in its name; nothing for no text."""
    text = asked.query.q.strip()
    return asked.store.finding.search(text, MOST) if text else []


SEARCH = Endpoint(
    "/api/v1/search", "sessions, projects, tools, models by name", search, list[Match], Sought
)
ENDPOINTS = [SEARCH]
