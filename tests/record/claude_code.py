"""Records Claude Code: `python tests/record/claude_code.py`.

One session with tools of every outcome, retries and a sub-agent, resumed, forked and compacted; one
that is interrupted, one whose calls all fail; and what its OpenTelemetry exporters tell of the same
runs, as a case of its own.
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
    billed,
    check,
    collected,
    installed,
    keep,
    only_loopback,
)
from scrub import Scrub, noted
from stub import Script, Stub

PACKAGE = "@anthropic-ai/claude-code"
VERSION = "2.1.330"
MODEL = "claude-sonnet-4-6"
MAIN, FORK, STOPPED, FAILED = (f"5e551000-0000-4000-8000-00000000000{n}" for n in range(1, 5))
ALLOWED = "Bash(echo:*),Bash(ls:*),Bash(cat:*),Bash(grep:*),Bash(exit:*),Read,Edit,Task,Agent"

SCRIPT: Script = {
    "shop": [
        Answer(
            "I look at the shop first.",
            (
                Tool("Bash", {"command": "echo tea; ls", "description": "List the shop"}),
                Tool("Read", {"file_path": "README.md"}),
            ),
            Usage(1200, 0, 5000, 90, 30),
            "Where are the prices?",
        ),
        Answer(
            tools=(Tool("Bash", {"command": "exit 3", "description": "Fail"}),),
            usage=Usage(40, 5000, 300, 45),
        ),
        Answer(
            "Is there coffee?",
            (Tool("Bash", {"command": "grep coffee prices.py", "description": "Look"}),),
            Usage(50, 5300, 210, 52),
        ),
        Answer(
            "Let me note that.",
            (Tool("Write", {"file_path": "notes.txt", "content": "no coffee\n"}),),
            Usage(60, 5510, 190, 61),
        ),
        Fault(429, "rate_limit_error", "This request would exceed your rate limit.", 1),
        Fault(529, "overloaded_error", "Overloaded"),
        Answer(
            "Somebody else should look.",
            (
                Tool(
                    "Agent",
                    {
                        "description": "Look at the files",
                        "prompt": "[look] Say which files there are.",
                        "subagent_type": "general-purpose",
                        "run_in_background": False,
                    },
                ),
            ),
            Usage(70, 5700, 180, 74),
        ),
        Answer("There is tea and jam, and no coffee.", usage=Usage(80, 5880, 170, 33)),
    ],
    "look": [
        Answer(
            tools=(Tool("Bash", {"command": "ls", "description": "List"}),),
            usage=Usage(900, 0, 2000, 31),
        ),
        Answer("A price list and a README.", usage=Usage(30, 2000, 100, 17)),
    ],
    "again": [
        Answer(tools=(Tool("Read", {"file_path": "prices.py"}),), usage=Usage(90, 6050, 160, 28)),
        Answer(
            tools=(
                Tool(
                    "Edit",
                    {"file_path": "prices.py", "old_string": "'jam': 5", "new_string": "'jam': 6"},
                ),
            ),
            usage=Usage(45, 6210, 150, 64),
        ),
        Answer("Jam is 6 now.", usage=Usage(35, 6360, 120, 12)),
    ],
    "fork": [Answer("Or it could stay at 5.", usage=Usage(110, 6480, 90, 19))],
    "compact": [
        Answer("<summary>We made jam dearer.</summary>", usage=Usage(400, 6480, 0, 44)),
    ],
    "after": [Answer("You are welcome.", usage=Usage(700, 0, 3000, 9))],
    "stop": [
        Answer(
            tools=(Tool("Bash", {"command": "echo jam", "description": "Say jam"}),),
            usage=Usage(500, 0, 4000, 26),
        ),
        Silence("I was about to say", Usage(20, 4000, 150, 1), "What do I say?"),
    ],
    "fail": [Fault(500, "api_error", "Internal server error")] * 3,
}
ASIDES = {"create a detailed summary of the conversation": "compact"}

OURS_TO_PUBLISH = ("queued_command",)
INSTALLATION = {"user.id", "os.version", "host.arch", "plugin_id_hash"}


def scenario(place: Place, stub: Stub, program: Path) -> dict[str, Ran]:
    """Every run of the agent, by its part of the script."""
    settings = {
        "ANTHROPIC_BASE_URL": stub.url,
        "ANTHROPIC_API_KEY": "sk-ant-nobody",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_MAX_RETRIES": "2",
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": stub.url,
        "OTEL_LOG_TOOL_DETAILS": "1",
    }

    def run(prompt: str, *options: str, **more: Any) -> Ran:
        command = [program, "-p", prompt, "--model", MODEL, "--allowedTools", ALLOWED, *options]
        return place.run(command, settings, **more)

    return {
        "shop": run("[shop] What do we sell?", "--session-id", MAIN),
        "again": run("[again] Make jam dearer.", "--resume", MAIN),
        "fork": run("[fork] Or not?", "--resume", MAIN, "--fork-session", "--session-id", FORK),
        "compact": run("/compact", "--resume", MAIN),
        "after": run("[after] Thank you.", "--resume", MAIN),
        "stop": run("[stop] Say jam.", "--session-id", STOPPED, interrupt=stub.silent),
        "fail": run("[fail] Say tea.", "--session-id", FAILED),
    }


NOTES = f"""# Claude Code {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/claude_code.py` against a model that says what a script tells it to; the
truth is what that model billed. The program ran headless (`claude -p`) with a home of its own and
no network but loopback.

- `…0001`: two tools at once, a command that fails, a search without a match, a write that nobody
  allowed, a call tried again after a 429 and a 529, a sub-agent; resumed; forked; `/compact`;
  resumed.
