"""The blocks of the terminal answer that point at something: tools, errors, sessions, advice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from itertools import chain

from tachlog import figures as fmt
from tachlog.analysis.advice.failing import gist
from tachlog.analysis.highlights import Highlights
from tachlog.analysis.shapes import AnomalyView, Recommendation, SessionView, ToolUsage, Totals
from tachlog.analysis.summary import TelemetryResult
from tachlog.cli.blocks import SHORT_LABEL, Line
from tachlog.cli.naming import model_name, name_of, when

TOOL = 14
LEAST_TITLE = 12
FIGURES = 42
PROJECT = 15
PROJECT_FROM = 90
MOST_TOOLS = 6
MOST_WHY = 2
ADVICE_LINES = 2
MOST_ADVICE_LINES = 5
ADVICE_INDENT = 12
COMPLEXITY_CELLS = 4
MCP_PREFIX = "mcp__"


def tools(result: TelemetryResult) -> list[Line]:
    """The tools called most: how often they failed, how long they took, what they failed with."""
    usage = result.totals.tool_usage
    if not usage:
        return []
    answers = any(_answers(tool) for tool in usage.values())
    titles = f"{'calls':>6}{'failed':>7}{'':8}{'“no”*' if answers else '':>6}"
    shown = _notable(usage)
    rest = [tool for name, tool in usage.items() if name not in shown]
    lines: list[Line] = [
        [
            (fmt.left("TOOLS", TOOL), "bold"),
            (f"{titles}{'p50':>8}{'p95':>8}{'time':>8}  fails mostly with", "dim"),
        ],
        *(_tool_line(tool_name(name), usage[name], _why(result, name), answers) for name in shown),
    ]
    if rest:
        lines.append(_tool_line(f"{len(rest)} more", _together(rest), "", answers))
    if answers:
        lines.append([("* tests, linters and searches that answered no: not errors", "dim")])
    return lines


def errors(totals: Totals, width: int) -> list[Line]:
    """Errors by class, sessions by complexity."""
    lines: list[Line] = []
    if number := sum(totals.error_breakdown.values()):
        head = f"ERRORS {fmt.count(number)}  "
        classes = list(totals.error_breakdown.items())
        told = _fitting(classes, width - len(head))
        lines.append([(head, "bold"), told])
    if totals.sessions > 1:
        line: Line = [("COMPLEXITY", "bold")]
        for name, n in totals.complexity.items():
            bar = fmt.bar(n / totals.sessions, COMPLEXITY_CELLS)
            line += [f"  {name.replace('_', ' ')} {fmt.count(n)} ", (bar, "cyan")]
        lines.append(line)
    return lines


def dearest(
    totals: Totals, named: Highlights, zone: tzinfo, ids: Mapping[str, str], width: int
) -> list[Line]:
    """The sessions that cost most, sub-agents included; by tokens where nothing has a price."""
    priced = bool(totals.cost_usd)
    whole = totals.cost_usd if priced else totals.total_tokens
    shown = [(session, session.tree) for session in named.dearest if session.tree is not None]
    if not shown or not whole:
        return []
    id_width = max(fmt.cells(ids[session.session_id]) for session, _ in shown) + 2
    project_width = PROJECT if width >= PROJECT_FROM else 0
    title_width = max(LEAST_TITLE, width - id_width - project_width - FIGURES)
    titles = f"{'when':>8}{'active':>9}{'calls':>7}{'cost' if priced else 'tokens':>10}{'share':>8}"
    head = "SESSION" if named.weighed == 1 else "DEAREST" if priced else "LARGEST"
    lines: list[Line] = [
        [(fmt.left(head, id_width + title_width + project_width), "bold"), (titles, "dim")]
    ]
    for session, tree_figures in shown:
        cost, tokens = tree_figures.cost_usd or 0, tree_figures.tokens
        told = fmt.money(cost) if priced else fmt.short_count(tokens)
        lines.append(
            [
                (fmt.left(ids[session.session_id], id_width), "cyan"),
                _column(fmt.plain(name_of(session, zone)), title_width),
                (_column(fmt.plain(session.project or ""), project_width), "dim"),
                fmt.right(fmt.day(session.start_time, zone) if session.start_time else "", 8),
                fmt.right(fmt.duration(session.active_duration), 9),
                fmt.fitted_count(tree_figures.tool_calls, 7),
                (fmt.right(told, 10), "bold"),
                fmt.right(fmt.percent((cost if priced else tokens) / whole), 8),
            ]
        )
    return lines


def unusual(
    anomalies: Iterable[tuple[AnomalyView, SessionView]],
    zone: tzinfo,
    ids: Mapping[str, str],
    width: int,
) -> list[Line]:
    """What was odd, and in which session."""
    lines: list[Line] = []
    for anomaly, session in anomalies:
        head = fmt.left("UNUSUAL" if not lines else "", 9)
        at = fmt.left(when(anomaly.start, zone) if anomaly.start else "", 14)
        project = f"{fmt.plain(session.project)}: " if session.project else ""
        short = ids[session.root_session_id]
        text = fmt.left(project + _told(anomaly, session), width - 9 - 14 - 2 - fmt.cells(short))
        lines.append([(head, "bold"), at, text, "  ", (short, "cyan")])
    return lines


def do_next(advice: Iterable[Recommendation], width: int) -> list[Line]:
    """What to change first: as much as fits into a few lines, each advice on two at most."""
    lines: list[Line] = []
    for number, recommendation in enumerate(advice, 1):
        wrapped = fmt.wrap(fmt.plain(recommendation.message), width - ADVICE_INDENT)
        if len(wrapped) > ADVICE_LINES:
            rest = " ".join(wrapped[ADVICE_LINES - 1 :])
            wrapped = [*wrapped[: ADVICE_LINES - 1], fmt.clip(rest, width - ADVICE_INDENT)]
        if len(lines) + len(wrapped) > MOST_ADVICE_LINES:
            break
        head = "DO NEXT" if number == 1 else ""
        lines.append([(f"{head:9}{number}  ", "bold"), wrapped[0]])
        lines += [[" " * ADVICE_INDENT, text] for text in wrapped[1:]]
    return lines


def best_advice(advice: Sequence[Recommendation]) -> Line:
    """The first recommendation in one line."""
    told = advice[0].message if advice else "nothing to recommend"
    return [(fmt.left("advice", SHORT_LABEL), "bold"), fmt.plain(told)]


def tool_name(name: str) -> str:
    """A tool as people call it: `mcp:jira.search` for `mcp__jira__search`."""
    if name.startswith(MCP_PREFIX):
        return "mcp:" + fmt.plain(name.removeprefix(MCP_PREFIX).replace("__", "."))
    return fmt.plain(name)


def _fitting(counts: list[tuple[str, int]], width: int) -> str:
    """As many counts as fit on a line, the others together."""
    for shown in range(len(counts), -1, -1):
        told = [f"{name} {fmt.count(n)}" for name, n in counts[:shown]]
        if rest := counts[shown:]:
            told.append(f"{len(rest)} more {fmt.count(sum(n for _, n in rest))}")
        text = " · ".join(told)
        if fmt.cells(text) <= width:
            break
    return text


def _answers(tool: ToolUsage) -> int:
    return tool.expected_negative + tool.check_failed


def _column(text: str, width: int) -> str:
    """A text with at least one blank after it."""
    return fmt.left(fmt.clip(text, width - 1), width)


def _notable(usage: Mapping[str, ToolUsage]) -> list[str]:
    """The tools with the most calls, failures and time, in the order of `usage`."""
    if len(usage) <= MOST_TOOLS + 1:
        return list(usage)
    orders = [
        sorted(usage, key=lambda name: -usage[name].count),
        sorted(usage, key=lambda name: -usage[name].error_count),
        sorted(usage, key=lambda name: -usage[name].total_time),
    ]
    chosen: dict[str, None] = {}
    for name in chain.from_iterable(zip(*orders, strict=True)):
        if len(chosen) < MOST_TOOLS:
            chosen[name] = None
    return [name for name in usage if name in chosen]


def _tool_line(name: str, tool: ToolUsage, why: str, answers: bool) -> Line:
    decided = tool.success_count + tool.error_count
    share = fmt.percent(tool.error_count / decided) if tool.error_count else ""
    said_no = _answers(tool)
    often = "red" if tool.error_count > 0.1 * decided else ""
    return [
        _column(name, TOOL),
        fmt.fitted_count(tool.count, 6),
        fmt.fitted_count(tool.error_count, 7) if tool.error_count else fmt.right(fmt.NONE, 7),
        (fmt.right(share, 8), often),
        fmt.fitted_count(said_no, 6) if said_no else fmt.right(fmt.NONE if answers else "", 6),
        fmt.right(_ms(tool.p50_time), 8),
        fmt.right(_ms(tool.p95_time), 8),
        fmt.right(_ms(tool.total_time if tool.avg_time is not None else None), 8),
        "  ",
        (why, "dim"),
    ]


def _together(tools: Iterable[ToolUsage]) -> ToolUsage:
    """Several tools as one; its percentiles are not known."""
    tools = list(tools)
    succeeded, failed = sum(t.success_count for t in tools), sum(t.error_count for t in tools)
    return ToolUsage(
        category="other",
        count=sum(t.count for t in tools),
        success_count=succeeded,
        error_count=failed,
        timed_calls=sum(t.timed_calls for t in tools),
        total_time=sum(t.total_time for t in tools),
        avg_time=next((t.avg_time for t in tools if t.avg_time is not None), None),
        p50_time=None,
        p95_time=None,
        success_rate=None,
        input_bytes=0,
        output_bytes=0,
        expected_negative=sum(t.expected_negative for t in tools),
        check_failed=sum(t.check_failed for t in tools),
        user_rejected=0,
        user_interrupted=0,
        unfinished=0,
        errors={},
    )


def _why(result: TelemetryResult, tool: str) -> str:
    """What a tool fails mostly with: one text, if it is half of its failures, else the classes."""
    usage = result.totals.tool_usage[tool]
    if not usage.error_count:
        return ""
    first = next((p for p in result.patterns.errors if p.tool == tool and p.excerpt), None)
    if first and first.excerpt and first.count > 1 and first.count * 2 >= usage.error_count:
        is_command = usage.category == "shell" and len(first.targets) == 1
        about = f"{next(iter(first.targets))}: " if is_command else ""
        return f"{fmt.count(first.count)} × {fmt.plain(about + gist(first.excerpt))}"
    return " · ".join(f"{name} {fmt.count(n)}" for name, n in list(usage.errors.items())[:MOST_WHY])


def _told(anomaly: AnomalyView, session: SessionView) -> str:
    """Say what was unusual in a few words."""
    about = fmt.plain(anomaly.about or "")
    number = fmt.count(anomaly.count or 0)
    match anomaly.type:
        case "loop":
            return f"the same {about} call {number} times{_within(anomaly)}"
        case "error_cluster":
            text = _excerpt(anomaly, session)
            return f"{number} errors{_within(anomaly)}, mostly {about}{text}"
        case _:
            usual = f"{_ms(anomaly.baseline)} on average ({model_name(about)})"
            return f"a model call of {_ms(anomaly.value)}, {usual}"


def _within(anomaly: AnomalyView) -> str:
    if anomaly.start is None or anomaly.end is None:
        return ""
    begun, ended = datetime.fromisoformat(anomaly.start), datetime.fromisoformat(anomaly.end)
    return f" in {fmt.duration((ended - begun).total_seconds())}"


def _excerpt(anomaly: AnomalyView, session: SessionView) -> str:
    """What most errors of a burst say."""
    for pattern in session.patterns.errors:
        in_time = pattern.first <= (anomaly.end or "") and pattern.last >= (anomaly.start or "")
        if pattern.error_class == anomaly.about and pattern.excerpt and in_time:
            return f": {fmt.plain(gist(pattern.excerpt))}"
    return ""


def _ms(milliseconds: float | None) -> str:
    return fmt.duration(None if milliseconds is None else milliseconds / 1_000)
