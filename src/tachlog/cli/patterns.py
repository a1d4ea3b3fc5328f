"""The verb `patterns`: which tools follow which, what follows a failure, what is unusual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.shapes import AnomalyView, Recovery, SequenceCount
from tachlog.analysis.summary import patterns_of, summarize
from tachlog.analysis.tally import Tree
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.look import nothing
from tachlog.cli.naming import ShortIds, when, words
from tachlog.cli.table import Column, table

MOST = 10
MOST_COLUMNS = 7


class PatternsFound(Struct, frozen=True):
    """What recurs; `loops` are those of the anomalies that are loops."""

    sequences: dict[str, SequenceCount]
    transitions: dict[str, dict[str, int]]
    loops: list[AnomalyView]
    recoveries: list[Recovery]
    behaviors: dict[str, int]
    anomalies: list[AnomalyView]


def patterns(ask: Ask) -> Answer:
    """Answer `tachlog patterns`."""
    named: list[str] = []

    def look(trees: list[Tree]) -> None:
        named.extend(m.session_id for tree in trees for m in tree.threads)

    with ask.store() as store:
        told = patterns_of(summarize(store, ask.selection(), look))
    found = PatternsFound(
        told.sequences,
        told.transitions,
        [each for each in told.anomalies if each.type == "loop"],
        told.recoveries,
        told.behaviors,
        [each for each in told.anomalies if each.type != "loop"],
    )
    ids = ShortIds(named)
    return Answer(found, lambda: _lines(found, ids, ask))


def _lines(found: PatternsFound, ids: Mapping[str, str], ask: Ask) -> Iterator[str]:
    most = ask.options.limit or MOST
    blocks = [
        ("SEQUENCES", _sequences(found.sequences, most, ask)),
        ("WHAT FOLLOWS WHAT", _matrix(found.transitions, ask)),
        ("AFTER A FAILURE", _recoveries(found.recoveries, most, ask)),
        ("LOOPS", _anomalies(found.loops, most, ids, ask)),
        ("UNUSUAL", _anomalies(found.anomalies, most, ids, ask)),
        ("WORDS", _behaviors(found.behaviors)),
    ]
    blocks = [(heading, lines) for heading, lines in blocks if lines]
    if not blocks:
        yield nothing(ask)
    for place, (heading, lines) in enumerate(blocks):
        if place:
            yield ""
        yield fmt.line([(heading, "bold")], ask.width, ask.has_color)
        yield from lines


def _sequences(found: Mapping[str, SequenceCount], most: int, ask: Ask) -> list[str]:
    """The most frequent sequences of several tools that occur more often than by chance."""
    mixed = {
        key: each
        for key, each in found.items()
        if len(set(key.split("->"))) > 1 and (each.lift is None or each.lift >= 1)
    }
    rows = [
        (
            key.replace("->", " → "),
            fmt.count(each.count),
            fmt.count(each.sessions),
            fmt.NONE if each.lift is None else f"× {each.lift:,.1f}",
        )
        for key, each in list(mixed.items())[:most]
    ]
    columns = (
        Column("", least=30),
        Column("times", right=True),
        Column("sessions", right=True),
        Column("than by chance", right=True),
    )
    return table(columns, rows, ask.width) if rows else []


def _matrix(transitions: Mapping[str, Mapping[str, int]], ask: Ask) -> list[str]:
    """How often, of a hundred times, each frequent tool is followed by each."""
    totals = {tool: sum(following.values()) for tool, following in transitions.items()}
    tools = sorted(totals, key=lambda tool: (-totals[tool], tool))[:MOST_COLUMNS]
    rows = []
    for tool in tools:
        shares = [transitions[tool].get(other, 0) / totals[tool] for other in tools]
        cells = [fmt.percent(share, 0) if share else "·" for share in shares]
        rows.append((tool, *cells, fmt.count(totals[tool])))
    columns = (
        Column("after", least=8),
        *(Column(tool[:12], right=True) for tool in tools),
        Column("times", right=True),
    )
    return table(columns, rows, ask.width) if rows else []


def _recoveries(found: Sequence[Recovery], most: int, ask: Ask) -> list[str]:
    rows = [
        (
            f"{each.after} fails, then {each.next}",
            fmt.count(each.count),
            fmt.percent(each.worked / each.count, 0),
        )
        for each in found[:most]
    ]
    columns = (Column("", least=30), Column("times", right=True), Column("works", right=True))
    return table(columns, rows, ask.width) if rows else []


def _anomalies(
    found: Sequence[AnomalyView], most: int, ids: Mapping[str, str], ask: Ask
) -> list[str]:
    latest = sorted(found, key=lambda each: each.start or "", reverse=True)
    rows = [
        (
            when(each.start, ask.zone) if each.start else "",
            words(each.type),
            _told(each),
            each.about or "",
            ids.get(each.session_id, each.session_id),
        )
        for each in latest[:most]
    ]
    columns = (Column("when"), Column("what"), Column(""), Column("about", least=16), Column("id"))
    lines = table(columns, rows, ask.width) if rows else []
    if len(found) > most:
        lines.append(f"{len(found) - most:,} more: --limit {len(found)}")
    return lines


def _told(anomaly: AnomalyView) -> str:
    if anomaly.unit != "ms":
        return f"{anomaly.value:,.0f} {anomaly.unit}"
    usual = "" if anomaly.baseline is None else f", usually {_time(anomaly.baseline)}"
    return f"{_time(anomaly.value)}{usual}"


def _time(milliseconds: float) -> str:
    return fmt.duration(milliseconds / 1000)


def _behaviors(found: Mapping[str, int]) -> list[str]:
    told = " · ".join(f"{name} {count:,}" for name, count in found.items())
    return [f"replies that speak of it: {told}"] if found else []
