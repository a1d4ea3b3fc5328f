"""The dashboards of work and money: overview, sessions, cost."""

from __future__ import annotations

from typing import Final

from tachlog.grafana.panels import Dashboard, Field, Panel
from tachlog.grafana.words import (
    AGENT,
    BEGUN,
    CHOSEN,
    MODEL,
    OVER_TIME,
    PROJECT,
    PROJECT_OF,
    STEP_OF_OPERATION,
    STEP_OF_QUARTER,
    STEP_OF_THREAD,
    WITH_MODEL,
    operations,
    quarters,
)
from tachlog.stores.points import CALLS, SESSIONS, TOOLS
from tachlog.stores.totals import MODELS as MODEL_QUARTERS
from tachlog.stores.totals import TOOLS as TOOL_QUARTERS

_CALLS: Final = quarters(MODEL_QUARTERS)
_CALLS_OF: Final = f"{_CALLS} AND n.text IN ($model)"
_TOTAL: Final = "q.input + q.cache_read + q.cache_write + q.output"
_COST: Final = "sum(q.cost_nanousd) / 1e9"
_READ: Final = "q.input + q.cache_read + q.cache_write"
_MAIN: Final = "\"kind\" <> 'sub-agent'"

_TOKENS: Final = (
    Field("input", "short", "Fresh input"),
    Field("cache_read", "short", "Read from cache"),
    Field("cache_write", "short", "Written to cache"),
    Field("output", "short", "Output"),
)
_EACH_KIND_INFLUXQL: Final = ", ".join(f'sum("{each.name}") AS "{each.name}"' for each in _TOKENS)
_EACH_KIND_SQL: Final = ", ".join(f"sum(q.{each.name}) AS {each.name}" for each in _TOKENS)

OVERVIEW: Final = Dashboard(
    "overview",
    "tachlog: overview",
    "What agents did, what it cost, how fast and how well it went.",
    (
        Panel(
            "Sessions begun",
            "stat",
            (Field("sessions", "short"),),
            f'SELECT count("message_count") AS "sessions" FROM "{SESSIONS}" WHERE {CHOSEN}'
            f" AND {_MAIN}",
            f"SELECT count(*) AS sessions {BEGUN} AND s.session_id = s.root",
            width=4,
            about="Without sub-agents.",
        ),
        Panel(
            "Model calls",
            "stat",
            (Field("calls", "short"),),
            f'SELECT count("output") AS "calls" FROM "{CALLS}" WHERE {CHOSEN}',
            f"SELECT sum(q.calls) AS calls {_CALLS}",
            width=4,
        ),
        Panel(
            "Tokens",
            "stat",
            (Field("tokens", "short"),),
            f'SELECT sum("total_tokens") AS "tokens" FROM "{CALLS}" WHERE {CHOSEN}',
            f"SELECT sum({_TOTAL}) AS tokens {_CALLS}",
            width=4,
            about="Fresh input, read from and written to caches, output.",
        ),
        Panel(
            "Cost",
            "stat",
            (Field("cost", "currencyUSD"),),
            f'SELECT sum("cost_usd") AS "cost" FROM "{CALLS}" WHERE {CHOSEN}',
            f"SELECT {_COST} AS cost {_CALLS}",
            width=4,
            about="At API prices, of calls whose price is known.",
        ),
        Panel(
            "Tool calls that failed",
            "stat",
            (Field("failed", "percentunit"),),
            'SELECT sum("error") / (sum("success") + sum("error")) AS "failed"'
            f' FROM "{TOOLS}" WHERE {CHOSEN}',
            "SELECT sum(q.errors)::float / nullif(sum(q.successes + q.errors), 0) AS failed"
            f" {quarters(TOOL_QUARTERS)}",
            width=4,
            about="Of those that came to an end by themselves.",
        ),
        Panel(
            "Response time (p95)",
            "stat",
            (Field("p95", "ms"),),
            f'SELECT percentile("response_ms", 95) AS "p95" FROM "{CALLS}" WHERE {CHOSEN}',
            "SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY o.response_us) / 1e3 AS p95"
            f" {operations('calls', 'model')}",
            width=4,
        ),
        Panel(
            "Cost by model",
            "bars",
            (Field("value", "currencyUSD"),),
            f'SELECT sum("cost_usd") AS "value" FROM "{CALLS}" WHERE {CHOSEN}'
            f' {OVER_TIME}, "model" fill(none)',
            f"SELECT {STEP_OF_QUARTER}, n.text AS metric, {_COST} AS value {_CALLS}"
            " GROUP BY 1, 2 ORDER BY 1",
            by="model",
        ),
        Panel(
            "Tokens by kind",
            "bars",
            _TOKENS,
            f'SELECT {_EACH_KIND_INFLUXQL} FROM "{CALLS}" WHERE {CHOSEN} {OVER_TIME} fill(none)',
            f"SELECT {STEP_OF_QUARTER}, {_EACH_KIND_SQL} {_CALLS} GROUP BY 1 ORDER BY 1",
        ),
        Panel(
            "Response time of model calls",
            "lines",
            (Field("median", "ms", "Median"), Field("p95", "ms", "p95")),
            'SELECT percentile("response_ms", 50) AS "median", percentile("response_ms", 95)'
            f' AS "p95" FROM "{CALLS}" WHERE {CHOSEN} {OVER_TIME} fill(none)',
            f"SELECT {STEP_OF_OPERATION},"
            " percentile_disc(0.5) WITHIN GROUP (ORDER BY o.response_us) / 1e3 AS median,"
            " percentile_disc(0.95) WITHIN GROUP (ORDER BY o.response_us) / 1e3 AS p95"
            f" {operations('calls', 'model')} AND o.response_us IS NOT NULL"
            " GROUP BY 1 ORDER BY 1",
        ),
        Panel(
            "Projects",
            "table",
            (
                Field("project", title="Project"),
                Field("calls", "short", "Model calls"),
                Field("tokens", "short", "Tokens"),
                Field("cost", "currencyUSD", "Cost"),
            ),
            'SELECT count("output") AS "calls", sum("total_tokens") AS "tokens",'
            f' sum("cost_usd") AS "cost" FROM "{CALLS}" WHERE {CHOSEN} GROUP BY "project"',
            f"SELECT {PROJECT_OF} AS project, sum(q.calls) AS calls, sum({_TOTAL}) AS tokens,"
            f" {_COST} AS cost {_CALLS} GROUP BY 1 ORDER BY 4 DESC NULLS LAST",
        ),
    ),
    (AGENT, PROJECT),
)

