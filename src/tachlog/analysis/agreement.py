"""Where several tellings of one session agree, what only one of them tells, and likely why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, get_args

from msgspec import Struct

from tachlog.model import (
    RUN_TOTALS,
    TELLINGS,
    Compaction,
    Failure,
    Prompt,
    Telling,
    Usage,
)
from tachlog.operations import Call, ToolUse

Kind = Literal["model_calls", "sums", "tool_calls", "prompts", "failures", "compactions"]
Bucket = Literal["input", "cache_read", "cache_write", "output"]

BUCKETS: Final[tuple[Bucket, ...]] = ("input", "cache_read", "cache_write", "output")
_KINDS: Final[dict[type, Kind]] = {
    Call: "model_calls",
    ToolUse: "tool_calls",
    Prompt: "prompts",
    Failure: "failures",
    Compaction: "compactions",
}


class Stated(Struct, frozen=True):
    """An operation as one telling of a session tells it; `counts` is the key that it counts as."""

    agent: str
    session_id: str
    telling: Telling
    counts: int | None
    operation: Any

    @property
    def kind(self) -> Kind:
        """What it is; `sums` are of model calls that are not told one by one."""
        if isinstance(self.operation, Call) and self.operation.stop_reason == RUN_TOTALS:
            return "sums"
        return _KINDS[type(self.operation)]

    @property
    def usage(self) -> Usage:
        """The tokens that it tells."""
        told = self.operation.usage if isinstance(self.operation, Call) else None
        return told or Usage()


class Measures(Struct):
    """How many operations of each kind, and how many tokens."""

    model_calls: int = 0
    sums: int = 0
    tool_calls: int = 0
    prompts: int = 0
    failures: int = 0
    compactions: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input + self.cache_read + self.cache_write + self.output

    def add(self, one: Stated) -> None:
        """Count an operation."""
        setattr(self, one.kind, getattr(self, one.kind) + 1)
        for bucket in BUCKETS:
            setattr(self, bucket, getattr(self, bucket) + getattr(one.usage, bucket))


class Alone(Struct, frozen=True):
    """Operations that one telling tells and no other; `counted` says whether they count."""

    telling: Telling
    kind: Kind
    count: int
    tokens: int
    counted: bool
    cause: str


class Difference(Struct, frozen=True):
    """By how many tokens a telling differs from what counts, in operations that both tell."""

    telling: Telling
    bucket: Bucket
    count: int
    tokens: int
    cause: str


class SessionAgreement(Struct, frozen=True):
    """One session and its sub-agents, as each telling has them and as they count.

    `matched` says how many operations several tellings tell.
    """

    agent: str
    session_id: str
    tellings: dict[Telling, Measures]
    counted: Measures
    matched: dict[Kind, int]
    alone: list[Alone]
    differences: list[Difference]

    @property
    def disagreement(self) -> int:
        """Tokens that not all tellings have, to sort by."""
        apart = sum(abs(one.tokens) for one in self.differences)
        return apart + sum(one.tokens for one in self.alone if one.counted)


def agreements(stated: Iterable[Stated]) -> list[SessionAgreement]:
    """What the tellings of each session come to, those that differ most first."""
    sessions: dict[tuple[str, str], list[Stated]] = defaultdict(list)
    for one in stated:
        sessions[one.agent, one.session_id].append(one)
    found = [_agreement(*name, told) for name, told in sessions.items()]
    several = [one for one in found if len(one.tellings) > 1]
    return sorted(several, key=lambda one: (-one.disagreement, one.agent, one.session_id))


def _agreement(agent: str, session_id: str, told: Sequence[Stated]) -> SessionAgreement:
    tellings = {telling: Measures() for telling in TELLINGS}
    counted = Measures()
    together: dict[int, list[Stated]] = defaultdict(list)
    for one in told:
        tellings[one.telling].add(one)
        if one.counts is not None:
            together[one.counts].append(one)
    bases = {key: min(same, key=_fullest) for key, same in together.items()}
    kinds = Counter[Kind]()
    for key, same in together.items():
        counted.add(bases[key])
        if len({one.telling for one in same}) > 1:
            kinds[bases[key].kind] += 1
    apart = [one for one in told if one.counts is None or len(together[one.counts]) == 1]
    return SessionAgreement(
        agent,
        session_id,
        {telling: told for telling, told in tellings.items() if told != Measures()},
        counted,
        {kind: kinds[kind] for kind in get_args(Kind) if kinds[kind]},
        list(_alone(apart, told)),
        [*_differences(together, bases), *_beyond(told, counted)],
    )


def _fullest(one: Stated) -> tuple[int, int]:
    """The telling whose usage counts comes first, which is not always the fullest."""
    return -one.usage.output, TELLINGS.index(one.telling)


def _alone(apart: Sequence[Stated], told: Sequence[Stated]) -> Iterator[Alone]:
    groups: dict[tuple[Telling, Kind, bool, str], list[Stated]] = defaultdict(list)
    for one in apart:
        cause = _why_alone(one, told)
        groups[one.telling, one.kind, one.counts is not None, cause].append(one)
    for (telling, kind, counted, cause), same in sorted(groups.items()):
        tokens = sum(one.usage.total for one in same)
        yield Alone(telling, kind, len(same), tokens, counted, cause)


def _why_alone(one: Stated, told: Sequence[Stated]) -> str:
    """Why only one telling tells an operation, as far as can be guessed."""
    if one.counts is None:
        return _WHY_NOT_COUNTED.get(one.kind, "others tell the same under other ids")
    if {other.telling for other in told} == {one.telling, "metrics"}:
        return "metrics tell sums alone"
    if one.telling != "log":
        return _WHY_NOT_LOGGED[one.kind]
    exported = [other for other in told if other.telling == "telemetry"]
    if not exported:
        return "what a run prints does not hold it"
    if isinstance(one.operation, Call) and not one.operation.final:
        return "it was cut short, and its usage never told at an end"
    if isinstance(one.operation, Prompt) and not one.operation.by_person:
        return "prompts of sub-agents are not exported"
    if one.kind == "failures":
        return "attempts that were made again are perhaps not exported"
    if one.kind not in {other.kind for other in exported}:
        return "telemetry tells none of the session"
    if one.operation.at_us < min(other.operation.at_us for other in exported):
        return "it came before the first that was exported"
    if one.operation.at_us > max(other.operation.at_us for other in exported):
        return "it came after the last that was exported"
    return "it was not exported, or the export was lost"


_WHY_NOT_COUNTED: Final[dict[Kind, str]] = {
    "sums": "others tell these calls one by one",
    "prompts": "it is no prompt in the log: a command, or the program's own words",
    "tool_calls": "others tell the same tools under other ids",
}
_WHY_NOT_LOGGED: Final[dict[Kind, str]] = {
    "model_calls": "the log holds no such call: one that compacts, or a side call",
    "sums": "no other telling has calls of it",
    "tool_calls": "the log does not hold it",
    "prompts": "the log does not hold it",
    "failures": "the log does not hold attempts that were made again, or failed runs",
    "compactions": "the log does not hold it",
}


def _differences(
    together: dict[int, list[Stated]], bases: dict[int, Stated]
) -> Iterator[Difference]:
    groups: dict[tuple[Telling, Bucket, str], list[int]] = defaultdict(list)
    for key, same in together.items():
        base = bases[key]
        for one in same:
            if one is base or not isinstance(one.operation, Call) or one.operation.usage is None:
                continue
            for bucket in BUCKETS:
                by = getattr(one.usage, bucket) - getattr(base.usage, bucket)
                if by:
                    groups[one.telling, bucket, _why_different(one, base, bucket)].append(by)
    for (telling, bucket, cause), by in sorted(groups.items()):
        yield Difference(telling, bucket, len(by), sum(by), cause)


def _why_different(one: Stated, base: Stated, bucket: Bucket) -> str:
    if bucket != "output" and one.usage.prompt == base.usage.prompt:
        return "it does not tell apart what the cache read and wrote"
    if bucket == "output" and not one.operation.final:
        return "it has what was counted when the reply began"
    return "unknown: please report it"


def _beyond(told: Sequence[Stated], counted: Measures) -> Iterator[Difference]:
    """By how much the sums of a telling differ from the calls that others tell one by one."""
    for telling in TELLINGS:
        sums = [one for one in told if one.telling == telling and one.kind == "sums"]
        if not sums or any(one.counts is not None for one in sums):
            continue
        for bucket in BUCKETS:
            by = sum(getattr(one.usage, bucket) for one in sums) - getattr(counted, bucket)
            if by:
                cause = (
                    "its sums hold calls that no other has, or what a fork inherited"
                    if by > 0
                    else "its sums leave out sub-agents, or runs that are not told or never ended"
                )
                yield Difference(telling, bucket, len(sums), by, cause)
