"""Where money goes that buys nothing: by kind, with the sessions behind it, each token once.

A token of a call is claimed by the first kind that it fits, in the order of `KINDS`; what it cost
is its part of the call's cost, by the prices of the four buckets. So the kinds add up, never to
more than was used, and whole sessions add up to all of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal

from msgspec import Struct

from tachlog import __version__
from tachlog.analysis.archive import Archive
from tachlog.analysis.claims import Claim, Ledger, Weights, weights_of
from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import SelectionView, selection_view
from tachlog.analysis.trace import Trace, TracedCall, TracedUse
from tachlog.analysis.units import dollars, rfc3339, share
from tachlog.data import tool_category
from tachlog.metrics import SessionMetrics
from tachlog.metrics.tokens import Price

Kind = Literal["failed", "repeated", "reread", "cache_miss", "carried", "abandoned"]
KINDS: Final[dict[Kind, str]] = {
    "failed": "tool calls that failed, and model calls that had to be made again",
    "repeated": "tool calls as before, with nothing in between that could change the answer",
    "reread": "reading again what the context still held unchanged",
    "cache_miss": "context that was cached and had to be read at the full price",
    "carried": "tool output beyond 20 kB, read again by every later call",
    "abandoned": "the rest of sessions that were broken off with nothing to show",
}

LARGE_BYTES = 20_000
BYTES_PER_TOKEN = 4
MISS_LEAST_TOKENS = 2_000
SHORT_CACHE_US = 5 * 60_000_000
LONG_CACHE_US = 60 * 60_000_000
LONGEST_US = 10 * 60_000_000
"""Where no log reports how long a tool ran, a person's absence may be in it: no more counts."""

CUT_SHARE = 0.8
"""A prompt that shrinks below this share of the one before has lost its history."""

MOST_SESSIONS = 5
_READING = frozenset({"file_read", "search"})
_BROKEN_OFF = frozenset({"interrupted", "limit_hit"})
_MINUTE_US = 60_000_000

Reason = Literal["idle", "model_changed", "tail_rewritten", "prefix_changed"]
"""Why a cache did not hold: too long ago, another model, only the latest messages changed, or
something before them did (or the provider dropped it)."""


class WasteSession(Struct, frozen=True):
    """A session's part of a kind of waste."""

    session_id: str
    agent: str
    title: str | None
    cases: int
    tokens: int
    minutes: float
    cost_usd: float | None


class WasteRow(Struct, frozen=True):
    """What one kind comes to; `sessions` are the five with most of it.

    `minutes` are of model calls and tools; `cost_usd` is None when no call of it has a price.
    `reasons` says of cache misses how many tokens each reason cost.
    """

    kind: Kind
    meaning: str
    cases: int
    tokens: int
    minutes: float
    cost_usd: float | None
    session_count: int
    sessions: list[WasteSession]
    reasons: dict[str, int]


class Waste(Struct, frozen=True, kw_only=True):
    """The answer of `tachlog cost --waste`; `used_*` is what was used in all, waste included."""

    tachlog: str = __version__
    generated_at: str
    prices: str
    time_zone: str
    selection: SelectionView
    rows: list[WasteRow]
    tokens: int
    minutes: float
    cost_usd: float | None
    used_tokens: int
    used_usd: float | None
    cost_share: float | None


class Found(Struct, frozen=True):
    """One case: what was claimed for it, and of a cache miss its reason."""

    kind: Kind
    claim: Claim
    reason: Reason | None = None
    cases: int = 1