SESSIONS_PAGE: Final = Dashboard(
    "sessions",
    "tachlog: sessions",
    "Which sessions there were, how long, how large and how well each went.",
    (
        Panel(
            "Sessions begun",
            "bars",
            (Field("value", "short"),),
            f'SELECT count("message_count") AS "value" FROM "{SESSIONS}" WHERE {CHOSEN}'
            f' AND {_MAIN} {OVER_TIME}, "agent" fill(none)',
            f"SELECT {STEP_OF_THREAD}, s.agent AS metric, count(*) AS value {BEGUN}"
            " AND s.session_id = s.root GROUP BY 1, 2 ORDER BY 1",
            by="agent",
            about="Without sub-agents, by when they began.",
        ),
        Panel(
            "How long sessions last",
            "lines",
            (Field("median", "s", "Median"), Field("p95", "s", "p95")),
            'SELECT percentile("duration", 50) AS "median", percentile("duration", 95) AS "p95"'
            f' FROM "{SESSIONS}" WHERE {CHOSEN} AND {_MAIN} {OVER_TIME} fill(none)',
            f"SELECT {STEP_OF_THREAD},"
            " percentile_disc(0.5) WITHIN GROUP (ORDER BY s.duration) AS median,"
            f" percentile_disc(0.95) WITHIN GROUP (ORDER BY s.duration) AS p95 {BEGUN}"
            " AND s.session_id = s.root GROUP BY 1 ORDER BY 1",
            about="From the first to the last moment, by when they began.",
        ),
        Panel(
            "Complexity",
            "ranking",
            (Field("complexity"), Field("sessions", "short", "Sessions")),
            f'SELECT count("message_count") AS "sessions" FROM "{SESSIONS}" WHERE {CHOSEN}'
            f' AND {_MAIN} GROUP BY "complexity"',
            f"SELECT s.complexity, count(*) AS sessions {BEGUN} AND s.session_id = s.root"
            " GROUP BY 1 ORDER BY 2 DESC",
        ),
        Panel(
            "Operations that succeeded",
            "lines",
            (Field("mean", "percentunit", "Mean of sessions"),),
            f'SELECT mean("success_rate") AS "mean" FROM "{SESSIONS}" WHERE {CHOSEN} AND {_MAIN}'
            f" {OVER_TIME} fill(none)",
            f"SELECT {STEP_OF_THREAD}, avg(s.success_rate) AS mean {BEGUN}"
            " AND s.session_id = s.root AND s.success_rate IS NOT NULL GROUP BY 1 ORDER BY 1",
        ),
        Panel(
            "The latest sessions",
            "table",
            (
                Field("time", "dateTimeAsIso", "Begun"),
                Field("session_id", title="Session"),
                Field("agent", title="Agent"),
                Field("project", title="Project"),
                Field("model", title="Model"),
                Field("complexity", title="Complexity"),
                Field("duration", "s", "Duration"),
                Field("message_count", "short", "Messages"),
                Field("tool_count", "short", "Tool calls"),
                Field("token_count", "short", "Tokens"),
                Field("success_rate", "percentunit", "Succeeded"),
            ),
            'SELECT "session_id", "agent", "project", "model", "complexity", "duration",'
            ' "message_count", "tool_count", "token_count", "success_rate"'
            f' FROM "{SESSIONS}" WHERE {CHOSEN} ORDER BY time DESC LIMIT 200',
            "SELECT s.start_us / 1000 AS time, s.session_id, s.agent,"
            f" {PROJECT_OF} AS project, s.model, s.complexity, s.duration, s.message_count,"
            " s.tool_call_count AS tool_count, s.total_tokens AS token_count, s.success_rate"
            f" {BEGUN} ORDER BY s.start_us DESC LIMIT 200",
            width=24,
            about="Sub-agents too, each with its own figures.",
        ),
    ),
    (AGENT, PROJECT),
)

