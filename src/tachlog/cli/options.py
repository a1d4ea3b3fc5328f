"""Options that several verbs take, and what may be chosen for them."""

from __future__ import annotations

from tachlog.cli.parser import Option, positive

ROLES = ("member", "lead", "operator", "admin")
SCOPES = ("ingest", "read", "admin")
COMPLEXITIES = ("very_low", "low", "medium", "high", "very_high")

OUTPUT = (
    Option("--json", "print JSON instead of text"),
    Option("--no-color", "plain text; `NO_COLOR` does the same"),
)
ARCHIVE = (
    Option("--db", "the archive: a path, sqlite:///path or postgresql://user@host/database", "URL"),
    *OUTPUT,
)
FILTERS = (
    Option("--since", "from then on: a date, today, yesterday, 36h, 7d, 4w, or RFC 3339", "TIME"),
    Option("--until", "up to then; a day that is named is included", "TIME"),
    Option("--agent", "only this agent, such as claude_code", "NAME"),
    Option("--provider", "only this provider, such as anthropic", "NAME"),
    Option("--model", "only this model", "NAME"),
    Option("--project", "only this project", "NAME"),
    Option("--complexity", "only sessions as complex as this", "NAME", choices=COMPLEXITIES),
)
SELECTING = tuple(option.name.removeprefix("--") for option in FILTERS)
"""The names of what selects sessions."""

READING = (*FILTERS, *ARCHIVE)
SESSION = Option("ID", "the session's id, the beginning of it, or of its last part")
BY = (
    "day",
    "week",
    "month",
    "model",
    "provider",
    "agent",
    "project",
    "branch",
    "pr",
    "session",
    "subagent",
    "tool",
)
FACTORS = Option(
    "--factors",
    "estimate tokens by learned or by shipped factors",
    "WHICH",
    choices=("learned", "shipped"),
)
LIMIT = Option("--limit", "show at most so many rows", "N", positive)
SORTS = ("when", "active", "calls", "tokens", "cost", "errors", "complexity")
