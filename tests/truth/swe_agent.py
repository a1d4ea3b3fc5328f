"""Count runs of SWE-agent with plain loops, from the description of the format alone.

Only totals of a run are told; the same run in two files is one. Shares no code with the package.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def count(paths: Iterable[Path]) -> Counter[str]:
    """What the runs tell: steps, commands, tokens sent and received, cost in nano-dollars."""
    total: Counter[str] = Counter()
    seen = set()
    for path in paths:
        document = json.loads(path.read_text(encoding="utf-8"))
        steps = document.get("trajectory")
        content = json.dumps([steps, document.get("history")], sort_keys=True)
        if steps is None or content in seen:
            continue
        seen.add(content)
        total["sessions"] += 1
        total["calls"] += len(steps)
        total["tools"] += sum(bool(step["action"].strip()) for step in steps)
        total["timed"] += sum("execution_time" in step for step in steps)
        total["prompts"] += any(
            message["role"] == "user" and not message.get("is_demo")
            for message in document["history"]
        )
        stats = document["info"]["model_stats"]
        total["input"] += stats["tokens_sent"]
        total["output"] += stats["tokens_received"]
        total["cost_nanousd"] += round(stats["instance_cost"] * 1e9)
    return total
