"""The sessions that an answer names: the dearest, the latest, those in which something was odd."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Final

from msgspec import Struct

from tachlog.analysis.shapes import AnomalyView, SessionView
from tachlog.analysis.tally import Tree
from tachlog.analysis.view import anomaly_view, session_view, tree_totals
from tachlog.metrics import SessionMetrics

MOST_SESSIONS: Final = 3
MOST_UNUSUAL: Final = 3

_Weighed = tuple[int, str, SessionMetrics, Tree]
_Unusual = tuple[AnomalyView, SessionMetrics]


class Highlights(Struct, frozen=True):
    """What an answer says of single sessions.

    `agents` counts the sessions of each agent. `dearest` are those that cost most, sub-agents
    included (by tokens where nothing has a price), of `weighed` that cost anything; `latest` is the
    thread that did something last, None without any. `unusual` are the most striking anomalies, the
    latest first, each with its thread. `ids` are those of the named sessions and of their
    neighbours in the alphabet, which is what shortening them takes.
    """

    agents: dict[str, int]
    dearest: list[SessionView]
    weighed: int
    latest: SessionView | None
    unusual: list[tuple[AnomalyView, SessionView]]
    ids: list[str]


class Candidates:
    """Sessions to name, chosen while they are shown part by part."""

    def __init__(self) -> None:
        self._agents = Counter[str]()
        self._roots: list[str] = []
        self._latest: SessionMetrics | None = None
        self._heavy: dict[bool, list[_Weighed]] = {True: [], False: []}
        self._weighed = Counter[bool]()
        self._unusual: dict[str, list[_Unusual]] = {}

    def add(self, trees: Sequence[Tree]) -> None:
        """Look at whole sessions that were not shown before."""
        self._agents.update(tree.head.agent for tree in trees)
        self._roots += {tree.threads[0].root for tree in trees}
        threads = [m for tree in trees for m in tree.threads]
        latest = [*threads, *([self._latest] if self._latest else [])]
        self._latest = max(latest, key=_lateness, default=None)
        for priced, heavy in self._heavy.items():
            weighed = [
                (-weight, m.session_id, m, tree)
                for tree in trees
                if (weight := _weight(tree, priced))
                for m in tree.threads
                if m.parent is None
            ]
            self._weighed[priced] += len(weighed)
            heavy[:] = sorted([*heavy, *weighed], key=itemgetter(0, 1))[:MOST_SESSIONS]
        told = [
            (anomaly_view(anomaly, m.session_id), m) for m in threads for anomaly in m.anomalies
        ]
        self._unusual = _most_striking(chain(told, *self._unusual.values()))

    def chosen(self, *, priced: bool) -> Highlights:
        """Whom to name; the dearest by their cost, or by tokens where nothing has a price."""
        dearest = [
            session_view(m, tree_totals(tree.threads)) for _, _, m, tree in self._heavy[priced]
        ]
        latest = None if self._latest is None else session_view(self._latest, None)
        unusual = [(anomaly, session_view(m, None)) for anomaly, m in self._named_unusual()]
        named = [*dearest, *(view for _, view in unusual), *([latest] if latest else [])]
        ids = _with_neighbours(sorted(set(self._roots)), {v.root_session_id for v in named})
        return Highlights(dict(self._agents), dearest, self._weighed[priced], latest, unusual, ids)

    def _named_unusual(self) -> list[_Unusual]:
        """The most extreme of each kind, then the next of each; the latest first."""
        ranked = [
            (place, kind, each)
            for kind, found in self._unusual.items()
            for place, each in enumerate(found)
        ]
        ranked.sort(key=itemgetter(0, 1))
        few = [each for _, _, each in ranked[:MOST_UNUSUAL]]
        return sorted(few, key=lambda each: each[0].start or "", reverse=True)


def _most_striking(told: Iterable[_Unusual]) -> dict[str, list[_Unusual]]:
    """By kind the most extreme, one per session and no more than are ever named."""
    kinds: dict[str, dict[str, _Unusual]] = {}
    for each in sorted(told, key=_strikingness):
        anomaly, _ = each
        # The outliers are the spikes again, told by another rule.
        if anomaly.type != "response_time_outlier" and not anomaly.minor:
            kinds.setdefault(anomaly.type, {}).setdefault(anomaly.session_id, each)
    return {kind: list(found.values())[:MOST_UNUSUAL] for kind, found in kinds.items()}


def _strikingness(told: _Unusual) -> tuple[float, str, str]:
    anomaly, _ = told
    return (-_excess(anomaly), anomaly.start or "", anomaly.session_id)


def _excess(anomaly: AnomalyView) -> float:
    return anomaly.value / anomaly.threshold if anomaly.threshold else 0.0


def _lateness(m: SessionMetrics) -> tuple[int, bool, str]:
    return (m.end_us or 0, m.parent is None, m.session_id)


def _weight(tree: Tree, priced: bool) -> int:
    return sum(_cost(m) if priced else m.total_tokens for m in tree.threads)


def _cost(m: SessionMetrics) -> int:
    return sum(use.cost_nanousd or 0 for use in m.models.values())


def _with_neighbours(ordered: Sequence[str], named: Iterable[str]) -> list[str]:
    """The ids that are named and those next to them, in order."""
    found: set[str] = set()
    for name in named:
        place = bisect_left(ordered, name)
        found.update(ordered[max(0, place - 1) : place + 2])
    return sorted(found)
