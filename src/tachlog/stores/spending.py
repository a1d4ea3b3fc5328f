"""What the archive's model calls used and cost, grouped by the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from msgspec.structs import replace

from tachlog.analysis.cost_check import ReportedCall, TokenCheck
from tachlog.analysis.selection import NUMBER_NOT_TOLD, PERIODS, By, Selection, Shifts, Spending
from tachlog.metrics import QUARTER_US, ModelUse
from tachlog.metrics.facts import PROPOSING
from tachlog.model import OUTCOMES, RUN_TOTALS, TARGET_KINDS, Usage
from tachlog.stores.database import Database
from tachlog.stores.periods import by_agent, parts_of, totals_filter, whole_filter
from tachlog.stores.reading import NOT_IN_DAYS, operations_filter
from tachlog.stores.rows import Row

_DAY_QUARTERS: Final = 96
_SUMS: Final = (
    "o.input",
    "o.cache_read",
    "o.cache_write",
    "o.cache_write_1h",
    "o.settled_output",
    "o.reasoning",
    "o.estimated",
    "o.cost_nanousd",
)
_TOKENS: Final = "coalesce(o.input + o.cache_read + o.cache_write, 0) + o.settled_output"
_QUARTER: Final = f"o.at_us / {QUARTER_US}"
_NAME: Final = "(SELECT text FROM names WHERE id = o.branch)"
_TYPE: Final = (
    "CASE WHEN t.parent IS NOT NULL THEN coalesce((SELECT m.value FROM marks m WHERE"
    " m.thread = t.id AND m.name = 'agent_type' ORDER BY m.last_us DESC, m.value LIMIT 1), '') END"
)

_BY_QUARTER: Final[Mapping[By, tuple[str, str]]] = {
    **dict.fromkeys(("day", "week", "month"), ("q.quarter", "NULL")),
    **dict.fromkeys(("model", "provider"), ("NULL", "NULL")),
    "agent": ("t.agent", "NULL"),
    "project": ("s.project", "NULL"),
    "session": ("t.root", "t.agent"),
    "subagent": (_TYPE, "NULL"),
}
"""What is the same for all calls of a thread in a quarter hour is answered from its sums."""

_BY_CALL: Final[Mapping[By, tuple[str, str]]] = {
    **_BY_QUARTER,
    **dict.fromkeys(("day", "week", "month"), (_QUARTER, "NULL")),
    "branch": (_NAME, "s.project"),
    "pr": ("p.value", "NULL"),
    "tool": ("(SELECT text FROM names WHERE id = p.tool)", "NULL"),
}

_BY_TOTAL: Final[Mapping[By, tuple[str, str]]] = {
    **dict.fromkeys(("day", "week", "month"), ("q.quarter", "NULL")),
    **dict.fromkeys(("model", "provider"), ("NULL", "NULL")),
    "agent": ("q.agent", "NULL"),
}
"""What the totals of agents can be cut by."""

_THREADS: Final = (
    "sum(q.reasoning)",
    "sum(q.cost_nanousd)",
    "model_quarters q JOIN threads t ON t.id = q.thread"
    " LEFT JOIN agent_telemetry_summaries s ON s.thread = t.id",
)
_TOTALS: Final = (
    "CASE WHEN sum(q.reasoning_rows) > 0 THEN sum(q.reasoning) END",
    "CASE WHEN sum(q.calls) > sum(q.unpriced_calls) THEN sum(q.cost_nanousd) END",
    "model_totals q",
)
"""Sums of thinking and cost, None where none is known, and what the rows are of."""

_PROPOSED: Final = " OR ".join(
    f"' && ' || x.text || ' && ' LIKE '% && {command} && %'" for command in sorted(PROPOSING)
)
_PULLS: Final = f"""
WITH named AS (
    SELECT t.root, t.agent, m.value, min(m.first_us) AS at_us
    FROM marks m JOIN threads t ON t.id = m.thread
    WHERE m.name = 'pull_request' GROUP BY 1, 2, 3),
told AS (
    SELECT * FROM named UNION ALL
    SELECT t.root, t.agent, '{NUMBER_NOT_TOLD}', min(u.at_us)
    FROM texts x JOIN tool_calls u ON u.target = x.key JOIN threads t ON t.id = u.thread
    WHERE u.target_kind = {TARGET_KINDS.index("command")} AND ({_PROPOSED})
    AND u.reported = {OUTCOMES.index("success")} AND NOT EXISTS (
        SELECT 1 FROM named n WHERE n.root = t.root AND n.agent = t.agent)
    GROUP BY 1, 2, 3),
pulls AS (
    SELECT root, agent, value, lag(at_us, 1, -1) OVER ordered AS after_us,
    CASE WHEN lead(at_us) OVER ordered IS NULL THEN {(1 << 63) - 1} ELSE at_us END AS until_us
    FROM told WINDOW ordered AS (PARTITION BY root, agent ORDER BY at_us, value))
"""
"""The time of each pull request of a session: from the one before, the last one's to the end."""

