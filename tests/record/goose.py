"""Records Goose against the scripted model: `python tests/record/goose.py`.

Sessions of three vendors' models in its database: tools of every outcome, two at once, a call tried
again, a sub-agent, a compaction, one continued, one that fails; one of them exported as well.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from dialects import Answer, Fault, Tool, Usage
from recording import (
    CORPUS,
    RECORDED_ON,
    Place,
    Ran,
    billed,
    check,
    installed,
    keep,
    only_loopback,
)
from scrub import Scrub
from stub import Script, Stub

PACKAGE, PACKAGED = "@aaif/goose-binary-linux-x64", "0.20.1"
VERSION = "1.34.0"
CLAUDE, GPT, GEMINI = "claude-sonnet-4-5", "gpt-5.4", "gemini-2.5-pro"
WINDOW = "30000"


def command(line: str) -> Tool:
    """The tool that runs a command."""
    return Tool("shell", {"command": line})


SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (command("sleep 2; echo tea"), Tool("tree", {"path": "."})),
            Usage(1000, 0, 0, 80, 20),
        ),
        Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 0, 30)),
        Answer(tools=(command("grep coffee prices.py"),), usage=Usage(120, 1600, 0, 31, 8)),
        Fault(429, "rate_limit_exceeded", "Too many requests.", 1),
        Answer(tools=(Tool("nosuch", {"path": "notes.txt"}),), usage=Usage(130, 1700, 0, 32)),
        Answer("There is tea and jam, and no coffee.", usage=Usage(200, 2000, 0, 40)),
    ],
    "again": [Answer("Nothing else.", usage=Usage(210, 2200, 0, 16))],
    "lead": [
        Answer(
            "Another looks.",
            (Tool("delegate", {"instructions": "[look] Say which files there are."}),),
            Usage(1000, 0, 300, 50),
        ),
        Answer("A price list and a README.", usage=Usage(20, 1300, 40, 9)),
    ],
    "look": [
        Answer(tools=(command("ls"),), usage=Usage(50, 0, 900, 15)),
        Answer("Two files.", usage=Usage(60, 900, 5, 16)),
    ],
    "large": [Answer("A long story.", usage=Usage(3000, 20000, 5000, 16))],
    "small": [Answer("A short one.", usage=Usage(30, 20, 5, 17))],
    "compact": [Answer("We spoke of a story.", usage=Usage(555, 20, 5, 66))],
    "think": [
        Answer(
            "", (command("echo jam"),), usage=Usage(500, 100, 0, 90, 60), thinking="What is jam?"
        ),
        Answer("Jam.", usage=Usage(20, 600, 0, 21, 11)),
    ],
    "fail": [Fault(400, "invalid_request_error", "The request is not understood.")] * 4,
    "title": [Answer("What the shop sells", usage=Usage(60, 0, 0, 5))] * 5,
}
ASIDES = {"Generate a short title": "title", "## Task Context": "compact"}

NOTES = f"""# Goose {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/goose.py` against a model that says what a script tells it to, each answer
after more than a second; the truth is what that model billed. The program ran headless
(`goose run`) with a home of its own and no network but loopback.

- with OpenAI's API: two tools at once, a command that fails, a search without a match, a tool that
  does not exist, a call tried again after a 429; continued.
- with Anthropic's: a sub-agent; a session that is compacted; one whose only request was refused.
- with Gemini's: thoughts, which only the total counts.

Sessions tell what they used in all, not what each call did, and not what the cache gave.
Not in the database (`not_in_the_log`): the calls that write titles, and all that failed.

