"""What a dashboard is made of, whichever database answers it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Language = Literal["influxql", "sql"]
Kind = Literal["stat", "bars", "lines", "ranking", "table"]


class Field(Struct, frozen=True):
    """A column of an answer; `unit` is Grafana's name of one, empty for text.

    `time` is the time of a point in InfluxQL, in SQL milliseconds since the epoch or a timestamp.
    """

    name: str
    unit: str = ""
    title: str = ""


class Panel(Struct, frozen=True):
    """A panel: what it shows, and the question for it in each language.

    `stat` is one number, `bars` and `lines` are over time, `ranking` is a bar for each name,
    `table` is rows. Of a panel over time `fields` are the series by column, or one column whose
    series are told apart by `by`. `width` is of 24.
    """

    title: str
    kind: Kind
    fields: tuple[Field, ...]
    influxql: str | None
    sql: str
    width: int = 12
    about: str = ""
    by: str | None = None

    def question(self, language: Language) -> str | None:
        """The question in a language; None where that database does not know."""
        return self.influxql if language == "influxql" else self.sql


class Variable(Struct, frozen=True):
    """What is chosen above the panels: any of the values that a question gives, or all."""

    name: str
    title: str
    influxql: str
    sql: str

    def question(self, language: Language) -> str:
        """The question for its values."""
        return self.influxql if language == "influxql" else self.sql


class Dashboard(Struct, frozen=True):
    """A page of panels; `name` is its part of the address."""

    name: str
    title: str
    about: str
    panels: tuple[Panel, ...]
    variables: tuple[Variable, ...] = ()
