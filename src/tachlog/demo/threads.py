"""One conversation between a person, a model and its tools, written as Claude Code writes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from tachlog.demo.context import Context
from tachlog.demo.dialects import Dialect, Usage
from tachlog.demo.dice import Dice, Quantiles
from tachlog.demo.notation import Stamps, as_json
from tachlog.demo.replies import Blocks, Call, ReplyLines, make_blocks
from tachlog.demo.truth import CacheCollapse, Spike, Tally, moment
from tachlog.demo.workbench import Tool

PROGRESS_MS = 2_000
FIRST_TOKEN_MS: Quantiles = ((0, 700), (0.5, 2_100), (0.95, 5_600), (1, 8_500))
TOKEN_MS = 19

Line = tuple[str, str, bool]
"""A record with its newline, its kind, and whether it belongs to the chain of the conversation."""


Waiting = tuple[Call, int, str]
"""A tool call whose result is to come: the call, when it began, the uuid of its line."""


class Place(msgspec.Struct, frozen=True):
    """Where a session runs and who it is."""

    session_id: str
    cwd: str
    branch: str
    slug: str
    permission_mode: str = "default"
    entrypoint: str | None = None


class Thread:
    """A main conversation or a sub-agent's; `now_ms` moves on as it is written."""

    def __init__(
        self,
        place: Place,
        dialect: Dialect,
        dice: Dice,
        model: str,
        start_ms: int,
        *,
        agent_id: str = "",
    ) -> None:
        self.place = place
        self.dialect = dialect
        self.dice = dice
        self.model = model
        self.now_ms = start_ms
        self.agent_id = agent_id
        self.lines: list[Line] = []
        self.size = 0
        self.kinds: Counter[str] = Counter()
        self.tally = Tally()
        self.stamp = Stamps()
        self.last_uuid = ""
        self.last_call_id = ""
        self.last_usage: Usage = (0, 0, 0, 0, 0, 0)
        self.request_id = ""
        self.prompt_id = ""
        first_tokens = dice.between(6_000, 11_000) if agent_id else dice.between(13_000, 19_000)
        self.context = Context(dice, first_tokens, hour_cache=dialect.hour_cache)
        self._final = dialect.final_in_agents if agent_id else dialect.final
        effort = dialect.effort and not agent_id
        self._effort = f',"effort":"{dialect.effort}"' if effort else ""
        self._shape = dice.hex(16)
        self._before, self._after = self._envelope()

    def _envelope(self) -> tuple[str, str]:
        place, dialect = self.place, self.dialect
        sidechain = "true" if self.agent_id else "false"
        agent = f',"agentId":"{self.agent_id}"' if self.agent_id else ""
        where = (
            f'"cwd":"{place.cwd}","sessionId":"{place.session_id}","version":"{dialect.version}",'
            f'"gitBranch":"{place.branch}"'
        )
        if not dialect.modern:
            slug = f',"slug":"{place.slug}"' if place.slug else ""
            before = f',"isSidechain":{sidechain},"userType":"external",{where}{agent}{slug},'
            return before, "}\n"
        session = f',"session_id":"{place.session_id}"' if dialect.repeats_session_id else ""
        entrypoint = place.entrypoint or dialect.entrypoint
        after = f'{session},"userType":"external","entrypoint":"{entrypoint}",{where}'
        slug = f',"slug":"{place.slug}"' if place.slug else ""
        return f',"isSidechain":{sidechain}{agent},', f"{after}{slug}}}\n"

    def write(self, line: str, kind: str, *, chained: bool) -> None:
        """Put a line into the file; `chained` ones have a uuid."""
        self.lines.append((line, kind, chained))
        self.size += len(line)
        self.kinds[kind] += 1

    def record(self, kind: str, body: str, extra: str = "", at_ms: int | None = None) -> str:
        """Write a record of the conversation's chain and return its uuid."""
        uuid = self.dice.uuid()
        parent = f'"{self.last_uuid}"' if self.last_uuid else "null"
        stamp = self.stamp(self.now_ms if at_ms is None else at_ms)
        self.write(
            f'{{"parentUuid":{parent}{self._before}{body},"uuid":"{uuid}",'
            f'"timestamp":"{stamp}"{extra}{self._after}',
            kind,
            chained=True,
        )
        self.last_uuid = uuid
        return uuid

    def copy(self, line: Line, old: str, new: str) -> None:
        """Write a record of another thread again, with `old` in it replaced by `new`."""
        text, kind, chained = line
        self.write(text.replace(old, new), kind, chained=chained)

    def note(self, kind: str, fields: Mapping[str, object]) -> None:
        """Write a record that stands beside the chain."""
        self.write(as_json({"type": kind, **fields}) + "\n", kind, chained=False)

    def attachment(self, fields: Mapping[str, object], at_ms: int | None = None) -> None:
        """Write an attachment; newer versions keep hooks and reminders in them."""
        body = f'"attachment":{as_json(fields)},"type":"attachment"'
        self.record(f"attachment/{fields['type']}", body, at_ms=at_ms)

    def system(self, subtype: str, fields: Mapping[str, object]) -> None:
        """Write a system record."""
        body = as_json({"type": "system", "subtype": subtype, **fields})[1:-1]
        self.record(f"system/{subtype}", body)

    def progress(
        self, data: Mapping[str, object], parent_tool_id: str, at_ms: int | None = None
    ) -> None:
        """Write a progress record, which versions before 2.1.88 have."""
        kind = str(data["type"])
        ids = f'"toolUseID":"{kind.replace("_", "-")}-0","parentToolUseID":"{parent_tool_id}"'
        body = f'"type":"progress","data":{as_json(data)},{ids}'
        self.record(f"progress/{kind}", body, at_ms=at_ms)

    def note_request_shape(self) -> None:
        """Write what all requests have in common, once."""
        shape = {
            "system": ["You are a coding agent.", "Be brief. Check your work."],
            "tools": [{"name": "Read", "description": "Reads a file.", "input_schema": {}}],
        }
        fields = {"shapeHash": self._shape, "timestamp": self.stamp(self.now_ms), "shape": shape}
        self.note("api-request-shape", fields)

    def prompt(self, text: str, *, queued: bool = False) -> None:
        """A person, or the parent agent, speaks."""
        self.user(text)
        self.tally.prompt(self.now_ms, queued=queued)

    def user(self, text: str, before: str = "", after: str | None = None) -> str:
        """Write a user record whose content is a text; it need not be a prompt."""
        dialect = self.dialect
        self.context.add(len(text) // 4 + 20)
        if dialect.modern:
            self.prompt_id = self.dice.uuid()
            before = f'"promptId":"{self.prompt_id}",{before}'
        if after is None:
            after = self._prompt_extra()
        body = f'{before}"type":"user","message":{{"role":"user","content":{as_json(text)}}}'
        return self.record("user", body, after)

    def _prompt_extra(self) -> str:
        dialect, mode = self.dialect, self.place.permission_mode
        if self.agent_id:
            return ""
        if not dialect.modern:
            thinking = '"thinkingMetadata":{"level":"high","disabled":false,"triggers":[]}'
            return f',{thinking},"todos":[],"permissionMode":"{mode}"'
        origin = ',"origin":{"kind":"human"},"promptSource":"typed"' if dialect.names_origin else ""
        turn = ""
        if dialect.records_requests:
            turn = f',"turnPosition":{{"promptIndex":{self.tally.prompts},"turnIndex":0}}'
        return f',"permissionMode":"{mode}"{origin}{turn}'

    def idle(self, milliseconds: int) -> None:
        """Nothing happens for a while."""
        self.now_ms += milliseconds

    def reply(
        self,
        text: str = "",
        tools: Sequence[Tool] = (),
        thinking: str | None = None,
        *,
        slow_ms: int = 0,
        broken_off: bool = False,
    ) -> None:
        """One model call, its tool calls and their results.

        `thinking` is "" where the version hides it. `slow_ms` makes the call a spike.
        `broken_off` is a reply that the person stopped: no final usage, no end.
        """
        blocks = make_blocks(self.dialect, self.dice, text, tools, thinking)
        self._write_reply(blocks, slow_ms, is_final=not broken_off and self._is_final())

    def _write_reply(self, blocks: Blocks, slow_ms: int, *, is_final: bool) -> None:
        dice = self.dice
        self.last_call_id = f"msg_01{dice.base58(22)}"
        self.request_id = f"req_011C{dice.base58(20)}"
        start_ms = self.now_ms
        usage = self._usage(blocks)
        placeholder: Usage = (*usage[:4], dice.between(1, 9), 0)
        lines = ReplyLines(
            self.dialect, self.model, self.last_call_id, self.request_id, self._request_record()
        )
        unfinished = lines.end(placeholder, None)
        finished = lines.end(usage, "tool_use" if blocks.calls else "end_turn")
        at_once = self._final == "all"
        early_end = finished if is_final and at_once else unfinished
        last_end = finished if is_final else unfinished
        first_ms = dice.spread(FIRST_TOKEN_MS)
        count = len(blocks.texts)
        writing_ms = max(usage[4] * TOKEN_MS, slow_ms - first_ms, count * 2)
        waiting: list[Waiting] = []
        paused_ms = 0
        for index, block in enumerate(blocks.texts):
            at_ms = start_ms + first_ms + writing_ms * (index + 1) // count
            self.now_ms = at_ms + paused_ms
            ends = index == count - 1
            body = lines.body(block, last_end if ends else early_end, index)
            uuid = self.record("assistant", body, self._effort)
            self.tally.seen(self.now_ms)
            call = blocks.call_at(index)
            if call is not None:
                waiting.append((call, self.now_ms, uuid))
                if at_once and not ends:
                    paused_ms += self._results(waiting)
                    waiting.clear()
        self.tally.reply(self.model, usage if is_final else placeholder, final=is_final)
        if slow_ms:
            spike = Spike(self.last_call_id, moment(self.now_ms), self.now_ms - start_ms)
            self.tally.spikes.append(spike)
        self._results(waiting)

    def _usage(self, blocks: Blocks) -> Usage:
        told = blocks.thinking_tokens if self.dialect.records_requests else 0
        self.last_usage, loss = self.context.call(self.now_ms, blocks.output_tokens, told)
        if loss is not None:
            at = moment(self.now_ms)
            collapse = CacheCollapse(self.last_call_id, at, loss.idle_s, loss.written_tokens)
            self.tally.collapses.append(collapse)
        return self.last_usage

    def _is_final(self) -> bool:
        if self._final == "seldom":
            return self.dice.chance(0.125)
        return self._final != "never"

    def _request_record(self) -> str:
        """Write the record of a request that is being sent, where the version does; its id."""
        if not self.dialect.records_requests:
            return ""
        request = self.dice.uuid()
        self.note(
            "api-request",
            {
                "id": request,
                "timestamp": self.stamp(self.now_ms),
                "querySource": "repl_main_thread" if not self.agent_id else "agent:builtin",
                "shapeHash": self._shape,
                "params": {"model": self.model, "max_tokens": 64_000, "betas": []},
                "base": None,
                "keep": max(len(self.lines) - 1, 0),
                "tail": [self.dice.hex(16)],
                "cacheControl": [{"path": "system.1", "value": {"type": "ephemeral"}}],
            },
        )
        return request

    def _results(self, waiting: list[Waiting]) -> int:
        """Write the results of tool calls that ran side by side; the milliseconds that passed."""
        start_ms = self.now_ms
        ends = []
        for call, began_ms, uuid in waiting:
            call_id, tool, arguments = call.call_id, call.tool, call.arguments
            if tool.work is not None:
                tool = tool.work(tool, call_id, began_ms)
            if tool.outcome == "unfinished":
                self.tally.tool(
                    tool.name, arguments, "unfinished", start_ms=began_ms, end_ms=began_ms
                )
                continue
            end_ms = max(self.now_ms, began_ms + tool.took_ms + tool.waits_ms)
            ends.append((end_ms, call_id, tool, uuid))
            self.tally.tool(
                tool.name,
                arguments,
                tool.outcome,
                error_class=tool.error_class,
                start_ms=began_ms,
                end_ms=end_ms,
            )
        for end_ms, call_id, tool, uuid in sorted(ends, key=lambda end: end[0] // 40):
            if not self.dialect.modern and tool.name == "Bash" and tool.took_ms > PROGRESS_MS:
                self._output_so_far(call_id, tool, end_ms)
            self._result(call_id, tool, uuid, end_ms)
            if tool.name == "Edit" and tool.outcome == "success":
                self._format_hook(call_id, end_ms)
            self.now_ms = max(self.now_ms, end_ms)
        self.now_ms += 4 if ends else 0
        return self.now_ms - start_ms

    def _output_so_far(self, call_id: str, tool: Tool, end_ms: int) -> None:
        """What an older version shows while a command runs."""
        shown = str(tool.output)[:200]
        for elapsed_ms in range(PROGRESS_MS, min(tool.took_ms, 10 * PROGRESS_MS), PROGRESS_MS):
            data = {
                "type": "bash_progress",
                "output": shown,
                "fullOutput": shown,
                "elapsedTimeSeconds": elapsed_ms // 1_000,
                "totalLines": shown.count("\n") + 1,
            }
            self.progress(data, call_id, end_ms - tool.took_ms + elapsed_ms)

    def _format_hook(self, call_id: str, end_ms: int) -> None:
        """The hook that formats a file after it was edited."""
        hook: dict[str, object] = {"hookName": "PostToolUse:Edit", "hookEvent": "PostToolUse"}
        hook["command"] = "bash .claude/hooks/format.sh"
        if not self.dialect.modern:
            self.progress({"type": "hook_progress", **hook}, call_id, end_ms)
        elif self.dice.chance(0.3):
            took_ms = self.dice.between(40, 700)
            outcome = {"content": "", "stdout": "", "stderr": "", "exitCode": 0}
            hook |= {"toolUseID": call_id, **outcome, "durationMs": took_ms}
            self.attachment({"type": "hook_success", **hook}, end_ms + took_ms)

    def _result(self, call_id: str, tool: Tool, uuid: str, end_ms: int) -> None:
        dialect = self.dialect
        self.context.add(tool.size // 4 + 30)
        kept: object
        if tool.is_error:
            kept = f"Error: {_without_tags(str(tool.output))}"
            order = f'"type":"tool_result","content":{as_json(tool.output)},"is_error":true'
            content = f'{{{order},"tool_use_id":"{call_id}"}}'
        else:
            kept = tool.result
            error = ',"is_error":false' if tool.says_success else ""
            order = f'"tool_use_id":"{call_id}","type":"tool_result"'
            content = f'{{{order},"content":{as_json(tool.output)}{error}}}'
        extra = f',"toolUseResult":{as_json(kept)}'
        if dialect.version != "2.0.76":
            extra += f',"sourceToolAssistantUUID":"{uuid}"'
        if tool.outcome == "rejected" and dialect.modern:
            extra += ',"toolDenialKind":"user-rejected"'
        if dialect.records_requests:
            asked = "user" if tool.waits_ms else "config"
            decision = "deny" if tool.outcome == "rejected" else "allow"
            reason = "null" if asked == "user" else '"rule"'
            extra += (
                f',"permissionDecision":{{"decision":"{decision}","source":"{asked}",'
                f'"reasonType":{reason},"ruleSource":null}}'
            )
        before = f'"promptId":"{self.prompt_id}",' if dialect.modern else ""
        body = f'{before}"type":"user","message":{{"role":"user","content":[{content}]}}'
        self.record("user", body, extra, end_ms)


def _without_tags(text: str) -> str:
    return text.replace("<tool_use_error>", "").replace("</tool_use_error>", "")
