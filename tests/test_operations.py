"""Merging the tellings of one operation: any order, any grouping, any number of times."""

from itertools import permutations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tachlog.model import Features, Reply, Target, Thread, ToolCall, ToolResult, Usage
from tachlog.operations import Call, ToolUse, call_of, merge_calls, merge_uses, use_of

THREAD = Thread("claude_code", "s", "s")
SMALL = st.integers(0, 2)
TIMES = st.integers(1_772_442_000_000_000, 1_772_442_000_000_002)


def maybe(values: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    """A value, or none."""
    return st.none() | values


usages = st.builds(
    Usage,
    input=SMALL,
    cache_read=SMALL,
    cache_write=SMALL,
    output=SMALL,
    cache_write_1h=SMALL,
    reasoning=maybe(SMALL),
)
replies = st.builds(
    Reply,
    st.just(1),
    st.just(THREAD),
    TIMES,
    part=SMALL,
    model=st.sampled_from(("claude-opus-5", "claude-haiku-4-5")),
    provider=st.just("anthropic"),
    usage=st.none() | usages,
    stop_reason=st.sampled_from((None, "end_turn", "tool_use")),
    alias=maybe(SMALL),
    response_ms=maybe(SMALL),
    ttft_ms=maybe(SMALL),
    cost_nanousd=maybe(SMALL),
)
targets = st.builds(
    Target, st.sampled_from(("command", "none")), st.sampled_from(("ls", "cat")), SMALL
)
asked = st.builds(
    ToolCall,
    st.just(1),
    st.just(THREAD),
    TIMES,
    tool=st.sampled_from(("Bash", "Read")),
    call=maybe(SMALL),
    input_bytes=SMALL,
    input_digest=SMALL,
    target=st.none() | targets,
)
ended = st.builds(
    ToolResult,
    st.just(1),
    st.just(THREAD),
    TIMES,
    st.sampled_from(("success", "error", "user_rejected")),
    SMALL,
    duration_ms=maybe(SMALL),
    approval_ms=maybe(SMALL),
    exit_code=maybe(SMALL),
    error_class=st.sampled_from((None, "timeout")),
    fingerprint=maybe(SMALL),
    excerpt=st.sampled_from((None, "took too long")),
)


@given(st.lists(replies, min_size=3, max_size=3))
def test_calls_merge_in_any_order_and_grouping(told: list[Reply]) -> None:
    """Three tellings of a call, in any order and grouping and once more, give one call."""
    for number, reply in enumerate(told):
        features = Features(text=reply.part)
        told[number] = msgspec.structs.replace(reply, features=features)
    calls = [call_of(reply) for reply in told]
    merged: Call = merge_calls(merge_calls(calls[0], calls[1]), calls[2])
    for a, b, c in permutations(calls):
        assert merge_calls(merge_calls(a, b), c) == merged
        assert merge_calls(a, merge_calls(b, c)) == merged
        assert merge_calls(merged, a) == merged


@given(st.lists(asked | ended, min_size=3, max_size=3))
def test_tool_uses_merge_in_any_order_and_grouping(told: list[ToolCall | ToolResult]) -> None:
    """Three tellings of a tool call or its result, however merged, give one."""
    uses = [use_of(event) for event in told]
    merged: ToolUse = merge_uses(merge_uses(uses[0], uses[1]), uses[2])
    for a, b, c in permutations(uses):
        assert merge_uses(merge_uses(a, b), c) == merged
        assert merge_uses(a, merge_uses(b, c)) == merged
        assert merge_uses(merged, a) == merged


def test_of_equal_usages_the_one_that_knows_more_wins() -> None:
    """Telemetry of a call comes later and knows neither reasoning nor writes for an hour."""
    full = Usage(1, 2, 3, 4, cache_write_1h=3, reasoning=2)
    transcript = call_of(Reply(1, THREAD, 10, 1, "claude-opus-5", "anthropic", full))
    later = call_of(Reply(1, THREAD, 20, 2, "claude-opus-5", "anthropic", Usage(1, 2, 3, 4)))
    assert merge_calls(transcript, later).usage == full
    more = call_of(Reply(1, THREAD, 20, 2, "claude-opus-5", "anthropic", Usage(1, 2, 3, 5)))
    assert merge_calls(transcript, more).usage == Usage(1, 2, 3, 5)


def test_the_fuller_telling_of_a_tool_wins_over_the_earlier_one() -> None:
    """Telemetry comes first and knows a duration; the transcript knows what it was about."""
    target = Target("command", "ls", 7)
    first = use_of(ToolCall(1, THREAD, 10, "Bash", None, 0, 0, None))
    fuller = use_of(ToolCall(1, THREAD, 20, "Bash", 5, 9, 3, target))
    done = use_of(ToolResult(1, THREAD, 30, "error", 40, 25))
    explained = use_of(
        ToolResult(1, THREAD, 31, "error", 9, exit_code=2, error_class="timeout", fingerprint=4)
    )
    merged = merge_uses(merge_uses(first, done), merge_uses(explained, fuller))
    assert (merged.at_us, merged.call, merged.target, merged.input_bytes) == (20, 5, target, 9)
    assert (merged.end_us, merged.exit_code, merged.error_class) == (31, 2, "timeout")
    assert (merged.duration_ms, merged.output_bytes) == (25, 40)
