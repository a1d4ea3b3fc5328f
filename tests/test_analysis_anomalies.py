"""What is unusual within a session is found by fixed rules, in whole numbers."""

from math import exp, log, sqrt
from random import Random
from statistics import fmean, median_low, pstdev

import pytest

from sessions_by_hand import SECOND, at
from tachlog.analysis.anomalies import (
    ErrorAt,
    TimedCall,
    anomalies_of,
    error_clusters,
    slow_replies,
)
from tachlog.analysis.sequences import Loop
from tachlog.metrics import Anomaly


def timed(durations: list[int], model: str = "opus") -> list[TimedCall]:
    """Return one call a minute with each duration in µs."""
    return [
        TimedCall(key, model, at(60 * key), at(60 * key) + duration)
        for key, duration in enumerate(durations)
    ]


def spikes(durations: list[int], kind: str = "response_time_spike") -> list[int]:
    """Return the durations that are called unusual."""
    return [found.value for found in slow_replies(timed(durations)) if found.type == kind]


def test_a_reply_beyond_three_sigma_is_a_spike() -> None:
    """The anomaly tells value, threshold, mean, model and the call that it rests on."""
    durations = [1_000_000 + step for step in range(30)] + [60_000_000]
    found = [a for a in slow_replies(timed(durations)) if a.type == "response_time_spike"]
    mean, sigma = fmean(durations), pstdev(durations)
    assert found == [
        Anomaly(
            "response_time_spike",
            60_000_000,
            found[0].threshold,
            int(mean),
            log_id="000000000000001e",
            start_us=at(1800),
            end_us=at(1860),
            about="opus",
        )
    ]
    assert found[0].threshold == pytest.approx(mean + 3 * sigma, abs=2)


@pytest.mark.parametrize("seed", range(5))
def test_spikes_are_those_of_the_textbook(seed: int) -> None:
    """Integer arithmetic finds what the floating formula finds."""
    random = Random(seed)
    durations = [round(random.lognormvariate(15, 1)) for _ in range(200)]
    limit = fmean(durations) + 3 * pstdev(durations)
    assert spikes(durations) == [duration for duration in durations if duration > limit]
    assert spikes(durations)


def test_fewer_than_twenty_replies_have_no_spikes() -> None:
    """Nineteen calls are too few to say what is usual, of each model apart."""
    assert spikes([1_000] * 18 + [90_000]) == []
    mixed = timed([1_000] * 15 + [90_000]) + timed([1_000] * 15, "haiku")
    assert list(slow_replies(mixed)) == []
    assert spikes([1_000] * 19 + [90_000]) == [90_000]


def test_equal_replies_have_no_spikes() -> None:
    """Nothing is above a mean without spread."""
    assert spikes([1_000] * 40) == []


def test_outliers_are_not_hidden_by_extremes() -> None:
    """Two extremes lift mean and deviation above a third one, and leave median and MAD alone."""
    durations = [1_000 + 20 * step for step in range(24)] + [50_000, 900_000, 900_000]
    assert 50_000 not in spikes(durations)
    assert spikes(durations, "response_time_outlier") == [50_000, 900_000, 900_000]


def test_an_outlier_is_above_a_modified_score() -> None:
    """The threshold is the median and 3.5 / 0.6745 median deviations of the logarithms."""
    random = Random(5)
    durations = [round(random.lognormvariate(16, 0.5)) for _ in range(99)] + [10**9]
    (found,) = (a for a in slow_replies(timed(durations)) if a.type == "response_time_outlier")
    logarithms = [log(duration) for duration in durations]
    middle = median_low(logarithms)
    deviation = median_low(abs(number - middle) for number in logarithms)
    assert found.baseline == pytest.approx(exp(middle), rel=0.01)
    assert found.threshold == pytest.approx(exp(middle + 3.5 / 0.6745 * deviation), rel=0.1)
    assert (found.value, found.log_id) == (10**9, f"{99:016x}")


def test_skewed_replies_have_few_outliers() -> None:
    """Times that spread as those of real logs do are usual, also the slow ones among them."""
    random = Random(6)
    durations = [round(random.lognormvariate(16, 0.9)) for _ in range(500)]
    assert len(spikes(durations, "response_time_outlier")) <= 3