_JOINS: Final[Mapping[By, str]] = {
    "pr": (
        " LEFT JOIN pulls p ON p.root = t.root AND p.agent = t.agent"
        " AND o.at_us > p.after_us AND o.at_us <= p.until_us"
    ),
    "tool": (
        " LEFT JOIN (SELECT u.call, u.tool, count(*) OVER (PARTITION BY u.call) AS parts,"
        " row_number() OVER (PARTITION BY u.call ORDER BY u.key) AS part FROM tool_calls u"
        " WHERE u.call IS NOT NULL AND u.tool IS NOT NULL) p ON p.call = o.key"
    ),
}


def spending(
    database: Database,
    names: Mapping[int, str],
    selection: Selection,
    by: By,
    cuts: Sequence[int] = (),
    shifts: Shifts | None = None,
) -> list[Spending]:
    """The selected calls by group, model, provider and period, in no order.

    Quarter hours of one day come together where `shifts` tell how the clocks of a zone go.

    A pull request has the calls up to the one that opened it, or up to the first after it was
    opened by one; the last of a session also those that follow. By tool, a call that asked for
    several is divided among them in whole tokens and nano-dollars.
    """
    found: list[Spending] = []
    for period, within in enumerate(_divided(selection, cuts)):
        rows: list[Row] = []
        if by in _BY_QUARTER:
            for part in parts_of(within):
                if part.whole:
                    rows += _of_quarters(database, names, part.selection, by, shifts)
                else:
                    rows += _of_calls(database, names, part.selection, by)
        else:
            rows += _of_calls(database, names, within, by)
            rows += _of_quarters(database, names, within, by, None)
        found += [_spending(row, names, by, period) for row in rows]
    return found


def _divided(selection: Selection, cuts: Sequence[int]) -> Iterator[Selection]:
    """A selection between each two of some moments, before the first and after the last."""
    for after, before in pairwise([None, *cuts, None]):
        since = [us for us in (selection.since_us, after) if us is not None]
        until = [us for us in (selection.until_us, before) if us is not None]
        yield replace(
            selection, since_us=max(since, default=None), until_us=min(until, default=None)
        )


def _of_calls(
    database: Database, names: Mapping[int, str], selection: Selection, by: By
) -> list[Row]:
    """What single calls come to."""
    test, values = _filter(database, names, selection)
    share = _part_of if by == "tool" else str
    group, within = _BY_CALL[by]
    sums = ", ".join(f"sum({share(column)})" for column in _SUMS)
    unpriced = f"sum(CASE WHEN o.cost_nanousd IS NULL THEN {share(_TOKENS)} ELSE 0 END)"
    return database.rows(
        f"{_PULLS if by == 'pr' else ''} SELECT {group}, {within}, o.model, o.provider,"
        f" min(o.at_us), count(*), {sums}, count(*) - count(o.cost_nanousd), {unpriced},"
        " count(o.reported_nanousd)"
        " FROM calls o JOIN threads t ON t.id = o.thread"
        " LEFT JOIN agent_telemetry_summaries s ON s.thread = t.id"
        f"{_JOINS.get(by, '')} WHERE {test} AND {NOT_IN_DAYS} GROUP BY 1, 2, 3, 4",
        values,
    )


