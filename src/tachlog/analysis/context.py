"""What the model calls of a thread had to read: how it grew, what of, what the cache kept of it.

Rules: docs/tokens.md, "The input side", checked 2026-11-22.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

from msgspec import Struct

from tachlog.analysis.units import optional_rfc3339, share
from tachlog.data import estimator_factors
from tachlog.metrics.calibration import Learned
from tachlog.metrics.context import context_of
from tachlog.metrics.timing import timeline_of
from tachlog.metrics.tokens import settled_usage
from tachlog.model import RUN_TOTALS, Usage
from tachlog.operations import Call
from tachlog.sessions import Session

SHORT_LIFE_US = 300_000_000
LONG_LIFE_US = 3_600_000_000
"""How long a provider keeps what a call wrote into its cache: five minutes, or an hour."""

LEAST_CACHED = 1024
"""Tokens below which nothing is cached (Anthropic's and OpenAI's documentation)."""

SYMBOLS_IN_WORDS = 0.08
SYMBOLS_IN_TOOLS = 0.2
"""Digits and punctuation per character of prompts, and of the JSON that describes tools."""


class ContextPart(Struct, frozen=True):
    """What a part of the context came to; `basis` is reported, derived or estimated."""

    name: str
    tokens: int
    basis: str


class CacheBreak(Struct, frozen=True):
    """A call that had to read anew what lay in the cache: how many tokens, and why.

    `cause` is model_switch, compaction, changed_tools, idle, or None where nothing shows it.
    """

    at: str | None
    tokens: int
    cause: str | None


class CompactionView(Struct, frozen=True):
    """A compaction: what a call had to read before and after it."""

    at: str | None
    trigger: str | None
    before: int | None
    after: int | None
    saved: int | None


class ContextReport(Struct, frozen=True, kw_only=True):
    """What the calls of a thread had to read, in tokens.

    `parts` are those of the call with the most; `growth_per_turn` is what a turn adds on average.
    """

    calls: int
    first_tokens: int
    peak_tokens: int
    last_tokens: int
    window: int | None
    peak_share: float | None
    growth_per_turn: int
    parts: list[ContextPart]
    cache_hit_rate: float | None
    cache_breaks: list[CacheBreak]
    compactions: list[CompactionView]


def context_report(session: Session, learned: Learned) -> ContextReport | None:
    """What is told of a thread's context; None where no call tells what it read."""
    calls = _told(timeline_of(session).calls)
    if not calls:
        return None
    cuts = sorted(compaction.at_us for compaction in session.compactions.values())
    reads = [_prompt(call) for call in calls]
    peak = max(range(len(calls)), key=lambda i: (reads[i], -i))
    whole = context_of(calls, len(cuts))
    usages = [call.usage for call in calls if call.usage is not None]
    turns = [p.at_us for p in session.prompts.values() if p.by_person] or [0]
    growth = sum(
        max(0, after - before)
        for before, after, a, b in zip(reads, reads[1:], calls, calls[1:], strict=False)
        if not _between(cuts, a, b)
    )
    return ContextReport(
        calls=len(calls),
        first_tokens=reads[0],
        peak_tokens=reads[peak],
        last_tokens=reads[-1],
        window=whole.window,
        peak_share=None if whole.window is None else share(reads[peak], whole.window),
        growth_per_turn=round(growth / len(turns)),
        parts=_parts(session, calls, cuts, peak, learned),
        cache_hit_rate=share(sum(u.cache_read for u in usages), sum(reads)),
        cache_breaks=_breaks(session, calls, cuts),
        compactions=_compactions(session, calls),
    )


def _told(calls: Sequence[Call]) -> list[Call]:
    """The calls that tell what they read themselves, in order."""
    return [call for call in calls if _prompt(call) and call.stop_reason != RUN_TOTALS]


def _prompt(call: Call) -> int:
    return call.usage.prompt if call.usage is not None else 0


def _between(times: Sequence[int], a: Call, b: Call) -> bool:
    """Whether one of the sorted times lies between the beginnings of two calls."""
    return bisect_right(times, b.first_us) > bisect_right(times, a.first_us)


