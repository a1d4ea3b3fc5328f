"""Format drift: fields that a newer version of an agent no longer writes.

Kinds of records that appear are counted as unknown; fields that go missing are as dangerous, and
show only as shares that fall from one version to the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from msgspec import Struct

LEAST: Final = 50
"""Replies or tool calls below which a share says nothing."""

FALL: Final = 0.20
"""A fall of a share by more than this is drift."""

MEASURES: Final = {
    "usage": ("usage", "replies"),
    "stop_reason": ("stop_reasons", "replies"),
    "result": ("results", "tool_calls"),
    "duration": ("durations", "results"),
}
"""What is told of what: a measure's count and the count that it is a share of."""


class VersionCounts(Struct, frozen=True):
    """What one version of an agent told in the logs of one source.

    `source` is as `tachlog formats` lists it; `a+b` where both tell of the same sessions. Of the
    `replies` so many have a `usage` and a stop reason, of the `tool_calls` a result, and of those
    `results` a duration.
    """

    source: str
    agent: str
    version: str
    replies: int = 0
    usage: int = 0
    stop_reasons: int = 0
    tool_calls: int = 0
    results: int = 0
    durations: int = 0


class Drift(Struct, frozen=True):
    """A `measure` fell: told for `share` of `n` in the versions `first` to `last`, before `before`.

    `before_n` is the count that the share before rests on.
    """

    source: str
    agent: str
    measure: str
    first: str
    last: str
    share: float
    n: int
    before: float
    before_n: int


class _Part(NamedTuple):
    """Consecutive versions, so many that they come to `LEAST`."""

    first: str
    last: str
    told: int
    n: int

    def __add__(self, other: object) -> _Part:
        assert isinstance(other, _Part)
        return _Part(self.first, other.last, self.told + other.told, self.n + other.n)

    @property
    def share(self) -> float:
        return self.told / self.n


def drifts(counts: Iterable[VersionCounts]) -> list[Drift]:
    """Every fall of a share against the versions before it, by source, agent and measure.

    Neighbouring versions are taken together until they come to 50 replies or calls; versions that
    stay low are one drift, and what they are held against stays what was before it.
    """

    def whose(each: VersionCounts) -> tuple[str, str]:
        return each.source, each.agent

    found: list[Drift] = []
    for (source, agent), group in groupby(sorted(counts, key=whose), whose):
        versions = sorted(group, key=lambda each: order(each.version))
        for measure in MEASURES:
            found += [
                Drift(
                    source,
                    agent,
                    measure,
                    low.first,
                    low.last,
                    low.share,
                    low.n,
                    before.share,
                    before.n,
                )
                for before, low in _falls(list(_parts(versions, measure)))
            ]
    return found


def _parts(versions: Sequence[VersionCounts], measure: str) -> Iterator[_Part]:
    told, of = MEASURES[measure]
    part: _Part | None = None
    for each in versions:
        one = _Part(each.version, each.version, getattr(each, told), getattr(each, of))
        if not one.n:
            continue
        part = one if part is None else part + one
        if part.n >= LEAST:
            yield part
            part = None


def _falls(parts: Sequence[_Part]) -> Iterator[tuple[_Part, _Part]]:
    """What was before a fall, and what is low since."""
    before = low = None
    for part in parts:
        if before is not None and before.share - part.share > FALL:
            low = part if low is None else low + part
            continue
        if before is not None and low is not None:
            yield before, low
            low = None
        before = part if before is None else before + part
    if before is not None and low is not None:
        yield before, low


def order(version: str) -> tuple[list[int], bool, list[tuple[int, str]]]:
    """Versions in the order of their numbers; one with a suffix comes before the one without."""
    main, _, suffix = version.partition("-")
    parts = re.findall(r"\d+|[^\d.]+", suffix)
    return (
        [int(number) for number in re.findall(r"\d{1,18}", main)],
        not suffix,
        [(int(part), "") if part.isdecimal() else (-1, part) for part in parts],
    )
