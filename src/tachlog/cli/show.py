"""The verb `show`: one session as a timeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.complexity import ComplexityFactors, Points, explain
from tachlog.analysis.context import ContextReport, context_report
from tachlog.analysis.selection import Selection
from tachlog.analysis.shapes import SessionView
from tachlog.analysis.turns import Turn, TurnView, turn_view, turns_of
from tachlog.analysis.units import rfc3339
from tachlog.analysis.view import cost_usd, session_view, tree_totals
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.naming import agent_name, model_name, name_of, resolve, words
from tachlog.cli.reading import context_lines
from tachlog.cli.timeline import Agent, chart, turn_lines
from tachlog.metrics import SessionMetrics
from tachlog.metrics.tools import unique_tools
from tachlog.stores import Pruned, Store

SPLIT_CELLS = 12
MOST_LINES = 60
LONGEST_ID = 25
"""Longer ids, such as UUIDs, are told by their first eight characters in the heading."""


class PrunedView(Struct, frozen=True):
    """How many of its operations were deleted: those before a time, when, as which key says."""

    operations: int
    before: str
    at: str
    rule: str


class Shown(Struct, frozen=True):
    """Everything that `show --json` tells of a session; `threads` are its sub-agents."""

    session: SessionView
    context: ContextReport | None
    complexity: list[Points]
    files: list[str]
    threads: list[SessionView]
    turns: list[TurnView]
    pruned: PrunedView | None = None


class Report(NamedTuple):
    """What is told of a session, with the turns and sub-agents that its picture is drawn from."""

    shown: Shown
    turns: list[Turn]
    threads: list[SessionMetrics]


def show(ask: Ask) -> Answer:
    """Answer `tachlog show`."""
    with ask.store() as store:
        session_id = resolve(store.find(ask.options.id), ask.options.id)
        report = report_of(store, session_id, ask.config.analysis.complexity_factors)
    agents = [_agent(m) for m in report.threads if m.start_us is not None]
    return Answer(report.shown, lambda: _lines(report.shown, report.turns, agents, ask))


def report_of(store: Store, session_id: str, factors: ComplexityFactors) -> Report:
    """Everything that is told of a session that there is."""
    found = store.session(session_id)
    assert found is not None, "a session that was found has a row"
    metrics, session = found
    files = store.files_of(session_id)
    learned = store.learned()
    everyone = store.sessions(Selection(agent=metrics.agent))
    family = [m for m in everyone if m.root == metrics.root]
    threads = [m for m in family if m.parent == metrics.session_id]
    tree = tree_totals(family) if metrics.parent is None else None
    turns = turns_of(session, learned)
    shown = Shown(
        session_view(metrics, tree),
        context_report(session, learned),
        _points(metrics, factors),
        files,
        [session_view(m, None) for m in threads],
        [turn_view(turn) for turn in turns],
        pruned_view(store.past.of(session_id)),
    )
    return Report(shown, turns, threads)


def pruned_view(found: Pruned | None) -> PrunedView | None:
    """What is told of deleted operations."""
    if found is None:
        return None
    return PrunedView(found.operations, rfc3339(found.cut_us), rfc3339(found.pruned_us), found.rule)


def pruned_line(pruned: PrunedView, ask: Ask) -> str:
    """What was deleted of a session, and why."""
    before, at = (
        datetime.fromisoformat(text).astimezone(ask.zone) for text in (pruned.before, pruned.at)
    )
    return (
        f"{fmt.plural(pruned.operations, 'operation')} from before"
        f" {before.day} {before:%b %Y} were deleted on {at.day} {at:%b %Y} ({pruned.rule})"
    )


def _agent(m: SessionMetrics) -> Agent:
    """A sub-agent's time, its type and what it cost."""
    name = m.agent_type or m.session_id.rpartition("/")[2]
    cost = cost_usd(m.models.values())
    label = fmt.plain(name) if cost is None else f"{fmt.plain(name)} {fmt.money(cost)}"
    return Agent(m.start_us or 0, m.end_us or 0, label)


def _points(metrics: SessionMetrics, factors: ComplexityFactors) -> list[Points]:
    return explain(
        metrics.messages,
        unique_tools(metrics.tools),
        metrics.op_errors / metrics.operations if metrics.operations else None,
        metrics.duration_us / 1e6,
        factors,
    )


