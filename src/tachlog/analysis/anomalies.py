"""What is unusual within one session: slow replies, bursts of errors, loops.

Rules: docs/design.md, "Anomalies", checked 2026-11-22. Integers in, integers out. What meets a rule
and is no more than healthy sessions show as well is `minor`; where that begins was found with
planted faults (docs/insight.md, 2026-11-23).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import isqrt
from operator import mul

from msgspec import Struct

from tachlog.analysis.sequences import LOOP_REPEATS, Loop, key_of_gram
from tachlog.data import repeats_by_nature
from tachlog.metrics import Anomaly
from tachlog.metrics.sketch import bin_of, value_of

LEAST_CALLS = 20
LEAST_ERRORS = 3
ERROR_GAP_US = 60 * 1_000_000

NOTABLE_TIMES = 20
NOTABLE_US = 30 * 1_000_000
"""A slow reply is notable from twenty times the session's median on, and half a minute: of 10,147
calls in public logs 99.5 % took up to 16.6 times the median of their session (2026-11-23). And from
two and a half times the next slowest on: small models often take twenty times their median."""

NOTABLE_ERRORS = 7
"""A burst is notable from seven errors on, at least every other operation failing: of 341 runs of
failed tool calls in public logs none was as long (2026-11-23)."""

_MAD_MULTIPLE_NUM, _MAD_MULTIPLE_DEN = 35_000, 6_745
"""3.5 / 0.6745: a modified z-score above 3.5 (B. Iglewicz, D. Hoaglin, "How to detect and handle
outliers", 1993), the usual counterpart of mean and standard deviation; checked 2026-11-22."""


class TimedCall(Struct, frozen=True, gc=False):
    """One model call with the time that its reply took."""

    key: int
    model: str
    start_us: int
    end_us: int

    @property
    def duration_us(self) -> int:
        """How long the reply took."""
        return self.end_us - self.start_us


class ErrorAt(Struct, frozen=True):
    """One error: when, and its class."""

    at_us: int
    error_class: str


def anomalies_of(
    calls: Iterable[TimedCall],
    errors: Iterable[ErrorAt],
    loops: Iterable[Loop],
    successes: Sequence[int] = (),
) -> list[Anomaly]:
    """Everything unusual of one session, in order of time.

    `successes` are the times of tool calls that worked, ascending.
    """
    found = [*slow_replies(calls), *error_clusters(errors, successes), *map(_loop, loops)]
    return sorted(found, key=lambda a: (a.start_us or 0, a.type, a.log_id or "", a.about or ""))


def slow_replies(calls: Iterable[TimedCall]) -> Iterator[Anomaly]:
    """Replies slower than the session's others with the same model, if there are at least twenty.

    `response_time_spike`: above mean + 3 σ (of the population). `response_time_outlier`: above the
    median by 3.5 modified standard scores, which a few extremes cannot hide, on a logarithmic scale
    (the bins of a sketch), since on a linear one a tenth of all replies in real logs lies above.
    None where more than half of the times are equal: every other one would be out. Values are µs.
    """
    by_model: dict[str, list[TimedCall]] = {}
    for call in calls:
        by_model.setdefault(call.model, []).append(call)
    for group in by_model.values():
        if len(group) < LEAST_CALLS:
            continue
        times = [call.end_us - call.start_us for call in group]
        next_us = sorted(times)[-2]
        notable = max(NOTABLE_US, NOTABLE_TIMES * _median(times), next_us * 5 // 2)
        yield from _above("response_time_spike", group, *_mean_and_limit(times), notable)
        middle, limit = _median_and_limit(times)
        if limit > middle:
            yield from _above("response_time_outlier", group, middle, limit, notable)


def error_clusters(errors: Iterable[ErrorAt], successes: Sequence[int] = ()) -> Iterator[Anomaly]:
    """Three or more errors with no gap above 60 s; `about` is the most frequent class."""
    cluster: list[ErrorAt] = []
    for error in sorted(errors, key=lambda e: (e.at_us, e.error_class)):
        if cluster and error.at_us - cluster[-1].at_us > ERROR_GAP_US:
            yield from _cluster(cluster, successes)
            cluster = []
        cluster.append(error)
    yield from _cluster(cluster, successes)


def _mean_and_limit(times: Sequence[int]) -> tuple[int, int]:
    """The mean and mean + 3 σ, rounded down: n·σ is √(n·Σx² - (Σx)²), one integer root."""
    count, total = len(times), sum(times)
    n_sigma = isqrt(count * sum(map(mul, times, times)) - total * total)
    return total // count, (total + 3 * n_sigma) // count


def _median_and_limit(times: Sequence[int]) -> tuple[int, int]:
    bins = [*map(bin_of, times)]
    middle = _median(bins)
    deviation = _median([abs(number - middle) for number in bins])
    limit = middle + deviation * _MAD_MULTIPLE_NUM // _MAD_MULTIPLE_DEN
    return value_of(middle), value_of(limit)


def _median(numbers: Sequence[int]) -> int:
    """The middle number, of an even count the lower of the two."""
    return sorted(numbers)[(len(numbers) - 1) // 2]


def _above(
    type_: str, calls: Iterable[TimedCall], baseline: int, limit: int, notable: int
) -> Iterator[Anomaly]:
    for call in calls:
        if call.end_us - call.start_us > limit:
            yield Anomaly(
                type_,
                call.duration_us,
                limit,
                baseline,
                log_id=f"{call.key:016x}",
                start_us=call.start_us,
                end_us=call.end_us,
                about=call.model,
                minor=call.duration_us < notable,
            )


def _cluster(errors: Sequence[ErrorAt], successes: Sequence[int]) -> Iterator[Anomaly]:
    if len(errors) < LEAST_ERRORS:
        return
    begun, ended = errors[0].at_us, errors[-1].at_us
    worked = bisect_right(successes, ended) - bisect_left(successes, begun)
    classes = Counter(error.error_class for error in errors)
    yield Anomaly(
        "error_cluster",
        len(errors),
        LEAST_ERRORS,
        start_us=begun,
        end_us=ended,
        count=len(errors),
        about=min(classes, key=lambda name: (-classes[name], name)),
        minor=len(errors) < NOTABLE_ERRORS or worked > len(errors),
    )


def _loop(loop: Loop) -> Anomaly:
    return Anomaly(
        "loop",
        loop.calls,
        LOOP_REPEATS * len(loop.tools),
        start_us=loop.start_us,
        end_us=loop.end_us,
        count=loop.calls,
        about=key_of_gram(loop.tools),
        minor=any(map(repeats_by_nature, loop.tools)),
    )
