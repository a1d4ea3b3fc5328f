"""The threads that are not over, as people and programs are told of them."""

from __future__ import annotations

from msgspec import Struct

from tachlog.analysis.archive import Archive
from tachlog.analysis.states import Live, StateKind, live_threads
from tachlog.analysis.units import rfc3339


class LiveSession(Struct, frozen=True):
    """A thread that is not over: what it does since when, and how it stands.

    `needs_you` says that it waits for a person; `basis` what its state is told from. `cost_usd` is
    what its own thread cost so far at API prices, None where no price is known.
    """

    session_id: str
    root_session_id: str
    agent: str
    project: str | None
    model: str | None
    title: str | None
    needs_you: bool
    state: StateKind
    since: str
    basis: str
    tool: str | None
    target: str | None
    context_tokens: int | None
    window: int | None
    cost_usd: float | None
    last_error: str | None


def live_sessions(archive: Archive, now_us: int) -> list[LiveSession]:
    """The threads that are not over, those that wait for a person first."""
    return [live_session(each) for each in live_threads(archive, now_us)]


def live_session(each: Live) -> LiveSession:
    """What is told of one thread."""
    metrics, state = each.metrics, each.state
    return LiveSession(
        session_id=metrics.session_id,
        root_session_id=metrics.root,
        agent=metrics.agent,
        project=metrics.project,
        model=metrics.model,
        title=metrics.title,
        needs_you=state.needs_person,
        state=state.kind,
        since=rfc3339(state.since_us),
        basis=state.basis,
        tool=state.tool,
        target=state.target,
        context_tokens=each.context_tokens,
        window=each.window,
        cost_usd=cost_usd(each),
        last_error=each.last_error,
    )


def open_sessions(archive: Archive, now_us: int) -> int:
    """How many main conversations are not over."""
    return len({(each.metrics.agent, each.metrics.root) for each in live_threads(archive, now_us)})


def cost_usd(each: Live) -> float | None:
    """What a thread cost so far at API prices; None where no price is known."""
    told = [use.cost_nanousd for use in each.metrics.models.values()]
    known = [cost for cost in told if cost is not None]
    return sum(known) / 1e9 if known else None
