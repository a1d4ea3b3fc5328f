"""Times are told by the best evidence, and a thread's time is divided without a rest."""

from hypothesis import given
from hypothesis import strategies as st

from sessions_by_hand import SECOND, Told, at
from tachlog.metrics import TimeSplit
from tachlog.metrics.timing import Response, execution_us, response_times, time_split, timeline_of


def seconds(told: Told) -> list[float | None]:
    """Return how long each reply took, None where nothing tells when it was waited for."""
    responses = timeline_of(told.session()).responses
    return [r.duration_us / SECOND if r.timed else None for r in responses]


def split(told: Told) -> TimeSplit | None:
    """Return where the time went, in seconds."""
    found = time_split(timeline_of(told.session()))
    assert found is not None
    approval = None if found.approval is None else found.approval // SECOND
    return TimeSplit(
        found.model // SECOND,
        found.tool // SECOND,
        approval,
        found.person // SECOND,
        found.idle // SECOND,
    )


def executions(told: Told) -> list[int | None]:
    """Return how long each tool call ran, in µs."""
    return [execution_us(use) for use in timeline_of(told.session()).uses]


def test_a_reply_is_waited_for_since_the_prompt() -> None:
    """Without better evidence a reply takes from the prompt to its last record."""
    told = Told()
    told.prompt(0)
    told.reply(4, 6)
    assert seconds(told) == [6.0]


def test_a_reply_is_waited_for_since_the_latest_result() -> None:
    """Of parallel tools the one that ends last starts the wait."""
    told = Told()
    told.prompt(0)
    told.reply(1)
    told.tool(1, 5)
    told.tool(1, 8, "Read")
    told.reply(10, 11)
    assert seconds(told) == [1.0, 3.0]


def test_a_prompt_at_the_same_moment_stands_before_the_reply() -> None:
    """A reply written in the same microsecond as its prompt took no time; it is not untimed."""
    told = Told()
    told.prompt(3)
    told.reply(3)
    assert seconds(told) == [0.0]


def test_a_reply_after_a_reply_has_no_response_time() -> None:
    """When nothing was said since the last reply, when the model was asked is unknown."""
    told = Told()
    told.prompt(0)
    told.reply(2)
    told.reply(9, 12)
    assert seconds(told) == [2.0, None]
    assert timeline_of(told.session()).responses[1] == Response(at(9), at(12), timed=False)


def test_replies_of_one_moment_share_their_wait() -> None:
    """An advisor's call inside a reply does not stand between the reply and its prompt."""
    told = Told()
    told.prompt(0)
    told.reply(2, 5, key="reply")
    told.reply(2, 3, key="advisor")
    told.reply(2, 4, key="second advisor")
    assert sorted(filter(None, seconds(told))) == [3.0, 4.0, 5.0]


def test_response_times_are_by_call() -> None:
    """Calls whose wait is known are told with it; the others are left out."""
    told = Told()
    told.prompt(0)
    first = told.reply(2)
    told.reply(9)
    assert response_times(timeline_of(told.session())) == {first: 2 * SECOND}


def test_a_reply_that_still_writes_after_a_result_hides_the_next_start() -> None:
    """A reply whose last record lies between a tool's result and the next reply is in between."""
    told = Told()
    told.prompt(0)
    told.reply(1, 6)
    told.tool(2, 4)
    told.reply(8)
    assert seconds(told) == [6.0, None]


def test_the_first_reply_of_a_torn_log_has_no_response_time() -> None:
    """A log that begins in the middle does not tell when its first reply was asked for."""
    told = Told()
    told.reply(1, 2)
    assert seconds(told) == [None]


def test_failed_attempts_are_a_part_of_the_wait() -> None:
    """A reply that came after two failures took from the prompt on."""
    told = Told()
    told.prompt(0)
    told.failure(1)
    told.failure(3)
    told.reply(7)
    assert seconds(told) == [7.0]


def test_the_request_s_own_time_is_the_start() -> None:
    """A log that tells when the request left gives the true start, whatever stands before it."""
    told = Told()
    told.prompt(0)
    told.reply(5, 6, sent_us=at(2))
    told.reply(8, 9, sent_us=at(7))
    assert seconds(told) == [4.0, 2.0]


