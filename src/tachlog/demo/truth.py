"""What the example logs hold, known exactly because it was counted while they were written.

Figures belong to threads, as everywhere in tachlog: a main conversation has an id of its own, a
sub-agent's is `<session>/<agentId>`. Records that a fork or a compaction copied count for the
thread that wrote them first.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Literal

import msgspec

Outcome = Literal[
    "success",
    "error",
    "rejected",
    "interrupted",
    "expected_negative",
    "check_failed",
    "unfinished",
]
Format = Literal["claude-code", "agent-log"]


class Tokens(msgspec.Struct, frozen=True):
    """Tokens in disjoint buckets; `cache_write_1h` is a part of `cache_write`.

    `output` holds final counts only. `reasoning`, a part of it, is what the log told (Claude Code
    from 2.1.330). For AgentLog these are the rows with `usage`, nothing estimated.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0


class ToolCount(msgspec.Struct, frozen=True):
    """Calls of one tool by outcome; `calls` is the sum of the others."""

    calls: int = 0
    success: int = 0
    error: int = 0
    rejected: int = 0
    interrupted: int = 0
    expected_negative: int = 0
    check_failed: int = 0
    unfinished: int = 0


class Loop(msgspec.Struct, frozen=True):
    """Three or more equal consecutive calls, or three or more periods of two alternating calls."""

    tools: tuple[str, ...]
    calls: int
    start: datetime
    end: datetime


class Spike(msgspec.Struct, frozen=True):
    """A model call that was made to take far longer than the others of its thread and model.

    `log_id` is the message id (Claude Code) or the row's id (AgentLog). Other calls may lie
    beyond three standard deviations by chance.
    """

    log_id: str
    at: datetime
    response_ms: int


class Cluster(msgspec.Struct, frozen=True):
    """A planted burst of failed tool calls or model calls with gaps of a minute at most.

    Errors that happen to lie beside it may make it longer for a reader.
    """

    error_class: str
    count: int
    start: datetime
    end: datetime


class CacheCollapse(msgspec.Struct, frozen=True):
    """A model call after an idle gap that had to write its whole context to the cache again."""

    log_id: str
    at: datetime
    idle_s: int
    written_tokens: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted, of one thread or of all.

    `message_count` is prompts + model calls, for AgentLog rows. `model_calls` succeeded;
    `failures` are failed attempts by class. `placeholder_calls` never reported a final usage
    (their output is in no bucket; what the log showed instead is `placeholder_output`).
    `unreported_calls` are those of AgentLog rows without `usage`.
    `tool_errors` are the classes of the calls that failed. `model_retries` are failed attempts of
    a model call followed by another, `tool_retries` failed tool calls repeated within three calls,
    `retries` both.
    """

    message_count: int
    prompts: int
    queued_prompts: int
    model_calls: int
    placeholder_calls: int
    placeholder_output: int
    unreported_calls: int
    tokens: Tokens
    models: dict[str, int]
    tools: dict[str, ToolCount]
    tool_errors: dict[str, int]
    failures: dict[str, int]
    retries: int
    model_retries: int
    tool_retries: int
    compactions: int


class SessionTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One thread; the times are None for one that did nothing of its own.

    `title` is the last that the log tells, by a person or by the agent.
    """

    session_id: str
    format: Format
    files: tuple[str, ...]
    parent_session_id: str | None
    forked_from: str | None
    title: str | None
    project: str
    provider: str
    start_time: datetime | None
    end_time: datetime | None
    figures: Figures
    loops: tuple[Loop, ...]
    spikes: tuple[Spike, ...]
    clusters: tuple[Cluster, ...]
    cache_collapses: tuple[CacheCollapse, ...]


