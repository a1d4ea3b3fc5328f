"""Notes in what is built which commit it is of, for `tachlog --version`."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = "tachlog/data/built.txt"


class CommitNote(BuildHookInterface):
    """Adds `BUILT` to a source distribution made from a checkout, and to every wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Ask git; a source distribution has the note already, other trees have none."""
        root = Path(self.root)
        if version == "editable" or (root / "src" / BUILT).exists():
            return
        told = _git(root, "log", "-1", "--format=%h, %cs")
        if not told:
            return
        if _git(root, "status", "--porcelain", "--untracked-files=no"):
            told += ", changed since"
        self.note = tempfile.TemporaryDirectory()
        note = Path(self.note.name, "built.txt")
        note.write_text(told + "\n", "utf-8")
        prefix = "src/" if self.target_name == "sdist" else ""
        build_data["force_include"][str(note)] = prefix + BUILT


def _git(root: Path, *words: str) -> str:
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.stdout.strip() if ran.returncode == 0 else ""
