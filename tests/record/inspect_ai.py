"""Records Inspect AI: `python tests/record/inspect_ai.py`.

An evaluation of two samples: one whose agent works with tools that answer, fail, are refused and
ask another agent, with a call tried again; and one whose only request is refused.
"""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Mapping
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

PACKAGE = "inspect-ai"
VERSION = "0.3.285"
MODEL = "openai/gpt-5.4"

SCRIPT: Script = {
    "shop": [
        Answer(
            "I look first.",
            (Tool("bash", {"command": "cat README.md"}), Tool("price", {"name": "tea"})),
            Usage(1000, 0, 0, 80, 20),
        ),
        Answer("Coffee?", (Tool("price", {"name": "coffee"}),), Usage(110, 1500, 0, 30)),
        Fault(500, "server_error", "Internal server error"),
        Answer(
            "Away with it.", (Tool("bash", {"command": "rm README.md"}),), Usage(120, 1600, 0, 31)
        ),
        Answer(
            "I ask.", (Tool("clerk", {"input": "[clerk] Is there jam?"}),), Usage(130, 1700, 0, 40)
        ),
        Answer("There is tea and jam, and no coffee.", (), Usage(140, 1800, 0, 50, 5)),
    ],
    "clerk": [
        Answer("I count.", (Tool("price", {"name": "jam"}),), Usage(300, 0, 0, 21)),
        Answer("Jam costs 5.", (), Usage(60, 320, 0, 22)),
    ],
    "aside": [Answer("Nothing more to say.", (), Usage(1, 0, 0, 1))],
    "fail": [Fault(401, "authentication_error", "No such key")],
}

TASK = '''
from inspect_ai import Task, task
from inspect_ai.agent import AgentPrompt, as_tool, react
from inspect_ai.approval import Approval, ApprovalPolicy, approver
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.tool import ToolError, bash, tool

PRICES = {"tea": 3, "jam": 5}


@tool
def price():
    async def execute(name: str) -> str:
        """Tell a price.

        Args:
            name: what is sold
        """
        if name not in PRICES:
            raise ToolError(f"We do not sell {name}.")
        return str(PRICES[name])

    return execute


@approver
def careful():
    async def approve(message, call, view, history) -> Approval:
        if "rm " in str(call.arguments):
            return Approval(decision="reject", explanation="Nothing is removed here.")
        return Approval(decision="approve")

    return approve


@task
def shop():
    clerk = react(
        name="clerk", description="Knows the shop.", prompt=None, tools=[price()], submit=False
    )
    return Task(
        dataset=[
            Sample(id="shop", input="[shop] What do we sell?", target="tea"),
            Sample(id="fail", input="[fail] Say tea.", target="tea"),
        ],
        solver=react(prompt=None, tools=[bash(), price(), as_tool(clerk)], submit=False),
        scorer=includes(),
        sandbox="local",
        approval=[ApprovalPolicy(careful(), "*")],
        fail_on_error=False,
    )
'''

NOTES = f"""# Inspect AI {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/inspect_ai.py` against a model that says what a script tells it to; the
truth is what that model billed. `inspect eval` ran a task of our own with a home of its own and no
network but loopback. The archive is packed anew (deflate, not zstd) when it has been scrubbed.

- a sample whose agent works with tools: two at once, one that fails, one that is not approved, an
  agent as a tool, and a call tried again after a 500, of which the log keeps a number alone
  (`not_in_the_log`).
- a sample whose only request was refused.

A request by which the program tries the API before it starts is not logged either.

Scrubbed: paths of the machine, its host, long texts (their lengths are left).
"""


def scenario(place: Place, stub: Stub, program: Path) -> Path:
    """Run the evaluation and give its log."""
    (place.shop / "task.py").write_text(TASK, encoding="utf-8")
    environment = {"OPENAI_API_KEY": "nobody", "OPENAI_BASE_URL": f"{stub.url}/v1"}
    logs = place.root / "logs"
    options = ("--display", "none", "--log-dir", logs, "--max-samples", "1")
    place.run([program, "eval", "task.py", "--model", MODEL, *options], environment)
    (log,) = logs.glob("*.eval")
    return log


def unpacked(log: Path, package: Path) -> dict[str, bytes]:
    """The documents of a log, which its own program unpacks: Python before 3.14 cannot."""
    into = log.with_suffix("")
    unpack = (
        "import sys, zipfile_zstd, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])"
    )
    subprocess.run([package / "bin/python", "-c", unpack, log, into], check=True)
    return collected(into, lambda path: str(path.relative_to(into)))


def packed(documents: Mapping[str, bytes], scrub: Scrub) -> bytes:
    """The log of these documents, scrubbed."""
    told = io.BytesIO()
    with zipfile.ZipFile(told, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, document in documents.items():
            archive.writestr(zipfile.ZipInfo(name), scrub.lines(document), zipfile.ZIP_DEFLATED)
    return told.getvalue()


def figures(stub: Stub, sessions: Mapping[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the samples."""
    once = {"count": 1, "success": 1, "error": 0}
    shop = billed(stub, "shop", "clerk") | {"failures": 0}
    fail = billed(stub, "fail")
    del fail["tokens"]["reasoning"]
    return {
        "sessions": {
            sessions["shop"]: shop
            | {
                "prompts": 1,
                "tools": {
                    "bash": {"count": 2, "success": 1, "error": 0, "user_rejected": 1},
                    "price": {"count": 3, "success": 2, "error": 1},
                    "clerk": once,
                },
            },
            sessions["fail"]: fail | {"prompts": 1, "tools": {}},
        },
        "totals": shop | {"failures": 1, "tool_call_count": 6},
        "not_in_the_log": {"failures": 1, "probe": billed(stub, "aside")},
    }


def record() -> None:
    """Run the scenario and write the case."""
    package = installed("pip", PACKAGE, VERSION, "openai")
    only_loopback()
    with Place() as place, Stub(SCRIPT) as stub:
        documents = unpacked(scenario(place, stub, package / "bin/inspect"), package)
        check(stub)
        samples = [json.loads(text) for name, text in documents.items() if "samples/" in name]
        truth = figures(stub, {sample["id"]: sample["uuid"] for sample in samples})
        log = packed(documents, Scrub(place.root, [r"Traceback .*"]))
        case = CORPUS / "inspect_ai" / f"recorded_{VERSION}"
        keep(case, {"shop.eval": log}, Scrub(place.root), truth, NOTES)


if __name__ == "__main__":
    record()
