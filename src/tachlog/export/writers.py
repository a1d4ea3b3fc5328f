"""How the rows of one day become a file: Parquet, CSV or lines of JSON."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from tachlog.analysis.units import rfc3339
from tachlog.export.columns import SCHEMA, Column

Rows = Sequence[tuple[Any, ...]]


class ExportError(Exception):
    """An export cannot be written; the message says why and what to do."""


class Writer(Protocol):
    """A file that is being written; `close` must be called, whatever happened."""

    def write(self, rows: Rows) -> None:
        """Add some rows."""
        ...

    def close(self) -> None:
        """End the file."""
        ...


class ParquetWriter:
    """A Parquet file with typed columns: UTC µs, decimals with nine digits for money."""

    def __init__(self, path: Path, table: str, columns: Sequence[Column]) -> None:
        self.arrow = parquet_needs("pyarrow")
        types = {
            "text": self.arrow.string(),
            "int": self.arrow.int64(),
            "float": self.arrow.float64(),
            "bool": self.arrow.bool_(),
            "list": self.arrow.list_(self.arrow.string()),
            "time": self.arrow.timestamp("us", tz="UTC"),
            "money": self.arrow.decimal128(18, 9),
        }
        self.columns = columns
        self.schema = self.arrow.schema(
            [(column.name, types[column.kind]) for column in columns],
            metadata={"tachlog.table": table, "tachlog.schema": str(SCHEMA)},
        )
        self.file = parquet_needs("pyarrow.parquet").ParquetWriter(
            path, self.schema, compression="zstd", store_decimal_as_integer=True
        )

    def write(self, rows: Rows) -> None:
        """Add some rows as a group."""
        arrays = [
            self.arrow.array(
                [_decimal(value) for value in values] if column.kind == "money" else list(values),
                type=kind.type,
            )
            for column, kind, values in zip(
                self.columns, self.schema, zip(*rows, strict=True), strict=True
            )
        ]
        self.file.write_table(self.arrow.Table.from_arrays(arrays, schema=self.schema))

    def close(self) -> None:
        """End the file."""
        self.file.close()


class CsvWriter:
    """A CSV file, headings first: RFC 3339, true and false, lists as JSON, nothing for null."""

    def __init__(self, path: Path, table: str, columns: Sequence[Column]) -> None:
        self.file = path.open("w", encoding="utf-8", errors="surrogatepass", newline="")
        self.writer = csv.writer(self.file, lineterminator="\n")
        self.writer.writerow([column.name for column in columns])
        self.forms = [_CSV_FORMS.get(column.kind) for column in columns]

    def write(self, rows: Rows) -> None:
        """Add some rows."""
        self.writer.writerows(_formed(row, self.forms) for row in rows)

    def close(self) -> None:
        """End the file."""
        self.file.close()


class JsonWriter:
    """A file of JSON objects, one a line: RFC 3339, money as a number with all its digits."""

    def __init__(self, path: Path, table: str, columns: Sequence[Column]) -> None:
        self.file = path.open("wb")
        self.names = [column.name for column in columns]
        self.forms = [_JSON_FORMS.get(column.kind) for column in columns]
        self.encoder = msgspec.json.Encoder(decimal_format="number")

    def write(self, rows: Rows) -> None:
        """Add some rows."""
        for row in rows:
            told = dict(zip(self.names, _formed(row, self.forms), strict=True))
            self.file.write(self.encoder.encode(told) + b"\n")

    def close(self) -> None:
        """End the file."""
        self.file.close()


WRITERS: Final[dict[str, tuple[type[ParquetWriter | CsvWriter | JsonWriter], str]]] = {
    "parquet": (ParquetWriter, "parquet"),
    "csv": (CsvWriter, "csv"),
    "json": (JsonWriter, "jsonl"),
}
"""By format: what writes it, and how its files end."""


def parquet_needs(module: str) -> Any:
    """A module of pyarrow; raises `ExportError` where it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ExportError(
            "Parquet needs pyarrow, which is not installed: pip install 'tachlog[parquet]', or"
            " use --format csv or json"
        ) from error


Form = Callable[[Any], Any]


def _formed(row: tuple[Any, ...], forms: Sequence[Form | None]) -> list[Any]:
    return [
        value if form is None or value is None else form(value)
        for value, form in zip(row, forms, strict=True)
    ]


def _decimal(nanousd: int | None) -> Decimal | None:
    return None if nanousd is None else Decimal(nanousd).scaleb(-9)


def _digits(nanousd: int) -> str:
    """Nano-dollars as dollars with nine digits."""
    return f"{Decimal(nanousd).scaleb(-9):f}"


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _listed(values: list[str]) -> str:
    return msgspec.json.encode(values).decode()


_CSV_FORMS: Final[dict[str, Form]] = {
    "time": rfc3339,
    "money": _digits,
    "bool": _truth,
    "list": _listed,
}
_JSON_FORMS: Final[dict[str, Form]] = {"time": rfc3339, "money": _decimal}
