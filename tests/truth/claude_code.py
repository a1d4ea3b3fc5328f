"""Count what Claude Code transcripts tell: records, model calls, tool calls, and whose they are.

The rules are those of docs/design.md, sections 3 and 4. Where it is silent, the choice made here
is said in the docstring of the function that makes it.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .transcript import (
    SKIPPED_KINDS,
    Microseconds,
    Record,
    Records,
    Telling,
    Tokens,
    canonical,
    has_words_of_a_person,
    identity_of,
    is_made_up,
    is_prompt,
    kind_of,
    mapping,
    names_of_threads,
    number,
    read_all,
    string,
    text_of,
    tokens_of,
    words_of,
)

REJECTED = (
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action right now",
    "Permission for this tool use was denied. The tool use was rejected",
)
INTERRUPTED = "[Request interrupted by user"

Outcome = Literal["success", "error", "user_rejected", "user_interrupted", "unfinished"]
Usage = Literal["final", "placeholder", "none"]
Tellings = dict[str, list[Telling]]


@dataclass(frozen=True)
class Call:
    """One model call: all lines of it in all files, told once.

    `hour` of the tokens written to the cache were written for an hour; `tier` is fast in fast mode.
    """

    key: str
    model: str | None
    tokens: Tokens
    usage: Usage
    first: Microseconds | None
    last: Microseconds | None
    owner: str
    told_by: frozenset[str]
    is_advisor: bool = False
    tier: str | None = None
    hour: int = 0
    searches: int = 0


@dataclass
class Thread:
    """What one thread owns; `id` is the session's, or session/agent for a sub-agent.

    `queued_prompts` are words of a person that were taken in during a turn and stand only in an
    attachment; `errors` has the keys api_error (the harness's retries), synthetic (a message in
    place of an answer) and silent (a made-up message that reports no error, such as "No response
    requested."). `first` and `last` span prompts, calls, results and failures.
    """

    id: str
    calls: int = 0
    final_calls: int = 0
    placeholder_calls: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    prompts: int = 0
    queued_prompts: int = 0
    tools: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    results_without_call: int = 0
    compactions: int = 0
    microcompactions: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    first: Microseconds | None = None
    last: Microseconds | None = None

    @property
    def tool_calls(self) -> int:
        """Count the tool calls of all names."""
        return self.tools.total()


@dataclass(frozen=True)
class Truth:
    """The whole count; `totals` is the sum over `threads`."""

    records: Records
    calls: dict[str, Call]
    threads: dict[str, Thread]
    totals: Thread


def count(paths: Iterable[Path], skipped_kinds: Collection[str] = SKIPPED_KINDS) -> Truth:
    """Count the transcripts at `paths`, in whatever order and with whatever overlap they come."""
    records, named = read_all(paths, skipped_kinds)
    threads = {name: Thread(name) for n in named for name in names_of_threads(n)}
    told = gather(without_retold_progress([word for n in named for word in words_of(n)]))
    calls = merge_calls(told.call_lines)
    tools = tool_calls(told.tool_uses, calls)
    owns = Ownership(
        calls,
        tools,
        told.results,
        told.prompts,
        told.queued,
        told.compactions,
        told.microcompactions,
        told.errors,
    )

    counted = count_calls(calls, owns)
    for call in counted.values():
        add_call(threads[call.owner], call)
    for tellings in told.prompts.values():
        thread = threads[owns.owner(tellings)]
        thread.prompts += 1
        widen(thread, earliest(tellings))
    for tellings in told.queued.values():
        threads[owns.owner(tellings)].queued_prompts += 1
    for tellings in told.compactions.values():
        threads[owns.owner(tellings)].compactions += 1
    for tellings in told.microcompactions.values():
        threads[owns.owner(tellings)].microcompactions += 1
    for tellings in told.errors.values():
        thread = threads[owns.owner(tellings)]
        kind = error_kind(tellings[0].record)
        thread.errors[kind] += 1
        if kind != "silent":
            widen(thread, earliest(tellings))
    add_tools(threads, tools, told.results, calls, owns)
    return Truth(records, counted, threads, sum_of(threads.values()))


def without_retold_progress(words: list[Telling]) -> list[Telling]:
    """Drop the progress records of sub-agents that have a file of their own."""
    with_file = {word.thread for word in words if not word.is_progress}
    return [w for w in words if not w.is_progress or w.thread not in with_file]


@dataclass
class Told:
    """All tellings by what they tell: each thing's key, and who tells it."""

    call_lines: list[Telling] = field(default_factory=list)
    tool_uses: list[tuple[Record, Telling]] = field(default_factory=list)
    results: Tellings = field(default_factory=lambda: defaultdict(list))
    prompts: Tellings = field(default_factory=lambda: defaultdict(list))
    queued: Tellings = field(default_factory=lambda: defaultdict(list))
    compactions: Tellings = field(default_factory=lambda: defaultdict(list))
    microcompactions: Tellings = field(default_factory=lambda: defaultdict(list))
    errors: Tellings = field(default_factory=lambda: defaultdict(list))


def gather(words: list[Telling]) -> Told:
    """Sort the words by what they tell of."""
    told = Told()
    boundaries = {
        string(w.record.get("uuid"))
        for w in words
        if kind_of(w.record) == "system/compact_boundary"
    }
    for word in words:
        record = word.record
        key = identity_of(record)
        match kind_of(record):
            case "assistant" if is_made_up(record):
                told.errors[key].append(word)
            case "assistant":
                told.call_lines.append(word)
                for block in word.blocks:
                    if block.get("type") == "tool_use":
                        told.tool_uses.append((block, word))
            case "user":
                for block in word.blocks:
                    if block.get("type") == "tool_result":
                        told.results[str(block.get("tool_use_id"))].append(word)
                if (
                    record.get("isCompactSummary")
                    and string(record.get("parentUuid")) not in boundaries
                ):
                    told.compactions[key].append(word)
                if is_prompt(record):
                    told.prompts[key].append(word)
            case "attachment/queued_command":
                if has_words_of_a_person(mapping(record.get("attachment")).get("prompt")):
                    told.queued[key].append(word)
            case "system/compact_boundary":
                told.compactions[key].append(word)
            case "system/microcompact_boundary":
                told.microcompactions[key].append(word)
            case "system/api_error":
                told.errors[key].append(word)
            case _:
                pass
    return told


def error_kind(record: Record) -> str:
    """Name the sort of failure that a record reports, "silent" when it reports none."""
    if record.get("type") == "system":
        return "api_error"
    return "synthetic" if record.get("isApiErrorMessage") is True else "silent"


class Ownership:
    """Which thread a thing belongs to when several tell it."""

    def __init__(self, *things: Tellings) -> None:
        self.own_moments: dict[str, list[Microseconds]] = defaultdict(list)
        for tellings in (t for kind in things for t in kind.values()):
            if len({telling.thread for telling in tellings}) == 1:
                at = earliest(tellings)
                self.own_moments[tellings[0].thread].append(at if at is not None else 0)

    def owner(self, tellings: list[Telling]) -> str:
        """Return the thread that owns what `tellings` tell.

        In this order: one that tells it off the sidechain; one that a copy names as its origin; one
        that has nothing of its own; the one whose own begins first; the smaller id.
        """
        off_sidechain = {t.thread for t in tellings if not t.is_sidechain}
        origins = {t.origin for t in tellings}

        def rank(thread: str) -> tuple[bool, bool, bool, Microseconds, str]:
            own = self.own_moments.get(thread, [])
            return (
                thread not in off_sidechain,
                thread not in origins,
                bool(own),
                min(own, default=0),
                thread,
            )

        return min({t.thread for t in tellings}, key=rank)


def earliest(tellings: Iterable[Telling]) -> Microseconds | None:
    """Return the first time that is told, None if none is."""
    return min((t.at for t in tellings if t.at is not None), default=None)


def latest(tellings: Iterable[Telling]) -> Microseconds | None:
    """Return the last time that is told, None if none is."""
    return max((t.at for t in tellings if t.at is not None), default=None)


def widen(thread: Thread, *moments: Microseconds | None) -> None:
    """Make the thread's span hold each of the moments that are known."""
    for at in moments:
        if at is not None:
            thread.first = at if thread.first is None else min(thread.first, at)
            thread.last = at if thread.last is None else max(thread.last, at)


def merge_calls(lines: list[Telling]) -> Tellings:
    """Bring the lines of each call together, over all files.

    The key is the message's id, else the request's, else the record's uuid, else its session and
    whole value. Lines that share a request id are of one call, which then has the smallest key.
    """
    same: dict[str, str] = {}

    def root(key: str) -> str:
        while same.get(key, key) != key:
            key = same[key]
        return key

    def unite(one: str, other: str) -> None:
        first, second = sorted((root(one), root(other)))
        same[second] = first

    for line in lines:
        request = string(line.record.get("requestId"))
        if request:
            unite(line_key(line), request)
    calls: Tellings = defaultdict(list)
    for line in lines:
        calls[root(line_key(line))].append(line)
    return {smallest_message_id(tellings, key): tellings for key, tellings in calls.items()}


def line_key(line: Telling) -> str:
    """Return the most telling id that a call's line has."""
    return (
        string(line.message.get("id"))
        or string(line.record.get("requestId"))
        or string(line.record.get("uuid"))
        or f"{line.thread} {canonical(line.record)}"
    )


def smallest_message_id(tellings: list[Telling], key: str) -> str:
    """Name a call by its message id where it has one, not by the alias that joined its lines."""
    ids = [i for i in (string(t.message.get("id")) for t in tellings) if i]
    return min(ids, default=key)


def count_calls(calls: Tellings, owns: Ownership) -> dict[str, Call]:
    """Say what each call used, who owns it, and which further calls an advisor made inside it."""
    counted = {}
    for key, tellings in calls.items():
        winner = max(tellings, key=weight)
        usage = mapping(winner.message.get("usage"))
        call = Call(
            key,
            string(winner.message.get("model")),
            tokens_of(usage),
            finality(tellings),
            earliest(tellings),
            latest(tellings),
            owns.owner(tellings),
            frozenset(t.thread for t in tellings),
            tier=tier_of(usage),
            hour=number(mapping(usage.get("cache_creation")), "ephemeral_1h_input_tokens"),
            searches=number(mapping(usage.get("server_tool_use")), "web_search_requests"),
        )
        counted[key] = call
        iterations = usage.get("iterations")
        for index, iteration in enumerate(iterations if isinstance(iterations, list) else []):
            if mapping(iteration).get("type") == "advisor_message":
                name = f"{key}#advisor-{index}"
                counted[name] = Call(
                    name,
                    string(iteration.get("model")),
                    tokens_of(iteration),
                    call.usage,
                    call.first,
                    call.last,
                    call.owner,
                    call.told_by,
                    is_advisor=True,
                    hour=number(
                        mapping(iteration.get("cache_creation")), "ephemeral_1h_input_tokens"
                    ),
                )
    return counted


def tier_of(usage: Record) -> str | None:
    """Return the tier that is not the ordinary one: fast mode, batch."""
    if usage.get("speed") == "fast":
        return "fast"
    tier = string(usage.get("service_tier"))
    return None if tier == "standard" else tier


def weight(line: Telling) -> tuple[bool, int, int, Microseconds, str]:
    """Rank a call's lines: most output, then most tokens, then the later; progress never first."""
    tokens = tokens_of(mapping(line.message.get("usage")))
    told_at = line.at if line.at is not None else 0
    return not line.is_progress, tokens.output, tokens.total, told_at, canonical(line.record)


def finality(tellings: list[Telling]) -> Usage:
    """Tell whether the output count is the call's last word or the placeholder of its start.

    Final when some line has a stop reason, or the lines' counts differ and the last is the greatest
    (else the log is not to be trusted). No usage on any line is neither.
    """
    with_usage = [t for t in tellings if mapping(t.message.get("usage"))]
    if not with_usage:
        return "none"
    if any(string(t.message.get("stop_reason")) for t in tellings):
        return "final"
    in_time = sorted(with_usage, key=lambda t: t.at if t.at is not None else 0)
    outputs = [tokens_of(mapping(t.message.get("usage"))).output for t in in_time]
    return "final" if len(set(outputs)) > 1 and outputs[-1] == max(outputs) else "placeholder"


def add_call(thread: Thread, call: Call) -> None:
    """Add a call to what its owner did."""
    thread.calls += 1
    thread.final_calls += call.usage == "final"
    thread.placeholder_calls += call.usage == "placeholder"
    thread.tokens += call.tokens
    widen(thread, call.first, call.last)


def tool_calls(uses: list[tuple[Record, Telling]], calls: Tellings) -> Tellings:
    """Bring the tellings of each tool call together: its id, with its model call's where needed.

    A key is the id, a space and the call's key; the same id in two calls is two tool calls.
    """
    call_of = {id(line): key for key, lines in calls.items() for line in lines}
    tools: Tellings = defaultdict(list)
    for block, line in uses:
        tools[f"{block.get('id')} {call_of[id(line)]}"].append(line)
    return tools


def add_tools(
    threads: dict[str, Thread], tools: Tellings, results: Tellings, calls: Tellings, owns: Ownership
) -> None:
    """Add each tool call and its outcome to the owner of the model call that asked for it.

    When several calls have one id, each result goes to the last of them that began before it; of
    several results for one call the last one stands.
    """
    by_id: dict[str, list[str]] = defaultdict(list)
    for key in sorted(tools, key=lambda key: earliest(tools[key]) or 0):
        by_id[key.partition(" ")[0]].append(key)

    for tool_id, lines in results.items():
        if tool_id not in by_id:
            thread = threads[owns.owner(lines)]
            thread.results_without_call += 1
            widen(thread, earliest(lines))

    for tool_id, keys in by_id.items():
        answer: dict[str, Telling] = {}
        for line in sorted(results.get(tool_id, []), key=lambda t: t.at or 0):
            began = [k for k in keys if (earliest(tools[k]) or 0) <= (line.at or 0)]
            answer[began[-1] if began else keys[0]] = line
        for key in keys:
            thread = threads[owns.owner(calls[key.partition(" ")[2]])]
            thread.tools[tool_name(tools[key][0], tool_id)] += 1
            widen(thread, earliest(tools[key]))
            if key in answer:
                thread.outcomes[outcome(answer[key], tool_id)] += 1
                widen(thread, answer[key].at)
            else:
                thread.outcomes["unfinished"] += 1


def tool_name(line: Telling, tool_id: str) -> str:
    """Return the name of the tool that the line's call with this id asked for."""
    return next(str(b.get("name")) for b in line.blocks if str(b.get("id")) == tool_id)


def outcome(line: Telling, tool_id: str) -> Outcome:
    """Say how a tool call ended, by its result: the raw flag, before any finer class.

    A failed check or an expected "no" is still an error here, as the log flags it.
    """
    result = next(b for b in line.blocks if str(b.get("tool_use_id")) == tool_id)
    if mapping(line.record.get("toolUseResult")).get("interrupted") is True:
        return "user_interrupted"
    if result.get("is_error") is not True:
        return "success"
    text = text_of(result.get("content")).lstrip()
    if text.startswith(INTERRUPTED):
        return "user_interrupted"
    if text.startswith(REJECTED) or line.record.get("toolDenialKind") == "user-rejected":
        return "user_rejected"
    if text.removeprefix("<tool_use_error>").startswith("Sibling tool call errored"):
        return "unfinished"  # dropped because a parallel call failed: it never ran
    return "error"


def sum_of(threads: Iterable[Thread]) -> Thread:
    """Add threads up."""
    total = Thread("")
    for thread in threads:
        total.calls += thread.calls
        total.final_calls += thread.final_calls
        total.placeholder_calls += thread.placeholder_calls
        total.tokens += thread.tokens
        total.prompts += thread.prompts
        total.queued_prompts += thread.queued_prompts
        total.tools += thread.tools
        total.outcomes += thread.outcomes
        total.results_without_call += thread.results_without_call
        total.compactions += thread.compactions
        total.microcompactions += thread.microcompactions
        total.errors += thread.errors
        widen(total, thread.first, thread.last)
    return total
