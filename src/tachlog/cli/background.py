"""The verb `service`: keeps `tachlog serve` running for one person, without root.

systemd user units (systemd.service(5), systemd.syntax(7)), launchd agents (launchd.plist(5)) and
Task Scheduler's XML (learn.microsoft.com, "Task Scheduler Schema"), checked 2026-11-22.
"""

from __future__ import annotations

import plistlib
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

import msgspec
from msgspec import Struct

from tachlog.cli.calling import Caller, Misuse, Unanswered
from tachlog.config import data_home
from tachlog.figures import plain

LABEL: Final = "io.tachlog.serve"
TASK: Final = "tachlog"
SECONDS: Final = 30


class Setting(NamedTuple):
    """How a system keeps a program running: which file says so, what makes it take that up."""

    path: Path
    content: str
    encoding: str
    install: Sequence[Sequence[str]]
    remove: Sequence[Sequence[str]]
    status: Sequence[str]


class Told(Struct, frozen=True):
    """What `service` tells: the file, what is in it (`--dry-run`), whether it is there and runs."""

    path: str
    installed: bool
    running: bool
    content: str | None = None


Run = Callable[[Sequence[str]], tuple[int, str]]


def service(options: Namespace, caller: Caller, platform: str = sys.platform) -> int:
    """Run `tachlog service`."""
    setting = setting_of(platform, caller.environ, command_of(options.db))
    told = act(options.what, setting, ran, dry_run=options.dry_run)
    if options.json:
        caller.out.write(msgspec.json.encode(told).decode() + "\n")
        return 0
    if told.content is not None:
        caller.out.write(f"{plain(told.path)}\n{told.content}")
        return 0
    state = "not installed; `tachlog service install` does it"
    if told.installed:
        state = "running" if told.running else "installed, but it does not run"
    caller.out.write(f"{plain(told.path)}: {state}\n")
    return 0


def command_of(archive: str | None) -> list[str]:
    """The command that is kept running, by this very Python."""
    if archive and "://" not in archive:
        archive = str(Path(archive).resolve())
    place = ["--db", archive] if archive else []
    return [sys.executable, "-m", "tachlog", "serve", *place]


def act(what: str, setting: Setting, run: Run, *, dry_run: bool) -> Told:
    """Install, remove or only look; raises `Unanswered` where the system refuses."""
    path = setting.path
    if dry_run:
        return Told(str(path), path.exists(), False, setting.content)
    if what == "install":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(setting.content, encoding=setting.encoding)
        for command in setting.install:
            _do(command, run)
    elif what == "remove" and path.exists():
        for command in setting.remove:
            _do(command, run)
        path.unlink()
    installed = path.exists()
    return Told(str(path), installed, installed and run(setting.status)[0] == 0)


def _do(command: Sequence[str], run: Run) -> None:
    code, said = run(command)
    if code:
        raise Unanswered(f"{' '.join(command)}: {said.strip() or f'exit code {code}'}")


def ran(command: Sequence[str]) -> tuple[int, str]:
    """The exit code of a command, and what it said; 127 where there is none such."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, done.stderr or done.stdout


def setting_of(platform: str, environ: Mapping[str, str], command: Sequence[str]) -> Setting:
    """What keeps a command running on a platform; raises `Misuse` where nothing is known of it."""
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())
    if platform.startswith("linux"):
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        ctl = ("systemctl", "--user")
        return Setting(
            config / "systemd" / "user" / "tachlog.service",
            systemd_unit(command),
            "utf-8",
            ((*ctl, "daemon-reload"), (*ctl, "enable", "--now", "tachlog.service")),
            ((*ctl, "disable", "--now", "tachlog.service"),),
            (*ctl, "is-active", "--quiet", "tachlog.service"),
        )
    if platform == "darwin":
        path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        return Setting(
            path,
            launchd_plist(command, str(home / "Library" / "Logs" / "tachlog.log")),
            "utf-8",
            (("launchctl", "load", "-w", str(path)),),
            (("launchctl", "unload", "-w", str(path)),),
            ("launchctl", "list", LABEL),
        )
    if platform == "win32":
        path = Path(data_home(environ)) / "service.xml"
        return Setting(
            path,
            task_xml(command),
            "utf-16",
            (
                ("schtasks", "/Create", "/F", "/TN", TASK, "/XML", str(path)),
                ("schtasks", "/Run", "/TN", TASK),
            ),
            (("schtasks", "/End", "/TN", TASK), ("schtasks", "/Delete", "/F", "/TN", TASK)),
            ("schtasks", "/Query", "/TN", TASK),
        )
    raise Misuse(f"{platform}: nothing is known of how it keeps programs running")


def systemd_unit(command: Sequence[str]) -> str:
    """A user unit that restarts the command when it fails."""
    return f"""\
[Unit]
Description=tachlog, the tachograph for AI agents

[Service]
ExecStart={" ".join(map(_quoted, command))}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
TimeoutStopSec=10
Nice=5
NoNewPrivileges=true

[Install]
WantedBy=default.target
"""


def _quoted(word: str) -> str:
    """A word as ExecStart takes it."""
    told = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{told}"'


def launchd_plist(command: Sequence[str], log: str) -> str:
    """An agent that begins at sign-in and is started again when it fails."""
    told = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Background",
        "StandardOutPath": "/dev/null",
        "StandardErrorPath": log,
    }
    return plistlib.dumps(told, sort_keys=False).decode()


def task_xml(command: Sequence[str]) -> str:
    """A task that begins at sign-in, without more rights than the person has."""
    program, *words = command
    return f"""\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>tachlog, the tachograph for AI agents</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>10</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(program)}</Command>
      <Arguments>{escape(subprocess.list2cmdline(words))}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
