"""Records what Claude Code's hooks tell: `python tests/record/claude_code_hooks.py`.

The hooks are those that `tachlog hooks install claude-code` writes. One session is driven at a
terminal, with a permission that is given and one that is not; one runs headless with a sub-agent.
The truth is what the model was asked, what stood on the screen and which keys were pressed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from claude_code import MODEL, PACKAGE, VERSION, not_ours, transcript
from dialects import Answer, Tool, Usage
from recording import CORPUS, Place, collected, installed, keep, only_loopback
from scrub import Scrub
from stub import Script, Stub
from terminal import Terminal, Truth

KEY = "sk-ant-nobody"
TYPED, ALONE = (f"5e551000-0000-4000-8000-00000000001{n}" for n in range(1, 3))
CASE = CORPUS.parent / "data" / "hooks" / f"claude_code_{VERSION}"
THINKING_SECONDS = 2.0

SCRIPT: Script = {
    "shop": [
        Answer(
            "I make a list first.",
            (Tool("Bash", {"command": "sleep 4 && touch list", "description": "Make it"}),),
            Usage(1200, 0, 5000, 90),
        ),
        Answer(
            "Which one?",
            (
                Tool(
                    "AskUserQuestion",
                    {
                        "questions": [
                            {
                                "question": "Tea or jam?",
                                "header": "Which",
                                "multiSelect": False,
                                "options": [
                                    {"label": "Tea", "description": "Tea"},
                                    {"label": "Jam", "description": "Jam"},
                                ],
                            }
                        ]
                    },
                ),
            ),
            Usage(50, 5300, 210, 52),
        ),
        Answer("Then it is tea.", usage=Usage(60, 5510, 190, 11)),
    ],
    "no": [
        Answer(
            tools=(Tool("Bash", {"command": "touch other", "description": "Make another"}),),
            usage=Usage(70, 5700, 180, 34),
        ),
    ],
    "alone": [
        Answer(
            "Somebody else should look.",
            (
                Tool(
                    "Agent",
                    {
                        "description": "Look at the files",
                        "prompt": "[look] Say which files there are.",
                        "subagent_type": "general-purpose",
                        "run_in_background": False,
                    },
                ),
            ),
            Usage(70, 0, 5180, 74),
        ),
        Answer("There is tea and jam.", usage=Usage(80, 5880, 170, 33)),
    ],
    "look": [
        Answer(
            tools=(Tool("Bash", {"command": "sleep 2; ls", "description": "List"}),),
            usage=Usage(900, 0, 2000, 31),
        ),
        Answer("A price list and a README.", usage=Usage(30, 2000, 100, 17)),
    ],
}

NOTES = f"""# What the hooks of Claude Code {VERSION} tell, recorded on 2026-11-23

