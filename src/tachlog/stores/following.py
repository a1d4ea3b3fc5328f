"""What a mirror is fed with, and how far it was."""

from __future__ import annotations

from msgspec import Struct

from tachlog.metrics import SessionMetrics
from tachlog.model import Failure
from tachlog.operations import ToolUse
from tachlog.sessions import Session


class MirrorState(Struct, frozen=True):
    """How far a mirror was fed; `fault` is None since it last worked.

    `expired` points were older than it keeps them, `dropped` ones it refused. `prepared` says what
    was set up there.
    """

    name: str
    changed: int = 0
    thread: int = 0
    written_us: int | None = None
    failed_us: int | None = None
    fault: str | None = None
    expired: int = 0
    dropped: int = 0
    prepared: str = ""


class Mirrored(Struct, frozen=True):
    """Where a mirror has the point of a thread: its time (ns), a digest of its tags."""

    at_ns: int
    series: int


class CallFacts(Struct, frozen=True, array_like=True, gc=False):
    """One model call: what it counts for (see `metrics.Settled`) and how long it took."""

    key: int
    at_us: int
    model: str
    provider: str
    input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int
    reasoning: int | None
    estimated: int
    cost_nanousd: int | None
    response_us: int | None
    ttft_ms: int | None


class Change(Struct, frozen=True):
    """A thread that changed; `metrics` is None of one that is no more.

    `former` is where the mirror has its point, None where it has none. `is_cut` says that some
    operations were deleted before the mirror had any of it.
    """

    thread: int
    changed: int
    metrics: SessionMetrics | None
    former: Mirrored | None
    calls: list[CallFacts]
    tools: list[ToolUse]
    failures: list[Failure]
    is_cut: bool = False

    @property
    def deleted(self) -> int:
        """How many operations the mirror will never have."""
        m = self.metrics
        if m is None or not self.is_cut:
            return 0
        told = len(self.calls) + len(self.tools) + len(self.failures)
        return m.calls + m.tool_calls + m.failures - told


class Outgoing(Struct, frozen=True):
    """A thread that changed, as each telling tells it, and the number of its change."""

    thread: int
    changed: int
    metrics: SessionMetrics
    sessions: list[Session]


class AlertFacts(Struct, frozen=True):
    """A row of the user's table of alerts; times in µs."""

    id: str
    type: str
    severity: str | None
    message: str | None
    triggered_us: int
    acknowledged: bool


class Lag(Struct, frozen=True):
    """How a mirror stands: threads that it is behind, when it last worked and last failed (µs).

    `expired` points were older than the mirror keeps them, `dropped` ones it refused. `fault` says
    why it last failed, None since it works.
    """

    name: str
    behind: int
    written_us: int | None
    failed_us: int | None
    fault: str | None
    expired: int
    dropped: int
