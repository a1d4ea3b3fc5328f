"""How the figures of one session come from the lines of its logs, step by step.

Every figure is a sum: the steps before `=` add up to it. What the steps say is what the metrics do
(docs/metrics.md), told with this session's own numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from tachlog.analysis.complexity import DEFAULT, ComplexityFactors, explain
from tachlog.analysis.context import ContextReport
from tachlog.analysis.selection import FileReport
from tachlog.metrics import SessionMetrics
from tachlog.metrics.timing import timeline_of
from tachlog.metrics.tools import unique_tools
from tachlog.operations import Call
from tachlog.sessions import Session

Sign = Literal["+", "-", "=", "of"]


class Step(Struct, frozen=True):
    """One step: `+` and `-` change the sum, `=` is the sum so far, `of` tells a part of it."""

    sign: Sign
    value: float
    what: str


class Figure(Struct, frozen=True):
    """A figure with the steps to it; `value` is what the last `=` says, in `unit`."""

    name: str
    value: float | None
    unit: str
    basis: str
    steps: list[Step]


def derive(
    metrics: SessionMetrics,
    session: Session,
    files: Sequence[FileReport],
    factors: ComplexityFactors = DEFAULT,
    shared: Mapping[str, int] | None = None,
    context: ContextReport | None = None,
    *,
    is_pruned: bool = False,
) -> list[Figure]:
    """The figures of a thread, from the records of the files that tell it.

    `shared` counts the operations that it tells and another session owns, by that session's id;
    `context` is what is told of what its calls had to read. Where it `is_pruned`, some of its
    operations were deleted: they are a step of their own in what comes from single operations.
    """
    calls = list(session.calls.values())
    deleted = metrics.calls - len(calls) if is_pruned else 0
    return [
        _records(files, shared or {}),
        _model_calls(metrics),
        _tokens(metrics, calls, deleted),
        *([] if context is None else [_context(context, deleted)]),
        _cost(metrics),
        _operations(metrics),
        _success_rate(metrics),
        _response_time(metrics, session, deleted),
        _complexity(metrics, factors),
    ]


def _records(files: Sequence[FileReport], shared: Mapping[str, int]) -> Figure:
    skipped: Counter[str] = Counter()
    for file in files:
        skipped.update(file.skipped)
    parsed = sum(file.parsed for file in files)
    duplicates = sum(file.duplicates for file in files)
    problems = sum(len(file.problems) for file in files)
    total = sum(file.records for file in files)
    kinds = ", ".join(f"{name} {count:,}" for name, count in skipped.most_common(4))
    others = ", which tell of other threads too" if any(f.threads > 1 for f in files) else ""
    steps = [Step("+", total, f"records in {_n(len(files), 'file')}{others}")]
    if skipped:
        steps.append(Step("-", total - parsed - duplicates - problems, f"skipped: {kinds}"))
    if duplicates:
        what = "copies of records that stand in another file, or twice in one"
        steps.append(Step("-", duplicates, what))
    if problems:
        steps.append(Step("-", problems, "that could not be read: tachlog doctor"))
    steps.append(Step("=", parsed, "records parsed"))
    for owner, count in shared.items():
        steps.append(Step("of", count, f"operations told here too count in {owner}"))
    return Figure("records", parsed, "records", "reported", steps)


def _model_calls(metrics: SessionMetrics) -> Figure:
    further = metrics.records - metrics.calls
    steps = [Step("+", metrics.records, "records that tell a reply of this session")]
    if further:
        steps.append(Step("-", further, "further records of the same reply: one per content block"))
    steps.append(Step("=", metrics.calls, "model calls"))
    return Figure("model_calls", metrics.calls, "calls", "derived", steps)


def _tokens(metrics: SessionMetrics, calls: Sequence[Call], deleted: int) -> Figure:
    uses = metrics.models.values()
    total = sum(use.total for use in uses)
    told = sum(call.usage.total for call in calls if call.usage is not None)
    final = sum(call.final for call in calls)
    silent = sum(call.usage is None for call in calls)
    placeholders = len(calls) - final - silent
    whole = f"final for {final:,} of {_n(len(calls), 'call')}"
    steps = [Step("+", told, f"as the log reports them; {whole}")]
    guessed = ""
    if placeholders or silent:
        causes = [
            f"{_n(count, 'reply', 'replies')} {why}"
            for count, why in (
                (placeholders, "whose output count is not final"),
                (silent, "without any count"),
            )
            if count
        ]
        guessed = f"estimated from the text of {' and '.join(causes)}"
    if deleted:
        also = f", and what is {guessed}" if guessed else ""
        steps.append(Step("+", total - told, f"deleted operations: {_n(deleted, 'call')}{also}"))
    elif guessed:
        steps.append(Step("+", total - told, guessed))
    steps.append(Step("=", total, "tokens"))
    for name in ("input", "cache_read", "cache_write", "output"):
        steps.append(Step("of", sum(getattr(use, name) for use in uses), name))
    estimated = sum(use.estimated for use in uses)
    basis = "reported" if not estimated else "reported and estimated"
    return Figure("total_tokens", total, "tokens", basis, steps)


def _context(report: ContextReport, deleted: int) -> Figure:
    """What the call with the most to read had to read, and where the cache failed."""
    steps = [Step("+", part.tokens, f"{part.name}, {part.basis}") for part in report.parts]
    steps.append(Step("=", report.peak_tokens, "tokens that one call had to read"))
    for one in report.cache_breaks:
        why = "no cause is told" if one.cause is None else one.cause.replace("_", " ")
        steps.append(Step("of", one.tokens, f"read anew at {one.at}: {why}"))
    for cut in report.compactions:
        if cut.saved is not None:
            steps.append(Step("of", cut.saved, f"saved by the compaction at {cut.at}"))
    if deleted:
        steps.append(Step("of", deleted, "calls were deleted: what they had to read is not here"))
    basis = "reported" if len(report.parts) == 1 else "reported, its parts estimated"
    return Figure("context", report.peak_tokens, "tokens", basis, steps)


def _cost(metrics: SessionMetrics) -> Figure:
    steps = []
    for name, use in metrics.models.items():
        if use.cost_nanousd is not None:
            priced = use.calls - use.unpriced_calls
            steps.append(Step("+", use.cost_nanousd / 1e9, f"{name}: {_n(priced, 'call')}"))
    unpriced = sum(use.unpriced_calls for use in metrics.models.values())
    costs = [use.cost_nanousd for use in metrics.models.values() if use.cost_nanousd is not None]
    value = sum(costs) / 1e9 if costs else None
    if value is not None:
        steps.append(Step("=", value, "at API prices, each call at its own date"))
    if unpriced:
        steps.append(Step("of", unpriced, "calls have no price and are not in it"))
    reported = sum(use.reported_cost_calls for use in metrics.models.values())
    basis = "reported" if reported else "derived"
    return Figure("cost_usd", value, "dollars", basis, steps)


def _operations(metrics: SessionMetrics) -> Figure:
    tools = metrics.tools.values()
    undecided = {
        "refused by a person": sum(tool.user_rejected for tool in tools),
        "interrupted by a person": sum(tool.user_interrupted for tool in tools),
        "without a result": sum(tool.unfinished for tool in tools),
    }
    steps = [
        Step("+", metrics.calls, "model calls that were answered"),
        Step("+", metrics.failures, "model calls that failed"),
        Step("+", metrics.tool_calls, "tool calls"),
        *(Step("-", count, f"tool calls {why}") for why, count in undecided.items() if count),
    ]
    rest = metrics.operations - metrics.calls - metrics.failures - metrics.tool_calls
    rest += sum(undecided.values())
    if rest:
        steps.append(Step("-", -rest, "told in one row with another operation"))
    steps.append(Step("=", metrics.operations, "operations"))
    return Figure("operations", metrics.operations, "operations", "derived", steps)


def _success_rate(metrics: SessionMetrics) -> Figure:
    tools = metrics.tools.values()
    negative = sum(tool.expected_negative for tool in tools)
    checks = sum(tool.check_failed for tool in tools)
    failed = sum(tool.error_count for tool in tools)
    models = _n(metrics.failures, "model call")
    steps = [
        Step("+", metrics.operations, "operations"),
        Step("-", metrics.op_errors, f"errors: {models} and {_n(failed, 'tool call')}"),
        Step("=", metrics.op_successes, "successes"),
    ]
    if negative:
        steps.append(Step("of", negative, "found nothing, as searches may"))
    if checks:
        steps.append(Step("of", checks, "tests, linters and builds that ran and said no"))
    operations = metrics.operations
    value = metrics.op_successes / operations if operations else None
    return Figure("success_rate", value, "share", "derived", steps)


def _response_time(metrics: SessionMetrics, session: Session, deleted: int) -> Figure:
    timeline = timeline_of(session)
    reported = sum(call.response_ms is not None for call in timeline.calls)
    sent = sum(call.response_ms is None and call.sent_us is not None for call in timeline.calls)
    untimed = sum(not response.timed for response in timeline.responses)
    steps = [Step("+", metrics.calls, "model calls")]
    if untimed:
        steps.append(Step("-", untimed, "that began after another reply, with nothing between"))
    timed = len(timeline.responses) - untimed
    if deleted and (gone := metrics.calls - untimed - metrics.response_n):
        steps.append(Step("-", gone, f"of {_n(deleted, 'deleted call')}, without a time"))
    steps.append(Step("=", metrics.response_n, "calls with a response time"))
    for count, what in (
        (reported, "as reported by the log"),
        (sent, "from when the request left"),
        (
            (timed if deleted else metrics.response_n) - reported - sent,
            "from the prompt or tool result before them",
        ),
        (metrics.response_n - timed if deleted else 0, "of deleted calls, as measured then"),
    ):
        if count:
            steps.append(Step("of", count, what))
    value = metrics.response_us / metrics.response_n / 1000 if metrics.response_n else None
    basis = "reported" if reported and reported == metrics.response_n else "derived"
    return Figure("avg_response_time", value, "ms", basis, steps)


def _complexity(metrics: SessionMetrics, factors: ComplexityFactors) -> Figure:
    rate = metrics.op_errors / metrics.operations if metrics.operations else None
    points = explain(
        metrics.messages, unique_tools(metrics.tools), rate, metrics.duration_us / 1e6, factors
    )
    steps = [Step("+", part.points, _factor(part.factor, part.value)) for part in points]
    steps.append(Step("=", metrics.complexity_score, metrics.complexity.replace("_", " ")))
    return Figure("complexity_score", metrics.complexity_score, "points", "derived", steps)


def _factor(name: str, value: float | None) -> str:
    match name:
        case "error_rate":
            return "no operations" if value is None else f"error rate {value * 100:.1f} %"
        case "duration":
            return f"duration {value:,.0f} s"
        case _:
            told = {"message_count": "messages", "unique_tools": "different tools"}
            return f"{told[name]} {value:,.0f}"


def _n(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def adds_up(steps: Iterable[Step]) -> bool:
    """Whether each `=` is the sum of the steps before it, to a millionth."""
    total = 0.0
    for step in steps:
        if step.sign == "=" and abs(step.value - total) > 1e-6 * max(1.0, abs(total)):
            return False
        total += {"+": step.value, "-": -step.value}.get(step.sign, 0)
    return True
