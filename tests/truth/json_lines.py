"""Read the JSON values of a file of lines, however many stand on one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DECODER = json.JSONDecoder()


def values_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield every JSON object of a file in order; what is none ends its line."""
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        text = line.strip()
        while text:
            try:
                value, end = DECODER.raw_decode(text)
            except ValueError:
                break
            if isinstance(value, dict):
                yield value
            text = text[end:].lstrip()


def milliseconds(time: str) -> int:
    """Return an ISO time as milliseconds since the epoch."""
    moment = datetime.fromisoformat(time.replace("Z", "+00:00"))
    return round(moment.astimezone(UTC).timestamp() * 1000)
