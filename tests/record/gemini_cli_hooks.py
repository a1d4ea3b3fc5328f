"""Records what Gemini CLI's hooks tell: `python tests/record/gemini_cli_hooks.py`.

The hooks are those that `tachlog hooks install gemini-cli` writes. One session is driven at a
terminal, with a permission that is given and one that is refused. The truth is what the model was
asked, what stood on the screen and which keys were pressed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from dialects import Answer, Tool, Usage
from gemini_cli import MODEL, PACKAGE, VERSION, chat, command, not_ours
from recording import CORPUS, Place, collected, installed, keep, only_loopback
from scrub import Scrub
from stub import Script, Stub
from terminal import Terminal, Truth

CASE = CORPUS.parent / "data" / "hooks" / f"gemini_cli_{VERSION}"
THINKING_SECONDS = 3.0
PATTERNS = ["(?<=<session_context>).*?(?=</session_context>)"]
SHELL = "run_shell_command"

SCRIPT: Script = {
    "shop": [
        Answer("I make a list first.", (command("sleep 4 && touch list"),), Usage(1200, 0, 0, 90)),
        Answer(
            tools=(Tool("read_file", {"file_path": "README.md"}),), usage=Usage(60, 1300, 0, 21)
        ),
        Answer("Then it is tea.", usage=Usage(60, 1510, 0, 11)),
    ],
    "no": [Answer(tools=(command("touch other"),), usage=Usage(70, 1700, 0, 34))],
}

NOTES = f"""# What the hooks of Gemini CLI {VERSION} tell, recorded on 2026-11-23

Recorded by `tests/record/gemini_cli_hooks.py` with the hooks that `tachlog hooks install
gemini-cli` writes, against a model that says what a script tells it to. `spool.jsonl` is what
`hand_on.py` wrote. `truth.json` lists moments: what the session was doing then, as the model, the
screen of the terminal and the keys that were pressed tell it, and how many lines its log had.
`hooks` false: no hook tells it (that a person has answered is told only when the tool ends).
"""


def prepare(place: Place) -> None:
    """Write the agent's settings and install the hooks."""
    settings = place.home / ".gemini/settings.json"
    settings.parent.mkdir()
    told = {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False},
    }
    settings.write_text(json.dumps(told, indent=2), encoding="utf-8")
    install = [sys.executable, "-m", "tachlog", "hooks", "install", "gemini-cli", "--yes"]
    subprocess.run(install, env=place.environment(), stdout=subprocess.DEVNULL, check=True)


def typed(place: Place, stub: Stub, terminal: Terminal, truth: Truth) -> None:
    """A session at a terminal."""

    def served(count: int) -> None:
        terminal.wait(lambda: len(stub.served) >= count)
        terminal.pause(1)

    terminal.wait_for("Typeyourmessage")
    terminal.pause(6)
    session = begun(place)
    terminal.press("[shop] What do we sell?", "\r")
    served(1)
    truth.note(session, "model")
    terminal.wait_for("Allowexecution")
    terminal.pause(2)
    truth.note(session, "waiting_approval", SHELL)
    terminal.pause(18)
    truth.note(session, "waiting_approval", SHELL)
    terminal.press("\r")
    terminal.pause(1)
    truth.note(session, "tool", SHELL, hooks=False)
    terminal.wait((place.shop / "list").exists)
    served(2)
    truth.note(session, "model")
    served(3)
    truth.note(session, "model")
    terminal.wait_for("Thenitistea")
    terminal.pause(3)
    truth.note(session, "waiting_prompt")
    terminal.press("[no] Make another.", "\r")
    terminal.wait_for("Allowexecution")
    terminal.pause(2)
    truth.note(session, "waiting_approval", SHELL)
    terminal.press("\x1b")
    terminal.pause(3)
    truth.note(session, "waiting_prompt")
    assert not (place.shop / "other").exists()
    terminal.press("/quit")
    terminal.pause(1)
    terminal.press_last("\r")
    truth.note(session, "ended")


def begun(place: Place) -> str:
    """The id of the session, by its first hook."""
    spool = place.home / ".local/share/tachlog/hooks.jsonl"
    return str(json.loads(spool.read_text().splitlines()[0])["session"])


def record() -> None:
    """Run the session and write the case."""
    package = installed("npm", PACKAGE, VERSION)
    program = package / "node_modules/@google/gemini-cli/bundle/gemini.js"
    only_loopback()
    with Place() as place, Stub(SCRIPT, thinking_seconds=THINKING_SECONDS) as stub:
        prepare(place)
        chats = place.home / ".gemini/tmp"
        truth = Truth(lambda: collected(chats, chat))
        environment = place.environment(
            GEMINI_API_KEY="nobody",
            GOOGLE_GEMINI_BASE_URL=stub.url,
            GEMINI_CLI_NO_RELAUNCH="true",
            TERM="xterm-256color",
        )
        command_line = [Path("/usr/bin/node"), program, "-m", MODEL]
        typed(place, stub, Terminal(place.shop, command_line, environment), truth)
        files = collected(chats, chat)
        files["spool.jsonl"] = (place.home / ".local/share/tachlog/hooks.jsonl").read_bytes()
        keep(
            CASE, files, Scrub(place.root, PATTERNS, [not_ours]), {"moments": truth.moments}, NOTES
        )


if __name__ == "__main__":
    record()
