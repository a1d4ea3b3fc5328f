"""What is told: each family with its name, its kind and its meaning."""

from __future__ import annotations

import platform
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from tachlog import __version__
from tachlog.analysis.alerting.lifecycle import Alert
from tachlog.analysis.alerting.texts import SEVERITIES
from tachlog.scraping.exposition import Family, Labels, Sample
from tachlog.scraping.growth import DURATION_EDGES_US, TOKEN_EDGES, Counts, Key
from tachlog.stores.counting import Held
from tachlog.stores.following import Lag

_COUNTERS: Final = {
    "tachlog_tokens_total": "Tokens of model calls by kind; cached input is counted by itself.",
    "tachlog_unpriced_calls_total": "Model calls of which no price is known.",
    "tachlog_tool_calls_total": "Tool calls that came to an end.",
    "tachlog_errors_total": "Failed tool calls and failed model calls by class of error.",
}
_US: Final = 1_000_000
_DOLLAR: Final = 1_000_000_000


def grown(counts: Counts) -> Iterator[Family]:
    """The counters and histograms."""
    by_family: dict[str, dict[Labels, dict[str | int, int]]] = defaultdict(dict)
    for key, value in sorted(counts.items(), key=lambda item: _place(item[0])):
        by_family[key.family].setdefault(key.labels, {})[key.part] = value
    yield _histogram(
        "gen_ai_client_token_usage",
        "Tokens of a model call; input has all cached tokens.",
        by_family["gen_ai_client_token_usage"],
        TOKEN_EDGES,
        1,
    )
    yield _histogram(
        "gen_ai_client_operation_duration_seconds",
        "How long a model call took.",
        by_family["gen_ai_client_operation_duration_seconds"],
        DURATION_EDGES_US,
        _US,
    )
    yield _histogram(
        "gen_ai_client_operation_time_to_first_chunk_seconds",
        "How long the first part of a reply took, where the log tells it.",
        by_family["gen_ai_client_operation_time_to_first_chunk_seconds"],
        DURATION_EDGES_US,
        _US,
    )
    cost = by_family["tachlog_cost_nanousd"].items()
    yield Family(
        "tachlog_cost_usd_total",
        "counter",
        "What model calls cost, in dollars.",
        [Sample(parts[""] / _DOLLAR, labels) for labels, parts in cost],
    )
    for name, meaning in _COUNTERS.items():
        told = [Sample(parts[""], labels) for labels, parts in by_family[name].items()]
        yield Family(name, "counter", meaning, told)


def _place(key: Key) -> tuple[str, Labels, str]:
    return key.family, key.labels, str(key.part)


def _histogram(
    name: str,
    meaning: str,
    found: dict[Labels, dict[str | int, int]],
    edges: Sequence[int],
    unit: int,
) -> Family:
    samples = []
    for labels, parts in found.items():
        sums = list(accumulate(parts.get(place, 0) for place in range(len(edges) + 1)))
        for edge, below in zip([*(repr(edge / unit) for edge in edges), "+Inf"], sums, strict=True):
            samples.append(Sample(below, (*labels, ("le", edge)), "_bucket"))
        samples.append(Sample(parts["sum"] / unit, labels, "_sum"))
        samples.append(Sample(sums[-1], labels, "_count"))
    return Family(name, "histogram", meaning, samples)


def held(found: Held, size: int, active: int, now_us: int) -> Iterator[Family]:
    """What the archive holds: it falls when something is deleted."""
    for name, meaning, value in (
        ("archive_sessions", "Sessions in the archive.", found.sessions),
        ("archive_threads", "Sessions and their sub-agents in the archive.", found.threads),
        ("archive_files", "Files that were read or looked at.", found.files),
        ("archive_problems", "Records that could not be read.", found.problems),
        ("archive_bytes", "Bytes that the archive takes.", size),
        ("archive_model_calls", "Model calls in the archive.", found.calls),
        ("archive_unpriced_calls", "Model calls without a known price.", found.unpriced_calls),
        ("archive_tool_calls", "Tool calls in the archive.", found.tool_calls),
        ("archive_cost_usd", "What the calls in the archive cost.", found.cost_nanousd / _DOLLAR),
        ("sessions_open", "Sessions that did something in the past half hour.", active),
    ):
        yield Family(f"tachlog_{name}", "gauge", meaning, [Sample(value)])
    yield Family(
        "tachlog_archive_tokens",
        "gauge",
        "Tokens of the calls in the archive by kind.",
        [Sample(value, (("type", kind),)) for kind, value in found.tokens.items()],
    )
    read = [] if found.read_us is None else [Sample((now_us - found.read_us) / _US)]
    meaning = "Time since something was last read or sent."
    yield Family("tachlog_last_read_age_seconds", "gauge", meaning, read)


def mirrored(lags: Sequence[Lag]) -> Iterator[Family]:
    """How the mirrors stand."""
    behind = "Threads that a mirror has not got yet."
    failing = "Whether the last attempt to feed a mirror failed."
    told = [(each, (("mirror", each.name),)) for each in lags]
    samples = [Sample(each.behind, labels) for each, labels in told]
    yield Family("tachlog_mirror_behind_threads", "gauge", behind, samples)
    samples = [Sample(each.fault is not None, labels) for each, labels in told]
    yield Family("tachlog_mirror_failing", "gauge", failing, samples)


def alerting(alive: Sequence[Alert]) -> Family:
    """The alerts that have not ended, by severity and state."""
    told = Counter[tuple[str, str]]((each.severity, each.state) for each in alive)
    return Family(
        "tachlog_alerts",
        "gauge",
        "Alerts that have not ended.",
        [
            Sample(told[severity, state], (("severity", severity), ("state", state)))
            for severity in SEVERITIES
            for state in ("firing", "acknowledged")
        ],
    )


def build() -> Family:
    """Which tachlog answers."""
    labels = (("version", __version__), ("python", platform.python_version()))
    return Family("tachlog_build_info", "gauge", "Which tachlog answers.", [Sample(1, labels)])


def checked(checks: Sequence[tuple[str, bool]]) -> Family:
    """Whether each part of the service does its work."""
    samples = [Sample(ok, (("part", name),)) for name, ok in checks]
    return Family("tachlog_part_ok", "gauge", "Whether a part does its work.", samples)
