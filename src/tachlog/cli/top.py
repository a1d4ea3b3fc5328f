"""The verb `top`: which agents wait for somebody, and what the others do."""

from __future__ import annotations

import os
import threading
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing
from time import time_ns
from typing import TYPE_CHECKING, Final, NamedTuple

from tachlog.cli import format as fmt
from tachlog.cli.answering import Ask, as_json
from tachlog.cli.calling import Caller
from tachlog.cli.naming import agent_name, model_name, words

if TYPE_CHECKING:
    from tachlog.analysis.states import Live
    from tachlog.stores import Store

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


def top(options: Namespace, caller: Caller) -> int:
    """Run `tachlog top` until it is left; without a terminal tell once."""
    from tachlog.stores import open_store

    ask = Ask(options, caller)
    with closing(open_store(ask.config.storage.url)) as store:
        if options.json or not caller.out.isatty():
            _tell_once(ask, store)
        else:
            _run(ask, store)
    return 0


def _tell_once(ask: Ask, store: Store) -> None:
    from tachlog.analysis.states import live_threads
    from tachlog.pipeline import bring_up_to_date
    from tachlog.watching import discovered

    places = discovered(ask.caller.environ, ask.config)()
    there = [place for place in places if "://" in place or os.path.exists(place)]
    bring_up_to_date(store, there, ask.config)
    now_us = time_ns() // 1000
    found = live_threads(store, now_us)
    if ask.options.json:
        ask.caller.out.write(as_json([_view(each) for each in found]))
        return
    rows = rows_of(found, now_us)
    ask.caller.out.write(fmt.plain(heading(rows)) + "\n")
    for row in rows:
        told = f"{'needs you' if row.needs else 'works':10}{row.title} · {row.agent}: {row.doing}"
        ask.caller.out.write(fmt.plain(f"{told}, {row.since} ({row.basis})") + "\n")


def _run(ask: Ask, store: Store) -> None:
    """Show the screen, and follow the logs meanwhile."""
    from tachlog.analysis.states import live_threads
    from tachlog.cli.top_screen import Top
    from tachlog.watching import discovered, follow

    one_at_a_time = threading.Lock()

    def look() -> list[Row]:
        now_us = time_ns() // 1000
        with one_at_a_time:
            return rows_of(live_threads(store, now_us), now_us)

    stop = threading.Event()
    following = threading.Thread(
        target=follow,
        args=(
            ask.config.storage.url,
            discovered(ask.caller.environ, ask.config),
            ask.config,
        ),
        kwargs={"stop": stop, "told": lambda _: None, "jobs": 1},
        daemon=True,
    )
    following.start()
    try:
        Top(look).run()
    finally:
        stop.set()
        following.join()


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
        doing=_doing(each),
        since=fmt.duration(max(0, now_us - state.since_us) / 1e6),
        context=fmt.NONE if share is None else f"{_bar(share)} {fmt.percent(share, 0)}",
        cost=fmt.money(_cost_usd(each)),
        error=words(each.last_error) if each.last_error else "",
        basis=state.basis,
    )


def _doing(each: Live) -> str:
    """What it does or waits for: `asks: Bash docker compose down`, `model thinking`."""
    state = each.state
    call = " ".join(filter(None, [state.tool, state.target]))
    told = {
        "model": "model thinking",
        "tool": call,
        "waiting_approval": f"asks or is slow: {call}",
        "waiting_prompt": f"asks: {call}" if call else "turn done",
        "stalled": f"stalled: {call}" if call else "stalled",
        "ended": "ended",
    }
    return told[state.kind]


def _bar(share: float) -> str:
    full = round(min(share, 1.0) * CONTEXT_CELLS)
    return "█" * full + "░" * (CONTEXT_CELLS - full)


def _cost_usd(each: Live) -> float | None:
    told = [use.cost_nanousd for use in each.metrics.models.values()]
    known = [cost for cost in told if cost is not None]
    return sum(known) / 1e9 if known else None


def heading(rows: Sequence[Row]) -> str:
    """How many need somebody, and how many work."""
    needs = sum(row.needs for row in rows)
    return f"NEEDS YOU {needs} · WORKING {len(rows) - needs}"


def _view(each: Live) -> dict[str, object]:
    from tachlog.analysis.units import rfc3339

    metrics, state = each.metrics, each.state
    return {
        "session_id": metrics.session_id,
        "root_session_id": metrics.root,
        "agent": metrics.agent,
        "project": metrics.project,
        "model": metrics.model,
        "title": metrics.title,
        "state": state.kind,
        "since": rfc3339(state.since_us),
        "basis": state.basis,
        "tool": state.tool,
        "target": state.target,
        "context_tokens": each.context_tokens,
        "window": each.window,
        "cost_usd": _cost_usd(each),
        "last_error": each.last_error,
    }
