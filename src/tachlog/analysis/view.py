"""From the measures of a session to its view: units converted, nothing decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tachlog.analysis.shapes import (
    AnomalyView,
    ContextUsage,
    ErrorPattern,
    ModelUsage,
    SequenceCount,
    SessionPatterns,
    SessionView,
    TimeShares,
    Tokens,
    ToolUsage,
    TreeTotals,
)
from tachlog.analysis.units import (
    dollars,
    mean_ms,
    milliseconds,
    optional_ms,
    optional_rfc3339,
    rfc3339,
    seconds,
    share,
)
from tachlog.metrics import (
    Anomaly,
    Context,
    ErrorCluster,
    ModelUse,
    SessionMetrics,
    TimeSplit,
    ToolStats,
)
from tachlog.metrics.sketch import quantile

US_ANOMALIES = frozenset({"response_time_spike", "response_time_outlier"})


def session_view(m: SessionMetrics, tree: TreeTotals | None) -> SessionView:
    """The view of one thread."""
    uses = list(m.models.values())
    tokens = tokens_of(uses)
    return SessionView(
        session_id=m.session_id,
        title=m.title,
        agent=m.agent,
        provider=m.provider,
        model=m.model,
        models={name: model_usage(use) for name, use in by_calls(m.models)},
        project=m.project,
        parent_session_id=m.parent,
        root_session_id=m.root,
        kind=m.kind,
        outcome=m.outcome,
        start_time=optional_rfc3339(m.start_us),
        end_time=optional_rfc3339(m.end_us),
        duration=seconds(m.duration_us),
        active_duration=seconds(m.active_us),
        time_split=time_shares(m.time_split),
        message_count=m.messages,
        tool_call_count=m.tool_calls,
        retries=m.retries,
        total_tokens=tokens.total,
        tokens=tokens,
        cost_usd=cost_usd(uses),
        tree=tree,
        success_rate=share(m.op_successes, m.operations),
        error_rate=share(m.op_errors, m.operations),
        complexity=m.complexity,
        complexity_score=m.complexity_score,
        token_efficiency=tokens.efficiency,
        cache_hit_rate=tokens.cache_hit_rate,
        avg_response_time=mean_ms(m.response_us, m.response_n),
        p95_response_time=optional_ms(m.response_p95_us),
        tool_usage={name: tool_usage(stats, stats.p95_us) for name, stats in m.tools.items()},
        error_breakdown=most_first(m.errors),
        patterns=SessionPatterns(
            errors=[_error_pattern(cluster) for cluster in m.clusters],
            behaviors=m.behaviors,
            sequences={key: SequenceCount(n, 1, None) for key, n in m.sequences.items()},
            anomalies=[anomaly_view(anomaly, m.session_id) for anomaly in m.anomalies],
        ),
        context=context_usage(m.context),
        outcome_reasons=m.outcome_reasons,
        agent_type=m.agent_type,
        forked_from=m.forked_from,
        branch=m.branch,
        version=m.version,
        prompts=m.prompts,
        model_calls=m.calls,
        failures=m.failures,
        operations=m.operations,
        queue_time=m.queue_ms,
        cost_basis=cost_basis(uses),
        unpriced_calls=sum(use.unpriced_calls for use in uses),
        commits=m.commits,
        pull_requests=m.pull_requests,
        mcp_servers=m.mcp_servers,
        skills=m.skills,
    )


def tree_totals(threads: Sequence[SessionMetrics]) -> TreeTotals:
    """What the threads of one session come to."""
    return TreeTotals(
        tokens=sum(m.total_tokens for m in threads),
        cost_usd=cost_usd([use for m in threads for use in m.models.values()]),
        tool_calls=sum(m.tool_calls for m in threads),
        threads=len(threads),
    )


def tokens_of(uses: Iterable[ModelUse]) -> Tokens:
    """The tokens of several models added up."""
    fresh = cache_read = cache_write = output = estimated = 0
    reasoning: int | None = None
    for use in uses:
        fresh += use.input
        cache_read += use.cache_read
        cache_write += use.cache_write
        output += use.output
        estimated += use.estimated
        if use.reasoning is not None:
            reasoning = (reasoning or 0) + use.reasoning
    return Tokens(
        input=fresh,
        cache_read=cache_read,
        cache_write=cache_write,
        output=output,
        reasoning=reasoning,
        estimated=estimated,
    )


def cost_nanousd(uses: Iterable[ModelUse]) -> int | None:
    """What the priced calls cost; None when there are calls and none of them has a price."""
    uses = list(uses)
    priced = [use.cost_nanousd for use in uses if use.cost_nanousd is not None]
    return sum(priced) if priced or not uses else None


def cost_usd(uses: Iterable[ModelUse]) -> float | None:
    """`cost_nanousd` in dollars."""
    cost = cost_nanousd(uses)
    return None if cost is None else dollars(cost)


def cost_basis(uses: Iterable[ModelUse]) -> str | None:
    """Where costs come from: reported by the log, list prices, or both; None without any."""
    uses = list(uses)
    reported = sum(use.reported_cost_calls for use in uses)
    priced = sum(use.calls - use.unpriced_calls for use in uses)
    if not priced:
        return None
    if not reported:
        return "api_prices"
    return "reported" if reported >= priced else "mixed"


def model_usage(use: ModelUse) -> ModelUsage:
    """The view of one model's calls."""
    tokens = tokens_of([use])
    return ModelUsage(
        use.provider, use.calls, tokens.total, tokens, cost_usd([use]), use.unpriced_calls
    )


