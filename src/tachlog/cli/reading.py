"""The lines of `show` about what a session's calls had to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tachlog import figures as fmt
from tachlog.analysis.context import ContextReport
from tachlog.cli.naming import words

LEAST_SHARE = 0.005
"""Parts below this share are not shown."""


def context_lines(report: ContextReport, width: int) -> Iterator[str]:
    """How much was read and what of, and what the cache did not keep."""
    yield from _wrapped("READ", _sizes(report), width)
    shown = [part for part in report.parts if part.tokens > LEAST_SHARE * report.peak_tokens]
    if len(shown) > 1:
        parts = [
            f"{part.name} {'~' if part.basis == 'estimated' else ''}{fmt.short_count(part.tokens)}"
            for part in shown
        ]
        yield from _wrapped("    ", " + ".join(parts), width)
    if kept := _cache(report):
        yield from _wrapped("    ", kept, width)


def _wrapped(label: str, text: str, width: int) -> Iterator[str]:
    for number, line in enumerate(fmt.wrap(text, width - len(label) - 1)):
        yield f"{label if number == 0 else '    '} {line}"


def _sizes(report: ContextReport) -> str:
    peak = fmt.short_count(report.peak_tokens)
    window = ""
    if report.window is not None:
        full = fmt.percent(report.peak_share, 0)
        window = f", {full} of the window of {fmt.short_count(report.window)}"
    facts = [
        f"{fmt.short_count(report.first_tokens)} tokens at first, at most {peak}{window}",
        f"a turn adds {fmt.short_count(report.growth_per_turn)}",
    ]
    saved = [one.saved for one in report.compactions if one.saved is not None]
    if report.compactions:
        times = fmt.plural(len(report.compactions), "compaction")
        facts.append(f"{times} saved {fmt.short_count(sum(saved))}" if saved else times)
    return " · ".join(facts)


def _cache(report: ContextReport) -> str:
    """What the cache kept, and how often it did not and why; nothing where there is no cache."""
    if not report.cache_hit_rate:
        return ""
    told = f"{fmt.percent(report.cache_hit_rate)} of it from the cache"
    if not report.cache_breaks:
        return told
    causes = Counter(words(one.cause) if one.cause else "not told" for one in report.cache_breaks)
    why = ", ".join(f"{cause} {count}" for cause, count in causes.most_common())
    lost = fmt.short_count(sum(one.tokens for one in report.cache_breaks))
    return (
        f"{told}, lost {fmt.plural(len(report.cache_breaks), 'time')} ({why}): {lost} tokens anew"
    )