def test_a_reported_response_time_wins() -> None:
    """What the log reports is taken as it is, before the request's time and before the prompt's."""
    told = Told()
    told.prompt(0)
    told.reply(5, 6, sent_us=at(2), response_ms=1500)
    assert seconds(told) == [1.5]


def test_a_clock_that_goes_backwards_gives_no_negative_time() -> None:
    """A request noted after its reply took no time."""
    told = Told()
    told.prompt(0)
    told.reply(5, sent_us=at(9))
    assert seconds(told) == [0.0]


def test_a_tool_runs_from_call_to_result() -> None:
    """Without a reported duration the figure is the time between the records, if there is any."""
    told = Told()
    told.tool(1, 4)
    told.tool(5, 4.9, "Read")
    told.tool(6, None, "Grep")
    assert executions(told) == [3 * SECOND, None, None]


def test_a_reported_duration_wins() -> None:
    """A tool that says how long it ran is believed, with or without a wait for approval."""
    told = Told()
    told.tool(1, 4, duration_ms=20)
    told.tool(5, 9, "Read", duration_ms=30, approval_ms=3000)
    assert executions(told) == [20_000, 30_000]


def test_the_wait_for_approval_is_not_execution() -> None:
    """Where the log tells the wait for consent, only what is left is the tool's."""
    told = Told()
    told.tool(1, 6, approval_ms=4000)
    assert executions(told) == [SECOND]


def test_a_refused_call_never_ran() -> None:
    """The time that a person took to refuse is no execution time."""
    told = Told()
    told.tool(1, 60, outcome="user_rejected")
    assert executions(told) == [None]


def test_active_time_leaves_out_long_gaps() -> None:
    """Gaps of five minutes and more do not count; what lies between is summed."""
    told = Told()
    told.prompt(0)
    told.reply(10, 20)
    told.prompt(20 + 299)
    told.reply(330)
    told.prompt(330 + 300)
    told.reply(631)
    timeline = timeline_of(told.session())
    assert timeline.active_us == (330 + 1) * SECOND
    assert (timeline.start_us, timeline.end_us) == (at(0), at(631))


def test_a_thread_without_operations_has_no_times() -> None:
    """A fork that did nothing yet has neither start nor end nor a division of its time."""
    told = Told()
    told.mark(5, "cwd", "/home/ana/shop")
    timeline = timeline_of(told.session())
    assert (timeline.start_us, timeline.end_us, timeline.active_us) == (None, None, 0)
    assert time_split(timeline) is None


def test_time_is_divided_among_model_tools_and_person() -> None:
    """Waiting for replies is the model's, running is the tools', the next prompt the person's."""
    told = Told()
    told.prompt(0)
    told.reply(3, 5)
    told.tool(5, 15)
    told.reply(18, 20)
    told.prompt(50)
    told.reply(52, 60)
    assert split(told) == TimeSplit(model=20, tool=10, approval=None, person=30, idle=0)


def test_parallel_tools_count_once() -> None:
    """Tools that run at the same time take the time that one of them took."""
    told = Told()
    told.prompt(0)
    told.reply(1)
    told.tool(1, 11)
    told.tool(2, 9, "Read")
    told.tool(10, 21, "Grep")
    assert split(told) == TimeSplit(model=1, tool=20)


def test_the_model_comes_before_a_tool_that_runs_meanwhile() -> None:
    """A tool that is started while the reply is still written gets what is left of its time."""
    told = Told()
    told.prompt(0)
    told.reply(2, 10)
    told.tool(4, 15)
    assert split(told) == TimeSplit(model=10, tool=5)


def test_approval_is_told_apart_where_the_log_shows_it() -> None:
    """A known wait for consent is the person's decision, not the tool's time."""
    told = Told()
    told.prompt(0)
    told.reply(1)
    told.tool(1, 31, approval_ms=20_000)
    assert split(told) == TimeSplit(model=1, tool=10, approval=20)


def test_work_is_never_told_as_waiting() -> None:
    """While one tool runs, another that waits for consent is not what is waited for."""
    told = Told()
    told.tool(0, 30, approval_ms=20_000)
    told.tool(0, 15, "Read")
    assert split(told) == TimeSplit(tool=25, approval=5)


