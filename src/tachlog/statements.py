"""Read what providers and ccusage say was used: their exports, by day and model.

Columns were looked up on 2026-11-22: Anthropic's console (Usage and Cost pages, CSV), OpenAI's
dashboard (completions usage and costs, CSV; the fields are those of its Usage and Costs API,
https://platform.openai.com/docs/api-reference/usage), Azure's cost details (schema 2024-08-01,
https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/cost-usage-details-ea), and
`ccusage daily --json` (20.0.24, and 18 for Codex).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Struct

from tachlog.analysis.reconciliation import Entry, Figures

Row = Mapping[str, str]
"""A row of a CSV file by column, names in lower case."""


class StatementError(ValueError):
    """The file is no statement that can be read; the message says where and why."""


class Statement(Struct, frozen=True):
    """What a file tells, whose days and which calls it is about.

    Days are cut in UTC, or in the user's zone where `in_zone`; `provider` is a part of the names of
    the providers that it is from, `agents` are those whose logs a program read.
    """

    kind: str
    entries: list[Entry]
    provider: str | None = None
    agents: tuple[str, ...] = ()
    in_zone: bool = False


class _Kind(Struct, frozen=True):
    """A kind of CSV file: the columns that tell it, and what a row of it says (None: nothing)."""

    name: str
    provider: str
    columns: frozenset[str]
    entry: Callable[[Row], Entry | None]


def read_statement(path: Path) -> Statement:
    """Read a file of any kind that is known; raises `StatementError`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise StatementError(f"{path}: cannot be read: {reason}") from error
    try:
        return _ccusage(text) if text.lstrip()[:1] in ("{", "[") else _from_csv(text)
    except ValueError as error:
        raise StatementError(f"{path}: {error}") from error


def _from_csv(text: str) -> Statement:
    reader = csv.reader(StringIO(text))
    columns = [name.strip().lower() for name in next(reader, [])]
    kind = next((kind for kind in _KINDS if kind.columns <= set(columns)), None)
    if kind is None:
        known = ", ".join(kind.name for kind in _KINDS)
        raise ValueError(f"its columns are none of those known ({known}; ccusage --json)")
    entries = []
    for cells in reader:
        row = dict(zip(columns, map(str.strip, cells), strict=False))
        try:
            entry = kind.entry(row) if any(row.values()) else None
        except (ValueError, KeyError) as error:
            raise ValueError(f"line {reader.line_num}: {error}") from error
        if entry is not None:
            entries.append(entry)
    return Statement(kind.name, entries, kind.provider)


def _anthropic_usage(row: Row) -> Entry:
    short, hour = (_count(row, f"usage_input_tokens_cache_write_{life}") for life in ("5m", "1h"))
    figures = Figures(
        _count(row, "usage_input_tokens_no_cache"),
        _count(row, "usage_input_tokens_cache_read"),
        short + hour,
        _count(row, "usage_output_tokens"),
    )
    return Entry(_day(row["usage_date_utc"]), row["model_version"] or None, figures)


def _anthropic_cost(row: Row) -> Entry:
    cost = Figures(cost_usd=_number(row, "cost_usd"))
    return Entry(_day(row["usage_date_utc"]), row["model"] or None, cost)


def _openai_usage(row: Row) -> Entry | None:
    if not row["model"]:
        return None
    read = _count(row, "input_cached_tokens")
    figures = Figures(_count(row, "input_tokens") - read, read, 0, _count(row, "output_tokens"))
    return Entry(_day(row["start_time_iso"]), row["model"], figures)


def _openai_cost(row: Row) -> Entry | None:
    if not row["amount_value"]:
        return None
    _in_dollars(row["amount_currency"])
    model = row.get("line_item", "").partition(",")[0].strip()
    cost = Figures(cost_usd=_number(row, "amount_value"))
    return Entry(_day(row["start_time_iso"]), model or None, cost)


_METER_END = re.compile(
    r"\b(?:inp|inpt|input|outp|outpt|out|output|cached|cchd|cache|batch|glbl|global|regnl|regional"
    r"|dzone|dz|data zone|tokens?|\d{4})\b.*",
    re.IGNORECASE,
)
_MODELS_OF = re.compile(r"openai|foundry models|claude|gpt", re.IGNORECASE)


def _azure_cost(row: Row) -> Entry | None:
    told = f"{row.get('metersubcategory', '')} {row.get('productname', '')} {row['metername']}"
    if not _MODELS_OF.search(told):
        return None
    column = next((name for name in _AZURE_COSTS if row.get(name)), None)
    if column is None:
        return None
    if column != "costinusd":
        _in_dollars(row.get("billingcurrency") or row.get("billingcurrencycode") or "USD")
    model = _METER_END.sub("", row["metername"]).strip(" -")
    return Entry(_day(row["date"]), model or None, Figures(cost_usd=_number(row, column)))


