"""One pass over the events of a chunk of a Copilot CLI session: records in, events out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from tachlog import signals
from tachlog.model import (
    Compaction,
    Failure,
    Mark,
    Outcome,
    Prompt,
    Reading,
    Reply,
    Thread,
    ToolResult,
    Usage,
    digest_of,
    key_of,
)
from tachlog.providers import provider_of
from tachlog.records import lenient
from tachlog.sources.copilot_cli.legs import (
    AIU_PER_NANODOLLAR,
    LegCall,
    billed,
    disjoint,
)
from tachlog.sources.copilot_cli.places import AGENT, Place, State, remember
from tachlog.sources.copilot_cli.shapes import SKIPS, Context, Error, Record
from tachlog.tellings import Content, Titles, moment, tool_call, tool_failure, whole


class Reader:
    """Turns records into events of `reading`, one after the other, keeping `state`."""

    def __init__(self, state: State, reading: Reading) -> None:
        self.state = state
        self.reading = reading
        self.tell = reading.events.append
        self.titles = Titles()

    def take(self, record: Record) -> None:
        """Tell what one record tells, and count it."""
        kind, data = record.type, record.data
        if kind == "user.message" and data.source == "system":
            kind = "user.message/system"
        if kind in SKIPS:
            self.reading.skipped[kind] = self.reading.skipped.get(kind, 0) + 1
            return
        state = self.state
        told_us = moment(record.timestamp)
        at_us = state.at_us if told_us is None else told_us
        state.at_us = max(state.at_us, at_us)
        if kind == "session.start" and data.sessionId:
            state.session_id = data.sessionId
        agent = record.agentId or data.parentToolCallId
        key = key_of(AGENT, record.id) if record.id else digest_of(msgspec.json.encode(record))
        self.reading.record_keys.append(key)
        if key == state.last:
            return
        state.last = key
        handler = _HANDLERS.get(kind)
        if handler is None:
            self.reading.unknown[kind] = self.reading.unknown.get(kind, 0) + 1
        else:
            handler(self, record, Place(self.thread(agent), agent, at_us, key))

    def thread(self, agent: str | None) -> Thread:
        """The main conversation, or that of the sub-agent which this tool call started."""
        session = self.state.session_id
        if agent:
            return Thread(AGENT, f"{session}/{agent}", session, session)
        return Thread(AGENT, session, session)

    def begin(self, record: Record, at: Place) -> None:
        """A session starts, or goes on."""
        data, state = record.data, self.state
        state.legs.begin()
        context = data.context or Context()
        state.cwd = context.cwd or state.cwd
        state.branch = context.branch or state.branch
        state.model = data.selectedModel or state.model
        for name, value in (
            ("cwd", context.cwd),
            ("branch", context.branch),
            ("version", data.copilotVersion),
        ):
            if value:
                self.tell(Mark(at.thread, at.at_us, name, value))

    def model(self, record: Record, at: Place) -> None:
        """Another model is chosen: that of messages which do not name theirs (1.0.40)."""
        self.state.model = record.data.newModel or self.state.model

    def user(self, record: Record, at: Place) -> None:
        """A person, or the agent that leads a sub-agent, speaks."""
        text = record.data.content or ""
        by_person = not record.data.source
        self.tell(Prompt(at.key, at.thread, at.at_us, len(text), None, by_person))
        self.titles.hear(at.thread, at.at_us, text)

    def turn(self, record: Record, at: Place) -> None:
        """A model call leaves."""
        remember(self.state.turns, at.agent or "", at.at_us)

    def message(self, record: Record, at: Place) -> None:
        """A model call is answered; of its tokens the output is told."""
        data, state = record.data, self.state
        identity = data.apiCallId or data.messageId
        key = key_of(AGENT, identity) if identity else at.key
        model = data.model or state.model or "unknown"
        provider = provider_of(model, data.apiCallId or "")
        if at.agent is None:
            state.model = model
        content = Content()
        content.say(data.content or "")
        if data.reasoningText or data.reasoningOpaque:
            content.think(data.reasoningText)
        calls = []
        for request in data.toolRequests or ():
            raw = bytes(request.arguments)
            content.call(raw)
            tool = self.tool_key(request.toolCallId, at)
            calls.append(tool_call(tool, at.thread, at.at_us, request.name, key, raw, state.cwd))
        usage = None if data.outputTokens is None else Usage(output=data.outputTokens)
        self.tell(
            Reply(
                key,
                at.thread,
                at.at_us,
                at.key,
                model,
                provider,
                usage,
                content.features,
                "tool_calls" if calls else "stop",
                sent_us=state.turns.pop(at.agent or "", None),
                behaviors=content.behaviors,
                branch=state.branch,
            )
        )
        self.reading.events += calls
        state.legs.add(LegCall(key, at.agent, at.at_us, model, provider, data.outputTokens or 0))

    def usage(self, record: Record, at: Place) -> None:
        """All tokens of one call, where the program that runs the agent keeps them."""
        data = record.data
        if data.apiCallId is None:
            return
        model = data.model or self.state.model or "unknown"
        read, written = data.cacheReadTokens or 0, data.cacheWriteTokens or 0
        fresh = max(0, (data.inputTokens or 0) - read - written)
        key = key_of(AGENT, data.apiCallId)
        self.tell(
            Reply(
                key,
                at.thread,
                at.at_us,
                at.key,
                model,
                provider_of(model, data.apiCallId),
                Usage(fresh, read, written, data.outputTokens or 0),
                stop_reason="stop",
                response_ms=whole(data.duration),
            )
        )
        legs = self.state.legs
        legs.calls[model] = [call for call in legs.calls.get(model, ()) if call.key != key]

    def tool_start(self, record: Record, at: Place) -> None:
        """A tool begins to run."""
        data = record.data
        if data.toolCallId:
            remember(self.state.tools, data.toolCallId, at.at_us)
        raw = bytes(data.arguments)
        key = self.tool_key(data.toolCallId, at)
        self.tell(tool_call(key, at.thread, at.at_us, data.toolName, None, raw, self.state.cwd))

    def tool_end(self, record: Record, at: Place) -> None:
        """A tool has run; how long is the time between the two events less the wait for consent."""
        data, state = record.data, self.state
        key = self.tool_key(data.toolCallId, at)
        began_us = state.tools.pop(data.toolCallId or "", None)
        approval_ms = state.approvals.pop(data.toolCallId or "", None)
        denial = state.denials.pop(data.toolCallId or "", "")
        duration_ms = None
        if began_us is not None:
            duration_ms = max(0, (at.at_us - began_us) // 1000 - (approval_ms or 0))
        error = lenient(data.error, Error) or Error()
        text = (data.result.content if data.result else None) or error.message or ""
        outcome: Outcome = "success"
        if "by-user" in denial or error.code == "rejected":
            outcome = "user_rejected"
        if outcome == "success" and (data.success is False or signals.exit_code(text)):
            result = tool_failure(
                key,
                at.thread,
                at.at_us,
                text,
                duration_ms=duration_ms,
                error_class="permission_denied" if denial or error.code == "denied" else None,
            )
        else:
            result = ToolResult(key, at.thread, at.at_us, outcome, len(text), duration_ms)
        self.tell(msgspec.structs.replace(result, approval_ms=approval_ms))

    def tool_key(self, call_id: str | None, at: Place) -> int:
        """The key of a tool call."""
        return key_of(AGENT, self.state.session_id, call_id or str(at.key))

    def ask(self, record: Record, at: Place) -> None:
        """The person is asked for consent."""
        request = record.data.permissionRequest
        if request and request.toolCallId:
            remember(self.state.asked, request.toolCallId, at.at_us)

    def answer(self, record: Record, at: Place) -> None:
        """The person, or a rule, has decided."""
        data, state = record.data, self.state
        asked_us = state.asked.pop(data.toolCallId or "", None)
        if asked_us is not None and data.toolCallId:
            wait_ms = max(0, at.at_us - asked_us) // 1000
            remember(state.approvals, data.toolCallId, wait_ms)
        kind = (data.result.kind if data.result else None) or ""
        if kind.startswith("denied") and data.toolCallId:
            state.denials[data.toolCallId] = kind

    def hook_start(self, record: Record, at: Place) -> None:
        """A hook begins."""
        if record.data.hookInvocationId:
            remember(self.state.hooks, record.data.hookInvocationId, at.at_us)

    def hook_end(self, record: Record, at: Place) -> None:
        """A hook has run."""
        data = record.data
        began_us = self.state.hooks.pop(data.hookInvocationId or "", None)
        if began_us is not None:
            hook_ms = max(0, at.at_us - began_us) // 1000
            value = f"{at.at_us}:{data.hookType or 'unknown'}:{hook_ms}"
            self.tell(Mark(at.thread, at.at_us, "hook", value))

    def subagent(self, record: Record, at: Place) -> None:
        """A sub-agent starts or ends; its events carry the id of the tool call that started it."""
        data = record.data
        thread = self.thread(data.toolCallId) if data.toolCallId else at.thread
        if data.agentName:
            self.tell(Mark(thread, at.at_us, "agent_type", signals.excerpt(data.agentName, 80)))
        if data.totalTokens is not None:
            value = f"{data.totalTokens}:{whole(data.durationMs)}:{data.totalToolCalls}"
            self.tell(Mark(thread, at.at_us, "reported_subagent", value))

    def compaction(self, record: Record, at: Place) -> None:
        """The context was replaced by a summary, which is a model call; it may have failed."""
        data, state = record.data, self.state
        if data.success is not False:
            self.tell(Compaction(at.key, at.thread, at.at_us, data.preCompactionTokens))
        told = data.compactionTokensUsed
        if told is None:
            return
        usage = billed(told.copilotUsage) or disjoint(told)
        model = told.model or state.model or "unknown"
        aiu = (told.copilotUsage.totalNanoAiu if told.copilotUsage else None) or 0
        state.legs.compaction(model, usage, aiu)
        self.tell(
            Reply(
                key_of(AGENT, "compaction", str(at.key)),
                at.thread,
                at.at_us,
                at.key,
                model,
                provider_of(model),
                usage,
                stop_reason="compaction",
                response_ms=whole(told.duration),
                cost_nanousd=aiu // AIU_PER_NANODOLLAR or None,
            )
        )

    def truncation(self, record: Record, at: Place) -> None:
        """The oldest messages were dropped."""
        before, after = (
            record.data.preTruncationTokensInMessages,
            record.data.postTruncationTokensInMessages,
        )
        self.tell(Compaction(at.key, at.thread, at.at_us, before, after, "truncation"))

    def price(self, record: Record, at: Place) -> None:
        """What the session cost so far: shared among the calls since it was told last."""
        total = record.data.totalNanoAiu
        if total is None:
            return
        cost = str(total // AIU_PER_NANODOLLAR)
        self.tell(Mark(at.thread, at.at_us, "reported_cost", cost))
        for call, nanodollars in self.state.legs.priced(total):
            self.share(call, None, nanodollars)

    def shutdown(self, record: Record, at: Place) -> None:
        """The session ends: what its calls read is told, for all calls of a model at once."""
        self.price(record, at)
        for model, metrics in (record.data.modelMetrics or {}).items():
            if metrics.usage is None:
                continue
            beyond, shares = self.state.legs.spent(model, metrics.usage)
            for call, usage in shares:
                self.share(call, usage, None)
            if beyond.total:
                self.tell(
                    Reply(
                        key_of(AGENT, "shutdown", str(at.key), model),
                        at.thread,
                        at.at_us,
                        at.key,
                        model,
                        provider_of(model),
                        beyond,
                        stop_reason="shutdown",
                    )
                )
        self.state.legs.begin()

    def share(self, call: LegCall, usage: Usage | None, cost_nanousd: int | None) -> None:
        """Tell a call again, with its share of a total."""
        self.tell(
            Reply(
                call.key,
                self.thread(call.agent),
                call.at_us,
                key_of(AGENT, "share", str(call.key)),
                call.model,
                call.provider,
                usage,
                stop_reason="stop",
                cost_nanousd=cost_nanousd,
            )
        )

    def failure(self, record: Record, at: Place) -> None:
        """A model call, or the agent, failed."""
        data = record.data
        text = data.message or ""
        error_class = signals.error_class(text, status=data.statusCode, error_type=data.errorType)
        self.tell(
            Failure(
                at.key,
                at.thread,
                at.at_us,
                error_class,
                data.statusCode,
                fingerprint=signals.fingerprint(text),
                excerpt=signals.excerpt(text),
            )
        )

    def abort(self, record: Record, at: Place) -> None:
        """The person stopped a reply."""
        self.tell(Mark(at.thread, at.at_us, "interrupted", str(at.at_us)))

    def named(self, record: Record, at: Place) -> None:
        """A title, or a skill that is used."""
        if record.data.title:
            title = signals.excerpt(record.data.title, 120)
            self.tell(Mark(at.thread, at.at_us, "title.ai", title))
        if record.data.name:
            skill = signals.excerpt(record.data.name, 80)
            self.tell(Mark(at.thread, at.at_us, "skill", skill))


_Handler = Callable[[Reader, Record, Place], None]

_HANDLERS: Final[dict[str, _Handler]] = {
    "abort": Reader.abort,
    "assistant.message": Reader.message,
    "assistant.turn_start": Reader.turn,
    "assistant.usage": Reader.usage,
    "hook.end": Reader.hook_end,
    "hook.start": Reader.hook_start,
    "permission.completed": Reader.answer,
    "permission.requested": Reader.ask,
    "session.compaction_complete": Reader.compaction,
    "session.error": Reader.failure,
    "session.model_change": Reader.model,
    "session.resume": Reader.begin,
    "session.shutdown": Reader.shutdown,
    "session.start": Reader.begin,
    "session.title_changed": Reader.named,
    "session.truncation": Reader.truncation,
    "session.usage_checkpoint": Reader.price,
    "skill.invoked": Reader.named,
    "subagent.completed": Reader.subagent,
    "subagent.failed": Reader.subagent,
    "subagent.started": Reader.subagent,
    "tool.execution_complete": Reader.tool_end,
    "tool.execution_start": Reader.tool_start,
    "user.message": Reader.user,
}
