"""The agents whose hooks tell what they do, and how each of them wants its hooks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct


class Agent(Struct, frozen=True):
    """An agent by its `name` here and in the archive (`key`), and where it has a person's hooks.

    That is `file` below the directory that the environment variable `variable` names, else below
    the directory `home` of the person's home. `events` say what a session does, each with which
    kinds of it (None: all). `timeout` is in the agent's own unit, the agent does not
    wait for a hook with `async_`. `hint` is what is left to the person.
    """

    name: str
    key: str
    variable: str
    home: str
    file: str
    events: Mapping[str, str | None]
    timeout: int
    async_: bool = False
    hint: str = ""

    def settings(self, environ: Mapping[str, str]) -> Path:
        """Where a person's hooks of this agent are."""
        named = environ.get(self.variable)
        home = Path(environ.get("HOME") or os.path.expanduser("~"))
        return (Path(named) if named else home / self.home) / self.file


CLAUDE_CODE: Final = Agent(
    "claude-code",
    "claude_code",
    "CLAUDE_CONFIG_DIR",
    ".claude",
    "settings.json",
    {
        "SessionStart": None,
        "UserPromptSubmit": None,
        "PreToolUse": None,
        "PermissionRequest": None,
        "Notification": "permission_prompt|idle_prompt",
        "PostToolUse": None,
        "PostToolUseFailure": None,
        "Stop": None,
        "StopFailure": None,
        "SessionEnd": None,
    },
    timeout=5,
    async_=True,
)
"""code.claude.com/docs/en/hooks and 2.1.330, checked 2026-11-23."""

CODEX: Final = Agent(
    "codex",
    "codex",
    "CODEX_HOME",
    ".codex",
    "hooks.json",
    {
        "SessionStart": None,
        "UserPromptSubmit": None,
        "PreToolUse": None,
        "PermissionRequest": None,
        "PostToolUse": None,
        "Stop": None,
        "Interrupt": None,
        "SessionEnd": None,
    },
    timeout=3,
    hint="Codex asks you to review new hooks when it starts next, and runs them after that",
)
"""developers.openai.com/codex/hooks and 0.169.0, checked 2026-11-23."""

GEMINI_CLI: Final = Agent(
    "gemini-cli",
    "gemini_cli",
    "GEMINI_CLI_HOME",
    "",
    ".gemini/settings.json",
    {
        "SessionStart": None,
        "BeforeAgent": None,
        "BeforeTool": None,
        "Notification": "ToolPermission",
        "AfterTool": None,
        "AfterAgent": None,
        "SessionEnd": None,
    },
    timeout=5000,
)
"""geminicli.com/docs/hooks/reference and 0.61.0, checked 2026-11-23."""

AGENTS: Final[Mapping[str, Agent]] = {
    agent.name: agent for agent in (CLAUDE_CODE, CODEX, GEMINI_CLI)
}
