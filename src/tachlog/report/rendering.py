"""A report as Markdown for a chat, or as one HTML file that needs nothing else."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import escape
from typing import Final

from tachlog import figures as fmt
from tachlog.charts import bars
from tachlog.report.telling import sections, title
from tachlog.report.weeks import Report

_MARKS: Final = re.compile(r"([\\`*_\[\]<>#|~])")
_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.4rem 0 .3rem}p,li{overflow-wrap:anywhere}"
    "ul{margin:.2rem 0;padding-left:1.2rem}figure{margin:.5rem 0}"
    ".chart{max-width:100%;height:auto}.chart-text{fill:currentColor;font-size:11px}"
    ".chart-axis{stroke:#8886}.chart-1{fill:#1f7a64}"
    "@media print{body{margin:0;max-width:none}h2{break-after:avoid}li,figure{break-inside:avoid}}"
)


def markdown(report: Report) -> str:
    """The report as Markdown; what logs told cannot mark anything up."""
    parts = [f"# {title(report)}"]
    for name, lines in sections(report):
        parts.append(f"\n## {name}\n")
        parts += ["- " + _MARKS.sub(r"\\\1", line) for line in lines]
    return "\n".join(parts) + "\n"


def html(report: Report) -> str:
    """The report as one HTML file without script or outside part."""
    told = []
    for name, lines in sections(report):
        items = "".join(f"<li>{escape(line)}</li>" for line in lines)
        told.append(f"<h2>{escape(name)}</h2><ul>{items}</ul>")
        if name == "Money":
            told.append(f"<figure>{_chart(report)}</figure>")
    head = escape(title(report))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{head}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><main><h1>{head}</h1>{''.join(told)}"
        "</main></body></html>\n"
    )


def _chart(report: Report) -> str:
    first = date.fromisoformat(report.first)
    days = [f"{first + timedelta(days=place):%a}" for place in range(7)]
    pairs = list(zip(days, report.cost.values, strict=True))
    return bars("Cost by day, at API prices", pairs, fmt.money)
