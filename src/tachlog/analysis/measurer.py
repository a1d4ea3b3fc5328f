"""The arithmetic that writing asks for, with its prices and thresholds in hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tachlog.analysis.complexity import DEFAULT, ComplexityFactors
from tachlog.analysis.session import analyze_session, judge
from tachlog.analysis.windows import days_in
from tachlog.metrics import Known, Measured, Settled
from tachlog.metrics.calibration import SHIPPED, Learned
from tachlog.metrics.quarters import quarters_of
from tachlog.metrics.remainder import Remainder, measured_with
from tachlog.metrics.timing import Timeline, timeline_of
from tachlog.metrics.tokens import Price, settle
from tachlog.operations import Call
from tachlog.sessions import Session


class Measurer:
    """Figures of calls and sessions at the prices and thresholds of one configuration."""

    def __init__(
        self,
        price: Price | None,
        project: Callable[[str], str],
        factors: ComplexityFactors = DEFAULT,
        learned: Learned = SHIPPED,
    ) -> None:
        self.price = price
        self.project = project
        self.factors = factors
        self.learned = learned

    def learning(self, learned: Learned) -> Measurer:
        """The same with what an archive has learned."""
        return Measurer(self.price, self.project, self.factors, learned)

    def settle(self, call: Call, agent: str) -> Settled:
        """What one call counts for: a cost in the log wins over the price."""
        correction = self.learned.correction(agent, call.model)
        return settle(call, self.price, correction=correction)

    def session(
        self, session: Session, before: Remainder | None = None, known: Known | None = None
    ) -> Measured:
        """The figures of a session, and what each of its calls counts for.

        `before` is what was left of operations that were deleted; `session` has its last ones.
        `known` is what this measurer found of single operations before.
        """
        timeline = timeline_of(session, known)
        calls = {} if known is None else known.calls
        settled = self._settled(session.thread.agent, timeline, calls)
        found = Measured(
            analyze_session(session, self.price, self.factors, timeline, settled),
            {call.key: counted for call, counted in zip(timeline.calls, settled, strict=True)},
            quarters_of(timeline, settled, known),
        )
        if before is None:
            return found
        found = measured_with(before, found, days_in(before.zone))
        judge(found.metrics, self.factors)
        return found

    def _settled(
        self, agent: str, timeline: Timeline, known: Mapping[int, Settled]
    ) -> list[Settled]:
        """What each call counts for; settled anew where what is known has another response."""
        found = []
        for call, response in zip(timeline.calls, timeline.responses, strict=True):
            waited_us = response.end_us - response.start_us if response.timed else None
            settled = known.get(call.key)
            if settled is None or settled.response_us != waited_us:
                correction = self.learned.correction(agent, call.model)
                settled = settle(call, self.price, waited_us, correction)
            found.append(settled)
        return found
