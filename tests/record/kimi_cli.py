"""Records Kimi CLI, the Python program: `python tests/record/kimi_cli.py`.

One session with tools of every outcome, a sub-agent and a call tried again, resumed and compacted;
one that is interrupted, one that fails.
"""

from __future__ import annotations

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
    python_from,
)
from scrub import Scrub
from stub import Script, Stub

PACKAGE = "kimi-cli"
VERSION = "1.51.0"
"""The last version that runs: 1.52 only says that another program came after it."""

PYTHON_MINOR = 12
MODEL = "kimi-k2-turbo-preview"
ASIDES = {"compacts conversation context": "compress"}
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
    return Tool("Shell", {"command": line})


SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (command("echo tea"), Tool("ReadFile", {"path": "README.md"})),
            Usage(1000, 0, 0, 80, 20),
            "Where are the prices?",
        ),
        Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 0, 30)),
        Answer(tools=(command("grep coffee prices.py"),), usage=Usage(120, 1600, 0, 31, 8)),
        Answer(tools=(Tool("ReadFile", {"path": "notes.txt"}),), usage=Usage(130, 1700, 0, 32)),
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
        Answer(tools=(Tool("Glob", {"pattern": "*"}),), usage=Usage(900, 0, 0, 15)),
        Answer(" ".join(["There are a price list and a README."] * 8), usage=Usage(50, 900, 0, 90)),
    ],
    "again": [Answer("Nothing else.", usage=Usage(210, 2200, 0, 16))],
    "compress": [Answer("The shop sells tea and jam.", usage=Usage(300, 0, 0, 12))],
    "stop": [
        Answer(tools=(command("echo jam"),), usage=Usage(500, 0, 0, 26)),
        Silence("I was about to say", Usage(20, 500, 0, 1)),
    ],
    "fail": [Fault(400, "invalid_request_error", "The request is not understood.")],
}

NOTES = f"""# Kimi CLI {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/kimi_cli.py` against a model that says what a script tells it to; the
truth is what that model billed. The program ran headless (`kimi --print -p`) with a home of its own
and no network but loopback.

- the first session: two tools at once, a command that fails, a search without a match, a file that
  is not there, a call tried again after a 429 and a 503, a sub-agent, whose messages stand in the
  session's log and in its own; resumed; compacted with `/compact`.
- a session that was interrupted while a reply came: what had come of the reply is left.
- a session whose only request was refused: the log says that the step broke, not why.

Attempts that were tried again left nothing, and the call that compacts tells no tokens
(`not_in_the_log`). Thoughts are a part of the output that is not told apart.

Scrubbed: paths of the machine, its host, long texts (their lengths are left).
"""


def scenario(place: Place, stub: Stub, program: Path) -> dict[str, Ran]:
    """Every run of the agent, by its part of the script."""
    config = place.home / ".kimi/config.toml"
    config.parent.mkdir()
    config.write_text(CONFIG.format(model=MODEL, url=stub.url), encoding="utf-8")
    environment = {"KIMI_CLI_NO_AUTO_UPDATE": "1"}

    def run(prompt: str, *options: str, **more: Any) -> Ran:
        line = [program, "--print", "--output-format", "stream-json", *options, "-p", prompt]
        return place.run(line, environment, **more)

    ran = {"shop": run("[shop] What do we sell?")}
    run("[again] Anything else?", "--continue")
    run("/compact", "--continue")
    ran["stop"] = run("[stop] Say jam.", interrupt=stub.silent)
    ran["fail"] = run("[fail] Say tea.")
    return ran


def session_of(ran: Ran) -> str:
    """The session that a run began."""
    return ran.stderr.rpartition("kimi -r ")[2].split()[0]


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


def figures(stub: Stub, sessions: dict[str, str], agent: str) -> dict[str, Any]:
    """What tachlog has to tell of the sessions."""
    once = {"count": 1, "success": 1, "error": 0}
    told = [part for part in SCRIPT if part != "compress"]
    return {
        "sessions": {
            sessions["shop"]: spent(stub, "shop", "again")
            | {
                "failures": 0,
                "prompts": 3,
                "compactions": 1,
                "tools": {
                    "Shell": {"count": 3, "success": 2, "error": 1, "expected_negative": 1},
                    "ReadFile": {"count": 2, "success": 1, "error": 1},
                    "Agent": once,
                },
            },
            f"{sessions['shop']}/{agent}": spent(stub, "look")
            | {"parent": sessions["shop"], "prompts": 1, "tools": {"Glob": once}},
            sessions["stop"]: begun(spent(stub, "stop")) | {"prompts": 1, "tools": {"Shell": once}},
            sessions["fail"]: spent(stub, "fail") | {"prompts": 1, "tools": {}},
        },
        "totals": begun(spent(stub, *told)) | {"failures": 1, "tool_call_count": 8},
        "not_in_the_log": {"failures": 2, "compress": spent(stub, "compress")},
    }


def record() -> None:
    """Run the scenario and write the case."""
    package = installed("pip", PACKAGE, VERSION, python=python_from(PYTHON_MINOR))
    only_loopback()
    with Place() as place, Stub(SCRIPT, ASIDES) as stub:
        ran = scenario(place, stub, package / "bin/kimi")
        check(stub)
        sessions = {part: session_of(each) for part, each in ran.items()}
        files = collected(place.home / ".kimi/sessions", log)
        (agent,) = (Path(name).parent.name for name in files if "/subagents/" in name)
        truth = figures(stub, sessions, agent)
        case = CORPUS / "kimi_cli" / f"recorded_{VERSION}"
        keep(case, files, Scrub(place.root), truth, NOTES)


if __name__ == "__main__":
    record()
