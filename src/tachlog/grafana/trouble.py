"""The dashboards of what runs and what fails: tools, errors, the health of the service."""

from __future__ import annotations

from typing import Final

from tachlog.grafana.panels import Dashboard, Field, Panel
from tachlog.grafana.words import (
    AGENT,
    CHOSEN,
    OVER_TIME,
    PROJECT,
    PROJECT_OF,
    STEP_OF_OPERATION,
    STEP_OF_QUARTER,
    WITHIN,
    operations,
    quarters,
)
from tachlog.model import ERROR_CLASSES, OUTCOMES
from tachlog.stores.points import ALERTS, CALLS, ERRORS
from tachlog.stores.points import TOOLS as TOOL_POINTS
from tachlog.stores.totals import FAILURES as FAILURE_QUARTERS
from tachlog.stores.totals import TOOLS as TOOL_QUARTERS

_TOOLS: Final = quarters(TOOL_QUARTERS)
_FAILURES: Final = quarters(FAILURE_QUARTERS)
_SHARE: Final = "sum(q.errors)::float / nullif(sum(q.successes + q.errors), 0)"
_RAN_MS: Final = (
    f"CASE WHEN o.reported = {OUTCOMES.index('user_rejected')} THEN NULL"
    " WHEN o.duration_ms IS NOT NULL THEN o.duration_ms"
    " WHEN o.end_us > o.at_us"
    " THEN greatest(o.end_us - o.at_us - coalesce(o.approval_ms, 0) * 1000, 0) / 1e3 END"
)
"""In SQL: how long a tool ran, as `metrics.timing.execution_us` says."""

_RAN: Final = f"{operations('tool_calls', 'tool')} AND o.tool IS NOT NULL"
_CLASS: Final = (
    "CASE o.error_class "
    + " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(ERROR_CLASSES))
    + " ELSE 'unknown' END"
)
"""In SQL: the class of an error by its number."""

_OF_WHOM: Final = f"o.at_us, {_CLASS} AS metric, s.agent, {PROJECT_OF} AS project, s.session_id"
_EACH: Final = (
    f"SELECT {_OF_WHOM}, n.text AS tool, '' AS model {operations('tool_calls', 'tool')}"
    f" AND o.outcome = {OUTCOMES.index('error')} UNION ALL"
    f" SELECT {_OF_WHOM}, '' AS tool, n.text AS model {operations('failures', 'model')}"
)
"""In SQL: every error, of tool calls and of model calls."""

TOOLS: Final = Dashboard(
    "tools",
    "tachlog: tools",
    "Which tools agents call, how often these fail and how long they take.",
    (
        Panel(
            "Calls by tool",
            "bars",
            (Field("value", "short"),),
            f'SELECT count("success") AS "value" FROM "{TOOL_POINTS}" WHERE {CHOSEN}'
            f' {OVER_TIME}, "tool" fill(none)',
            f"SELECT {STEP_OF_QUARTER}, n.text AS metric, sum(q.calls) AS value {_TOOLS}"
            " GROUP BY 1, 2 ORDER BY 1",
            by="tool",
        ),
        Panel(
            "Calls that failed",
            "lines",
            (Field("failed", "percentunit", "Failed"),),
            'SELECT sum("error") / (sum("success") + sum("error")) AS "failed"'
            f' FROM "{TOOL_POINTS}" WHERE {CHOSEN} {OVER_TIME} fill(none)',
            f"SELECT {STEP_OF_QUARTER}, {_SHARE} AS failed {_TOOLS} GROUP BY 1 ORDER BY 1",
        ),
        Panel(
            "Execution time (p95) by tool",
            "lines",
            (Field("value", "ms"),),
            f'SELECT percentile("duration_ms", 95) AS "value" FROM "{TOOL_POINTS}"'
            f' WHERE {CHOSEN} {OVER_TIME}, "tool" fill(none)',
            f"SELECT {STEP_OF_OPERATION}, n.text AS metric,"
            f" percentile_disc(0.95) WITHIN GROUP (ORDER BY {_RAN_MS}) AS value {_RAN}"
            f" AND ({_RAN_MS}) IS NOT NULL GROUP BY 1, 2 ORDER BY 1",
            by="tool",
            about="An upper bound where the log does not tell how long a person was waited for.",
        ),
        Panel(
            "Tools",
            "table",
            (
                Field("tool", title="Tool"),
                Field("calls", "short", "Calls"),
                Field("errors", "short", "Failed"),
                Field("failed", "percentunit", "Share"),
                Field("mean", "ms", "Mean time"),
                Field("output_bytes", "decbytes", "Output"),
            ),
            'SELECT count("success") AS "calls", sum("error") AS "errors",'
            ' sum("error") / (sum("success") + sum("error")) AS "failed",'
            ' mean("duration_ms") AS "mean", sum("output_bytes") AS "output_bytes"'
            f' FROM "{TOOL_POINTS}" WHERE {CHOSEN} GROUP BY "tool"',
            "SELECT n.text AS tool, sum(q.calls) AS calls, sum(q.errors) AS errors,"
            f" {_SHARE} AS failed, sum(q.total_us) / 1e3 / nullif(sum(q.timed), 0) AS mean,"
            f" sum(q.output_bytes) AS output_bytes {_TOOLS} GROUP BY 1 ORDER BY 2 DESC",
        ),
    ),
    (AGENT, PROJECT),
)

