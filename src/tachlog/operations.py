"""What events come to: a model call told on several lines, a tool call with its result.

Merging is commutative, associative and idempotent: tellings in any order, once or ten times.
"""

from __future__ import annotations

from copy import copy
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import astuple

from tachlog.model import (
    UNTIMED_US,
    Compaction,
    ErrorClass,
    Failure,
    Features,
    Outcome,
    Prompt,
    Reply,
    Target,
    ToolCall,
    ToolResult,
    Usage,
)
from tachlog.verdicts import outcome as decided_outcome

_Value = TypeVar("_Value", int, str)


class Call(Struct, array_like=True, gc=False):
    """One model call, merged from all its tellings.

    `first_us` and `at_us` are when its first and last record were written. `parts` has the features
    of each record, by record key. `output_min`, `output_max` and `output_last` are the output
    counts that the records told: they decide whether the usage is final. Where copies of history
    are stamped anew, `at_us` is of the tellings that were `copied` least.
    """

    key: int
    at_us: int
    first_us: int
    model: str
    provider: str
    usage: Usage | None
    usage_us: int
    output_min: int
    output_max: int
    output_last: int
    parts: dict[int, Features]
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

    @property
    def final(self) -> bool:
        """Whether the reported output is final, and not a placeholder of a reply in progress.

        It is when some record has a stop reason, or when the counts differ and the last is the
        largest (measured on 43,965 real replies: else 88 % are placeholders of 1 to 10 tokens).
        """
        return self.usage is not None and (
            self.stop_reason is not None or self.output_min < self.output_max == self.output_last
        )

    @property
    def features(self) -> Features:
        """The features of all parts, added up."""
        parts = self.parts.values()
        if len(parts) == 1:
            return next(iter(parts))
        return Features(*map(sum, zip(*map(astuple, parts), strict=True)))


class ToolUse(Struct, array_like=True, gc=False):
    """One tool call with its result; either half may be missing.

    `tool` is None while only the result is known, `end_us` None while only the call is. `reported`
    is the outcome that the log gave; `outcome` the decided one.
    """

    key: int
    at_us: int
    tool: str | None = None
    call: int | None = None
    input_bytes: int = 0
    input_digest: int = 0
    target: Target | None = None
    end_us: int | None = None
    reported: Outcome = "unfinished"
    output_bytes: int = 0
    duration_ms: int | None = None
    approval_ms: int | None = None
    exit_code: int | None = None
    error_class: ErrorClass | None = None
    fingerprint: int | None = None
    excerpt: str | None = None

    @property
    def outcome(self) -> Outcome:
        """What became of the call: the reported outcome, and a "no" of a check is not an error."""
        target = self.target
        if target is None or target.no_kind is None or self.reported != "error":
            return self.reported
        return decided_outcome(
            target.no_kind,
            target.no_codes,
            self.reported,
            self.exit_code,
            self.fingerprint is None,
        )

    @property
    def execution_us(self) -> int | None:
        """How long it ran: as reported, else from call to result, which includes waits.

        None where the log tells neither, or no times at all; call and result that are stamped with
        one moment were written together, which says nothing of how long it ran.
        """
        if self.duration_ms is not None:
            return self.duration_ms * 1000
        if self.end_us is None or self.end_us < UNTIMED_US or self.tool is None:
            return None
        return self.end_us - self.at_us if self.end_us > self.at_us else None


class Span(Struct, frozen=True, array_like=True, gc=False):
    """When a mark was first and last told."""

    first_us: int
    last_us: int


def call_of(reply: Reply) -> Call:
    """A model call as one of its records tells it."""
    usage = reply.usage
    output = usage.output if usage else 0
    return Call(
        reply.key,
        reply.at_us,
        reply.at_us,
        reply.model,
        reply.provider,
        usage,
        reply.at_us,
        output,
        output,
        output,
        {reply.part: reply.features},
        reply.stop_reason,
        reply.alias,
        reply.sent_us,
        reply.response_ms,
        reply.ttft_ms,
        reply.behaviors,
        reply.attempt,
        reply.branch,
        reply.tier,
        reply.cost_nanousd,
        reply.copied,
    )