Recorded by `tests/record/claude_code_hooks.py` with the hooks that `tachlog hooks install
claude-code` writes, against a model that says what a script tells it to. `spool.jsonl` is what
`hand_on.py` wrote. `truth.json` lists moments: what the session was doing then, as the model, the
screen of the terminal and the keys that were pressed tell it. `hooks` false: no hook tells it (that
a person has answered is told only when the tool ends).
"""


def typed(place: Place, stub: Stub, program: Path, truth: Truth) -> None:
    """A session at a terminal."""
    environment = settings(place, stub) | {"TERM": "xterm-256color"}
    command = [program, "--model", MODEL, "--permission-mode", "default", "--session-id", TYPED]
    terminal = Terminal(place.shop, command, environment)

    def served(count: int) -> None:
        terminal.wait(lambda: len(stub.served) >= count)

    terminal.pause(6)
    terminal.press("[shop] What do we sell?", "\r")
    served(1)
    terminal.pause(1)
    truth.note(TYPED, "model")
    terminal.wait_for("Doyouwanttoproceed")
    terminal.pause(1)
    truth.note(TYPED, "waiting_approval", "Bash")
    terminal.pause(7)
    truth.note(TYPED, "waiting_approval", "Bash")
    terminal.press("\r")
    terminal.pause(1)
    truth.note(TYPED, "tool", "Bash", hooks=False)
    served(2)
    assert (place.shop / "list").exists()
    terminal.pause(1)
    truth.note(TYPED, "model")
    terminal.wait_for("Teaorjam?")
    terminal.pause(1)
    truth.note(TYPED, "waiting_prompt", "AskUserQuestion")
    terminal.press("\r")
    served(3)
    terminal.pause(1)
    truth.note(TYPED, "model")
    terminal.wait_for("Thenitistea")
    terminal.pause(2)
    truth.note(TYPED, "waiting_prompt")
    terminal.press("[no] Make another.", "\r")
    terminal.wait_for("Doyouwanttoproceed")
    terminal.pause(1)
    truth.note(TYPED, "waiting_approval", "Bash")
    terminal.press("\x1b")
    terminal.pause(2)
    truth.note(TYPED, "waiting_prompt")
    assert not (place.shop / "other").exists()
    terminal.press("/exit", "\r")
    os.waitpid(terminal.pid, 0)
    time.sleep(0.5)
    truth.note(TYPED, "ended")


def alone(place: Place, stub: Stub, program: Path, truth: Truth) -> None:
    """A session without a person, whose sub-agent runs a command."""
    said = len(stub.served)
    command = [program, "-p", "[alone] What is there?", "--model", MODEL, "--session-id", ALONE]
    process = subprocess.Popen(
        [*command, "--allowedTools", "Bash(sleep:*),Bash(ls:*),Agent,Task"],
        cwd=place.shop,
        env=settings(place, stub),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while len(stub.served) < said + 2:
        time.sleep(0.05)
    time.sleep(1)
    truth.note(ALONE, "tool", "Agent")
    truth.note(f"{ALONE}/HELPER", "model")
    time.sleep(THINKING_SECONDS)
    truth.note(f"{ALONE}/HELPER", "tool", "Bash")
    process.wait(60)
    time.sleep(0.5)
    truth.note(ALONE, "ended")


def settings(place: Place, stub: Stub) -> dict[str, str]:
    """The agent's environment."""
    return place.environment(
        ANTHROPIC_BASE_URL=stub.url,
        ANTHROPIC_API_KEY=KEY,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_AUTOUPDATER="1",
    )


def prepare(place: Place) -> Path:
    """Write what the agent asks when it is new, and install the hooks; gives their spool."""
    at_home = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {
            str(place.shop): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        },
    }
    (place.home / ".claude.json").write_text(json.dumps(at_home), encoding="utf-8")
    command = [sys.executable, "-m", "tachlog", "hooks", "install", "claude-code", "--yes"]
    subprocess.run(command, env=place.environment(), stdout=subprocess.DEVNULL, check=True)
    return place.home / ".local/share/tachlog/hooks.jsonl"


def not_this_machines(record: dict[str, Any]) -> dict[str, Any]:
    """A record without the commands of the hooks, which name where tachlog is installed."""
    for told in record.get("hookInfos", ()):
        told["command"] = "tachlog"
    return record


def record() -> None:
    """Run both sessions and write the case."""
    package = installed("npm", PACKAGE, VERSION)
    program = package / "node_modules" / f"{PACKAGE}-linux-x64" / "claude"
    only_loopback()
    with Place() as place, Stub(SCRIPT, thinking_seconds=THINKING_SECONDS) as stub:
        spool, truth = prepare(place), Truth()
        typed(place, stub, program, truth)
        alone(place, stub, program, truth)
        files = collected(place.home / ".claude", transcript)
        helper = next(name for name in files if name.startswith("agent-"))
        helper = helper.removeprefix("agent-").removesuffix(".jsonl")
        for moment in truth.moments:
            moment["session"] = moment["session"].replace("HELPER", helper)
        scrub = Scrub(
            place.root,
            ["(?<=<system-reminder>).*?(?=</system-reminder>)"],
            [not_ours, not_this_machines],
        )
        files["spool.jsonl"] = spool.read_bytes()
        keep(CASE, files, scrub, {"moments": truth.moments}, NOTES)


if __name__ == "__main__":
    record()
