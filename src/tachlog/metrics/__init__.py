"""What one session did, in numbers: the measures of a `Session`, integers inside.

`measure()` is in `tachlog.metrics.measure`; each theme (tokens, tools, timing, errors, context) has
its module. Everything here is a function of one session's own operations, so that no row depends on
others.
"""

from __future__ import annotations

from msgspec import Struct, field

from tachlog.model import Outcome

QUARTER_US = 900_000_000
"""A quarter hour: all time zones lie whole quarter hours from UTC."""

Sketch = dict[int, int]
"""A DDSketch with 1 % relative error as {bin: count}; adding the counts of two sketches merges
them.
"""


class Settled(Struct, frozen=True, array_like=True, gc=False):
    """What one call counts for.

    Its output with a placeholder replaced, how much of its total is estimated, its price in
    nano-dollars (None: not known), its response time (None: not told).
    """

    output: int
    estimated: int
    cost_nanousd: int | None
    response_us: int | None = None


class Ran(Struct, frozen=True, array_like=True, gc=False):
    """What one tool call comes to: its outcome, and how long it ran (None: not known)."""

    outcome: Outcome
    spent_us: int | None


class ModelUse(Struct, array_like=True):
    """Model calls of one session with one model.

    Tokens in disjoint buckets; `estimated` is how many of the total no API reported; `cost_nanousd`
    is None when no call of it has a price, `unpriced_calls` and `unpriced_tokens` count those that
    have none. `reported_cost_calls` had their cost in the log.
    """

    provider: str
    calls: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int | None = None
    estimated: int = 0
    cost_nanousd: int | None = None
    unpriced_calls: int = 0
    unpriced_tokens: int = 0
    reported_cost_calls: int = 0

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.cache_read + self.cache_write + self.output


class ToolStats(Struct, array_like=True):
    """Calls of one tool in one session.

    `success_count` includes `expected_negative` and `check_failed`; `timed` calls have a known
    duration, `total_us` is their sum, `sketch` their distribution in µs. `p95_us` is exact.
    `classes` counts errors by class.
    """

    category: str
    count: int = 0
    success_count: int = 0
    error_count: int = 0
    expected_negative: int = 0
    check_failed: int = 0
    user_rejected: int = 0
    user_interrupted: int = 0
    unfinished: int = 0
    timed: int = 0
    total_us: int = 0
    p95_us: int | None = None
    sketch: Sketch = field(default_factory=dict)
    input_bytes: int = 0
    output_bytes: int = 0
    classes: dict[str, int] = field(default_factory=dict)


class TimeSplit(Struct, array_like=True):
    """Where the time of a main thread went, in µs, adding up to its duration.

    `approval` is None where no log tells it (it is then a part of `tool`).
    """

    model: int = 0
    tool: int = 0
    approval: int | None = None
    person: int = 0
    idle: int = 0


class ErrorCluster(Struct, array_like=True):
    """Failures of one session that read alike: `tool` is None for model calls."""

    error_class: str
    fingerprint: int
    tool: str | None
    target: str | None
    count: int
    first_us: int
    last_us: int
    excerpt: str | None = None


class Anomaly(Struct, array_like=True):
    """Something unusual within one session.

    `type` is response_time_spike, response_time_outlier (the median/MAD variant), error_cluster or
    loop. `value` and `threshold` are in the unit of the type (µs, errors, calls); the events it
    rests on are `log_id` (hex key of a call) or start, end, count. A `minor` one is such as healthy
    sessions have as well: it is kept and told to nobody who did not ask.
    """

    type: str
    value: int
    threshold: int
    baseline: int | None = None
    log_id: str | None = None
    start_us: int | None = None
    end_us: int | None = None
    count: int | None = None
    about: str | None = None
    minor: bool = False


class Context(Struct, array_like=True):
    """Context of the model calls: the most tokens that a call had to read, its model's window."""

    peak_tokens: int | None = None
    window: int | None = None
    compactions: int = 0


