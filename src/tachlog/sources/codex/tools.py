"""Tool calls in a rollout: asked for by a response, ended by events, answered by an output."""

from __future__ import annotations

from tachlog import signals
from tachlog.model import Target, ToolCall, ToolResult, digest_of, key_of
from tachlog.records import lenient
from tachlog.sources.codex import calls, results, shapes
from tachlog.sources.codex.shapes import Payload
from tachlog.sources.codex.state import AGENT, Asked, State
from tachlog.sources.codex.telling import Telling


def call_begins(teller: Telling, item: Payload, at_us: int) -> None:
    """A response asks for a tool."""
    tool = calls.tool_item(item)
    state, call_id = teller.state, item.call_id or item.id
    if tool.done:
        call_id, state.search = call_id or state.search, None
    identity = calls.identity_of(item, call_id)
    response = state.item(at_us, digest_of(identity))
    key = state.id_key(call_id) if call_id else key_of(AGENT, str(response.key), str(identity))
    target = target_of(tool, teller.state)
    teller.reply(response, at_us, identity, features=calls.asks(tool))
    teller.tell(
        ToolCall(
            key,
            teller.thread,
            at_us,
            tool.tool,
            response.key,
            len(tool.raw),
            digest_of(tool.raw),
            target,
        )
    )
    if tool.done:
        action = lenient(item.action, shapes.SearchAction)
        response.searches += action is not None and action.type == "search"
        failed = lenient(item.status, str) in ("failed", "incomplete", "error")
        teller.tell(ToolResult(key, teller.thread, at_us, "error" if failed else "success"))
    elif call_id:
        state.ask(call_id, Asked(tool.tool, at_us, target))


def target_of(tool: calls.ToolItem, state: State) -> Target | None:
    """What a call is about; looking after a background process is about its command."""
    if tool.tool == "write_stdin":
        process = calls.process_of(tool.raw)
        return None if process is None else state.processes.get(process)
    return signals.target(tool.tool, tool.raw, state.cwd)


def call_ends(teller: Telling, item: Payload, at_us: int) -> None:
    """The output of a tool."""
    state = teller.state
    state.interrupt()
    if item.call_id is None:
        return
    asked = state.asked.pop(item.call_id, None)
    told = results.read_output(item.output)
    if told.process is not None and asked is not None and asked.target is not None:
        state.runs_on(told.process, asked.target)
    key, size = state.id_key(item.call_id), len(bytes(item.output))
    teller.tell(results.result_of(key, teller.thread, at_us, told, size, asked))


def command_ends(teller: Telling, event: Payload, at_us: int) -> None:
    """A command ended; behind its output this is the end of a background process."""
    if asked := waiting(teller, event.call_id):
        asked.exit_code = event.exit_code
        asked.duration_ms = results.milliseconds(event.duration)
        ends(asked, lenient(event.status, str))


def patch_ends(teller: Telling, event: Payload, at_us: int) -> None:
    """A patch was applied, or was not."""
    if asked := waiting(teller, event.call_id):
        asked.failed = event.success is False
        ends(asked, lenient(event.status, str))


def mcp_ends(teller: Telling, event: Payload, at_us: int) -> None:
    """A tool of an MCP server ended."""
    told = lenient(event.invocation, shapes.Invocation)
    if told is not None and told.server:
        teller.mark(at_us, "mcp_server", signals.excerpt(told.server, 80))
    if asked := waiting(teller, event.call_id):
        asked.duration_ms = results.milliseconds(event.duration)
        asked.failed = results.mcp_failed(event.result)


def item_ends(teller: Telling, event: Payload, at_us: int) -> None:
    """A tool call ended (told so in paginated histories)."""
    item = event.item or shapes.Item()
    if item.server:
        teller.mark(at_us, "mcp_server", signals.excerpt(item.server, 80))
    if asked := waiting(teller, item.id):
        asked.exit_code = item.exit_code
        asked.duration_ms = results.milliseconds(item.duration)
        ends(asked, lenient(item.status, str))


def search_ends(teller: Telling, event: Payload, at_us: int) -> None:
    """A search of the web ended; its item follows, without the id until about 0.13x."""
    teller.state.search = event.call_id


def ends(asked: Asked, status: str | None) -> None:
    """Note the status of an ended call."""
    if status == "declined":
        asked.declined = True
    elif status in ("completed", "failed") and asked.exit_code is None:
        asked.failed = status == "failed"


def judged(teller: Telling, event: Payload, at_us: int) -> None:
    """A guardian, itself a model, decided on a call."""
    if asked := waiting(teller, event.target_item_id):
        asked.denied = lenient(event.status, str) in ("denied", "timed_out", "aborted")


def approval(teller: Telling, event: Payload, at_us: int) -> None:
    """A person is asked to approve a call."""
    if asked := waiting(teller, event.call_id):
        asked.approval_us = at_us


def waiting(teller: Telling, call_id: str | None) -> Asked | None:
    """The call that waits for its output, if it does."""
    return teller.state.asked.get(call_id) if call_id else None
