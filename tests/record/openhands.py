"""Records the OpenHands SDK: `python tests/record/openhands.py`.

A conversation with commands that work, fail, find nothing and are refused, a call tried again, and
more said when it is resumed; and one whose only request is refused.
"""

from __future__ import annotations

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
    python_from,
)
from scrub import Scrub
from stub import Script, Stub

PACKAGE = "openhands-sdk"
VERSION = "1.50.1"
BESIDE = (f"openhands-tools=={VERSION}", "litellm==1.99.4")
"""Newer ones of the latter ask for another mcp than the SDK."""
PYTHON_MINOR = 12
MODEL = "openai/gpt-4.1"
SHOP = "70011000-0000-4000-8000-000000000001"
FAIL = "70011000-0000-4000-8000-000000000002"


def command(line: str) -> Tool:
    """The tool that runs a command."""
    told = {"command": line, "security_risk": "LOW", "summary": "looks at the shop"}
    return Tool("terminal", told)


SCRIPT: Script = {
    "shop": [
        Answer("I look first.", (command("cat README.md"),), Usage(1000, 0, 0, 80, 20)),
        Answer("That fails.", (command("ls no-such-shelf"),), Usage(110, 1500, 0, 30)),
        Answer("Coffee?", (command("grep coffee prices.py"),), Usage(120, 1600, 0, 31, 8)),
        Fault(500, "server_error", "Internal server error"),
        Answer("There is tea and jam, and no coffee.", (), Usage(130, 1700, 0, 40)),
    ],
    "again": [
        Answer("Away with it.", (command("rm README.md"),), Usage(140, 1800, 0, 41)),
        Answer("I leave it.", (), Usage(150, 1900, 0, 42)),
    ],
    "fail": [Fault(401, "authentication_error", "No such key")],
}

PROGRAM = """
import sys
from uuid import UUID
from pydantic import SecretStr
from openhands.sdk import LLM, Agent, Conversation, Tool
from openhands.sdk.security.confirmation_policy import AlwaysConfirm
from openhands.tools.terminal import TerminalTool

url, model, kept, identity, text, refuses = sys.argv[1:]
llm = LLM(
    usage_id="agent",
    model=model,
    base_url=url,
    api_key=SecretStr("nobody"),
    num_retries=2,
    retry_min_wait=1,
    retry_max_wait=1,
)
agent = Agent(llm=llm, tools=[Tool(name=TerminalTool.name)])
talk = Conversation(
    agent=agent,
    workspace=".",
    persistence_dir=kept,
    conversation_id=UUID(identity),
    visualizer=None,
)
talk.send_message(text)
if refuses:
    talk.set_confirmation_policy(AlwaysConfirm())
    talk.run()
    talk.reject_pending_actions("Leave that.")
talk.run()
talk.close()
"""

NOTES = f"""# OpenHands SDK {VERSION}, recorded on {RECORDED_ON}

Recorded by `tests/record/openhands.py` against a model that says what a script tells it to; the
truth is what that model billed. A program of our own held two conversations with the SDK's agent
and its terminal, with a home of its own and no network but loopback.

- the first: a command that works, one that fails, a search without a match, a call tried again
  after a 500, which left nothing (`not_in_the_log`); resumed by another process, where a command
  was not confirmed.
- one whose only request was refused.

Scrubbed: paths of the machine, its host, long texts (their lengths are left).
"""


def scenario(place: Place, stub: Stub, python: Path) -> Path:
    """Hold the conversations and give where they are kept."""
    program, kept = place.root / "talk.py", place.root / "kept"
    program.write_text(PROGRAM, encoding="utf-8")
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENHANDS_SUPPRESS_BANNER": "1"}

    def talk(text: str, conversation: str, refuses: str = "") -> None:
        asked = (f"{stub.url}/v1", MODEL, kept, conversation, text, refuses)
        place.run([python, program, *asked], environment)

    talk("[shop] What do we sell?", SHOP)
    talk("[again] Tidy up.", SHOP, "refuses")
    talk("[fail] Say tea.", FAIL)
    return kept


def figures(stub: Stub) -> dict[str, Any]:
    """What tachlog has to tell of the conversations."""
    shop = billed(stub, "shop", "again") | {"failures": 0}
    fail = billed(stub, "fail")
    del fail["tokens"]["reasoning"]
    outcomes = {"success": 2, "error": 1, "expected_negative": 1, "user_rejected": 1}
    return {
        "sessions": {
            SHOP: shop | {"prompts": 2, "tools": {"terminal": {"count": 4, **outcomes}}},
            FAIL: fail | {"prompts": 1, "tools": {}},
        },
        "totals": shop | {"failures": 1, "tool_call_count": 4},
        "not_in_the_log": {"failures": 1},
    }


def record() -> None:
    """Hold the conversations and write the case."""
    package = installed("pip", PACKAGE, VERSION, *BESIDE, python=python_from(PYTHON_MINOR))
    only_loopback()
    with Place() as place, Stub(SCRIPT) as stub:
        kept = scenario(place, stub, package / "bin/python")
        check(stub)
        files = collected(
            kept, lambda path: str(path.relative_to(kept)) if path.suffix == ".json" else None
        )
        case = CORPUS / "openhands" / f"recorded_{VERSION}"
        keep(case, files, Scrub(place.root), figures(stub), NOTES)


if __name__ == "__main__":
    record()
