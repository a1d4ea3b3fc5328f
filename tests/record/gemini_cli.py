"""Records Gemini CLI: `python tests/record/gemini_cli.py`.

One chat with tools of every outcome, a sub-agent and calls tried again, resumed; one that is
interrupted, one that fails. What was printed of these runs as `stream-json` and `json`, and the
telemetry that was written into a file, are cases of their own.
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
from scrub import Scrub, noted
from stub import Script, Stub

PACKAGE = "@google/gemini-cli"
VERSION = "0.61.0"
MODEL = "gemini-2.5-pro"
OUTFILE = "telemetry.log"
THEIRS = (
    "gen_ai.agent.description",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.description",
)
ALLOWED = "run_shell_command,read_file,list_directory,invoke_agent,complete_task"


def command(line: str) -> Tool:
    """The tool that runs a command."""
    return Tool("run_shell_command", {"command": line})


SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (command("echo tea"), Tool("read_file", {"file_path": "README.md"})),
            Usage(1000, 0, 0, 80, 20),
            "Where are the prices?",
        ),
        Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 0, 30)),
        Answer(tools=(command("grep coffee prices.py"),), usage=Usage(120, 1600, 0, 31, 8)),
        Answer(
            tools=(Tool("write_file", {"file_path": "notes.txt", "content": "no coffee"}),),
            usage=Usage(130, 1700, 0, 32),
        ),
        Fault(429, "RESOURCE_EXHAUSTED", "Too many requests.", 1),
        Fault(503, "UNAVAILABLE", "The model is overloaded."),
        Answer(
            tools=(
                Tool(
                    "invoke_agent",
                    {"agent_name": "generalist", "prompt": "[look] Say which files there are."},
                ),
            ),
            usage=Usage(140, 1800, 0, 33),
        ),
        Answer("There is tea and jam, and no coffee.", usage=Usage(200, 2000, 0, 40)),
    ],
    "look": [
        Answer(tools=(Tool("list_directory", {"dir_path": "."}),), usage=Usage(900, 0, 0, 15)),
        Answer(
            tools=(Tool("complete_task", {"result": {"response": "A price list and a README."}}),),
            usage=Usage(50, 900, 0, 16),
        ),
    ],
    "again": [Answer("Nothing else.", usage=Usage(210, 2200, 0, 16))],
    "stop": [
        Answer(tools=(command("echo jam"),), usage=Usage(500, 0, 0, 26)),
        Silence("I was about to say", Usage(20, 500, 0, 1)),
    ],
    "fail": [Fault(400, "INVALID_ARGUMENT", "The request is not understood.")],
}

NOTES = f"""# Gemini CLI {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/gemini_cli.py` against a model that says what a script tells it to; the
truth is what that model billed. The program ran headless (`gemini -p`) with a home of its own and
no network but loopback.

- the first chat: two tools at once, a command that fails, a search without a match, a tool that is
  not to be had headless, a call tried again after a 429 and a 503, a sub-agent; resumed.
- a chat that was interrupted while a reply came: nothing of the reply is left.
- a chat whose only request was refused.

Attempts that failed left nothing in the chats, the refused one neither (`not_in_the_log`).

Scrubbed: the program's own texts (their lengths are left), paths of the machine, its host.
"""
PRINTED_NOTES = f"""# What Gemini CLI {VERSION} printed, recorded on {RECORDED_ON}

The runs of `recorded_{VERSION}`: `again.json` by `--output-format json`, the others by
`stream-json`. No usage of single calls, one sum at the end, which holds the sub-agent's; of the
interrupted run none.
"""
EXPORTED_NOTES = f"""# Telemetry of Gemini CLI {VERSION}, recorded on {RECORDED_ON}

What it wrote into the file that `telemetry.outfile` names during the runs of
`gemini_cli/recorded_{VERSION}`: log events, spans and metrics as its library holds them, each
object over several lines; recorded by `tests/record/gemini_cli.py`.

Model calls are told by `gemini_cli.api_response`, without an id of the call; a sub-agent's have its
id in that of their prompt. Attempts that failed and were tried again are told here, and not in the
chats; of the run that failed nothing was written.

Left out: of the resources all but service and session. Scrubbed: the program's own texts, paths of
the machine.
"""


def scenario(place: Place, stub: Stub, program: Path) -> dict[str, Ran]:
    """Every run of the agent, by its part of the script."""
    settings = place.home / ".gemini/settings.json"
    settings.parent.mkdir()
    told = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"disableAutoUpdate": True, "enableAutoUpdate": False},
        "telemetry": {
            "enabled": True,
            "target": "local",
            "outfile": str(place.home / OUTFILE),
            "logPrompts": True,
        },
    }
    settings.write_text(json.dumps(told), encoding="utf-8")
    environment = {
        "GEMINI_API_KEY": "nobody",
        "GOOGLE_GEMINI_BASE_URL": stub.url,
        "GEMINI_CLI_NO_RELAUNCH": "true",
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
    }

    def run(prompt: str, *options: str, printing: str = "stream-json", **more: Any) -> Ran:
        allowed = ("--allowed-tools", ALLOWED, "--output-format", printing)
        line = ["/usr/bin/env", "node", program, "-m", MODEL, *allowed, *options, "-p", prompt]
        return place.run(line, environment, **more)

    return {
        "shop": run("[shop] What do we sell?"),
        "again": run("[again] Anything else?", "--resume", "latest", printing="json"),
        "stop": run("[stop] Say jam.", interrupt=stub.silent),
        "fail": run("[fail] Say tea."),
    }


def chat_of(ran: Ran) -> str:
    """The id of the chat that a run began or went on with."""
    first, _ = json.JSONDecoder().raw_decode(ran.stdout)
    return str(first["session_id"])


def chat(path: Path) -> str | None:
    """The name of a chat in its case: a sub-agent's lies in a folder named by its parent."""
    if "chats" not in path.parts:
        return None
    return "/".join(path.parts[path.parts.index("chats") :])


