"""The words of a report, once for every form: sections of lines, tables and charts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.comparison import Compared
from tachlog.analysis.shapes import Saving, SessionView
from tachlog.data.agents import AGENTS
from tachlog.report.weeks import Daily, Report

MOST_ROWS: Final = 6
MOST_CHARACTERS: Final = 400
"""What a line holds at most: names come from logs, and may be long."""

LEAST_CALLS: Final = 20
LEAST_SHARE: Final = 0.05


LEAST_USD: Final = 1.0
"""What bought nothing is worth the first line from this share of a week, and this much, on."""


class Table(Struct, frozen=True):
    """Rows of texts under a head; the first of each row says what it is of."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


class Chart(Struct, frozen=True):
    """Values by day, in dollars."""

    label: str
    pairs: list[tuple[str, float]]


Block = str | Table | Chart


def title(report: Report) -> str:
    """The report in a line."""
    partly = "" if report.is_over else f", read until {report.read_until[:10]}"
    return f"Agents, {report.week} ({report.first} to {report.last}{partly})"


def sections(report: Report) -> Iterator[tuple[str, list[Block]]]:
    """Titles with what they hold, all of it text without anything that steers a terminal."""
    if not report.totals.threads:
        lines: list[Block] = [f"No session began in this week ({report.time_zone})."]
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
        ("Complexity and outcomes", _outcomes),
        ("Sessions worth a look", _notable),
        ("Do next", _advice),
        ("Did last week's advice help?", _earlier),
        ("How sure", _sure),
    )
    for name, tell in parts:
        if found := [_plain(block) for block in tell(report)]:
            yield name, found


def one_thing(report: Report) -> str:
    """What matters first: what costs most, else what changed most."""
    advice = report.recommendations[0] if report.recommendations else None
    waste = max(report.waste.rows, key=lambda row: (row.cost_usd or 0, row.kind), default=None)
    lost = (waste.cost_usd if waste else None) or 0
    saved = ((advice.saving.usd_per_week or 0) * advice.saving.weeks) if advice else 0
    least = max(LEAST_USD, LEAST_SHARE * (report.waste.used_usd or 0))
    if waste and lost > 2 * saved and lost >= least:
        share = fmt.percent(lost / (report.waste.used_usd or lost), 0)
        most = waste.sessions[0]
        name = _short(most.title or most.session_id)
        part = "" if most.cost_usd is None else f", {fmt.money(most.cost_usd)} of it in “{name}”"
        if report.waste.has_plan and waste.minutes:
            time = fmt.duration(waste.minutes * 60)
            return f"{time}, {share} of the week, bought nothing: {waste.meaning}{part}."
        return f"{fmt.money(lost)}, {share} of the week, bought nothing: {waste.meaning}{part}."
    if advice:
        return f"{_capital(advice.message)} ({_saving(advice.saving, report)})."
    if report.cost.direction == "up":
        return f"Agents cost {fmt.money(report.cost.total)}: {_verdict(report.cost)}."
    return "Nothing stands out."


def _one_thing(report: Report) -> Iterator[Block]:
    yield one_thing(report)


def _against(report: Report) -> Iterator[Block]:
    def row(name: str, daily: Daily, told: Callable[[float], str]) -> tuple[str, ...]:
        before = (fmt.NONE if n is None else told(n) for n in (daily.last, daily.usual))
        return (name, told(daily.total), *before, _verdict(daily))

    head = ("", "this week", "last week", "a usual week", "against the norm")
    yield Table(
        head,
        [
            row("sessions", report.sessions, fmt.short_count),
            row("tokens", report.tokens, fmt.short_count),
            row("at API prices", report.cost, fmt.money),
        ],
    )
    for name, found in (
        ("the week before", report.against_last),
        ("the four weeks before", report.against_norm),
    ):
        told = [_changed(each) for each in found if each.direction in ("up", "down")]
        asked = [each for each in found if each.direction is not None]
        if told:
            yield f"A session, against those of {name}: {', '.join(told)}; the rest is flat."
        elif asked:
            yield f"A session, against those of {name}: flat."
        else:
            yield f"A session, against those of {name}: too few to tell."


def _verdict(daily: Daily) -> str:
    if daily.direction is None:
        return "too early to compare"
    if daily.direction == "flat":
        return "flat"
    change = (daily.total - daily.usual) / daily.usual if daily.usual else None
    by = "" if change is None else f" {fmt.signed_percent(change)}"
    return f"{daily.direction}{by}, more than noise"


def _changed(each: Compared) -> str:
    by = "" if each.change is None else f" {fmt.signed_percent(each.change)}"
    return f"{each.name.replace('_', ' ')} {each.direction}{by} (p = {each.p_value:.2g})"


