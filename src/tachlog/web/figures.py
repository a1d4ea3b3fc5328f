"""What the selected sessions come to: totals and windows, tools, errors, patterns."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, TypeVar

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
from tachlog.analysis.windows import MEASURES
from tachlog.web.endpoints import Asked, Endpoint
from tachlog.web.sessions import Filters, selection_of

T = TypeVar("T")

MOST = 50


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
    p95_response_time: float | None


class OverviewView(Struct, frozen=True, kw_only=True):
    """Totals, windows of days up to `until`, the dearest sessions."""

    totals: Totals
    until: str
    windows: list[WindowView]
    changes: dict[str, Change]
    dearest: list[SessionView]


class ToolsView(Struct, frozen=True):
    """Tools by name, what follows what, what comes after a failure, loops."""

    tools: dict[str, ToolUsage]
    transitions: dict[str, dict[str, int]]
    sequences: dict[str, SequenceCount]
    recoveries: list[Recovery]
    loops: list[AnomalyView]


class ErrorsView(Struct, frozen=True):
    """Errors by class, the failures that read alike, what is unusual."""

    classes: dict[str, int]
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
    return ToolsView(
        _first(totals_of(tally).tool_usage, asked.query.limit),
        patterns.transitions,
        _first(patterns.sequences, asked.query.limit),
        patterns.recoveries[: asked.query.limit],
        [each for each in patterns.anomalies if each.type == "loop"][: asked.query.limit],
    )


def errors(asked: Asked[Limited]) -> ErrorsView:
    """What failed, by class and by what reads alike."""
    tally = summarize(asked.store, selection_of(asked))
    totals = totals_of(tally)
    anomalies = [each for each in patterns_of(tally).anomalies if each.type != "loop"]
    return ErrorsView(
        totals.error_breakdown,
        totals.error_rate,
        totals.operations,
        totals.failures,
        error_patterns(tally)[: asked.query.limit],
        anomalies[: asked.query.limit],
    )


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
