"""A session told by its log, by telemetry and by what a run printed counts once, call by call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from archives import MEASURER, contents, figures
from tachlog.agreement import LIKENESSES, Said, counted, filled
from tachlog.analysis.selection import Selection
from tachlog.model import (
    RUN_TOTALS,
    Compaction,
    Event,
    Failure,
    Prompt,
    Reply,
    Target,
    Telling,
    Thread,
    ToolCall,
    ToolResult,
    Usage,
    key_of,
)
from tachlog.operations import Call, ToolUse, call_of, use_of
from tachlog.sessions import Sessions, add_roots, fold
from tachlog.stores import Portion, Store, open_store

SECOND = 1_000_000
START_US = 1_790_000_000 * SECOND
USAGES = (Usage(100, 0, 10, 5), Usage(40, 900, 0, 7, reasoning=2), Usage(50, 950, 20, 9))


def thread(telling: Telling, name: str = "s") -> Thread:
    """The main thread `s`, or a sub-agent below it."""
    return Thread("codex", name, "s", None if name == "s" else "s", telling)


def reply(telling: Telling, key: str, at: int, usage: Usage | None, **facts: Any) -> Reply:
    """A model call of the main thread unless `name` says another."""
    number = key_of(telling, key)
    told = thread(telling, facts.pop("name", "s"))
    facts.setdefault("stop_reason", "completed")
    at_us = START_US + at * SECOND
    return Reply(number, told, at_us, number, "gpt-5", "openai", usage, **facts)


def sums(usages: Iterable[Usage]) -> Usage:
    """Usages added up."""
    each = [(u.input, u.cache_read, u.cache_write, u.output) for u in usages]
    return Usage(*(sum(column) for column in zip((0, 0, 0, 0), *each, strict=True)))


def portion(name: str, events: Sequence[Event]) -> Portion:
    """A file of its own that holds these events."""
    sessions: Sessions = {}
    fold(events, sessions)
    add_roots(sessions)
    return Portion(
        path=name,
        source="codex",
        revision=1,
        identity=b"1",
        size=1,
        mtime_ns=1,
        expected=None,
        offset=1,
        tail_bytes=0,
        state=b"",
        replaced=False,
        sessions=list(sessions.values()),
        record_keys=[],
        skipped={},
        unknown={},
        problems=[],
        read_us=1,
    )


def kept(batches: Iterable[Sequence[Sequence[Event]]]) -> dict[str, Any]:
    """What an archive holds after these batches of files."""
    store = open_store("private:")
    try:
        for number, batch in enumerate(batches):
            files = [portion(f"{number}.{n}", events) for n, events in enumerate(batch)]
            assert store.write(files, MEASURER) == []
        return {**contents(store), "figures": figures(store), "days": days(store)}
    finally:
        store.close()


def days(store: Store) -> Usage:
    """The tokens of all calls as charts add them up."""
    return sums(
        Usage(one.input, one.cache_read, one.cache_write, one.output)
        for one in store.quarters(Selection())
    )


def usages_of(found: dict[str, Any]) -> Counter[Usage]:
    """How often each usage is counted."""
    return Counter(
        Usage(row["input"], row["cache_read"], row["cache_write"], row["output"])
        for row in found["calls"]
    )


def plain(usage: Usage) -> Usage:
    """A usage without what not every telling knows."""
    return replace(usage, reasoning=None)


histories = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["s", "helper"]),
        st.sets(st.sampled_from(["log", "telemetry"]), min_size=1),
    ),
    max_size=7,
)


@settings(max_examples=40)
@given(data=st.data(), history=histories, is_printed=st.booleans())
def test_what_counts_depends_on_neither_order_nor_portions(
    data: st.DataObject, history: list[tuple[int, str, set[Telling]]], is_printed: bool
) -> None:
    """Of calls with equal usage as many count as the telling with most of them tells."""
    files: list[list[Event]] = []
    told: dict[str, Counter[Usage]] = {"log": Counter(), "telemetry": Counter()}
    for number, (which, name, tellers) in enumerate(history):
        usage = USAGES[which]
        for telling in sorted(tellers):
            shown = usage if telling == "log" else plain(usage)
            where = "s" if telling == "telemetry" and number % 2 else name
            call = reply(telling, str(number), number, shown, name=where)
            tool = ToolCall(
                key_of("tool", str(number)),
                call.thread,
                call.at_us,
                "Bash",
                input_digest=number + 1,
            )
            files.append([call, tool])
            told[telling][plain(usage)] += 1
    if is_printed:
        whole = sums(USAGES[which] for which, *_ in history) if history else USAGES[0]
        files.append([reply("printed", "run", 0, whole, stop_reason=RUN_TOTALS)])
    expected = told["log"] | told["telemetry"]
    if is_printed and not expected:
        expected[whole] = 1
    cases = []
    for _ in range(3):
        order = data.draw(st.permutations(files))
        cut = data.draw(st.integers(0, len(order)))
        cases.append(kept([order[:cut], *([one] for one in order[cut:])]))
    assert cases[0] == cases[1] == cases[2]
    assert usages_of(cases[0]) == expected
    assert sums(expected.elements()) == cases[0]["days"]
    by_session = [one["tokens"] for one in cases[0]["figures"].values()]
    assert sum(by_session) == cases[0]["days"].total
    assert len(cases[0]["tool_calls"]) == len(history)


# What a call, a tool, a prompt comes to


def said(event: Event, *, where: int = 1, tree: str = "s") -> Said:
    """An event as its telling tells it."""
    operation: Any = event
    if isinstance(event, Reply):
        operation = call_of(event)
    elif isinstance(event, ToolCall | ToolResult):
        operation = use_of(event)
    return Said(event.thread.telling, (where,), (tree,), operation)


def as_what(*told: Said) -> list[int | None]:
    """What each of these, all of one kind, counts as: the place of its fullest telling in them."""
    found = counted(told, LIKENESSES[type(told[0].operation)])
    places = {one.operation.key: place for place, one in reversed(list(enumerate(told)))}
    return [
        None if (key := found[one.operation.key, one.telling]) is None else places[key]
        for one in told
    ]


def test_an_id_goes_before_likeness() -> None:
    """A call is the one that shares its id, though another has the same usage and comes first."""
    other = reply("log", "a", 0, USAGES[0])
    log = reply("log", "b", 9, USAGES[0], alias=key_of("telemetry", "x"))
    told = (said(other), said(log), said(reply("telemetry", "x", 9, USAGES[1])))
    assert as_what(*told) == [0, 1, 1]


def test_likeness_stays_within_a_thread_where_it_can() -> None:
    """Twins in two threads go each to their own, then to another thread of the tree."""
    told = (
        said(reply("log", "a", 0, USAGES[0]), where=1),
        said(reply("log", "b", 5, USAGES[0]), where=2),
        said(reply("telemetry", "y", 6, USAGES[0]), where=2),
        said(reply("telemetry", "z", 7, USAGES[0]), where=3),
        said(reply("telemetry", "w", 7, USAGES[0]), where=4, tree="other"),
    )
    assert as_what(*told) == [0, 1, 1, 0, 4]


def test_usage_that_tells_less_apart_is_alike() -> None:
    """Telemetry that does not know what was written to the cache tells the same call."""
    written, plain_input = Usage(10, 100, 40, 5), Usage(50, 100, 0, 5)
    told = (
        said(reply("log", "a", 0, written)),
        said(reply("telemetry", "x", 1, plain_input)),
        said(reply("telemetry", "y", 2, replace(plain_input, output=6))),
    )
    assert as_what(*told) == [0, 0, 2]


def total(telling: Telling, key: str, usage: Usage | None) -> Said:
    """A sum of calls."""
    return said(reply(telling, key, 0, usage, stop_reason=RUN_TOTALS))


def test_sums_count_where_nobody_tells_more() -> None:
    """A sum counts alone or beside calls without usage, not beside single calls or a fuller sum."""
    single = said(reply("log", "a", 0, USAGES[0]))
    silent = said(reply("log", "b", 0, None, stop_reason=None))
    assert as_what(total("printed", "r", USAGES[1])) == [0]
    assert as_what(silent, total("printed", "r", USAGES[1])) == [0, 1]
    assert as_what(single, total("printed", "r", USAGES[1])) == [0, None]
    assert as_what(total("log", "l", USAGES[1]), total("printed", "r", USAGES[1])) == [0, None]
    telemetry = said(reply("telemetry", "x", 0, USAGES[0]))
    assert as_what(total("log", "l", USAGES[1]), telemetry) == [None, 1]


def test_printed_calls_without_usage_count_alone_only() -> None:
    """A printed run that was interrupted is told by the calls of its log."""
    printed = said(reply("printed", "r", 0, None, stop_reason=None))
    assert as_what(printed) == [0]
    assert as_what(said(reply("log", "a", 0, USAGES[0])), printed) == [0, None]


def tool(telling: Telling, key: str, at: int, digest: int, name: str = "Bash") -> Said:
    """A tool call."""
    at_us = START_US + at * SECOND
    told = ToolCall(key_of(telling, key), thread(telling), at_us, name, input_digest=digest)
    return said(told)


def test_tools_are_alike_by_name_and_input() -> None:
    """Equal inputs pair in order; a telling that keeps no input pairs by the tool alone."""
    log = (tool("log", "a", 0, 7), tool("log", "b", 1, 7), tool("log", "c", 2, 8))
    same = (tool("telemetry", "x", 3, 7), tool("telemetry", "y", 4, 9))
    assert as_what(*log, *same) == [0, 1, 2, 0, 4]
    blind = (tool("telemetry", "x", 3, 0), tool("telemetry", "y", 4, 0, "Read"))
    assert as_what(*log, *blind) == [0, 1, 2, 0, 4]
    assert as_what(tool("log", "a", 0, 0), tool("telemetry", "x", 3, 9)) == [0, 0]


def prompt(telling: Telling, key: str, characters: int) -> Said:
    """A prompt."""
    return said(Prompt(key_of(telling, key), thread(telling), START_US, characters))


def test_prompts_are_those_of_the_fullest_telling() -> None:
    """What only telemetry calls a prompt is none beside a log that tells prompts."""
    assert as_what(prompt("log", "a", 5), prompt("telemetry", "x", 5)) == [0, 0]
    assert as_what(prompt("log", "a", 5), prompt("telemetry", "x", 8)) == [0, None]
    assert as_what(prompt("telemetry", "x", 8)) == [0]


def failure(telling: Telling, key: str, at: int, status: int | None) -> Said:
    """A failed attempt."""
    at_us = START_US + at * SECOND
    return said(Failure(key_of(telling, key), thread(telling), at_us, "overloaded", status))


def test_failures_of_different_statuses_are_two() -> None:
    """A failure is the same where the status is, or where one of both does not know it."""
    log = failure("log", "a", 5, 429)
    assert as_what(log, failure("telemetry", "x", 1, 500)) == [0, 1]
    told = (log, failure("telemetry", "x", 1, None), failure("telemetry", "y", 2, 429))
    assert as_what(*told) == [0, 1, 0]
    assert as_what(failure("log", "a", 5, None), failure("telemetry", "x", 1, 500)) == [0, 0]


def compaction(telling: Telling, key: str, at: int, before: int | None) -> Said:
    """A compaction."""
    at_us = START_US + at * SECOND
    return said(Compaction(key_of(telling, key), thread(telling), at_us, before))


def test_compactions_pair_by_size_then_in_order() -> None:
    """Agents count a context differently for log and telemetry."""
    log = (compaction("log", "a", 0, 6527), compaction("log", "b", 9, 900))
    told = (*log, compaction("telemetry", "x", 9, 900), compaction("telemetry", "y", 1, 3493))
    assert as_what(*told) == [0, 1, 1, 0]


def test_the_log_wins_and_others_fill_what_it_does_not_know() -> None:
    """Times and model are the log's; durations, attempts and costs come from who knows them."""
    log = call_of(reply("log", "a", 5, USAGES[0], stop_reason=None))
    telemetry = call_of(
        replace(
            reply("telemetry", "x", 7, USAGES[0], response_ms=120, attempt=2, cost_nanousd=9),
            model="gpt-5-2025",
        )
    )
    both = filled(log, [telemetry])
    assert isinstance(both, Call)
    assert (both.key, both.at_us, both.model) == (log.key, log.at_us, "gpt-5")
    assert (both.response_ms, both.attempt, both.cost_nanousd) == (120, 2, 9)
    assert both.stop_reason == "completed"
    assert both.final


