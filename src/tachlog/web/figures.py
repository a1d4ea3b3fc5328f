"""What the selected sessions come to: totals and windows, tools, errors, patterns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from tachlog.analysis.overview import overview as overview_of
from tachlog.analysis.series import TrendView, trends_of
from tachlog.analysis.shapes import (
    AnomalyView,
    ErrorPattern,
    Recovery,
    SequenceCount,
    SessionView,
    ToolUsage,
    Totals,
)
from tachlog.analysis.summary import (
    error_patterns,
    patterns_of,
    summarize,
    totals_of,
)
from tachlog.analysis.tally import Tally, Tree
from tachlog.analysis.windows import MEASURES, local_date
from tachlog.metrics import QUARTER_US
from tachlog.metrics.sketch import quantile
from tachlog.model import UNTIMED_US
from tachlog.web.endpoints import Asked, Endpoint
from tachlog.web.sessions import Filters, selection_of

T = TypeVar("T")

MOST = 50
MOST_WHERE = 10
MOST_SEEN = 3


class Change(Struct, frozen=True):
    """A measure's last seven days, oldest first, and how the week compares with four before."""

    values: list[float | None]
    direction: str | None
    change: float | None
    n: int


class WindowView(Struct, frozen=True, kw_only=True):
    """The last `days` days together."""

    days: int
    sessions: int
    sub_agents: int
    calls: int
    tokens: int
    cost_usd: float | None
    error_rate: float | None
    timed_calls: int
    p95_response_time: float | None


class OverviewView(Struct, frozen=True, kw_only=True):
    """Totals, windows of days up to `until`, the dearest sessions."""

    totals: Totals
    until: str
    windows: list[WindowView]
    changes: dict[str, Change]
    dearest: list[SessionView]


class ToolsView(Struct, frozen=True):
    """Tools by name, what follows what, what comes after a failure, loops.

    `p99_times` are in ms, by tool, as far as any of its calls was timed.
    """

    tools: dict[str, ToolUsage]
    p99_times: dict[str, float]
    transitions: dict[str, dict[str, int]]
    sequences: dict[str, SequenceCount]
    recoveries: list[Recovery]
    loops: list[AnomalyView]


class Failing(Struct, frozen=True):
    """Where errors are: a tool, project or model, or a session by its id; `of` are operations."""

    name: str
    errors: int
    of: int
    title: str | None = None


class ErrorsView(Struct, frozen=True):
    """Errors by class, in all and by day; where they are, those that read alike, what is unusual.

    `where` has the tools, projects, main models and sessions with the most of them. `seen_in` names
    three sessions with failures of a fingerprint.
    """

    classes: dict[str, int]
    days: dict[str, dict[str, int]]
    where: dict[str, list[Failing]]
    seen_in: dict[str, list[str]]
    error_rate: float | None
    operations: int
    failures: int
    patterns: list[ErrorPattern]
    anomalies: list[AnomalyView]


