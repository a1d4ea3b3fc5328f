"""Sessions: those that a selection finds, page by page, and one in full."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from tachlog.analysis.selection import Selection
from tachlog.analysis.shapes import SessionView
from tachlog.analysis.tally import place_of, trees_of
from tachlog.analysis.view import session_view, tree_totals
from tachlog.cli.calling import Unanswered
from tachlog.cli.moments import moment_us
from tachlog.cli.naming import resolve
from tachlog.cli.show import Shown, report_of
from tachlog.web.endpoints import Asked, Endpoint
from tachlog.web.problems import Refusal

PAGE = 50
LARGEST_PAGE = 500


class Filters(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which sessions: all filters must hold, none filters nothing.

    `since` and `until` are as the command takes them: a date, today, 36h, 7d, RFC 3339.
    """

    since: str | None = None
    until: str | None = None
    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    project: str | None = None
    complexity: str | None = None
    host: str | None = None
    user: str | None = None


class Page(Filters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One page of the sessions, the newest first; `after` is the `next` of the page before."""

    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=LARGEST_PAGE)] = PAGE


class SessionList(Struct, frozen=True):
    """One page of sessions; `next` is None on the last one, `total` counts those of all pages."""

    sessions: list[SessionView]
    next: str | None
    total: int


def selection_of(asked: Asked[Filters]) -> Selection:
    """What the filters of a question select; raises `Refusal` (400)."""
    filters = asked.query
    since_us, until_us = (
        _moment(name, getattr(filters, name), asked) for name in ("since", "until")
    )
    if since_us is not None and until_us is not None and since_us >= until_us:
        raise Refusal(400, "since is not before until")
    return Selection(
        since_us=since_us,
        until_us=until_us,
        agent=filters.agent,
        provider=filters.provider,
        model=filters.model,
        project=filters.project,
        complexity=filters.complexity,
        host=filters.host,
        user=filters.user,
    )


def _moment(name: str, text: str | None, asked: Asked[Filters]) -> int | None:
    if text is None:
        return None
    try:
        return moment_us(text, asked.now_us, asked.zone, day_ends=name == "until")
    except ValueError as error:
        raise Refusal(400, f"{name}: {error}") from None


def sessions(asked: Asked[Page]) -> SessionList:
    """One page of the selected sessions."""
    most = asked.query.limit
    threads, total = asked.store.page(selection_of(asked), most + 1, _cursor_in(asked.query.after))
    trees = trees_of(threads)
    shown = trees[:most]
    return SessionList(
        [session_view(tree.head, tree_totals(tree.threads)) for tree in shown],
        _written(place_of(shown[-1])) if len(trees) > most else None,
        total,
    )


def _written(cursor: tuple[int, str, str]) -> str:
    start_us, session_id, agent = cursor
    return f"{start_us}:{agent}:{session_id}"


def _cursor_in(text: str | None) -> tuple[int, str, str] | None:
    if text is None:
        return None
    start_us, _, rest = text.partition(":")
    agent, colon, session_id = rest.partition(":")
    if not colon or not start_us.removeprefix("-").isdecimal() or len(start_us) > 20:
        raise Refusal(400, f"after: {text[:80]!r} is no `next` of a page")
    return (int(start_us), session_id, agent)


class Whose(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose work alone is told; None: everybody's."""

    user: str | None = None


def session(asked: Asked[Whose]) -> Shown:
    """Everything that is told of one session, as `tachlog show --json`."""
    prefix, user = asked.place["session_id"], asked.query.user
    try:
        session_id = resolve(asked.store.find(prefix), prefix)
    except Unanswered as error:
        raise Refusal(404, str(error)) from None
    if user is not None and user not in asked.store.finding.owners(session_id):
        raise Refusal(404, f"no session of {user} has an id that begins with {prefix[:100]!r}")
    return report_of(asked.store, session_id, asked.config.analysis.complexity_factors).shown


SESSIONS = Endpoint(
    "/api/v1/sessions", "the sessions, newest first", sessions, SessionList, Page, sight="own"
)
SESSION = Endpoint(
    "/api/v1/sessions/{session_id:path}", "one session in full", session, Shown, Whose, sight="own"
)
ENDPOINTS = [SESSIONS, SESSION]
