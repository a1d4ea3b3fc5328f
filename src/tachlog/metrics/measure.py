"""The figures of one session: `measure(session, price)` → `SessionMetrics`.

Complexity, sequences and anomalies are left empty here: `tachlog.analysis.session` fills them in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tachlog.metrics import SessionMetrics, Settled, ToolStats
from tachlog.metrics.context import context_of
from tachlog.metrics.errors import (
    Fault,
    clusters_of,
    faults_of,
    model_retries,
    tool_retries,
)
from tachlog.metrics.facts import first_told, kind_of, last_told, outcome_reasons, title_of
from tachlog.metrics.sketch import exact_quantile, sketch_of
from tachlog.metrics.timing import Timeline, time_split, timeline_of
from tachlog.metrics.tokens import Price, main_model, model_uses, settle
from tachlog.metrics.tools import DECIDED_SUCCESS, tool_stats
from tachlog.model import BEHAVIORS, Failure, Prompt
from tachlog.operations import Call, ToolUse
from tachlog.sessions import Session

ROW_AGENT = "agent_log"
"""The agent whose log has one row per message, where a row is one operation (docs/design.md)."""


def measure(
    session: Session,
    price: Price | None,
    timeline: Timeline | None = None,
    settled: Sequence[Settled] | None = None,
) -> SessionMetrics:
    """Measure one session.

    `price` prices the calls whose cost the log does not tell (None: nothing has a price).
    `timeline` is the session's and `settled` what each of its calls counts for, if the caller has
    them already.
    """
    timeline = timeline or timeline_of(session)
    calls, uses = timeline.calls, timeline.uses
    failures = timeline.failures
    faults = faults_of(failures, uses)
    settled = [settle(call, price) for call in calls] if settled is None else settled
    models, placeholder_calls = model_uses(calls, settled)
    model = main_model(models)
    response_times = [r.end_us - r.start_us for r in timeline.responses if r.timed]
    tools = tool_stats(uses, timeline.ran)
    counts = _counts(session, failures, tools.values())
    reasons = outcome_reasons(session, uses)
    thread = session.thread
    return SessionMetrics(
        agent=thread.agent,
        session_id=thread.session_id,
        root=thread.root,
        parent=thread.parent,
        title=title_of(session),
        cwd=first_told(session, "cwd"),
        branch=last_told(session, "branch"),
        version=last_told(session, "version"),
        agent_type=last_told(session, "agent_type"),
        forked_from=first_told(session, "forked_from"),
        kind=kind_of(session),
        outcome=reasons[0],
        outcome_reasons=reasons,
        model=model,
        provider=None if model is None else models[model].provider,
        models=models,
        start_us=timeline.start_us,
        end_us=timeline.end_us,
        active_us=timeline.active_us,
        time_split=None if thread.sidechain else time_split(timeline),
        messages=counts.messages,
        prompts=len(session.prompts),
        calls=len(calls),
        records=sum([len(call.parts) for call in calls]),
        placeholder_calls=placeholder_calls,
        tool_calls=len(uses),
        failures=len(failures),
        retries=model_retries(timeline.moments, len(failures)) + tool_retries(uses),
        op_successes=counts.successes,
        op_errors=counts.errors,
        response_n=len(response_times),
        response_us=sum(response_times),
        response_p95_us=exact_quantile(response_times, 0.95),
        response_sketch=sketch_of(response_times),
        queue_ms=_queue_ms(session.prompts.values()),
        tools=tools,
        errors=_by_class(faults),
        clusters=clusters_of(faults),
        behaviors=_behaviors(calls),
        context=context_of(calls, len(session.compactions)),
        commits=session.told("commit"),
        pull_requests=session.told("pull_request"),
        mcp_servers=session.told("mcp_server"),
        skills=session.told("skill"),
    )


class _Counts(Struct, frozen=True):
    messages: int
    successes: int
    errors: int


def _counts(session: Session, failures: Sequence[Failure], tools: Iterable[ToolStats]) -> _Counts:
    """Count prompts and calls as messages, attempts and decided tool calls as operations."""
    if session.thread.agent == ROW_AGENT:
        return _row_counts(session, failures)
    return _Counts(
        messages=len(session.prompts) + len(session.calls),
        successes=len(session.calls) + sum(stats.success_count for stats in tools),
        errors=len(failures) + sum(stats.error_count for stats in tools),
    )


def _row_counts(session: Session, failures: Iterable[Failure]) -> _Counts:
    """Count each row as one message and at most one operation.

    It failed when its model call or its tool did. The events of a row share its key; a tool call
    has it as the key of the call that asked.
    """
    failed = {failure.key for failure in failures}
    operations = failed | session.calls.keys()
    for use in session.tools.values():
        outcome = use.outcome
        if outcome in DECIDED_SUCCESS:
            operations.add(_row(use))
        elif outcome == "error":
            operations.add(_row(use))
            failed.add(_row(use))
    rows = operations | session.prompts.keys() | {_row(use) for use in session.tools.values()}
    return _Counts(len(rows), len(operations) - len(failed), len(failed))


def _row(use: ToolUse) -> int:
    return use.key if use.call is None else use.call


def _queue_ms(prompts: Iterable[Prompt]) -> int | None:
    """How long prompts waited to be taken up, all together; None where no log tells it."""
    waits = [prompt.queued_ms for prompt in prompts if prompt.queued_ms is not None]
    return sum(waits) if waits else None


def _by_class(faults: Iterable[Fault]) -> dict[str, int]:
    errors: dict[str, int] = {}
    for fault in faults:
        errors[fault.error_class] = errors.get(fault.error_class, 0) + 1
    return errors


def _behaviors(calls: Iterable[Call]) -> dict[str, int]:
    """How many calls show each behaviour in their words; bit n of a call is `BEHAVIORS[n]`."""
    shown = Counter([call.behaviors for call in calls if call.behaviors])
    counts = {
        name: sum(count for bits, count in shown.items() if bits >> bit & 1)
        for bit, name in enumerate(BEHAVIORS)
    }
    return {name: count for name, count in counts.items() if count}
