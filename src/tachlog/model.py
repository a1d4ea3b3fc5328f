"""The nouns that every stage of the pipeline shares.

All of them are frozen. Times are UTC in integer microseconds since the epoch (`_us`), durations
that a log reports are integer milliseconds (`_ms`), money is integer nano-dollars. `None` always
means that the log did not say; it never stands in for zero. Keys are 63-bit digests (`key_of`), so
that they fit an SQL integer on every engine. Nothing here can refer back to itself, so the garbage
collector need not look at it (`gc=False`; part of the 6 % that sparing it gained, 2026-11-22).
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from msgspec import Struct
from xxhash import xxh3_64_intdigest

MASK_63 = (1 << 63) - 1

UNTIMED_US = 1_000_000
"""Times before this are none: places in a file that tells no times, so that its order is kept."""

RUN_TOTALS = "run_totals"
"""The stop reason of a reply with the usage and cost of its whole run: right in sums only."""

Outcome = Literal[
    "success",
    "error",
    "expected_negative",
    "check_failed",
    "user_rejected",
    "user_interrupted",
    "unfinished",
]
"""How a tool call ended. `expected_negative` and `check_failed` are successes that said no; the
user_* outcomes and `unfinished` are neither successes nor errors.
"""

ErrorClass = Literal[
    "rate_limit",
    "timeout",
    "auth_failure",
    "network",
    "validation",
    "tool_error",
    "overloaded",
    "server_error",
    "context_overflow",
    "not_found",
    "permission_denied",
    "edit_conflict",
    "command_failed",
    "unknown",
]
"""What a failure was about; each failure has exactly one."""

Behavior = Literal["retry", "fallback", "clarification", "exploration"]
"""What an assistant's own words show it doing."""

TargetKind = Literal["command", "file", "url", "mcp", "agent", "none"]
"""What a tool call was about."""

Telling = Literal["log", "telemetry", "printed", "metrics"]
"""Who tells of a session: the agent's own log, the spans and events that it exports as telemetry,
what a headless run of it printed, or the sums that it exports as metrics; from the fullest to the
least full."""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
ERROR_CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)
BEHAVIORS: tuple[Behavior, ...] = get_args(Behavior)
TARGET_KINDS: tuple[TargetKind, ...] = get_args(TargetKind)
TELLINGS: tuple[Telling, ...] = get_args(Telling)


def key_of(*parts: str) -> int:
    """The 63-bit key of an identity, such as `key_of("claude_code", message_id)`."""
    text = parts[0] if len(parts) == 1 else "\x1f".join(parts)
    return xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) & MASK_63


def digest_of(raw: bytes | memoryview) -> int:
    """The 63-bit digest of bytes, such as a record or the input of a tool call."""
    return xxh3_64_intdigest(raw) & MASK_63


class Thread(Struct, frozen=True, array_like=True, gc=False, cache_hash=True):
    """One conversation with a model: the main one of a session, or one sub-agent's.

    `session_id` is the thread's own id, for a sub-agent without one `<parent>/<agentId>`. `root` is
    the session id of the main conversation (its own for a main thread). `telling` is who tells:
    one conversation that is told by several is one thread in the archive. One that is not `named`
    is called by something else than its session, as by the place of a copied file.
    """

    agent: str
    session_id: str
    root: str
    parent: str | None = None
    telling: Telling = "log"
    named: bool = True

    @property
    def sidechain(self) -> bool:
        """Whether this thread is a sub-agent's."""
        return self.parent is not None


MOST_TOKENS: Final = 1 << 48
"""What counts as a number of tokens in a log: a greater one is damage."""


