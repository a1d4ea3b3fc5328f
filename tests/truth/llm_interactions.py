"""Count logged requests and responses with plain loops, from the description of the format alone.

Shares no code with the package.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def count(paths: Iterable[Path]) -> Counter[str]:
    """What the responses of all files tell, each once."""
    total: Counter[str] = Counter()
    seen = set()
    tools = set()
    for path in paths:
        total["sessions"] += 1
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            response = record.get("response") or {}
            identity = response.get("id", line)
            if record["type"] != "response" or identity in seen:
                continue
            seen.add(identity)
            usage = response.get("usage") or {
                "prompt_tokens": record["input_tokens"],
                "completion_tokens": record["output_tokens"],
            }
            cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
            total["calls"] += 1
            total["with_usage"] += 1
            total["input"] += usage["prompt_tokens"] - cached
            total["cache_read"] += cached
            total["output"] += usage["completion_tokens"]
            total["cost_nanousd"] += round(record["cost"] * 1e9)
            tools |= {
                tool["id"] for out in record["outputs"] for tool in out.get("tool_calls") or []
            }
    total["tools"] = len(tools)
    return total