class Limited(Filters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A selection, and how many rows are told at most."""

    limit: Annotated[int, Meta(ge=1, le=500)] = MOST


def overview(asked: Asked[Filters]) -> OverviewView:
    """What `tachlog analyze` shows of the archive."""
    found = overview_of(
        asked.store,
        selection_of(asked),
        time_zone=asked.config.display.time_zone,
        prices="",
        now_us=asked.now_us,
        is_served=True,
    )
    windows = found.windows
    return OverviewView(
        totals=found.result.totals,
        until=windows.until.isoformat(),
        windows=[
            WindowView(
                days=window.days,
                sessions=window.figures.sessions,
                sub_agents=window.figures.sub_agents,
                calls=window.figures.calls,
                tokens=window.figures.tokens,
                cost_usd=None if (cost := window.figures.cost) is None else cost / 1e9,
                error_rate=window.figures.error_rate,
                timed_calls=sum(window.figures.response_times.values()),
                p95_response_time=None if (p95 := window.figures.p95_us) is None else p95 / 1e3,
            )
            for window in windows.windows
        ],
        changes={
            name: Change(found.values, found.direction, found.change, found.n)
            for name, found in ((name, windows.changes.get(name)) for name in MEASURES)
            if found is not None
        },
        dearest=found.named.dearest,
    )


def tools(asked: Asked[Limited]) -> ToolsView:
    """What each tool did, and what it was called before and after."""
    tally = summarize(asked.store, selection_of(asked))
    patterns = patterns_of(tally)
    usage = _first(totals_of(tally).tool_usage, asked.query.limit)
    slowest = {name: quantile(tally.tools[name].sketch, 0.99) for name in usage}
    return ToolsView(
        usage,
        {name: us / 1000 for name, us in slowest.items() if us is not None},
        patterns.transitions,
        _first(patterns.sequences, asked.query.limit),
        patterns.recoveries[: asked.query.limit],
        [each for each in patterns.anomalies if each.type == "loop"][: asked.query.limit],
    )


def errors(asked: Asked[Limited]) -> ErrorsView:
    """What failed, by class and by what reads alike."""
    places = _Places()
    tally = summarize(asked.store, selection_of(asked), places.add)
    totals = totals_of(tally)
    anomalies = [each for each in patterns_of(tally).anomalies if each.type != "loop"]
    patterns = error_patterns(tally)[: asked.query.limit]
    return ErrorsView(
        totals.error_breakdown,
        _by_day(asked.store.counting.error_classes(selection_of(asked)), asked.zone),
        places.most(tally),
        places.seen_in({each.fingerprint for each in patterns}),
        totals.error_rate,
        totals.operations,
        totals.failures,
        patterns,
        anomalies[: asked.query.limit],
    )


def _by_day(found: list[tuple[int, str, int]], zone: ZoneInfo) -> dict[str, dict[str, int]]:
    """Failures by day of a zone and class; those that no log dates are left out."""
    days: dict[str, dict[str, int]] = {}
    for quarter, name, count in found:
        if (start_us := quarter * QUARTER_US) >= UNTIMED_US:
            of_day = days.setdefault(local_date(start_us, zone).isoformat(), {})
            of_day[name] = of_day.get(name, 0) + count
    return days


class _Places:
    """Where the errors of sessions are, part by part."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[str, list[int]]] = {"project": {}, "model": {}, "session": {}}
        self._titles: dict[str, str | None] = {}
        self._seen: dict[str, list[tuple[int, str]]] = {}

    def add(self, trees: Iterable[Tree]) -> None:
        """Add sessions."""
        for tree in trees:
            head = tree.head.session_id
            for m in tree.threads:
                for kind, name in (("project", m.project), ("model", m.model), ("session", head)):
                    known = self._sums[kind].setdefault(name or "none", [0, 0])
                    known[0] += m.op_errors
                    known[1] += m.operations
                for each in m.clusters:
                    seen = self._seen.setdefault(f"{each.fingerprint:016x}", [])
                    seen.append((-each.last_us, head))
                    if len(seen) > MOST:
                        seen[:] = sorted(seen)[:MOST_WHERE]
            if self._sums["session"].get(head, [0])[0]:
                self._titles[head] = tree.head.title
            else:
                self._sums["session"].pop(head, None)

    def most(self, tally: Tally) -> dict[str, list[Failing]]:
        """What has the most errors, kind by kind; a tool's are those of a tally."""
        found = {
            "tool": [
                Failing(name, each.error_count, each.success_count + each.error_count)
                for name, each in tally.tools.items()
            ]
        }
        for kind, sums in self._sums.items():
            titles = self._titles if kind == "session" else {}
            found[kind] = [
                Failing(name, failed, of, titles.get(name)) for name, (failed, of) in sums.items()
            ]
        return {
            kind: sorted((e for e in each if e.errors), key=lambda e: (-e.errors, e.name))[
                :MOST_WHERE
            ]
            for kind, each in found.items()
        }

    def seen_in(self, fingerprints: Iterable[str]) -> dict[str, list[str]]:
        """The latest sessions with failures of these fingerprints, three of each."""
        return {
            name: list(dict.fromkeys(session for _, session in sorted(self._seen[name])))[
                :MOST_SEEN
            ]
            for name in fingerprints
            if name in self._seen
        }


def trends(asked: Asked[Filters]) -> list[TrendView]:
    """The four trends."""
    zone = asked.config.display.time_zone
    return trends_of(asked.store, selection_of(asked), time_zone=zone, now_us=asked.now_us)


def _first(found: Mapping[str, T], most: int) -> dict[str, T]:
    return dict(islice(found.items(), most))


OVERVIEW = Endpoint(
    "/api/v1/overview",
    "totals, windows of days and the dearest sessions",
    overview,
    OverviewView,
    Filters,
    every_s=60,
    sight="own",
)
TOOLS = Endpoint("/api/v1/tools", "what each tool did", tools, ToolsView, Limited, sight="own")
ERRORS = Endpoint("/api/v1/errors", "what failed", errors, ErrorsView, Limited, sight="own")
TRENDS = Endpoint(
    "/api/v1/trends",
    "the four trends",
    trends,
    list[TrendView],
    Filters,
    every_s=60,
    sight="own",
)
ENDPOINTS = [OVERVIEW, TOOLS, ERRORS, TRENDS]
