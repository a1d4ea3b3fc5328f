"""Records Cline's CLI: the last version that writes tasks as the extension does, and the third.

`python tests/record/cline.py`: tasks with tools of every outcome, one that is continued, one that
is interrupted, one that fails.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from dialects import Answer, Fault, Silence, Tool, Usage
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

PACKAGE = "cline"
SECOND, THIRD = "2.18.0", "3.0.65"
PRICES = "PRICES = {'tea': 3, 'jam': 5}"
MODEL = "claude-sonnet-4-6"
ENVIRONMENT = {"CLINE_NO_AUTO_UPDATE": "1"}


def command(line: str) -> Tool:
    """The tool of the second version that runs a command."""
    return Tool("execute_command", {"command": line, "requires_approval": False})


def commands(line: str) -> Tool:
    """The same of the third."""
    return Tool("run_commands", {"commands": [line]})


def done(text: str, usage: Usage) -> Answer:
    """The tool that ends a task."""
    return Answer(tools=(Tool("attempt_completion", {"result": text}),), usage=usage)


def edit(before: str, after: str) -> Tool:
    """The tool that changes a file."""
    diff = f"------- SEARCH\n{before}\n=======\n{after}\n+++++++ REPLACE\n"
    return Tool("replace_in_file", {"path": "prices.py", "diff": diff})


SECOND_SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (command("echo tea"), Tool("read_file", {"path": "README.md"})),
            Usage(1000, 0, 50, 80, 20),
            "Where are the prices?",
        ),
        Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 0, 30)),
        Answer(tools=(command("grep coffee prices.py"),), usage=Usage(120, 1600, 0, 31)),
        Answer(tools=(Tool("read_file", {"path": "notes.txt"}),), usage=Usage(130, 1700, 0, 32)),
        Fault(429, "rate_limit_error", "Too many requests.", 1),
        done("There is tea and jam, and no coffee.", Usage(200, 2000, 0, 40)),
    ],
    "again": [done("Nothing else.", Usage(210, 2200, 0, 16))],
    "edit": [
        Answer(tools=(edit(PRICES, PRICES.replace("3", "4")),), usage=Usage(300, 0, 0, 50)),
        Answer(tools=(edit("'coffee': 3", "'coffee': 4"),), usage=Usage(310, 0, 0, 51)),
        Answer(
            tools=(
                Tool("search_files", {"path": ".", "regex": "jam"}),
                Tool("list_files", {"path": "."}),
            ),
            usage=Usage(320, 0, 0, 52),
        ),
        Answer("Only words, no tool.", usage=Usage(330, 0, 0, 9)),
        done("Tea is dearer.", Usage(340, 0, 0, 10)),
    ],
    "stop": [
        Answer(tools=(command("echo jam"),), usage=Usage(500, 0, 0, 26)),
        Silence("I was about to say", Usage(20, 500, 0, 1)),
    ],
    "fail": [Fault(403, "permission_error", "The shop is closed.")],
}

THIRD_SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (commands("echo tea"), Tool("read_files", {"files": [{"path": "README.md"}]})),
            Usage(1000, 0, 50, 80, 20),
            "Where are the prices?",
        ),
        Answer(tools=(commands("exit 3"),), usage=Usage(110, 1500, 0, 30)),
        Answer(tools=(commands("grep coffee prices.py"),), usage=Usage(120, 1600, 0, 31)),
        Answer(
            tools=(Tool("read_files", {"files": [{"path": "notes.txt"}]}),),
            usage=Usage(130, 1700, 0, 32),
        ),
        Fault(429, "rate_limit_error", "Too many requests.", 1),
        Answer(
            tools=(
                Tool(
                    "spawn_agent",
                    {"systemPrompt": "You look.", "task": "[look] Say which files there are."},
                ),
            ),
            usage=Usage(140, 1800, 0, 33),
        ),
        Answer("There is tea and jam, and no coffee.", usage=Usage(200, 2000, 0, 40)),
    ],
    "look": [
        Answer(tools=(commands("ls"),), usage=Usage(900, 0, 0, 15)),
        Answer("A price list and a README.", usage=Usage(50, 900, 0, 16)),
    ],
    "stop": [
        Answer(tools=(commands("echo jam"),), usage=Usage(500, 0, 0, 26)),
        Silence("I was about to say", Usage(20, 500, 0, 1)),
    ],
    "fail": [Fault(400, "invalid_request_error", "The request is not understood.")],
}

SECOND_NOTES = f"""# Cline's CLI {SECOND}, recorded on {RECORDED_ON}