class Usage(Struct, frozen=True, array_like=True, gc=False):
    """Tokens of one model call in disjoint buckets; the total is the sum of the first four.

    `cache_write_1h` is the part of `cache_write` kept for an hour, `reasoning` the part of `output`
    spent on thinking (None: not told).
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    cache_write_1h: int = 0
    reasoning: int | None = None
    web_searches: int = 0

    @property
    def total(self) -> int:
        """All tokens of the call."""
        return self.input + self.cache_read + self.cache_write + self.output

    @property
    def prompt(self) -> int:
        """Tokens that the model had to read: its context."""
        return self.input + self.cache_read + self.cache_write


class Features(Struct, frozen=True, array_like=True, gc=False):
    """What the token estimator needs to know of a reply; all of it adds up.

    Characters are counted after JSON unescaping. `wide` counts the bytes beyond one per character
    in UTF-8 (0 for ASCII), `symbols` ASCII digits and punctuation, `escapes` those of the tools'
    JSON (a line break, a quote), `media` images and documents.
    Each block of thinking is told in one way: by the length of its seal (`sealed` characters in
    `seals` blocks: a signature or the encrypted thinking itself), else by its own characters
    (`thinking`), else, with nothing that tells how long it was, as `hidden`.
    """

    text: int = 0
    thinking: int = 0
    hidden: int = 0
    tool_text: int = 0
    tools: int = 0
    keys: int = 0
    wide: int = 0
    media: int = 0
    symbols: int = 0
    escapes: int = 0
    sealed: int = 0
    seals: int = 0


class Target(Struct, frozen=True, array_like=True, gc=False):
    """What a tool call was about: a short redacted name and a digest of the whole.

    `no_kind` and `no_codes` say which exit codes of a command mean "no" and not "failed": a bit
    mask (bit n for code n) and the outcome that such a code stands for.
    """

    kind: TargetKind
    name: str
    digest: int
    no_kind: Outcome | None = None
    no_codes: int = 0


class Prompt(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """A person, or a parent agent, spoke."""

    key: int
    thread: Thread
    at_us: int
    characters: int
    queued_ms: int | None = None
    by_person: bool = True


class Reply(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """One telling of one model call; a call that is written on several lines has several.

    `at_us` is when this record was written; `sent_us` when the request left, where the log says.
    `part` is the key of the record, so that the same record told twice adds its features once.
    `alias` is the key of another id of the same call (a request id). `stop_reason` is None while
    still streaming. `copied`: how often its history was copied, where copies are stamped anew.
    """

    key: int
    thread: Thread
    at_us: int
    part: int
    model: str
    provider: str
    usage: Usage | None = None
    features: Features = Features()
    stop_reason: str | None = None
    alias: int | None = None
    sent_us: int | None = None
    response_ms: int | None = None
    ttft_ms: int | None = None
    behaviors: int = 0
    attempt: int | None = None
    branch: str | None = None
    tier: str | None = None
    cost_nanousd: int | None = None
    copied: int = 0


class ToolCall(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """An agent asked for a tool. `call` is the key of the model call that asked."""

    key: int
    thread: Thread
    at_us: int
    tool: str
    call: int | None = None
    input_bytes: int = 0
    input_digest: int = 0
    target: Target | None = None


class ToolResult(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """What came back from a tool; `key` is the call's.

    `approval_ms` is the wait for a person's consent.
    """

    key: int
    thread: Thread
    at_us: int
    outcome: Outcome
    output_bytes: int = 0
    duration_ms: int | None = None
    approval_ms: int | None = None
    exit_code: int | None = None
    error_class: ErrorClass | None = None
    fingerprint: int | None = None
    excerpt: str | None = None


class Failure(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """One attempt of a model call failed, or the agent itself did."""

    key: int
    thread: Thread
    at_us: int
    error_class: ErrorClass
    status: int | None = None
    attempt: int | None = None
    retry_after_ms: int | None = None
    fingerprint: int | None = None
    excerpt: str | None = None
    model: str | None = None


class Compaction(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """The agent replaced its context by a summary of it."""

    key: int
    thread: Thread
    at_us: int
    tokens_before: int | None = None
    tokens_after: int | None = None
    trigger: str | None = None


class Mark(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """A fact about the thread: `name` is one of `MARKS`, `value` its text (hints are redacted)."""

    thread: Thread
    at_us: int
    name: str
    value: str


MARKS: dict[str, str] = {
    "cwd": "a working directory of the agent",
    "branch": "a git branch it worked on",
    "repository": "the address of the git repository, without credentials",
    "version": "the agent's version",
    "entrypoint": "how it was started: cli, sdk-cli, an editor …",
    "agent_type": "the kind of sub-agent",
    "title.prompt": "the first words of the first prompt",
    "title.ai": "a title that the agent gave",
    "title.custom": "a title that the person gave",
    "commit": "a commit that it made",
    "pull_request": "a pull request that it opened or worked on",
    "mcp_server": "an MCP server that was loaded",
    "skill": "a skill that it used",
    "forked_from": "the session that the log names as the origin of copied history",
    "turn_ms": "a turn's duration as the log reports it, `<end_us>:<ms>`",
    "reported_cost": "the running cost in nano-dollars as the log reports it: a cross-check",
    "reported_tokens": "the running total of tokens as the log reports it: a cross-check",
    "reported_subagent": "totals of a sub-agent as its parent's log reports them",
    "request_shape": "characters that requests begin with, `<system prompt>:<tools>:<digest>`",
    "hook": "a hook that ran, `<event>:<ms>`",
    "interrupted": "the person stopped a reply",
    "limit": "a usage limit was hit; the value says when it resets",
    "plan": "the person's plan with the provider: plus, pro, team …",
    "quota": "how much of a limit was spent: `<minutes>:<percent>:<reset in epoch s, if told>`",
}

Event = Prompt | Reply | ToolCall | ToolResult | Failure | Compaction | Mark


class Problem(Struct, frozen=True, array_like=True, gc=False):
    """A piece of input that could not be read: counted, stored, shown; it never stops a run.

    `offset` is the byte (in the uncompressed file) where the record begins, or its row number in a
    table. `detail` is redacted.
    """

    source: str
    path: str
    offset: int
    kind: str
    detail: str


def is_remote(path: str) -> bool:
    """Whether a path is the URL of a file on a server."""
    return path.startswith(("s3:/", "http://", "https://"))


def is_table(path: str) -> bool:
    """Whether a path is the URL of an SQL table."""
    return "://" in path and not is_remote(path)


class Chunk(Struct, frozen=True, array_like=True, gc=False):
    """Whole records of one file, in file order.

    `data` begins at byte `offset` of the uncompressed file. `last` is True for the end of the file
    as it is now.
    """

    path: str
    offset: int
    data: bytes
    last: bool


NOTES: dict[str, str] = {
    "impossible": "a time that cannot be, so that the record counts at the one before it",
    "no_session": "sums of tokens that do not say whose they are, so that they count for nobody",
    "no_zone": "a time without a zone, read as UTC",
    "unreadable": "a part of a record that could not be read; the rest of it was",
    "without a call": "a result whose call no record tells",
}
"""What a source may note of a record as the last part of an `unknown` kind (`timestamp/no_zone`);
kinds that end otherwise are kinds of records that it does not know."""


def is_note(kind: str) -> bool:
    """Whether an `unknown` kind says something of a known kind of record."""
    return kind.rpartition("/")[2] in NOTES


class SpanPlace(Struct, frozen=True, array_like=True, gc=False):
    """Where a span lies in its trace, so that calls inside of one another count once.

    All are keys. `call` is the model call that the span tells of, `metered` whether with its
    tokens. The span around it may stand in another file, so the archive decides what repeats what.
    """

    trace: int
    key: int
    parent: int | None
    call: int | None = None
    metered: bool = False


class Reading(Struct):
    """What a source made of one chunk.

    `record_keys` has one key for each record that was parsed (a digest of its identity, so that a
    copy has the key of its original). `skipped` counts records of kinds that the source knows to
    carry no telemetry, `unknown` (a part of parsed) kinds that it does not know, and what `NOTES`
    names. The records of the
    chunk are len(record_keys) + sum(skipped.values()) + len(problems). `spans` are those of traces,
    `names` the sessions that they name, by trace. `unread` are parts of parsed records that could
    not be read: the kind that `unknown` counts, how they are written, what is wrong.
    """

    events: list[Event]
    record_keys: list[int]
    skipped: dict[str, int]
    unknown: dict[str, int]
    problems: list[Problem]
    spans: list[SpanPlace] = []
    names: dict[str, str] = {}
    unread: list[tuple[str, bytes, str]] = []
