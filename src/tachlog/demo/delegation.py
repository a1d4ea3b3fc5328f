"""Work that another context does: sub-agents, and the summary that replaces a full context."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from tachlog.demo.dialects import usage_json
from tachlog.demo.notation import as_json
from tachlog.demo.team import COMPACTION_SUMMARY
from tachlog.demo.threads import Thread
from tachlog.demo.transcripts import Transcript
from tachlog.demo.workbench import Tool


def compact(session: Transcript, trigger: str = "auto", *, copies: bool = False) -> None:
    """The context is replaced by a summary, which a copy of the thread may have written."""
    main = session.main
    before = main.context.size
    request = session.last_prompt.replace("\n", " ")
    files = "\n".join(f"   - {file.relative}" for file in session.bench.files[:6])
    noun = session.bench.noun
    summary = COMPACTION_SUMMARY.format(noun=noun, request=request, files=files)
    if copies:
        _compacting_agent(session, summary)
    main.idle(session.dice.between(20_000, 70_000))
    metadata: dict[str, object] = {"trigger": trigger, "preTokens": before}
    main.context.replace(session.dice.between(17_000, 26_000))
    if session.dialect.modern:
        metadata["postTokens"] = main.context.size
        metadata["durationMs"] = session.dice.between(20_000, 60_000)
    logical, main.last_uuid = main.last_uuid, ""
    main.system(
        "compact_boundary",
        {
            "logicalParentUuid": logical,
            "content": "Conversation compacted",
            "isMeta": False,
            "level": "info",
            "compactMetadata": metadata,
        },
    )
    shown = ',"isVisibleInTranscriptOnly":true,"isCompactSummary":true'
    main.user(summary, after=shown)
    main.tally.compactions += 1


def _compacting_agent(session: Transcript, summary: str) -> None:
    main = session.main
    agent = f"acompact-{session.dice.hex(16)}"
    copy = Thread(
        session.place, session.dialect, session.dice, main.model, main.now_ms, agent_id=agent
    )
    mark = f'"isSidechain":true,"agentId":"{agent}"'
    for line in main.lines:
        if line[2]:
            copy.copy(line, '"isSidechain":false', mark)
            session.copies += 1
    copy.last_uuid = main.last_uuid
    copy.context.take_over(main.context.size)
    copy.prompt("Your task is to create a detailed summary of the conversation so far.")
    copy.reply(summary)
    session.subs.append((_agent_path(session, agent), copy))


def delegate(
    session: Transcript, kind: str, description: str, prompt: str, work: Callable[[Thread], str]
) -> Tool:
    """A call of a sub-agent; `work` writes its thread and returns its report."""
    dialect, dice = session.dialect, session.dice

    def run(call: Tool, call_id: str, began_ms: int) -> Tool:
        model = dialect.sub_agent_model if kind != "code-reviewer" else session.main.model
        sub: Thread
        if dialect.agents == "progress":
            agent = f"a{dice.hex(6)}"
            session.main.now_ms = began_ms + 20
            sub = ProgressThread(session.main, agent, model, prompt, call_id)
        else:
            agent = dice.hex(8) if dialect.agents == "beside" else f"a{dice.hex(16)}"
            sub = Thread(session.place, dialect, dice, model, began_ms + 20, agent_id=agent)
        sub.prompt(prompt)
        report = work(sub)
        path = session.path if dialect.agents == "progress" else _agent_path(session, agent)
        session.subs.append((path, sub))
        return _agent_result(session, call, sub, kind, prompt, report, began_ms)

    return Tool(
        dialect.agent_tool,
        {"description": description, "subagent_type": kind, "prompt": prompt},
        work=run,
    )


def _agent_path(session: Transcript, agent: str) -> str:
    if session.dialect.agents == "beside":
        return f"{session.directory}/agent-{agent}.jsonl"
    return f"{session.directory}/{session.place.session_id}/subagents/agent-{agent}.jsonl"


def _agent_result(
    session: Transcript, call: Tool, sub: Thread, kind: str, prompt: str, report: str, began_ms: int
) -> Tool:
    tally, took_ms = sub.tally, sub.now_ms - began_ms
    usage = sub.last_usage
    tokens = sum(usage[:3]) + usage[4]
    uses = sum(outcomes.total() for outcomes in tally.tools.values())
    content = [{"type": "text", "text": report}]
    note = (
        f"agentId: {sub.agent_id} (for resuming to continue this agent's work if needed)\n"
        f"<usage>total_tokens: {tokens}\ntool_uses: {uses}\nduration_ms: {took_ms}</usage>"
    )
    result: dict[str, object] = {
        "status": "completed",
        "prompt": prompt,
        "agentId": sub.agent_id,
        "content": content,
        "totalDurationMs": took_ms,
        "totalTokens": tokens,
        "totalToolUseCount": uses,
        "usage": msgspec.Raw(usage_json(session.dialect, usage).encode()),
    }
    if session.dialect.modern:
        result["agentType"] = kind
    return msgspec.structs.replace(
        call,
        output=[*content, {"type": "text", "text": note}],
        result=result,
        took_ms=took_ms,
        size=len(report) + len(note),
        work=None,
    )


class ProgressThread(Thread):
    """A sub-agent that older versions show in progress records of its parent: its tools only."""

    def __init__(
        self, parent: Thread, agent_id: str, model: str, prompt: str, task_id: str
    ) -> None:
        super().__init__(
            parent.place, parent.dialect, parent.dice, model, parent.now_ms, agent_id=agent_id
        )
        self._parent = parent
        self._prompt = as_json(prompt)
        self._task_id = task_id

    def record(self, kind: str, body: str, extra: str = "", at_ms: int | None = None) -> str:
        """Write what the parent's file shows of it: extras are left out."""
        uuid = self.dice.uuid()
        parent = self._parent
        at_ms = self.now_ms if at_ms is None else at_ms
        parent.record(
            "progress/agent_progress",
            f'"type":"progress","data":{{"message":{{{body},"uuid":"{uuid}","timestamp":"'
            f'{self.stamp(at_ms)}"}},"normalizedMessages":[],"type":"agent_progress","prompt":'
            f'{self._prompt},"agentId":"{self.agent_id}"}},"toolUseID":"agent_{self.last_call_id}",'
            f'"parentToolUseID":"{self._task_id}"',
            at_ms=at_ms,
        )
        self.size += len(body)
        return uuid

    def reply(
        self,
        text: str = "",
        tools: Sequence[Tool] = (),
        thinking: str | None = None,
        *,
        slow_ms: int = 0,
        broken_off: bool = False,
    ) -> None:
        """A model call is shown only by its tool calls; one without any leaves no trace."""
        if tools:
            super().reply("", tools, None, slow_ms=slow_ms, broken_off=broken_off)
