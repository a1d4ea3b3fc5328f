"""The shapes of `tachlog analyze --json`: sessions, totals and patterns as the world sees them.

Times are RFC 3339 with Z; `duration`, `active_duration` and `time_split` are seconds, other times
are milliseconds; money is dollars. None says that the log did not tell. Fields may be added within
a schema number, never renamed (docs/design.md, section 6).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tachlog.analysis.units import share


class Tokens(Struct, frozen=True):
    """Tokens in disjoint buckets; the total is the first four.

    `reasoning` is a part of `output`, `estimated` how many of the total no API reported.
    """

    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int | None
    estimated: int

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.cache_read + self.cache_write + self.output

    @property
    def efficiency(self) -> float | None:
        """The share of output in all tokens."""
        return share(self.output, self.total)

    @property
    def cache_hit_rate(self) -> float | None:
        """The share of what models read that came from a cache."""
        return share(self.cache_read, self.total - self.output)


class ModelUsage(Struct, frozen=True):
    """The calls of one model. `cost_usd` is None when none of them has a price."""

    provider: str
    calls: int
    total_tokens: int
    tokens: Tokens
    cost_usd: float | None
    unpriced_calls: int


class ToolUsage(Struct, frozen=True):
    """The calls of one tool.

    `success_count` includes the answers `expected_negative` and `check_failed`; `success_rate` is
    of the calls that succeeded or failed. Times are ms; `errors` counts the failed calls by class.
    """

    category: str
    count: int
    success_count: int
    error_count: int
    timed_calls: int
    total_time: float
    avg_time: float | None
    p50_time: float | None
    p95_time: float | None
    success_rate: float | None
    input_bytes: int
    output_bytes: int
    expected_negative: int
    check_failed: int
    user_rejected: int
    user_interrupted: int
    unfinished: int
    errors: dict[str, int]


class TimeShares(Struct, frozen=True):
    """Where the time of a main thread went, in seconds, adding up to its duration.

    `approval` is None where no log tells it (it is then a part of `tool`).
    """

    model: float
    tool: float
    approval: float | None
    person: float
    idle: float


class TreeTotals(Struct, frozen=True):
    """A session together with its sub-agents."""

    tokens: int
    cost_usd: float | None
    tool_calls: int
    threads: int


class ContextUsage(Struct, frozen=True):
    """The most that a model call had to read, its model's window, how much of it that was."""

    peak_tokens: int | None
    window: int | None
    peak_share: float | None
    compactions: int


class ErrorPattern(Struct, frozen=True):
    """Failures that read alike.

    `tool` is None for model calls; `targets` counts what the calls were about; `excerpt` is one of
    the texts, redacted.
    """

    error_class: str
    fingerprint: str
    tool: str | None
    targets: dict[str, int]
    count: int
    sessions: int
    first: str
    last: str
    excerpt: str | None


class SequenceCount(Struct, frozen=True):
    """How often tools followed each other so, in how many sessions.

    `lift` is how much more often than by chance; None for fewer than five times, and in the view of
    a single session.
    """

    count: int
    sessions: int
    lift: float | None


class AnomalyView(Struct, frozen=True, omit_defaults=True):
    """Something unusual.

    `value`, `threshold` and `baseline` are in `unit`; what it rests on is `log_id`, or `start`,
    `end` and `count`. `minor` ones are such as healthy sessions have as well.
    """

    type: str
    scope: str
    session_id: str
    value: float
    threshold: float
    unit: str
    baseline: float | None = None
    log_id: str | None = None
    start: str | None = None
    end: str | None = None
    count: int | None = None
    about: str | None = None
    minor: bool = False


class SessionPatterns(Struct, frozen=True):
    """What recurs in one session, and what is unusual in it."""

    errors: list[ErrorPattern]
    behaviors: dict[str, int]
    sequences: dict[str, SequenceCount]
    anomalies: list[AnomalyView]


