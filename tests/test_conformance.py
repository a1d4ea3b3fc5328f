"""Every trap of the conformance set comes to its truth, and its figures add up."""

from pathlib import Path

import msgspec
import pytest

import traps
from tachlog.sources import all_sources

FOLDERS = traps.folders()


@pytest.mark.parametrize("folder", FOLDERS, ids=[f"{f.parent.name}/{f.name}" for f in FOLDERS])
def test_trap_comes_to_its_truth(folder: Path, tmp_path: Path) -> None:
    """A home with one trap has the figures that its rule says, by session, model and day alike."""
    trap = traps.trap_in(folder)
    traps.lay_out(folder, tmp_path / "home")
    told = traps.told_of(tmp_path / "home", trap.time_zone, tmp_path / "archive.db")
    assert traps.found(told, trap.truth) == msgspec.to_builtins(trap.truth), trap.rule
    totals = told.result.totals
    assert sum(each.total_tokens for each in told.result.sessions) == totals.total_tokens
    assert sum(use.total_tokens for use in totals.models.values()) == totals.total_tokens
    assert sum(told.by_day.values()) == totals.total_tokens


def test_every_format_has_traps() -> None:
    """Each format of the package has traps, and each folder of traps a format."""
    shipped = {name for name in all_sources() if not name.startswith("test")}
    assert {folder.parent.name for folder in FOLDERS} == shipped
