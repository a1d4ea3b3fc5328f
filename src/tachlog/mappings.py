"""What a user says of a log format of their own: which field of a record is what, in which unit.

The configuration has it under `sources.mappings`; `sources/mapping.py` reads by it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tachlog.model import is_table


class Fields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where in a record something stands: a field, or a path with dots into nested ones.

    Only `session` and `time` are needed; what has no field is not told. `tool_error` and `error`
    may be flags, texts or objects.
    """

    session: str
    time: str
    id: str | None = None
    model: str | None = None
    provider: str | None = None
    role: str | None = None
    text: str | None = None
    input_tokens: str | None = None
    output_tokens: str | None = None
    cache_read_tokens: str | None = None
    cache_write_tokens: str | None = None
    reasoning_tokens: str | None = None
    total_tokens: str | None = None
    cost: str | None = None
    response_time: str | None = None
    queued_at: str | None = None
    started_at: str | None = None
    stop_reason: str | None = None
    tool: str | None = None
    tool_input: str | None = None
    tool_output: str | None = None
    tool_duration: str | None = None
    tool_error: str | None = None
    error: str | None = None
    error_type: str | None = None
    error_status: str | None = None


class Mapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One format of the user's own. `name` is what its agent is called, `match` which files it has.

    `match` is a pattern of whole paths (`~` is home, `*` stands for anything) or of a table's URL.
    Times without a zone are in `time_zone`; numbers are in `time_unit`, or told by their size;
    `time_format` is for texts that are no ISO 8601. `input_includes_cache` says that cached tokens
    are a part of the input.
    """

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,59}$")]
    match: str
    format: Literal["jsonl", "csv", "table"] = "jsonl"
    fields: Fields
    time_zone: str = "UTC"
    time_unit: Literal["auto", "s", "ms", "us", "ns"] = "auto"
    time_format: str | None = None
    duration_unit: Literal["s", "ms", "us", "ns"] = "ms"
    cost_unit: Literal["usd", "cents", "nanousd"] = "usd"
    input_includes_cache: bool = False

    def __post_init__(self) -> None:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            message = f"time_zone: {self.time_zone!r} is no zone: write one as `Europe/Vienna`"
            raise ValueError(message) from error

    def fits(self, path: str) -> bool:
        """Whether a file, or a table, is of this format."""
        from fnmatch import fnmatch

        pattern = self.match
        if pattern.startswith("~/"):
            pattern = str(Path.home() / pattern[2:])
        elif "/" not in pattern:
            pattern = f"*{pattern}"
        return is_table(path) == (self.format == "table") and fnmatch(path, pattern)
