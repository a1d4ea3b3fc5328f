"""How pages write figures: the words of the terminal, and the charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from tachlog import charts
from tachlog import figures as fmt
from tachlog.analysis.shapes import Saving
from tachlog.analysis.units import rfc3339
from tachlog.charts import Bar, Lane, Line, Piece
from tachlog.cli.advice import saving_told
from tachlog.cli.naming import agent_name, model_name, words
from tachlog.cli.top_rows import doing
from tachlog.model import UNTIMED_US
from tachlog.report.rendering import body
from tachlog.report.telling import title
from tachlog.report.weeks import Report, week_beside

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
UNTIMED: Final = rfc3339(UNTIMED_US)
"""What no log dates stands before this time."""
MOST_TICKS: Final = 8
MOST_DAYS: Final = 60
STEPS_S: Final = (60, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800)


def looks(environment: Environment) -> None:
    """Teach an environment of templates to write figures."""
    environment.filters.update(
        doing=lambda each: doing(each["state"], each["tool"], each["target"], exact=each["exact"]),
        money=fmt.money,
        percent=fmt.percent,
        short=lambda value: fmt.NONE if value is None else fmt.short_count(value),
        count=lambda value: fmt.NONE if value is None else fmt.count(value),
        duration=fmt.duration,
        saving=_saving,
        ms=lambda value: fmt.duration(None if value is None else value / 1000),
        size=fmt.size,
        change=fmt.signed_percent,
        agent=agent_name,
        model=model_name,
        words=words,
        address=lambda value: quote(str(value), safe="/"),
        moment=_moment,
        day=_day,
        spark=lambda values, label: Markup(charts.spark(label, values)),
    )
    environment.globals.update(
        cost_chart=cost_chart,
        error_chart=error_chart,
        day_chart=day_chart,
        calendar=calendar,
        week=week,
        trend_chart=trend_chart,
        context_chart=context_chart,
        waterfall=waterfall,
        bar=share_bar,
        link=link,
        plural=fmt.plural,
        report_title=lambda found: title(msgspec.convert(found, Report)),
        report_body=lambda found: Markup(body(msgspec.convert(found, Report))),
        week_beside=week_beside,
    )


@pass_context
def _saving(context: Context, told: Mapping[str, Any]) -> str:
    """What advice may save: `Up to $1.20, 12 min a week of work (over 4 weeks)`."""
    words_of = saving_told(msgspec.convert(told, Saving), context["has_plan"])
    return words_of[:1].upper() + words_of[1:]


@pass_context
def _moment(context: Context, text: str | None) -> str:
    """A time in the display zone: `18 Nov 14:02`."""
    if text is None or text <= UNTIMED:
        return ""
    return f"{_day(context, text)} {fmt.clock(text, context['zone'])}"


@pass_context
def _day(context: Context, text: str | None) -> str:
    return "" if text is None or text <= UNTIMED else fmt.day(text, context["zone"])


@pass_context
def link(context: Context, path: str, **changes: object) -> str:
    """The address of a page with the filters of this one, some of them changed (None: dropped)."""
    kept = {name: context["query"].get(name) for name in context["filters"]} | changes
    query = urlencode({name: value for name, value in kept.items() if value not in (None, "")})
    return f"{path}?{query}" if query else path


def share_bar(share: float | None, words: str = "") -> Markup:
    """A share as a bar of fixed length."""
    filled = max(0.0, min(1.0, share or 0.0)) * 100
    return Markup(
        f'<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img"'
        f' aria-label="{Markup.escape(words or fmt.percent(share))}">'
        f'<rect class="bar-room" width="100" height="8"/>'
        f'<rect class="bar-full" width="{filled:.1f}" height="8"/></svg>'
    )


def cost_chart(rows: Sequence[Mapping[str, Any]], label: str) -> Markup:
    """The cost of periods, by model: the five dearest, the others together."""
    totals: dict[str, float] = {}
    for row in rows:
        for model, use in row["models"].items():
            totals[model] = totals.get(model, 0) + (use["cost_usd"] or 0)
    named = sorted(totals, key=lambda model: -totals[model])[:5]
    names = [*map(model_name, named), "others"] if len(totals) > 5 else [*map(model_name, named)]
    found = []
    for row in rows:
        costs = [(row["models"].get(model) or {}).get("cost_usd") or 0 for model in named]
        rest = (row["cost_usd"] or 0) - sum(costs)
        found.append(Bar(row["key"] or "no date", (*costs, rest)[: len(names)]))
    starts = [] if any(row["key"] is None for row in rows) else [row["key"] for row in rows]
    drawn = charts.stacked(label, found, names, fmt.money, starts=starts)
    return Markup(drawn) + _legend(names)


def error_chart(days: Mapping[str, Mapping[str, int]]) -> Markup:
    """The errors of days, by class: the five most frequent, the others together."""
    sums: dict[str, int] = {}
    for classes in days.values():
        for name, count in classes.items():
            sums[name] = sums.get(name, 0) + count
    named = sorted(sums, key=lambda name: (-sums[name], name))[:5]
    names = [*map(words, named), *(["others"] if len(sums) > 5 else [])]
    found = []
    for day, classes in list(days.items())[-MOST_DAYS:]:
        counts = [classes.get(name, 0) for name in named]
        rest = sum(classes.values()) - sum(counts)
        found.append(Bar(day, tuple(map(float, (*counts, rest)))[: len(names)]))
    label = "errors by day and class"
    starts = [bar.label for bar in found]
    drawn = charts.stacked(label, found, names, fmt.short_count, starts=starts)
    return Markup(drawn) + _legend(names)


def day_chart(days: Mapping[str, float], label: str, unit: str) -> Markup:
    """A value for each day."""
    return Markup(charts.bars(label, list(days.items()), lambda value: _told(value, unit)))


def trend_chart(trend: Mapping[str, Any], zooms: bool = False) -> Markup:
    """One trend over its points; where it `zooms` a part of it can be chosen."""
    points = trend["points"]
    labels = [point["start"][5:10] for point in points]
    values = tuple(point["value"] for point in points)
    label = f"{words(trend['name'])}: {trend['direction']}"
    shown = charts.lines(
        label,
        labels,
        [Line(words(trend["name"]), values)],
        lambda value: _told(value, trend["unit"], ""),
        width=440,
        height=150,
        starts=[_start(point["start"], trend["step"]) for point in points] if zooms else (),
    )
    return Markup(shown)


def _start(text: str, step: str) -> str:
    """The time of a point as an address has it: a day, or the minute that an hour begins with."""
    return text[:10] if step == "day" else f"{text[:16]}Z"


def calendar(days: Mapping[str, float], unit: str, until: str | None = None) -> Markup:
    """A year of days, a column a week."""
    if not days and until is None:
        return Markup("")
    last = date.fromisoformat(until or max(days))
    first = last - timedelta(days=last.weekday() + 7 * 52)
    weeks = [first + timedelta(weeks=number) for number in range(53)]
    values: list[list[float | None]] = [
        [
            days.get(day.isoformat(), 0.0) if day <= last else None
            for day in (monday + timedelta(days=weekday) for monday in weeks)
        ]
        for weekday in range(7)
    ]
    months = [f"{monday:%b}" if monday.day <= 7 else "" for monday in weeks]

    def told(row: int, column: int, value: float) -> str:
        day = weeks[column] + timedelta(days=row)
        return f"{day:%a} {day.day} {day:%b %Y}: {_told(value, unit)}"

    label = f"{unit} by day, {weeks[0]} to {last}"
    return Markup(charts.heat(label, WEEKDAYS, months, values, told))


def week(rows: Sequence[Sequence[float]], unit: str) -> Markup:
    """The hours of a week."""
    hours = [f"{hour}" for hour in range(24)]

    def told(row: int, column: int, value: float) -> str:
        return f"{WEEKDAYS[row]} {column}:00–{column + 1}:00: {_told(value, unit)}"

    label = f"{unit} by weekday and hour of the day"
    return Markup(charts.heat(label, WEEKDAYS, hours, rows, told, every=3))


def context_chart(turns: Sequence[Mapping[str, Any]]) -> Markup:
    """How much the calls of a session had to read."""
    steps = [step for turn in turns for step in turn["steps"] if step.get("context_tokens")]
    if len(steps) < 2:
        return Markup("")
    thinned = steps[:: max(1, len(steps) // 240)]
    labels = [step["start"][11:16] for step in thinned]
    line = Line("context", tuple(float(step["context_tokens"]) for step in thinned))
    return Markup(charts.lines("context of each model call", labels, [line], fmt.short_count))


@pass_context
def waterfall(
    context: Context, turns: Sequence[Mapping[str, Any]], threads: Sequence[Mapping[str, Any]]
) -> Markup:
    """What went on when in a session: turns, model, tools, person, errors, sub-agents."""
    zone: ZoneInfo = context["zone"]
    times = [datetime.fromisoformat(turn["start"]) for turn in turns if turn["start"]]
    ends = [datetime.fromisoformat(turn["end"]) for turn in turns if turn["end"]]
    if not times:
        return Markup("")
    begin, length = min(times), (max(ends) - min(times)).total_seconds() or 1.0

    def at(text: str) -> float:
        return (datetime.fromisoformat(text) - begin).total_seconds()

    lanes: dict[str, list[Piece]] = {
        "turns": [],
        "model": [],
        "tools": [],
        "waits": [],
        "errors": [],
    }
    for turn in turns:
        if turn["start"] is None:
            continue
        number = turn["number"]
        told = f"turn {number}: {fmt.duration(turn['duration'])}, {turn['tool_calls']} tool calls"
        lanes["turns"].append(
            Piece(at(turn["start"]), at(turn["end"]), "turn", told, str(number), f"#turn-{number}")
        )
        for step in turn["steps"]:
            _add_step(lanes, step, at(step["start"]))
    if threads:
        lanes["agents"] = [
            Piece(
                at(each["start_time"]),
                at(each["end_time"]),
                "agent",
                f"{each['agent_type'] or 'sub-agent'} {fmt.money(each['cost_usd'])}",
                each["agent_type"] or "",
                f"/sessions/{quote(each['session_id'])}",
            )
            for each in threads
            if each["start_time"]
        ]
    step = next((s for s in STEPS_S if length / s <= MOST_TICKS), STEPS_S[-1])
    first = -(begin.timestamp() % step) % step
    ticks: list[tuple[float, str]] = []
    while first < length and len(ticks) < 20:
        moment = (begin + timedelta(seconds=first)).astimezone(zone)
        ticks.append((first, f"{moment:%H:%M}" if step < 86_400 else f"{moment:%-d %b}"))
        first += step
    found = [Lane(name, tuple(pieces)) for name, pieces in lanes.items() if pieces]
    return Markup(charts.spans("what went on when", found, ticks, length))


def _add_step(lanes: Mapping[str, list[Piece]], step: Mapping[str, Any], start: float) -> None:
    length = step.get("duration") or 0.0
    kind, name = step["kind"], step.get("name") or ""
    failed = step.get("outcome") == "error" or kind == "failure"
    told = " ".join(filter(None, (name or kind, step.get("about"), fmt.duration(length))))
    if kind in ("reply", "failure"):
        lanes["model"].append(Piece(start, start + length, "error" if failed else "model", told))
    elif kind == "tool":
        lanes["tools"].append(Piece(start, start + length, "error" if failed else "tool", told))
    elif kind == "wait":
        lanes["waits"].append(Piece(start, start + length, "wait", told))
    elif kind == "compaction":
        lanes["waits"].append(Piece(start, start, "compaction", "compaction"))
    if failed:
        lanes["errors"].append(Piece(start, start, "error", step.get("excerpt") or told))


def _told(value: float, unit: str, named: str | None = None) -> str:
    """A value with its unit; `named` is what stands for the unit where it is told elsewhere."""
    if unit in ("cost", "USD"):
        return fmt.money(value)
    if unit == "share":
        return fmt.percent(value)
    words = unit if named is None else named
    return f"{fmt.short_count(value)} {words}".rstrip()


def _legend(names: Sequence[str]) -> Markup:
    items = Markup("").join(
        Markup('<li><span class="key chart-{}"></span>{}</li>').format(place % 6 + 1, name)
        for place, name in enumerate(names)
    )
    return Markup('<ul class="legend">{}</ul>').format(items)