def waste_of(
    archive: Archive,
    selection: Selection,
    *,
    time_zone: str,
    prices: str,
    price: Price,
    generated_at_us: int,
) -> Waste:
    """Tell what bought nothing in the selected calls of an archive."""
    traces = archive.traces(selection)
    roots = {(m.agent, m.session_id): m for m in archive.sessions(Selection()) if m.parent is None}
    trees: defaultdict[tuple[str, str], list[Trace]] = defaultdict(list)
    for trace in traces:
        trees[trace.agent, trace.root].append(trace)
    weights = weights_of(price)
    found = {
        key: list(findings(threads, is_broken_off(roots.get(key), threads), weights))
        for key, threads in trees.items()
    }
    rows = [
        row
        for kind in KINDS
        if (
            row := _row(
                kind, {k: [f for f in each if f.kind == kind] for k, each in found.items()}, roots
            )
        )
    ]
    costs = [row.cost_usd for row in rows if row.cost_usd is not None]
    priced = [c.nanousd for t in traces for c in t.calls if c.nanousd is not None]
    nanousd = sum(f.claim.nanousd or 0 for each in found.values() for f in each)
    return Waste(
        generated_at=rfc3339(generated_at_us),
        prices=prices,
        time_zone=time_zone,
        selection=selection_view(selection),
        rows=rows,
        tokens=sum(row.tokens for row in rows),
        minutes=round(sum(row.minutes for row in rows), 3),
        cost_usd=dollars(nanousd) if costs else None,
        used_tokens=sum(c.prompt + c.output for t in traces for c in t.calls),
        used_usd=dollars(sum(priced)) if priced else None,
        cost_share=share(nanousd, sum(priced)),
    )


def is_broken_off(root: SessionMetrics | None, threads: Iterable[Trace]) -> bool:
    """Whether a session ended by an interruption or a limit, and no change of a file succeeded."""
    return (
        root is not None
        and bool(root.outcome_reasons)
        and root.outcome_reasons[0] in _BROKEN_OFF
        and not any(
            use.outcome == "success" and tool_category(use.tool) == "file_edit"
            for trace in threads
            for use in trace.uses
        )
    )


def findings(
    threads: Sequence[Trace], broken_off: bool, weights: Callable[[TracedCall], Weights]
) -> Iterator[Found]:
    """What bought nothing in the threads of one session."""
    for trace in threads:
        ledgers = {call.key: Ledger(call, weights(call)) for call in trace.calls}
        asked = _asked(trace)
        used = set[int]()
        for kind, use in _idle_uses(trace):
            used.add(use.key)
            call = asked.get(use.key)
            parts = sum(each == call for each in asked.values()) if call is not None else 1
            claim = ledgers[call].part(parts) if call is not None else Claim()
            yield Found(kind, claim.with_time(_ran_us(use)))
        for _, wait_ms in trace.failures:
            yield Found("failed", Claim(us=wait_ms * 1_000))
        yield from _misses(trace, ledgers)
        yield from _carried(trace, ledgers, asked)
        if broken_off:
            rest = Claim(us=sum(_ran_us(use) for use in trace.uses if use.key not in used))
            for ledger in ledgers.values():
                rest += ledger.rest()
            yield Found("abandoned", rest, cases=int(trace.session_id == trace.root))


def _ran_us(use: TracedUse) -> int:
    return use.execution_us if use.is_reported else min(use.execution_us, LONGEST_US)


def _asked(trace: Trace) -> dict[int, int]:
    """The model call that asked for each tool call: as told, else the last one before it."""
    known = {call.key for call in trace.calls}
    times = [call.at_us for call in trace.calls]
    found = {}
    for use in trace.uses:
        if use.call in known:
            found[use.key] = use.call
        elif use.call is None and (place := bisect_right(times, use.at_us)):
            found[use.key] = trace.calls[place - 1].key
    return found


def _idle_uses(trace: Trace) -> Iterator[tuple[Kind, TracedUse]]:
    """Tool calls that failed, or gave again what the context already held."""
    cuts = sorted(trace.compactions)
    turns = sorted(trace.prompts)
    answers: dict[tuple[str, int], tuple[int, int, int, int]] = {}
    changes = 0
    for use in trace.uses:
        if use.outcome == "error":
            changes += 1
            yield "failed", use
            continue
        reads = tool_category(use.tool) in _READING
        place = (bisect_right(cuts, use.at_us), bisect_right(turns, use.at_us))
        before = answers.get((use.tool, use.input_digest))
        now = (use.output_bytes, place[0], place[1], changes)
        is_same = before is not None and use.input_digest and use.outcome == "success"
        if is_same and before is not None and before[:2] == now[:2] and use.output_bytes:
            if reads:
                yield "reread", use
            elif before == now:
                yield "repeated", use
        if not reads and not (before is not None and before == now):
            changes += 1
        answers[use.tool, use.input_digest] = (use.output_bytes, *place, changes)


