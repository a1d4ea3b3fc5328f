-- Made by `tachlog grafana`: what is changed here is lost when it is run again.
-- Run it once as the archive's owner, then: \password grafana
CREATE ROLE grafana LOGIN;
GRANT CONNECT ON DATABASE "tachlog" TO grafana;
GRANT SELECT (thread, session_id, root, agent, project, provider, model, complexity, start_us, duration, message_count, tool_call_count, total_tokens, success_rate, changed) ON agent_telemetry_summaries TO grafana;
GRANT SELECT ON model_quarters TO grafana;
GRANT SELECT ON tool_quarters TO grafana;
GRANT SELECT ON failure_quarters TO grafana;
GRANT SELECT ON model_totals TO grafana;
GRANT SELECT (thread, at_us, model, response_us) ON calls TO grafana;
GRANT SELECT (thread, at_us, tool, outcome, reported, duration_ms, approval_ms, end_us, error_class) ON tool_calls TO grafana;
GRANT SELECT (thread, at_us, model, error_class) ON failures TO grafana;
GRANT SELECT ON names TO grafana;
GRANT SELECT (type, severity, triggered_at, resolved_us, acknowledged) ON telemetry_alerts TO grafana;
GRANT SELECT (id, source, problems, read_us) ON files TO grafana;
GRANT SELECT (file, kind) ON problems TO grafana;
GRANT SELECT (name, changed, thread, written_us, fault) ON mirrors TO grafana;
