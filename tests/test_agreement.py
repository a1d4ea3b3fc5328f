"""A session told by its log, by telemetry and by what a run printed counts once, call by call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from archives import MEASURER, contents, figures
from tachlog.model import (
    RUN_TOTALS,
    Event,
    Reply,
    Telling,
    Thread,
    ToolCall,
    Usage,
    key_of,
)
from tachlog.sessions import Sessions, add_roots, fold
from tachlog.stores import Portion, open_store
from tachlog.stores.archive import SqlArchive

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
    return Usage(*(sum(column) for column in zip(*each, strict=True)))


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


def days(store: Any) -> Usage:
    """The tokens of all calls as charts add them up."""
    assert isinstance(store, SqlArchive)
    found = store.database.rows(
        "SELECT ifnull(sum(input), 0), ifnull(sum(cache_read), 0), ifnull(sum(cache_write), 0),"
        " ifnull(sum(settled_output), 0) FROM calls"
    )
    return Usage(*found[0])


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
