"""Records OpenCode: `python tests/record/opencode.py`.

One session with tools of every outcome, a sub-agent and a call tried again, continued and forked;
one that is interrupted, one that fails: all in its database.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dialects import Answer, Fault, Silence, Tool, Usage
from recording import (
    CORPUS,
    RECORDED_ON,
    Place,
    Ran,
    begun,
    billed,
    check,
    installed,
    keep,
    only_loopback,
)
from scrub import Scrub
from stub import Script, Stub

PACKAGE = "opencode-ai"
VERSION = "1.18.33"
MODEL, SMALL = "gpt-5.4", "gpt-5.4-mini"


def command(line: str) -> Tool:
    """The tool that runs a command."""
    return Tool("bash", {"command": line, "description": "Look"})


SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (command("echo tea"), Tool("read", {"filePath": "README.md"})),
            Usage(1000, 0, 0, 80, 20),
            "Where are the prices?",
        ),
        Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 0, 30)),
        Answer(tools=(command("grep coffee prices.py"),), usage=Usage(120, 1600, 0, 31, 8)),
        Answer(
            tools=(Tool("read", {"filePath": "notes.txt"}),),
            usage=Usage(130, 1700, 0, 32),
        ),
        Fault(429, "rate_limit_exceeded", "Too many requests.", 1),
        Answer(
            tools=(
                Tool(
                    "task",
                    {
                        "description": "Look at the files",
                        "prompt": "[look] Say which files there are.",
                        "subagent_type": "general",
                    },
                ),
            ),
            usage=Usage(140, 1800, 0, 33),
        ),
        Answer("There is tea and jam, and no coffee.", usage=Usage(200, 2000, 0, 40)),
    ],
    "look": [
        Answer(tools=(command("ls"),), usage=Usage(900, 0, 0, 15)),
        Answer("A price list and a README.", usage=Usage(50, 900, 0, 16)),
    ],
    "again": [Answer("Nothing else.", usage=Usage(210, 2200, 0, 16))],
    "fork": [Answer("Or perhaps there is.", usage=Usage(220, 2400, 0, 17))],
    "stop": [
        Answer(tools=(command("echo jam"),), usage=Usage(500, 0, 0, 26)),
        Silence("I was about to say", Usage(20, 500, 0, 1)),
    ],
    "fail": [Fault(400, "invalid_request_error", "The request is not understood.")],
    "title": [Answer("What the shop sells", usage=Usage(60, 0, 0, 5))] * 3,
}
ASIDES = {"You are a title generator": "title"}

NOTES = f"""# OpenCode {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/opencode.py` against a model that says what a script tells it to; the
truth is what that model billed. The program ran headless (`opencode run`) with a home of its own
and no network but loopback.

- the first session: two tools at once, a command that fails, a search without a match, a file that
  is not there, a call tried again after a 429, a sub-agent in a session of its own; continued.
- its fork: copies of all messages and parts under new ids.
- a session that was interrupted while a reply came: the reply has no usage.
- a session whose only request was refused.

Not in the database (`not_in_the_log`): the calls that write titles, attempts that were tried again.

Of the database only the tables of sessions, messages and parts are kept. Scrubbed: paths of the
machine, its host, long texts (their lengths are left).
"""


def scenario(place: Place, stub: Stub, program: Path) -> dict[str, Ran]:
    """Every run of the agent, by its part of the script."""
    settings = place.home / ".config/opencode/opencode.json"
    settings.parent.mkdir(parents=True)
    models = {name: {"name": name} for name in (MODEL, SMALL)}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "stub",
        "options": {"baseURL": f"{stub.url}/v1", "apiKey": "nobody"},
        "models": models,
    }
    told = {
        "autoupdate": False,
        "share": "disabled",
        "model": f"stub/{MODEL}",
        "small_model": f"stub/{SMALL}",
        "provider": {"stub": provider},
    }
    settings.write_text(json.dumps(told), encoding="utf-8")
    quiet = ("MODELS_FETCH", "AUTOUPDATE", "LSP_DOWNLOAD")
    environment = {f"OPENCODE_DISABLE_{name}": "1" for name in quiet}

    def run(prompt: str, *options: str, **more: Any) -> Ran:
        line = [program, "run", "--format", "json", *options, prompt]
        return place.run(line, environment, **more)

    return {
        "shop": run("[shop] What do we sell?"),
        "again": run("[again] Anything else?", "--continue"),
        "fork": run("[fork] Is there not?", "--continue", "--fork"),
        "stop": run("[stop] Say jam.", interrupt=stub.silent),
        "fail": run("[fail] Say tea."),
    }


def session_of(ran: Ran) -> str:
    """The id of the session that a run began or went on with."""
    first = json.loads(ran.stdout.splitlines()[0])
    return str(first["sessionID"])


def figures(stub: Stub, sessions: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the database."""
    main = sessions["shop"]
    once = {"count": 1, "success": 1, "error": 0}
    told = [part for part in SCRIPT if part != "title"]
    return {
        "sessions": {
            main: billed(stub, "shop", "again")
            | {
                "failures": 0,
                "prompts": 2,
                "tools": {
                    "bash": {"count": 3, "success": 2, "error": 1, "expected_negative": 1},
                    "read": {"count": 2, "success": 1, "error": 1},
                    "task": once,
                },
            },
            sessions["fork"]: billed(stub, "fork") | {"prompts": 1, "tools": {}},
            sessions["stop"]: begun(billed(stub, "stop")) | {"prompts": 1, "tools": {"bash": once}},
            sessions["fail"]: billed(stub, "fail") | {"prompts": 1, "tools": {}},
        },
        "totals": begun(billed(stub, *told)) | {"failures": 1, "tool_call_count": 8},
        "not_in_the_log": {"title": billed(stub, "title"), "failures": 1},
    }


def record() -> None:
    """Run the scenario and write the case."""
    package = installed("npm", PACKAGE, VERSION)
    only_loopback()
    with Place() as place, Stub(SCRIPT, ASIDES) as stub:
        ran = scenario(place, stub, package / "node_modules/opencode-linux-x64/bin/opencode")
        check(stub)
        sessions = {part: session_of(each) for part, each in ran.items()}
        scrub = Scrub(place.root)
        database = place.home / ".local/share/opencode/opencode.db"
        files = {database.name: scrub.database(database, ("session", "message", "part"))}
        case = CORPUS / "opencode" / f"recorded_{VERSION}"
        keep(case, files, scrub, figures(stub, sessions), NOTES)


if __name__ == "__main__":
    record()
