"""The arithmetic that a store asks for while it writes, as the layer above gives it."""

from __future__ import annotations

from typing import Protocol

from tachlog.metrics import Known, Measured, Settled
from tachlog.metrics.calibration import Learned
from tachlog.metrics.remainder import Remainder
from tachlog.operations import Call
from tachlog.sessions import Session


class Measure(Protocol):
    """The arithmetic that a store asks for while it writes."""

    learned: Learned
    """What was learned of reported counts; estimates are made by it."""

    def learning(self, learned: Learned) -> Measure:
        """The same with what an archive has learned."""
        ...

    def settle(self, call: Call, agent: str) -> Settled:
        """What one call of an agent counts for."""
        ...

    def session(
        self, session: Session, before: Remainder | None = None, known: Known | None = None
    ) -> Measured:
        """The figures of a session, and what each of its calls counts for.

        `before` is what was left of operations that were deleted; `session` has its last ones.
        `known` is what this measurer found of single operations before.
        """
        ...

    def project(self, cwd: str) -> str:
        """The project of a working directory."""
        ...