def _money(report: Report) -> Iterator[Block]:
    first = date.fromisoformat(report.first)
    days = [f"{first + timedelta(days=place):%a}" for place in range(7)]
    pairs = list(zip(days, report.cost.values, strict=True))
    yield Chart("Cost by day, at API prices", pairs)
    models = {name: use.cost_usd for name, use in report.totals.models.items()}
    yield f"By model: {_shares(models)}."
    projects = {row.key or "no project": row.cost_usd for row in report.projects}
    yield f"By project: {_shares(projects)}."
    agents = {AGENTS.get(row.key or "", row.key or "none"): row.cost_usd for row in report.agents}
    if len(agents) > 1:
        yield f"By agent: {_shares(agents)}."
    if (apart := report.without_pull_request_usd) is not None:
        yield f"In no pull request that a log tells of: {fmt.money(apart)}."


def _shares(found: Mapping[str, float | None]) -> str:
    """The dearest, and what the others come to; those without a price are counted."""
    ordered = sorted(found.items(), key=lambda item: (-(item[1] or 0), item[0]))
    told = [f"{_short(name)} {fmt.money(cost)}" for name, cost in ordered[:MOST_ROWS]]
    rest = ordered[MOST_ROWS:]
    if rest:
        told.append(f"{len(rest)} more {fmt.money(sum(cost or 0 for _, cost in rest))}")
    return ", ".join(told)


def _waste(report: Report) -> Iterator[Block]:
    found = report.waste
    if not found.rows:
        yield "Nothing that logs can show."
        return
    if found.cost_usd is not None:
        share = f"{fmt.percent(found.cost_share)} of the week at API prices"
        if found.has_plan:
            limits = [
                f", about {fmt.percent(part)} of the weekly limit of {AGENTS.get(agent, agent)}"
                for agent, part in found.of_weekly_limit.items()
            ]
            share = f"{share}{''.join(limits)}"
            yield f"{fmt.duration(found.minutes * 60)}, {share} ({fmt.money(found.cost_usd)}):"
        else:
            yield f"{fmt.money(found.cost_usd)}, {share}:"
    rows = sorted(found.rows, key=lambda row: (-(row.cost_usd or 0), -row.tokens, row.kind))
    yield Table(
        ("", "time", "cost", "cases", "sessions"),
        [
            (
                row.meaning,
                fmt.duration(row.minutes * 60) if row.minutes else fmt.NONE,
                fmt.money(row.cost_usd),
                f"{row.cases:,}",
                f"{row.session_count:,}",
            )
            for row in rows
        ],
    )


def _reliability(report: Report) -> Iterator[Block]:
    totals = report.totals
    operations = fmt.plural(totals.operations, "operation")
    yield f"{fmt.percent(totals.error_rate)} of {operations} failed."
    if totals.error_breakdown:
        classes = list(totals.error_breakdown.items())
        told = [f"{_words(name)} {number:,}" for name, number in classes[:MOST_ROWS]]
        rest = sum(number for _, number in classes[MOST_ROWS:])
        yield f"Kinds: {', '.join([*told, *([f'others {rest:,}'] if rest else [])])}."
    tools = [
        (1 - used.success_rate, name, used.success_count + used.error_count, used.errors)
        for name, used in totals.tool_usage.items()
        if used.error_count and used.success_rate is not None
    ]
    worst = sorted((t for t in tools if t[2] >= LEAST_CALLS), key=lambda t: (-t[0], t[1]))[:3]
    if worst:
        yield Table(
            ("worst tools", "failed", "of", "mostly with"),
            [
                (
                    _short(name),
                    fmt.percent(rate),
                    f"{n:,}",
                    _words(max(errors, key=errors.__getitem__)),
                )
                for rate, name, n, errors in worst
            ],
        )
    for cluster in report.clusters:
        if cluster.count > 1:
            where = f"{cluster.count:,} × in {fmt.plural(cluster.sessions, 'session')}"
            about = _short(cluster.tool or "model call")
            said = f": “{_short(cluster.excerpt)}”" if cluster.excerpt else ""
            yield f"Alike: {about}, {_words(cluster.error_class)}, {where}{said}"


def _speed(report: Report) -> Iterator[Block]:
    totals = report.totals
    if report.speeds:
        p95 = totals.p95_response_time
        if p95 is not None:
            told = fmt.duration(p95 / 1000)
            yield f"95 of 100 model calls took at most {told} (n = {totals.timed_calls:,})."
        yield Table(
            ("model", "p50", "p95", "n"),
            [(_short(e.model), _ms(e.p50), _ms(e.p95), f"{e.count:,}") for e in report.speeds],
        )
    slow = sorted(totals.tool_usage.items(), key=lambda item: (-item[1].total_time, item[0]))
    timed = [
        (
            _short(name),
            _ms(used.p50_time),
            _ms(used.p95_time),
            f"{used.count:,}",
            _ms(used.total_time),
        )
        for name, used in slow
        if used.p95_time is not None
    ]
    if timed:
        yield Table(("tool", "p50", "p95", "n", "in all"), timed[:MOST_ROWS])


