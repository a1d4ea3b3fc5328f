"""Turn the rows of a CSV file into JSON lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain, islice

import msgspec

from tachlog.frames.faults import FrameError
from tachlog.frames.lines import CHUNK_BYTES, read_lines
from tachlog.model import Chunk

DELIMITERS = ",;\t"

LONGEST_CELL = 64 << 20
"""Characters; a quote that is never closed must not swallow the memory."""


class CsvText:
    """The lines of a CSV file as text.

    `row` collects those of the row being read, for the reader of rows to clear. `cut` tells that
    they ended within a quoted cell, `fault` that they ended too early, and why.
    """

    def __init__(self, path: str, limit: int | None) -> None:
        self.row: list[str] = []
        self.cut = False
        self.fault: FrameError | None = None
        self._path = path
        self._limit = limit

    def __iter__(self) -> Iterator[str]:
        try:
            for chunk in read_lines(self._path, limit=self._limit):
                for line in chunk.data.splitlines(keepends=True):
                    self.row.append(line.decode("utf-8", "replace"))
                    yield self.row[-1]
        except FrameError as fault:
            self.fault = fault
        self.cut = bool(self.row)


def read_csv_rows(
    path: str,
    after: int = 0,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    limit: int | None = None,
    longest: int = LONGEST_CELL,
) -> Iterator[Chunk]:
    """Yield a CSV file's rows after the first `after` as chunks of JSON lines; offsets count rows.

    A row is an object of texts by the names in the header; an empty or missing cell is null. A row
    with more cells than the header names is handed over as an array, for the source to report. The
    delimiter is the one of `,`, `;`, tab that stands in the header most often; cells in double
    quotes may hold delimiters and newlines. Blank lines are no rows.

    A last row whose line is not ended comes as a chunk of its own without a newline, like a last
    line from `read_lines`; when it was visibly cut off, its JSON is cut off as well.

    Raises FrameError, after what could be read was yielded, as `read_lines` does; when the first
    line is no header; and for a cell of more than `longest` characters.
    """
    csv.field_size_limit(longest)
    text = CsvText(path, limit)
    lines = iter(text)
    first = next((line for line in lines if line.strip()), "")
    rows = _rows(path, chain([first], lines), text, max(DELIMITERS, key=first.count))
    header = [name.strip() for name in next(rows, [])]
    text.row.clear()
    _check_header(path, header)
    records = islice(_records(rows, text, header), after, None)
    yield from _chunks(path, after, records, chunk_bytes)
    if text.fault:
        raise text.fault


def _rows(path: str, lines: Iterator[str], text: CsvText, delimiter: str) -> Iterator[list[str]]:
    rows = csv.reader(lines, delimiter=delimiter)
    try:
        yield from rows
    except csv.Error as error:
        what = f"cannot be read beyond line {rows.line_num:,} ({error})"
        text.fault = FrameError(path, what, "look for a quote there that is never closed")


def _records(rows: Iterator[list[str]], text: CsvText, header: list[str]) -> Iterator[bytes]:
    """Yield each row that is not blank as a JSON line; the last as far as the file has it."""
    for row in rows:
        ended = text.row[-1].endswith(("\n", "\r")) and not text.cut
        text.row.clear()
        if row:
            record = msgspec.json.encode(_record(header, row))
            cut = text.cut or (not ended and len(row) < len(header))
            yield record + b"\n" if ended else record[:-1] if cut else record


def _chunks(path: str, offset: int, records: Iterator[bytes], chunk_bytes: int) -> Iterator[Chunk]:
    batch, size = list[bytes](), 0
    for record in records:
        if batch and (size >= chunk_bytes or not record.endswith(b"\n")):
            yield Chunk(path, offset, b"".join(batch), last=False)
            offset, batch, size = offset + len(batch), [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield Chunk(path, offset, b"".join(batch), last=True)


def _check_header(path: str, header: list[str]) -> None:
    if len(set(header)) < len(header) or not all(name[:1].isalpha() for name in header):
        what = "has no header: its first line does not name each column once"
        raise FrameError(path, what, "put the column names (id, session_id, …) into that line")


def _record(header: list[str], row: list[str]) -> dict[str, str | None] | list[str]:
    if len(row) > len(header):
        return row
    cells = [cell or None for cell in row]
    return dict(zip(header, cells + [None] * (len(header) - len(row)), strict=True))