def _lines(shown: Shown, turns: Sequence[Turn], agents: Sequence[Agent], ask: Ask) -> Iterator[str]:
    head = list(_head(shown, ask))
    drawn = list(chart(turns, agents, ask.zone, ask.width)) if turns else []
    log = [
        f"ID   {shown.session.session_id}",
        *(f"LOG  {fmt.plain(path)}" for path in shown.files[:3]),
    ]
    room = None if ask.options.all else MOST_LINES - len(head) - len(drawn) - len(log) - 3
    yield from head
    if shown.pruned is not None:
        yield fmt.line([pruned_line(shown.pruned, ask)], ask.width, False)
    for block in (drawn, list(turn_lines(turns, ask.zone, ask.width, room)), log):
        if block:
            yield ""
            yield from block


def _head(shown: Shown, ask: Ask) -> Iterator[str]:
    view = shown.session
    title = fmt.plain(name_of(view, ask.zone))
    place = " · ".join(filter(None, [_short_id(view.session_id), view.project, view.branch]))
    room = max(ask.width // 2, ask.width - fmt.cells(place) - 2)
    first = fmt.apart(fmt.clip(title, room), place, ask.width)
    yield fmt.line([(first, "bold")], ask.width, ask.has_color)
    version = f" {view.version}" if view.version else ""
    reasons = ", ".join(map(words, view.outcome_reasons))
    facts = [agent_name(view.agent) + version, model_name(view.model), _when(view, ask), reasons]
    yield fmt.line([" · ".join(filter(None, facts))], ask.width, False)
    yield ""
    facts = [_cost(shown), *([] if view.cost_basis == "reported" else [ask.prices])]
    for text in fmt.wrap(" · ".join(facts), ask.width):
        yield fmt.line([text], ask.width, False)
    if view.time_split is not None and view.duration:
        yield fmt.line([_time(view)], ask.width, False)
    yield fmt.line([_complexity(shown)], ask.width, False)
    if shown.context is not None:
        for text in context_lines(shown.context, ask.width):
            yield fmt.line([text], ask.width, False)


def _short_id(session_id: str) -> str:
    own = session_id.rpartition("/")[2]
    return own if len(own) <= LONGEST_ID else own[:8]


def _when(view: SessionView, ask: Ask) -> str:
    if view.start_time is None or view.end_time is None:
        return "did nothing yet"
    start, end = (
        datetime.fromisoformat(text).astimezone(ask.zone)
        for text in (view.start_time, view.end_time)
    )
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a} {end.day} {end:%b %H:%M}"
    return f"{start:%a} {start.day} {start:%b %Y %H:%M}–{until}"


def _cost(shown: Shown) -> str:
    view, tree = shown.session, shown.session.tree
    basis = "" if view.cost_basis == "reported" else " at API prices"
    tokens = f"{fmt.short_count(tree.tokens if tree else view.total_tokens)} tokens"
    if tree is None or tree.threads == 1:
        return f"COST {fmt.money(view.cost_usd)}{basis} · {tokens}"
    others = tree.threads - 1
    delegated = None if tree.cost_usd is None else tree.cost_usd - (view.cost_usd or 0)
    return (
        f"COST {fmt.money(tree.cost_usd)}{basis} = own {fmt.money(view.cost_usd)}"
        f" + {fmt.plural(others, 'sub-agent')} {fmt.money(delegated)} · {tokens}"
    )


def _time(view: SessionView) -> str:
    split = view.time_split
    assert split is not None
    busy = view.duration - split.idle
    parts = [("model", split.model), ("tools", split.tool), ("approvals", split.approval)]
    parts.append(("you", split.person))
    bars = [
        f"{name} {fmt.percent(part / busy, 0)} {fmt.bar(part / busy, SPLIT_CELLS)}".rstrip()
        for name, part in parts
        if part and busy
    ]
    whole = "" if split.idle < 1 else f" of {fmt.duration(view.duration)}"
    return f"TIME {fmt.duration(busy)}{whole}: " + "  ".join(bars)


def _complexity(shown: Shown) -> str:
    view = shown.session
    told = []
    for part in shown.complexity:
        match part.factor:
            case "message_count":
                what = f"messages {part.value:,.0f}"
            case "unique_tools":
                what = f"tools {part.value:,.0f}"
            case "error_rate":
                errors = sum(view.error_breakdown.values())
                rate = fmt.percent(part.value)
                what = f"errors {rate} ({errors:,} of {view.operations:,})"
            case _:
                what = f"duration {fmt.duration(part.value)}"
        told.append(f"{what} → {part.points}")
    label = words(view.complexity).upper()
    return f"{label} {view.complexity_score} = " + ", ".join(told)
