"""The one summary behind every face: what `tachlog analyze` prints, shows and returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING

from msgspec import Struct

from tachlog import __version__
from tachlog.analysis import tally as tallies
from tachlog.analysis.archive import Archive
from tachlog.analysis.complexity import NAMES
from tachlog.analysis.selection import Input, Place, Selection
from tachlog.analysis.sequences import Gram, key_of_gram, lift
from tachlog.analysis.shapes import (
    ErrorPattern,
    Patterns,
    Recommendation,
    Recovery,
    SequenceCount,
    SessionView,
    ToolUsage,
    Totals,
    Unpriced,
)
from tachlog.analysis.tally import Tally, Tree, merge, place_of, tally_of, trees_of
from tachlog.analysis.units import mean_ms, optional_ms, optional_rfc3339, rfc3339, seconds, share
from tachlog.analysis.view import (
    anomaly_view,
    context_usage,
    cost_basis,
    cost_usd,
    model_usage,
    most_first,
    session_view,
    time_shares,
    tokens_of,
    tool_usage,
    tree_totals,
)
from tachlog.metrics import Context, ModelUse, ToolStats
from tachlog.metrics.sketch import quantile

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Placed = tuple[Place, SessionView]
Look = Callable[[list[Tree]], None]

SCHEMA = 1
MOST_THREADS = 2_000
MOST_SEQUENCES = 50
COMPLEXITIES = tuple(name for _, name in reversed(NAMES))


class RenewedView(Struct, frozen=True):
    """What a newer `revision` of a log format changed of what was read before, and `change` why.

    `files` were read again; `staying` were not, since other files that told of the same sessions
    are gone, and `kept` were not, since operations of theirs were deleted. The figures are those of
    the sessions in them, before and now.
    """

    source: str
    title: str
    revision: int
    change: str
    files: int
    staying: int
    kept: int
    calls_before: int
    calls: int
    tool_calls_before: int
    tool_calls: int
    tokens_before: int
    tokens: int


class ReadNowView(Struct, frozen=True):
    """What one run read.

    `sessions` were not known before (None: not counted); it took `seconds`; `since` is when the
    archive had been brought up to date before; `renewed` tells of logs that were read again.
    """

    files: int = 0
    bytes: int = 0
    records: int = 0
    sessions: int | None = None
    seconds: float | None = None
    since: str | None = None
    renewed: tuple[RenewedView, ...] = ()


class SelectionView(Struct, frozen=True):
    """The filters of a selection; None filters nothing."""

    since: str | None
    until: str | None
    agent: str | None
    provider: str | None
    model: str | None
    project: str | None
    complexity: str | None
    user: str | None
    host: str | None
    paths: list[str] | None


class InputView(Struct, frozen=True):
    """What was read: records = parsed + duplicates + skipped + problems, in all and by source."""

    files: int
    records: int
    parsed: int
    duplicates: int
    skipped: int
    problems: int
    by_source: dict[str, Input]


class TelemetryResult(Struct, frozen=True, kw_only=True):
    """Everything that is told about a selection of sessions; as JSON it is `analyze --json`."""

    schema: int = SCHEMA
    tachlog: str = __version__
    generated_at: str
    prices: str
    estimates: str
    time_zone: str
    selection: SelectionView
    sessions: list[SessionView]
    totals: Totals
    patterns: Patterns
    recommendations: list[Recommendation]
    input: InputView
    read_now: ReadNowView

    def to_arrow(self, table: str = "sessions") -> pyarrow.Table:
        """The result as an Arrow table.

        `table` is `sessions` (a row per thread), `tools` (per thread and tool), `models` (per
        thread and model), `errors` or `anomalies`. Raises `MissingExtraError` where
        tachlog[dataframes] is not installed, `ValueError` for another table.
        """
        from tachlog.analysis.frames_out import to_arrow

        return to_arrow(self.sessions, table)

    def to_pandas(self, table: str = "sessions") -> pandas.DataFrame:
        """The result as a pandas data frame; see `to_arrow`."""
        from tachlog.analysis.frames_out import to_pandas

        return to_pandas(self.sessions, table)

    def to_polars(self, table: str = "sessions") -> polars.DataFrame:
        """The result as a Polars data frame; see `to_arrow`."""
        from tachlog.analysis.frames_out import to_polars

        return to_polars(self.sessions, table)


def summarize(archive: Archive, selection: Selection, *look: Look) -> Tally:
    """What the selected sessions come to.

    No more than `MOST_THREADS` threads are held at a time, unless one session has more; each of
    `look` is shown every part, whose sessions are in order of their start.
    """
    tally = Tally()
    for trees in in_parts(archive, selection):
        roots = {tree.threads[0].root for tree in trees}
        tally = merge(tally, tally_of(trees, archive.steps(selection, roots)))
        for each in look:
            each(trees)
    return tally


def in_parts(archive: Archive, selection: Selection) -> Iterator[list[Tree]]:
    """The selected sessions, a bounded number at a time, each part in order of their start."""
    for metrics in archive.parts(selection, MOST_THREADS):
        yield sorted(trees_of(metrics), key=place_of)


def selected(archive: Archive, selection: Selection) -> list[Tree]:
    """The selected sessions alone, for answers that need no more."""
    return trees_of(archive.sessions(selection))


def result_of(
    totals: Totals,
    patterns: Patterns,
    recommendations: list[Recommendation],
    views: list[SessionView],
    selection: Selection,
    read: tuple[Input, dict[str, Input]],
    *,
    time_zone: str,
    prices: str,
    estimates: str,
    generated_at_us: int,
    read_now: ReadNowView,
) -> TelemetryResult:
    """The result of what a selection comes to, with these views of its sessions."""
    return TelemetryResult(
        generated_at=rfc3339(generated_at_us),
        prices=prices,
        estimates=estimates,
        time_zone=time_zone,
        selection=selection_view(selection),
        sessions=views,
        totals=totals,
        patterns=patterns,
        recommendations=recommendations,
        input=_input_view(*read),
        read_now=read_now,
    )


def tools_of(stats: Mapping[str, ToolStats]) -> dict[str, ToolUsage]:
    """The table of tools, those first that were called most."""
    tools = sorted(stats.items(), key=lambda item: (-item[1].count, item[0]))
    return {name: tool_usage(told, quantile(told.sketch, 0.95)) for name, told in tools}


def totals_of(tally: Tally) -> Totals:
    """The view of a tally's figures."""
    uses = list(tally.models.values())
    tokens = tokens_of(uses)
    models = by_name(tally.models)
    peak_tokens, window = tally.peak
    return Totals(
        sessions=tally.sessions,
        threads=tally.threads,
        start_time=optional_rfc3339(tally.start_us),
        end_time=optional_rfc3339(tally.end_us),
        duration=seconds(tally.duration_us),
        active_duration=seconds(tally.active_us),
        time_split=time_shares(tally.time_split),
        message_count=tally.messages,
        tool_call_count=tally.tool_calls,
        model_calls=tally.calls,
        failures=tally.failures,
        operations=tally.operations,
        retries=tally.retries,
        avg_retries=share(tally.retries, tally.sessions),
        total_tokens=tokens.total,
        tokens=tokens,
        cost_usd=cost_usd(uses),
        cost_basis=cost_basis(uses),
        unpriced_calls=sum(use.unpriced_calls for use in uses),
        unpriced_models={
            name: Unpriced(use.unpriced_calls, use.unpriced_tokens)
            for name, use in models.items()
            if use.unpriced_calls
        },
        models={name: model_usage(use) for name, use in models.items()},
        success_rate=share(tally.op_successes, tally.operations),
        error_rate=share(tally.op_errors, tally.operations),
        complexity={name: tally.complexity.get(name, 0) for name in COMPLEXITIES},
        complexity_score=share(tally.complexity_score, tally.sessions),
        token_efficiency=tokens.efficiency,
        cache_hit_rate=tokens.cache_hit_rate,
        avg_response_time=mean_ms(tally.response_us, tally.response_n),
        p95_response_time=optional_ms(quantile(tally.response_sketch, 0.95)),
        timed_calls=tally.response_n,
        tool_usage=tools_of(tally.tools),
        error_breakdown=most_first(tally.errors),
        context=context_usage(Context(peak_tokens or None, window or None, tally.compactions)),
    )


