"""What Grafana does with a dashboard before a database is asked, and asking as it does.

Written from Grafana's own code (macros of the PostgreSQL data source; InfluxQL's variables and time
filter; version 12, read 2026-11-23), without any of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")


class Span(NamedTuple):
    """What is looked at, and the step that Grafana chose for it."""

    start: datetime
    end: datetime
    step_s: int = 3600

    @property
    def step(self) -> str:
        """The step as Grafana writes it."""
        return f"{self.step_s // 60}m" if self.step_s % 3600 else f"{self.step_s // 3600}h"


Chosen = Mapping[str, Sequence[str]]
"""The values of each variable that were chosen."""


def sql(question: str, span: Span, chosen: Chosen) -> str:
    """A question as PostgreSQL gets it."""
    for name, values in chosen.items():
        told = ",".join("'" + value.replace("'", "''") + "'" for value in values)
        question = re.sub(rf"\${name}\b", lambda _, told=told: told, question)  # type: ignore[misc]
    question = question.replace("$__interval", span.step)
    return MACRO.sub(lambda found: _macro(found[1], found[2], span), question)


def _macro(name: str, words: str, span: Span) -> str:
    arguments = [word.strip() for word in words.split(",")]
    start, end = (round(each.timestamp() * 1e9) for each in span[:2])
    if name == "__timeFilter":
        return f"{arguments[0]} BETWEEN '{rfc3339(span.start)}' AND '{rfc3339(span.end)}'"
    if name == "__unixEpochNanoFrom":
        return str(start)
    if name == "__unixEpochNanoTo":
        return str(end)
    assert arguments[1] == span.step
    seconds = span.step_s
    if name == "__unixEpochGroupAlias":
        return f'floor(({arguments[0]})/{seconds})*{seconds} AS "time"'
    assert name == "__timeGroupAlias"
    return f'floor(extract(epoch from {arguments[0]})/{seconds})*{seconds} AS "time"'


def rfc3339(moment: datetime) -> str:
    """A time as Grafana's macros write it."""
    return moment.isoformat().replace("+00:00", "Z")


def influxql(question: str, span: Span, chosen: Chosen) -> str:
    """A question as InfluxDB gets it; `.*` is the value of "All" and is not escaped."""
    for name, values in chosen.items():
        escaped = [each if each == ".*" else SPECIAL.sub(r"\\\g<0>", each) for each in values]
        told = escaped[0] if escaped == [".*"] else f"({'|'.join(escaped)})"
        question = re.sub(rf"\${name}\b", lambda _, told=told: told, question)  # type: ignore[misc]
    start, end = (round(each.timestamp() * 1000) for each in span[:2])
    question = question.replace("$timeFilter", f"time >= {start}ms and time <= {end}ms")
    return question.replace("$__interval", span.step)


def all_of(variable: Mapping[str, Any], values: Sequence[str]) -> Sequence[str]:
    """What "All" stands for: its own value where it has one, else every value."""
    own = variable.get("allValue")
    return [own] if own else values