def by_calls(models: Mapping[str, ModelUse]) -> list[tuple[str, ModelUse]]:
    """Models with the most calls first."""
    return sorted(models.items(), key=lambda item: (-item[1].calls, -item[1].total, item[0]))


def most_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts in falling order, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def tool_usage(stats: ToolStats, p95_us: int | None) -> ToolUsage:
    """The view of one tool's calls."""
    return ToolUsage(
        category=stats.category,
        count=stats.count,
        success_count=stats.success_count,
        error_count=stats.error_count,
        timed_calls=stats.timed,
        total_time=milliseconds(stats.total_us),
        avg_time=mean_ms(stats.total_us, stats.timed),
        p50_time=optional_ms(quantile(stats.sketch, 0.5)),
        p95_time=optional_ms(p95_us),
        success_rate=share(stats.success_count, stats.success_count + stats.error_count),
        input_bytes=stats.input_bytes,
        output_bytes=stats.output_bytes,
        expected_negative=stats.expected_negative,
        check_failed=stats.check_failed,
        user_rejected=stats.user_rejected,
        user_interrupted=stats.user_interrupted,
        unfinished=stats.unfinished,
        errors=most_first(stats.classes),
    )


def time_shares(split: TimeSplit | None) -> TimeShares | None:
    """The view of where time went."""
    if split is None:
        return None
    return TimeShares(
        model=seconds(split.model),
        tool=seconds(split.tool),
        approval=None if split.approval is None else seconds(split.approval),
        person=seconds(split.person),
        idle=seconds(split.idle),
    )


def context_usage(context: Context) -> ContextUsage:
    """The view of how full the context was."""
    peak, window = context.peak_tokens, context.window
    full = None if peak is None or window is None else share(peak, window)
    return ContextUsage(peak, window, full, context.compactions)


def anomaly_view(anomaly: Anomaly, session_id: str) -> AnomalyView:
    """The view of something unusual within a session."""
    timed = anomaly.type in US_ANOMALIES
    scale = 1_000 if timed else 1
    baseline = anomaly.baseline
    return AnomalyView(
        type=anomaly.type,
        scope="session",
        session_id=session_id,
        value=anomaly.value / scale,
        threshold=anomaly.threshold / scale,
        unit="ms" if timed else "errors" if anomaly.type == "error_cluster" else "calls",
        baseline=None if baseline is None else baseline / scale,
        log_id=anomaly.log_id,
        start=optional_rfc3339(anomaly.start_us),
        end=optional_rfc3339(anomaly.end_us),
        count=anomaly.count,
        about=anomaly.about,
        minor=anomaly.minor,
    )


def _error_pattern(cluster: ErrorCluster) -> ErrorPattern:
    return ErrorPattern(
        error_class=cluster.error_class,
        fingerprint=f"{cluster.fingerprint:016x}",
        tool=cluster.tool,
        targets={cluster.target: cluster.count} if cluster.target else {},
        count=cluster.count,
        sessions=1,
        first=rfc3339(cluster.first_us),
        last=rfc3339(cluster.last_us),
        excerpt=cluster.excerpt,
    )