def _parts(
    session: Session, calls: Sequence[Call], cuts: Sequence[int], peak: int, learned: Learned
) -> list[ContextPart]:
    """What the call with the most had to read, by where it came from.

    What the first call (or the first after a compaction) read is told; what came since is estimated
    from the replies, the results of tools and the prompts, and never more than was read.
    """
    start = next((i for i in range(peak, 0, -1) if _between(cuts, calls[i - 1], calls[i])), 0)
    first, last = calls[start], calls[peak]
    factors = estimator_factors(last.model)
    agent = session.thread.agent
    replies = sum(
        settled_usage(call, learned.correction(agent, call.model))[0].output
        for call in calls[start:peak]
    )
    output = sum(
        use.output_bytes
        for use in session.tools.values()
        if use.end_us is not None and first.first_us < use.end_us <= last.first_us
    )
    said = sum(
        prompt.characters
        for prompt in session.prompts.values()
        if first.first_us < prompt.at_us <= last.first_us
    )
    words = factors.text + SYMBOLS_IN_WORDS * factors.symbol
    since = {
        "tool results": output * factors.tool_output,
        "replies": float(replies),
        "prompts": said * words,
    }
    grown = max(0, _prompt(last) - _prompt(first))
    parts = _beginning(session, first, words, compacted=start > 0)
    parts += _within(grown, {name: size for name, size in since.items() if size})
    rest = _prompt(last) - sum(part.tokens for part in parts)
    if rest:
        parts.append(ContextPart("what the agent adds", rest, "derived"))
    return parts


def _within(tokens: int, sizes: Mapping[str, float]) -> list[ContextPart]:
    """Estimated parts in whole tokens, shrunk together where they come to more than there are."""
    scale = min(1.0, tokens / max(1.0, sum(sizes.values())))
    ends = [min(tokens, round(size * scale)) for size in accumulate(sizes.values(), initial=0.0)]
    return [
        ContextPart(name, end - start, "estimated")
        for name, (start, end) in zip(sizes, pairwise(ends), strict=True)
    ]


def _beginning(
    session: Session, first: Call, words: float, *, compacted: bool
) -> list[ContextPart]:
    """The first call's context; system prompt and tools apart where the log holds them."""
    tokens = _prompt(first)
    shapes = session.marks.get("request_shape", {})
    known = [value for value, span in shapes.items() if span.first_us <= first.at_us]
    if not known:
        name = "the summary and what goes with it" if compacted else "the first request"
        return [ContextPart(name, tokens, "reported")]
    latest = max(known, key=lambda value: (shapes[value].last_us, value))
    system, tools = (int(number) for number in latest.split(":")[:2])
    factors = estimator_factors(first.model)
    schema = factors.tool_text + SYMBOLS_IN_TOOLS * factors.symbol
    sizes = {"system prompt": system * words, "tools": tools * schema}
    parts = _within(tokens, sizes)
    rest = tokens - sum(part.tokens for part in parts)
    name = "the summary and what goes with it" if compacted else "the first prompt"
    return [*parts, ContextPart(name, rest, "derived")]


def _breaks(session: Session, calls: Sequence[Call], cuts: Sequence[int]) -> list[CacheBreak]:
    """The calls that found less than half of what lay in the cache, and why."""
    shapes = sorted(span.first_us for span in session.marks.get("request_shape", {}).values())
    writes = any(call.usage is not None and call.usage.cache_write for call in calls)
    found = []
    for a, b in pairwise(calls):
        before, after = a.usage or Usage(), b.usage or Usage()
        cached = before.cache_read + (before.cache_write if writes else 0)
        readable = min(cached, after.prompt)
        lost = readable - after.cache_read
        if readable >= LEAST_CACHED and 2 * lost > readable:
            life = LONG_LIFE_US if before.cache_write_1h else SHORT_LIFE_US
            if a.model != b.model:
                cause: str | None = "model_switch"
            elif _between(cuts, a, b):
                cause = "compaction"
            elif _between(shapes, a, b):
                cause = "changed_tools"
            elif b.first_us - a.at_us > life:
                cause = "idle"
            else:
                cause = None
            found.append(CacheBreak(optional_rfc3339(b.first_us), lost, cause))
    return found


def _compactions(session: Session, calls: Sequence[Call]) -> list[CompactionView]:
    """Each compaction with what it saved: as the log tells it, else by the calls around it."""
    views = []
    for one in sorted(session.compactions.values(), key=lambda c: (c.at_us, c.key)):
        before, after = one.tokens_before, one.tokens_after
        if before is None:
            earlier = [call for call in calls if call.first_us < one.at_us]
            before = _prompt(earlier[-1]) if earlier else None
        if after is None:
            after = next((_prompt(call) for call in calls if call.first_us > one.at_us), None)
        saved = None if before is None or after is None else before - after
        at = optional_rfc3339(one.at_us)
        views.append(CompactionView(at, one.trigger, before, after, saved))
    return views