COST: Final = Dashboard(
    "cost",
    "tachlog: cost",
    "What model calls cost at API prices, and what for.",
    (
        Panel(
            "Cost",
            "stat",
            (Field("cost", "currencyUSD"),),
            f'SELECT sum("cost_usd") AS "cost" FROM "{CALLS}" WHERE {WITH_MODEL}',
            f"SELECT {_COST} AS cost {_CALLS_OF}",
            width=6,
        ),
        Panel(
            "Cost of a model call",
            "stat",
            (Field("cost", "currencyUSD"),),
            f'SELECT mean("cost_usd") AS "cost" FROM "{CALLS}" WHERE {WITH_MODEL}',
            f"SELECT {_COST} / nullif(sum(q.calls - q.unpriced_calls), 0) AS cost {_CALLS_OF}",
            width=6,
            about="On average, of calls whose price is known.",
        ),
        Panel(
            "Input read from caches",
            "stat",
            (Field("share", "percentunit"),),
            'SELECT sum("cache_read") / (sum("input") + sum("cache_read") + sum("cache_write"))'
            f' AS "share" FROM "{CALLS}" WHERE {WITH_MODEL}',
            f"SELECT sum(q.cache_read)::float / nullif(sum({_READ}), 0) AS share {_CALLS_OF}",
            width=6,
        ),
        Panel(
            "Tokens that are estimated",
            "stat",
            (Field("share", "percentunit"),),
            f'SELECT sum("estimated") / sum("total_tokens") AS "share" FROM "{CALLS}"'
            f" WHERE {WITH_MODEL}",
            f"SELECT sum(q.estimated)::float / nullif(sum({_TOTAL}), 0) AS share {_CALLS_OF}",
            width=6,
            about="What no API reported.",
        ),
        Panel(
            "Cost by model",
            "bars",
            (Field("value", "currencyUSD"),),
            f'SELECT sum("cost_usd") AS "value" FROM "{CALLS}" WHERE {WITH_MODEL}'
            f' {OVER_TIME}, "model" fill(none)',
            f"SELECT {STEP_OF_QUARTER}, n.text AS metric, {_COST} AS value {_CALLS_OF}"
            " GROUP BY 1, 2 ORDER BY 1",
            by="model",
        ),
        Panel(
            "Cost by project",
            "bars",
            (Field("value", "currencyUSD"),),
            f'SELECT sum("cost_usd") AS "value" FROM "{CALLS}" WHERE {WITH_MODEL}'
            f' {OVER_TIME}, "project" fill(none)',
            f"SELECT {STEP_OF_QUARTER}, {PROJECT_OF} AS metric, {_COST} AS value {_CALLS_OF}"
            " GROUP BY 1, 2 ORDER BY 1",
            by="project",
        ),
        Panel(
            "Cost by agent",
            "ranking",
            (Field("agent"), Field("cost", "currencyUSD", "Cost")),
            f'SELECT sum("cost_usd") AS "cost" FROM "{CALLS}" WHERE {WITH_MODEL} GROUP BY "agent"',
            f"SELECT s.agent, {_COST} AS cost {_CALLS_OF} GROUP BY 1 ORDER BY 2 DESC NULLS LAST",
        ),
        Panel(
            "Models",
            "table",
            (
                Field("provider", title="Provider"),
                Field("model", title="Model"),
                Field("calls", "short", "Calls"),
                *_TOKENS,
                Field("cost", "currencyUSD", "Cost"),
            ),
            f'SELECT count("output") AS "calls", {_EACH_KIND_INFLUXQL}, sum("cost_usd") AS "cost"'
            f' FROM "{CALLS}" WHERE {WITH_MODEL} GROUP BY "provider", "model"',
            "SELECT (SELECT text FROM names WHERE id = q.provider) AS provider, n.text AS model,"
            f" sum(q.calls) AS calls, {_EACH_KIND_SQL}, {_COST} AS cost {_CALLS_OF}"
            " GROUP BY q.provider, n.text ORDER BY cost DESC NULLS LAST",
        ),
    ),
    (AGENT, PROJECT, MODEL),
)
