"""The words that questions share: what is chosen, the span that is looked at, steps of time.

Grafana fills in `$…`: variables, and macros of the two data sources (documents "InfluxDB template
variables" and "PostgreSQL macros" of Grafana 12, checked 2026-11-23). A macro's arguments hold no
parenthesis. In a regular expression of InfluxQL a value is escaped, in SQL quoted.
"""

from __future__ import annotations

from typing import Final

from tachlog.grafana.panels import Variable
from tachlog.metrics import QUARTER_US
from tachlog.stores.points import CALLS, SESSIONS

QUARTER_SECONDS: Final = QUARTER_US // 1_000_000
STEP: Final = f"{QUARTER_SECONDS // 60}m"
"""The least step of panels over time: that of the archive's sums."""

CHOSEN: Final = '$timeFilter AND "agent" =~ /^$agent$/ AND "project" =~ /^$project$/'
"""In InfluxQL: within the span, of the agents and projects that were chosen."""

WITH_MODEL: Final = f'{CHOSEN} AND "model" =~ /^$model$/'

OVER_TIME: Final = "GROUP BY time($__interval)"

PROJECT_OF: Final = "coalesce(s.project, '(none)')"
_OF_THOSE: Final = f"s.agent IN ($agent) AND {PROJECT_OF} IN ($project)"
WITHIN: Final = (
    f"q.quarter BETWEEN $__unixEpochNanoFrom() / {QUARTER_US * 1000}"
    f" AND $__unixEpochNanoTo() / {QUARTER_US * 1000}"
)
"""In SQL: a quarter hour `q` lies within the span."""

_SPAN: Final = "BETWEEN $__unixEpochNanoFrom() / 1000 AND $__unixEpochNanoTo() / 1000"
_THREADS: Final = "agent_telemetry_summaries"

BEGUN: Final = f"FROM {_THREADS} s WHERE s.start_us {_SPAN} AND {_OF_THOSE}"
"""In SQL: threads that began within the span, of what was chosen; `s` is a thread."""


def quarters(table: str) -> str:
    """In SQL: quarter hours `q` of a table with their names `n`, of what was chosen."""
    return (
        f"FROM {table} q JOIN {_THREADS} s ON s.thread = q.thread JOIN names n ON n.id = q.name"
        f" WHERE {WITHIN} AND {_OF_THOSE}"
    )


def operations(table: str, name: str) -> str:
    """In SQL: single operations `o` of a table with the name `n` in a column."""
    return (
        f"FROM {table} o JOIN {_THREADS} s ON s.thread = o.thread"
        f" LEFT JOIN names n ON n.id = o.{name} WHERE o.at_us {_SPAN} AND {_OF_THOSE}"
    )


STEP_OF_QUARTER: Final = f"$__unixEpochGroupAlias(q.quarter * {QUARTER_SECONDS}, $__interval)"
STEP_OF_OPERATION: Final = "$__unixEpochGroupAlias(o.at_us / 1000000, $__interval)"
STEP_OF_THREAD: Final = "$__unixEpochGroupAlias(s.start_us / 1000000, $__interval)"

AGENT: Final = Variable(
    "agent",
    "Agent",
    f'SHOW TAG VALUES FROM "{SESSIONS}" WITH KEY = "agent"',
    f"SELECT DISTINCT agent FROM {_THREADS} ORDER BY 1",
)
PROJECT: Final = Variable(
    "project",
    "Project",
    f'SHOW TAG VALUES FROM "{SESSIONS}" WITH KEY = "project"',
    f"SELECT DISTINCT {PROJECT_OF} AS project FROM {_THREADS} s ORDER BY 1",
)
MODEL: Final = Variable(
    "model",
    "Model",
    f'SHOW TAG VALUES FROM "{CALLS}" WITH KEY = "model"',
    "SELECT DISTINCT n.text FROM model_totals t JOIN names n ON n.id = t.name ORDER BY 1",
)