- `…0002`: the fork. Its file begins with a copy of the parent's records.
- `…0003`: a tool, then a reply that was interrupted after its first block.
- `…0004`: three attempts that end in a 500, of which the log tells two as errors that are tried
  again and the last as the message to the person.

The model call that writes the summary of a compaction has no record of its own; only the running
cost holds it (`not_in_the_log` in `truth.json`).

Scrubbed: the program's instructions, reminders, listings and descriptions of tools (their lengths
are left), paths of the machine, its host and system. The sub-agent's file lay in
`<session>/subagents/`.
"""


EXPORTED_NOTES = f"""# OpenTelemetry of Claude Code {VERSION}, recorded on {RECORDED_ON}

What its exporters (OTLP over HTTP as JSON, one export on each line) sent during the runs of
`claude_code/recorded_{VERSION}`; recorded by `tests/record/claude_code.py`.

Each model call is told three times: as an `api_request` event (with its `request_id`), as a
`claude_code.llm_request` span (with the same id) and within the sums of the metrics (by session and
model, without an id). The call that compacts is told here, and not in the transcript.

Scrubbed: paths of the machine, its system, the id of the installation.
"""


def not_ours(record: dict[str, Any]) -> dict[str, Any]:
    """A record without the instructions, reminders and tools of the agent's makers."""
    match record.get("type"):
        case "attachment" if isinstance(record.get("attachment"), dict):
            if record["attachment"]["type"] not in OURS_TO_PUBLISH:
                record["attachment"] = noted(record["attachment"])
            if "rendered" in record:
                record["rendered"] = noted(record["rendered"])
        case "api-request-shape":
            shape = record["shape"]
            shape["system"] = noted(shape["system"])
            shape["tools"] = [
                {"name": tool["name"], "description": noted(tool.get("description", ""))}
                for tool in shape["tools"]
            ]
    if record.get("key") in INSTALLATION:
        record["value"] = {"stringValue": "scrubbed"}
    return record


def transcript(path: Path) -> str | None:
    """The name of a transcript in its case."""
    if path.suffix != ".jsonl" or "projects" not in path.parts:
        return None
    return path.name


def figures(stub: Stub, helper: str) -> dict[str, Any]:
    """What tachlog has to tell of the transcripts; `helper` is the sub-agent's id."""
    once = {"count": 1, "success": 1, "error": 0}
    return {
        "sessions": {
            MAIN: billed(stub, "shop", "again", "after")
            | {
                "prompts": 3,
                "retries": 2,
                "compactions": 1,
                "tools": {
                    "Bash": {"count": 3, "success": 2, "error": 1, "expected_negative": 1},
                    "Read": {"count": 2, "success": 2, "error": 0},
                    "Write": {"count": 1, "success": 0, "error": 1},
                    "Agent": once,
                    "Edit": once,
                },
            },
            f"{MAIN}/{helper}": billed(stub, "look")
            | {"prompts": 1, "parent": MAIN, "tools": {"Bash": once}},
            FORK: billed(stub, "fork") | {"prompts": 1, "tools": {}},
            STOPPED: billed(stub, "stop", unfinished=True)
            | {"prompts": 1, "tools": {"Bash": once}},
            FAILED: billed(stub, "fail") | {"prompts": 1, "retries": 2, "tools": {}},
        },
        "totals": billed(stub, *(set(SCRIPT) - {"compact"}), unfinished=True),
        "not_in_the_log": {"compact": billed(stub, "compact")},
    }


def told_by_exporters(stub: Stub, helper: str) -> dict[str, Any]:
    """What tachlog has to tell of the exported telemetry: each call once, the compaction's too.

    Thoughts are not told apart, and of attempts that failed only the last of a call given up.
    """
    main, fork, stopped, failed = (
        exported(stub, *parts)
        for parts in (("shop", "again", "compact", "after"), ("fork",), ("stop",), ("fail",))
    )
    helped = exported(stub, "look")
    total = exported(stub, *SCRIPT)
    return {
        "sessions": {
            MAIN: main | {"failures": 0, "compactions": 1},
            f"{MAIN}/{helper}": helped | {"parent": MAIN},
            FORK: fork | {"prompts": 1},
            STOPPED: stopped | {"prompts": 1},
            FAILED: failed | {"prompts": 1, "failures": 1},
        },
        "totals": total | {"failures": 1, "tool_call_count": 10},
    }


def exported(stub: Stub, *parts: str) -> dict[str, Any]:
    """What the model billed, without what the exporters leave out."""
    told = billed(stub, *parts)
    del told["tokens"]["reasoning"]
    return told


def record() -> None:
    """Run the scenario and write both cases."""
    place_of_package = installed("npm", PACKAGE, VERSION)
    only_loopback()
    program = place_of_package / "node_modules" / f"{PACKAGE}-linux-x64" / "claude"
    with Place() as place, Stub(SCRIPT, ASIDES) as stub:
        scenario(place, stub, program)
        check(stub)
        files = collected(place.home / ".claude", transcript)
        scrub = Scrub(place.root, ["(?<=<system-reminder>).*?(?=</system-reminder>)"], [not_ours])
        helper = next(name for name in files if name.startswith("agent-"))
        helper = helper.removeprefix("agent-").removesuffix(".jsonl")
        case = CORPUS / "claude_code" / f"recorded_{VERSION}"
        keep(case, files, scrub, figures(stub, helper), NOTES)
        exported = {f"{s}.jsonl": "\n".join(t).encode() + b"\n" for s, t in stub.exported.items()}
        case = CORPUS / "otlp" / f"recorded_claude_code_{VERSION}"
        keep(case, exported, scrub, told_by_exporters(stub, helper), EXPORTED_NOTES)


if __name__ == "__main__":
    record()