class SessionView(Struct, frozen=True, kw_only=True):
    """One thread: a main conversation, or one sub-agent's.

    Its figures are its own; `tree` (of main conversations only) has those of the sub-agents added.
    `cost_basis` is reported, api_prices or mixed; `unpriced_calls` are missing in `cost_usd`.
    """

    session_id: str
    title: str | None
    agent: str
    provider: str | None
    model: str | None
    models: dict[str, ModelUsage]
    project: str | None
    parent_session_id: str | None
    root_session_id: str
    kind: str
    outcome: str
    start_time: str | None
    end_time: str | None
    duration: float
    active_duration: float
    time_split: TimeShares | None
    message_count: int
    tool_call_count: int
    retries: int
    total_tokens: int
    tokens: Tokens
    cost_usd: float | None
    tree: TreeTotals | None
    success_rate: float | None
    error_rate: float | None
    complexity: str
    complexity_score: int
    token_efficiency: float | None
    cache_hit_rate: float | None
    avg_response_time: float | None
    p95_response_time: float | None
    tool_usage: dict[str, ToolUsage]
    error_breakdown: dict[str, int]
    patterns: SessionPatterns
    context: ContextUsage
    outcome_reasons: list[str]
    agent_type: str | None
    forked_from: str | None
    branch: str | None
    version: str | None
    prompts: int
    model_calls: int
    failures: int
    operations: int
    queue_time: int | None
    cost_basis: str | None
    unpriced_calls: int
    commits: list[str]
    pull_requests: list[str]
    mcp_servers: list[str]
    skills: list[str]


class Recovery(Struct, frozen=True):
    """What followed a failed call of a tool: how often, and how often it worked."""

    after: str
    next: str
    count: int
    worked: int


class Patterns(Struct, frozen=True):
    """What recurs over all sessions, and what is unusual in them.

    `transitions` counts which tool followed which, without the zeros.
    """

    errors: list[ErrorPattern]
    behaviors: dict[str, int]
    sequences: dict[str, SequenceCount]
    anomalies: list[AnomalyView]
    transitions: dict[str, dict[str, int]]
    recoveries: list[Recovery]


class Unpriced(Struct, frozen=True):
    """The calls of a model that have no price."""

    calls: int
    tokens: int


class Totals(Struct, frozen=True, kw_only=True):
    """The measures over all threads; each sum is that of the rows.

    `sessions` counts main conversations, `threads` those and their sub-agents. `complexity` counts
    sessions, `complexity_score` is their mean, `avg_retries` is per session. `time_split` is of the
    main threads. p95 times are within 1 %.
    """

    sessions: int
    threads: int
    start_time: str | None
    end_time: str | None
    duration: float
    active_duration: float
    time_split: TimeShares | None
    message_count: int
    tool_call_count: int
    model_calls: int
    failures: int
    operations: int
    retries: int
    avg_retries: float | None
    total_tokens: int
    tokens: Tokens
    cost_usd: float | None
    cost_basis: str | None
    unpriced_calls: int
    unpriced_models: dict[str, Unpriced]
    models: dict[str, ModelUsage]
    success_rate: float | None
    error_rate: float | None
    complexity: dict[str, int]
    complexity_score: float | None
    token_efficiency: float | None
    cache_hit_rate: float | None
    avg_response_time: float | None
    p95_response_time: float | None
    timed_calls: int
    tool_usage: dict[str, ToolUsage]
    error_breakdown: dict[str, int]
    context: ContextUsage


class Saving(Struct, frozen=True):
    """What a recommendation may save a week, at most: what its cases cost, each counted once.

    None dollars: nothing of it has a price. `weeks` are those in which anything was done, `basis`
    says what was added up. `use_share` is of all that the sessions used (at API prices, else in
    tokens), `limit_share` of a week's limit, where the cases are of one agent whose logs tell it.
    """

    usd_per_week: float | None
    tokens_per_week: int
    minutes_per_week: float
    weeks: int
    basis: str
    use_share: float | None
    limit_share: float | None


class Recommendation(Struct, frozen=True):
    """What to change, and why.

    `evidence` holds the numbers with their sample sizes, `sessions` the ids of those that show it
    most. `id` stays the same as long as it is `about` the same. `confidence` says how many sessions
    show it (10 or more: high, 5: medium), `instruction` what to tell the agent, where that helps.
    """

    type: str
    message: str
    tool: str | None
    evidence: dict[str, int | float | str]
    sessions: list[str]
    id: str
    about: str
    saving: Saving
    confidence: Literal["low", "medium", "high"]
    effort: Literal["low", "medium", "high"]
    instruction: str | None