_AZURE_COSTS = ("costinusd", "costinbillingcurrency", "cost", "pretaxcost")

_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")

_KINDS = (
    _Kind(
        "Anthropic usage",
        "anthropic",
        frozenset(
            {
                "usage_date_utc",
                "model_version",
                "usage_input_tokens_no_cache",
                "usage_output_tokens",
            }
        ),
        _anthropic_usage,
    ),
    _Kind(
        "Anthropic cost",
        "anthropic",
        frozenset({"usage_date_utc", "model", "cost_usd"}),
        _anthropic_cost,
    ),
    _Kind(
        "OpenAI usage",
        "openai",
        frozenset({"start_time_iso", "model", "input_tokens", "output_tokens"}),
        _openai_usage,
    ),
    _Kind(
        "OpenAI cost",
        "openai",
        frozenset({"start_time_iso", "amount_value", "amount_currency"}),
        _openai_cost,
    ),
    _Kind("Azure cost", "azure", frozenset({"date", "metername"}), _azure_cost),
)


_Count = Annotated[int, msgspec.Meta(ge=0)]


class _ModelUse(Struct, rename="camel"):
    """Tokens of a model on a day, as ccusage prints them; input excludes the cache."""

    model_name: str = ""
    input_tokens: _Count = 0
    cache_read_tokens: _Count = 0
    cache_creation_tokens: _Count = 0
    output_tokens: _Count = 0
    cost: float | None = None


class _Metadata(Struct, frozen=True):
    """Which agents' logs a day is from."""

    agents: tuple[str, ...] = ()


class _Day(Struct, rename={"cost_usd": "costUSD", "breakdowns": "modelBreakdowns"}):
    """A day as ccusage prints it; with `models` it is Codex's, whose cost is that of the day."""

    date: str | None = None
    period: str | None = None
    breakdowns: list[_ModelUse] | None = None
    models: dict[str, _ModelUse] | None = None
    cost_usd: float | None = None
    metadata: _Metadata = _Metadata()


class _Report(Struct):
    """What `ccusage daily --json` prints."""

    daily: list[_Day]


_AGENTS = {"claude": "claude_code", "copilot": "copilot_cli", "gemini": "gemini_cli"}
"""Agents that ccusage calls otherwise."""


def _ccusage(text: str) -> Statement:
    try:
        days = msgspec.json.decode(text, type=_Report).daily
    except msgspec.DecodeError as error:
        raise ValueError(f"not what ccusage daily --json prints: {error}") from error
    agents = {_AGENTS.get(name, name) for day in days for name in day.metadata.agents}
    if not agents and days:
        agents = {"codex" if days[0].models is not None else "claude_code"}
    entries = [entry for day in days for entry in _ccusage_day(day)]
    return Statement("ccusage", entries, agents=tuple(sorted(agents)), in_zone=True)


def _ccusage_day(day: _Day) -> Iterable[Entry]:
    told = [(use.model_name, use) for use in day.breakdowns or ()]
    told += list((day.models or {}).items())
    at = _day(day.date or day.period or "")
    if day.breakdowns is None and day.models is None:
        raise ValueError(f"not what ccusage daily --json prints: {at} has no modelBreakdowns")
    for name, use in told:
        cost = day.cost_usd if len(told) == 1 and use.cost is None else use.cost
        figures = Figures(
            use.input_tokens,
            use.cache_read_tokens,
            use.cache_creation_tokens,
            use.output_tokens,
            cost,
        )
        yield Entry(at, name, figures)


def _day(text: str) -> str:
    """The day of a date or time: `2026-11-22…`, `20261122`, `11/22/2026`."""
    american = _AMERICAN.match(text)
    if american:
        month, day, year = american.groups()
        text = f"{year}-{month:0>2}-{day:0>2}"
    for length in (10, 8):
        with suppress(ValueError):
            return date.fromisoformat(text[:length]).isoformat()
    raise ValueError(f"{text!r} is no date")


def _count(row: Row, column: str) -> int:
    number = _number(row, column)
    if number < 0 or number != int(number):
        raise ValueError(f"{column} = {row[column]!r} is no count")
    return int(number)


def _number(row: Row, column: str) -> float:
    """The number in a column, 0 where the column or its value is missing."""
    text = row.get(column) or "0"
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not -1e15 < number < 1e15:
        raise ValueError(f"{column} = {text!r} is no number")
    return number


def _in_dollars(currency: str) -> None:
    if currency.upper() != "USD":
        raise ValueError(f"its amounts are in {currency}, and prices are known in USD only")
