"""Count results of tau-bench with plain loops, from the description of the format alone.

Shares no code with the package.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def count(paths: Iterable[Path]) -> Counter[str]:
    """What the runs tell: messages of both models, tools by what they gave, the user's cost."""
    total: Counter[str] = Counter()
    for path in paths:
        for run in json.loads(path.read_text(encoding="utf-8")):
            total["sessions"] += 1
            total["threads"] += 2
            total["cost_nanousd"] += round((run["info"].get("user_cost") or 0) * 1e9)
            for message in run["traj"]:
                total[message["role"]] += 1
                total["tools"] += len(message.get("tool_calls") or [])
                if message["role"] == "tool":
                    failed = message["content"].startswith("Error")
                    total["error" if failed else "success"] += 1
    return total
