"""One pass over the records of a chunk of a Codex rollout: records in, events out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Raw

from tachlog import signals
from tachlog.model import (
    Compaction,
    Prompt,
    digest_of,
    key_of,
)
from tachlog.records import lenient, utc_micros
from tachlog.sources.codex import calls, sessions, shapes, tools
from tachlog.sources.codex.counting import spent, totals_of, usage_of, whole_of
from tachlog.sources.codex.failures import failure_of
from tachlog.sources.codex.limits import limits_of
from tachlog.sources.codex.shapes import SKIPS, Payload, Record
from tachlog.sources.codex.state import AGENT, Compacted
from tachlog.sources.codex.telling import Telling

_USAGE_LAST: Final = (0, 60)
"""The first version that tells usage behind the items of its response."""

_REQUEST: Final = "## My request for Codex:"
"""What stands before the person's own words when an editor adds its context."""

_NAMED_BY_PERSON: Final = ("codex_cli_rs", "codex-tui", "codex_exec")


class Reader(Telling):
    """Turns records into events of `reading`, one after the other, keeping `state`."""

    def take(self, record: Record) -> None:
        """Tell what one record tells, and count it."""
        state, payload = self.state, record.payload or Payload()
        told_us = None if record.timestamp is None else utc_micros(record.timestamp)
        at_us = state.at_us if told_us is None else told_us
        state.inherited = record.ordinal is not None and record.ordinal < state.own_from
        kind = f"{record.type}/{payload.type}" if payload.type else record.type
        if payload.type == "item_completed" and payload.item is not None:
            kind = f"{kind}/{payload.item.type}"
        skipped = kind if kind in SKIPS else record.type
        if skipped in SKIPS:
            self.reading.skipped[skipped] = self.reading.skipped.get(skipped, 0) + 1
            return
        if record.type == "session_meta":
            self.session_meta(payload, at_us)
        elif handler := _HANDLERS.get(kind):
            if not state.inherited or handler in _INHERITED:
                handler(self, payload, at_us)
        else:
            self.reading.unknown[kind] = self.reading.unknown.get(kind, 0) + 1
        self.reading.record_keys.append(state.record_key(at_us, f"{kind} {record.ordinal}"))

    def session_meta(self, meta: Payload, at_us: int) -> None:
        """The header of the file, written again on each resume; in copied history another's."""
        state = self.state
        begins = state.thread is None
        if begins:
            state.thread = sessions.thread_of(meta)
            boundary = str(meta.subagent_history_start_ordinal)
            state.own_from = int(boundary) if boundary.isdecimal() else 0
            state.copied = int(meta.forked_from_id is not None)
        state.scope = (meta.forked_from_id if begins else None) or meta.id or ""
        state.exact = False
        version = sessions.version_of(meta.cli_version)
        state.usage_first = version is not None and version < _USAGE_LAST
        state.interrupt()
        state.provider = meta.model_provider or state.provider
        if meta.id != self.thread.session_id:
            state.copied += 1
            return
        git = lenient(meta.git, shapes.Git) or shapes.Git()
        state.branch = git.branch or state.branch
        if meta.originator in _NAMED_BY_PERSON:
            state.names = "title.custom"
        for name, value in sessions.facts_of(meta, git):
            self.mark(at_us, name, value)
        state.cwd = None
        self.moves_to(meta.cwd, at_us)

    def moves_to(self, cwd: str | None, at_us: int) -> None:
        """The agent works in this directory from here on."""
        if cwd and cwd != self.state.cwd:
            self.state.cwd = cwd
            if not self.state.inherited:
                self.mark(at_us, "cwd", cwd)

    def turn_context(self, context: Payload, at_us: int) -> None:
        """Settings of a turn; before each call until about 0.9x, and without an id then."""
        self.state.enter_turn(context.turn_id)
        self.state.model = context.model or self.state.model
        self.moves_to(context.cwd, at_us)

    def settings(self, event: Payload, at_us: int) -> None:
        """Settings that hold from here on."""
        told = lenient(event.thread_settings, shapes.Settings)
        if told is None:
            return
        state = self.state
        state.model = told.model or state.model
        state.provider = told.model_provider_id or state.provider
        state.tier = None if told.service_tier in ("auto", "default") else told.service_tier
        self.moves_to(told.cwd, at_us)

    def turn_begins(self, event: Payload, at_us: int) -> None:
        """A turn begins."""
        self.state.enter_turn(event.turn_id)
        self.state.interrupt()

    def turn_ends(self, event: Payload, at_us: int) -> None:
        """A turn is over: how long it took, how soon it spoke, why it failed."""
        state = self.state
        state.interrupt()
        self.totals(at_us)
        if event.duration_ms is not None:
            self.mark(at_us, "turn_ms", f"{at_us}:{int(event.duration_ms)}")
        spoke_ms = event.time_to_first_token_ms
        if spoke_ms is not None and state.first is not None and event.turn_id == state.turn:
            first = state.first
            self.reply(first, first.first_us, "first token", ttft_ms=int(spoke_ms))
        error = lenient(event.error, shapes.ErrorBody)
        if error is not None and error.message:
            self.fails(error.message, error.codex_error_info, at_us)

    def turn_stops(self, event: Payload, at_us: int) -> None:
        """A turn was stopped, mostly by the person."""
        self.state.interrupt()
        self.totals(at_us)
        if event.reason == "interrupted":
            self.mark(at_us, "interrupted", str(at_us))
        if event.duration_ms is not None:
            self.mark(at_us, "turn_ms", f"{at_us}:{int(event.duration_ms)}")

    def totals(self, at_us: int) -> None:
        """What the thread used so far, as it says itself: told once a turn."""
        if self.state.totals is not None:
            self.mark(at_us, "reported_tokens", str(whole_of(self.state.totals)))

    def error(self, event: Payload, at_us: int) -> None:
        """A model call failed, for good or to be tried again."""
        text = lenient(event.message, str)
        if text:
            self.fails(text, event.codex_error_info, at_us)

    def fails(self, text: str, info: Raw, at_us: int) -> None:
        """Tell a failure."""
        self.reading.events += failure_of(text, info, self.state, self.thread, at_us)

    def compacts(self, record: Payload, at_us: int) -> None:
        """The context was replaced by a summary of it."""
        state = self.state
        state.interrupt()
        state.compacted = Compacted(state.place_key("compaction"), at_us, state.context)
        self.compaction(state.compacted, None)

    def compaction(self, told: Compacted, tokens_after: int | None) -> None:
        """Tell a compaction, at first without what it left."""
        before = told.tokens_before
        self.tell(Compaction(told.key, self.thread, told.at_us, before, tokens_after))

    def user_message(self, event: Payload, at_us: int) -> None:
        """A person spoke (told so in legacy histories)."""
        text = lenient(event.message, str)
        if text is not None:
            self.prompt(text, at_us)

    def user_item(self, event: Payload, at_us: int) -> None:
        """A person spoke (told so in paginated histories)."""
        parts = lenient(event.item.content, list[shapes.Text]) if event.item else None
        self.prompt("\n".join(part.text for part in parts or () if part.text), at_us)

    def agent_speaks(self, record: Payload, at_us: int) -> None:
        """A message between agents; one that gives a sub-agent work is its prompt."""
        text = lenient(record.content, str)
        down = bool(record.author) and (record.recipient or "").startswith(f"{record.author}/")
        if text is not None and down and record.trigger_turn and self.thread.sidechain:
            self.prompt(text, at_us)

    def prompt(self, text: str, at_us: int) -> None:
        """Somebody spoke to the agent."""
        state, thread = self.state, self.thread
        state.interrupt()
        own = text.rpartition(_REQUEST)[2].strip() if _REQUEST in text else text
        digest = digest_of(text.encode("utf-8", "surrogatepass"))
        if state.prompts and state.said == (digest, at_us):
            return
        state.said = (digest, at_us)
        key = state.place_key("prompt", str(digest), str(state.prompts))
        state.prompts += 1
        self.tell(Prompt(key, thread, at_us, len(own), by_person=not thread.sidechain))
        if not state.titled and (title := signals.title(own)):
            state.titled = True
            self.mark(at_us, "title.prompt", title)

    def message(self, item: Payload, at_us: int) -> None:
        """A message: the model's own are a part of its response, others interrupt it."""
        if item.role == "assistant":
            self.said(item, at_us)
        else:
            self.state.interrupt()

    def said(self, item: Payload, at_us: int) -> None:
        """A part of a response in words, spoken or thought."""
        identity = calls.identity_of(item)
        response = self.state.item(at_us, digest_of(identity))
        features, behaviors = calls.says(item)
        self.reply(response, at_us, identity, features=features, behaviors=behaviors)

    def named(self, event: Payload, at_us: int) -> None:
        """The thread got a name: from the desktop program, or from the person on the terminal."""
        if event.thread_name and event.thread_id in (None, self.thread.session_id):
            self.mark(at_us, self.state.names, signals.excerpt(event.thread_name, 120))

    def token_count(self, event: Payload, at_us: int) -> None:
        """Running totals and usage limits; the totals of a new call tell it."""
        state, info = self.state, event.info
        if event.rate_limits is not None and not state.inherited:
            for name, value in limits_of(event.rate_limits, state):
                self.mark(at_us, name, value)
        if info is None:
            return
        state.model = info.model or event.model or state.model
        total, last = info.total_token_usage, info.last_token_usage
        used = None if state.exact else spent(info, state.totals)
        if total is not None:
            state.totals = totals_of(total)
        if used is not None:
            self.spend(used, at_us, str(state.totals), None)
        elif state.compacted is not None and last is not None and not last.input_tokens:
            self.compaction(state.compacted, last.total_tokens)
            state.compacted = None

    def usage_record(self, record: Payload, at_us: int) -> None:
        """The usage of one response, with its id (since about 0.14x).

        The id names the call for every telling of it, within its thread: back-ends of one's own
        count from one in each session.
        """
        state, used = self.state, record.usage
        if used is None or (record.response_id and record.response_id == state.last_response):
            return
        state.enter_turn(record.turn_id)
        state.exact, state.last_response = True, record.response_id
        if record.thread_token_usage is not None:
            state.totals = totals_of(record.thread_token_usage)
        thread = record.thread_id or state.scope
        alias = key_of(AGENT, thread, record.response_id) if record.response_id else None
        self.spend(used, at_us, str(state.totals), alias)

    def spend(self, used: shapes.TokenUsage, at_us: int, place: str, alias: int | None) -> None:
        """One call's usage, told at the time of its last item where those came before."""
        state = self.state
        response = state.spend(at_us, digest_of(place.encode()))
        usage = usage_of(used, response.searches)
        state.context = usage.prompt
        state.compacted = None
        at_us = response.last_us if response.has_items else at_us
        self.reply(response, at_us, "usage", usage=usage, alias=alias)


