"""What tests of the archive share: small transcripts, reading them in, comparing archives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import golden
from tachlog.analysis.measurer import Measurer
from tachlog.analysis.selection import Selection
from tachlog.config import Config
from tachlog.engines import Setup, Task, progress_after, work
from tachlog.pipeline import bring_up_to_date
from tachlog.pricing import price
from tachlog.projects import project_of
from tachlog.stores import Portion, Store, open_store
from tachlog.stores.archive import SqlArchive

MEASURER = Measurer(price, project_of)
ROWS = {
    "calls": "SELECT o.*, t.session_id FROM calls o JOIN threads t ON t.id = o.thread ORDER BY key",
    "tool_calls": "SELECT o.*, t.session_id FROM tool_calls o JOIN threads t ON t.id = o.thread"
    " ORDER BY key",
    "prompts": "SELECT o.*, t.session_id FROM prompts o JOIN threads t ON t.id = o.thread"
    " ORDER BY key",
    "failures": "SELECT o.*, t.session_id FROM failures o JOIN threads t ON t.id = o.thread"
    " ORDER BY key",
    "compactions": "SELECT o.*, t.session_id FROM compactions o JOIN threads t ON t.id = o.thread"
    " ORDER BY key",
    "marks": "SELECT m.*, t.session_id FROM marks m JOIN threads t ON t.id = m.thread"
    " ORDER BY t.session_id, name, value",
    "model_quarters": "SELECT q.*, t.session_id FROM model_quarters q"
    " JOIN threads t ON t.id = q.thread ORDER BY t.session_id, quarter, name",
    "tool_quarters": "SELECT q.*, t.session_id FROM tool_quarters q"
    " JOIN threads t ON t.id = q.thread ORDER BY t.session_id, quarter, name",
    "failure_quarters": "SELECT q.*, t.session_id FROM failure_quarters q"
    " JOIN threads t ON t.id = q.thread ORDER BY t.session_id, quarter, name",
    "model_totals": "SELECT * FROM model_totals ORDER BY quarter, agent, calls, input, output",
    "tool_totals": "SELECT * FROM tool_totals ORDER BY quarter, agent, calls, successes, errors",
    "failure_totals": "SELECT * FROM failure_totals ORDER BY quarter, agent, failures",
    "agent_telemetry_summaries": "SELECT * FROM agent_telemetry_summaries ORDER BY id",
}
NUMBERED = {"model", "provider", "tool", "stop_reason", "branch", "tier", "name"}
"""Columns with numbers of names, which depend on the order of reading."""
JSON = {"tool_usage", "error_breakdown", "patterns"}
TIMES = {"start_time", "end_time"}
PASSING = {"thread", "created_at", "changed"}
"""Columns that say when and where a row was written."""


def read_in(store: Store, paths: Sequence[Path], *, portion_bytes: int | None = None) -> None:
    """Read files into a store in this order, each portion in a transaction of its own.

    Whatever a command of another test put in force in this process, it is without settings.
    """
    work.prepare(Setup(mappings=golden.mappings()))
    kept = work.PORTION_BYTES
    work.PORTION_BYTES = portion_bytes or kept  # type: ignore[misc]
    try:
        for path in paths:
            progress = store.progress().get(str(path))
            while True:
                reading = work.read(Task(str(path), progress, 0))
                if reading.portion is None:
                    break
                assert store.write([reading.portion], MEASURER) == []
                progress = progress_after(reading.portion)
                if not reading.more:
                    break
    finally:
        work.PORTION_BYTES = kept  # type: ignore[misc]


def portion_of(path: Path, store: Store) -> Portion:
    """The next portion of a file, as any process would read it now."""
    reading = work.read(Task(str(path), store.progress().get(str(path)), 0))
    assert reading.portion is not None
    return reading.portion


def archive_of(paths: Sequence[Path], **options: Any) -> dict[str, Any]:
    """What an archive holds after reading files in this order."""
    store = open_store("private:")
    try:
        read_in(store, paths, **options)
        return contents(store)
    finally:
        store.close()


def archive_of_all(directory: Path) -> dict[str, Any]:
    """What an archive holds after one process read a directory as the command does."""
    store = open_store("private:")
    try:
        bring_up_to_date(store, [str(directory)], Config(), jobs=1)
        return contents(store)
    finally:
        store.close()


def contents(store: Store) -> dict[str, Any]:
    """Every row with its names spelled out, without what depends on when it was written."""
    assert isinstance(store, SqlArchive)
    database = store.database
    names = dict(database.rows("SELECT id, text FROM names"))
    found: dict[str, Any] = {}
    for table, sql in ROWS.items():
        columns = [*database.columns(table), "session_id"]
        found[table] = [
            {
                column: names.get(value)
                if column in NUMBERED and isinstance(value, int)
                else _plain(column, value)
                for column, value in zip(columns, row, strict=False)
                if column not in PASSING
            }
            for row in database.rows(sql)
        ]
        if "name" in columns:
            found[table].sort(
                key=lambda row: (
                    row.get("session_id") or row["agent"],
                    str(row.get("quarter")),
                    row["name"],
                )
            )
    found["input"] = store.input(Selection())
    return found


def _plain(column: str, value: Any) -> Any:
    """A value as every database means it: JSON, times and ids have types of their own in some."""
    if column in JSON and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, UUID):
        return str(value)
    if column in TIMES and isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=None)
    return value


def figures(store: Store) -> dict[str, dict[str, Any]]:
    """A few figures of each thread, by session id."""
    return {
        m.session_id: {
            "calls": m.calls,
            "tool_calls": m.tool_calls,
            "prompts": m.prompts,
            "tokens": m.total_tokens,
        }
        for m in store.sessions(Selection())
    }


def jsonl(path: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    """Write records as a transcript."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def user(session: str, uuid: str, at: str, text: str, **more: Any) -> dict[str, Any]:
    """A prompt as Claude Code writes it."""
    return {
        "type": "user",
        "uuid": uuid,
        "parentUuid": None,
        "isSidechain": False,
        "sessionId": session,
        "cwd": "/home/ana/shop",
        "version": "2.1.218",
        "gitBranch": "main",
        "timestamp": at,
        "message": {"role": "user", "content": text},
        **more,
    }