def _ms(value: float | None) -> str:
    return fmt.duration(None if value is None else value / 1000)


def _outcomes(report: Report) -> Iterator[Block]:
    found = report.totals.complexity
    told = [f"{_words(name)} {n}" for name, n in found.items() if n]
    if told:
        norm = report.hardness
        against = "too few sessions to compare" if norm is None else f"{norm} against the norm"
        yield f"Complexity: {', '.join(told)} ({against})."
    told = [f"{_words(name)} {n}" for name, n in report.outcomes.items()]
    if told:
        yield f"How sessions ended: {', '.join(told)}."


def _notable(report: Report) -> Iterator[Block]:
    for view in report.notable:
        cost = view.tree.cost_usd if view.tree else view.cost_usd
        told = [
            f"{fmt.duration(view.active_duration)} of work",
            fmt.money(cost),
            f"complexity {_words(view.complexity)}",
            _words(view.outcome),
        ]
        if view.context.compactions:
            told.append(fmt.plural(view.context.compactions, "compaction"))
        yield f"“{_name(view)}”: {', '.join(told)}"


def _name(view: SessionView) -> str:
    day = (view.start_time or "")[:10]
    return _short(view.title or " · ".join(filter(None, (view.project, view.branch, day))))


def _advice(report: Report) -> Iterator[Block]:
    for each in report.recommendations:
        told = f"{_saving(each.saving, report)}, confidence {each.confidence}, effort {each.effort}"
        yield f"{_capital(each.message)} ({told})"
    if not report.recommendations:
        yield "Nothing to recommend."


def _earlier(report: Report) -> Iterator[Block]:
    for answer in report.answered:
        verdict = f", {answer.effect.verdict}" if answer.effect else ""
        yield f"{_capital(answer.state)}{verdict}: {answer.message}"
    for each in report.earlier:
        if each.now is None:
            yield f"Not seen any more: {each.message}"
        else:
            before, now = (_saving(saving, report) for saving in (each.before, each.now))
            yield f"Still so ({now}; the week before {before}): {each.message}"


def _sure(report: Report) -> Iterator[Block]:
    tokens = report.totals.tokens
    estimated = tokens.estimated / tokens.total if tokens.total else None
    records = fmt.plural(report.records, "record")
    yield f"{fmt.plural(report.problems, 'problem')} in {records} of the archive."
    if report.unknown:
        kinds = [f"{_short(name)} {n:,}" for name, n in list(report.unknown.items())[:MOST_ROWS]]
        yield f"Records of kinds that no source knows: {', '.join(kinds)}."
    yield f"{fmt.percent(estimated)} of the week's tokens are estimated."
    if report.totals.unpriced_models:
        names = [_short(name) for name in list(report.totals.unpriced_models)[:MOST_ROWS]]
        yield f"No price is known of {', '.join(names)}."
    read = f"{report.read_until[:16].replace('T', ' ')} UTC"
    yield f"Days are those of {report.time_zone}; {report.prices}; read until {read}."


def _saving(saving: Saving, report: Report) -> str:
    """What it came to in the week, the dearest measure that is known; with a plan that is time."""
    cost = minutes = tokens = ""
    if saving.usd_per_week is not None and saving.usd_per_week >= 0.005:
        cost = fmt.money(saving.usd_per_week * saving.weeks)
    if saving.minutes_per_week >= 1:
        minutes = fmt.duration(saving.minutes_per_week * saving.weeks * 60)
    if saving.tokens_per_week >= 1000:
        tokens = f"{fmt.short_count(saving.tokens_per_week * saving.weeks)} tokens"
    told = [cost or minutes or tokens]
    if report.waste.has_plan:
        told = [minutes or tokens, _of_plan(saving), cost and f"{cost} at API prices"]
    known = ", ".join(filter(None, told))
    return f"up to {known}" if known else "saving not estimated"


def _of_plan(saving: Saving) -> str:
    """What part of the weekly limit it is, where logs tell that, else of what was used."""
    if saving.limit_share:
        return f"{fmt.percent(saving.limit_share)} of the weekly limit"
    return f"{fmt.percent(saving.use_share)} of the use" if saving.use_share else ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _short(text: str, most: int = 80) -> str:
    """A name from a log, on one line and of bearable length."""
    found = fmt.plain(text[: 4 * most])
    return found if len(found) <= most else f"{found[: most - 1].rstrip()}…"


def _plain(block: Block) -> Block:
    match block:
        case str():
            return _short(block, MOST_CHARACTERS)
        case Table():
            return Table(block.head, [tuple(map(fmt.plain, row)) for row in block.rows])
        case Chart():
            return block