Scrubbed: paths of the machine, its host, long texts (their lengths are left).
"""


def scenario(place: Place, stub: Stub, program: Path) -> dict[str, Ran]:
    """Every run of the agent, by its part of the script."""
    quiet = {"GOOSE_DISABLE_KEYRING": "1", "GOOSE_MODE": "auto"}
    vendors = {
        "openai": (GPT, "OPENAI_HOST", "OPENAI_API_KEY"),
        "anthropic": (CLAUDE, "ANTHROPIC_HOST", "ANTHROPIC_API_KEY"),
        "google": (GEMINI, "GOOGLE_HOST", "GOOGLE_API_KEY"),
    }

    def run(vendor: str, prompt: str, *options: str, **more: str) -> Ran:
        model, host, key = vendors[vendor]
        told = {"GOOSE_PROVIDER": vendor, "GOOSE_MODEL": model, host: stub.url, key: "nobody"}
        line = [program, "run", "--with-builtin", "developer", *options, "-t", prompt]
        return place.run(line, quiet | told | more)

    return {
        "shop": run("openai", "[shop] What do we sell?"),
        "again": run("openai", "[again] Anything else?", "--resume"),
        "lead": run("anthropic", "[lead] Which files are there?"),
        "large": run("anthropic", "[large] Tell a story.", GOOSE_CONTEXT_LIMIT=WINDOW),
        "small": run("anthropic", "[small] Another.", "--resume", GOOSE_CONTEXT_LIMIT=WINDOW),
        "think": run("google", "[think] What is jam?"),
        "fail": run("anthropic", "[fail] Say tea."),
    }


def sessions_in(database: Path) -> dict[str, str]:
    """What tachlog calls the sessions, by the part of the script that their first prompt names."""
    named = {}
    rows = """SELECT s.id, s.created_at, (SELECT content_json FROM messages m
        WHERE m.session_id = s.id ORDER BY m.id LIMIT 1) FROM sessions s"""
    with closing(sqlite3.connect(database)) as connection:
        for name, created_at, first in connection.execute(rows):
            part = re.search(r"\[([a-z]+)\]", first)
            time = created_at[11:].replace(":", "")
            named[part[1] if part else name] = f"{name}-{time}"
    return named


def as_told(truth: dict[str, Any]) -> dict[str, Any]:
    """Figures of calls whose cache was not told apart, and which failed without a trace."""
    tokens = truth["tokens"]
    whole = tokens["input"] + tokens["cache_read"] + tokens["cache_write"]
    told = {"input": whole, "cache_read": 0, "cache_write": 0, "output": tokens["output"]}
    return truth | {"tokens": told, "failures": 0}


def figures(stub: Stub, sessions: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the database."""
    once = {"count": 1, "success": 1, "error": 0}
    parts = [part for part in SCRIPT if part not in ("title", "compact")]
    compacted = as_told(billed(stub, "large", "small", "compact"))
    everything = as_told(billed(stub, *parts, "compact"))
    return {
        "sessions": {
            sessions["shop"]: as_told(billed(stub, "shop", "again"))
            | {
                "prompts": 2,
                "tools": {
                    "shell": {"count": 3, "success": 2, "error": 1, "expected_negative": 1},
                    "tree": once,
                    "nosuch": {"count": 1, "success": 0, "error": 1},
                },
            },
            sessions["lead"]: as_told(billed(stub, "lead"))
            | {"prompts": 1, "tools": {"delegate": once}},
            sessions["look"]: as_told(billed(stub, "look"))
            | {"prompts": 1, "tools": {"shell": once}, "parent": sessions["lead"]},
            sessions["large"]: compacted
            | {"model_calls": 2, "prompts": 2, "compactions": 1, "tools": {}},
            sessions["think"]: as_told(billed(stub, "think"))
            | {"prompts": 1, "tools": {"shell": once}},
        },
        "totals": everything | {"model_calls": everything["model_calls"] - 1, "tool_call_count": 8},
        "not_in_the_log": {"title": billed(stub, "title"), "fail": billed(stub, "fail")},
    }


def record() -> None:
    """Run the scenario and write the case."""
    package = installed("npm", PACKAGE, PACKAGED)
    only_loopback()
    with Place() as place, Stub(SCRIPT, ASIDES, thinking_seconds=1.1) as stub:
        program = package / "node_modules" / PACKAGE / "bin/goose"
        scenario(place, stub, program)
        check(stub)
        scrub = Scrub(place.root)
        database = place.home / ".local/share/goose/sessions/sessions.db"
        kept = ("schema_version", "sessions", "messages")
        files = {"sessions/sessions.db": scrub.database(database, kept)}
        truth = figures(stub, sessions_in(database))
        keep(CORPUS / "goose" / f"recorded_{VERSION}", files, scrub, truth, NOTES)


if __name__ == "__main__":
    record()
