"""A Claude Code session on disk: the main conversation, its sub-agents, and what stands around."""

from __future__ import annotations

import msgspec

from tachlog.demo.costs import cost_state
from tachlog.demo.dialects import Dialect
from tachlog.demo.dice import Dice
from tachlog.demo.team import Project
from tachlog.demo.threads import Place, Thread
from tachlog.demo.truth import Fork, SessionTruth, Tally
from tachlog.demo.workbench import Workbench

# What newer versions tell the model about the tools and skills that it could load.
LISTINGS: tuple[dict[str, object], ...] = (
    {
        "type": "deferred_tools_delta",
        "addedNames": ["WebFetch", "WebSearch", "mcp__jira__get_issue"],
        "addedLines": ["WebFetch", "WebSearch", "mcp__jira__get_issue"],
        "removedNames": [],
        "readdedNames": [],
        "pendingMcpServers": [],
    },
    {
        "type": "mcp_instructions_delta",
        "addedNames": ["jira"],
        "addedBlocks": ["## jira\nIssues of the team. Keys look like SHOP-412."],
        "removedNames": [],
    },
    {
        "type": "skill_listing",
        "content": "- release-notes: Write the notes of a release from its commits.\n"
        "- query-plan: Explain why a query is slow.",
        "skillCount": 2,
        "isInitial": True,
        "names": ["release-notes", "query-plan"],
    },
)


class TurnEnd(msgspec.Struct, frozen=True):
    """Where a fork may begin, and what lies before it."""

    lines: int
    uuid: str
    context: int
    calls: int
    tool_calls: int
    prompts: int