def patterns_of(tally: Tally) -> Patterns:
    """The view of a tally's patterns: errors and sequences with the most frequent first."""
    return Patterns(
        errors=error_patterns(tally),
        behaviors=most_first(tally.behaviors),
        sequences={key_of_gram(gram): count for gram, count in _sequences(tally)},
        anomalies=[anomaly_view(anomaly, session_id) for session_id, anomaly in tally.anomalies],
        transitions={
            tool: most_first(following)
            for tool, following in sorted(tally.sequences.transitions.items())
        },
        recoveries=[
            Recovery(after, following, recovery.count, recovery.worked)
            for (after, following), recovery in sorted(
                tally.sequences.recoveries.items(), key=lambda item: (-item[1].count, item[0])
            )
        ],
    )


def session_views(trees: Iterable[Tree], *, sub_agents: bool = True) -> list[SessionView]:
    """Threads in order of start, then session id; main ones with what their tree comes to."""
    return in_order(placed_views(trees, sub_agents=sub_agents))


def placed_views(trees: Iterable[Tree], *, sub_agents: bool = True) -> list[Placed]:
    """The same, each with its place in lists: threads that did nothing come first."""
    return [
        (
            (m.start_us or 0, m.session_id, m.agent),
            session_view(m, tree_totals(tree.threads) if m.parent is None else None),
        )
        for tree in trees
        for m in tree.threads
        if sub_agents or m.parent is None
    ]


