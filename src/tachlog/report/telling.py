"""The words of a report, once for Markdown and HTML: sections of lines."""

from __future__ import annotations

from collections.abc import Iterator

from tachlog import figures as fmt
from tachlog.analysis.comparison import Compared
from tachlog.report.weeks import Daily, Report

MOST_ROWS = 6
LEAST_CALLS = 20


def title(report: Report) -> str:
    """The report in a line."""
    partly = "" if report.is_over else ", not over yet"
    return f"Agents, {report.week} ({report.first} to {report.last}{partly})"


def sections(report: Report) -> Iterator[tuple[str, list[str]]]:
    """Titles with their lines, plain text without anything that steers a terminal."""
    if not report.totals.threads:
        lines = [f"No session began in this week ({report.time_zone})."]
        if report.cost.total:
            lines.append(f"Sessions begun before went on: {fmt.money(report.cost.total)}.")
        yield "Nothing happened" if not report.cost.total else "No new session", lines
        return
    parts = (
        ("The one thing", _one_thing),
        ("Against last week and the four-week norm", _against),
        ("Money", _money),
        ("What bought nothing", _waste),
        ("Reliability", _reliability),
        ("Speed", _speed),
        ("Complexity", _complexity),
        ("Sessions worth a look", _notable),
        ("Do next; did the last advice help?", _advice),
        ("How sure", _sure),
    )
    for name, tell in parts:
        yield name, [fmt.plain(line) for line in tell(report)]


def _one_thing(report: Report) -> Iterator[str]:
    if report.recommendations:
        yield report.recommendations[0].message
    else:
        yield "Nothing stands out."


def _against(report: Report) -> Iterator[str]:
    yield f"{fmt.plural(int(report.sessions.total), 'session')} {_trend(report.sessions)}"
    yield f"{fmt.money(report.cost.total)} at API prices {_trend(report.cost)}"
    for name, found in (("last week", report.against_last), ("four weeks", report.against_norm)):
        told = [_changed(each) for each in found if each.direction in ("up", "down")]
        asked = [each for each in found if each.direction is not None]
        if told:
            yield f"per session, against the {name}: {', '.join(told)}; the rest is flat"
        elif asked:
            yield f"per session, against the {name}: flat"
        else:
            yield f"per session, against the {name}: too few sessions to tell"


def _trend(daily: Daily) -> str:
    if daily.direction is None:
        return "(too early to compare)"
    if daily.direction == "flat":
        return "(flat)"
    change = (daily.total - daily.usual) / daily.usual if daily.usual else None
    by = "" if change is None else f" {fmt.signed_percent(change)}"
    return f"({daily.direction}{by} against the four-week norm, more than noise)"


def _changed(each: Compared) -> str:
    by = "" if each.change is None else f" {fmt.signed_percent(each.change)}"
    return f"{each.name.replace('_', ' ')} {each.direction}{by} (p = {each.p_value:.2g})"


def _money(report: Report) -> Iterator[str]:
    models = sorted(report.totals.models.items(), key=lambda item: -(item[1].cost_usd or 0))
    told = [f"{name} {fmt.money(use.cost_usd)}" for name, use in models[:MOST_ROWS]]
    yield f"by model: {', '.join(told)}"
    projects = report.projects[:MOST_ROWS]
    told = [f"{row.key or 'no project'} {fmt.money(row.cost_usd)}" for row in projects]
    yield f"by project: {', '.join(told)}"
    yield f"calls of no pull request: {fmt.money(report.without_pull_request_usd)}"


def _waste(report: Report) -> Iterator[str]:
    found = report.waste
    yield f"{fmt.money(found.cost_usd)} ({fmt.percent(found.cost_share)})"
    for row in found.rows:
        yield f"{fmt.money(row.cost_usd)}, {fmt.plural(row.cases, 'case')}: {row.meaning}"


def _reliability(report: Report) -> Iterator[str]:
    totals = report.totals
    yield f"errors {fmt.percent(totals.error_rate)} of {fmt.count(totals.operations)} operations"
    if totals.error_breakdown:
        classes = list(totals.error_breakdown.items())[:MOST_ROWS]
        yield ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in classes)
    tools = [
        (1 - used.success_rate, name, used.success_count + used.error_count)
        for name, used in totals.tool_usage.items()
        if used.error_count and used.success_rate is not None
    ]
    worst = sorted((t for t in tools if t[2] >= LEAST_CALLS), key=lambda t: (-t[0], t[1]))[:3]
    if worst:
        told = ", ".join(f"{name} {fmt.percent(rate)} of {n:,}" for rate, name, n in worst)
        yield f"worst tools: {told}"


def _speed(report: Report) -> Iterator[str]:
    totals = report.totals
    if totals.p95_response_time is not None:
        p95 = fmt.duration(totals.p95_response_time / 1000)
        yield f"model call p95 {p95} (n = {totals.timed_calls:,})"
    slow = sorted(totals.tool_usage.items(), key=lambda item: (-item[1].total_time, item[0]))
    for name, used in slow[:3]:
        if used.p50_time is not None and used.p95_time is not None:
            p50, p95 = (fmt.duration(ms / 1000) for ms in (used.p50_time, used.p95_time))
            yield f"{name}: p50 {p50}, p95 {p95} (n = {used.count:,})"


def _complexity(report: Report) -> Iterator[str]:
    found = report.totals.complexity
    yield ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in found.items() if n)


def _notable(report: Report) -> Iterator[str]:
    for view in report.notable:
        cost = view.tree.cost_usd if view.tree else view.cost_usd
        name = view.title or view.session_id
        told = f"{fmt.duration(view.duration)}, {fmt.money(cost)}"
        yield f"“{name}”: {told}, complexity {view.complexity.replace('_', ' ')}"


def _advice(report: Report) -> Iterator[str]:
    for each in report.recommendations:
        saving = each.saving.usd_per_week
        told = "not estimated" if saving is None else f"up to {fmt.money(saving)} a week"
        yield f"{each.message} (saving: {told}, confidence {each.confidence})"
    for answer in report.answered:
        verdict = f", {answer.effect.verdict}" if answer.effect else ""
        yield f"{answer.state}{verdict}: {answer.message}"
    if not report.recommendations and not report.answered:
        yield "nothing to recommend"


def _sure(report: Report) -> Iterator[str]:
    tokens = report.totals.tokens
    estimated = tokens.estimated / tokens.total if tokens.total else None
    records = fmt.plural(report.records, "record")
    yield f"{fmt.plural(report.problems, 'problem')} in {records} of the archive"
    yield f"{fmt.percent(estimated)} of tokens estimated"
    if report.totals.unpriced_models:
        yield f"no price is known of {', '.join(report.totals.unpriced_models)}"
    yield f"days of {report.time_zone}; {report.prices}; logs read until {report.read_until}"