class Transcript:
    """Writes one session; after it is closed, its files and its truth can be had."""

    def __init__(
        self,
        project: Project,
        dialect: Dialect,
        dice: Dice,
        start_ms: int,
        *,
        model: str = "",
        branch: str = "main",
        permission_mode: str = "default",
        entrypoint: str | None = None,
        session_id: str = "",
    ) -> None:
        self.project = project
        self.dialect = dialect
        self.dice = dice
        slug = f"{dice.pick(_SLUGS)}-{dice.pick(_SLUGS)}-{dice.pick(_CREATURES)}"
        self.place = Place(
            session_id=session_id or dice.uuid(),
            cwd=project.cwd,
            branch=branch,
            slug=slug,
            permission_mode=permission_mode,
            entrypoint=entrypoint,
        )
        self.main = Thread(self.place, dialect, dice, model or dice.pick(dialect.models), start_ms)
        self.bench = Workbench(project, dialect, dice)
        self.subs: list[tuple[str, Thread]] = []
        self.title: str | None = None
        self.fork: Fork | None = None
        self.directory = "claude/projects/" + project.cwd.replace("/", "-")
        self.path = f"{self.directory}/{self.place.session_id}.jsonl"
        self._turn_start_ms = start_ms
        self._turns: list[TurnEnd] = []
        self.last_prompt = ""
        self.copies = 0
        self.damaged = self.joined = self.blank = 0
        self.unterminated = False
        self._start_ms = start_ms

    @property
    def size(self) -> int:
        """Characters written so far."""
        return self.main.size + sum(thread.size for _, thread in self.subs)

    def open(self) -> None:
        """Write what stands before the first prompt."""
        main, dice = self.main, self.dice
        if self.dialect.modern:
            self.note_state()
            main.attachment(
                {
                    "type": "hook_success",
                    "hookName": "SessionStart:startup",
                    "toolUseID": dice.uuid(),
                    "hookEvent": "SessionStart",
                    "content": "",
                    "stdout": "node 22, database: not checked\n",
                    "stderr": "",
                    "exitCode": 0,
                    "command": "$CLAUDE_PROJECT_DIR/.claude/hooks/session-start.sh",
                    "durationMs": dice.between(40, 900),
                }
            )
            for listing in LISTINGS:
                main.attachment(listing)
        else:
            main.progress(
                {
                    "type": "hook_progress",
                    "hookEvent": "SessionStart",
                    "hookName": "SessionStart:startup",
                    "command": "bash .claude/hooks/session-start.sh",
                },
                dice.uuid(),
            )
        if self.dialect.records_requests:
            main.note_request_shape()
        main.idle(dice.between(300, 9_000))

    def note_state(self) -> None:
        """Write the records about the program's state that stand between turns."""
        main, session = self.main, self.place.session_id
        last: dict[str, object] = {"sessionId": session}
        if self.last_prompt:
            last = {"lastPrompt": self.last_prompt, "leafUuid": main.last_uuid, **last}
        main.note("last-prompt", last)
        main.note("mode", {"mode": "normal", "sessionId": session})
        mode = {"permissionMode": self.place.permission_mode, "sessionId": session}
        main.note("permission-mode", mode)

    def prompt(self, text: str, *, queued_ms: int = 0) -> None:
        """The person types; with `queued_ms`, while the agent was still at work."""
        main = self.main
        if self.dialect.records_requests or queued_ms:
            session = {"sessionId": self.place.session_id}
            typed = main.stamp(main.now_ms - queued_ms)
            taken = main.stamp(main.now_ms)
            enqueue = {"operation": "enqueue", "timestamp": typed, **session, "content": text}
            main.note("queue-operation", enqueue)
            dequeue = {"operation": "dequeue", "timestamp": taken, **session}
            main.note("queue-operation", dequeue)
        self._turn_start_ms = main.now_ms
        main.prompt(text, queued=queued_ms > 0)
        self.last_prompt = text
        snapshot = {"messageId": main.last_uuid, "trackedFileBackups": {}}
        stamped = {**snapshot, "timestamp": main.stamp(main.now_ms)}
        fields = {"messageId": main.last_uuid, "snapshot": stamped, "isSnapshotUpdate": False}
        main.note("file-history-snapshot", fields)

    def end_turn(self) -> None:
        """The agent has finished its turn."""
        main, dice = self.main, self.dice
        main.now_ms += dice.between(5, 40)
        hook: dict[str, object] = {"command": "bash .claude/hooks/format.sh"}
        if self.dialect.modern:
            hook["durationMs"] = dice.between(60, 2_500)
        main.system(
            "stop_hook_summary",
            {
                "hookCount": 1,
                "hookInfos": [hook],
                "hookErrors": [],
                "preventedContinuation": False,
                "stopReason": "",
                "hasOutput": False,
                "level": "suggestion",
                "toolUseID": dice.uuid(),
            },
        )
        duration = {"durationMs": main.now_ms - self._turn_start_ms, "isMeta": False}
        main.system("turn_duration", duration)
        if self.dialect.modern:
            self.note_state()
        if self.dialect.records_requests:
            tools = sorted(main.tally.tools)
            main.note("tools-used", {"tools": tools, "sessionId": self.place.session_id})
            total = Tally()
            for _, thread in self.threads():
                total.add(thread.tally)
            main.note("cost-state", cost_state(total, self._start_ms, main.now_ms))
        self._turns.append(
            TurnEnd(
                lines=len(main.lines),
                uuid=main.last_uuid,
                context=main.context.size,
                calls=main.tally.calls,
                tool_calls=sum(tool.total() for tool in main.tally.tools.values()),
                prompts=main.tally.prompts,
            )
        )

    def name(self, title: str) -> None:
        """The agent thinks of a title; older versions wrote it down for another session's list."""
        if self.dialect.modern:
            session = self.place.session_id
            self.main.note("ai-title", {"aiTitle": title, "sessionId": session})
            self.title = title
        else:
            self.main.note("summary", {"summary": title, "leafUuid": self.main.last_uuid})

    def rename(self, title: str) -> None:
        """The person gives the session another title."""
        session = self.place.session_id
        self.main.note("custom-title", {"customTitle": title, "sessionId": session})
        self.title = title

    def pull_request(self, number: int) -> None:
        """A pull request was opened."""
        repository = self.project.remote.removeprefix("https://github.com/")
        self.main.note(
            "pr-link",
            {
                "sessionId": self.place.session_id,
                "prNumber": number,
                "prUrl": f"{self.project.remote}/pull/{number}",
                "prRepository": repository,
                "timestamp": self.main.stamp(self.main.now_ms),
            },
        )

    def forked(self, dice: Dice, start_ms: int, turn: int = -1) -> Transcript:
        """A session of its own that begins with a copy of this one up to the end of a turn."""
        end = self._turns[turn]
        other = Transcript(
            self.project,
            self.dialect,
            dice,
            start_ms,
            model=self.main.model,
            branch=self.place.branch,
        )
        main = other.main
        other.open()
        for line in self.main.lines[: end.lines]:
            if line[2]:
                main.copy(line, self.place.session_id, other.place.session_id)
                other.copies += 1
        main.last_uuid = end.uuid
        main.context.take_over(end.context)
        other.fork = Fork(
            session_id=other.place.session_id,
            owner=self.place.session_id,
            copied_records=other.copies,
            copied_calls=end.calls,
            copied_tool_calls=end.tool_calls,
            copied_prompts=end.prompts,
        )
        return other

    def threads(self) -> list[tuple[str, Thread]]:
        """The main conversation and the sub-agents, each with the file that holds it."""
        return [(self.path, self.main), *self.subs]

    def truths(self) -> list[SessionTruth]:
        """What is known about the main conversation and the sub-agents."""
        session = self.place.session_id
        truths = []
        for path, thread in self.threads():
            agent = thread.agent_id
            truths.append(
                thread.tally.describe(
                    session_id=f"{session}/{agent}" if agent else session,
                    format="claude-code",
                    files=(path,),
                    parent_session_id=session if agent else None,
                    forked_from=self.fork.owner if self.fork and not agent else None,
                    title=None if agent else self.title,
                    project=self.project.name,
                    provider="anthropic",
                )
            )
        return truths

    def close(self) -> None:
        """Nothing more will happen."""
        for _, thread in self.threads():
            thread.tally.end_loop()

    def files(self) -> dict[str, str]:
        """The text of each file."""
        files = {
            path: "".join([text for text, _, _ in thread.lines])
            for path, thread in self.threads()
            if thread.lines
        }
        if self.unterminated:
            files[self.path] = files[self.path].removesuffix("\n")
        return files


_SLUGS = (
    "amber", "brisk", "calm", "dapper", "eager", "fuzzy", "gentle", "hidden", "jolly", "keen",
    "lively", "mellow", "nimble", "quiet", "rustic", "silent", "tidy", "velvet", "warm", "zesty",
)  # fmt: skip
_CREATURES = (
    "badger", "crane", "dolphin", "finch", "gecko", "heron", "ibex", "lynx", "marten", "newt",
    "otter", "puffin", "quail", "raven", "stoat", "tapir", "urchin", "vole", "wren", "yak",
)  # fmt: skip
