"""Count runs of mini-swe-agent with plain loops, from the description of the format alone.

A run that lies in two folders is one run (the same first response, else the same messages). Shares
no code with the package.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def count(paths: Iterable[Path]) -> Counter[str]:
    """What the runs tell: calls, tokens, costs in nano-dollars, commands by their exit code."""
    total: Counter[str] = Counter()
    seen = set()
    for path in paths:
        document = json.loads(path.read_text(encoding="utf-8"))
        messages = document if isinstance(document, list) else document["messages"]
        identity = first_response(messages) or json.dumps(messages)
        if identity in seen:
            continue
        seen.add(identity)
        total["sessions"] += 1
        total["prompts"] += 1
        total += Counter(count_messages(messages))
    return total


def first_response(messages: list[dict[str, Any]]) -> str | None:
    """The id of the first response that has one."""
    for message in messages:
        response = (message.get("extra") or {}).get("response") or {}
        if response.get("id"):
            return str(response["id"])
    return None


def count_messages(messages: list[dict[str, Any]]) -> dict[str, int]:
    """The figures of one run."""
    total: Counter[str] = Counter()
    for message in messages:
        extra = message.get("extra") or {}
        if message["role"] == "assistant":
            total["calls"] += 1
            text = message.get("content") or ""
            commands = extra.get("actions")
            if commands is None:
                commands = re.findall(r"```(?:bash|mswea_bash_command)\n.*?\n```", text, re.S)
            total["tools"] += len(commands)
            usage = (extra.get("response") or {}).get("usage")
            if usage:
                cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
                total["with_usage"] += 1
                total["input"] += usage["prompt_tokens"] - cached
                total["cache_read"] += cached
                total["output"] += usage["completion_tokens"]
                total["cost_nanousd"] += round(extra["cost"] * 1e9)
        elif message["role"] in ("tool", "user"):
            code = extra.get("returncode")
            if code is None:
                found = re.match(r"\s*<returncode>\s*(-?\d+)", message.get("content") or "")
                code = int(found[1]) if found else None
            if code is not None:
                total["exit 0" if code == 0 else "exit not 0"] += 1
    return dict(total)