Recorded by `tests/record/cline.py` against a model that says what a script tells it to; the truth
is what that model billed. It is the extension's 3.82.0 in a terminal and writes the same files. It
ran headless (`cline task -y`) with a home of its own and no network but loopback.

- the first task: two tools at once, a command that fails, a search without a match, a file that is
  not there, a call tried again after a 429; continued.
- a task that edits, fails to, searches, and answers once without a tool.
- a task that was interrupted while a reply came: its output is the count that the API began with.
- a task whose only request was refused.

To each output Cline adds the token that Anthropic's API counts when a reply begins: the truth's
outputs have it. Attempts that were tried again with success left nothing (`not_in_the_log`).

Scrubbed: paths of the machine, its host, long texts (their lengths are left).
"""
THIRD_NOTES = f"""# Cline's CLI {THIRD}, recorded on {RECORDED_ON}

Recorded by `tests/record/cline.py` against a model that says what a script tells it to; the truth
is what that model billed. It ran headless (`cline --json`) with a home of its own and no network
but loopback.

- the first session: two tools at once, a command that fails, a search without a match, a file that
  is not there, a call tried again after a 429, a sub-agent in a file of its own.
- a session that was interrupted while a reply came: nothing of the reply is left.
- a session whose only request was refused.

Attempts that were tried again left nothing (`not_in_the_log`).

Scrubbed: paths of the machine, its host, long texts (their lengths are left).
"""

PATTERNS = (
    r"(?<=</task>).*?(?=# Current Working Directory)",
    r"(?<=\) Files\n).*",
    r"(?<=\] Result:\n.{150}).{100,}",
)
"""What Cline tells its model with a task, but for the directory; and with a tool's result."""


def without_kernel(value: Any) -> Any:
    """An object without the machine's own kernel."""
    return value | {"os_version": "6.1"} if "os_version" in value else value


def configured(place: Place, stub: Stub, program: Path, settings: str) -> dict[str, Any]:
    """Sign in with a key that nobody has; give the settings that it wrote."""
    line = ["auth", "-p", "anthropic", "-k", "nobody", "-m", MODEL]
    place.run(["/usr/bin/env", program, *line], ENVIRONMENT)
    told: dict[str, Any] = json.loads((place.home / settings).read_text())
    return told


def note(ids: dict[str, str], prompt: str, names: Iterable[str]) -> None:
    """Note which folder is new since a prompt, by the part of the script that it names."""
    for name in set(names) - set(ids.values()):
        ids[prompt[1:].partition("]")[0]] = name


def second(place: Place, stub: Stub, program: Path) -> dict[str, str]:
    """Run the second version for every part of its script; give the ids of the tasks."""
    settings = ".cline/data/globalState.json"
    told = configured(place, stub, program, settings)
    (place.home / settings).write_text(json.dumps(told | {"anthropicBaseUrl": stub.url}))
    tasks = place.home / ".cline/data/tasks"
    ids: dict[str, str] = {}

    def run(prompt: str, *options: str, **more: Any) -> None:
        line = ["/usr/bin/env", program, "task", "-y", "--json", *options, prompt]
        place.run(line, ENVIRONMENT, **more)
        note(ids, prompt, (path.name for path in tasks.iterdir()))

    run("[shop] What do we sell?", "--thinking", "1024")
    run("[again] Anything else?", "-T", ids["shop"])
    run("[edit] Tea is dearer.")
    run("[stop] Say jam.", interrupt=stub.silent)
    run("[fail] Say tea.")
    return ids


def third(place: Place, stub: Stub, program: Path) -> dict[str, str]:
    """Run the third version for every part of its script; give the ids of the sessions."""
    settings = ".cline/data/settings/providers.json"
    told = configured(place, stub, program, settings)
    told["providers"]["anthropic"]["settings"]["baseUrl"] = f"{stub.url}/v1"
    (place.home / settings).write_text(json.dumps(told))
    sessions = place.home / ".cline/data/sessions"
    ids: dict[str, str] = {}

    def run(prompt: str, **more: Any) -> None:
        place.run(["/usr/bin/env", program, "--json", prompt], ENVIRONMENT, **more)
        note(ids, prompt, (path.name for path in sessions.iterdir() if path.is_dir()))

    run("[shop] What do we sell?")
    run("[stop] Say jam.", interrupt=stub.silent)
    run("[fail] Say tea.")
    (agent,) = (sessions / ids["shop"]).glob("agent_*.messages.json")
    ids["look"] = json.loads(agent.read_text())["sessionId"]
    return ids


