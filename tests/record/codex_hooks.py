"""Records what Codex CLI's hooks tell: `python tests/record/codex_hooks.py`.

The hooks are those that `tachlog hooks install codex` writes; they are trusted on the screen that
Codex shows when it starts. One session is driven at a terminal, with a permission that is given and
one that is refused. The truth is what the model was asked, what stood on the screen and which keys
were pressed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from codex import MODEL, PACKAGE, PROGRAM, VERSION, command, not_ours
from dialects import Answer, Usage
from recording import CORPUS, Place, collected, installed, keep, only_loopback
from scrub import Scrub
from stub import Script, Stub
from terminal import Terminal, Truth

CASE = CORPUS.parent / "data" / "hooks" / f"codex_{VERSION}"
THINKING_SECONDS = 3.0
PATTERNS = ["(?<=<environment_context>).*?(?=</environment_context>)"]
ASKS = {"sandbox_permissions": "require_escalated", "justification": "May I?"}

SCRIPT: Script = {
    "shop": [
        Answer(
            "I make a list first.",
            (command("sleep 4 && touch list", **ASKS),),
            Usage(1200, 0, 0, 90),
        ),
        Answer(tools=(command("sleep 4"),), usage=Usage(60, 1300, 0, 21)),
        Answer("Then it is tea.", usage=Usage(60, 1510, 0, 11)),
    ],
    "no": [Answer(tools=(command("touch other", **ASKS),), usage=Usage(70, 1700, 0, 34))],
}

NOTES = f"""# What the hooks of Codex CLI {VERSION} tell, recorded on 2026-11-23

Recorded by `tests/record/codex_hooks.py` with the hooks that `tachlog hooks install codex` writes,
trusted at a terminal, against a model that says what a script tells it to. `spool.jsonl` is what
`hand_on.py` wrote. `truth.json` lists moments: what the session was doing then, as the model, the
screen of the terminal and the keys that were pressed tell it, and how many lines its log had.
`hooks` false: no hook tells it (that a person has answered is told only when the tool ends). That
the terminal was left is told by no hook either: a helper of Codex keeps the session.
"""


def prepare(place: Place, stub: Stub) -> None:
    """Write the agent's settings and install the hooks."""
    settings = place.home / ".codex/config.toml"
    settings.parent.mkdir()
    settings.write_text(
        f"""model = "{MODEL}"
model_provider = "stub"
approval_policy = "on-request"
sandbox_mode = "workspace-write"
check_for_update_on_startup = false
[model_providers.stub]
name = "stub"
base_url = "{stub.url}/v1"
env_key = "STUB_KEY"
wire_api = "responses"
[projects."{place.shop}"]
trust_level = "trusted"
""",
        encoding="utf-8",
    )
    install = [sys.executable, "-m", "tachlog", "hooks", "install", "codex", "--yes"]
    subprocess.run(install, env=place.environment(), stdout=subprocess.DEVNULL, check=True)


def typed(place: Place, stub: Stub, terminal: Terminal, truth: Truth) -> None:
    """A session at a terminal."""

    def served(count: int) -> None:
        terminal.wait(lambda: len(stub.served) >= count)
        terminal.pause(1)

    terminal.wait_for("Trustallandcontinue")
    terminal.pause(1)
    terminal.press("2", "\r")
    terminal.pause(4)
    terminal.press("[shop] What do we sell?", "\r")
    served(1)
    session = thread(place)
    truth.note(session, "model")
    terminal.wait_for("Pressentertoconfirm")
    terminal.pause(1)
    truth.note(session, "waiting_approval", "exec_command")
    terminal.pause(18)
    truth.note(session, "waiting_approval", "exec_command")
    terminal.press("y")
    terminal.pause(1)
    truth.note(session, "tool", "exec_command", hooks=False)
    terminal.wait((place.shop / "list").exists)
    served(2)
    truth.note(session, "model")
    terminal.pause(THINKING_SECONDS)
    truth.note(session, "tool", "exec_command")
    terminal.wait_for("Thenitistea")
    terminal.pause(2)
    truth.note(session, "waiting_prompt")
    terminal.press("[no] Make another.", "\r")
    terminal.wait_for("Pressentertoconfirm")
    terminal.pause(1)
    truth.note(session, "waiting_approval", "exec_command")
    terminal.press("\x1b")
    terminal.pause(2)
    truth.note(session, "waiting_prompt")
    assert not (place.shop / "other").exists()
    terminal.press("/quit")
    terminal.press_last("\r")


def stop_helpers(place: Place) -> None:
    """End what the agent left running of itself."""
    for told in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(place.home).encode() in told.read_bytes():
                os.kill(int(told.parent.name), signal.SIGKILL)


def thread(place: Place) -> str:
    """The id of the one session, which its file is called by."""
    (path,) = (place.home / ".codex/sessions").rglob("rollout-*.jsonl")
    return path.stem[-36:]


def record() -> None:
    """Run the session and write the case."""
    program = installed("npm", PACKAGE, VERSION) / PROGRAM
    only_loopback()
    with Place() as place, Stub(SCRIPT, thinking_seconds=THINKING_SECONDS) as stub:
        prepare(place, stub)
        sessions = place.home / ".codex/sessions"
        truth = Truth(lambda: collected(sessions))
        environment = place.environment(STUB_KEY="nobody", TERM="xterm-256color")
        try:
            typed(place, stub, Terminal(place.shop, [program], environment), truth)
        finally:
            stop_helpers(place)
        files = collected(sessions)
        files["spool.jsonl"] = (place.home / ".local/share/tachlog/hooks.jsonl").read_bytes()
        keep(
            CASE, files, Scrub(place.root, PATTERNS, [not_ours]), {"moments": truth.moments}, NOTES
        )


if __name__ == "__main__":
    record()