ERRORS_PAGE: Final = Dashboard(
    "errors",
    "tachlog: errors",
    "What failed: tool calls, and attempts of model calls.",
    (
        Panel(
            "Errors",
            "stat",
            (Field("errors", "short"),),
            f'SELECT sum("count") AS "errors" FROM "{ERRORS}" WHERE {CHOSEN}',
            f"SELECT (SELECT sum(q.errors) {_TOOLS}) + (SELECT sum(q.failures) {_FAILURES})"
            " AS errors",
            width=8,
        ),
        Panel(
            "Failed tool calls",
            "stat",
            (Field("errors", "short"),),
            f'SELECT sum("error") AS "errors" FROM "{TOOL_POINTS}" WHERE {CHOSEN}',
            f"SELECT sum(q.errors) AS errors {_TOOLS}",
            width=8,
        ),
        Panel(
            "Failed model calls",
            "stat",
            (Field("errors", "short"),),
            f'SELECT sum("count") AS "errors" FROM "{ERRORS}" WHERE {CHOSEN} AND "tool" = \'\'',
            f"SELECT sum(q.failures) AS errors {_FAILURES}",
            width=8,
            about="Attempts: one that is repeated until it works counts each time.",
        ),
        Panel(
            "Errors by class",
            "bars",
            (Field("value", "short"),),
            f'SELECT sum("count") AS "value" FROM "{ERRORS}" WHERE {CHOSEN}'
            f' {OVER_TIME}, "class" fill(none)',
            f"SELECT {STEP_OF_OPERATION}, metric, count(*) AS value FROM ({_EACH}) o"
            " GROUP BY 1, 2 ORDER BY 1",
            by="class",
        ),
        Panel(
            "Failed model calls by model",
            "bars",
            (Field("value", "short"),),
            f'SELECT sum("count") AS "value" FROM "{ERRORS}" WHERE {CHOSEN} AND "tool" = \'\''
            f' {OVER_TIME}, "model" fill(none)',
            f"SELECT {STEP_OF_OPERATION}, coalesce(n.text, '') AS metric, count(*) AS value"
            f" {operations('failures', 'model')} GROUP BY 1, 2 ORDER BY 1",
            by="model",
        ),
        Panel(
            "What fails how",
            "table",
            (
                Field("class", title="Class"),
                Field("tool", title="Tool"),
                Field("model", title="Model"),
                Field("errors", "short", "Errors"),
            ),
            f'SELECT sum("count") AS "errors" FROM "{ERRORS}" WHERE {CHOSEN}'
            ' GROUP BY "class", "tool", "model"',
            f"SELECT metric AS class, tool, model, count(*) AS errors FROM ({_EACH}) o"
            " GROUP BY 1, 2, 3 ORDER BY 4 DESC",
            about="Of a model call that failed, its model where the log tells it.",
        ),
        Panel(
            "The latest errors",
            "table",
            (
                Field("time", "dateTimeAsIso", "When"),
                Field("class", title="Class"),
                Field("tool", title="Tool"),
                Field("model", title="Model"),
                Field("agent", title="Agent"),
                Field("project", title="Project"),
                Field("session_id", title="Session"),
            ),
            'SELECT "count", "class", "tool", "model", "agent", "project", "session_id"'
            f' FROM "{ERRORS}" WHERE {CHOSEN} ORDER BY time DESC LIMIT 100',
            "SELECT o.at_us / 1000 AS time, metric AS class, tool, model, agent, project,"
            f" session_id FROM ({_EACH}) o ORDER BY 1 DESC LIMIT 100",
        ),
    ),
    (AGENT, PROJECT),
)

