"""What each tool of a session did: how often, with what outcome, for how long.

Rules: docs/design.md, "Identity and the numbers", checked 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable

from tachlog.data import tool_category
from tachlog.metrics import ToolStats
from tachlog.metrics.sketch import exact_quantile, sketch_of
from tachlog.metrics.timing import execution_us
from tachlog.model import Outcome
from tachlog.operations import ToolUse

UNKNOWN_TOOL = "unknown"
"""The name of a tool of which only the result was told."""

DECIDED_SUCCESS: frozenset[Outcome] = frozenset({"success", "expected_negative", "check_failed"})
"""The outcomes that are successes; `error` is the only other one that decides an operation."""


def tool_stats(uses: Iterable[ToolUse]) -> dict[str, ToolStats]:
    """The figures of each tool, in order of its first call."""
    tools: dict[str, ToolStats] = {}
    times: dict[str, list[int]] = {}
    for use in uses:
        name = use.tool or UNKNOWN_TOOL
        stats = tools.get(name)
        if stats is None:
            stats = tools[name] = ToolStats(tool_category(name))
            times[name] = []
        stats.count += 1
        stats.input_bytes += use.input_bytes
        stats.output_bytes += use.output_bytes
        _count_outcome(stats, use)
        spent = execution_us(use)
        if spent is not None:
            times[name].append(spent)
    for name, durations in times.items():
        stats = tools[name]
        stats.timed = len(durations)
        stats.total_us = sum(durations)
        stats.p95_us = exact_quantile(durations, 0.95)
        stats.sketch = sketch_of(durations)
    return tools


def _count_outcome(stats: ToolStats, use: ToolUse) -> None:
    match use.outcome:
        case "success":
            stats.success_count += 1
        case "error":
            stats.error_count += 1
            name = use.error_class or "unknown"
            stats.classes[name] = stats.classes.get(name, 0) + 1
        case "expected_negative":
            stats.success_count += 1
            stats.expected_negative += 1
        case "check_failed":
            stats.success_count += 1
            stats.check_failed += 1
        case "user_rejected":
            stats.user_rejected += 1
        case "user_interrupted":
            stats.user_interrupted += 1
        case "unfinished":
            stats.unfinished += 1


def unique_tools(tools: Iterable[str]) -> int:
    """How many tools a session used, of those whose name is known."""
    return sum(1 for name in tools if name != UNKNOWN_TOOL)