def test_the_fuller_usage_is_taken_whole() -> None:
    """A placeholder of the log gives way to the final count, with the buckets that go with it."""
    begun = replace(reply("log", "a", 0, Usage(3, 0, 90, 1), stop_reason=None), model="unknown")
    done = reply("telemetry", "x", 1, Usage(2, 10, 80, 400))
    both = filled(call_of(begun), [call_of(done)])
    assert isinstance(both, Call)
    assert both.usage == Usage(2, 10, 80, 400)
    assert (both.model, both.provider, both.final) == ("gpt-5", "openai", True)


def test_each_half_of_a_tool_call_is_the_fullest() -> None:
    """A call that the log left open is ended by telemetry; an error is told by who explains it."""
    asked = ToolCall(1, thread("log"), START_US, "Bash", input_digest=4)
    ended = ToolResult(1, thread("telemetry"), START_US + 9, "error", 3, 80, exit_code=2)
    open_, done = use_of(asked), use_of(ended)
    both = filled(open_, [done])
    assert isinstance(both, ToolUse)
    assert (both.tool, both.end_us, both.reported, both.exit_code) == (
        "Bash",
        START_US + 9,
        "error",
        2,
    )
    assert (both.duration_ms, both.output_bytes) == (80, 3)
    turned = filled(done, [open_])
    assert isinstance(turned, ToolUse)
    assert (turned.tool, turned.at_us, turned.reported) == ("Bash", START_US, "error")