def end_hub(place: Place) -> None:
    """End the server that the third version leaves running, by the id that it wrote down."""
    for path in (place.home / ".cline/data/locks/hub").glob("*.json"):
        with suppress(ProcessLookupError):
            os.kill(json.loads(path.read_text())["pid"], signal.SIGTERM)


def spent(stub: Stub, *parts: str, added: int = 0) -> dict[str, Any]:
    """What the model billed; thoughts are not told apart. `added` is too much in each output."""
    told = billed(stub, *parts)
    del told["tokens"]["reasoning"]
    told["tokens"]["output"] += added * told["model_calls"]
    return told


def second_figures(stub: Stub, ids: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the tasks."""
    once = {"count": 1, "success": 1, "error": 0}
    missed = {"count": 2, "success": 1, "error": 1}
    return {
        "sessions": {
            ids["shop"]: spent(stub, "shop", "again", added=1)
            | {
                "failures": 0,
                "prompts": 2,
                "tools": {
                    "execute_command": {
                        "count": 3,
                        "success": 2,
                        "error": 1,
                        "expected_negative": 1,
                    },
                    "read_file": missed,
                    "attempt_completion": {"count": 2, "success": 2, "error": 0},
                },
            },
            ids["edit"]: spent(stub, "edit", added=1)
            | {
                "prompts": 1,
                "tools": {
                    "replace_in_file": missed,
                    "search_files": once,
                    "list_files": once,
                    "attempt_completion": once,
                },
            },
            ids["stop"]: billed(stub, "stop", unfinished=True)
            | {"prompts": 1, "tools": {"execute_command": once}},
            ids["fail"]: spent(stub, "fail") | {"prompts": 1, "tools": {}},
        },
        "totals": {"failures": 1, "tool_call_count": 13},
        "not_in_the_log": {"failures": 1},
    }


def third_figures(stub: Stub, ids: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the sessions."""
    once = {"count": 1, "success": 1, "error": 0}
    return {
        "sessions": {
            ids["shop"]: spent(stub, "shop")
            | {
                "failures": 0,
                "prompts": 1,
                "tools": {
                    "run_commands": {"count": 3, "success": 2, "error": 1, "expected_negative": 1},
                    "read_files": {"count": 2, "success": 1, "error": 1},
                    "spawn_agent": once,
                },
            },
            ids["look"]: spent(stub, "look")
            | {"prompts": 1, "parent": ids["shop"], "tools": {"run_commands": once}},
            ids["stop"]: spent(stub, "stop") | {"prompts": 1, "tools": {"run_commands": once}},
            ids["fail"]: spent(stub, "fail") | {"prompts": 1, "tools": {}},
        },
        "totals": spent(stub, *THIRD_SCRIPT) | {"failures": 1, "tool_call_count": 8},
        "not_in_the_log": {"failures": 1},
    }


def record_second(program: Path) -> None:
    """Run the second version and write its case."""
    with Place() as place, Stub(SECOND_SCRIPT) as stub:
        ids = second(place, stub, program)
        check(stub)
        folder = place.home / ".cline/data/tasks"
        files = collected(folder, lambda path: str(path.relative_to(folder)))
        truth = second_figures(stub, ids)
        scrub = Scrub(place.root, PATTERNS, [without_kernel])
        keep(CORPUS / f"cline/recorded_{SECOND}", files, scrub, truth, SECOND_NOTES)


def record_third(program: Path) -> None:
    """Run the third version and write its case."""
    with Place() as place, Stub(THIRD_SCRIPT) as stub:
        try:
            ids = third(place, stub, program)
            check(stub)
        finally:
            end_hub(place)
        folder = place.home / ".cline/data/sessions"
        files = collected(folder, lambda path: str(path.relative_to(folder)))
        truth = third_figures(stub, ids)
        keep(CORPUS / f"cline/recorded_{THIRD}", files, Scrub(place.root), truth, THIRD_NOTES)


if __name__ == "__main__":
    programs = [installed("npm", PACKAGE, version) for version in (SECOND, THIRD)]
    only_loopback()
    record_second(programs[0] / "node_modules/.bin/cline")
    record_third(programs[1] / "node_modules/.bin/cline")
