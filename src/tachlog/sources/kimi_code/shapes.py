"""The records of Kimi Code CLI: what an agent does, one event a line."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from tachlog.records import Count, StoredFloat, StoredInt


class Tokens(Struct):
    """Tokens of a call, in disjoint counts."""

    inputOther: Count = None
    inputCacheRead: Count = None
    inputCacheCreation: Count = None
    output: Count = None


class Part(Struct):
    """A part of what somebody says."""

    type: str | None = None
    text: str | None = None
    think: str | None = None


class Display(Struct):
    """What the screen shows of a tool: of a command, where it runs."""

    cwd: str | None = None


class Result(Struct):
    """What a tool gave."""

    output: Raw = Raw(b"null")
    isError: bool | None = None
    durationMs: StoredFloat | None = None


class Event(Struct):
    """A step of a turn: it begins, says something, asks for tools, gets results, ends."""

    type: str = ""
    uuid: str | None = None
    stepUuid: str | None = None
    parentUuid: str | None = None
    part: Part | None = None
    toolCallId: str | None = None
    name: str | None = None
    args: Raw = Raw(b"null")
    display: Raw = Raw(b"null")
    result: Result | None = None
    finishReason: str | None = None
    usage: Tokens | None = None
    llmFirstTokenLatencyMs: float | None = None
    llmStreamDurationMs: float | None = None


class Origin(Struct):
    """Who speaks."""

    kind: str | None = None


class Details(Struct):
    """What the API said of an error."""

    statusCode: StoredInt | None = None


class Fault(Struct):
    """Why a turn failed."""

    code: str | None = None
    message: str | None = None
    name: str | None = None
    details: Details | None = None


class Record(Struct):
    """A line: its kind, when it was written (milliseconds since the epoch), and what it holds."""

    type: str = ""
    time: float | None = None
    event: Event | None = None
    kind: str | None = None
    model: str | None = None
    modelAlias: str | None = None
    usage: Tokens | None = None
    usageScope: str | None = None
    input: Raw = Raw(b"null")
    origin: Origin | None = None
    promptId: str | None = None
    reason: str | None = None
    durationMs: StoredFloat | None = None
    error: Fault | None = None
    failedAttempt: StoredInt | None = None
    delayMs: float | None = None
    errorName: str | None = None
    errorMessage: str | None = None
    statusCode: StoredInt | None = None
    tokensBefore: Count = None
    tokensAfter: Count = None
    subagentId: str | None = None
    subagentName: str | None = None
    id: str | None = None
    toolCallId: str | None = None


class Head(Struct):
    """What the detection looks at."""

    type: str | None = None
    protocol_version: str | None = None
    created_at: float | None = None


_COPY: Final = "a message as it is kept; turns and steps tell it"
_MODE: Final = "how the agent works"
_OWN: Final = "what the program keeps for itself"
_SCREEN: Final = "words on the screen"

SKIPS: Final = {
    "metadata": "the header, which names the version of the records",
    "agent.message.appended": _COPY,
    "agent.turn.ended": "the end of a turn; turn.ended tells it",
    "agent.turn.started": "the beginning of a turn; its prompt tells it",
    "config.update": _MODE,
    "context.append_message": _COPY,
    "context.clear": "the conversation is left; what was said was spent",
    "context.undo": "the conversation goes back; what was said was spent",
    "cron.add": _OWN,
    "cron.cursor": _OWN,
    "cron.delete": _OWN,
    "file_history.checkpoint": _OWN,
    "file_history.tracked": _OWN,
    "forked": "the copied lines end here; it does not say where they are from",
    "full_compaction.begin": "a compaction begins; what comes of it is told",
    "full_compaction.cancel": "a compaction was given up",
    "full_compaction.complete": "a compaction ends; what came of it is told",
    "goal.clear": _OWN,
    "goal.create": _OWN,
    "goal.update": _OWN,
    "llm.tools_snapshot": "the tools that the model may ask for",
    "mcp.tools_discovered": "the tools of a server",
    "permission.record_approval_result": "a person's answer, which its request tells, too",
    "permission.rules.add": _MODE,
    "permission.set_mode": _MODE,
    "plan.revision": _OWN,
    "plan_mode.cancel": _MODE,
    "plan_mode.enter": _MODE,
    "plan_mode.exit": _MODE,
    "plugin.session_start": _OWN,
    "profile.bind": "the agent's instructions",
    "prompt.aborted": "a prompt was given up; its turn tells it",
    "prompt.completed": "a prompt was answered; its turn tells it",
    "prompt.steered": "a prompt joins a turn; turn.steer tells it",
    "runtime.set_binding": _MODE,
    "skill.activated": _SCREEN,
    "step/begin": "a step begins; its request and its end tell more",
    "subagent.cancelled": "a sub-agent ends; its own log tells more",
    "subagent.completed": "a sub-agent ends; its own log tells more",
    "subagent.failed": "a sub-agent ends; its own log tells more",
    "subagent.started": "a sub-agent begins; its own log tells more",
    "subagent.suspended": "a sub-agent waits; its own log tells more",
    "swarm_mode.enter": _MODE,
    "swarm_mode.exit": _MODE,
    "task.notified": _OWN,
    "task.started": _OWN,
    "task.terminated": _OWN,
    "token_counting.measured": "the size of the context, which each call's tokens tell",
    "token_counting.rebased": "the size of the context, which each call's tokens tell",
    "token_counting.truncated": "the size of the context, which each call's tokens tell",
    "token_counting.turn_recorded": "the size of the context, which each call's tokens tell",
    "tools.register_user_tool": _MODE,
    "tools.reset_active_tools": _MODE,
    "tools.set_active_tools": _MODE,
    "tools.unregister_user_tool": _MODE,
    "tools.update_store": _OWN,
    "tower_mode.enter": _MODE,
    "tower_mode.exit": _MODE,
    "turn.step.interrupted": "a step was cut off; the end of its turn tells why",
    "usage.record/turn": "tokens of a step, which its end tells, too",
}
