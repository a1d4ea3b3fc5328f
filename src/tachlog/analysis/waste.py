"""Where money goes that buys nothing: by kind, with the sessions behind it, each token once.

A token of a call is claimed by the first kind that it fits, in the order of `KINDS`; what it cost
is its part of the call's cost, by the prices of the four buckets. So the kinds add up, never to
more than was used, and whole sessions add up to all of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tachlog import __version__
from tachlog.analysis.archive import Archive
from tachlog.analysis.billing import Billing
from tachlog.analysis.claims import Claim, weights_of
from tachlog.analysis.limits import WEEK_US
from tachlog.analysis.plans import has_plan
from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import SelectionView, selection_view
from tachlog.analysis.trace import Trace
from tachlog.analysis.units import dollars, rfc3339, share
from tachlog.analysis.wasted import Found, Kind, findings, is_broken_off
from tachlog.analysis.weekly import weekly_limits
from tachlog.analysis.windows import local_date, zone_of
from tachlog.metrics import SessionMetrics
from tachlog.metrics.tokens import Price

KINDS: Final[dict[Kind, str]] = {
    "failed": "tool calls that failed, and model calls that had to be made again",
    "repeated": "tool calls as before, with nothing in between that could change the answer",
    "reread": "reading again what the context still held unchanged",
    "cache_miss": "context that was cached and had to be read at the full price",
    "carried": "tool output beyond 20 kB, read again by every later call",
    "abandoned": "the rest of sessions that were broken off with nothing to show",
}

MOST_SESSIONS = 5
_MINUTE_US = 60_000_000


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
    """The answer of `tachlog cost --waste`; `used_*` is what was used in all, waste included.

    With a plan at a price by the month (`has_plan`) minutes and limits say most: `of_weekly_limit`
    is what a week's waste of an agent is of its weekly limit, where its logs tell that.
    """

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
    has_plan: bool
    of_weekly_limit: dict[str, float]


def waste_of(
    archive: Archive,
    selection: Selection,
    billing: Sequence[Billing] = (),
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
    with_plan = has_plan(billing, local_date(generated_at_us, zone_of(time_zone)))
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
        has_plan=with_plan,
        of_weekly_limit=_of_weekly_limit(archive, traces, found) if with_plan else {},
    )


def _of_weekly_limit(
    archive: Archive, traces: Iterable[Trace], found: Mapping[tuple[str, str], list[Found]]
) -> dict[str, float]:
    """What each agent wastes in a week of work, of its weekly limit, where its logs tell that."""
    weeks: defaultdict[str, set[int]] = defaultdict(set)
    for trace in traces:
        weeks[trace.agent].update(call.at_us // WEEK_US for call in trace.calls)
    wasted = Counter[str]()
    for (agent, _), each in found.items():
        wasted[agent] += sum(f.claim.nanousd or 0 for f in each)
    last_us = max((call.at_us for trace in traces for call in trace.calls), default=0)
    return {
        agent: round(wasted[agent] / limit / len(weeks[agent]), 6)
        for agent, limit in weekly_limits(archive, last_us).items()
        if weeks[agent]
    }


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