class Fork(msgspec.Struct, frozen=True):
    """A session that begins with copies; `owner` keeps the calls that both tell."""

    session_id: str
    owner: str
    copied_records: int
    copied_calls: int
    copied_tool_calls: int
    copied_prompts: int


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """All that `write_demo` knows about what it wrote.

    `records` counts the JSON values that can be decoded, copies included; `copies` the records
    that repeat a uuid; `kinds` the records by type (`type/subtype` where there is one);
    `meaningless` those of a kind that says nothing about a session's work. `damaged_lines` are
    torn, `joined_lines` hold two values, `unterminated_files` end without a newline.
    `session_count` are main conversations, `thread_count` has the sub-agents as well. `sessions`
    and `forks` are None when there are more threads than are worth keeping in memory.
    """

    seed: int
    until: datetime
    files: int
    bytes: int
    records: int
    copies: int
    kinds: dict[str, int]
    meaningless: int
    damaged_lines: int
    joined_lines: int
    blank_lines: int
    unterminated_files: int
    planted_secret: str
    session_count: int
    thread_count: int
    totals: Figures
    sessions: tuple[SessionTruth, ...] | None
    forks: tuple[Fork, ...] | None


def moment(at_ms: int) -> datetime:
    """The UTC time of milliseconds since 1970."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)


class Tally:
    """Counts the work of one thread, or of many when others are added to it."""

    def __init__(self) -> None:
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self.messages = self.prompts = self.queued = self.calls = 0
        self.placeholders = self.placeholder_output = self.unreported = 0
        self.model_retries = self.tool_retries = self.compactions = 0
        self.tokens = [0] * 6
        self.model_tokens: dict[str, list[int]] = {}
        self.models: Counter[str] = Counter()
        self.tools: dict[str, Counter[str]] = {}
        self.tool_errors: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.loops: list[Loop] = []
        self.spikes: list[Spike] = []
        self.clusters: list[Cluster] = []
        self.collapses: list[CacheCollapse] = []
        self._failed_attempt = False
        self._recent: list[tuple[bool, tuple[str, str]]] = []
        self._repeats: list[tuple[tuple[str, str], int, int]] = []

    def seen(self, at_ms: int) -> None:
        """Widen the thread's time by a prompt, call, result or failure."""
        if self.first_ms is None or at_ms < self.first_ms:
            self.first_ms = at_ms
        if self.last_ms is None or at_ms > self.last_ms:
            self.last_ms = at_ms

    def prompt(self, at_ms: int, *, queued: bool = False) -> None:
        """A person or a parent agent spoke."""
        self.seen(at_ms)
        self.messages += 1
        self.prompts += 1
        self.queued += queued
        self._failed_attempt = False

    def reply(
        self, model: str, tokens: tuple[int, ...], *, final: bool = True, reported: bool = True
    ) -> None:
        """A model call succeeded with these buckets, in the order of `Tokens`.

        The output is a placeholder unless `final`; without `reported` there is no usage at all.
        """
        self.messages += 1
        self.calls += 1
        self.models[model] += 1
        self.model_retries += self._failed_attempt
        self._failed_attempt = False
        self.unreported += not reported
        if not final:
            self.placeholders += 1
            self.placeholder_output += tokens[4]
            tokens = (*tokens[:4], 0, 0)
        of_model = self.model_tokens.setdefault(model, [0] * 6)
        for bucket, count in enumerate(tokens):
            self.tokens[bucket] += count
            of_model[bucket] += count

    def failure(self, error_class: str, at_ms: int) -> None:
        """One attempt of a model call failed."""
        self.seen(at_ms)
        self.failures[error_class] += 1
        self.model_retries += self._failed_attempt
        self._failed_attempt = True

    def tool(
        self,
        name: str,
        arguments: str,
        outcome: Outcome,
        *,
        error_class: str = "",
        start_ms: int,
        end_ms: int,
    ) -> None:
        """A tool call, told in the order of the calls."""
        self.seen(start_ms)
        self.seen(end_ms)
        self.tools.setdefault(name, Counter())[outcome] += 1
        failed = outcome == "error"
        if failed:
            self.tool_errors[error_class] += 1
        key = (name, arguments)
        for at, (was_failed, earlier) in enumerate(self._recent):
            if was_failed and earlier == key:
                self.tool_retries += 1
                self._recent[at] = (False, earlier)
        self._recent = [*self._recent[-2:], (failed, key)]
        self._follow_loop(key, start_ms, end_ms)

    def _follow_loop(self, key: tuple[str, str], start_ms: int, end_ms: int) -> None:
        run = self._repeats
        same = len(run) >= 1 and all(earlier == key for earlier, _, _ in run)
        alternates = len(run) >= 2 and run[-2][0] == key and run[0][0] != run[1][0]
        if not same and not alternates:
            self.end_loop()
            self._repeats = run = run[-1:]
        run.append((key, start_ms, end_ms))

    def end_loop(self) -> None:
        """Note the run of repeated calls that ends here, if it is a loop."""
        run = self._repeats
        tools = tuple(dict.fromkeys(key for key, _, _ in run))
        if len(run) >= 3 * len(tools) and len(tools) in (1, 2):
            span = (moment(run[0][1]), moment(max(end for _, _, end in run)))
            self.loops.append(Loop(tuple(name for name, _ in tools), len(run), *span))

    def add(self, other: Tally) -> None:
        """Add the counts of another thread; its times, loops and spikes stay its own."""
        self.messages += other.messages
        self.prompts += other.prompts
        self.queued += other.queued
        self.calls += other.calls
        self.placeholders += other.placeholders
        self.placeholder_output += other.placeholder_output
        self.unreported += other.unreported
        self.model_retries += other.model_retries
        self.tool_retries += other.tool_retries
        self.compactions += other.compactions
        self.tokens = [a + b for a, b in zip(self.tokens, other.tokens, strict=True)]
        for model, tokens in other.model_tokens.items():
            of_model = self.model_tokens.setdefault(model, [0] * 6)
            for bucket, count in enumerate(tokens):
                of_model[bucket] += count
        self.models.update(other.models)
        self.tool_errors.update(other.tool_errors)
        self.failures.update(other.failures)
        for tool, outcomes in other.tools.items():
            self.tools.setdefault(tool, Counter()).update(outcomes)

    def describe(
        self,
        *,
        session_id: str,
        format: Format,
        files: tuple[str, ...],
        parent_session_id: str | None,
        forked_from: str | None,
        title: str | None,
        project: str,
        provider: str,
    ) -> SessionTruth:
        """The truth about this thread, given who it is."""
        return SessionTruth(
            session_id=session_id,
            format=format,
            files=files,
            parent_session_id=parent_session_id,
            forked_from=forked_from,
            title=title,
            project=project,
            provider=provider,
            start_time=None if self.first_ms is None else moment(self.first_ms),
            end_time=None if self.last_ms is None else moment(self.last_ms),
            loops=tuple(self.loops),
            spikes=tuple(self.spikes),
            clusters=tuple(self.clusters),
            cache_collapses=tuple(self.collapses),
            figures=self.figures(),
        )

    def figures(self) -> Figures:
        """What was counted so far."""
        return Figures(
            message_count=self.messages,
            prompts=self.prompts,
            queued_prompts=self.queued,
            model_calls=self.calls,
            placeholder_calls=self.placeholders,
            placeholder_output=self.placeholder_output,
            unreported_calls=self.unreported,
            tokens=Tokens(*self.tokens),
            models=dict(sorted(self.models.items())),
            tools={
                name: ToolCount(calls=outcomes.total(), **outcomes)
                for name, outcomes in sorted(self.tools.items())
            },
            tool_errors=dict(sorted(self.tool_errors.items())),
            failures=dict(sorted(self.failures.items())),
            retries=self.model_retries + self.tool_retries,
            model_retries=self.model_retries,
            tool_retries=self.tool_retries,
            compactions=self.compactions,
        )
