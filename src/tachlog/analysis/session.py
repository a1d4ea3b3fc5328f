"""Everything that is told of one session: its measures, its complexity, its patterns.

The one call that the pipeline makes for each thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tachlog.analysis.anomalies import ErrorAt, TimedCall, anomalies_of
from tachlog.analysis.complexity import DEFAULT, ComplexityFactors, complexity
from tachlog.analysis.sequences import grams_of, loops_of, most_frequent, steps_of
from tachlog.metrics import SessionMetrics, Settled
from tachlog.metrics.errors import faults_of
from tachlog.metrics.measure import measure
from tachlog.metrics.timing import Timeline, timeline_of
from tachlog.metrics.tokens import Price
from tachlog.metrics.tools import DECIDED_SUCCESS, unique_tools
from tachlog.model import UNTIMED_US
from tachlog.sessions import Session


def analyze_session(
    session: Session,
    price: Price | None,
    factors: ComplexityFactors = DEFAULT,
    timeline: Timeline | None = None,
    settled: Sequence[Settled] | None = None,
) -> SessionMetrics:
    """The figures and patterns of one thread, from its own operations alone.

    `timeline` is the session's and `settled` what each of its calls counts for, if the caller has
    them already.
    """
    timeline = timeline or timeline_of(session)
    metrics = measure(session, price, timeline, settled)
    steps = steps_of(timeline.uses, timeline.ran)
    faults = faults_of(timeline.failures, timeline.uses)
    judge(metrics, factors)
    metrics.sequences = most_frequent(Counter(grams_of([step.tool for step in steps])))
    metrics.anomalies = anomalies_of(
        [
            TimedCall(call.key, call.model, response.start_us, response.end_us)
            for call, response in zip(timeline.calls, timeline.responses, strict=True)
            if response.timed
        ],
        [ErrorAt(fault.at_us, fault.error_class) for fault in faults if fault.at_us >= UNTIMED_US],
        loops_of(steps),
        [step.at_us for step in steps if step.outcome in DECIDED_SUCCESS],
    )
    return metrics


def judge(metrics: SessionMetrics, factors: ComplexityFactors) -> None:
    """Say how complex a session was, by its figures."""
    metrics.complexity_score, metrics.complexity = complexity(
        metrics.messages,
        unique_tools(metrics.tools),
        metrics.op_errors / metrics.operations if metrics.operations else None,
        metrics.duration_us / 1e6,
        factors,
    )
