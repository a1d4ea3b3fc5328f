"""Counters as an OTLP request, and a collector that is told them.

Sums are cumulative, from one start on: a request that is lost, comes twice or goes to several
collectors loses and doubles nothing, and no collector's place has to be kept. Names and attributes
are those of OpenTelemetry's conventions, else those of `/metrics` in OpenTelemetry's way, so that a
Prometheus behind a collector has the same names. Sources: opentelemetry-proto 1.10
(metrics.proto), the OTLP specification 1.9 and its exporter's variables (checked 2026-11-23).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from google.protobuf.message import DecodeError
from msgspec import Struct
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from tachlog import __version__
from tachlog.posting import PostError, post
from tachlog.scraping.exposition import Labels
from tachlog.scraping.growth import DURATION_EDGES_US, TOKEN_EDGES, Counts

PATH: Final = "/v1/metrics"
TYPE: Final = "application/x-protobuf"
_PREFIX: Final = "OTEL_EXPORTER_OTLP_"
_US: Final = 1_000_000
_DOLLAR: Final = 1_000_000_000


class Told(Struct, frozen=True):
    """A family's name, unit (UCUM) and what one of the unit is of what is counted."""

    name: str
    unit: str
    meaning: str
    per: int = 1
    edges: Sequence[int] = ()


FAMILIES: Final[Mapping[str, Told]] = {
    "gen_ai_client_token_usage": Told(
        "gen_ai.client.token.usage",
        "{token}",
        "Tokens of a model call; input has all cached tokens.",
        edges=TOKEN_EDGES,
    ),
    "gen_ai_client_operation_duration_seconds": Told(
        "gen_ai.client.operation.duration",
        "s",
        "How long a model call took.",
        _US,
        DURATION_EDGES_US,
    ),
    "gen_ai_client_operation_time_to_first_chunk_seconds": Told(
        "gen_ai.client.operation.time_to_first_chunk",
        "s",
        "How long the first part of a reply took, where the log tells it.",
        _US,
        DURATION_EDGES_US,
    ),
    "tachlog_cost_nanousd": Told(
        "tachlog.cost.usd", "{USD}", "What model calls cost at API prices.", _DOLLAR
    ),
    "tachlog_tokens_total": Told("tachlog.tokens", "{token}", "Tokens of model calls by kind."),
    "tachlog_unpriced_calls_total": Told(
        "tachlog.unpriced_calls", "{call}", "Model calls of which no price is known."
    ),
    "tachlog_tool_calls_total": Told(
        "tachlog.tool_calls", "{call}", "Tool calls that came to an end."
    ),
    "tachlog_errors_total": Told(
        "tachlog.errors", "{error}", "Failed tool calls and failed model calls by class."
    ),
}


class Collector(Struct, frozen=True):
    """Where metrics go: the whole URL, headers of every request, how long an answer may take."""

    url: str
    headers: Mapping[str, str] = {}
    timeout_s: float = 10.0


class Answered(Struct, frozen=True):
    """What a collector said: how many points it refused, and why, or what it warns of."""

    points: int
    rejected: int
    message: str


def collector_of(
    environ: Mapping[str, str], endpoint: str | None, headers: str | None
) -> Collector | None:
    """Where to send; what is given goes before the variables of OpenTelemetry's exporters.

    An endpoint is the address that `/v1/metrics` is appended to. None where nobody named one;
    raises ValueError for what is no address.
    """
    whole = environ.get(f"{_PREFIX}METRICS_ENDPOINT")
    base = endpoint or (None if whole else environ.get(f"{_PREFIX}ENDPOINT"))
    url = base.rstrip("/") + PATH if base else whole
    if not url:
        return None
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ValueError(f"{url} is no address of a collector, such as http://localhost:4318")
    pairs = headers or environ.get(f"{_PREFIX}METRICS_HEADERS") or environ.get(f"{_PREFIX}HEADERS")
    patience = environ.get(f"{_PREFIX}METRICS_TIMEOUT") or environ.get(f"{_PREFIX}TIMEOUT") or ""
    timeout_s = int(patience) / 1000 if patience.isdecimal() and int(patience) else 10.0
    return Collector(url, dict(_headers(pairs or "")), timeout_s)


