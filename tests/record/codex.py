"""Records Codex CLI: `python tests/record/codex.py`.

One thread with commands of every outcome, a sub-agent and a call tried again, resumed, forked and
compacted; one that is interrupted, one that fails. What `codex exec --json` printed of these runs
and what their OpenTelemetry exporter sent are cases of their own.
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
from scrub import Scrub, noted
from stub import Script, Stub

PACKAGE = "@openai/codex"
VERSION = "0.169.0"
PROGRAM = "node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex"
MODEL = "gpt-5.4"
AGENTS = "multi_agent_v1"


def command(line: str, **more: str) -> Tool:
    """The tool that runs a command."""
    return Tool("exec_command", {"cmd": line, **more})


SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (command("echo tea; ls"), command("cat README.md")),
            Usage(1000, 0, 500, 80, 20),
            "Where are the prices?",
        ),
        Answer(tools=(command("exit 3"),), usage=Usage(110, 1500, 0, 30)),
        Answer(tools=(command("grep coffee prices.py"),), usage=Usage(120, 1600, 40, 31, 8)),
        Answer(
            tools=(
                command(
                    "cat README.md",
                    sandbox_permissions="require_escalated",
                    justification="May I look?",
                ),
            ),
            usage=Usage(130, 1700, 0, 32),
        ),
        Fault(500, "server_error", "Internal server error"),
        Answer(
            tools=(Tool("spawn_agent", {"message": "[look] Say which files there are."}, AGENTS),),
            usage=Usage(140, 1800, 0, 33),
        ),
        Answer(
            tools=(Tool("wait_agent", {"targets": ["AGENT"], "timeout_ms": 20000}, AGENTS),),
            usage=Usage(150, 1900, 0, 34),
        ),
        Answer("There is tea and jam, and no coffee.", usage=Usage(200, 2000, 0, 40)),
    ],
    "look": [
        Answer(tools=(command("ls"),), usage=Usage(900, 0, 0, 15)),
        Answer("A price list and a README.", usage=Usage(50, 900, 0, 16)),
    ],
    "again": [Answer("Nothing else.", usage=Usage(210, 2200, 0, 16))],
    "fork": [Answer("Or perhaps there is.", usage=Usage(220, 2400, 0, 17))],
    "compact": [Answer("We looked at the shop.", usage=Usage(400, 2400, 0, 44))],
    "after": [Answer("You are welcome.", usage=Usage(500, 600, 0, 9))],
    "stop": [
        Answer(tools=(command("echo jam"),), usage=Usage(500, 0, 0, 26)),
        Silence("I was about to say", Usage(20, 500, 0, 1), "What do I say?"),
    ],
    "fail": [Fault(400, "invalid_request_error", "The request is not understood.")],
}
ASIDES = {"CONTEXT CHECKPOINT COMPACTION": "compact"}
RECALLED = {"AGENT": r'agent_id\\":\\"([0-9a-f-]+)'}

NOTES = f"""# Codex CLI {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/codex.py` against a model that says what a script tells it to; the truth
is what that model billed. The program ran headless (`codex exec`) with a home of its own and no
network but loopback.

- the first thread: two commands at once, one that fails, a search without a match, one that asks
  for permission where nobody can be asked, a sub-agent in a thread of its own; resumed; forked;
  resumed with a limit that makes it compact before it answers.
- its fork: the file names the parent and where it left it, and copies none of its lines.
- a thread that was interrupted while a reply came: no usage was told for it.
- a thread whose only request was refused.

The call that failed and was tried again left nothing in the log (`not_in_the_log`).

Scrubbed: the program's instructions (their lengths are left), paths of the machine, its host.
"""
PRINTED_NOTES = f"""# `codex exec --json` of Codex CLI {VERSION}, recorded on {RECORDED_ON}

What the runs of `recorded_{VERSION}` printed, but for the fork's. The usage of a turn that is
printed when it ends is the sum over the whole thread, so that each file of a thread repeats the one
before; a fork's holds its parent's too. An interrupted run prints none.
"""
EXPORTED_NOTES = f"""# OpenTelemetry of Codex CLI {VERSION}, recorded on {RECORDED_ON}

The log events that its exporter (OTLP over HTTP as JSON, one export on each line) sent during the
runs of `codex/recorded_{VERSION}`; recorded by `tests/record/codex.py`.

A model call is told by a `codex.sse_event` with its tokens, without an id of the call. An attempt
that failed and was tried again is told here, and not in the rollout; compactions are not told, and
of the run that failed nothing was sent.

Left out: events of single pieces of a reply, without tokens. Scrubbed: paths of the machine, its
host.
"""


def scenario(place: Place, stub: Stub, program: Path) -> dict[str, Ran]:
    """Every run of the agent, by its part of the script."""
    settings = place.home / ".codex/config.toml"
    settings.parent.mkdir()
    settings.write_text(
        f"""model = "{MODEL}"
