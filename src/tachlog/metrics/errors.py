"""What failed in a session: failures each once, retries, error classes, failures that read alike.

Rules: docs/design.md, "Identity and the numbers", checked 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from tachlog.metrics import ErrorCluster
from tachlog.metrics.timing import FAILURE, REPLY, Moment
from tachlog.model import Failure
from tachlog.operations import ToolUse

RETRY_WITHIN_CALLS = 3
MOST_CLUSTERS = 10


class Fault(Struct, frozen=True):
    """One failure, of a model call (`tool` is None) or of a tool, when it showed."""

    at_us: int
    error_class: str
    fingerprint: int
    tool: str | None
    target: str | None
    excerpt: str | None


def model_retries(moments: Sequence[Moment], failures: int) -> int:
    """Count the failed attempts that another attempt followed: all but one that was the last."""
    for _, kind, _, _ in reversed(moments):
        if kind == REPLY:
            return failures
        if kind == FAILURE:
            return failures - 1
    return 0


def tool_retries(uses: Sequence[ToolUse]) -> int:
    """Failed tool calls followed within three calls by the same tool with the same input."""
    return sum(
        1
        for place, use in enumerate(uses)
        if use.reported == "error"
        and use.input_digest
        and use.outcome == "error"
        and any(
            later.input_digest == use.input_digest and later.tool == use.tool
            for later in uses[place + 1 : place + 1 + RETRY_WITHIN_CALLS]
        )
    )


def faults_of(failures: Iterable[Failure], uses: Iterable[ToolUse]) -> list[Fault]:
    """All failures of a session in order of time; a tool's is when its result came."""
    faults = [
        Fault(f.at_us, f.error_class, f.fingerprint or 0, None, None, f.excerpt) for f in failures
    ]
    for use in uses:
        if use.reported == "error" and use.outcome == "error":
            faults.append(
                Fault(
                    use.at_us if use.end_us is None else use.end_us,
                    use.error_class or "unknown",
                    use.fingerprint or 0,
                    use.tool,
                    use.target.name if use.target else None,
                    use.excerpt,
                )
            )
    faults.sort(key=lambda f: (f.at_us, f.tool or "", f.error_class, f.fingerprint))
    return faults


def clusters_of(faults: Iterable[Fault]) -> list[ErrorCluster]:
    """Failures that read alike, the ten largest groups: same class, fingerprint and tool.

    Target and excerpt are those of the first that has one.
    """
    clusters: dict[tuple[str, int, str | None], ErrorCluster] = {}
    for fault in faults:
        key = (fault.error_class, fault.fingerprint, fault.tool)
        cluster = clusters.get(key)
        if cluster is None:
            cluster = clusters[key] = ErrorCluster(
                *key, fault.target, 0, fault.at_us, fault.at_us, fault.excerpt
            )
        cluster.count += 1
        cluster.last_us = fault.at_us
        cluster.target = cluster.target or fault.target
        cluster.excerpt = cluster.excerpt or fault.excerpt
    largest = sorted(
        clusters.values(),
        key=lambda c: (-c.count, c.first_us, c.error_class, c.tool or "", c.fingerprint),
    )
    return largest[:MOST_CLUSTERS]