def _headers(text: str) -> Iterator[tuple[str, str]]:
    """`name=value,name=value`, values in percent encoding."""
    for pair in filter(None, map(str.strip, text.split(","))):
        name, is_pair, value = pair.partition("=")
        if not (is_pair and name.strip()):
            raise ValueError(f"a header is written name=value, not {name!r}")
        yield name.strip(), unquote(value.strip())


def push(
    collector: Collector, counts: Counts, archive: str, since_us: int, now_us: int
) -> Answered:
    """Tell a collector; raises `PostError` where it takes nothing."""
    asked = request(counts, archive, since_us, now_us)
    body = asked.SerializeToString()
    headers = {"Content-Type": TYPE, "User-Agent": f"tachlog/{__version__}", **collector.headers}
    answer = post(collector.url, body, headers, timeout_s=collector.timeout_s)
    try:
        partial = ExportMetricsServiceResponse.FromString(answer).partial_success
    except DecodeError:
        raise PostError(f"{collector.url} answers, but does not speak OTLP in protobuf") from None
    return Answered(sum(points_of(asked)), int(partial.rejected_data_points), partial.error_message)


def points_of(asked: ExportMetricsServiceRequest) -> Iterator[int]:
    """How many points each metric of a request has."""
    for metric in asked.resource_metrics[0].scope_metrics[0].metrics:
        yield len(getattr(metric, metric.WhichOneof("data")).data_points)


def request(
    counts: Counts, archive: str, since_us: int, now_us: int
) -> ExportMetricsServiceRequest:
    """Counts from a start up to now, as one resource: the archive that they are of."""
    asked = ExportMetricsServiceRequest()
    group = asked.resource_metrics.add()
    group.resource.attributes.extend(
        _pairs(
            [
                ("service.name", "tachlog"),
                ("service.version", __version__),
                ("service.instance.id", archive),
            ]
        )
    )
    scope = group.scope_metrics.add()
    scope.scope.name, scope.scope.version = "tachlog", __version__
    found: dict[str, dict[Labels, dict[str | int, int]]] = defaultdict(dict)
    for key, value in counts.items():
        found[key.family].setdefault(key.labels, {})[key.part] = value
    span_ns = (since_us * 1000, now_us * 1000)
    scope.metrics.extend(
        _metric(told, found[family], span_ns) for family, told in FAMILIES.items() if found[family]
    )
    return asked


def _metric(
    told: Told, found: Mapping[Labels, Mapping[str | int, int]], span_ns: tuple[int, int]
) -> Metric:
    metric = Metric(name=told.name, unit=told.unit, description=told.meaning)
    data = metric.histogram if told.edges else metric.sum
    data.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    if told.edges:
        metric.histogram.data_points.extend(
            _histogram(told, labels, parts, span_ns) for labels, parts in sorted(found.items())
        )
    else:
        metric.sum.is_monotonic = True
        metric.sum.data_points.extend(
            _number(told, labels, parts[""], span_ns) for labels, parts in sorted(found.items())
        )
    return metric


def _histogram(
    told: Told, labels: Labels, parts: Mapping[str | int, int], span_ns: tuple[int, int]
) -> HistogramDataPoint:
    buckets = [parts.get(place, 0) for place in range(len(told.edges) + 1)]
    return HistogramDataPoint(
        attributes=_pairs(_attributes(labels)),
        start_time_unix_nano=span_ns[0],
        time_unix_nano=span_ns[1],
        count=sum(buckets),
        sum=parts.get("sum", 0) / told.per,
        bucket_counts=buckets,
        explicit_bounds=[edge / told.per for edge in told.edges],
    )


def _number(told: Told, labels: Labels, value: int, span_ns: tuple[int, int]) -> NumberDataPoint:
    point = NumberDataPoint(
        attributes=_pairs(_attributes(labels)),
        start_time_unix_nano=span_ns[0],
        time_unix_nano=span_ns[1],
    )
    if told.per == 1:
        point.as_int = value
    else:
        point.as_double = value / told.per
    return point


_CONVENTION: Final = {
    "gen_ai_operation_name": "gen_ai.operation.name",
    "gen_ai_provider_name": "gen_ai.provider.name",
    "gen_ai_request_model": "gen_ai.request.model",
    "gen_ai_token_type": "gen_ai.token.type",
}


def _attributes(labels: Labels) -> Iterator[tuple[str, str]]:
    for name, value in labels:
        yield _CONVENTION.get(name, name), value


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in pairs]
