"""Records mini-swe-agent: `python tests/record/mini_swe_agent.py`.

One run with commands that work, fail and find nothing and a call tried again, to its end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dialects import Answer, Fault, Tool, Usage
from recording import CORPUS, RECORDED_ON, Place, billed, check, installed, keep, only_loopback
from scrub import Scrub
from stub import Script, Stub

PACKAGE = "mini-swe-agent"
VERSION = "2.4.6"
MODEL = "openai/gpt-5.4"


def command(line: str) -> Tool:
    """The tool that runs a command."""
    return Tool("bash", {"command": line})


SCRIPT: Script = {
    "shop": [
        Answer("I look first.", (command("ls; cat README.md"),), Usage(1000, 0, 0, 80, 20)),
        Answer("That fails.", (command("exit 3"),), Usage(110, 1500, 0, 30)),
        Answer("Coffee?", (command("grep coffee prices.py"),), Usage(120, 1600, 0, 31, 8)),
        Fault(500, "server_error", "Internal server error"),
        Answer(
            "There is tea and jam, and no coffee.",
            (command("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"),),
            Usage(130, 1700, 0, 40),
        ),
    ],
}

NOTES = f"""# mini-swe-agent {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/mini_swe_agent.py` against a model that says what a script tells it to;
the truth is what that model billed. The program ran on its own (`mini -y`) with a home of its own
and no network but loopback: a command that works, one that fails, a search without a match, a call
tried again after a 500, and the command that submits, which the log says was not executed.

The attempt that was tried again left nothing (`not_in_the_log`).

Scrubbed: the program's own texts (their lengths are left), paths of the machine, its host.
"""


def scenario(place: Place, stub: Stub, program: Path) -> Path:
    """Run the agent and give its trajectory."""
    environment = {
        "OPENAI_API_KEY": "nobody",
        "OPENAI_API_BASE": f"{stub.url}/v1",
        "MSWEA_CONFIGURED": "true",
        "MSWEA_COST_TRACKING": "ignore_errors",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    told = place.root / "run.traj.json"
    task = ("-t", "What do we sell?", "-o", told)
    place.run([program, "-y", "--exit-immediately", "-m", MODEL, *task], environment)
    return told


def figures(stub: Stub) -> dict[str, Any]:
    """What tachlog has to tell of the trajectory."""
    bash = {"count": 4, "success": 2, "error": 1, "expected_negative": 1, "unfinished": 1}
    told = billed(stub, "shop") | {"failures": 0, "retries": 0, "tools": {"bash": bash}}
    return {"totals": told, "not_in_the_log": {"failures": 1}}


def record() -> None:
    """Run the scenario and write the case."""
    package = installed("pip", PACKAGE, VERSION, "mcp")
    only_loopback()
    with Place() as place, Stub(SCRIPT, {"": "shop"}) as stub:
        told = scenario(place, stub, package / "bin/mini")
        check(stub)
        files = {told.name: told.read_bytes()}
        case = CORPUS / "mini_swe_agent" / f"recorded_{VERSION}"
        keep(case, files, Scrub(place.root), figures(stub), NOTES)


if __name__ == "__main__":
    record()
