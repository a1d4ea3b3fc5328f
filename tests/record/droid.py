"""Records Factory's Droid against the scripted model: `python tests/record/droid.py`.

A session with tools of every outcome, two at once, and a call tried again; continued and forked;
one that is compacted, one whose only request was refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dialects import Answer, Fault, Tool, Usage
from recording import (
    CORPUS,
    RECORDED_ON,
    Place,
    billed,
    check,
    collected,
    installed,
    keep,
    only_loopback,
)
from scrub import Scrub
from stub import Script, Stub

PACKAGE, VERSION = "droid", "0.215.0"
CLAUDE, GPT = "claude-sonnet-4-5", "gpt-5.4"


def command(line: str) -> Tool:
    """The tool that runs a command."""
    told = {"command": line, "riskLevel": "low", "riskLevelReason": "It reads.", "summary": "Look"}
    return Tool("Execute", told)


SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (command("echo tea"), command("sleep 1; echo jam")),
            Usage(1000, 20, 0, 80, 30),
        ),
        Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 0, 30)),
        Fault(429, "rate_limit_exceeded", "Too many requests.", 1),
        Answer(
            tools=(
                command("grep coffee prices.py"),
                Tool("Read", {"file_path": "/nowhere/notes.txt"}),
                Tool("NoSuch", {"path": "notes.txt"}),
            ),
            usage=Usage(120, 1600, 0, 31, 8),
        ),
        Answer("There is tea and jam, and no coffee.", usage=Usage(200, 2000, 0, 40)),
    ],
    "again": [Answer("Nothing else.", usage=Usage(210, 2200, 0, 16))],
    "fork": [Answer("Or perhaps there is.", usage=Usage(220, 2400, 0, 17))],
    "large": [Answer("A long story.", usage=Usage(3000, 20000, 5000, 16))],
    "small": [Answer("A short one.", usage=Usage(30, 20, 5, 17))],
    "compact": [Answer("We spoke of a story.", usage=Usage(555, 20, 5, 66))],
    "fail": [Fault(400, "invalid_request_error", "The request is not understood.")],
}
ASIDES = {"summar": "compact"}

NOTES = f"""# Droid {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/droid.py` against a model that says what a script tells it to; the truth
is what that model billed. The program ran headless (`droid exec`) with a home of its own, models of
our own and no network but loopback.

- the first session, with OpenAI's API: two tools at once, a command that fails, a search without a
  match, a file that is not there, a tool that does not exist, a call tried again after a 429;
  continued.
- its fork: copies of all messages under their ids; continued.
- with Anthropic's: a session that is compacted when it is continued; one whose only request was
  refused.

Sessions tell what they used in all, the compaction included, and not what each call did.
Not in the sessions (`not_in_the_log`): the attempt that was tried again.

Scrubbed: paths and the system of the machine, its host, long texts (their lengths are left).
"""


def scenario(place: Place, stub: Stub, program: Path) -> dict[str, str]:
    """Play it; gives the sessions, by the part of the script."""
    folder = place.home / ".factory"
    folder.mkdir()
    models = [
        {
            "model": model,
            "displayName": vendor,
            "baseUrl": stub.url + path,
            "apiKey": "nobody",
            "provider": vendor,
            "maxOutputTokens": 8000,
        }
        for model, vendor, path in ((CLAUDE, "anthropic", ""), (GPT, "openai", "/v1"))
    ]
    told = {"customModels": models, "cloudSessionSync": False, "compactionTokenLimit": 20000}
    (folder / "settings.json").write_text(json.dumps(told), encoding="utf-8")
    environment = {"FACTORY_API_KEY": "nobody", "FACTORY_API_BASE_URL": stub.url}
    sessions: dict[str, str] = {}

    def run(part: str, prompt: str, *options: str) -> None:
        before = set(sessions.values())
        place.run([program, "exec", "--auto", "low", *options, f"[{part}] {prompt}"], environment)
        found = {path.stem for path in folder.glob("sessions/*/*.jsonl")} - before
        for name in found:
            sessions[part] = name

    gpt, claude = ("-m", f"custom:{GPT}"), ("-m", f"custom:{CLAUDE}")
    run("shop", "What do we sell?", *gpt)
    run("again", "Anything else?", "-s", sessions["shop"])
    run("fork", "Is there not?", "--fork", sessions["shop"])
    run("large", "Tell a story.", *claude)
    run("small", "Another.", "-s", sessions["large"])
    run("fail", "Say tea.", *claude)
    return sessions


def figures(stub: Stub, sessions: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the sessions."""
    everything = billed(stub, *SCRIPT)
    compacted = billed(stub, "large", "small", "compact")
    return {
        "sessions": {
            sessions["shop"]: billed(stub, "shop", "again")
            | {
                "failures": 0,
                "prompts": 2,
                "tools": {
                    "Execute": {"count": 4, "success": 3, "error": 1, "expected_negative": 1},
                    "Read": {"count": 1, "success": 0, "error": 1},
                    "NoSuch": {"count": 1, "success": 0, "error": 1},
                },
            },
            sessions["fork"]: billed(stub, "fork")
            | {"prompts": 1, "tools": {}, "forked_from": sessions["shop"]},
            sessions["large"]: compacted
            | {"model_calls": 2, "prompts": 2, "compactions": 1, "tools": {}},
            sessions["fail"]: billed(stub, "fail") | {"prompts": 1, "tools": {}},
        },
        "totals": everything
        | {
            "model_calls": everything["model_calls"] - 1,
            "failures": 1,
            "tool_call_count": 6,
        },
        "not_in_the_log": {"failures": 1},
    }


def record() -> None:
    """Run the scenario and write the case."""
    package = installed("npm", PACKAGE, VERSION)
    only_loopback()
    with Place() as place, Stub(SCRIPT, ASIDES) as stub:
        program = package / "node_modules/@factory/cli-linux-x64/bin/droid"
        sessions = scenario(place, stub, program)
        check(stub)
        scrub = Scrub(place.root, [r"linux \d[\w.-]+"])
        kept = (".jsonl", ".settings.json")
        files = collected(
            place.home / ".factory/sessions", lambda p: p.name if p.name.endswith(kept) else None
        )
        case = CORPUS / "droid" / f"recorded_{VERSION}"
        keep(case, files, scrub, figures(stub, sessions), NOTES)


if __name__ == "__main__":
    record()