def _misses(trace: Trace, ledgers: dict[int, Ledger]) -> Iterator[Found]:
    """Context that the call before had in the cache and that this one read at another price."""
    cuts = sorted(trace.compactions)
    for before, call in zip(trace.calls, trace.calls[1:], strict=False):
        cached = min(before.cache_read + before.cache_write, call.prompt)
        missed = cached - call.cache_read
        if missed < MISS_LEAST_TOKENS or bisect_right(cuts, before.at_us) < bisect_right(
            cuts, call.at_us
        ):
            continue
        if call.prompt < CUT_SHARE * before.prompt:
            continue
        if claim := ledgers[call.key].missed(missed):
            yield Found("cache_miss", claim, _reason(before, call))


def _reason(before: TracedCall, call: TracedCall) -> Reason:
    """Why the cache did not hold, as far as calls show it."""
    if before.model != call.model:
        return "model_changed"
    lifetime_us = LONG_CACHE_US if before.cache_write_1h else SHORT_CACHE_US
    if call.cache_read * 2 > before.cache_read + before.cache_write:
        return "tail_rewritten"
    idle_us = call.at_us - call.response_us - before.at_us
    return "idle" if idle_us >= lifetime_us else "prefix_changed"


def _carried(trace: Trace, ledgers: dict[int, Ledger], asked: dict[int, int]) -> Iterator[Found]:
    """Tool outputs beyond 20 kB, in the calls after the first that read them."""
    outputs: defaultdict[int, list[int]] = defaultdict(list)
    for use in trace.uses:
        if use.key in asked:
            outputs[asked[use.key]].append(use.output_bytes)
    cuts = sorted(trace.compactions)
    total, cases, carried, coming = Claim(), 0, 0, 0
    before: TracedCall | None = None
    for call in trace.calls:
        if before is not None:
            carried, coming = carried + coming, 0
            is_cut = bisect_right(cuts, before.at_us) < bisect_right(cuts, call.at_us)
            if is_cut or call.prompt < CUT_SHARE * before.prompt:
                carried = 0
            else:
                total += ledgers[call.key].carried(carried)
                growth = max(0, call.prompt - before.prompt - before.output)
                coming = _excess(outputs[before.key], growth)
                cases += coming > 0
        before = call
    if total.tokens:
        yield Found("carried", total, cases=cases)


def _excess(outputs: Sequence[int], growth: int) -> int:
    """Tokens of outputs beyond 20 kB each, as far as the context grew by them."""
    excess = sum(max(0, size - LARGE_BYTES) for size in outputs) // BYTES_PER_TOKEN
    whole = sum(outputs) // BYTES_PER_TOKEN
    return excess if whole <= growth else excess * growth // whole


def _row(
    kind: Kind,
    found: dict[tuple[str, str], list[Found]],
    roots: dict[tuple[str, str], SessionMetrics],
) -> WasteRow | None:
    sums = {key: _sum(each) for key, each in found.items() if each}
    cases = {key: sum(f.cases for f in each) for key, each in found.items()}
    reasons: defaultdict[str, int] = defaultdict(int)
    for each in found.values():
        for f in each:
            if f.reason is not None:
                reasons[f.reason] += f.claim.tokens
    if not sums:
        return None
    heaviest = sorted(
        sums, key=lambda key: (-(sums[key].nanousd or 0), -sums[key].tokens, -sums[key].us, key)
    )
    total = _sum(f for each in found.values() for f in each)
    return WasteRow(
        kind,
        KINDS[kind],
        sum(cases.values()),
        total.tokens,
        _minutes(total),
        _usd(total),
        len(sums),
        [
            WasteSession(
                key[1],
                key[0],
                roots[key].title if key in roots else None,
                cases[key],
                sums[key].tokens,
                _minutes(sums[key]),
                _usd(sums[key]),
            )
            for key in heaviest[:MOST_SESSIONS]
        ],
        dict(sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0]))),
    )


def _sum(found: Iterable[Found]) -> Claim:
    total = Claim()
    for each in found:
        total += each.claim
    return total


def _minutes(claim: Claim) -> float:
    return round(claim.us / _MINUTE_US, 3)


def _usd(claim: Claim) -> float | None:
    return None if claim.nanousd is None else dollars(claim.nanousd)
