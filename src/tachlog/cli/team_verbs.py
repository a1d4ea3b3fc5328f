"""The verbs that connect tachlog with what is around it: agents, teams, the system."""

from __future__ import annotations

from typing import Final

from tachlog.cli.options import ARCHIVE, OUTPUT
from tachlog.cli.parser import Option, Verb

SHIP: Final = Verb(
    "ship",
    "send the sessions of this archive to a team's tachlog",
    "shipping",
    (
        Option("--to", "the address of the team's tachlog", "URL"),
        Option("--hints", "send hints too, redacted"),
        Option("--dry-run", "print what would leave, a thread on a line, and send nothing"),
        *ARCHIVE,
    ),
    "one object: `to`, `threads`; with `--dry-run` an object on a line for each thread:"
    " `version`, `host`, `user`, `session`",
    "It sends what changed since it last did, as the archive has it: `tachlog analyze` or"
    " `watch` reads the logs. What is sent twice counts once. TACHLOG_SHIP_TOKEN has the token"
    " (scope ingest). The user is told by a pseudonym, a working directory by its project, a pull"
    " request as one; titles, targets, excerpts and branches stay. With `--hints` they leave too.",
    direct=True,
)
HOOKS: Final = Verb(
    "hooks",
    "let an agent tell by its hooks when it waits for you",
    "hooks",
    (
        Option("WHAT", "what to do", choices=("install", "status", "remove")),
        Option("AGENT", "whose settings", choices=("claude-code", "codex", "gemini-cli")),
        Option("--yes", "write without asking"),
        *OUTPUT,
    ),
    "one object: `path`, `installed` (events), `current`, `spool`, `changed`, `diff`",
    "It shows what it would change in the agent's settings and asks; everything else in them stays"
    " as it is. What hooks tell (session, event, name of the tool, time) is taken up by `tachlog"
    " serve`, `watch` and `top`; docs/hooks.md says what it makes exact.",
    direct=True,
)
SERVICE: Final = Verb(
    "service",
    "keep `tachlog serve` running from sign-in on, without root",
    "background",
    (
        Option("WHAT", "what to do", choices=("install", "status", "remove")),
        Option("--dry-run", "show the file that `install` writes, and do nothing"),
        *ARCHIVE,
    ),
    "one object: `path`, `installed`, `running`, `content` (with `--dry-run`)",
    "It is a systemd user unit on Linux, a launchd agent on macOS, a task of the Task Scheduler"
    " on Windows.",
    direct=True,
)
GRAFANA: Final = Verb(
    "grafana",
    "write data sources and dashboards for Grafana",
    "grafana",
    (
        Option("DIR", "the directory; it is made, and written anew when run again"),
        Option("--at", "where Grafana sees that directory, if elsewhere", "PATH"),
        Option("--mirror", "a mirror in InfluxDB; else the first of the configuration", "URL"),
        *ARCHIVE,
    ),
    "one object: `directory`, `at`, `sources`, `files`",
    "Dashboards of an archive in PostgreSQL, of a mirror in InfluxDB, or of both; passwords are"
    " variables of Grafana's environment and never written. docs/grafana.md says what to do next.",
)
MCP: Final = Verb(
    "mcp",
    "let agents and IDEs ask about sessions, cost, failures and advice",
    "mcp",
    ARCHIVE,
    "a list of the tools: `name`, `description`, `inputSchema`; nothing is served then",
    "It speaks the Model Context Protocol over standard input and output, and is started by the"
    " agent; docs/mcp.md says how. No tool changes a figure.",
    direct=True,
)
COMPLETION: Final = Verb(
    "completion",
    "print what bash, zsh or fish needs to complete this command",
    "completion",
    (Option("SHELL", "the shell", choices=("bash", "zsh", "fish")), *OUTPUT),
    "one object: `script`",
    "bash: `source <(tachlog completion bash)` in ~/.bashrc; zsh: the same in ~/.zshrc; fish:"
    " `tachlog completion fish > ~/.config/fish/completions/tachlog.fish`.",
    direct=True,
)
