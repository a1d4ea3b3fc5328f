"""`tachlog service` writes what each system needs to keep the service running."""

from __future__ import annotations

import io
import plistlib
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tachlog.cli.background import act, command_of, ran, service, setting_of
from tachlog.cli.calling import Caller, Misuse, Unanswered

COMMAND = ["/opt/my tools/python", "-m", "tachlog", "serve", "--db", 'a "b" & 100% of $HOME\\x.db']
GOLDEN = Path(__file__).with_name("data") / "service"


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_the_file_of_each_system(platform: str) -> None:
    """The file is the golden one, below the person's home, and its words are the command's."""
    setting = setting_of(platform, {"HOME": "/home/ana"}, COMMAND)
    assert setting.content == (GOLDEN / f"{platform}.txt").read_text(encoding="utf-8")
    assert setting.path.is_relative_to("/home/ana")
    if platform == "darwin":
        assert plistlib.loads(setting.content.encode())["ProgramArguments"] == COMMAND
    if platform == "win32":
        tree = ElementTree.fromstring(setting.content.encode("utf-16"))
        assert tree.findtext(".//{*}Command") == COMMAND[0]


def test_it_is_installed_looked_at_and_removed(tmp_path: Path) -> None:
    """What the system is told is told in order; a dry run touches nothing; removing undoes it."""
    told: list[str] = []

    def run(command: Sequence[str]) -> tuple[int, str]:
        told.append(" ".join(command))
        return 0, ""

    setting = setting_of("linux", {"HOME": "/x", "XDG_CONFIG_HOME": str(tmp_path)}, COMMAND)
    shown = act("install", setting, run, dry_run=True)
    assert (shown.content, shown.installed, told) == (setting.content, False, [])
    assert not act("remove", setting, run, dry_run=False).installed
    found = act("install", setting, run, dry_run=False)
    assert (found.installed, found.running) == (True, True)
    assert setting.path.read_text() == setting.content
    assert not act("remove", setting, run, dry_run=False).running
    assert not setting.path.exists()
    assert [line.split()[2] for line in told] == ["daemon-reload", "enable", "is-active", "disable"]
    with pytest.raises(Unanswered, match="daemon-reload: no bus"):
        act("install", setting, lambda _: (1, "no bus\n"), dry_run=False)


def test_the_verb_tells_what_it_did(tmp_path: Path) -> None:
    """It tells the state in a line, the file with `--dry-run`, an object with `--json`."""

    def told(what: str, *, dry_run: bool = False, json: bool = False) -> str:
        out = io.StringIO()
        caller = Caller({"HOME": str(tmp_path)}, 0, out, out)
        options = Namespace(what=what, dry_run=dry_run, json=json, db="x.db")
        assert service(options, caller, "linux") == 0
        return out.getvalue()

    assert "tachlog.service: not installed" in told("status")
    assert f'"--db" "{Path("x.db").resolve()}"' in told("install", dry_run=True)
    assert '"installed":false' in told("status", json=True)
    unit = tmp_path / ".config" / "systemd" / "user" / "tachlog.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("")
    assert "tachlog.service: " in told("status")
    with pytest.raises(Misuse, match="plan9"):
        setting_of("plan9", {}, COMMAND)
    assert command_of(None)[-1] == "serve"
    assert command_of("postgresql://db/x")[-1] == "postgresql://db/x"
    assert ran(["/nowhere/at-all"])[0] == 127
    assert ran([sys.executable, "-c", "print(7)"]) == (0, "7\n")
