"""The verbs that list: `sessions`, `tools`, `errors`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from tachlog import figures as shown
from tachlog.analysis.shapes import ErrorPattern, SessionView, ToolUsage
from tachlog.analysis.summary import error_patterns, session_views, tools_of, totals_of
from tachlog.analysis.summary import selected as chosen
from tachlog.analysis.tally import Tree, place_of, tally_of, trees_of
from tachlog.cli.answering import Answer, Ask, selected
from tachlog.cli.findings import tool_name
from tachlog.cli.naming import ShortIds, agent_name, model_name, name_of, when, words
from tachlog.cli.table import Column, table
from tachlog.stores import Store

MOST_ERRORS = 15
CLASS_CELLS = 24
MOST_SESSIONS = 100
"""Sessions that a screen lists unless told otherwise."""


def sessions(ask: Ask) -> Answer:
    """Answer `tachlog sessions`."""
    with ask.store() as store:
        most = ask.options.limit or (None if ask.options.json else MOST_SESSIONS)
        trees, number = _listed(store, ask, most)
        views = session_views(trees, sub_agents=False)
        views.sort(key=_order(ask.options.sort), reverse=True)
        views = views[:most]
        ids = {view.session_id for view in views}
        shown_ids = ShortIds(ids | store.neighbours(ids))

    def lines() -> list[str]:
        rows = [_session_row(view, shown_ids[view.session_id], ask) for view in views]
        told = table(_SESSION, rows, ask.width, ask.has_color) if rows else [nothing(ask)]
        left = number - len(views)
        notes = [f"{left:,} more: --limit {number}"] if left > 0 and not ask.options.limit else []
        if any(view.cost_usd is not None for view in views):
            notes += shown.wrap(f"at API prices, or as the log tells it: {ask.prices}", ask.width)
        return [*told, "", *notes] if notes else told

    return Answer(views, lines)


def _listed(store: Store, ask: Ask, most: int | None) -> tuple[list[Tree], int]:
    """The selected sessions, and how many they are.

    Only those that are shown where the archive has them in this order.
    """
    selection = ask.selection()
    if ask.options.sort != "when" or most is None:
        trees = chosen(store, selection)
        return trees, len(trees)
    trees = []
    after, number = None, 0
    while sum(tree.head.parent is None for tree in trees) < most:
        threads, number = store.page(selection, most, after)
        found = trees_of(threads)
        trees += found
        if len(found) < most:
            break
        after = place_of(found[-1])
    return trees, number


def nothing(ask: Ask) -> str:
    """What is said when a selection is empty."""
    selected = any(
        getattr(ask.options, name, None)
        for name in ("since", "until", "agent", "provider", "model", "project", "complexity")
    )
    return "nothing fits these filters" if selected else "nothing read yet: tachlog analyze"


_SESSION = (
    Column(""),
    Column("SESSION", least=28),
    Column("AGENT", spare=5),
    Column("PROJECT", spare=4),
    Column("MODEL", spare=3),
    Column("WHEN"),
    Column("ACTIVE", right=True),
    Column("CALLS", right=True, spare=1),
    Column("TOKENS", right=True),
    Column("COST", right=True),
    Column("ERRORS", right=True),
    Column("COMPLEXITY", spare=2),
    Column("OUTCOME", spare=6),
)


def _session_row(view: SessionView, short_id: str, ask: Ask) -> list[str]:
    tree = view.tree
    return [
        short_id,
        name_of(view, ask.zone) or view.session_id,
        agent_name(view.agent),
        view.project or "",
        model_name(view.model),
        "" if view.start_time is None else when(view.start_time, ask.zone, ask.caller.now_us),
        shown.duration(view.active_duration),
        shown.short_count(tree.tool_calls if tree else view.tool_call_count),
        shown.short_count(tree.tokens if tree else view.total_tokens),
        shown.money(tree.cost_usd if tree else view.cost_usd),
        shown.percent(view.error_rate),
        words(view.complexity),
        words(view.outcome),
    ]


def _order(name: str) -> Callable[[SessionView], tuple[float | str, ...]]:
    """The key that sorts sessions by what `--sort` names; the newest first among equals."""
    keys: Mapping[str, Callable[[SessionView], float]] = {
        "when": lambda view: 0,
        "active": lambda view: view.active_duration,
        "calls": lambda view: view.tree.tool_calls if view.tree else view.tool_call_count,
        "tokens": lambda view: view.tree.tokens if view.tree else view.total_tokens,
        "cost": lambda view: (view.tree.cost_usd if view.tree else view.cost_usd) or 0,
        "errors": lambda view: view.error_rate or 0,
        "complexity": lambda view: view.complexity_score,
    }
    key = keys[name]
    return lambda view: (key(view), view.start_time or "", view.session_id)


def tools(ask: Ask) -> Answer:
    """Answer `tachlog tools`."""
    with ask.store() as store:
        usage = tools_of(store.tool_stats(ask.selection()))
    used = dict(list(usage.items())[: ask.options.limit])

    def lines() -> list[str]:
        rows = [_tool_row(name, usage) for name, usage in used.items()]
        return table(_TOOL, rows, ask.width, ask.has_color) if rows else [nothing(ask)]

    return Answer(used, lines)


_TOOL = (
    Column("TOOL", least=12),
    Column("FOR", spare=2),
    Column("CALLS", right=True),
    Column("FAILED", right=True),
    Column("", right=True),
    Column("“NO”", right=True),
    Column("REFUSED", right=True, spare=3),
    Column("P50", right=True),
    Column("P95", right=True),
    Column("TIME", right=True),
    Column("IN", right=True, spare=4),
    Column("OUT", right=True, spare=4),
    Column("FAILS MOSTLY WITH", least=24, spare=1),
)


def _tool_row(name: str, usage: ToolUsage) -> list[str]:
    no = usage.expected_negative + usage.check_failed
    refused = usage.user_rejected + usage.user_interrupted
    failed = None if usage.success_rate is None else 1 - usage.success_rate
    mostly = [f"{error} {count:,}" for error, count in list(usage.errors.items())[:2]]
    return [
        tool_name(name),
        words(usage.category),
        shown.count(usage.count),
        shown.count(usage.error_count) if usage.error_count else shown.NONE,
        shown.percent(failed) if usage.error_count else "",
        shown.count(no) if no else "",
        shown.count(refused) if refused else "",
        _time(usage.p50_time),
        _time(usage.p95_time),
        _time(usage.total_time if usage.avg_time is not None else None),
        shown.size(usage.input_bytes),
        shown.size(usage.output_bytes),
        ", ".join(mostly),
    ]


def _time(milliseconds: float | None) -> str:
    return shown.duration(None if milliseconds is None else milliseconds / 1000)


class Errors(Struct, frozen=True):
    """What failed: of how many operations, by class, and what reads alike."""

    operations: int
    errors: int
    error_rate: float | None
    error_breakdown: dict[str, int]
    clusters: list[ErrorPattern]


def errors(ask: Ask) -> Answer:
    """Answer `tachlog errors`."""
    tally = tally_of(selected(ask), ())
    totals, patterns = totals_of(tally), error_patterns(tally)
    found = Errors(
        totals.operations,
        sum(totals.error_breakdown.values()),
        totals.error_rate,
        totals.error_breakdown,
        patterns[: ask.options.limit or MOST_ERRORS],
    )
    return Answer(found, lambda: _error_lines(found, len(patterns), ask))


def _error_lines(found: Errors, kinds: int, ask: Ask) -> Iterator[str]:
    if not found.operations:
        yield nothing(ask)
        return
    rate = shown.percent(found.error_rate)
    operations = shown.plural(found.operations, "operation")
    yield f"{shown.plural(found.errors, 'error')} in {operations}: {rate}"
    yield ""
    most = max(found.error_breakdown.values(), default=1)
    for name, count in found.error_breakdown.items():
        yield f"{name:18}{count:8,}  {shown.bar(count / most, CLASS_CELLS)}"
    for cluster in found.clusters:
        yield ""
        yield from _cluster_lines(cluster, ask)
    left = kinds - len(found.clusters)
    if left > 0:
        yield ""
        yield f"{left:,} more kinds: --limit {kinds}"


def _cluster_lines(cluster: ErrorPattern, ask: Ask) -> Iterator[str]:
    targets = ", ".join(f"{name} {count:,}" for name, count in list(cluster.targets.items())[:3])
    start = f"{cluster.count:,} × {tool_name(cluster.tool or 'model call')} {cluster.error_class}"
    last = when(cluster.last, ask.zone)
    where = f"{shown.plural(cluster.sessions, 'session')}, last {last.strip()}"
    yield shown.line([(shown.apart(start, where, ask.width), "bold")], ask.width, ask.has_color)
    for text in (targets, cluster.excerpt):
        if text:
            yield shown.line([f"    {shown.plain(text)}"], ask.width, ask.has_color)
