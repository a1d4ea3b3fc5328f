"""Advice over HTTP: what to change, what people say of it, whether it helped."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

from tachlog.analysis.advice.keeping import find
from tachlog.analysis.advice.report import AdviceReport, AnsweredView, answered_view, report_of
from tachlog.analysis.standing import Standing, StandingKind
from tachlog.stores import Store
from tachlog.web.changes import Change, Wanted
from tachlog.web.endpoints import Asked, Endpoint
from tachlog.web.problems import Refusal
from tachlog.web.sessions import Filters, selection_of

DAY_US: Final = 86_400_000_000

Note = Annotated[str, Meta(max_length=1000)] | None


class Noted(Struct, frozen=True, forbid_unknown_fields=True):
    """Why somebody dismisses advice, or how it was followed."""

    note: Note = None


class Snoozing(Struct, frozen=True, forbid_unknown_fields=True):
    """For how many days advice is not to be told, and why."""

    days: Annotated[int, Meta(ge=1, le=366)] = 30
    note: Note = None


def advice(asked: Asked[Filters]) -> AdviceReport:
    """What to change, with the evidence, and what was said of it.

    What was said is about everybody's sessions: it is not told of one user's alone.
    """
    found = report_of(asked.store, selection_of(asked), asked.now_us, is_served=True)
    return found if asked.query.user is None else replace(found, answered=[])


def dismiss(store: Store, wanted: Wanted[Noted]) -> AnsweredView:
    """Do not tell a recommendation again."""
    return _say(store, wanted, "dismissed", wanted.body.note, None)


def snooze(store: Store, wanted: Wanted[Snoozing]) -> AnsweredView:
    """Do not tell a recommendation for some days."""
    until_us = wanted.now_us + wanted.body.days * DAY_US
    return _say(store, wanted, "snoozed", wanted.body.note, until_us)


def done(store: Store, wanted: Wanted[Noted]) -> AnsweredView:
    """Say that a recommendation was followed, so that it is measured whether it helps."""
    return _say(store, wanted, "done", wanted.body.note, None)


def _say(
    store: Store,
    wanted: Wanted[Noted] | Wanted[Snoozing],
    state: StandingKind,
    note: str | None,
    until_us: int | None,
) -> AnsweredView:
    number = wanted.place["advice_id"]
    each = find(store, number)
    if each is None:
        raise Refusal(404, f"{number[:80]}: there is no such advice")
    now_us = wanted.now_us
    standing = Standing(
        each.id, each.type, each.about, each.message, state, wanted.by, now_us, until_us, note
    )
    store.advising.keep(standing)
    return answered_view(standing, None)


ADVICE: Final = Endpoint(
    "/api/v1/advice",
    "what to change, what people said of it, whether it helped",
    advice,
    AdviceReport,
    Filters,
    every_s=60,
    sight="own",
)
ENDPOINTS: Final = [ADVICE]
CHANGES: Final = [
    Change(
        "/api/v1/advice/{advice_id}/dismiss",
        "do not tell a recommendation again; `note` says why",
        dismiss,
        Noted,
        AnsweredView,
        (404,),
    ),
    Change(
        "/api/v1/advice/{advice_id}/snooze",
        "do not tell a recommendation for so many `days`",
        snooze,
        Snoozing,
        AnsweredView,
        (404,),
    ),
    Change(
        "/api/v1/advice/{advice_id}/done",
        "say that a recommendation was followed: what comes since is compared with before",
        done,
        Noted,
        AnsweredView,
        (404,),
    ),
]