_ALERTS_SQL: Final = "FROM telemetry_alerts WHERE $__timeFilter(triggered_at)"

HEALTH: Final = Dashboard(
    "health",
    "tachlog: service health",
    "Whether logs arrive, are read and understood, and what alerts there were.",
    (
        Panel(
            "The latest model call",
            "stat",
            (Field("time", "dateTimeFromNow"),),
            f'SELECT last("output") AS "output" FROM "{CALLS}"',
            "SELECT max(at_us) / 1000 AS time FROM calls",
            width=6,
            about="Of all that was ever read, whatever span is looked at.",
        ),
        Panel(
            "Last read or sent",
            "stat",
            (Field("time", "dateTimeFromNow"),),
            None,
            "SELECT max(read_us) / 1000 AS time FROM files",
            width=6,
            about="When the archive last took something up.",
        ),
        Panel(
            "Records that cannot be read",
            "stat",
            (Field("problems", "short"),),
            None,
            "SELECT sum(problems) AS problems FROM files",
            width=6,
            about="`tachlog doctor` says which, and what to do.",
        ),
        Panel(
            "Size of the database",
            "stat",
            (Field("size", "decbytes"),),
            None,
            "SELECT pg_database_size(current_database()) AS size",
            width=6,
        ),
        Panel(
            "Model calls by agent",
            "bars",
            (Field("value", "short"),),
            f'SELECT count("output") AS "value" FROM "{CALLS}" WHERE $timeFilter'
            f' {OVER_TIME}, "agent" fill(none)',
            f"SELECT {STEP_OF_QUARTER}, q.agent AS metric, sum(q.calls) AS value"
            f" FROM model_totals q WHERE {WITHIN} GROUP BY 1, 2 ORDER BY 1",
            by="agent",
            about="A gap in working hours: logs are no longer read.",
        ),
        Panel(
            "Alerts by severity",
            "bars",
            (Field("value", "short"),),
            f'SELECT count("id") AS "value" FROM "{ALERTS}" WHERE $timeFilter'
            f' {OVER_TIME}, "severity" fill(none)',
            "SELECT $__timeGroupAlias(triggered_at, $__interval), severity AS metric,"
            f" count(*) AS value {_ALERTS_SQL} GROUP BY 1, 2 ORDER BY 1",
            by="severity",
        ),
        Panel(
            "Alerts",
            "table",
            (
                Field("time", "dateTimeAsIso", "Triggered"),
                Field("type", title="Type"),
                Field("severity", title="Severity"),
                Field("acknowledged", title="Acknowledged"),
            ),
            f'SELECT "type", "severity", "acknowledged" FROM "{ALERTS}" WHERE $timeFilter'
            " ORDER BY time DESC LIMIT 100",
            f"SELECT triggered_at AS time, type, severity, acknowledged {_ALERTS_SQL}"
            " ORDER BY 1 DESC LIMIT 100",
        ),
        Panel(
            "Mirrors",
            "table",
            (
                Field("mirror", title="Mirror"),
                Field("behind", "short", "Threads behind"),
                Field("time", "dateTimeFromNow", "Written"),
                Field("fault", title="Fault"),
            ),
            None,
            "SELECT m.name AS mirror, (SELECT count(*) FROM agent_telemetry_summaries s"
            " WHERE (s.changed, s.thread) > (m.changed, m.thread)) AS behind,"
            " m.written_us / 1000 AS time, m.fault FROM mirrors m ORDER BY 1",
        ),
        Panel(
            "What cannot be read",
            "table",
            (
                Field("format", title="Format"),
                Field("kind", title="Kind"),
                Field("problems", "short", "Records"),
            ),
            None,
            "SELECT f.source AS format, p.kind, count(*) AS problems FROM problems p"
            " JOIN files f ON f.id = p.file GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 100",
        ),
    ),
)
