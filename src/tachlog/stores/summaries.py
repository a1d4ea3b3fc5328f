"""The user's table `agent_telemetry_summaries`: one row per thread, replaced as it grows."""

from __future__ import annotations

from time import time_ns
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from tachlog.analysis.units import rfc3339
from tachlog.analysis.view import session_view
from tachlog.metrics import SessionMetrics
from tachlog.stores.database import Database
from tachlog.stores.measure import Measure
from tachlog.stores.rows import Row

SUMMARY_COLUMNS: Final = (
    "id, session_id, provider, model, start_time, end_time, duration, message_count, "
    "tool_call_count, total_tokens, success_rate, complexity, avg_response_time, "
    "p95_response_time, tool_usage, error_breakdown, patterns, created_at, "
    "thread, agent, root, project, start_us, end_us, main_score, metrics"
)

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(SessionMetrics)


def summary_row(thread: int, metrics: SessionMetrics) -> Row:
    """The row of one thread, in the units and lengths of the user's table."""
    view = session_view(metrics, None)
    return (
        str(uuid5(NAMESPACE_URL, f"tachlog:{metrics.agent}:{metrics.session_id}")),
        metrics.session_id[:255],
        metrics.provider and metrics.provider[:50],
        metrics.model and metrics.model[:100],
        view.start_time,
        view.end_time,
        round(view.duration),
        view.message_count,
        view.tool_call_count,
        view.total_tokens,
        view.success_rate,
        view.complexity,
        view.avg_response_time,
        view.p95_response_time,
        _json(view.tool_usage),
        _json(view.error_breakdown),
        _json(view.patterns),
        rfc3339(time_ns() // 1000),
        thread,
        metrics.agent,
        metrics.root,
        metrics.project,
        metrics.start_us,
        metrics.end_us,
        metrics.complexity_score if metrics.parent is None else None,
        _encoder.encode(metrics),
    )


def metrics_of(blob: bytes) -> SessionMetrics:
    """The figures in a row's column `metrics`."""
    return _decoder.decode(blob)


def project_of(database: Database, metrics: SessionMetrics, measure: Measure) -> str | None:
    """The project of a session, resolved when its working directory is first seen and then kept."""
    if metrics.cwd is None:
        return None
    found = database.rows("SELECT project FROM projects WHERE cwd = ?", (metrics.cwd,))
    if found:
        return str(found[0][0])
    project = measure.project(metrics.cwd)
    database.run("INSERT INTO projects (cwd, project) VALUES (?, ?)", (metrics.cwd, project))
    return project


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
