"""What the context costs: large outputs carried along, caches that did not hold, compactions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from statistics import median_low
from typing import Final

from tachlog import data
from tachlog.analysis.advice.material import Case, Group, Material, RootKey, group
from tachlog.analysis.claims import Claim
from tachlog.analysis.wasted import LARGE_BYTES, LONG_CACHE_US, SHORT_CACHE_US, Found
from tachlog.data import tool_category

COMPACTIONS_LEAST: Final = 2
ONE_SITTING: Final = "ask in one sitting"
ONE_HOUR: Final = f"use the 1-hour cache lifetime, or {ONE_SITTING}"
_MINUTE_US: Final = 60_000_000


def short_tokens(tokens: int) -> str:
    """A number of tokens as it is told in a sentence: 9,400, 240 k, 1.9 M."""
    if tokens >= 1_000_000:
        return f"{tokens / 1e6:.3g} M"
    return f"{tokens // 1000} k" if tokens >= 10_000 else f"{tokens:,}"


def oversized_outputs(material: Material) -> Iterator[Group]:
    """Outputs beyond 20 kB by tool; the first of a session has what later calls read of them."""
    carried: defaultdict[tuple[RootKey, str], Claim] = defaultdict(Claim)
    for key, found in material.found:
        if found.kind == "carried" and found.tool is not None:
            carried[key, found.tool] += found.claim
    chances: defaultdict[str, list[str]] = defaultdict(list)
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    cases: defaultdict[str, list[Case]] = defaultdict(list)
    for trace, use in material.uses():
        chances[use.tool].append(trace.root)
        if use.output_bytes > LARGE_BYTES:
            sizes[use.tool].append(use.output_bytes)
            claim = carried.pop(((trace.agent, trace.root), use.tool), Claim())
            cases[use.tool].append(Case(("large", use.key), trace.root, claim))
    remedies = data.advice().outputs
    for tool, large in cases.items():
        tokens = sum(case.claim.tokens for case in large)
        yield group(
            tool,
            large,
            chances[tool],
            tool,
            outputs=len(large),
            tokens=tokens,
            tokens_told=short_tokens(tokens),
            median_kb=median_low(sizes[tool]) // 1000,
            remedy=remedies.get(tool_category(tool), remedies["other"]),
        )


def after_a_pause(material: Material) -> Iterator[Group]:
    """Caches that ran out within the hour."""
    return _breaks(
        material,
        lambda found: found.reason == "idle" and SHORT_CACHE_US <= found.idle_us < LONG_CACHE_US,
    )


def taken_up_again(material: Material) -> Iterator[Group]:
    """Caches that ran out since the session was left for more than an hour."""
    return _breaks(
        material, lambda found: found.reason == "idle" and found.idle_us >= LONG_CACHE_US
    )


def model_switches(material: Material) -> Iterator[Group]:
    """Caches that another model could not read."""
    return _breaks(material, lambda found: found.reason == "model_changed")


def changed_prefixes(material: Material) -> Iterator[Group]:
    """Caches lost without a pause."""
    return _breaks(material, lambda found: found.reason == "prefix_changed")


def _breaks(material: Material, fits: Callable[[Found], bool]) -> Iterator[Group]:
    """Lost caches that fit, by agent."""
    breaks: defaultdict[str, list[tuple[RootKey, Found]]] = defaultdict(list)
    for key, found in material.found:
        if found.kind == "cache_miss" and fits(found):
            breaks[key[0]].append((key, found))
    calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for trace in material.traces:
        calls[trace.agent][trace.root] += len(trace.calls)
    for agent, lost in breaks.items():
        cases = [
            Case(("missed", found.key or 0), root, found.claim, found.key)
            for (_, root), found in lost
        ]
        idle = sorted(found.idle_us // _MINUTE_US for _, found in lost)
        tokens = sum(case.claim.tokens for case in cases)
        is_written = any(
            call.cache_write
            for trace in material.traces
            if trace.agent == agent
            for call in trace.calls
        )
        yield group(
            agent,
            cases,
            calls[agent].elements(),
            agent=agent,
            lost="rewritten" if is_written else "lost",
            remedy=ONE_HOUR if is_written else ONE_SITTING,
            breaks=len(lost),
            calls=calls[agent].total(),
            call_share=round(len(lost) / calls[agent].total(), 6),
            tokens=tokens,
            tokens_told=short_tokens(tokens),
            least_min=idle[0],
            most_min=idle[-1],
        )


def full_contexts(material: Material) -> Iterator[Group]:
    """Sessions that were compacted twice or more, by agent."""
    of: defaultdict[str, list[str]] = defaultdict(list)
    full: defaultdict[str, list[Case]] = defaultdict(list)
    for tree in material.trees:
        head = tree.head
        of[head.agent].append(head.root)
        compactions = sum(m.context.compactions for m in tree.threads)
        if compactions >= COMPACTIONS_LEAST:
            full[head.agent] += [
                Case((f"compaction {head.root}", place), head.root) for place in range(compactions)
            ]
    for agent, cases in full.items():
        size, sessions = len(of[agent]), len({case.session for case in cases})
        yield group(
            agent,
            cases,
            of[agent],
            agent=agent,
            of=size,
            share=round(sessions / size, 6),
            compactions=len(cases),
        )
