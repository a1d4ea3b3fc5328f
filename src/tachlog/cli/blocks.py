"""The blocks of the terminal answer that sum up: how much, how long, how sure.

A block is a list of lines, a line a list of spans, so that it is clipped before it is coloured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo

from tachlog import figures as fmt
from tachlog.analysis.alerts import Alert
from tachlog.analysis.billing import Billing
from tachlog.analysis.plans import UnmatchedBill
from tachlog.analysis.shapes import SessionView, Totals
from tachlog.analysis.summary import InputView, ReadNowView, SelectionView, TelemetryResult
from tachlog.analysis.unlogged import NotLogged
from tachlog.analysis.windows import Change, Day, Window, Windows
from tachlog.cli.naming import agent_name, model_name, name_of, when
from tachlog.figures import Span
from tachlog.model import is_note

Line = list[Span]

LABEL = 15
COLUMN = 10
INDENT = 9
SHORT_LABEL = 9
MOST_KINDS = 3
SIDE_CALLS: Mapping[str, tuple[str, str]] = {
    "compaction": ("compaction", "compactions"),
    "title": ("title", "titles"),
    "web_search": ("web search", "web searches"),
}
"""What calls that no log holds are called, one and several."""

WORSE_WHEN_UP = frozenset({"cost", "error_rate", "p95"})


def header(
    result: TelemetryResult, agents: Mapping[str, int], windows: Windows, zone: tzinfo, width: int
) -> list[Line]:
    """What is shown: which part of the archive, which days, whose zone and prices."""
    facts = [
        _selected(result.selection, windows, zone) or "no history",
        result.time_zone,
        result.prices,
    ]
    told = [
        f"{agent_name(agent)} {fmt.count(number)}"
        for agent, number in sorted(agents.items(), key=lambda item: (-item[1], item[0]))
    ]
    if told:
        told[0] += " session" if told[0].endswith(" 1") else " sessions"
    second = fmt.apart(" · ".join(told) or "no sessions", _read(result.read_now, zone), width)
    return [[(f"tachlog {result.tachlog}", "bold"), " · " + " · ".join(facts)], [second]]


def how_much(
    result: TelemetryResult, windows: Windows, billing: Sequence[Billing] = ()
) -> list[Line]:
    """Sessions, tokens, money, errors and response times by window, and whether that is usual.

    Below the money, what the user's subscriptions cost.
    """
    totals = result.totals
    if not totals.sessions:
        return []
    shown = [window for window in windows.windows if window.days < windows.days]
    if not any(window.figures.operations for window in shown):
        shown = []
    compared = bool(shown) and any(change.direction for change in windows.changes.values())
    lines: list[Line] = [
        [
            " " * LABEL,
            *(fmt.right(_window_name(window.days, windows), COLUMN) for window in shown),
            (fmt.right(_all_name(result.selection, windows), COLUMN), "bold"),
            ("   7 days against the 4 weeks before" if compared else "", "dim"),
        ]
    ]
    for name, label, whole in _measures(totals):
        cells = [_cell(name, window.figures) for window in shown]
        line: Line = [
            fmt.left(label, LABEL),
            *(fmt.right(cell, COLUMN) for cell in cells),
            (fmt.right(whole, COLUMN), "bold"),
        ]
        if compared:
            line += _compared(name, windows.changes[name], windows.mover)
        lines.append(line)
        if name == "cost":
            lines += paid(billing, windows.until)
    return lines


def how_long(totals: Totals, width: int) -> list[Line]:
    """Where the hours of the sessions went, without those in which nothing happened."""
    split = totals.time_split
    if split is None:
        return []
    waits = split.approval
    parts = [
        ("model", split.model),
        ("tools" if waits is not None else "tools, approvals", split.tool),
        ("approvals", waits or 0.0),
        ("your next prompt", split.person),
    ]
    busy = sum(seconds for _, seconds in parts)
    if busy <= 0:
        return []
    shares = [(name, seconds / busy) for name, seconds in parts if seconds > 0]
    words = [f"  {name} {fmt.percent(share, 0)} " for name, share in shares]
    idle = f"  + {fmt.duration(split.idle)} idle" if split.idle >= 60 else ""
    line: Line = [(fmt.duration(busy), "bold"), " "]
    taken = sum(map(len, [fmt.duration(busy), " ", *words]))
    if taken + len(idle) > width:
        idle = ""
    cells = max(0, width - taken - len(idle) - len(shares))
    for word, (_, share) in zip(words, shares, strict=True):
        line += [word, (fmt.bar(share, cells), "cyan")]
    return [[*line, (idle, "dim")] if idle else line]


def how_sure(
    result: TelemetryResult,
    unknown: Mapping[str, int],
    width: int,
    not_in_any_log: Sequence[NotLogged] = (),
) -> list[Line]:
    """What the figures rest on, and what is missing in them."""
    totals = result.totals
    doubts = []
    if totals.tokens.estimated and totals.tokens.output:
        share = totals.tokens.estimated / totals.tokens.output
        doubts.append(f"{fmt.percent(share)} of output tokens estimated ({result.estimates})")
    if totals.unpriced_models:
        names = list(totals.unpriced_models)
        tokens = sum(model.tokens for model in totals.unpriced_models.values())
        doubts.append(f"no price: {_some(names)}, {fmt.short_count(tokens)} tokens")
    if totals.time_split is not None and totals.time_split.approval is None and totals.tool_usage:
        doubts.append("tool times include waits for approval")
    if not_in_any_log:
        doubts.append(unlogged(not_in_any_log))
    told = [_equation(result.input), " · ".join(doubts)]
    for heading, noted in (("new record kinds", False), ("odd records", True)):
        some = {kind: n for kind, n in unknown.items() if is_note(kind) is noted}
        if some:
            kinds = [f"{fmt.plain(kind)} ({fmt.count(n)})" for kind, n in _most_first(some)]
            told.append(f"{heading}: {_some(kinds)}")
    texts = [text for part in told for text in fmt.wrap(part, width - INDENT)]
    return [[(fmt.left("" if n else "HOW SURE", INDENT), "bold"), t] for n, t in enumerate(texts)]


def unlogged(kinds: Sequence[NotLogged]) -> str:
    """Calls that must have happened, and about what they cost."""
    calls = ", ".join(fmt.plural(kind.calls, *SIDE_CALLS[kind.kind]) for kind in kinds)
    costs = [kind.cost_usd for kind in kinds if kind.cost_usd is not None]
    return f"not in any log: {calls}" + (f", about {fmt.money(sum(costs))} more" if costs else "")


def paid(billing: Sequence[Billing], today: date) -> list[Line]:
    """What the subscriptions of today cost together, and which they are."""
    known = [bill for bill in billing if bill.since is None or bill.since <= today]
    latest = {
        bill.provider: bill
        for bill in sorted(known, key=lambda bill: (bill.since is not None, bill.since or today))
    }
    plans = [bill for bill in latest.values() if bill.usd_per_month is not None]
    if not plans:
        return []
    total = sum(bill.usd_per_month or 0 for bill in plans)
    names = ", ".join(fmt.plain(bill.name or bill.provider) for bill in plans)
    return [[(f"  you pay ${total:,.0f} a month ({names})", "dim")]]


def where_next(last: SessionView | None, ids: Mapping[str, str]) -> list[Line]:
    """Commands that go on from here."""
    if last is None:
        return [[("tachlog doctor", "cyan"), " says where logs were looked for, and what to do"]]
    verbs = [f"show {ids[last.root_session_id]}", "errors", "patterns", "doctor"]
    return [[(" · ".join(f"tachlog {verb}" for verb in verbs), "dim")]]


def day_name(day: date, *, year: bool = False) -> str:
    """A day as people write it: `18 Nov`, with its year `18 Nov 2026`."""
    return f"{day.day} {day:%b %Y}" if year else f"{day.day} {day:%b}"


def _selected(selection: SelectionView, windows: Windows, zone: tzinfo) -> str:
    """The filters in words, with the days that they leave."""
    words = [
        f"{name} {fmt.plain(value)}"
        for name in ("project", "model", "provider", "complexity")
        if (value := getattr(selection, name))
    ]
    if selection.agent:
        words.insert(0, agent_name(selection.agent))
    if selection.paths is not None:
        words.insert(0, fmt.plural(len(selection.paths), "file"))
    if selection.since:
        words.append(f"begun since {when(selection.since, zone).strip()}")
    if selection.until:
        words.append(f"begun before {when(selection.until, zone).strip()}")
    if not (selection.since or selection.until):
        words.append(_period(windows))
    return ", ".join(word for word in words if word)


def _period(windows: Windows) -> str:
    """From the first to the last day on which something happened."""
    first, last = windows.first, windows.last
    if first is None or last is None:
        return ""
    if windows.current and (first != last or first == windows.until):
        told = day_name(first, year=first.year != windows.until.year)
        return f"since {told} ({fmt.plural(windows.days, 'day')})"
    if first == last:
        return day_name(first, year=True)
    return f"{day_name(first, year=first.year != last.year)} – {day_name(last, year=True)}"


def _read(read: ReadNowView, zone: tzinfo) -> str:
    """What this run read, in a few words."""
    took = f" in {fmt.duration(read.seconds)}" if read.seconds is not None else ""
    since = f" since {fmt.clock(read.since, zone)}" if read.since else ""
    if not read.records and not read.sessions:
        return f"nothing new{since}"
    new = f"+{fmt.plural(read.sessions, 'session')}{since}, " if read.sessions is not None else ""
    return f"{new}{fmt.plural(read.records, 'record')} read{took}"


def _window_name(days: int, windows: Windows) -> str:
    if days == 1:
        return "today" if windows.current else day_name(windows.until)
    return f"{days} days"


def _all_name(selection: SelectionView, windows: Windows) -> str:
    one_day = windows.first == windows.last != windows.until
    if selection.since or selection.until or one_day or not windows.current:
        return "in all"
    return _window_name(windows.days, windows)


def _measures(totals: Totals) -> list[tuple[str, str, str]]:
    """Name, label and figure in all of each row."""
    sub_agents = totals.threads - totals.sessions
    p95 = totals.p95_response_time
    rows = [
        ("sessions", "sessions", fmt.count(totals.sessions)),
        ("sub_agents", "  + sub-agents", fmt.count(sub_agents)),
        ("tokens", "tokens", fmt.short_count(totals.total_tokens)),
        (
            "cost",
            "at API prices" if totals.cost_basis == "api_prices" else "cost",
            fmt.money(totals.cost_usd),
        ),
        ("error_rate", "error rate", fmt.percent(totals.error_rate)),
        ("p95", "p95 model call", fmt.duration(None if p95 is None else p95 / 1_000)),
    ]
    return [row for row in rows if sub_agents or row[0] != "sub_agents"]


def _cell(name: str, day: Day) -> str:
    match name:
        case "sessions":
            return fmt.count(day.sessions)
        case "sub_agents":
            return fmt.count(day.sub_agents)
        case "tokens":
            return fmt.short_count(day.tokens)
        case "cost":
            return fmt.money(None if day.cost is None else day.cost / 1_000_000_000)
        case "error_rate":
            return fmt.percent(day.error_rate)
        case _:
            return fmt.duration(None if day.p95_us is None else day.p95_us / 1_000_000)


def _compared(name: str, change: Change, model: str | None) -> Line:
    """The last week as a sparkline, and how it compares with what came before."""
    spans: Line = ["   ", (fmt.left(fmt.sparkline(change.values), 7), "cyan"), "  "]
    if change.direction is None:
        return [*spans, ("too early to tell", "dim")]
    if change.direction == "flat":
        return [*spans, ("flat", "dim")]
    told = change.direction if change.change is None else fmt.signed_percent(change.change)
    style = "yellow" if change.direction == "up" and name in WORSE_WHEN_UP else "bold"
    spans.append((told, style))
    if name == "cost" and model is not None:
        spans.append(f", most of it {fmt.plain(model_name(model))}")
    return spans


def _equation(read: InputView) -> str:
    """Where every record went."""
    parts = [(read.parsed, "read"), (read.duplicates, "copies"), (read.skipped, "without meaning")]
    parts += [(read.problems, "problems" if read.problems != 1 else "problem")]
    told = " + ".join(f"{fmt.count(n)} {name}" for n, name in parts if n) or "0 read"
    files = fmt.plural(read.files, "file")
    return f"{fmt.plural(read.records, 'record')} in {files} = {told}"


def _some(names: list[str]) -> str:
    rest = len(names) - MOST_KINDS
    return ", ".join(names[:MOST_KINDS]) + (f" and {rest} more" if rest > 0 else "")


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def window_line(window: Window, windows: Windows) -> Line:
    """One window in one line."""
    day = window.figures
    cells = [
        fmt.plural(day.sessions, "session"),
        f"{_cell('tokens', day)} tokens",
        _cell("cost", day),
        f"{_cell('error_rate', day)} errors",
    ]
    return [
        (fmt.left(_window_name(window.days, windows), SHORT_LABEL), "bold"),
        " · ".join(cell for cell in cells if fmt.NONE not in cell),
    ]


def latest(session: SessionView, generated_at: str, zone: tzinfo, ids: Mapping[str, str]) -> Line:
    """The session that did something last, and when."""
    ago = _ago(session.end_time, generated_at) if session.end_time else ""
    parts = [fmt.plain(name_of(session, zone)), fmt.plain(session.project or ""), ago]
    short = ids[session.root_session_id]
    return [
        (fmt.left("latest", SHORT_LABEL), "bold"),
        " · ".join(part for part in parts if part),
        (f" · tachlog show {short}", "dim"),
    ]


def firing(alerts: Sequence[Alert] | None, windows: Windows) -> Line:
    """What fires now; where nobody looked, whether errors are more than usual this week."""
    label = (fmt.left("alerts", SHORT_LABEL), "bold")
    if alerts:
        more = f" (+{len(alerts) - 1} more)" if len(alerts) > 1 else ""
        return [label, (alerts[0].message + more, "yellow")]
    if alerts is not None:
        return [label, "nothing fires"]
    change = windows.changes.get("error_rate")
    told = {"up": "more errors than usual this week", "down": "fewer errors than usual this week"}
    direction = (change and change.direction) or "flat"
    return [label, told.get(direction, "errors as usual this week")]


def _ago(at: str, now: str) -> str:
    """How long ago something was."""
    passed = (datetime.fromisoformat(now) - datetime.fromisoformat(at)).total_seconds()
    if passed < 60:
        return "just now"
    if passed < 2 * 86_400:
        return f"{fmt.duration(passed)} ago"
    return f"{passed / 86_400:.0f} days ago"


def unmatched_bill(bill: UnmatchedBill) -> str:
    """A bill of a provider of which the archive has no call."""
    told = f"[[billing]] provider {fmt.plain(bill.provider)!r}: no call of this archive is by it"
    return told if bill.nearest is None else f"{told}; did you mean {fmt.plain(bill.nearest)!r}?"
