"""Counters that only grow, with what the archive is told anew.

A counter that falls is taken for one that started again from nothing, and its whole value for
growth. What an archive holds does fall: old operations are deleted, estimates settle. So what an
archive loses leaves a counter as it is. Only quarter hours of the last day, and since the last
look, are looked at: history that is read later is no growth.

For Prometheus counters begin at nothing with the service. What is pushed begins with all that the
archive holds, and is kept in between (`Kept`), so that the next push goes on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from threading import Lock
from typing import Final, NamedTuple

from msgspec import Struct

from tachlog.metrics import QUARTER_US
from tachlog.model import UNTIMED_US
from tachlog.providers import CONVENTION
from tachlog.scraping.exposition import Labels
from tachlog.stores.counting import CountedCall, Counting, Happened
from tachlog.stores.rows import Row

WINDOW: Final = 96
"""The quarter hours before the current one that are looked at."""

HISTORY: Final = UNTIMED_US // QUARTER_US + 1
"""The first quarter hour of those that have a date."""

MOST_TOOLS: Final = 50
MOST_MODELS: Final = 100
OTHER: Final = "other"

TOKEN_EDGES: Final = tuple(4**power for power in range(14))
DURATION_EDGES_US: Final = tuple(10_000 * 2**power for power in range(14))


class Key(NamedTuple):
    """One number: its family, its labels, and which bucket (or `sum`, `count`) of a histogram."""

    family: str
    labels: Labels
    part: str | int = ""


Counts = Counter[Key]


class Admitted:
    """The names that labels may have: the first so many that came, all others are `other`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: set[tuple[str, ...]] = set()

    def admit(self, *name: str) -> tuple[str, ...]:
        """The name to tell: one that was told once is told for good."""
        if name in self._names or len(self._names) < self._most:
            self._names.add(name)
            return name
        return (OTHER,) * len(name)


class Kept(Struct, frozen=True):
    """Counters between two looks.

    The quarter hour of the last look, since when is counted, the most that each of the quarter
    hours that are still looked at ever had, and what has come in all.
    """

    looked: int
    since_us: int
    most: dict[int, list[tuple[Key, int]]]
    grown: list[tuple[Key, int]]


class Growth:
    """What came since the first look; many may ask at once.

    It goes on from what was `kept`. Without that it begins, `with_history` with all that the
    archive holds, else with nothing.
    """

    def __init__(self, kept: Kept | None = None, *, with_history: bool = False) -> None:
        self._lock = Lock()
        self._with_history = with_history
        self._looked = kept.looked if kept else None
        self._since_us = kept.since_us if kept else 0
        self._marks: dict[int, list[Row]] = {}
        most = kept.most if kept else {}
        self._most: dict[int, Counts] = {at: Counter(dict(each)) for at, each in most.items()}
        self._grown: Counts = Counter(dict(kept.grown)) if kept else Counter()
        self._tools = Admitted(MOST_TOOLS)
        self._models = Admitted(MOST_MODELS)
        for labels in [dict(key.labels) for key in self._grown]:
            if labels.get("tool", OTHER) != OTHER:
                self._tools.admit(labels["tool"])
            if labels.get("model", OTHER) != OTHER:
                self._models.admit(labels["model"], labels["provider"])

    def kept(self) -> Kept:
        """What the next one goes on from; after a look."""
        assert self._looked is not None
        most = {quarter: list(each.items()) for quarter, each in self._most.items()}
        return Kept(self._looked, self._since_us, most, list(self._grown.items()))

    def look(self, counting: Counting, now_us: int) -> Counts:
        """Take up what came to the archive, and give what has come since the first look."""
        with self._lock:
            now = now_us // QUARTER_US
            is_first = self._looked is None
            counts = self._with_history or not is_first
            looked = now if self._looked is None else self._looked
            marks = counting.marks(HISTORY if is_first and counts else looked - WINDOW)
            if is_first:
                self._since_us = min(marks, default=now) * QUARTER_US if counts else now_us
                for tool in counting.most_called(MOST_TOOLS):
                    self._tools.admit(tool)
            for quarter in sorted(marks):
                if is_first or quarter >= now - 1 or self._marks.get(quarter) != marks[quarter]:
                    self._take(quarter, self._counts(counting.happened(quarter)), counts=counts)
            self._looked, self._marks = max(looked, now), marks
            for quarter in [each for each in self._most if each < self._looked - WINDOW]:
                del self._most[quarter]
            return self._grown.copy()

    def _take(self, quarter: int, found: Counts, *, counts: bool) -> None:
        """Count what a quarter hour has more than ever before."""
        most = self._most.setdefault(quarter, Counter())
        for key, value in found.items():
            more = max(value - most[key], 0)
            most[key] += more
            self._grown[key] += more if counts else 0

    def _counts(self, happened: Happened) -> Counts:
        counts: Counts = Counter()
        for call in happened.calls:
            model, provider = self._models.admit(call.model, call.provider)
            _count_call(counts, call, model, provider)
        for tool, outcome, error, number in happened.tools:
            (name,) = self._tools.admit(tool)
            labels = (("tool", name), ("outcome", outcome))
            counts[Key("tachlog_tool_calls_total", labels)] += number
            if error:
                counts[_errors(error, "tool")] += number
        for error, number in happened.failures:
            counts[_errors(error, "model")] += number
        return counts


def _errors(error: str, of: str) -> Key:
    return Key("tachlog_errors_total", (("class", error), ("of", of)))


def _count_call(counts: Counts, call: CountedCall, model: str, provider: str) -> None:
    of = (("model", model), ("provider", provider))
    counts[Key("tachlog_cost_nanousd", of)] += call.cost_nanousd or 0
    if call.cost_nanousd is None:
        counts[Key("tachlog_unpriced_calls_total", of)] += 1
    for kind in ("input", "cache_read", "cache_write", "output"):
        key = Key("tachlog_tokens_total", (*of, ("type", kind)))
        counts[key] += getattr(call, kind) or 0
    if call.is_run:
        return
    about: Labels = (
        ("gen_ai_operation_name", "chat"),
        ("gen_ai_provider_name", CONVENTION.get(provider, provider)),
        ("gen_ai_request_model", model),
    )
    read = [part for part in (call.input, call.cache_read, call.cache_write) if part is not None]
    spent: list[tuple[str, int]] = [("output", call.output)]
    if read:
        spent.append(("input", sum(read)))
    for kind, tokens in spent:
        labels = (*about, ("gen_ai_token_type", kind))
        _observe(counts, "gen_ai_client_token_usage", labels, TOKEN_EDGES, tokens)
    if call.response_us is not None:
        family = "gen_ai_client_operation_duration_seconds"
        _observe(counts, family, about, DURATION_EDGES_US, call.response_us)
    if call.ttft_ms is not None:
        family = "gen_ai_client_operation_time_to_first_chunk_seconds"
        _observe(counts, family, about, DURATION_EDGES_US, call.ttft_ms * 1000)


def _observe(counts: Counts, family: str, labels: Labels, edges: Sequence[int], value: int) -> None:
    """Count a value in its bucket alone: the first whose edge it does not pass."""
    counts[Key(family, labels, bisect_left(edges, value))] += 1
    counts[Key(family, labels, "sum")] += value
