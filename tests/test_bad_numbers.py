"""Numbers that cannot be, in the logs of every format: none becomes a count or stops a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec
import pytest

import golden
from tachlog.model import Chunk, Reply, Usage
from tachlog.sources import Source, all_sources

NUMBER = re.compile(rb'"(\w+)"\s*:\s*(-?[0-9][0-9.]*)(?=[,}\s])')
BAD = (b"99999999999999999999999", b"1e300", b"-5")
TOKENS = re.compile(
    rb'"(input_?[tT]okens|output_?[tT]okens|inputOther|input|output|promptTokenCount)"'
)
FORMATS = sorted({log.source.name for case in golden.cases() for log in golden.logs_of(case)})


def changed(
    name: str, keys: re.Pattern[bytes] | None = None
) -> Iterator[tuple[golden.Log, list[Chunk]]]:
    """Each number of a format's cases by its key, once for each bad value, in its place."""
    seen = set()
    for case in golden.cases():
        for log in golden.logs_of(case):
            if log.source.name != name:
                continue
            chunks = log.chunks
            for index, chunk in enumerate(chunks):
                data = bytes(chunk.data)
                for found in NUMBER.finditer(data):
                    if found[1] in seen or (keys and not keys.match(found[0])):
                        continue
                    seen.add(found[1])
                    for bad in BAD:
                        now = data[: found.start(2)] + bad + data[found.end(2) :]
                        yield log, [*chunks[:index], msgspec.structs.replace(chunk, data=now)]


def whole_numbers(value: object) -> Iterator[int]:
    """Every whole number in an event."""
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from whole_numbers(each)
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from whole_numbers(getattr(value, field))


@pytest.mark.parametrize("name", FORMATS)
def test_no_number_of_a_log_is_more_than_an_archive_can_keep(name: str) -> None:
    """Whatever number stands anywhere: it is read without a fault, and no count is negative."""
    source = all_sources()[name]
    for log, chunks in changed(name):
        state = source.state()
        for chunk in chunks:
            for event in source.read(chunk, state).events:
                assert all(abs(n) < 1 << 63 for n in whole_numbers(event)), (log.name, event)
                if isinstance(event, Reply) and isinstance(event.usage, Usage):
                    assert min(whole_numbers(event.usage), default=0) >= 0, (log.name, event)


TELLING = (
    *("amp", "claude_code", "codex", "copilot_cli", "cursor", "gemini_cli"),
    *("kimi_cli", "kimi_code", "opencode", "pi", "qwen_code"),
)
"""Formats whose counts are numbers and not texts that may hold one."""


@pytest.mark.parametrize("name", TELLING)
def test_a_token_count_that_cannot_be_is_told(name: str) -> None:
    """As a problem where the record is lost, as a note where the rest of it was read."""
    source = all_sources()[name]
    tried = 0
    for log, chunks in changed(name, TOKENS):
        told = [noted(source, each) for each in (log.chunks[: len(chunks)], chunks)]
        tried += told[0] < told[1]
    assert tried >= len(BAD)


def noted(source: Source, chunks: Sequence[Chunk]) -> int:
    """How many problems and notes there are."""
    state = source.state()
    readings = [source.read(chunk, state) for chunk in chunks]
    return sum(len(found.problems) + sum(found.unknown.values()) for found in readings)