def _day(database: Database, selection: Selection, shifts: Shifts) -> str:
    """The number of a quarter hour's day, as the clocks of a zone go."""
    ((first, last),) = database.rows(
        "SELECT (SELECT min(quarter) FROM model_totals), (SELECT max(quarter) FROM model_totals)"
    )
    if selection.since_us is not None:
        first = max(first or 0, selection.since_us // QUARTER_US)
    if selection.until_us is not None:
        last = min(last or 0, selection.until_us // QUARTER_US)
    day = "0"
    for since, ahead in shifts(first or 0, last or 0):
        shifted = f"(q.quarter + {ahead}) / {_DAY_QUARTERS}"
        day = f"CASE WHEN q.quarter < {since} THEN {day} ELSE {shifted} END"
    return day


def _of_quarters(
    database: Database,
    names: Mapping[int, str],
    selection: Selection,
    by: By,
    shifts: Shifts | None,
) -> list[Row]:
    """What quarter hours come to: totals of agents answer where no thread is asked for.

    Of what they cannot be cut by only the days that are left of deleted calls, which know no
    branch, tool or pull request.
    """
    of_all = replace(selection, model=None, provider=None)
    by_totals = by in _BY_TOTAL and by_agent(of_all)
    test, values = (totals_filter if by_totals else whole_filter)(database, of_all)
    for column, wanted in (("q.name", selection.model), ("q.provider", selection.provider)):
        if wanted is not None:
            test += f" AND {column} = ?"
            values.append(next((number for number, text in names.items() if text == wanted), -1))
    deleted = (
        f" JOIN remainders p ON p.thread = q.thread AND q.quarter < p.cut_us / {QUARTER_US}"
        if by not in _BY_QUARTER
        else ""
    )
    group, within = (_BY_TOTAL if by_totals else _BY_QUARTER).get(by, ("NULL", "NULL"))
    reasoning, cost, source = _TOTALS if by_totals else _THREADS
    cut = "1, 2"
    if shifts is not None and by in PERIODS:
        group, cut = "min(q.quarter)", _day(database, selection, shifts)
    return database.rows(
        f"SELECT {group}, {within}, q.name, q.provider,"
        f" min(q.quarter) * {QUARTER_US}, sum(q.calls), sum(q.input), sum(q.cache_read),"
        f" sum(q.cache_write), sum(q.cache_write_1h), sum(q.output), {reasoning},"
        f" sum(q.estimated), {cost}, sum(q.unpriced_calls), sum(q.unpriced_tokens),"
        f" sum(q.reported_cost_calls) FROM {source}{deleted}"
        f" WHERE {test} GROUP BY {cut}, 3, 4",
        values,
    )


def _spending(row: Row, names: Mapping[int, str], by: By, period: int) -> Spending:
    group, within, model, provider, first_us, *counts = row
    calls, *sums, unpriced, unpriced_tokens, reported = counts
    fresh, read, written, hour, output, reasoning, estimated, nanousd = sums
    name = names[model]
    use = ModelUse(
        names[provider],
        calls,
        fresh or 0,
        read or 0,
        written or 0,
        hour or 0,
        output,
        reasoning,
        estimated,
        nanousd,
        unpriced,
        unpriced_tokens,
        reported,
    )
    if by in ("model", "provider"):
        group = name if by == "model" else use.provider
    return Spending(group, within, name, use, period, first_us)


def _part_of(amount: str) -> str:
    """The part of a call's amount that falls to one of its tools: the first ones have the rest."""
    return (
        f"CASE WHEN p.parts IS NULL THEN {amount} ELSE ({amount}) / p.parts"
        f" + CASE WHEN p.part <= ({amount}) % p.parts THEN 1 ELSE 0 END END"
    )


def _filter(
    database: Database, names: Mapping[int, str], selection: Selection
) -> tuple[str, list[Any]]:
    """A condition on calls, whose model and provider are their own."""
    test, values = operations_filter(database, replace(selection, model=None, provider=None))
    numbers = {text: number for number, text in names.items()}
    for column in ("model", "provider"):
        wanted = getattr(selection, column)
        if wanted is not None:
            test += f" AND o.{column} = ?"
            values.append(numbers.get(wanted, -1))
    return test, values


def providers(database: Database) -> list[str]:
    """The providers of all model calls, in order, without `unknown`."""
    found = database.rows(
        "SELECT n.text FROM names n WHERE n.text <> 'unknown'"
        " AND n.id IN (SELECT q.provider FROM model_quarters q)"
    )
    return sorted(text for (text,) in found)


def reported_calls(database: Database, names: Mapping[int, str]) -> list[ReportedCall]:
    """The calls whose log reports their cost, without those that stand for a whole run."""
    runs = [number for number, text in names.items() if text == RUN_TOTALS]
    found = database.rows(
        "SELECT t.agent, o.model, o.provider, o.tier, o.at_us, o.reported_nanousd,"
        " coalesce(o.input, 0), coalesce(o.cache_read, 0), coalesce(o.cache_write, 0),"
        " o.settled_output, coalesce(o.cache_write_1h, 0), o.reasoning,"
        " coalesce(o.web_searches, 0) FROM calls o JOIN threads t ON t.id = o.thread"
        " WHERE o.reported_nanousd IS NOT NULL AND coalesce(o.stop_reason, -1) <> ?",
        [runs[0] if runs else -2],
    )
    return [
        ReportedCall(
            agent,
            names[model],
            names[provider],
            None if tier is None else names[tier],
            at_us,
            Usage(*usage),
            reported,
        )
        for agent, model, provider, tier, at_us, reported, *usage in found
    ]


def reported_tokens(database: Database) -> list[TokenCheck]:
    """The running totals that logs told last, and what the calls until then come to."""
    return [
        TokenCheck(session_id, reported, counted)
        for session_id, reported, counted in database.rows(
            "SELECT t.session_id, l.reported, coalesce(sum(o.input + o.cache_read + o.cache_write"
            " + o.output), 0) FROM (SELECT m.thread, max(CAST(m.value AS BIGINT)) AS reported,"
            " max(m.last_us) AS at_us FROM marks m WHERE m.name = 'reported_tokens'"
            " GROUP BY m.thread) l JOIN threads t ON t.id = l.thread"
            " LEFT JOIN calls o ON o.thread = l.thread AND o.at_us <= l.at_us"
            " WHERE NOT EXISTS (SELECT 1 FROM marks f WHERE f.thread = l.thread"
            " AND f.name = 'forked_from')"
            " AND NOT EXISTS (SELECT 1 FROM remainders p WHERE p.thread = l.thread)"
            " GROUP BY t.session_id, l.reported ORDER BY t.session_id"
        )
    ]