def test_a_target_comes_from_who_has_one() -> None:
    """Telemetry may keep the input of a tool that the other telling does not."""
    target = Target("command", "make", 5)
    bare = use_of(ToolCall(1, thread("log"), START_US, "Bash"))
    full = use_of(ToolCall(1, thread("telemetry"), START_US, "Bash", target=target))
    both = filled(bare, [full])
    assert isinstance(both, ToolUse)
    assert both.target == target


def test_a_prompt_keeps_what_the_log_says() -> None:
    """Only what the log does not know is filled in."""
    log = Prompt(1, thread("log"), START_US, 5, None, by_person=False)
    both = filled(log, [Prompt(2, thread("telemetry"), START_US + 1, 6, 30)])
    assert both == replace(log, queued_ms=30)


# In the archive


def test_a_session_of_one_telling_keeps_nothing_beside_its_rows() -> None:
    """Only sessions that several tell have what each of them said kept."""
    store = open_store("private:")
    try:
        assert store.write([portion("a", [reply("telemetry", "x", 0, USAGES[0])])], MEASURER) == []
        assert store.stated() == []
        assert store.write([portion("b", [reply("log", "a", 0, USAGES[0])])], MEASURER) == []
        assert len(store.stated()) == 2
    finally:
        store.close()


def test_calls_with_two_ids_are_one_within_their_telling() -> None:
    """An alias joins what a log tells under two keys, also where telemetry tells the same."""
    alias = key_of("response")
    asking = [
        ToolCall(n, thread("log"), START_US, "Bash", key_of("log", key))
        for n, key in ((7, "a"), (8, "b"))
    ]
    files: list[list[Event]] = [
        [reply("log", "a", 0, USAGES[0], alias=alias), *asking],
        [reply("log", "b", 1, replace(USAGES[0], output=9), alias=alias, name="helper")],
        [reply("telemetry", "x", 2, replace(USAGES[0], output=9), name="helper")],
    ]
    found = [kept([[one] for one in order]) for order in permutations(files)]
    assert all(one == found[0] for one in found)
    assert usages_of(found[0]) == {Usage(100, 0, 10, 9): 1}
    (call,) = found[0]["calls"]
    assert {row["call"] for row in found[0]["tool_calls"]} == {call["key"]}


def test_a_fork_shares_with_a_session_that_telemetry_tells_too() -> None:
    """A copied call has one owner, and what telemetry knows of it, in whatever order they come."""
    original = reply("log", "a", 0, USAGES[0])
    own = reply("log", "own", 4, USAGES[2])
    fork = Thread("codex", "fork", "fork")
    copied = [replace(one, thread=fork) for one in (original, own)]
    copied[1] = replace(copied[1], key=5, part=5, at_us=copied[1].at_us + 1)
    telemetry = reply("telemetry", "x", 1, USAGES[0], response_ms=120)
    files: list[list[Event]] = [[original, own], list(copied), [telemetry]]
    found = [kept([[one] for one in order]) for order in permutations(files)]
    assert all(one == found[0] for one in found)
    assert [row["response_ms"] for row in found[0]["calls"]].count(120) == 1
    assert {name: one["calls"] for name, one in found[0]["figures"].items()} == {"s": 2, "fork": 1}
