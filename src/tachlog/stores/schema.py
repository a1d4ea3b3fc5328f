"""The archive's tables: one schema for every store, changed only by numbered migrations.

The user's tables `agent_telemetry_summaries` and `telemetry_alerts` keep their names, columns and
indexes; the columns after `created_at` are ours. Times are µs since the epoch in our tables, RFC
3339 text in the user's. Keys are 63-bit digests, `thread`, `file` and names are small integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tachlog import __version__

OPERATIONS: Final = ("calls", "tool_calls", "prompts", "failures", "compactions")
"""The tables of operations: each has `key`, `thread` (the owner) and `at_us`."""

LOCAL_USER: Final = "local"
"""Who acts on an archive that nobody signed in to."""

MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE files (
        id INTEGER PRIMARY KEY, host TEXT NOT NULL, path TEXT NOT NULL, source TEXT,
        revision INTEGER NOT NULL, identity BLOB NOT NULL, size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL, "offset" INTEGER NOT NULL, tail_bytes INTEGER NOT NULL,
        state BLOB NOT NULL, records INTEGER NOT NULL, parsed INTEGER NOT NULL,
        skipped TEXT NOT NULL, unknown TEXT NOT NULL, problems INTEGER NOT NULL, note TEXT,
        read_us INTEGER NOT NULL, done INTEGER NOT NULL, owner TEXT, machine TEXT,
        UNIQUE (host, path));
    CREATE INDEX idx_files_owner ON files (owner) WHERE owner IS NOT NULL;
    CREATE INDEX idx_files_odd ON files (path) WHERE note IS NOT NULL OR unknown <> '{}';

    CREATE TABLE threads (
        id INTEGER PRIMARY KEY, agent TEXT NOT NULL, session_id TEXT NOT NULL,
        root TEXT NOT NULL, parent TEXT, family INTEGER, tellings INTEGER NOT NULL,
        named INTEGER NOT NULL, UNIQUE (session_id, agent));
    CREATE INDEX idx_threads_family ON threads (family) WHERE family IS NOT NULL;
    CREATE INDEX idx_threads_root ON threads (root);
    CREATE INDEX idx_threads_tellings ON threads (tellings) WHERE tellings > 1;
    CREATE TABLE told (file INTEGER NOT NULL, thread INTEGER NOT NULL, PRIMARY KEY (file, thread))
        WITHOUT ROWID;
    CREATE INDEX idx_told_thread ON told (thread);

    CREATE TABLE names (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
    CREATE TABLE texts (key INTEGER PRIMARY KEY, text TEXT NOT NULL);

    CREATE TABLE calls (
        key INTEGER PRIMARY KEY, thread INTEGER NOT NULL, at_us INTEGER NOT NULL,
        first_us INTEGER NOT NULL, model INTEGER NOT NULL, provider INTEGER NOT NULL,
        input INTEGER, cache_read INTEGER, cache_write INTEGER, output INTEGER,
        cache_write_1h INTEGER, reasoning INTEGER, web_searches INTEGER, usage_us INTEGER NOT NULL,
        output_min INTEGER NOT NULL, output_max INTEGER NOT NULL, output_last INTEGER NOT NULL,
        parts BLOB NOT NULL, stop_reason INTEGER, alias INTEGER, sent_us INTEGER,
        response_ms INTEGER, ttft_ms INTEGER, behaviors INTEGER NOT NULL, attempt INTEGER,
        branch INTEGER, tier INTEGER, reported_nanousd INTEGER,
        copied INTEGER NOT NULL, settled_output INTEGER NOT NULL, estimated INTEGER NOT NULL,
        cost_nanousd INTEGER, response_us INTEGER);
    CREATE INDEX idx_calls_thread ON calls (thread);
    CREATE INDEX idx_calls_at ON calls (at_us);
    CREATE INDEX idx_calls_alias ON calls (alias) WHERE alias IS NOT NULL;

    CREATE TABLE tool_calls (
        key INTEGER PRIMARY KEY, thread INTEGER NOT NULL, at_us INTEGER NOT NULL, tool INTEGER,
        call INTEGER, input_bytes INTEGER NOT NULL, input_digest INTEGER NOT NULL,
        target_kind INTEGER, target INTEGER, target_digest INTEGER, no_kind INTEGER,
        no_codes INTEGER NOT NULL, end_us INTEGER, reported INTEGER NOT NULL,
        output_bytes INTEGER NOT NULL, duration_ms INTEGER, approval_ms INTEGER, exit_code INTEGER,
        error_class INTEGER, fingerprint INTEGER, excerpt INTEGER, outcome INTEGER NOT NULL);
    CREATE INDEX idx_tool_calls_thread ON tool_calls (thread);
    CREATE INDEX idx_tool_calls_at ON tool_calls (at_us);

    CREATE TABLE prompts (
        key INTEGER PRIMARY KEY, thread INTEGER NOT NULL, at_us INTEGER NOT NULL,
        characters INTEGER NOT NULL, queued_ms INTEGER, by_person INTEGER NOT NULL);
    CREATE INDEX idx_prompts_thread ON prompts (thread);

    CREATE TABLE failures (
        key INTEGER PRIMARY KEY, thread INTEGER NOT NULL, at_us INTEGER NOT NULL,
        error_class INTEGER NOT NULL, status INTEGER, attempt INTEGER, retry_after_ms INTEGER,
        fingerprint INTEGER, excerpt INTEGER, model INTEGER);
    CREATE INDEX idx_failures_thread ON failures (thread);
    CREATE INDEX idx_failures_at ON failures (at_us);

    CREATE TABLE compactions (
        key INTEGER PRIMARY KEY, thread INTEGER NOT NULL, at_us INTEGER NOT NULL,
        tokens_before INTEGER, tokens_after INTEGER, "trigger" TEXT);
    CREATE INDEX idx_compactions_thread ON compactions (thread);

    CREATE TABLE marks (
        thread INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
        first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
        PRIMARY KEY (thread, name, value)) WITHOUT ROWID;

    CREATE TABLE tellings (key INTEGER NOT NULL, thread INTEGER NOT NULL, PRIMARY KEY (key, thread))
        WITHOUT ROWID;
    CREATE INDEX idx_tellings_thread ON tellings (thread);
    CREATE TABLE said (
        key INTEGER NOT NULL, telling INTEGER NOT NULL, kind INTEGER NOT NULL,
        thread INTEGER NOT NULL, counts INTEGER, operation BLOB NOT NULL,
        PRIMARY KEY (key, telling)) WITHOUT ROWID;
    CREATE INDEX idx_said_thread ON said (thread);
    CREATE TABLE spans (
        trace INTEGER NOT NULL, key INTEGER NOT NULL, parent INTEGER, call INTEGER,
        metered INTEGER NOT NULL, file INTEGER NOT NULL, PRIMARY KEY (trace, key)) WITHOUT ROWID;
    CREATE INDEX idx_spans_file ON spans (file);
    CREATE TABLE traces (trace TEXT PRIMARY KEY, session TEXT NOT NULL, file INTEGER NOT NULL)
        WITHOUT ROWID;
    CREATE TABLE pruned (key INTEGER PRIMARY KEY, thread INTEGER NOT NULL);
    CREATE TABLE remainders (
        thread INTEGER PRIMARY KEY, cut_us INTEGER NOT NULL, pruned_us INTEGER NOT NULL,
        rule TEXT NOT NULL, tellings INTEGER NOT NULL, operations INTEGER NOT NULL,
        own INTEGER NOT NULL, own_us INTEGER, remainder BLOB NOT NULL);
    CREATE TABLE learned_from (
        key INTEGER PRIMARY KEY, agent TEXT NOT NULL, model TEXT NOT NULL,
        tokens INTEGER NOT NULL, estimate FLOAT NOT NULL);
    CREATE TABLE ledger (key INTEGER PRIMARY KEY, file INTEGER NOT NULL);
    CREATE TABLE copies (key INTEGER NOT NULL, file INTEGER NOT NULL, told INTEGER NOT NULL,
        PRIMARY KEY (key, file)) WITHOUT ROWID;
    CREATE TABLE problems (
        file INTEGER NOT NULL, "offset" INTEGER NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL,
        PRIMARY KEY (file, "offset", kind, detail)) WITHOUT ROWID;
    CREATE TABLE projects (cwd TEXT PRIMARY KEY, project TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE users (
        id UUID PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at TIMESTAMP NOT NULL,
        role TEXT NOT NULL DEFAULT 'admin', password TEXT,
        signed_out_us INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE acts (
        at_us INTEGER NOT NULL, "by" TEXT NOT NULL, what TEXT NOT NULL, about TEXT NOT NULL);
    CREATE INDEX idx_acts ON acts (at_us);
    CREATE TABLE tokens (
        digest TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, scope TEXT NOT NULL, owner TEXT,
        created_at TIMESTAMP NOT NULL, revoked_at TIMESTAMP);

    CREATE TABLE agent_telemetry_summaries (
        id UUID PRIMARY KEY, session_id VARCHAR(255), provider VARCHAR(50), model VARCHAR(100),
        start_time TIMESTAMP, end_time TIMESTAMP, duration INT, message_count INT,
        tool_call_count INT, total_tokens BIGINT, success_rate FLOAT, complexity VARCHAR(20),
        avg_response_time FLOAT, p95_response_time FLOAT, tool_usage JSONB, error_breakdown JSONB,
        patterns JSONB, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
        thread INTEGER NOT NULL UNIQUE, agent TEXT NOT NULL, root TEXT NOT NULL, project TEXT,
        start_us INTEGER, end_us INTEGER, main_score INTEGER, metrics BLOB NOT NULL,
        changed INTEGER NOT NULL);
    CREATE INDEX idx_telemetry_page ON agent_telemetry_summaries
        ((coalesce(start_us, 0)), session_id, agent);
    CREATE INDEX idx_telemetry_root ON agent_telemetry_summaries
        (root, agent, project, provider, model, complexity, start_us);
    CREATE INDEX idx_telemetry_score ON agent_telemetry_summaries (start_us, main_score);
    CREATE INDEX idx_telemetry_end ON agent_telemetry_summaries (end_us, start_us, root, agent);
    CREATE INDEX idx_telemetry_start ON agent_telemetry_summaries ((coalesce(start_us, 0)), id);
    CREATE INDEX idx_telemetry_changed ON agent_telemetry_summaries (changed, thread);
    CREATE TABLE mirrors (
        name TEXT PRIMARY KEY, changed INTEGER NOT NULL, thread INTEGER NOT NULL,
        written_us INTEGER, failed_us INTEGER, fault TEXT, expired INTEGER NOT NULL,
        dropped INTEGER NOT NULL, prepared TEXT NOT NULL);
    CREATE TABLE mirrored (
        mirror TEXT NOT NULL, thread INTEGER NOT NULL, changed INTEGER NOT NULL, at_ns INTEGER,
        series INTEGER, PRIMARY KEY (mirror, thread)) WITHOUT ROWID;
    CREATE INDEX idx_telemetry_session ON agent_telemetry_summaries (session_id);
    CREATE INDEX idx_telemetry_time ON agent_telemetry_summaries (start_time, end_time);
    CREATE INDEX idx_telemetry_provider ON agent_telemetry_summaries (provider, model);

    CREATE TABLE model_quarters (
        thread INTEGER NOT NULL, quarter INTEGER NOT NULL, name INTEGER NOT NULL,
        provider INTEGER NOT NULL, calls INTEGER NOT NULL, input INTEGER NOT NULL,
        cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,
        output INTEGER NOT NULL, reasoning INTEGER, estimated INTEGER NOT NULL,
        cost_nanousd INTEGER, unpriced_calls INTEGER NOT NULL, unpriced_tokens INTEGER NOT NULL,
        reported_cost_calls INTEGER NOT NULL, response_n INTEGER NOT NULL,
        response_us INTEGER NOT NULL, sketch BLOB NOT NULL, changed INTEGER NOT NULL,
        PRIMARY KEY (thread, quarter, name, provider)) WITHOUT ROWID;
    CREATE INDEX idx_model_quarters ON model_quarters (quarter);
    CREATE TABLE tool_quarters (
        thread INTEGER NOT NULL, quarter INTEGER NOT NULL, name INTEGER NOT NULL,
        calls INTEGER NOT NULL, successes INTEGER NOT NULL, errors INTEGER NOT NULL,
        expected_negative INTEGER NOT NULL, check_failed INTEGER NOT NULL,
        user_rejected INTEGER NOT NULL, user_interrupted INTEGER NOT NULL,
        unfinished INTEGER NOT NULL, timed INTEGER NOT NULL, total_us INTEGER NOT NULL,
        input_bytes INTEGER NOT NULL, output_bytes INTEGER NOT NULL, sketch BLOB NOT NULL,
        classes TEXT NOT NULL, changed INTEGER NOT NULL,
        PRIMARY KEY (thread, quarter, name)) WITHOUT ROWID;
    CREATE INDEX idx_tool_quarters ON tool_quarters (quarter);
    CREATE TABLE failure_quarters (
        thread INTEGER NOT NULL, quarter INTEGER NOT NULL, name INTEGER NOT NULL,
        failures INTEGER NOT NULL, changed INTEGER NOT NULL,
        PRIMARY KEY (thread, quarter, name)) WITHOUT ROWID;
    CREATE INDEX idx_failure_quarters ON failure_quarters (quarter);
    CREATE TABLE model_totals (
        quarter INTEGER NOT NULL, agent TEXT NOT NULL, name INTEGER NOT NULL,
        provider INTEGER NOT NULL, calls INTEGER NOT NULL, input INTEGER NOT NULL,
        cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,
        output INTEGER NOT NULL, reasoning INTEGER NOT NULL, estimated INTEGER NOT NULL,
        cost_nanousd INTEGER NOT NULL, unpriced_calls INTEGER NOT NULL,
        unpriced_tokens INTEGER NOT NULL, reported_cost_calls INTEGER NOT NULL,
        response_n INTEGER NOT NULL, response_us INTEGER NOT NULL, reasoning_rows INTEGER NOT NULL,
        PRIMARY KEY (quarter, agent, name, provider)) WITHOUT ROWID;
    CREATE TABLE tool_totals (
        quarter INTEGER NOT NULL, agent TEXT NOT NULL, name INTEGER NOT NULL,
        calls INTEGER NOT NULL, successes INTEGER NOT NULL, errors INTEGER NOT NULL,
        PRIMARY KEY (quarter, agent, name)) WITHOUT ROWID;
    CREATE TABLE failure_totals (
        quarter INTEGER NOT NULL, agent TEXT NOT NULL, name INTEGER NOT NULL,
        failures INTEGER NOT NULL, PRIMARY KEY (quarter, agent, name)) WITHOUT ROWID;

    CREATE TABLE telemetry_alerts (
        id UUID PRIMARY KEY, type VARCHAR(50), severity VARCHAR(20), message TEXT, context JSONB,
        triggered_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, acknowledged BOOLEAN DEFAULT FALSE,
        acknowledged_by UUID REFERENCES users (id), acknowledged_at TIMESTAMP,
        labels TEXT NOT NULL DEFAULT '[]', state TEXT NOT NULL DEFAULT 'firing',
        measures TEXT NOT NULL DEFAULT '{}', since_us INTEGER, fired_us INTEGER, ended_us INTEGER,
        resolved_us INTEGER, acknowledged_us INTEGER, note TEXT,
        quiet INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX idx_alerts_alive ON telemetry_alerts (type) WHERE state <> 'resolved';
    CREATE TABLE alert_transitions (
        alert UUID NOT NULL, place INTEGER NOT NULL, at_us INTEGER NOT NULL, before TEXT,
        state TEXT NOT NULL, severity TEXT NOT NULL, why TEXT NOT NULL,
        PRIMARY KEY (alert, place)) WITHOUT ROWID;
    CREATE INDEX idx_alert_transitions_at ON alert_transitions (at_us);
    CREATE TABLE silences (
        id UUID PRIMARY KEY, matches TEXT NOT NULL, begins_us INTEGER NOT NULL,
        ends_us INTEGER NOT NULL, made_by TEXT NOT NULL, note TEXT);
    CREATE TABLE alert_gates (
        rule TEXT PRIMARY KEY, definition TEXT NOT NULL, at_us INTEGER NOT NULL,
        rehearsed TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE answers (
        name INTEGER PRIMARY KEY, change INTEGER NOT NULL, threads INTEGER NOT NULL,
        answer BLOB NOT NULL);
    CREATE TABLE hooked (
        agent TEXT NOT NULL, session_id TEXT NOT NULL, at_us INTEGER NOT NULL, told TEXT NOT NULL,
        PRIMARY KEY (agent, session_id)) WITHOUT ROWID;
    CREATE TABLE notifications (
        channel TEXT NOT NULL, rule TEXT NOT NULL, place INTEGER NOT NULL, digest TEXT NOT NULL,
        state TEXT NOT NULL, told TEXT NOT NULL, firing INTEGER NOT NULL,
        resolved INTEGER NOT NULL, tries INTEGER NOT NULL, claimed_us INTEGER NOT NULL,
        next_us INTEGER NOT NULL, settled_us INTEGER, fault TEXT,
        PRIMARY KEY (channel, rule, place)) WITHOUT ROWID;
    CREATE INDEX idx_notifications_at ON notifications (claimed_us);
    CREATE TABLE advice (
        id TEXT PRIMARY KEY, type TEXT NOT NULL, about TEXT NOT NULL, message TEXT NOT NULL,
        state TEXT NOT NULL, "by" TEXT NOT NULL, at_us INTEGER NOT NULL, until_us INTEGER,
        note TEXT) WITHOUT ROWID;
    CREATE INDEX idx_alerts_triggered ON telemetry_alerts (triggered_at);
    CREATE INDEX idx_alerts_acknowledged ON telemetry_alerts (acknowledged);
    """,
    """
    CREATE TABLE tool_stats (
        agent TEXT NOT NULL, name INTEGER NOT NULL, sums BLOB NOT NULL,
        PRIMARY KEY (agent, name)) WITHOUT ROWID;
    CREATE TABLE erased (digest INTEGER PRIMARY KEY);
    CREATE TABLE advised (
        name INTEGER PRIMARY KEY, change INTEGER NOT NULL, threads INTEGER NOT NULL,
        made_us INTEGER NOT NULL, took_us INTEGER NOT NULL, answer BLOB NOT NULL);
    CREATE TABLE session_totals (agent TEXT PRIMARY KEY, sessions INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE hour_totals (
        hour INTEGER NOT NULL, agent TEXT NOT NULL, calls INTEGER NOT NULL, input INTEGER NOT NULL,
        cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL, output INTEGER NOT NULL,
        estimated INTEGER NOT NULL, cost_nanousd INTEGER NOT NULL, unpriced_calls INTEGER NOT NULL,
        response_n INTEGER NOT NULL, response_us INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
        tool_successes INTEGER NOT NULL, tool_errors INTEGER NOT NULL, failures INTEGER NOT NULL,
        PRIMARY KEY (hour, agent)) WITHOUT ROWID;
    CREATE INDEX idx_tool_totals_name ON tool_totals (name, quarter);
    DROP INDEX idx_telemetry_score;
    CREATE INDEX idx_telemetry_score ON agent_telemetry_summaries (start_us, agent, main_score);
    """,
)
"""From each version to the next. What is new goes into the last one until that is released."""

VERSION: Final = len(MIGRATIONS)


def statements(after: int) -> Iterator[str]:
    """The statements that bring an archive of version `after` to this one, as SQLite takes them."""
    for script in MIGRATIONS[after:]:
        yield from (statement for statement in script.split(";\n") if statement.strip())


def from_the_future(place: str, version: int) -> str:
    """What to say of an archive that a newer tachlog has changed."""
    return (
        f"{place}: the archive has version {version}, this tachlog {__version__} knows versions up"
        f" to {VERSION}; install a newer tachlog"
    )
