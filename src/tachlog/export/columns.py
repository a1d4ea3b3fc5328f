"""The tables of an export: their columns, in the order in which they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from tachlog.analysis.exporting import SESSIONS, Kept
from tachlog.analysis.frames_out import TABLES as FRAMES
from tachlog.analysis.frames_out import flat
from tachlog.analysis.units import optional_ms
from tachlog.analysis.view import cost_nanousd, session_view
from tachlog.data import tool_category
from tachlog.metrics import Settled
from tachlog.metrics.timing import execution_us
from tachlog.metrics.tools import UNKNOWN_TOOL

SCHEMA: Final = 1
"""The version of the columns: raised when one is renamed, removed or changes its meaning."""

KINDS: Final = ("text", "int", "float", "bool", "list", "time", "money")


class Column(Struct, frozen=True):
    """One column: its kind, what it says, how a row gives it.

    Rows give times as µs since the epoch and money as nano-dollars. A `hint` is written only when
    hints are asked for.
    """

    name: str
    kind: str
    meaning: str
    of: Callable[[Kept], Any]
    hint: bool = False


class Table(Struct, frozen=True):
    """One table: what a row of it is, its columns."""

    name: str
    row: str
    columns: tuple[Column, ...]

    def chosen(self, hints: bool) -> tuple[Column, ...]:
        """The columns that an export with or without hints has."""
        return tuple(column for column in self.columns if hints or not column.hint)


def _hex(number: int | None) -> str | None:
    return None if number is None else f"{number:016x}"


def _member(name: str) -> Callable[[Kept], Any]:
    return lambda row: getattr(row.value, name)


def _tokens(name: str) -> Callable[[Kept], int | None]:
    def of(row: Kept) -> int | None:
        return None if row.value.usage is None else int(getattr(row.value.usage, name) or 0)

    return of


def _total(row: Kept) -> int:
    usage = row.value.usage
    return int((usage.prompt if usage else 0) + _settled(row).output)


def _settled(row: Kept) -> Settled:
    assert row.settled is not None, "a call of the archive is settled"
    return row.settled


def _tool(row: Kept) -> str:
    return row.value.tool or UNKNOWN_TOOL


def _place(name: str, of_what: str, when: str) -> tuple[Column, ...]:
    """The columns that every operation begins with."""
    return (
        Column(name, "text", f"the key of {of_what}, 16 hexadecimal digits", _of_key),
        Column("time", "time", when, lambda row: row.at_us),
        Column("session_id", "text", "the thread that it counts for", lambda r: r.owner.session_id),
        Column(
            "root_session_id",
            "text",
            "the main conversation of that thread",
            lambda r: r.owner.root,
        ),
        Column("agent", "text", "the agent, such as `claude_code`", lambda r: r.owner.agent),
        Column("project", "text", "the project of the session", lambda r: r.owner.project),
    )


def _of_key(row: Kept) -> str:
    return f"{row.value.key:016x}"


def _excerpt(of_what: str) -> Column:
    return Column("excerpt", "text", f"the text of {of_what}, redacted", _member("excerpt"), True)


CALLS: Final = Table(
    "calls",
    "one model call",
    (
        *_place("call_id", "the call", "when its last record was written"),
        Column("provider", "text", "the provider", _member("provider")),
        Column("model", "text", "the model, as the log names it", _member("model")),
        Column("input", "int", "fresh input tokens", _tokens("input")),
        Column("cache_read", "int", "tokens read from a cache", _tokens("cache_read")),
        Column("cache_write", "int", "tokens written to a cache", _tokens("cache_write")),
        Column(
            "cache_write_1h", "int", "those of them kept for an hour", _tokens("cache_write_1h")
        ),
        Column(
            "output",
            "int",
            "output tokens; a placeholder is replaced by its estimate",
            lambda row: _settled(row).output,
        ),
        Column(
            "reasoning",
            "int",
            "those of them spent on thinking",
            lambda row: row.value.usage and row.value.usage.reasoning,
        ),
        Column("total_tokens", "int", "input, cache_read, cache_write and output", _total),
        Column(
            "estimated",
            "int",
            "how many of the total no API reported",
            lambda row: _settled(row).estimated,
        ),
        Column(
            "cost_usd",
            "money",
            "what it cost, at API prices unless the log reports it; null without a price",
            lambda row: _settled(row).cost_nanousd,
        ),
        Column(
            "cost_reported",
            "bool",
            "whether the log reports the cost",
            lambda row: row.value.cost_nanousd is not None,
        ),
        Column(
            "response_ms",
            "float",
            "from the request to the end of the reply",
            lambda row: optional_ms(_settled(row).response_us),
        ),
        Column("ttft_ms", "int", "until its first token, where the log says", _member("ttft_ms")),
        Column("stop_reason", "text", "why it ended, in the API's words", _member("stop_reason")),
        Column("attempt", "int", "which attempt it was, where the log says", _member("attempt")),
        Column("branch", "text", "the git branch at that time", _member("branch")),
        Column("tier", "text", "the service tier, where the log says", _member("tier")),
    ),
)

TOOL_CALLS: Final = Table(
    "tool_calls",
    "one tool call with its result",
    (
        *_place("tool_call_id", "the tool call", "when it started"),
        Column("tool", "text", "the tool; `unknown` where only a result was told", _tool),
        Column(
            "category",
            "text",
            "what kind of tool it is",
            lambda row: tool_category(_tool(row)),
        ),
        Column("outcome", "text", "what became of it", _member("outcome")),
        Column("error_class", "text", "the class of its error", _member("error_class")),
        Column(
            "execution_ms",
            "float",
            "how long it ran; an upper bound where the log does not tell waits for approval",
            lambda row: optional_ms(execution_us(row.value)),
        ),
        Column("approval_ms", "int", "the wait for approval, where told", _member("approval_ms")),
        Column("exit_code", "int", "the exit code of a command", _member("exit_code")),
        Column("input_bytes", "int", "size of its input", _member("input_bytes")),
        Column("output_bytes", "int", "size of its result", _member("output_bytes")),
        Column(
            "input_digest",
            "text",
            "equal for equal inputs",
            lambda row: _hex(row.value.input_digest or None),
        ),
        Column(
            "target_kind",
            "text",
            "what it was about: command, file, url, mcp, agent",
            lambda row: row.value.target and row.value.target.kind,
        ),
        Column(
            "fingerprint",
            "text",
            "equal for errors that read alike",
            lambda row: _hex(row.value.fingerprint),
        ),
        Column(
            "target",
            "text",
            "its short redacted name: the program, the path within the project, the host",
            lambda row: row.value.target and row.value.target.name,
            True,
        ),
        _excerpt("its error"),
    ),
)

FAILURES: Final = Table(
    "failures",
    "one failed attempt of a model call, or failure of the agent",
    (
        *_place("failure_id", "the failure", "when it happened"),
        Column("model", "text", "the model that was asked, where told", _member("model")),
        Column("error_class", "text", "the class of the error", _member("error_class")),
        Column("status", "int", "the HTTP status", _member("status")),
        Column("attempt", "int", "which attempt it was", _member("attempt")),
        Column("retry_after_ms", "int", "the wait before the next", _member("retry_after_ms")),
        Column(
            "fingerprint",
            "text",
            "equal for errors that read alike",
            lambda row: _hex(row.value.fingerprint),
        ),
        _excerpt("the error"),
    ),
)

PROMPTS: Final = Table(
    "prompts",
    "one prompt of a person or a parent agent, without its text",
    (
        *_place("prompt_id", "the prompt", "when it was given"),
        Column("characters", "int", "its length", _member("characters")),
        Column("queued_ms", "int", "how long it waited, where told", _member("queued_ms")),
        Column("by_person", "bool", "whether a person gave it", _member("by_person")),
    ),
)


def _view(name: str, kind: str) -> Column:
    """A column that a session has in `tachlog analyze --json`; its meaning is told there."""
    return Column(name, kind, "", lambda row: row.value.get(name), hint=name == "title")


_OF_TREE: Final = "tree_"
"""What a session's sub-agents add is left to a sum over `root_session_id`."""

_KINDS: Final = {"cost_usd": "money"}

SESSION_TABLE: Final = Table(
    SESSIONS,
    "one thread: a main conversation, or one sub-agent's",
    tuple(
        _view(name, _KINDS.get(name, kind))
        for name, kind in FRAMES[SESSIONS][0].items()
        if not name.startswith(_OF_TREE)
    ),
)

TABLES: Final = {
    table.name: table for table in (SESSION_TABLE, CALLS, TOOL_CALLS, FAILURES, PROMPTS)
}


def values(columns: Sequence[Column], row: Kept) -> tuple[Any, ...]:
    """The values of a row in the order of the columns."""
    return tuple(column.of(row) for column in columns)


def session_row(row: Kept) -> Kept:
    """A session's figures as the values of its view by column."""
    m = row.value
    view = flat(session_view(m, None))
    view |= {
        "start_time": m.start_us,
        "end_time": m.end_us,
        "cost_usd": cost_nanousd(m.models.values()),
    }
    return Kept(row.at_us, row.owner, view)
