"""What analysis asks of a store: the reading half of the store contract, in its own words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

from tachlog.analysis.agreement import Stated
from tachlog.analysis.cost_check import ReportedCall, TokenCheck
from tachlog.analysis.drift import VersionCounts
from tachlog.analysis.selection import (
    By,
    Input,
    Marked,
    Place,
    Quarter,
    Roots,
    Selection,
    Shifts,
    Spending,
    StoredStep,
    Told,
)
from tachlog.analysis.standing import KeptAdvice, Standing
from tachlog.analysis.trace import Trace
from tachlog.analysis.unlogged import SideCall
from tachlog.hooks.facts import Hooked, Key
from tachlog.metrics import SessionMetrics, Sketch, ToolStats
from tachlog.metrics.calibration import Learned
from tachlog.sessions import Session


class Advising(Protocol):
    """Advice that is kept, and what was said of it."""

    def standings(self) -> list[Standing]:
        """All that was said, the latest first."""
        ...

    def keep(self, standing: Standing) -> None:
        """Keep what somebody says of a recommendation; what was said of it before is replaced."""
        ...

    def kept(self, name: bytes) -> KeptAdvice | None:
        """The advice that is kept under a name."""
        ...

    def answers(self) -> list[bytes]:
        """All advice that is kept."""
        ...

    def renewed(self, name: bytes, make: Callable[[], bytes], now_us: int) -> bytes:
        """Make advice and keep it under a name, in the place of what is there."""
        ...


class Archive(Protocol):
    """Any store; see `tachlog.stores.Store` for the promises."""

    def sessions(self, selection: Selection) -> list[SessionMetrics]:
        """The figures of the selected threads, in order of start, then session id."""
        ...

    def parts(self, selection: Selection, most: int) -> Iterator[list[SessionMetrics]]:
        """The same, at most so many threads at a time, but sessions whole; in order of root."""
        ...

    def kept(self, name: bytes, make: Callable[[], bytes]) -> bytes:
        """What `make` makes of this archive, kept under a name until figures change."""
        ...

    def without_needless_paths(self, selection: Selection) -> Selection:
        """The same selection, without its paths where they are those of all that was read."""
        ...

    def page(
        self, selection: Selection, most: int, after: Place | None = None
    ) -> tuple[list[SessionMetrics], int]:
        """The threads of so many selected sessions, the newest first, and how many there are.

        `after` is the place of the last session of the page before.
        """
        ...

    def active(self, after_us: int, until_us: int) -> int:
        """How many sessions began before `until_us` and did something after `after_us`."""
        ...

    def complexity(self, selection: Selection) -> list[tuple[int, int, int]]:
        """The main conversations by the quarter hour of their start: how many, sum of scores."""
        ...

    def hooked(self, since_us: int) -> Mapping[Key, Hooked]:
        """What hooks told last of each thread, of those that told something since then."""
        ...

    def session(self, session_id: str) -> tuple[SessionMetrics, Session] | None:
        """One thread with its operations."""
        ...

    def steps(self, selection: Selection, roots: Roots = None) -> list[StoredStep]:
        """Tool calls in the order of their threads, each in order of time.

        Those of the selected sessions with these root ids; None: those of the selection's time.
        """
        ...

    def quarters(self, selection: Selection) -> list[Quarter]:
        """What happened when, by quarter hour and model."""
        ...

    def hours(self, selection: Selection) -> list[Quarter]:
        """What happened in each hour (UTC), under its first quarter hour, of all models."""
        ...

    def deleted_before_us(self) -> int | None:
        """The time before which operations were deleted, the latest; None where all are there."""
        ...

    def tools_between(
        self, selection: Selection, edges: Sequence[int]
    ) -> Mapping[int, Collection[str]]:
        """The tools that were called between each two moments, by the first of them.

        The moments are edges of quarter hours, ascending.
        """
        ...

    def tool_stats(self, selection: Selection) -> Mapping[str, ToolStats]:
        """What each tool did in the selected sessions."""
        ...

    def busy_windows(self, since_us: int, until_us: int, window_us: int) -> int:
        """How many windows, from one edge to another, have model calls with tokens.

        `since_us` and `until_us` are edges; a quarter hour is a whole number of windows.
        """
        ...

    def response_times(self, selection: Selection) -> list[tuple[int, Sketch]]:
        """How long the selected model calls took (µs), by quarter hour."""
        ...

    def learned(self) -> Learned:
        """What the archive has learned of reported counts."""
        ...

    def input(self, selection: Selection) -> tuple[Input, dict[str, Input]]:
        """What was read, in all and by source."""
        ...

    def by_version(self) -> list[VersionCounts]:
        """What each version of each agent told, in the logs of each source."""
        ...

    def spending(
        self,
        selection: Selection,
        by: By,
        cuts: Sequence[int] = (),
        shifts: Shifts | None = None,
    ) -> list[Spending]:
        """What the selected model calls used and cost, grouped; each call counts once.

        `model` and `provider` of the selection are those of the calls themselves. Groups are also
        divided at the moments `cuts` (µs, ascending). With `shifts` what lies on one day may come
        together, under its first quarter hour.
        """
        ...

    def providers(self) -> list[str]:
        """The providers of all model calls, in order, without `unknown`."""
        ...

    def reported_calls(self) -> list[ReportedCall]:
        """The calls whose log reports their cost, without those that stand for a whole run."""
        ...

    def reported_tokens(self) -> list[TokenCheck]:
        """The running totals that logs told last, without those of forks, which count on."""
        ...

    def traces(self, selection: Selection) -> list[Trace]:
        """The selected operations of each thread."""
        ...

    @property
    def advising(self) -> Advising:
        """Advice that is kept, and what people said of it."""
        ...

    def side_calls(self, selection: Selection) -> list[SideCall]:
        """The calls that must have happened and that no log holds."""
        ...

    def stated(self) -> list[Stated]:
        """What each telling says of the sessions that several tell, under their main threads."""
        ...

    def told(self, selection: Selection, mark: str) -> list[Told]:
        """The values of a mark that the selected sessions tell, by agent; most sessions first."""
        ...

    def marked(self, mark: str, since_us: int) -> list[Marked]:
        """The values of a mark that were told since then, in order of time."""
        ...
