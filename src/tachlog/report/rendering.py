"""A report as Markdown for a chat, as one HTML file that needs nothing else, as a PDF."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Final

from tachlog import figures as fmt
from tachlog.charts import bars
from tachlog.report.telling import Chart, Table, sections, title
from tachlog.report.weeks import Report

_MARKS: Final = re.compile(r"([\\`*_\[\]<>#|~])")
CHARTS: Final = (
    ".chart-text{fill:#59635f;font:11px sans-serif}.chart-axis{stroke:#ccd2ce}"
    ".chart-1{fill:#1f7a64}"
)
"""How charts look where no style sheet of pages is."""

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}p,li{overflow-wrap:anywhere}"
    "p{margin:.3rem 0}ul{margin:.2rem 0;padding-left:1.2rem}figure{margin:.5rem 0}"
    "table{border-collapse:collapse;margin:.5rem 0;font-size:.93em}"
    "th,td{text-align:right;padding:.2rem .8rem;border-bottom:1px solid #8884;"
    "vertical-align:top;font-variant-numeric:tabular-nums}"
    "th:first-child{text-align:left;padding-left:0;font-weight:400;overflow-wrap:anywhere}"
    "thead th{font-weight:400;opacity:.75;font-size:.9em}"
    ".first{font-size:1.15rem;border-left:4px solid #1f7a64;padding:.2rem 0 .2rem .8rem}"
    ".chart,img{max-width:100%;height:auto}" + CHARTS + "@page{margin:16mm}"
    "@media print{body{margin:0;max-width:none;font-size:10.5pt}h2{break-after:avoid}"
    "li,tr,figure{break-inside:avoid}}"
)


def markdown(report: Report) -> str:
    """The report as Markdown; what logs told cannot mark anything up.

    Tables become lines, since chats do not draw them.
    """
    parts = [f"# {title(report)}"]
    for name, blocks in sections(report):
        parts.append(f"\n## {name}\n")
        for block in blocks:
            match block:
                case str():
                    parts.append(f"- {_marked(block)}")
                case Table():
                    parts += [_row(block, row) for row in block.rows]
                case Chart():
                    days = f"{block.pairs[0][0]} to {block.pairs[-1][0]}"
                    parts.append(f"- {days}: {fmt.sparkline([value for _, value in block.pairs])}")
    return "\n".join(parts) + "\n"


def _marked(line: str) -> str:
    return _MARKS.sub(r"\\\1", line)


def _row(table: Table, row: tuple[str, ...]) -> str:
    """A row in a line: the first column in bold, the others with their names."""
    told = [
        f"{_marked(name)} {_marked(value)}" if name else _marked(value)
        for name, value in zip(table.head[1:], row[1:], strict=True)
    ]
    return f"- **{_marked(row[0])}**: {', '.join(told)}"


def body(report: Report, draw: Callable[[Chart], str] | None = None) -> str:
    """The sections as HTML, for a page or a file; charts are SVG unless somebody else draws."""
    told = []
    for place, (name, blocks) in enumerate(sections(report)):
        told.append(f"<section><h2>{escape(name)}</h2>")
        lines: list[str] = []
        for block in [*blocks, None]:
            if isinstance(block, str):
                lines.append(block)
                continue
            told.append(_lines(lines, is_first=place == 0))
            lines = []
            if block is not None:
                told.append(_block(block, draw or drawn))
        told.append("</section>")
    return "".join(told)


def _lines(lines: list[str], *, is_first: bool) -> str:
    if len(lines) > 1:
        return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
    kind = ' class="first"' if is_first else ""
    return "".join(f"<p{kind}>{escape(line)}</p>" for line in lines)


def _block(block: Table | Chart, draw: Callable[[Chart], str]) -> str:
    if isinstance(block, Chart):
        return f"<figure>{draw(block)}</figure>"
    head = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>'
        for name, kind in zip(block.head, ("", *[' class="n"'] * len(block.head)), strict=False)
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f'<td class="n">{escape(value)}</td>' for value in row[1:])
        + "</tr>"
        for row in block.rows
    )
    told = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="wide"><table class="short">{told}</table></div>'


def drawn(chart: Chart) -> str:
    """A chart as SVG."""
    return bars(chart.label, chart.pairs, fmt.money)


def html(report: Report, draw: Callable[[Chart], str] | None = None) -> str:
    """The report as one HTML file without script or outside part."""
    head = escape(title(report))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{head}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><main><h1>{head}</h1>{body(report, draw)}"
        "</main></body></html>\n"
    )


def mail(report: Report, paint: Callable[[str], bytes | None]) -> tuple[str, dict[str, bytes]]:
    """The report as the HTML of a mail, and the pictures that it shows, by name.

    `paint` makes a picture (PNG) of an SVG, or None: then the values stand in a table.
    """
    pictures: dict[str, bytes] = {}

    def draw(chart: Chart) -> str:
        picture = paint(drawn(chart))
        if picture is None:
            rows = [(day, fmt.money(value)) for day, value in chart.pairs]
            return _block(Table(("day", "cost"), rows), drawn)
        name = f"chart-{len(pictures) + 1}.png"
        pictures[name] = picture
        told = ", ".join(f"{day} {fmt.money(value)}" for day, value in chart.pairs)
        return f'<img src="cid:{name}" width="720" alt="{escape(f"{chart.label}: {told}")}">'

    return html(report, draw), pictures


def pdf(report: Report) -> bytes:
    """The report as a PDF; raises `ImportError` where the extra `report` is not installed."""
    from weasyprint import HTML

    return bytes(HTML(string=html(report, _on_paper), url_fetcher=_nothing).write_pdf())


def _on_paper(chart: Chart) -> str:
    """A chart with the looks of a page within it, since paper has no style sheet for it."""
    return drawn(chart).replace(">", f"><style>{CHARTS}</style>", 1)


def _nothing(url: str) -> dict[str, object]:
    raise ValueError(f"a report needs nothing from outside: {url[:80]}")