def assistant(
    session: str,
    uuid: str,
    at: str,
    message: str | None,
    *,
    output: int = 50,
    content: Sequence[Mapping[str, Any]] = ({"type": "text", "text": "Done."},),
    stop: str | None = "end_turn",
    **more: Any,
) -> dict[str, Any]:
    """A line of a reply as Claude Code writes it."""
    body: dict[str, Any] = {
        "role": "assistant",
        "type": "message",
        "model": "claude-opus-4-5-20251101",
        "content": list(content),
        "stop_reason": stop,
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 1000,
            "cache_creation_input_tokens": 100,
            "output_tokens": output,
        },
    }
    if message is not None:
        body["id"] = message
    return {
        "type": "assistant",
        "uuid": uuid,
        "parentUuid": None,
        "isSidechain": False,
        "sessionId": session,
        "cwd": "/home/ana/shop",
        "version": "2.1.218",
        "gitBranch": "main",
        "timestamp": at,
        "message": body,
        **more,
    }


def tool_use(call: str, name: str, **arguments: Any) -> dict[str, Any]:
    """A block in which a reply asks for a tool."""
    return {"type": "tool_use", "id": call, "name": name, "input": arguments}


def tool_result(
    session: str, uuid: str, at: str, call: str, text: str, *, error: bool = False, **more: Any
) -> dict[str, Any]:
    """A tool's result as Claude Code writes it."""
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": call, "content": text}
    if error:
        block["is_error"] = True
    record = user(session, uuid, at, "", **more)
    record["message"] = {"role": "user", "content": [block]}
    return record


def as_session(records: Sequence[Mapping[str, Any]], session: str) -> list[dict[str, Any]]:
    """Records copied into another session, as a resumed or forked one begins: ids stay."""
    return [{**record, "sessionId": session} for record in records]


def at(minute: int, second: int = 0, ms: int = 0) -> str:
    """A time on an invented morning."""
    return f"2026-11-18T09:{minute:02}:{second:02}.{ms:03}Z"


def alert_acknowledged_by(store: Store, user: str) -> None:
    """Put an alert into an archive that somebody acknowledged."""
    assert isinstance(store, SqlArchive)
    with store.database.transaction():
        store.database.run(
            "INSERT INTO telemetry_alerts (id, type, severity, acknowledged_by)"
            " VALUES (?, ?, ?, ?)",
            ("5e551000-0000-4000-8000-0000000000aa", "token_spike", "info", user),
        )