_Handler = Callable[[Reader, Payload, int], None]

_HANDLERS: Final[dict[str, _Handler]] = {
    "turn_context": Reader.turn_context,
    "compacted": Reader.compacts,
    "token_usage_record": Reader.usage_record,
    "inter_agent_communication": Reader.agent_speaks,
    "event_msg/apply_patch_approval_request": tools.approval,
    "event_msg/error": Reader.error,
    "event_msg/exec_approval_request": tools.approval,
    "event_msg/exec_command_end": tools.command_ends,
    "event_msg/guardian_assessment": tools.judged,
    "event_msg/item_completed/CommandExecution": tools.item_ends,
    "event_msg/item_completed/DynamicToolCall": tools.item_ends,
    "event_msg/item_completed/FileChange": tools.item_ends,
    "event_msg/item_completed/McpToolCall": tools.item_ends,
    "event_msg/item_completed/UserMessage": Reader.user_item,
    "event_msg/mcp_tool_call_end": tools.mcp_ends,
    "event_msg/patch_apply_end": tools.patch_ends,
    "event_msg/request_permissions": tools.approval,
    "event_msg/stream_error": Reader.error,
    "event_msg/task_complete": Reader.turn_ends,
    "event_msg/task_started": Reader.turn_begins,
    "event_msg/thread_name_updated": Reader.named,
    "event_msg/thread_settings_applied": Reader.settings,
    "event_msg/token_count": Reader.token_count,
    "event_msg/turn_aborted": Reader.turn_stops,
    "event_msg/turn_complete": Reader.turn_ends,
    "event_msg/turn_started": Reader.turn_begins,
    "event_msg/user_message": Reader.user_message,
    "event_msg/web_search_end": tools.search_ends,
    "response_item/custom_tool_call": tools.call_begins,
    "response_item/custom_tool_call_output": tools.call_ends,
    "response_item/function_call": tools.call_begins,
    "response_item/function_call_output": tools.call_ends,
    "response_item/image_generation_call": tools.call_begins,
    "response_item/local_shell_call": tools.call_begins,
    "response_item/message": Reader.message,
    "response_item/reasoning": Reader.said,
    "response_item/tool_search_call": tools.call_begins,
    "response_item/tool_search_output": tools.call_ends,
    "response_item/web_search_call": tools.call_begins,
}

_INHERITED: Final = (
    Reader.turn_context,
    Reader.turn_begins,
    Reader.settings,
    Reader.token_count,
    Reader.usage_record,
)
"""What is told, or kept in mind, of history that is known to be copied from a parent: its usage."""