def merge_calls(a: Call, b: Call) -> Call:
    """Two tellings of one call as one.

    The whole usage of the record with the most output tokens wins, ties go to the greater total,
    then to the one that knows more (reasoning, writes for an hour: telemetry of the same call tells
    neither), then to the later record: never a maximum per field (FORMATS R1.3), since a fall-back
    to another model in mid-stream changes several fields at once.
    """
    if _outranks(b, a):
        a, b = b, a
    merged = copy(a)
    if (-b.copied, b.at_us, b.output_last) > (-a.copied, a.at_us, a.output_last):
        merged.copied, merged.at_us, merged.output_last = b.copied, b.at_us, b.output_last
    if b.first_us < a.first_us:
        merged.first_us = b.first_us
    if b.key < a.key:
        merged.key = b.key
    if b.output_min < a.output_min:
        merged.output_min = b.output_min
    if b.output_max > a.output_max:
        merged.output_max = b.output_max
    if b.parts != a.parts:
        merged.parts = {**b.parts, **a.parts}
    merged.behaviors |= b.behaviors
    if b.stop_reason != a.stop_reason:
        merged.stop_reason = _greater(a.stop_reason, b.stop_reason)
    if b.alias != a.alias:
        merged.alias = _lesser(a.alias, b.alias)
    if b.sent_us != a.sent_us:
        merged.sent_us = _lesser(a.sent_us, b.sent_us)
    if b.response_ms != a.response_ms:
        merged.response_ms = _greater(a.response_ms, b.response_ms)
    if b.ttft_ms != a.ttft_ms:
        merged.ttft_ms = _lesser(a.ttft_ms, b.ttft_ms)
    if b.attempt != a.attempt:
        merged.attempt = _greater(a.attempt, b.attempt)
    if b.branch != a.branch:
        merged.branch = _lesser(a.branch, b.branch)
    if b.tier != a.tier:
        merged.tier = _greater(a.tier, b.tier)
    if b.cost_nanousd != a.cost_nanousd:
        merged.cost_nanousd = _greater(a.cost_nanousd, b.cost_nanousd)
    return merged


_Rank = tuple[int, int, bool, int, int, str, str, tuple[int, ...]]


def _outranks(a: Call, b: Call) -> bool:
    """Whether the usage of `a` counts and not that of `b`; lines of a reply mostly repeat it."""
    if a.usage == b.usage:
        return (a.usage_us, a.model, a.provider) > (b.usage_us, b.model, b.provider)
    return _usage_rank(a) > _usage_rank(b)


def _usage_rank(call: Call) -> _Rank:
    usage = call.usage
    if usage is None:
        return (-1, -1, False, 0, call.usage_us, call.model, call.provider, ())
    return (
        usage.output,
        usage.total,
        usage.reasoning is not None,
        usage.cache_write_1h,
        call.usage_us,
        call.model,
        call.provider,
        (usage.input, usage.cache_read, usage.reasoning or 0, usage.web_searches),
    )


def use_of(event: ToolCall | ToolResult) -> ToolUse:
    """A tool call as its call record, or its result record, tells it."""
    if isinstance(event, ToolCall):
        return ToolUse(
            event.key,
            event.at_us,
            event.tool,
            event.call,
            event.input_bytes,
            event.input_digest,
            event.target,
        )
    return ToolUse(
        event.key,
        event.at_us,
        end_us=event.at_us,
        reported=event.outcome,
        output_bytes=event.output_bytes,
        duration_ms=event.duration_ms,
        approval_ms=event.approval_ms,
        exit_code=event.exit_code,
        error_class=event.error_class,
        fingerprint=event.fingerprint,
        excerpt=event.excerpt,
    )


