"""Sessions as tables for Arrow, pandas and Polars: one row per thing, one column per plain value.

Members of members become columns of their own (`tokens_input`, `tree_cost_usd`), times are UTC
timestamps, and what has names of its own (tools, models) is a table of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from importlib import import_module
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

from msgspec import Struct
from msgspec.structs import fields

from tachlog.analysis.shapes import (
    AnomalyView,
    ErrorPattern,
    ModelUsage,
    SessionView,
    ToolUsage,
)

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Row = dict[str, Any]
Columns = dict[str, str]
"""The kind of each column: text, int, float, list (of texts), time."""

KINDS = {str: "text", int: "int", float: "float", list[str]: "list"}
TIMES = frozenset({"start_time", "end_time", "start", "end", "first", "last"})


class MissingExtraError(ImportError):
    """Data frames were asked for, and the packages for them are not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"{package} is not installed: data frames need pip install 'tachlog[dataframes]'",
            name=package,
        )


def to_arrow(sessions: Iterable[SessionView], table: str) -> pyarrow.Table:
    """One table of the sessions; see `TelemetryResult.to_arrow`."""
    if table not in TABLES:
        raise ValueError(f"{table}: no such table; there are {', '.join(TABLES)}")
    arrow = _load("pyarrow")
    columns, rows = TABLES[table]
    types = {
        "text": arrow.string(),
        "int": arrow.int64(),
        "float": arrow.float64(),
        "list": arrow.list_(arrow.string()),
        "time": arrow.timestamp("us", tz="UTC"),
    }
    schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
    return arrow.Table.from_pylist([row for s in sessions for row in rows(s)], schema=schema)


def to_pandas(sessions: Iterable[SessionView], table: str) -> pandas.DataFrame:
    """The table as a pandas data frame."""
    _load("pandas")
    frame: pandas.DataFrame = to_arrow(sessions, table).to_pandas()
    return frame


def to_polars(sessions: Iterable[SessionView], table: str) -> polars.DataFrame:
    """The table as a Polars data frame."""
    frame: polars.DataFrame = _load("polars").from_arrow(to_arrow(sessions, table))
    return frame


def _load(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise MissingExtraError(package) from error


def _columns(shape: type[Struct], prefix: str = "") -> Columns:
    """The columns of a shape; its lists of shapes and its dictionaries have none."""
    columns: Columns = {}
    for member in fields(shape):
        kind = _type_of(member.type)
        if isinstance(kind, type) and issubclass(kind, Struct):
            columns |= _columns(kind, f"{prefix}{member.name}_")
        elif kind in KINDS:
            columns[prefix + member.name] = "time" if member.name in TIMES else KINDS[kind]
    return columns


def _type_of(hint: Any) -> Any:
    """A type without its None."""
    told = [one for one in get_args(hint) if one is not NoneType]
    return told[0] if NoneType in get_args(hint) else hint


def flat(shape: Struct, prefix: str = "") -> Row:
    """The values of a shape by column; columns of a member that is None are left out."""
    row: Row = {}
    for member in fields(type(shape)):
        value = getattr(shape, member.name)
        if isinstance(value, Struct):
            row |= flat(value, f"{prefix}{member.name}_")
        elif member.name in TIMES and value is not None:
            row[prefix + member.name] = datetime.fromisoformat(value)
        else:
            row[prefix + member.name] = value
    return row


def _session(session: SessionView) -> Iterator[Row]:
    yield flat(session)


def _named(column: str, shapes: Mapping[str, Struct], session: SessionView) -> Iterator[Row]:
    for name, shape in shapes.items():
        yield {"session_id": session.session_id, column: name, **flat(shape)}


def _tools(session: SessionView) -> Iterator[Row]:
    return _named("tool", session.tool_usage, session)


def _models(session: SessionView) -> Iterator[Row]:
    return _named("model", session.models, session)


def _errors(session: SessionView) -> Iterator[Row]:
    for pattern in session.patterns.errors:
        yield {"session_id": session.session_id, **flat(pattern)}


def _anomalies(session: SessionView) -> Iterator[Row]:
    return map(flat, session.patterns.anomalies)


_ID = {"session_id": "text"}

TABLES: dict[str, tuple[Columns, Callable[[SessionView], Iterator[Row]]]] = {
    "sessions": (_columns(SessionView), _session),
    "tools": (_ID | {"tool": "text"} | _columns(ToolUsage), _tools),
    "models": (_ID | {"model": "text"} | _columns(ModelUsage), _models),
    "errors": (_ID | _columns(ErrorPattern), _errors),
    "anomalies": (_columns(AnomalyView), _anomalies),
}
"""By name: the columns of a table, and the rows that a session gives it."""
