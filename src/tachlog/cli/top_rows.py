"""The rows of `tachlog top`: a thread each, in words and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from tachlog import figures as fmt
from tachlog.analysis.live import cost_usd
from tachlog.cli.naming import agent_name, model_name, words

if TYPE_CHECKING:
    from tachlog.analysis.live import Live
    from tachlog.analysis.states import StateKind

CONTEXT_CELLS: Final = 8


class Row(NamedTuple):
    """A thread as it is shown, all of it text; `needs` says that it waits for a person."""

    session_id: str
    needs: bool
    title: str
    project: str
    agent: str
    model: str
    doing: str
    since: str
    context: str
    cost: str
    error: str
    basis: str


def rows_of(found: Sequence[Live], now_us: int) -> list[Row]:
    """The rows: those that wait for a person, then the others, sub-agents below their sessions."""
    place = {each.metrics.session_id: n for n, each in enumerate(found)}
    ordered = sorted(
        found,
        key=lambda each: (
            not each.state.needs_person,
            place.get(each.metrics.root, place[each.metrics.session_id]),
            each.metrics.parent is not None,
        ),
    )
    return [_row(each, now_us) for each in ordered]


def _row(each: Live, now_us: int) -> Row:
    metrics, state = each.metrics, each.state
    what = metrics.title or metrics.branch or metrics.session_id[:8]
    title = f"└ {metrics.agent_type or 'sub-agent'}" if metrics.parent else what
    share = each.context_tokens / each.window if each.context_tokens and each.window else None
    return Row(
        session_id=metrics.session_id,
        needs=state.needs_person,
        title=title,
        project=metrics.project or fmt.NONE,
        agent=agent_name(metrics.agent),
        model=model_name(metrics.model) or fmt.NONE,
        doing=doing(state.kind, state.tool, state.target, exact=state.is_exact),
        since=fmt.duration(max(0, now_us - state.since_us) / 1e6),
        context=fmt.NONE if share is None else f"{_bar(share)} {fmt.percent(share, 0)}",
        cost=fmt.money(cost_usd(each)),
        error=words(each.last_error) if each.last_error else "",
        basis=state.basis,
    )


def doing(state: StateKind, tool: str | None, target: str | None, *, exact: bool) -> str:
    """What a thread does or waits for: `asks: Bash docker compose down`, `model thinking`."""
    call = " ".join(filter(None, [tool, target]))
    told = {
        "model": "model thinking",
        "tool": call,
        "waiting_approval": f"asks: {call}" if exact else f"asks or is slow: {call}",
        "waiting_prompt": f"asks: {call}" if call else "turn done",
        "stalled": f"stalled: {call}" if call else "stalled",
        "ended": "ended",
    }
    return told[state]


def _bar(share: float) -> str:
    full = round(min(share, 1.0) * CONTEXT_CELLS)
    return "█" * full + "░" * (CONTEXT_CELLS - full)


def heading(rows: Sequence[Row]) -> str:
    """How many need somebody, and how many work."""
    needs = sum(row.needs for row in rows)
    return f"NEEDS YOU {needs} · WORKING {len(rows) - needs}"
