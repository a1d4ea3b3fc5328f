"""A report as it may leave this machine: without titles, targets and excerpts."""

from __future__ import annotations

from msgspec.structs import replace

from tachlog.analysis.shapes import SessionPatterns
from tachlog.report.weeks import Report


def without_hints(report: Report) -> Report:
    """The same report with facts alone: numbers, classes, names of tools, models and projects."""
    return replace(
        report,
        waste=replace(
            report.waste,
            rows=[
                replace(row, sessions=[replace(each, title=None) for each in row.sessions])
                for row in report.waste.rows
            ],
        ),
        clusters=[replace(each, targets={}, excerpt=None) for each in report.clusters],
        notable=[
            replace(
                view,
                title=None,
                branch=None,
                patterns=SessionPatterns([], {}, {}, []),
                outcome_reasons=[],
                commits=[],
                pull_requests=[],
            )
            for view in report.notable
        ],
        recommendations=[
            replace(
                each,
                message=_words(each.type),
                about="",
                instruction=None,
                evidence={
                    name: value for name, value in each.evidence.items() if type(value) is not str
                },
            )
            for each in report.recommendations
        ],
        answered=[
            replace(each, message=_words(each.type), about="", note=None)
            for each in report.answered
        ],
        earlier=[replace(each, message=_words(each.type)) for each in report.earlier],
    )


def _words(kind: str) -> str:
    return kind.replace("_", " ")
