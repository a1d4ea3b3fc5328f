"""What the README shows works."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from tachlog.demo import write_demo

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example of the README runs as it stands, over example logs, and prints what it says."""
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(example)
    write_demo(tmp_path / "logs")
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(script))
    printed = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"37 sessions, \d+ tokens", printed[0])
    assert printed[-1] == "856"
    assert len(found["frame"]) > 0
    assert found["now"].current.active_sessions == 0


def test_links_lead_to_files() -> None:
    """Every file that the README links to is there."""
    links = re.findall(r"\]\(([^)#]+)", README.read_text("utf-8"))
    assert [link for link in links if not (README.parent / link).exists()] == []
