"""Log events that agents emit about themselves: whose they are, and what all of them share."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tachlog import signals
from tachlog.model import Mark, Prompt, Thread, ToolCall, digest_of, key_of
from tachlog.sources.otlp.attributes import Attributes, micros

TOOL_NAME_CHARACTERS: Final = 120
REDACTED: Final = ("<REDACTED>", "[REDACTED]")


class Log(Struct, frozen=True):
    """One log event: `name` without its agent's prefix, `agent` as its transcripts are called."""

    agent: str
    name: str
    thread: Thread
    at_us: int
    attributes: Attributes

    def key(self, *parts: str) -> int:
        """The key of an operation that only events tell: no transcript has an id for it."""
        sequence = self.attributes.text("event.sequence") or str(self.at_us)
        return key_of(self.agent, "event", self.thread.session_id, self.name, sequence, *parts)


_PREFIXES: Final = {
    "claude_code.": "claude_code",
    "codex.": "codex",
    "gemini_cli.": "gemini_cli",
}
SERVICES: Final = {
    "claude-code": "claude_code",
    "codex": "codex",
    "codex-app-server": "codex",
    "codex_cli_rs": "codex",
    "codex_exec": "codex",
    "gemini-cli": "gemini_cli",
}
"""Services whose telemetry these modules know, and what their agents are called here."""


def named(names: tuple[str | None, ...], service: str | None) -> tuple[str, str] | None:
    """The agent of a log event and the event's name; None for events of other software.

    Names stand in `eventName`, in the attribute `event.name` or in the body, with their agent's
    prefix in one of them; where none has it, the service says whose they are.
    """
    for name in names:
        for prefix, agent in _PREFIXES.items():
            if name is not None and name.startswith(prefix):
                return agent, name.removeprefix(prefix)
    agent_of_service = SERVICES.get(service or "")
    plain = next((name for name in names if name and " " not in name), None)
    if agent_of_service is None or plain is None:
        return None
    return agent_of_service, plain


def log_of(agent: str, name: str, at_us: int | None, attributes: Attributes) -> Log | None:
    """An event with its session and time; None when it lacks one of them.

    A sub-agent of Claude Code has its own thread, as in its transcripts.
    """
    session = attributes.text("session.id", "conversation.id", "gen_ai.conversation.id")
    if session is None:
        return None
    told_us = micros(attributes.value("event.timestamp"))
    at_us = at_us if told_us is None else told_us
    if at_us is None:
        return None
    sub_agent = attributes.text("agent_id", "agent.id") if agent == "claude_code" else None
    return Log(agent, name, thread_of(agent, session, sub_agent), at_us, attributes)


def thread_of(agent: str, session: str, sub_agent: str | None) -> Thread:
    """The thread of a session, or of a sub-agent in it."""
    if sub_agent:
        return Thread(agent, f"{session}/{sub_agent}", session, session, "telemetry")
    return Thread(agent, session, session, None, "telemetry")


def call_of(log: Log, key: int, tool: str | None, raw: bytes, *, began_us: int) -> ToolCall:
    """The tool call that an event tells of; `raw` is its input, where the log keeps it."""
    name = (tool or "unknown")[:TOOL_NAME_CHARACTERS]
    size = log.attributes.count("tool_input_size_bytes")
    return ToolCall(
        key,
        log.thread,
        began_us,
        name,
        None,
        len(raw) if size is None else size,
        digest_of(raw) if raw else 0,
        signals.target(name, raw),
    )


def prompt(log: Log, key: int) -> tuple[Prompt | Mark, ...]:
    """What a person typed; its words are there only when its owner chose so."""
    text = log.attributes.text("prompt", "user_prompt") or ""
    shown = "" if text in REDACTED else text
    length = log.attributes.count("prompt_length", "user_prompt_length")
    spoken = Prompt(
        key,
        log.thread,
        log.at_us,
        len(shown) if length is None else length,
        by_person=not log.thread.sidechain,
    )
    title = signals.title(shown)
    return (spoken, Mark(log.thread, log.at_us, "title.prompt", title)) if title else (spoken,)
