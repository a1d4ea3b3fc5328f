"""Who is told of what, and when: the pure core of sending, under a clock that is made up."""

from __future__ import annotations

from datetime import UTC
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tachlog.analysis.alerting.channels import Channel
from tachlog.analysis.alerting.lifecycle import Alert
from tachlog.analysis.alerting.routing import (
    GROUP_INTERVAL_US,
    GROUP_WAIT_US,
    REPEAT_INTERVAL_US,
    SKEW_US,
    Notice,
    Told,
    due,
)

SECOND = 1_000_000
NOW = 1_790_000_000 * SECOND
"""Mon 21 Sep 2026, 14:13 UTC."""

STEP = 10 * SECOND
ME = Channel(name="me", url="stdout")


def alert(number: int = 1, at_us: int = NOW, **more: object) -> Alert:
    """An alert that fired at a moment."""
    plain = Alert(
        id=UUID(int=number),
        rule="tool_loop",
        labels=(("session", f"s{number}"),),
        state="firing",
        severity="warning",
        message="The same tool call 6 times in a row",
        measures={"repeats": 6},
        since_us=at_us,
        fired_us=at_us,
    )
    return replace(plain, **more)


def said(notice: Notice | None) -> tuple[list[int], list[int]] | None:
    """The numbers of the alerts that a message tells of as firing and as ended."""
    if notice is None:
        return None
    return [each.id.int for each in notice.firing], [each.id.int for each in notice.resolved]


def test_alerts_wait_for_each_other_and_are_repeated() -> None:
    """The first waits half a minute, what follows five; what goes on is told every four hours."""
    one, two = alert(1), alert(2, NOW + 20 * SECOND)
    assert due(ME, [one, two], (), None, NOW + 29 * SECOND, UTC) is None
    first = due(ME, [one, two], (), None, NOW + GROUP_WAIT_US, UTC)
    assert said(first) == ([1, 2], [])
    assert first is not None
    told = Told(NOW, first.open)
    three = alert(3, NOW + SECOND)
    assert due(ME, [one, two, three], (), told, NOW + GROUP_INTERVAL_US - 1, UTC) is None
    assert said(due(ME, [one, two, three], (), told, NOW + GROUP_INTERVAL_US, UTC)) == (
        [1, 2, 3],
        [],
    )
    assert due(ME, [one, two], (), told, NOW + REPEAT_INTERVAL_US - 1, UTC) is None
    assert said(due(ME, [one, two], (), told, NOW + REPEAT_INTERVAL_US, UTC)) == ([1, 2], [])
    ended = replace(one, state="resolved")
    assert said(due(ME, [ended, two], (), told, NOW + GROUP_INTERVAL_US, UTC)) == ([2], [1])
    silent = replace(ME, send_resolved=False)
    assert due(silent, [ended, two], (), told, NOW + GROUP_INTERVAL_US, UTC) is None
    worse = replace(one, severity="critical")
    assert said(due(ME, [worse, two], (), told, NOW + GROUP_INTERVAL_US, UTC)) == ([1, 2], [])


def test_what_ends_within_the_wait_is_never_told() -> None:
    """An alert that nobody was told of needs no end, and one that was acknowledged no repeat."""
    ended = alert(state="resolved")
    assert due(ME, [ended], (), None, NOW + GROUP_WAIT_US, UTC) is None
    taken = alert(state="acknowledged")
    told = Told(NOW, {str(taken.id): "warning"})
    assert due(ME, [taken], (), told, NOW + REPEAT_INTERVAL_US, UTC) is None
    assert said(due(ME, [ended], (), told, NOW + REPEAT_INTERVAL_US, UTC)) == ([], [1])


@pytest.mark.parametrize(
    ("channel", "one", "tells"),
    [
        (replace(ME, severities=("critical",)), alert(), False),
        (replace(ME, severities=("critical",)), alert(severity="critical"), True),
        (replace(ME, match={"session": "s1", "rule": "tool_loop"}), alert(), True),
        (replace(ME, match={"session": "s2"}), alert(), False),
        (replace(ME, match={"project": "shop"}), alert(), False),
        (replace(ME, quiet_hours="13:00-15:00"), alert(), False),
        (replace(ME, quiet_hours="13:00-15:00"), alert(severity="critical"), True),
        (replace(ME, quiet_hours="22:00-14:00"), alert(), True),
        (replace(ME, quiet_hours="22:00-14:30"), alert(), False),
        (ME, alert(at_us=NOW + 3 * SKEW_US), True),
    ],
)
def test_who_is_told(channel: Channel, one: Alert, tells: bool) -> None:
    """Severities, labels and quiet hours decide; a clock that was wrong holds nothing back."""
    assert (due(channel, [one], (), None, NOW + GROUP_WAIT_US, UTC) is not None) is tells


def test_quiet_hours_and_silences_put_off_an_end() -> None:
    """Who heard that it fires hears that it ended, when it may be told again."""
    ended, urgent = alert(1, state="resolved"), alert(2, severity="critical")
    quiet = replace(ME, quiet_hours="13:00-15:00")
    told = Told(NOW - REPEAT_INTERVAL_US, {str(ended.id): "warning"})
    notice = due(quiet, [ended, urgent], (), told, NOW + GROUP_WAIT_US, UTC)
    assert said(notice) == ([2], [])
    assert notice is not None
    after = Told(NOW, notice.open)
    assert said(due(quiet, [ended, urgent], (), after, NOW + 3600 * SECOND, UTC)) == ([2], [1])
    assert due(ME, [ended], {ended.id}, told, NOW, UTC) is None
    assert said(due(ME, [ended], (), told, NOW, UTC)) == ([], [1])


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 300),  # when it fires, in steps of ten seconds
            st.integers(1, 2000),  # for how long
            st.one_of(st.none(), st.integers(0, 100)),  # when it becomes critical
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 40),
)
def test_nothing_is_told_twice_or_lost(spans: list[tuple[int, int, int | None]], skip: int) -> None:
    """Any alerts, looked at in any rhythm: no state is told twice too soon, none is left untold."""
    last: Told | None = None
    messages: list[tuple[int, Notice]] = []
    step = 0
    while step < 2500:
        now = NOW + step * STEP
        alive = []
        for number, (begun, length, worse) in enumerate(spans):
            if begun <= step:
                over = step >= begun + length
                critical = worse is not None and step >= begun + worse
                alive.append(
                    alert(
                        number,
                        NOW + begun * STEP,
                        state="resolved" if over else "firing",
                        severity="critical" if critical else "warning",
                    )
                )
        notice = due(ME, alive, (), last, now, UTC)
        if notice is not None:
            messages.append((now, notice))
            last = Told(now, notice.open)
        step += 1 + skip // 10
    for (before, one), (after, other) in pairwise(messages):
        assert after - before >= GROUP_INTERVAL_US
        same = [(e.id, e.severity) for e in one.firing] == [
            (e.id, e.severity) for e in other.firing
        ]
        if same and not other.resolved:
            assert after - before >= REPEAT_INTERVAL_US
    told = {each.id.int for _, notice in messages for each in notice.firing}
    ended = [each.id.int for _, notice in messages for each in notice.resolved]
    assert sorted(ended) == sorted(told)
    assert last is None or last.open == {}
    wait = (GROUP_WAIT_US + GROUP_INTERVAL_US) // STEP + 10
    assert {number for number, (_, length, _) in enumerate(spans) if length > wait} <= told