def merge_uses(a: ToolUse, b: ToolUse) -> ToolUse:
    """Two tellings of one tool call as one: a call half and a result half, each from one telling.

    That is the fuller one, since telemetry of a session knows less than its transcript; where both
    know as much it is the earlier one.
    """
    asked, ended = _asked(a, b), _ended(a, b)
    return ToolUse(
        a.key,
        asked.at_us,
        asked.tool,
        asked.call,
        asked.input_bytes,
        asked.input_digest,
        asked.target,
        ended.end_us,
        ended.reported,
        max(a.output_bytes, b.output_bytes),
        _greater(a.duration_ms, b.duration_ms),
        _greater(a.approval_ms, b.approval_ms),
        ended.exit_code,
        ended.error_class,
        ended.fingerprint,
        ended.excerpt,
    )


def _asked(a: ToolUse, b: ToolUse) -> ToolUse:
    """The telling whose call half counts: nearly always the only one that has any."""
    if (a.tool is None) != (b.tool is None):
        return b if a.tool is None else a
    return min(a, b, key=_call_rank)


def _ended(a: ToolUse, b: ToolUse) -> ToolUse:
    """The telling whose result half counts: nearly always the only one that has any."""
    if (a.end_us is None) != (b.end_us is None):
        return b if a.end_us is None else a
    return min(a, b, key=_result_rank)


def _call_rank(use: ToolUse) -> tuple[bool, bool, bool, bool, int, str]:
    """The least is the fullest: with a target, an input, the model call that asked; then the first.

    What follows the time only decides between tellings of one moment.
    """
    return (
        use.tool is None,
        use.target is None or use.target.kind == "none",
        not use.input_digest,
        use.call is None,
        use.at_us,
        repr((use.input_digest, use.tool, use.call, use.input_bytes, use.target)),
    )


def ended_rank(use: ToolUse) -> tuple[bool, bool, int]:
    """The least knows most of how it ended: what a text explains, what an exit code does.

    A search that finds nothing has only its exit code to say so.
    """
    known = 2 * (use.fingerprint is not None) + (use.exit_code is not None)
    return (use.end_us is None, use.reported == "error" and not known, -known)


def _result_rank(use: ToolUse) -> tuple[tuple[bool, bool, int], int, str]:
    """The least is the fullest; then the first."""
    return (
        ended_rank(use),
        use.end_us or 0,
        repr((use.exit_code, use.reported, use.error_class, use.fingerprint, use.excerpt)),
    )


def merge_spans(a: Span, b: Span) -> Span:
    """The span that covers both."""
    return Span(min(a.first_us, b.first_us), max(a.last_us, b.last_us))


def merge_prompts(a: Prompt, b: Prompt) -> Prompt:
    """Two tellings of one prompt as one; a copy does not know how long the original waited."""
    return Prompt(
        a.key,
        a.thread,
        min(a.at_us, b.at_us),
        max(a.characters, b.characters),
        _greater(a.queued_ms, b.queued_ms),
        a.by_person or b.by_person,
    )


def merge_failures(a: Failure, b: Failure) -> Failure:
    """Two tellings of one failure as one."""
    return Failure(
        a.key,
        a.thread,
        min(a.at_us, b.at_us),
        min(a.error_class, b.error_class),
        _greater(a.status, b.status),
        _greater(a.attempt, b.attempt),
        _greater(a.retry_after_ms, b.retry_after_ms),
        _greater(a.fingerprint, b.fingerprint),
        _greater(a.excerpt, b.excerpt),
        _greater(a.model, b.model),
    )


def merge_compactions(a: Compaction, b: Compaction) -> Compaction:
    """Two tellings of one compaction as one."""
    return Compaction(
        a.key,
        a.thread,
        min(a.at_us, b.at_us),
        _greater(a.tokens_before, b.tokens_before),
        _greater(a.tokens_after, b.tokens_after),
        _greater(a.trigger, b.trigger),
    )


def _greater(a: _Value | None, b: _Value | None) -> _Value | None:
    if a is None:
        return b
    return a if b is None or a >= b else b


def _lesser(a: _Value | None, b: _Value | None) -> _Value | None:
    if a is None:
        return b
    return a if b is None or a <= b else b
