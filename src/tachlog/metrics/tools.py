"""What each tool of a session did: how often, with what outcome, for how long.

Rules: docs/design.md, "Identity and the numbers", checked 2026-11-22.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tachlog.data import tool_category
from tachlog.metrics import Ran, ToolStats
from tachlog.metrics.sketch import exact_quantile, sketch_of
from tachlog.model import Outcome
from tachlog.operations import ToolUse

UNKNOWN_TOOL = "unknown"
"""The name of a tool of which only the result was told."""

DECIDED_SUCCESS: frozenset[Outcome] = frozenset({"success", "expected_negative", "check_failed"})
"""The outcomes that are successes; `error` is the only other one that decides an operation."""


def tool_stats(uses: Iterable[ToolUse], ran: Iterable[Ran]) -> dict[str, ToolStats]:
    """The figures of each tool, in order of its first call; `ran` is what each call comes to."""
    tools: dict[str, ToolStats] = {}
    times: dict[str, list[int]] = {}
    outcomes: dict[str, list[Outcome]] = {}
    for use, came_to in zip(uses, ran, strict=True):
        name = use.tool or UNKNOWN_TOOL
        stats = tools.get(name)
        if stats is None:
            stats = tools[name] = ToolStats(tool_category(name))
            times[name], outcomes[name] = [], []
        stats.count += 1
        stats.input_bytes += use.input_bytes
        stats.output_bytes += use.output_bytes
        outcomes[name].append(came_to.outcome)
        if came_to.outcome == "error":
            error_class = use.error_class or "unknown"
            stats.classes[error_class] = stats.classes.get(error_class, 0) + 1
        if came_to.spent_us is not None:
            times[name].append(came_to.spent_us)
    for name, stats in tools.items():
        _count_outcomes(stats, outcomes[name])
        durations = times[name]
        stats.timed = len(durations)
        stats.total_us = sum(durations)
        stats.p95_us = exact_quantile(durations, 0.95)
        stats.sketch = sketch_of(durations)
    return tools


def _count_outcomes(stats: ToolStats, outcomes: Iterable[Outcome]) -> None:
    told = Counter(outcomes)
    stats.success_count = sum(told[outcome] for outcome in DECIDED_SUCCESS)
    stats.error_count = told["error"]
    stats.expected_negative = told["expected_negative"]
    stats.check_failed = told["check_failed"]
    stats.user_rejected = told["user_rejected"]
    stats.user_interrupted = told["user_interrupted"]
    stats.unfinished = told["unfinished"]


def unique_tools(tools: Iterable[str]) -> int:
    """How many tools a session used, of those whose name is known."""
    return sum(1 for name in tools if name != UNKNOWN_TOOL)
