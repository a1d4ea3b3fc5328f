"""Records pi: `python tests/record/pi.py`.

One session with tools of every outcome and a call tried again, continued and forked; one that is
interrupted, one that fails.
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
    billed,
    check,
    collected,
    installed,
    keep,
    only_loopback,
)
from scrub import Scrub
from stub import Script, Stub

PACKAGE = "@mariozechner/pi-coding-agent"
VERSION = "0.73.1"
MODEL = "claude-sonnet-4-6"


def command(line: str) -> Tool:
    """The tool that runs a command."""
    return Tool("bash", {"command": line})


SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (command("echo tea"), Tool("read", {"path": "README.md"})),
            Usage(1000, 0, 0, 80, 20),
            "Where are the prices?",
        ),
        Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 0, 30)),
        Answer(tools=(command("grep coffee prices.py"),), usage=Usage(120, 1600, 0, 31, 8)),
        Answer(
            tools=(Tool("read", {"path": "notes.txt"}),),
            usage=Usage(130, 1700, 0, 32),
        ),
        Fault(429, "rate_limit_exceeded", "Too many requests.", 1),
        Answer("There is tea and jam, and no coffee.", usage=Usage(200, 2000, 0, 40)),
    ],
    "again": [Answer("Nothing else.", usage=Usage(210, 2200, 0, 16))],
    "fork": [Answer("Or perhaps there is.", usage=Usage(220, 2400, 0, 17))],
    "stop": [
        Answer(tools=(command("echo jam"),), usage=Usage(500, 0, 0, 26)),
        Silence("I was about to say", Usage(20, 500, 0, 1)),
    ],
    "fail": [Fault(400, "invalid_request_error", "The request is not understood.")],
}

NOTES = f"""# pi {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/pi.py` against a model that says what a script tells it to; the truth is
what that model billed. The program ran headless (`pi -p`) with a home of its own and no network but
loopback.

- the first session: two tools at once, a command that fails, a search without a match, a file that
  is not there, a call tried again after a 429; continued.
- its fork: a copy of all entries under a new session.
- a session that was interrupted while a reply came: nothing of the reply is left.
- a session whose only request was refused.

The attempt that was tried again left nothing (`not_in_the_log`).

Scrubbed: paths of the machine, its host, long texts (their lengths are left).
"""


def scenario(place: Place, stub: Stub, program: Path) -> None:
    """Run the agent for every part of the script."""
    settings = place.home / ".pi/agent/models.json"
    settings.parent.mkdir(parents=True)
    model = {"id": MODEL, "reasoning": True, "contextWindow": 200000, "maxTokens": 8000}
    provider = {"baseUrl": stub.url, "api": "anthropic-messages", "apiKey": "nobody"}
    told = {"providers": {"stub": {**provider, "models": [model]}}}
    settings.write_text(json.dumps(told), encoding="utf-8")
    environment = {"PI_OFFLINE": "1", "PI_TELEMETRY": "0"}

    def run(prompt: str, *options: str, **more: Any) -> Ran:
        line = ["/usr/bin/env", "node", program, "--model", f"stub/{MODEL}", *options, "-p", prompt]
        return place.run(line, environment, **more)

    run("[shop] What do we sell?")
    run("[again] Anything else?", "--continue")
    (session,) = (place.home / ".pi/agent/sessions").rglob("*.jsonl")
    run("[fork] Is there not?", "--fork", str(session))
    run("[stop] Say jam.", interrupt=stub.silent)
    run("[fail] Say tea.")


def figures(stub: Stub, files: list[str]) -> dict[str, Any]:
    """What tachlog has to tell of the sessions, whose files are named by time and id."""
    shop, fork, stop, fail = (name.partition("_")[2].removesuffix(".jsonl") for name in files)
    once = {"count": 1, "success": 1, "error": 0}
    return {
        "sessions": {
            shop: spent(stub, "shop", "again")
            | {
                "failures": 0,
                "prompts": 2,
                "tools": {
                    "bash": {"count": 3, "success": 2, "error": 1, "expected_negative": 1},
                    "read": {"count": 2, "success": 1, "error": 1},
                },
            },
            fork: spent(stub, "fork") | {"prompts": 1, "forked_from": shop, "tools": {}},
            stop: spent(stub, "stop") | {"prompts": 1, "tools": {"bash": once}},
            fail: spent(stub, "fail") | {"prompts": 1, "tools": {}},
        },
        "totals": spent(stub, *SCRIPT) | {"failures": 1, "tool_call_count": 6},
        "not_in_the_log": {"failures": 1},
    }


def spent(stub: Stub, *parts: str) -> dict[str, Any]:
    """What the model billed; pi does not tell thoughts apart."""
    told = billed(stub, *parts)
    del told["tokens"]["reasoning"]
    return told


def record() -> None:
    """Run the scenario and write the case."""
    package = installed("npm", PACKAGE, VERSION)
    only_loopback()
    with Place() as place, Stub(SCRIPT) as stub:
        scenario(place, stub, package / "node_modules/.bin/pi")
        check(stub)
        files = collected(place.home / ".pi/agent/sessions")
        scrub = Scrub(place.root)
        keep(CORPUS / "pi" / f"recorded_{VERSION}", files, scrub, figures(stub, [*files]), NOTES)


if __name__ == "__main__":
    record()