def test_a_person_has_five_minutes() -> None:
    """Of a longer pause the first five minutes are the person's, the rest is idle."""
    told = Told()
    told.prompt(0)
    told.reply(10)
    told.prompt(10 + 3600)
    told.reply(3620)
    assert split(told) == TimeSplit(model=20, person=300, idle=3300)


def test_a_tool_that_asks_a_person_takes_the_persons_time() -> None:
    """An open question is a wait for the person: five minutes of it, and then idle."""
    told = Told()
    told.prompt(0)
    told.reply(1)
    told.tool(1, 61, "AskUserQuestion")
    told.reply(62)
    told.tool(62, 62 + 3600, "AskUserQuestion")
    assert split(told) == TimeSplit(model=2, person=360, idle=3300)


def test_a_pause_before_a_programs_prompt_is_idle() -> None:
    """A prompt that no person gave ends no person's turn."""
    told = Told()
    told.prompt(0)
    told.reply(10)
    told.prompt(30, by_person=False)
    told.reply(40)
    assert split(told) == TimeSplit(model=20, idle=20)


def test_what_nothing_explains_is_idle() -> None:
    """Two prompts in a row, or a reply that nobody asked for, leave time that nothing explains."""
    told = Told()
    told.prompt(0)
    told.prompt(20)
    told.reply(22)
    told.reply(30, 33)
    assert split(told) == TimeSplit(model=5, idle=28)


def test_a_failed_attempt_is_waited_for_too() -> None:
    """A turn that ended in failures spent its time waiting for the model."""
    told = Told()
    told.prompt(0)
    told.failure(4)
    told.failure(9)
    told.prompt(20)
    assert split(told) == TimeSplit(model=9, person=11)


def test_a_failure_that_nothing_preceded_takes_no_time() -> None:
    """A failure after a finished turn does not say when its attempt began."""
    told = Told()
    told.prompt(0)
    told.reply(5)
    told.failure(9)
    assert split(told) == TimeSplit(model=5, idle=4)


def test_a_tool_noted_when_it_ended_ran_before() -> None:
    """Where call and result bear one time, the reported duration lies before it, within the log."""
    told = Told()
    told.prompt(0)
    told.reply(2)
    told.tool(12, 12, duration_ms=8_000)
    assert split(told) == TimeSplit(model=2, tool=8, idle=2)


def test_a_tool_without_result_takes_no_time() -> None:
    """How long an unfinished call ran is not known."""
    told = Told()
    told.tool(0)
    told.prompt(7)
    assert split(told) == TimeSplit(idle=7)


def test_nothing_counts_beyond_the_log() -> None:
    """A reply that began before the first record counts from there."""
    told = Told()
    told.reply(10, 20, response_ms=60_000)
    assert split(told) == TimeSplit(model=10)


times = st.floats(0, 4_000).map(lambda second: round(second, 3))


@given(
    st.lists(st.tuples(times, st.booleans())),
    st.lists(st.tuples(times, st.floats(0, 500))),
    st.lists(st.tuples(times, st.floats(0, 500), st.none() | st.integers(0, 10**6))),
    st.lists(times),
)
def test_the_parts_of_the_time_add_up(
    prompts: list[tuple[float, bool]],
    replies: list[tuple[float, float]],
    tools: list[tuple[float, float, int | None]],
    failures: list[float],
) -> None:
    """Whatever overlaps, no part is negative and all together are the duration, to the µs."""
    told = Told()
    for when, by_person in prompts:
        told.prompt(when, by_person=by_person)
    for first, lasted in replies:
        told.reply(first, first + lasted)
    for number, (asked, lasted, approval_ms) in enumerate(tools):
        told.tool(asked, asked + lasted, key=f"tool {number}", approval_ms=approval_ms)
    for when in failures:
        told.failure(when)
    timeline = timeline_of(told.session())
    found = time_split(timeline)
    if timeline.start_us is None or timeline.end_us is None:
        assert found is None
        return
    assert found is not None
    parts = [found.model, found.tool, found.approval or 0, found.person, found.idle]
    assert min(parts) >= 0
    assert sum(parts) == timeline.end_us - timeline.start_us
    assert timeline.active_us <= timeline.end_us - timeline.start_us
