"""The figures of any number of whole sessions, as sums that add up.

For disjoint sets of whole sessions `merge(tally(A), tally(B)) == tally(A + B)`: integers, counts by
name, sketches; nothing is kept that cannot be added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from operator import add
from typing import TypeVar

from msgspec import Struct, field

from tachlog.analysis import sequences
from tachlog.analysis.selection import Place, StoredStep
from tachlog.analysis.sequences import Gram, Sequences
from tachlog.metrics import (
    Anomaly,
    ErrorCluster,
    ModelUse,
    SessionMetrics,
    Sketch,
    TimeSplit,
    ToolStats,
)

_Name = TypeVar("_Name", str, int)

Counts = dict[str, int]
RootKey = tuple[str, str]
"""A session: its agent and the id of its main conversation."""


class Tree(Struct, frozen=True):
    """A session: its main thread, or the first where that has no row, and all its threads."""

    head: SessionMetrics
    threads: list[SessionMetrics]


class ErrorGroup(Struct):
    """Failures that read alike, over several sessions.

    `excerpt` is the first of their texts in the order of the alphabet, so that it does not depend
    on which session comes first.
    """

    first_us: int
    last_us: int
    count: int = 0
    sessions: int = 0
    targets: Counts = field(default_factory=dict)
    excerpt: str | None = None


ErrorKey = tuple[str, int, str | None]
"""Error class, fingerprint, and tool (None: a model call)."""


class Tally(Struct):
    """Sums over sessions (`trees`) and their threads; the names are those of `SessionMetrics`.

    `models` is by name and provider. `complexity` and its score are of the sessions' main threads.
    `peak` is the largest context, in tokens, with its window (0: not known). `gram_sessions` says
    in how many sessions a sequence of tools occurs.
    """

    sessions: int = 0
    threads: int = 0
    start_us: int | None = None
    end_us: int | None = None
    duration_us: int = 0
    active_us: int = 0
    time_split: TimeSplit | None = None
    messages: int = 0
    tool_calls: int = 0
    calls: int = 0
    failures: int = 0
    retries: int = 0
    op_successes: int = 0
    op_errors: int = 0
    response_n: int = 0
    response_us: int = 0
    response_sketch: Sketch = field(default_factory=dict)
    models: dict[tuple[str, str], ModelUse] = field(default_factory=dict)
    tools: dict[str, ToolStats] = field(default_factory=dict)
    errors: Counts = field(default_factory=dict)
    behaviors: Counts = field(default_factory=dict)
    complexity: Counts = field(default_factory=dict)
    complexity_score: int = 0
    peak: tuple[int, int] = (0, 0)
    compactions: int = 0
    groups: dict[ErrorKey, ErrorGroup] = field(default_factory=dict)
    anomalies: list[tuple[str, Anomaly]] = field(default_factory=list)
    sequences: Sequences = field(default_factory=Sequences)
    gram_sessions: Counter[Gram] = field(default_factory=Counter)

    @property
    def operations(self) -> int:
        """Tool calls with a decided outcome plus attempts of model calls."""
        return self.op_successes + self.op_errors


_SUMS = (
    "sessions",
    "threads",
    "duration_us",
    "active_us",
    "messages",
    "tool_calls",
    "calls",
    "failures",
    "retries",
    "op_successes",
    "op_errors",
    "response_n",
    "response_us",
    "complexity_score",
    "compactions",
)
_COUNTS = ("response_sketch", "errors", "behaviors", "complexity")


def trees_of(metrics: Iterable[SessionMetrics]) -> list[Tree]:
    """Threads by the session that they belong to, in the order in which sessions come up."""
    by_root: dict[RootKey, list[SessionMetrics]] = {}
    for m in metrics:
        by_root.setdefault((m.agent, m.root), []).append(m)
    return [
        Tree(next((m for m in threads if m.session_id == root), threads[0]), threads)
        for (_, root), threads in by_root.items()
    ]


def place_of(tree: Tree) -> Place:
    """Where a session stands in lists."""
    return (tree.head.start_us or 0, tree.head.session_id, tree.head.agent)


def tally_of(trees: Iterable[Tree], steps: Iterable[StoredStep]) -> Tally:
    """Add up sessions; `steps` are the tool calls of their threads, each thread's in order."""
    tally = Tally()
    for tree in trees:
        _add_tree(tally, tree)
    _add_steps(tally, steps)
    tally.anomalies.sort(key=_anomaly_order)
    return tally


def merge(a: Tally, b: Tally) -> Tally:
    """The tally of both sets of sessions, which must not share any."""
    both = Tally()
    _add(both, a)
    _add(both, b)
    both.anomalies.sort(key=_anomaly_order)
    return both


def _add(into: Tally, other: Tally) -> None:
    for name in _SUMS:
        setattr(into, name, getattr(into, name) + getattr(other, name))
    for name in _COUNTS:
        _add_counts(getattr(into, name), getattr(other, name))
    into.start_us = _known(min, into.start_us, other.start_us)
    into.end_us = _known(max, into.end_us, other.end_us)
    into.time_split = _both_splits(into.time_split, other.time_split)
    into.peak = max(into.peak, other.peak)
    for model, use in other.models.items():
        add_use(into.models.setdefault(model, ModelUse(use.provider)), use)
    for tool, stats in other.tools.items():
        add_stats(into.tools.setdefault(tool, ToolStats(stats.category)), stats)
    for key, group in other.groups.items():
        _add_group(into.groups.setdefault(key, ErrorGroup(group.first_us, group.last_us)), group)
    into.anomalies += other.anomalies
    sequences.merge(into.sequences, other.sequences)
    into.gram_sessions.update(other.gram_sessions)