def figures(stub: Stub, chats: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the chats."""
    once = {"count": 1, "success": 1, "error": 0}
    lost = {"failures": 0, "retries": 0}
    return {
        "sessions": {
            chats["shop"]: billed(stub, "shop", "again")
            | lost
            | {
                "prompts": 2,
                "tools": {
                    "run_shell_command": {
                        "count": 3,
                        "success": 2,
                        "error": 1,
                        "expected_negative": 1,
                    },
                    "read_file": once,
                    "write_file": {"count": 1, "success": 0, "error": 1},
                    "invoke_agent": once,
                },
            },
            chats["look"]: billed(stub, "look")
            | {
                "parent": chats["shop"],
                "prompts": 1,
                "tools": {"list_directory": once, "complete_task": once},
            },
            chats["stop"]: billed(stub, "stop")
            | {"prompts": 1, "tools": {"run_shell_command": once}},
            chats["fail"]: billed(stub, "fail") | lost | {"prompts": 1, "tools": {}},
        },
        "totals": billed(stub, *SCRIPT) | {"failures": 0},
        "not_in_the_log": {"failures": 3},
    }


def not_ours(record: dict[str, Any]) -> dict[str, Any]:
    """A record of telemetry without the texts of the agent's makers, and what tells of the host."""
    record |= {name: noted(record[name]) for name in THEIRS if name in record}
    if "_rawAttributes" in record:
        kept = ("service.name", "session.id")
        record["_rawAttributes"] = [pair for pair in record["_rawAttributes"] if pair[0] in kept]
    return record


def sums(stub: Stub, chats: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of what was printed; nothing was of what the last run used."""
    told = {"tokens": billed(stub, "shop", "look", "again")["tokens"]}
    stopped = {"model_calls": 1, "tokens": {"input": 0, "cache_read": 0, "cache_write": 0}}
    total = told["tokens"] | {}
    del total["output"]
    return {
        "sessions": {chats["shop"]: told | {"model_calls": 2}, chats["stop"]: stopped},
        "totals": {"tokens": total, "tool_call_count": 7, "failures": 1},
    }


def told_by_telemetry(stub: Stub, chats: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the telemetry: as the chats do, with attempts that failed.

    Of a run that fails nothing is written.
    """
    told = figures(stub, chats)["sessions"]
    main = told[chats["shop"]] | {"failures": 2, "retries": 2}
    helper = told[chats["look"]] | {"prompts": 0}
    names = [chats[part] for part in ("shop", "look", "stop")]
    return {
        "sessions": dict(zip(names, (main, helper, told[chats["stop"]]), strict=True)),
        "totals": billed(stub, *(set(SCRIPT) - {"fail"})) | {"failures": 2},
    }


def record() -> None:
    """Run the scenario and write the cases."""
    package = installed("npm", PACKAGE, VERSION)
    only_loopback()
    with Place() as place, Stub(SCRIPT) as stub:
        ran = scenario(place, stub, package / "node_modules/.bin/gemini")
        check(stub)
        chats = {part: chat_of(each) for part, each in ran.items()}
        files = collected(place.home / ".gemini/tmp", chat)
        nested = next(name for name in files if name.count("/") > 1)
        chats["look"] = nested.rpartition("/")[2].removesuffix(".jsonl")
        patterns = ["(?<=<session_context>).*?(?=</session_context>)"]
        scrub = Scrub(place.root, patterns, [not_ours])
        source = CORPUS / "gemini_cli"
        keep(source / f"recorded_{VERSION}", files, scrub, figures(stub, chats), NOTES)
        printed = {
            f"{part}.json{'' if part == 'again' else 'l'}": each.stdout.encode()
            for part, each in ran.items()
        }
        keep(
            source / f"recorded_printed_{VERSION}", printed, scrub, sums(stub, chats), PRINTED_NOTES
        )
        files = {OUTFILE: (place.home / OUTFILE).read_bytes()}
        case = CORPUS / "otlp" / f"recorded_gemini_cli_{VERSION}"
        keep(case, files, scrub, told_by_telemetry(stub, chats), EXPORTED_NOTES)


if __name__ == "__main__":
    record()
