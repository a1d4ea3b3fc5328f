"""Count logs of Inspect AI with plain loops, from the description of the format alone.

Shares no code with the package.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 14):
    import zipfile
else:
    from backports.zstd import zipfile


def count(paths: Iterable[Path]) -> Counter[str]:
    """What the samples of all logs tell, each once."""
    total: Counter[str] = Counter()
    seen = set()
    for path in paths:
        for sample in samples(path):
            if sample["uuid"] in seen:
                continue
            seen.add(sample["uuid"])
            total["sessions"] += 1
            total["prompts"] += 1
            for event in sample["events"]:
                if event["event"] == "model":
                    usage = event["output"]["usage"]
                    total["calls"] += 1
                    total["with_usage"] += 1
                    total["input"] += usage["input_tokens"]
                    total["output"] += usage["output_tokens"]
                    total["cache_read"] += usage["input_tokens_cache_read"]
                    total["cache_write"] += usage["input_tokens_cache_write"]
                    total["reasoning"] += usage["reasoning_tokens"]
                elif event["event"] == "tool":
                    total["tools"] += 1
                    total["timed"] += 1
                    total["error" if event.get("error") else "success"] += 1
    return total


def totals_by_model(path: Path) -> Counter[str]:
    """What the log itself sums up for its models."""
    total: Counter[str] = Counter()
    for sample in samples(path):
        for usage in sample["model_usage"].values():
            total["input"] += usage["input_tokens"]
            total["output"] += usage["output_tokens"]
            total["total"] += usage["total_tokens"]
    return total


def samples(path: Path) -> Iterator[dict[str, Any]]:
    """The samples of a log in either of its two forms."""
    if path.suffix == ".json":
        yield from json.loads(path.read_text(encoding="utf-8"))["samples"]
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("samples/"):
                yield json.loads(archive.read(name))
