"""A second count of Goose's sessions: its database or exported documents, by plain loops.

Rules (session_manager.rs, schemas 1 to 17, and 1.34.0 as recorded): what a session used is in its
row, what its calls used in the ledger where there is one; the greater of the two is right.
`input` holds the cache, of Gemini's models the total alone holds the thoughts.
"""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Count:
    """What was counted."""

    sessions: int = 0
    prompts: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    tool_seconds: int = 0


def rows(path: Path) -> list[dict[str, Any]]:
    """The sessions of a database, each with its messages and its ledger."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        sessions = [dict(row) for row in connection.execute("SELECT * FROM sessions")]
        for session in sessions:
            mine = (session["id"],)
            told = connection.execute("SELECT * FROM messages WHERE session_id = ?", mine)
            session["conversation"] = [
                {
                    "role": row["role"],
                    "created": row["created_timestamp"],
                    "content": json.loads(row["content_json"]),
                    "metadata": json.loads(dict(row).get("metadata_json") or "{}"),
                }
                for row in told
            ]
            session["ledger"] = []
            if "usage_ledger" in tables:
                told = connection.execute("SELECT * FROM usage_ledger WHERE session_id = ?", mine)
                session["ledger"] = [dict(row) for row in told]
    return sessions


def count(path: Path) -> Count:
    """What a database, or an exported session, tells."""
    found = Count()
    sessions = [json.loads(path.read_text())] if path.suffix == ".json" else rows(path)
    for session in sessions:
        found.sessions += 1
        found.tokens += spent(session)
        times: dict[str, int] = {}
        for message in session["conversation"]:
            if isinstance(message, dict):
                look(message, times, found)
    return found


def spent(session: dict[str, Any]) -> Counter[str]:
    """What a session used."""
    told = {}
    for name in ("input", "output", "total", "cache_read", "cache_write"):
        row = session.get(f"accumulated_{name}_tokens") or 0
        ledger = sum(entry[f"{name}_tokens"] or 0 for entry in session.get("ledger") or ())
        told[name] = max(row, ledger)
    output = told["output"]
    if str(session.get("provider_name")).startswith("google"):
        output = told["total"] - told["input"]
    return Counter(
        input=told["input"] - told["cache_read"] - told["cache_write"],
        cache_read=told["cache_read"],
        cache_write=told["cache_write"],
        output=output,
    )


def look(message: dict[str, Any], times: dict[str, int], found: Count) -> None:
    """Prompts that a person sees, tools asked for, and how long each took."""
    seen = message.get("metadata", {}).get("userVisible", True)
    content = message["content"]
    if message["role"] == "user" and seen and any(block["type"] == "text" for block in content):
        found.prompts += 1
    for block in content:
        if block["type"] == "toolRequest":
            found.tools[block["toolCall"]["value"]["name"]] += 1
            times[block["id"]] = message["created"]
        elif block["type"] == "toolResponse":
            result = block["toolResult"]
            found.failed += result["status"] == "error" or bool(result["value"].get("isError"))
            found.tool_seconds += abs(times[block["id"]] - message["created"])
