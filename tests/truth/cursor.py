"""Count what a database of Cursor tells, from its described format alone.

The rules: `bubbleId:<composer>:<bubble>` in `cursorDiskKV` is a message of a conversation that
`composerData:<composer>` describes, which older ones hold themselves; type 1 is a person's, 2 the
model's; `toolFormerData` is one tool. Token counts are hardly ever above zero. Checked 2026-11-22.
"""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Told:
    """What a database tells."""

    conversations: int = 0
    children: int = 0
    prompts: int = 0
    words: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    cents: float = 0


def count(path: Path) -> Told:
    """Count a database."""
    told = Told()
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
        rows = dict(database.execute("SELECT key, value FROM cursorDiskKV").fetchall())
    for key, value in rows.items():
        if key.startswith("composerData:"):
            composer = json.loads(value)
            prefix = f"bubbleId:{key.partition(':')[2]}:"
            bubbles = [json.loads(text) for name, text in rows.items() if name.startswith(prefix)]
            bubbles += composer.get("conversation", [])
            told.conversations += bool(bubbles)
            told.children += bool(bubbles and composer.get("subagentInfo"))
            told.cents += sum(use["costInCents"] for use in composer.get("usageData", {}).values())
            for bubble in bubbles:
                add(told, bubble)
    return told


def add(told: Told, bubble: dict[str, Any]) -> None:
    """Count one message."""
    if bubble["type"] == 1:
        told.prompts += 1
        return
    told.words += len(bubble.get("text", ""))
    told.failures += "errorDetails" in bubble
    tokens = bubble.get("tokenCount", {})
    told.tokens.update(input=tokens.get("inputTokens", 0), output=tokens.get("outputTokens", 0))
    if "toolFormerData" in bubble:
        told.tools[bubble["toolFormerData"]["name"]] += 1