def _add_tree(tally: Tally, tree: Tree) -> None:
    """Add one session: its threads' figures, and what is counted once per session."""
    tally.sessions += 1
    tally.complexity_score += tree.head.complexity_score
    _add_counts(tally.complexity, {tree.head.complexity: 1})
    groups: dict[ErrorKey, ErrorGroup] = {}
    for m in tree.threads:
        _add_thread(tally, m)
        for cluster in m.clusters:
            key = (cluster.error_class, cluster.fingerprint, cluster.tool)
            group = groups.setdefault(key, ErrorGroup(cluster.first_us, cluster.last_us))
            _add_group(group, _group_of(cluster))
    for key, group in groups.items():
        group.sessions = 1
        _add_group(tally.groups.setdefault(key, ErrorGroup(group.first_us, group.last_us)), group)


def _add_thread(tally: Tally, m: SessionMetrics) -> None:
    tally.threads += 1
    tally.start_us = _known(min, tally.start_us, m.start_us)
    tally.end_us = _known(max, tally.end_us, m.end_us)
    tally.duration_us += m.duration_us
    tally.active_us += m.active_us
    tally.time_split = _both_splits(tally.time_split, m.time_split)
    tally.messages += m.messages
    tally.tool_calls += m.tool_calls
    tally.calls += m.calls
    tally.failures += m.failures
    tally.retries += m.retries
    tally.op_successes += m.op_successes
    tally.op_errors += m.op_errors
    tally.response_n += m.response_n
    tally.response_us += m.response_us
    tally.compactions += m.context.compactions
    tally.peak = max(tally.peak, (m.context.peak_tokens or 0, m.context.window or 0))
    _add_counts(tally.response_sketch, m.response_sketch)
    _add_counts(tally.errors, m.errors)
    _add_counts(tally.behaviors, m.behaviors)
    for name, use in m.models.items():
        add_use(tally.models.setdefault((name, use.provider), ModelUse(use.provider)), use)
    for tool, stats in m.tools.items():
        add_stats(tally.tools.setdefault(tool, ToolStats(stats.category)), stats)
    tally.anomalies += [(m.session_id, anomaly) for anomaly in m.anomalies]


def _add_steps(tally: Tally, steps: Iterable[StoredStep]) -> None:
    """Count sequences: never across threads, the sessions of each by their root."""
    by_root: dict[str, dict[str, list[StoredStep]]] = {}
    for step in steps:
        by_root.setdefault(step.root, {}).setdefault(step.session_id, []).append(step)
    for threads in by_root.values():
        grams: set[Gram] = set()
        for thread in threads.values():
            grams |= sequences.add_thread(tally.sequences, thread)
        tally.gram_sessions.update(grams)


def _add_counts(into: dict[_Name, int], other: Mapping[_Name, int]) -> None:
    for name, count in other.items():
        into[name] = into.get(name, 0) + count


def _known(pick: Callable[[int, int], int], a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return pick(a, b)


def _known_sum(a: int | None, b: int | None) -> int | None:
    return _known(add, a, b)


def _both_splits(a: TimeSplit | None, b: TimeSplit | None) -> TimeSplit | None:
    if a is None or b is None:
        return b if a is None else a
    return TimeSplit(
        model=a.model + b.model,
        tool=a.tool + b.tool,
        approval=_known_sum(a.approval, b.approval),
        person=a.person + b.person,
        idle=a.idle + b.idle,
    )


def add_use(into: ModelUse, other: ModelUse) -> None:
    """Add the calls of the same model; the provider stays."""
    into.calls += other.calls
    into.input += other.input
    into.cache_read += other.cache_read
    into.cache_write += other.cache_write
    into.cache_write_1h += other.cache_write_1h
    into.output += other.output
    into.estimated += other.estimated
    into.unpriced_calls += other.unpriced_calls
    into.unpriced_tokens += other.unpriced_tokens
    into.reported_cost_calls += other.reported_cost_calls
    into.reasoning = _known_sum(into.reasoning, other.reasoning)
    into.cost_nanousd = _known_sum(into.cost_nanousd, other.cost_nanousd)


def add_stats(into: ToolStats, other: ToolStats) -> None:
    """Add a tool's figures; the exact p95 of a session cannot be added, its sketch can."""
    into.count += other.count
    into.success_count += other.success_count
    into.error_count += other.error_count
    into.expected_negative += other.expected_negative
    into.check_failed += other.check_failed
    into.user_rejected += other.user_rejected
    into.user_interrupted += other.user_interrupted
    into.unfinished += other.unfinished
    into.timed += other.timed
    into.total_us += other.total_us
    into.input_bytes += other.input_bytes
    into.output_bytes += other.output_bytes
    _add_counts(into.sketch, other.sketch)
    _add_counts(into.classes, other.classes)


def _group_of(cluster: ErrorCluster) -> ErrorGroup:
    return ErrorGroup(
        cluster.first_us,
        cluster.last_us,
        count=cluster.count,
        targets={cluster.target: cluster.count} if cluster.target else {},
        excerpt=cluster.excerpt,
    )


def _add_group(into: ErrorGroup, other: ErrorGroup) -> None:
    into.first_us = min(into.first_us, other.first_us)
    into.last_us = max(into.last_us, other.last_us)
    into.count += other.count
    into.sessions += other.sessions
    _add_counts(into.targets, other.targets)
    if other.excerpt is not None:
        into.excerpt = min(into.excerpt or other.excerpt, other.excerpt)


def _anomaly_order(item: tuple[str, Anomaly]) -> tuple[int, str, str, str, str]:
    session_id, anomaly = item
    return (
        anomaly.start_us or 0,
        session_id,
        anomaly.type,
        anomaly.log_id or "",
        anomaly.about or "",
    )