class ModelQuarter(Struct, array_like=True):
    """The calls of a thread with one model in one quarter hour.

    `response_n` of them have a response time; `response_us` is its sum, `sketch` its distribution.
    """

    use: ModelUse
    response_n: int
    response_us: int
    sketch: Sketch


ModelKey = tuple[str, str]
"""A model and the provider that served it."""


class QuarterMetrics(Struct, array_like=True):
    """What a thread did in one quarter hour (UTC; `quarter` × 900 s since the epoch).

    Model calls by model and provider, tool calls by tool, failed model calls by class of error.
    """

    quarter: int
    models: dict[ModelKey, ModelQuarter]
    tools: dict[str, ToolStats]
    failures: dict[str, int]


class Known(Struct):
    """What is known of the parts of a session that grows: operations by key, quarter hours.

    What is asked of an operation alone is asked once; whoever changes one forgets what is known of
    it. Measuring notes here what tool calls come to, and of each quarter hour what was in it and
    what that came to; it leaves `calls` to whoever keeps them.
    """

    calls: dict[int, Settled] = field(default_factory=dict)
    tools: dict[int, Ran] = field(default_factory=dict)
    quarters: dict[int, tuple[object, QuarterMetrics]] = field(default_factory=dict)


class Measured(Struct, array_like=True):
    """The figures of a session and of its quarter hours, and what each of its calls counts for."""

    metrics: SessionMetrics
    calls: dict[int, Settled]
    quarters: list[QuarterMetrics]


class SessionMetrics(Struct, array_like=True):
    """The figures of one thread.

    Times in µs since the epoch, durations in µs, money in nano-dollars.

    `operations` = `op_successes` + `op_errors`: tool calls with a decided outcome and attempts of
    model calls. `response_n` of the calls have a response time; `response_us` is their sum,
    `response_p95_us` exact, `response_sketch` mergeable. `start_us` is None for a thread without
    operations (a fork that did nothing yet).
    """

    agent: str
    session_id: str
    root: str
    parent: str | None
    title: str | None = None
    project: str | None = None
    cwd: str | None = None
    branch: str | None = None
    version: str | None = None
    agent_type: str | None = None
    forked_from: str | None = None
    kind: str = "interactive"
    outcome: str = "left"
    outcome_reasons: list[str] = field(default_factory=list)
    model: str | None = None
    provider: str | None = None
    models: dict[str, ModelUse] = field(default_factory=dict)
    start_us: int | None = None
    end_us: int | None = None
    active_us: int = 0
    time_split: TimeSplit | None = None
    messages: int = 0
    prompts: int = 0
    calls: int = 0
    records: int = 0
    placeholder_calls: int = 0
    tool_calls: int = 0
    failures: int = 0
    retries: int = 0
    op_successes: int = 0
    op_errors: int = 0
    response_n: int = 0
    response_us: int = 0
    response_p95_us: int | None = None
    response_sketch: Sketch = field(default_factory=dict)
    queue_ms: int | None = None
    tools: dict[str, ToolStats] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    clusters: list[ErrorCluster] = field(default_factory=list)
    behaviors: dict[str, int] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    anomalies: list[Anomaly] = field(default_factory=list)
    context: Context = field(default_factory=Context)
    complexity: str = "very_low"
    complexity_score: int = 0
    commits: list[str] = field(default_factory=list)
    pull_requests: list[str] = field(default_factory=list)
    mcp_servers: list[str] = field(default_factory=list)
    skills: list[str] = field(default_factory=list)

    @property
    def operations(self) -> int:
        """Tool calls with a decided outcome plus attempts of model calls."""
        return self.op_successes + self.op_errors

    @property
    def duration_us(self) -> int:
        """From the first to the last prompt, call, result or failure."""
        return 0 if self.start_us is None or self.end_us is None else self.end_us - self.start_us

    @property
    def total_tokens(self) -> int:
        """All tokens of all models."""
        return sum(use.total for use in self.models.values())