def test_without_a_median_deviation_there_are_no_outliers() -> None:
    """When more than half of the replies took the same time, the rule would name all others."""
    assert spikes([1_000] * 20 + [1_001] * 9, "response_time_outlier") == []


def test_three_errors_in_a_row_of_minutes_are_a_cluster() -> None:
    """Gaps up to 60 s join errors; the cluster tells its time, number and commonest class."""
    errors = [
        ErrorAt(at(when), name)
        for when, name in [(0, "b"), (60, "a"), (120, "a"), (181, "c"), (200, "c")]
    ]
    assert list(error_clusters(reversed(errors))) == [
        Anomaly(
            "error_cluster", 3, 3, start_us=at(0), end_us=at(120), count=3, about="a", minor=True
        )
    ]


def test_two_errors_are_no_cluster() -> None:
    """Neither two errors nor none make a cluster."""
    assert list(error_clusters([ErrorAt(at(0), "a"), ErrorAt(at(1), "a")])) == []
    assert list(error_clusters([])) == []


def test_commonest_classes_of_equal_number_go_by_name() -> None:
    """The same errors in any order give the same cluster."""
    errors = [ErrorAt(at(when), name) for when, name in [(0, "b"), (1, "a"), (2, "b"), (2, "a")]]
    (found,) = error_clusters(errors)
    assert found.about == "a"


def test_a_cluster_ends_where_the_errors_end() -> None:
    """A second burst after a pause is a cluster of its own."""
    errors = [ErrorAt(at(when), "a") for when in (0, 1, 2, 300, 301, 302, 303)]
    assert [found.count for found in error_clusters(errors)] == [3, 4]


def test_anomalies_stand_in_order_of_time() -> None:
    """Spikes, clusters and loops are told as they happened; loops with their calls and tools."""
    durations = [SECOND] * 20 + [90 * SECOND]
    errors = [ErrorAt(at(when), "timeout") for when in (5, 6, 7)]
    loops = [Loop(("Read", "Edit"), 3, 6, at(1300), at(1400)), Loop(("Bash",), 0, 4, at(2), at(3))]
    found = anomalies_of(timed(durations), errors, loops)
    assert [(a.type, a.start_us) for a in found] == [
        ("loop", at(2)),
        ("error_cluster", at(5)),
        ("response_time_spike", at(1200)),
        ("loop", at(1300)),
    ]
    assert found[0] == Anomaly("loop", 4, 3, start_us=at(2), end_us=at(3), count=4, about="Bash")
    assert (found[3].value, found[3].threshold, found[3].about) == (6, 6, "Read->Edit")


def test_deviation_is_of_the_population() -> None:
    """σ divides by the number of calls: with one value among n of zero, mean + 3σ is known."""
    durations = [0] * 24 + [1_000_000]
    (found,) = (a for a in slow_replies(timed(durations)) if a.type == "response_time_spike")
    assert found.threshold == int((1 + 3 * sqrt(24)) / 25 * 1_000_000)


def test_what_healthy_sessions_have_as_well_is_minor() -> None:
    """Notable: seven errors, no more successes; 20 times the median, 2.5 times the next slowest."""
    seven = [ErrorAt(at(10 * place), "a") for place in range(7)]

    def minor(errors: list[ErrorAt], successes: list[int]) -> list[bool]:
        return [found.minor for found in error_clusters(errors, successes)]

    assert minor(seven[:6], []) == [True]
    assert minor(seven, [at(5)] * 7 + [at(61)]) == [False]
    assert minor(seven, [at(5)] * 8) == [True]
    times = [2_000_000] * 30
    for slow, told in ((39_000_000, True), (40_000_000, False)):
        assert {a.minor for a in slow_replies(timed([*times, slow]))} == {told}
    for slow, told in ((119_000_000, True), (120_000_000, False)):
        found = slow_replies(timed([*times, 48_000_000, slow]))
        assert {a.minor for a in found if a.value == slow} == {told}
    short = [100_000] * 30
    assert {a.minor for a in slow_replies(timed([*short, 29_000_000]))} == {True}


def test_waiting_again_and_again_is_a_minor_loop() -> None:
    """A tool that looks after what runs is asked the same again by its nature."""
    loops = [Loop((tool,), 0, 9, at(0), at(9)) for tool in ("write_stdin", "Read")]
    assert [(found.about, found.minor) for found in anomalies_of([], [], loops)] == [
        ("Read", False),
        ("write_stdin", True),
    ]