model_provider = "stub"
[model_providers.stub]
name = "stub"
base_url = "{stub.url}/v1"
env_key = "STUB_KEY"
wire_api = "responses"
request_max_retries = 2
stream_max_retries = 2
[otel]
log_user_prompt = true
exporter = {{ otlp-http = {{ endpoint = "{stub.url}/v1/logs", protocol = "json" }} }}
""",
        encoding="utf-8",
    )

    def run(*arguments: str, **more: Any) -> Ran:
        options = ["--skip-git-repo-check", "--json"]
        line = [program, "exec", *arguments[:-1], *options, arguments[-1]]
        return place.run(line, {"STUB_KEY": "nobody"}, **more)

    fresh, small = ("-s", "workspace-write"), ("-c", "model_auto_compact_token_limit=2000")
    shop = run(*fresh, "[shop] What do we sell?")
    thread = thread_of(shop)
    return {
        "shop": shop,
        "again": run("resume", thread, "[again] Anything else?"),
        "fork": run("fork", thread, "[fork] Is there not?"),
        "after": run("resume", *small, thread, "[after] Thanks."),
        "stop": run(*fresh, "[stop] Say jam.", interrupt=stub.silent),
        "fail": run(*fresh, "[fail] Say tea."),
    }


def thread_of(ran: Ran) -> str:
    """The id of the thread that a run began or went on with."""
    first = json.loads(ran.stdout.splitlines()[0])
    return str(first["thread_id"])


def not_ours(record: dict[str, Any]) -> dict[str, Any]:
    """A record without the instructions of the agent's makers."""
    if record.get("role") == "developer":
        record["content"] = noted(record["content"])
    if record.get("type") == "world_state":
        record["payload"] = noted(record["payload"])
    return record


def without_pieces(export: str) -> str:
    """An export without the events of single pieces of a reply, which are most of all events."""
    told = json.loads(export)
    for group in (scope for one in told["resourceLogs"] for scope in one["scopeLogs"]):
        group["logRecords"] = [
            log
            for log in group["logRecords"]
            if '"codex.sse_event"' not in (text := json.dumps(log)) or "input_token_count" in text
        ]
    return json.dumps(told)


def figures(stub: Stub, threads: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the rollouts."""
    main = threads["shop"]
    once = {"count": 1, "success": 1, "error": 0}
    lost = {"failures": 0, "retries": 0}
    stopped, total = begun(billed(stub, "stop")), begun(billed(stub, *SCRIPT))
    return {
        "sessions": {
            main: billed(stub, "shop", "again", "compact", "after")
            | lost
            | {
                "prompts": 3,
                "compactions": 1,
                "tools": {
                    "exec_command": {"count": 5, "success": 3, "error": 2, "expected_negative": 1},
                    "spawn_agent": once,
                    "wait_agent": once,
                },
            },
            threads["look"]: billed(stub, "look")
            | {"prompts": 1, "parent": main, "tools": {"exec_command": once}},
            threads["fork"]: billed(stub, "fork")
            | {"prompts": 1, "forked_from": main, "tools": {}},
            threads["stop"]: stopped | {"prompts": 1, "tools": {"exec_command": once}},
            threads["fail"]: billed(stub, "fail") | {"prompts": 1, "tools": {}},
        },
        "totals": total | {"failures": 1},
        "not_in_the_log": {"failures": 1},
    }


def told_by_exporter(stub: Stub, threads: dict[str, str]) -> dict[str, Any]:
    """What tachlog has to tell of the exported telemetry: replies that ended, and failed attempts.

    Of a run that fails nothing is sent.
    """
    told = figures(stub, threads)["sessions"]
    main = told[threads["shop"]] | {"failures": 1, "retries": 1, "compactions": 0}
    helper = told[threads["look"]] | {"parent": None}
    fork = told[threads["fork"]] | {"forked_from": None}
    stopped = told[threads["stop"]] | billed(stub, "stop")
    del stopped["failures"]
    names = [threads[part] for part in ("shop", "look", "fork", "stop")]
    return {
        "sessions": dict(zip(names, (main, helper, fork, stopped), strict=True)),
        "totals": billed(stub, *(set(SCRIPT) - {"fail"})) | {"tool_call_count": 9, "failures": 1},
    }


def record() -> None:
    """Run the scenario and write the cases."""
    program = installed("npm", PACKAGE, VERSION) / PROGRAM
    only_loopback()
    with Place() as place, Stub(SCRIPT, ASIDES, RECALLED) as stub:
        ran = scenario(place, stub, program)
        check(stub)
        threads = {part: thread_of(each) for part, each in ran.items()}
        files = collected(place.home / ".codex/sessions")
        threads["look"] = next(
            name[-42:-6] for name in files if name[-42:-6] not in threads.values()
        )
        patterns = ["(?<=<environment_context>).*?(?=</environment_context>)"]
        scrub = Scrub(place.root, patterns, [not_ours])
        source = CORPUS / "codex"
        keep(source / f"recorded_{VERSION}", files, scrub, figures(stub, threads), NOTES)
        printed = {f"{p}.jsonl": each.stdout.encode() for p, each in ran.items() if p != "fork"}
        told = {"tokens": billed(stub, "shop", "again", "compact", "after")["tokens"]}
        truth = {"sessions": {threads["shop"]: told}, "totals": told | {"failures": 1}}
        keep(source / f"recorded_exec_{VERSION}", printed, scrub, truth, PRINTED_NOTES)
        logs = "".join(f"{without_pieces(export)}\n" for export in stub.exported["logs"])
        case = CORPUS / "otlp" / f"recorded_codex_{VERSION}"
        truth = told_by_exporter(stub, threads)
        keep(case, {"logs.jsonl": logs.encode()}, scrub, truth, EXPORTED_NOTES)


if __name__ == "__main__":
    record()
