"""The verbs of the command: what each is for, what it takes, where it lives."""

from __future__ import annotations

from tachlog.cli.acting_verbs import ADVICE, ALERTS, REPORT
from tachlog.cli.options import (
    ARCHIVE,
    BY,
    FACTORS,
    LIMIT,
    OUTPUT,
    READING,
    ROLES,
    SCOPES,
    SESSION,
    SORTS,
)
from tachlog.cli.parser import Option, Verb, port, positive, size
from tachlog.cli.team_verbs import COMPLETION, GRAFANA, HOOKS, MCP, SERVICE, SHIP

VERBS = (
    Verb(
        "",
        "tell today and this week in five lines, from what was read before",
        "analyze",
        ARCHIVE,
        "the same object as `analyze`, of the whole archive; null where nothing was ever read",
    ),
    Verb(
        "analyze",
        "read the agents' logs into the archive, then show what they did",
        "analyze",
        (
            Option(
                "PATH",
                "log files, directories, s3:// and https:// URLs, SQL tables; else all found",
                many="*",
            ),
            Option("--no-store", "keep nothing"),
            Option("--or-demo", "where no logs are found, read the example logs"),
            FACTORS,
            Option("--jobs", "read with so many processes", "N", positive),
            Option(
                "--engine",
                "where to read: serial, processes, dask, dask://host:port (else processes)",
                "ENGINE",
            ),
            Option(
                "--fail-on",
                "end with exit code 3 when there are any",
                "WHAT",
                choices=("problems",),
            ),
            *READING,
        ),
        "one object: `sessions`, `totals`, `patterns`, `input`, `read_now`",
        "With paths it tells of the sessions in those files, whether read now or before.",
    ),
    Verb(
        "serve",
        "run the service: pages, an API and receivers on this machine",
        "serve",
        (
            Option("--host", "the address to listen at (else serve.host)", "ADDRESS"),
            Option(
                "--port", "the port to listen at (else serve.port); 0 takes a free one", "N", port
            ),
            Option("--tls-cert", "serve HTTPS with this certificate (else serve.tls_cert)", "FILE"),
            Option("--tls-key", "its private key (else serve.tls_key)", "FILE"),
            Option("--open", "open the page in a browser"),
            Option("--no-token", "let everybody on this machine in without a token"),
            Option("--log-json", "write the log as JSON, an object a line"),
            *ARCHIVE,
        ),
        "one object on one line: `url`, `port`, `token`; the log goes to stderr",
        "Beyond this machine people sign in (`tachlog user add`) and programs carry tokens; where"
        " nobody can yet, it prints an address that makes the first user, once."
        " SIGTERM and Ctrl-C end it within five seconds, SIGHUP makes it read the configuration"
        " again.",
        direct=True,
    ),
    Verb(
        "watch",
        "follow the agents' logs into the archive as they grow, until it is stopped",
        "watch",
        (
            Option("PATH", "log files, directories, SQL tables; else all found", many="*"),
            Option("--poll", "look at all files in turn, where the system tells of no changes"),
            Option("--jobs", "read older logs with so many processes", "N", positive),
            *ARCHIVE,
        ),
        "an object on a line for each step: `at`, `files`, `records`, `behind_ms`, `sessions`,"
        " `active_sessions`, `last`, `backlog_files`, `backlog_bytes`, `notes`, `fault` and more",
        "New files and directories are followed as they appear. What was written lately is read"
        " first. Ctrl-C ends it; what is stored is whole.",
        direct=True,
    ),
    SHIP,
    Verb(
        "top",
        "show live which agents wait for you and what the others do",
        "top",
        ARCHIVE,
        "a list of threads that are not over, those first that wait for a person: `session_id`,"
        " `root_session_id`, `agent`, `project`, `model`, `title`, `needs_you`, `state`,"
        " `since`, `basis`, `exact`, `tool`, `target`, `context_tokens`, `window`, `cost_usd`,"
        " `last_error`",
        "It follows the logs meanwhile, as `tachlog watch` does. Where the answer is no terminal,"
        " it reads what is new and tells once.",
        direct=True,
    ),
    Verb(
        "sessions",
        "list the sessions",
        "look",
        (
            Option("--sort", "order of the rows", "BY", choices=SORTS, default="when"),
            LIMIT,
            *READING,
        ),
        "a list of sessions, each as in `analyze`",
        "Newest first, or the greatest first of what `--sort` names.",
    ),
    Verb(
        "show",
        "draw one session as a timeline",
        "show",
        (SESSION, Option("--all", "every prompt, call, result and wait"), *ARCHIVE),
        "one object: `session`, `complexity`, `files`, `threads`, `turns`",
    ),
    Verb(
        "explain",
        "walk from the lines of the logs to the figures of one session",
        "explain",
        (SESSION, *ARCHIVE),
        "one object: `session_id`, `files`, `shared` (operations by the session that owns them),"
        " `figures`, each with its `steps`",
    ),
    Verb(
        "tools",
        "show what each tool did, how often it failed and how long it took",
        "look",
        (LIMIT, *READING),
        "an object of tools by name, each as `tool_usage` in `analyze`",
    ),
    Verb(
        "errors",
        "show what failed, by class and by what reads alike",
        "look",
        (LIMIT, *READING),
        "one object: `operations`, `errors`, `error_rate`, `error_breakdown`, `clusters`",
    ),
    Verb(
        "patterns",
        "show which tools follow which, what follows a failure, what is unusual",
        "patterns",
        (LIMIT, *READING),
        "one object: `sequences`, `transitions`, `loops`, `recoveries`, `behaviors`, `anomalies`",
    ),
    Verb(
        "cost",
        "show what model calls cost, by day, model, project, pull request and more",
        "cost",
        (
            Option("--by", "a row for each", "WHAT", choices=BY, default="day"),
            Option("--csv", "print the rows as CSV"),
            Option("--estimates", "show instead how much is estimated, and how well"),
            Option("--waste", "show instead where money goes that buys nothing"),
            LIMIT,
            *READING,
        ),
        "one object: `by`, `rows`, `total`, `unpriced_models`, `plans`, `plans_told`,"
        " `not_in_any_log`",
        "Amounts are at API prices: what the tokens cost at the providers' list prices, whatever"
        " you pay. `--model` and `--provider` select single calls here;"
        " docs/cost.md has the rules.",
    ),
    Verb(
        "budget",
        "set what may be used, and show how much of it is",
        "budget",
        (
            Option(
                "AMOUNT",
                "a budget in dollars: 60/day, 300/week, 15/session; none/day takes it away",
                many="*",
            ),
            Option(
                "--fail-on",
                "end with exit code 3 when one is used up",
                "WHAT",
                choices=("budget",),
            ),
            *ARCHIVE,
        ),
        "one object: `changes` (of the configuration) and `use`: `budgets`, `over_sessions`,"
        " `days_of_use`, `limits`, `has_plan`; `use` is null where nothing was ever read",
        "An amount is written to the configuration file. docs/budget.md says how the projection is"
        " made.",
    ),
    Verb(
        "statusline",
        "print one line for the foot of an agent's screen",
        "statusline",
        (
            Option("--template", "parts between ` · `, as `{today} · {block} · {context}`", "TEXT"),
            *ARCHIVE,
        ),
        "one object: each part as text, empty where nothing is known of it",
        "It reads what Claude Code tells a status line on standard input; docs/budget.md says how"
        " to set it up and what the parts are.",
        direct=True,
    ),
    Verb(
        "reconcile",
        "hold a provider's usage export, or that of ccusage, against the archive",
        "reconcile",
        (
            Option("FILE", "the export, as the provider's page or `ccusage daily --json` gives it"),
            Option("--all", "also what agrees"),
            LIMIT,
            *ARCHIVE,
        ),
        "one object: `lines` (a day and model each, with `theirs`, `ours`, `cause`), `theirs`,"
        " `ours`, `by_cause`",
        "It reads the CSV exports of Anthropic's and OpenAI's usage and cost pages, Azure's cost"
        " details, and `ccusage daily --json`, and compares them with the calls of the archive by"
        " day and model. `tachlog doctor --reconcile` compares logs with each other.",
    ),
    Verb(
        "trends",
        "show whether tokens, errors, complexity and tools go up, down or only waver",
        "trends",
        READING,
        "a list of trends: `name`, `direction`, `change`, `slope`, `p_value`, `n`, `points`",
        "Without `--since` it looks at the last 30 days.",
    ),
    Verb(
        "export",
        "write the archive as files for DuckDB, Polars, pandas, Spark and spreadsheets",
        "export",
        (
            Option(
                "DIR", "the directory; it is made, and brought up to date when run again", many="?"
            ),
            Option(
                "--format",
                "the kind of files; otlp sends metrics to a collector instead",
                "KIND",
                choices=("parquet", "csv", "json", "otlp"),
                default="parquet",
            ),
            Option("--hints", "write titles, error excerpts and targets too, redacted"),
            Option("--endpoint", "the collector (else OTEL_EXPORTER_OTLP_ENDPOINT)", "URL"),
            Option("--headers", "for it: name=value,… (else OTEL_EXPORTER_OTLP_HEADERS)", "PAIRS"),
            *READING,
        ),
        "one object: `directory`, `format`, `schema`, `hints`, `tables`, `written`, `removed`; with"
        " `--format otlp` `endpoint`, `since`, `points`, `rejected`, `message`",
        "One directory per table, one file per day (UTC); docs/export.md has the columns. Only days"
        " that changed are written again, and only files that it wrote are replaced or removed."
        " Sessions are selected by their start, all else by its own time.",
    ),
    Verb(
        "query",
        "ask a mirror in InfluxDB, and print the rows",
        "mirroring",
        (
            Option("QUESTION", "a question in InfluxQL: SELECT … FROM agent_sessions …"),
            Option("--mirror", "which one, by its URL; else the first of the configuration", "URL"),
            *OUTPUT,
        ),
        "a list of rows, each an object of columns",
        "docs/deploy.md has the measurements and their fields.",
    ),
    Verb(
        "formats",
        "list the log formats that tachlog reads, or try a file",
        "formats",
        (
            Option("--try", "tell how this file would be read, record by record", "FILE"),
            *OUTPUT,
        ),
        "a list of formats: where the logs live, what is known of them and from where; with `--try`"
        " one object: `source`, `records`, `unused`, the counts of the whole file",
        "`--try` shows the first 20 records, what each tells and which of its values stay unused;"
        " it keeps nothing.",
    ),
    Verb(
        "config",
        "show every setting and where its value came from",
        "keep",
        ARCHIVE,
        "a list of settings: `name`, `value`, `origin`, `default`, `unit`, `meaning`",
    ),
    Verb(
        "doctor",
        "say what was found, read, skipped and not understood, and what to do about it",
        "doctor",
        (
            Option("--all", "every file, also those without a finding"),
            Option(
                "--reconcile",
                "compare instead what a session's log, its telemetry and its print tell of it",
            ),
            *ARCHIVE,
        ),
        "one object: `places`, `archive`, `mirrors`, `input`, `files`, `reported_costs`,"
        " `reported_calls`, `reported_tokens`, `unmatched_billing`, `format_drift`; with"
        " `--reconcile` `sessions`, each with its `tellings`, and `agree`",
        "`--reconcile` compares logs with each other; `tachlog reconcile FILE` compares a bill or"
        " an export with the archive.",
    ),
    ALERTS,
    ADVICE,
    REPORT,
    Verb(
        "db",
        "say what the archive takes, table by table; delete what is too old",
        "db",
        (
            Option("WHAT", "what to do", choices=("sizes", "migrate", "prune", "rebuild")),
            Option(
                "--dry-run", "say what `prune` would delete, or `rebuild` write, and do nothing"
            ),
            *ARCHIVE,
        ),
        "one object. `sizes`: `archive`, `bytes`, `tables`, each with `table`, `rows`, `bytes`."
        " `migrate`: `archive`, `before`, `version`, `sessions`."
        " `prune`: `archive`, `rule`, `before`, `first`, `threads`, `operations` by table,"
        " `history`, `ended`, `deleted`, `deleted_sessions`, `bytes_before`, `bytes_after`."
        " `rebuild`: `archive`, `sessions`, `differing`, `totals`, `written`",
        "A table's size includes its indexes. `migrate` says which version the tables have: every"
        " verb that opens an archive of an earlier one brings it forward. `prune` deletes"
        " operations that are older than `storage.retention_days`, or the oldest where the archive"
        " takes more than `storage.max_size`, and whole sessions that ended more than"
        " `storage.history_days` ago: one of the three must be set (docs/retention.md). `rebuild`"
        " recomputes all figures, names the sessions for which others are kept, and puts these"
        " right.",
    ),
    GRAFANA,
    HOOKS,
    MCP,
    SERVICE,
    Verb(
        "user",
        "say who may sign in, hand out and erase a person's data",
        "people",
        (
            Option(
                "WHAT",
                "what to do",
                choices=("add", "list", "passwd", "remove", "role", "export", "erase"),
            ),
            Option("NAME", "whom", many="*"),
            Option("--role", "what they may do", "ROLE", choices=ROLES, default="member"),
            Option("--to", "for export: the file to write", "FILE"),
            Option("--dry-run", "for erase: say what goes, and erase nothing"),
            Option("--yes", "for erase: do not ask"),
            *ARCHIVE,
        ),
        "for add one object, for list a list of them: `name`, `role`, `created_at`, `signs_in`;"
        " for export `name`, `file`, `bytes`; for erase `held` (counts), `erased`; for the others"
        " `name`",
        "The password is asked for, or is the first line of standard input. A new one ends it"
        " wherever its owner is signed in. `role` gives somebody the role that --role names."
        " `export` writes everything that is kept of somebody into a zip file of JSON lines."
        " `erase` says what goes, lets the name be typed and erases it for good: logs that are"
        " read again bring nothing back.",
    ),
    Verb(
        "token",
        "make, list and revoke tokens, by which programs send and read",
        "people",
        (
            Option("WHAT", "what to do", choices=("create", "list", "revoke")),
            Option("NAME", "what to call it, such as the machine that has it", many="*"),
            Option("--scope", "what it lets do", "SCOPE", choices=SCOPES, default="ingest"),
            Option("--user", "whose work is what is sent with it", "NAME"),
            *ARCHIVE,
        ),
        "for create `name`, `scope`, `token`; for list a list of `name`, `scope`, `created_at`,"
        " `revoked_at`, `owner`; for revoke `name`",
        "A token is shown once, when it is made. ingest sends telemetry, read asks, admin does"
        " both and everything else.",
    ),
    Verb(
        "demo",
        "write example logs of an invented team",
        "keep",
        (
            Option("DIR", "the directory; it is made"),
            Option("--size", "about how much", "SIZE", size),
            Option("--seed", "other numbers give other sessions", "N", int, default=7),
            *OUTPUT,
        ),
        "one object: `directory`, `files`, `bytes`",
    ),
    COMPLETION,
)
