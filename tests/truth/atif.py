"""Count trajectories in the interchange format with plain loops, from its description alone.

Steps are summed; `final_metrics` are a check and never added. Shares no code with the package.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def count(paths: Iterable[Path]) -> Counter[str]:
    """What the steps of all documents tell."""
    total: Counter[str] = Counter()
    sessions = set()
    for path in paths:
        document = json.loads(path.read_text(encoding="utf-8"))
        sessions.add(document["session_id"])
        for step in document["steps"]:
            if step.get("is_copied_context"):
                continue
            total["prompts"] += step["source"] == "user"
            total["calls"] += step["source"] == "agent"
            total["tools"] += len(step.get("tool_calls") or [])
            metrics = step.get("metrics")
            if metrics:
                cached = metrics.get("cached_tokens") or 0
                total["with_usage"] += 1
                total["input"] += metrics["prompt_tokens"] - cached
                total["cache_read"] += cached
                total["output"] += metrics["completion_tokens"]
                total["cost_nanousd"] += round(metrics["cost_usd"] * 1e9)
    total["sessions"] = len(sessions)
    return total
