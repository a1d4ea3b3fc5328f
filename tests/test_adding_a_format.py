"""A third party adds a format with one installed module, as the guide says."""

from __future__ import annotations

import json
import re
from pathlib import Path

from conftest import Run

GUIDE = Path(__file__).resolve().parents[1] / "docs/adding-a-format.md"
LINES = [
    {"acme": "1", "run": "r1", "call": f"c{n}", "at": f"2026-11-18T09:0{n}:00Z"}
    | {"model": "gpt-5", "tokens_in": 100, "tokens_out": 10, "ms": 900}
    for n in range(3)
]


def test_a_format_of_an_installed_module_is_read_like_our_own(tachlog: Run, tmp_path: Path) -> None:
    """The guide's module, installed with its entry point, reads a log, and `formats` lists it."""
    guide = GUIDE.read_text("utf-8")
    (module,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    (entry,) = re.findall(r"```ini\n(.*?)```", guide, re.DOTALL)
    site = tmp_path / "site"
    info = site / "acme_agent-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "acme_agent.py").write_text(module)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-agent\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry)
    log = tmp_path / "acme.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in [*LINES, LINES[0]]) + '{"acme":"1",')
    environment = {"PYTHONPATH": str(site)}
    ran = tachlog("analyze", "--no-store", "--json", str(log), env=environment, check=False)
    found = json.loads(ran.stdout)
    assert [s["agent"] for s in found["sessions"]] == ["acme_agent"]
    assert found["totals"]["total_tokens"] == 330
    assert found["sessions"][0]["avg_response_time"] == 900
    assert found["input"]["by_source"]["acme_agent"] == {
        "files": 1,
        "records": 5,
        "parsed": 3,
        "duplicates": 1,
        "skipped": 0,
        "problems": 1,
    }
    assert "Acme Agent (acme_agent, revision 1)" in tachlog("formats", env=environment).stdout
