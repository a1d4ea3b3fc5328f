"""Operations as rows of the archive and back again.

Names that recur (tools, models, branches …) are small integers of the table `names`; texts that
seldom do (targets, excerpts) are keyed by their digest in `texts`. Unions are stored by their place
in the tuples of `model`, which therefore only ever grow at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

from tachlog.model import (
    ERROR_CLASSES,
    OUTCOMES,
    TARGET_KINDS,
    Compaction,
    Failure,
    Features,
    Prompt,
    Target,
    Thread,
    Usage,
)
from tachlog.operations import Call, ToolUse

Row = tuple[Any, ...]

CALL_COLUMNS: Final = (
    "key, thread, at_us, first_us, model, provider, input, cache_read, cache_write, output, "
    "cache_write_1h, reasoning, web_searches, usage_us, output_min, output_max, output_last, "
    "parts, stop_reason, alias, sent_us, response_ms, ttft_ms, behaviors, attempt, branch, tier, "
    "reported_nanousd, copied"
)
SETTLED_COLUMNS: Final = "settled_output, estimated, cost_nanousd, response_us"
TOOL_COLUMNS: Final = (
    "key, thread, at_us, tool, call, input_bytes, input_digest, target_kind, target, "
    "target_digest, no_kind, no_codes, end_us, reported, output_bytes, duration_ms, "
    "approval_ms, exit_code, error_class, fingerprint, excerpt"
)
PROMPT_COLUMNS: Final = "key, thread, at_us, characters, queued_ms, by_person"
FAILURE_COLUMNS: Final = (
    "key, thread, at_us, error_class, status, attempt, retry_after_ms, fingerprint, excerpt, model"
)
COMPACTION_COLUMNS: Final = 'key, thread, at_us, tokens_before, tokens_after, "trigger"'

_OUTCOME: Final = {name: code for code, name in enumerate(OUTCOMES)}
_CLASS: Final = {name: code for code, name in enumerate(ERROR_CLASSES)}
_KIND: Final = {name: code for code, name in enumerate(TARGET_KINDS)}
_parts_encoder: Final = msgspec.msgpack.Encoder()
_parts_decoder: Final = msgspec.msgpack.Decoder(dict[int, Features])


class Words(Protocol):
    """The names and texts of an archive."""

    def name_id(self, name: str) -> int:
        """The number of a name, given to it now if it has none."""
        ...

    def name(self, number: int) -> str:
        """The name with a number."""
        ...

    def text_key(self, text: str) -> int:
        """The key of a text, kept now if it is new."""
        ...


def call_row(call: Call, thread: int, words: Words) -> Row:
    """A call as a row of `calls`."""
    usage = call.usage
    number = words.name_id
    return (
        call.key,
        thread,
        call.at_us,
        call.first_us,
        number(call.model),
        number(call.provider),
        usage.input if usage else None,
        usage.cache_read if usage else None,
        usage.cache_write if usage else None,
        usage.output if usage else None,
        usage.cache_write_1h if usage else None,
        usage.reasoning if usage else None,
        usage.web_searches if usage else None,
        call.usage_us,
        call.output_min,
        call.output_max,
        call.output_last,
        _parts_encoder.encode(dict(sorted(call.parts.items()))),
        None if call.stop_reason is None else number(call.stop_reason),
        call.alias,
        call.sent_us,
        call.response_ms,
        call.ttft_ms,
        call.behaviors,
        call.attempt,
        None if call.branch is None else number(call.branch),
        None if call.tier is None else number(call.tier),
        call.cost_nanousd,
        call.copied,
    )


def call_of(row: Row, words: Words) -> Call:
    """The call of a row with `CALL_COLUMNS`."""
    name = words.name
    usage = None if row[6] is None else Usage(*row[6:13])
    return Call(
        key=row[0],
        at_us=row[2],
        first_us=row[3],
        model=name(row[4]),
        provider=name(row[5]),
        usage=usage,
        usage_us=row[13],
        output_min=row[14],
        output_max=row[15],
        output_last=row[16],
        parts=_parts_decoder.decode(row[17]),
        stop_reason=None if row[18] is None else name(row[18]),
        alias=row[19],
        sent_us=row[20],
        response_ms=row[21],
        ttft_ms=row[22],
        behaviors=row[23],
        attempt=row[24],
        branch=None if row[25] is None else name(row[25]),
        tier=None if row[26] is None else name(row[26]),
        cost_nanousd=row[27],
        copied=row[28],
    )


def tool_row(use: ToolUse, thread: int, words: Words) -> Row:
    """A tool call as a row of `tool_calls`; the last column is the decided outcome."""
    target = use.target
    return (
        use.key,
        thread,
        use.at_us,
        None if use.tool is None else words.name_id(use.tool),
        use.call,
        use.input_bytes,
        use.input_digest,
        _KIND[target.kind] if target else None,
        words.text_key(target.name) if target else None,
        target.digest if target else None,
        _OUTCOME[target.no_kind] if target and target.no_kind else None,
        target.no_codes if target else 0,
        use.end_us,
        _OUTCOME[use.reported],
        use.output_bytes,
        use.duration_ms,
        use.approval_ms,
        use.exit_code,
        None if use.error_class is None else _CLASS[use.error_class],
        use.fingerprint,
        None if use.excerpt is None else words.text_key(use.excerpt),
        _OUTCOME[use.outcome],
    )


def tool_of(row: Row, words: Words, texts: Mapping[int, str]) -> ToolUse:
    """The tool call of a row with `TOOL_COLUMNS`; `texts` has the texts that it refers to."""
    target = None
    if row[7] is not None:
        target = Target(
            TARGET_KINDS[row[7]],
            texts.get(row[8], ""),
            row[9],
            None if row[10] is None else OUTCOMES[row[10]],
            row[11],
        )
    return ToolUse(
        key=row[0],
        at_us=row[2],
        tool=None if row[3] is None else words.name(row[3]),
        call=row[4],
        input_bytes=row[5],
        input_digest=row[6],
        target=target,
        end_us=row[12],
        reported=OUTCOMES[row[13]],
        output_bytes=row[14],
        duration_ms=row[15],
        approval_ms=row[16],
        exit_code=row[17],
        error_class=None if row[18] is None else ERROR_CLASSES[row[18]],
        fingerprint=row[19],
        excerpt=None if row[20] is None else texts.get(row[20]),
    )


def prompt_row(prompt: Prompt, thread: int) -> Row:
    """A prompt as a row of `prompts`."""
    return (
        prompt.key,
        thread,
        prompt.at_us,
        prompt.characters,
        prompt.queued_ms,
        int(prompt.by_person),
    )


def prompt_of(row: Row, thread: Thread) -> Prompt:
    """The prompt of a row with `PROMPT_COLUMNS`."""
    return Prompt(row[0], thread, row[2], row[3], row[4], bool(row[5]))


def failure_row(failure: Failure, thread: int, words: Words) -> Row:
    """A failure as a row of `failures`."""
    return (
        failure.key,
        thread,
        failure.at_us,
        _CLASS[failure.error_class],
        failure.status,
        failure.attempt,
        failure.retry_after_ms,
        failure.fingerprint,
        None if failure.excerpt is None else words.text_key(failure.excerpt),
        None if failure.model is None else words.name_id(failure.model),
    )


def failure_of(row: Row, thread: Thread, words: Words, texts: Mapping[int, str]) -> Failure:
    """The failure of a row with `FAILURE_COLUMNS`."""
    return Failure(
        row[0],
        thread,
        row[2],
        ERROR_CLASSES[row[3]],
        row[4],
        row[5],
        row[6],
        row[7],
        None if row[8] is None else texts.get(row[8]),
        None if row[9] is None else words.name(row[9]),
    )


def compaction_row(compaction: Compaction, thread: int) -> Row:
    """A compaction as a row of `compactions`."""
    return (
        compaction.key,
        thread,
        compaction.at_us,
        compaction.tokens_before,
        compaction.tokens_after,
        compaction.trigger,
    )


def compaction_of(row: Row, thread: Thread) -> Compaction:
    """The compaction of a row with `COMPACTION_COLUMNS`."""
    return Compaction(row[0], thread, row[2], row[3], row[4], row[5])