def in_order(views: Iterable[Placed]) -> list[SessionView]:
    """Views by their places."""
    return [view for _, view in sorted(views, key=itemgetter(0))]


def by_name(models: Mapping[tuple[str, str], ModelUse]) -> dict[str, ModelUse]:
    """Models with the most calls first, whoever served them.

    The provider of each is that of most of its calls.
    """
    merged: dict[str, ModelUse] = {}
    most = sorted(models.items(), key=lambda item: (-item[1].calls, item[0]))
    for (name, provider), use in most:
        tallies.add_use(merged.setdefault(name, ModelUse(provider)), use)
    return dict(sorted(merged.items(), key=lambda item: (-item[1].calls, item[0])))


def error_patterns(tally: Tally) -> list[ErrorPattern]:
    """The view of failures that read alike, the most frequent first."""
    patterns = [
        ErrorPattern(
            error_class=error_class,
            fingerprint=f"{fingerprint:016x}",
            tool=tool,
            targets=most_first(group.targets),
            count=group.count,
            sessions=group.sessions,
            first=rfc3339(group.first_us),
            last=rfc3339(group.last_us),
            excerpt=group.excerpt,
        )
        for (error_class, fingerprint, tool), group in tally.groups.items()
    ]
    return sorted(patterns, key=lambda p: (-p.count, p.error_class, p.tool or "", p.fingerprint))


def _sequences(tally: Tally) -> list[tuple[Gram, SequenceCount]]:
    """The most frequent n-grams that occur at least twice; of equal counts the longer first."""
    repeated = [gram for gram, count in tally.sequences.grams.items() if count >= 2]
    repeated.sort(key=lambda gram: (-tally.sequences.grams[gram], -len(gram), gram))
    return [(gram, _sequence_count(tally, gram)) for gram in repeated[:MOST_SEQUENCES]]


def _sequence_count(tally: Tally, gram: Gram) -> SequenceCount:
    found = lift(tally.sequences, gram)
    return SequenceCount(
        tally.sequences.grams[gram],
        tally.gram_sessions[gram],
        None if found is None else round(found, 3),
    )


def selection_view(selection: Selection) -> SelectionView:
    """The view of a selection."""
    return SelectionView(
        since=optional_rfc3339(selection.since_us),
        until=optional_rfc3339(selection.until_us),
        agent=selection.agent,
        provider=selection.provider,
        model=selection.model,
        project=selection.project,
        complexity=selection.complexity,
        user=selection.user,
        host=selection.host,
        paths=None if selection.paths is None else list(selection.paths),
    )


def _input_view(total: Input, by_source: Mapping[str, Input]) -> InputView:
    return InputView(
        files=total.files,
        records=total.records,
        parsed=total.parsed,
        duplicates=total.duplicates,
        skipped=total.skipped,
        problems=total.problems,
        by_source=dict(sorted(by_source.items())),
    )
