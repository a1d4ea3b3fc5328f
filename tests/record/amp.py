"""Records Amp against the scripted model: `python tests/record/amp.py`.

A thread with tools of every outcome, two at once, a sub-agent and a tool that asks a model itself;
continued and forked; one whose only request was refused.
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

PACKAGE, VERSION = "@sourcegraph/amp", "0.0.1767830505-ga62310"


def command(line: str) -> Tool:
    """The tool that runs a command."""
    return Tool("Bash", {"cmd": line})


SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (command("echo tea"), command("echo jam")),
            Usage(1000, 20, 300, 80),
            "Where are the prices?",
        ),
        Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 40, 30)),
        Answer(
            tools=(
                command("grep coffee prices.py"),
                Tool("Read", {"path": "/nowhere/notes.txt"}),
                Tool("NoSuch", {"path": "notes.txt"}),
            ),
            usage=Usage(120, 1600, 0, 31),
        ),
        Answer(
            tools=(
                Tool(
                    "Task", {"prompt": "[look] Say which files there are.", "description": "Look"}
                ),
            ),
            usage=Usage(130, 1700, 0, 32),
        ),
        Answer(
            tools=(Tool("oracle", {"task": "[think] What is jam?"}),),
            usage=Usage(140, 1800, 0, 33),
        ),
        Answer("There is tea and jam, and no coffee.", usage=Usage(200, 2000, 0, 40)),
    ],
    "look": [
        Answer(tools=(command("ls"),), usage=Usage(50, 0, 900, 15)),
        Answer("A price list and a README.", usage=Usage(60, 900, 5, 16)),
    ],
    "think": [Answer("Jam is fruit.", usage=Usage(700, 100, 0, 70, 40))],
    "again": [Answer("Nothing else.", usage=Usage(210, 2200, 0, 16))],
    "fork": [Answer("Or perhaps there is.", usage=Usage(220, 2400, 0, 17))],
    "fail": [Fault(400, "invalid_request_error", "The request is not understood.")],
}
ASIDES = {"title": "aside"}


def granted(result: Any) -> dict[str, Any]:
    """What the agent's own service answers."""
    return {"ok": True, "result": result}


SERVICES = {
    "/api/internal?getUserInfo": granted({"id": "user_1", "username": "ana", "features": []}),
    "/api/internal?getCreditsByRequestId": granted({"credits": 1.5}),
    "/api/internal?uploadThread": granted(None),
}

NOTES = f"""# Amp {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/amp.py` against a model that says what a script tells it to; the truth is
what that model billed. The program ran headless (`amp -x`) with a home of its own and no network
but loopback; the stub also stood in for the service that tells who is signed in.

- the first thread: two tools at once, a command that fails, a search without a match, a file that
  is not there, a tool that does not exist, a sub-agent in a thread of its own, and the oracle, a
  tool that asks OpenAI's model; continued.
- its fork: copies of all messages, without the ledger; continued.
- a thread whose only request was refused, which leaves no trace but the prompt.

Not in the threads (`not_in_the_log`): that failure, and the calls that write titles.

Scrubbed: paths of the machine, its host, long texts (their lengths are left).
"""


def scenario(place: Place, stub: Stub, program: Path) -> dict[str, str]:
    """Play it; gives the threads, by the part of the script."""
    told = {"AMP_API_KEY": "nobody", "AMP_URL": stub.url, "AMP_SKIP_UPDATE_CHECK": "1"}
    log = place.root / "log.txt"

    def run(*words: str) -> str:
        return place.run([program, *words, "--log-file", log], told).stdout

    def ask(prompt: str, *words: str) -> None:
        run(*words, "-x", prompt, "--dangerously-allow-all")

    ask("[shop] What do we sell?")
    threads = {part_of(path): path.stem for path in place.home.rglob("T-*.json")}
    ask("[again] Anything else?", "threads", "continue", threads["shop"])
    threads["fork"] = run("threads", "fork", threads["shop"]).strip()
    ask("[fork] Is there not?", "threads", "continue", threads["fork"])
    ask("[fail] Say tea.")
    known = set(threads.values())
    others = [path.stem for path in place.home.rglob("T-*.json") if path.stem not in known]
    return threads | {"fail": others[0]}


def part_of(path: Path) -> str:
    """The part of the script that the first prompt of a thread names."""
    first = json.loads(path.read_text(encoding="utf-8"))["messages"][0]
    return str(first["content"][0]["text"]).partition("]")[0].removeprefix("[")


def figures(stub: Stub, threads: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the threads."""
    once = {"count": 1, "success": 1, "error": 0}
    main = billed(stub, "shop", "again", "think")
    everything = billed(stub, *(part for part in SCRIPT if part != "fail"))
    for truth in (main, everything):
        del truth["tokens"]["reasoning"]
    return {
        "sessions": {
            threads["shop"]: main
            | {
                "prompts": 2,
                "tools": {
                    "Bash": {"count": 4, "success": 3, "error": 1, "expected_negative": 1},
                    "Read": {"count": 1, "success": 0, "error": 1},
                    "NoSuch": {"count": 1, "success": 0, "error": 1},
                    "Task": once,
                    "oracle": once,
                },
            },
            threads["look"]: billed(stub, "look")
            | {"prompts": 1, "tools": {"Bash": once}, "parent": threads["shop"]},
            threads["fork"]: billed(stub, "fork")
            | {"prompts": 1, "tools": {}, "forked_from": threads["shop"]},
            threads["fail"]: billed(stub) | {"prompts": 1, "tools": {}},
        },
        "totals": everything | {"tool_call_count": 9},
        "not_in_the_log": {"fail": billed(stub, "fail")},
    }


def record() -> None:
    """Run the scenario and write the case."""
    package = installed("npm", PACKAGE, VERSION)
    only_loopback()
    with Place() as place, Stub(SCRIPT, ASIDES, services=SERVICES) as stub:
        threads = scenario(place, stub, package / "node_modules/.bin/amp")
        stub.served = [one for one in stub.served if one.part != "aside"]
        check(stub)
        files = collected(place.home / ".local/share/amp/threads")
        case = CORPUS / "amp" / f"recorded_{VERSION}"
        keep(case, files, Scrub(place.root), figures(stub, threads), NOTES)


if __name__ == "__main__":
    record()
