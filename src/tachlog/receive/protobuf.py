"""OTLP requests from protobuf to the JSON that OTLP writes, so that one source reads both.

The mapping is that of OTLP/JSON (opentelemetry-proto docs/specification.md, checked 2026-11-22):
ids in hexadecimal, enumerations as numbers, 64-bit numbers as texts. What
nothing reads is left out.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError
from msgspec import Raw
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tachlog.receive.bodies import Signal, Unreadable

_encode: Final = msgspec.json.Encoder().encode
Json = dict[str, Any]


def as_json(signal: Signal, body: bytes) -> bytes:
    """The request of a body as one line of JSON; raises `Unreadable` for what is no request."""
    try:
        return _encode(_REQUESTS[signal](body)) + b"\n"
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"no protobuf of an OTLP {signal} request: {error}") from None


def _traces(body: bytes) -> Json:
    request = ExportTraceServiceRequest.FromString(body)
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _pairs(group.resource.attributes)},
                "scopeSpans": [
                    {"spans": [Raw(_encode(_span(span))) for span in scope.spans]}
                    for scope in group.scope_spans
                ],
            }
            for group in request.resource_spans
        ]
    }


def _span(span: Any) -> Json:
    status = span.status
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "name": span.name,
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
        "attributes": _pairs(span.attributes),
        "events": [
            {"name": event.name, "attributes": _pairs(event.attributes)} for event in span.events
        ],
        "status": {"code": status.code, "message": status.message},
    }


def _logs(body: bytes) -> Json:
    request = ExportLogsServiceRequest.FromString(body)
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": _pairs(group.resource.attributes)},
                "scopeLogs": [
                    {"logRecords": [Raw(_encode(_log(log))) for log in scope.log_records]}
                    for scope in group.scope_logs
                ],
            }
            for group in request.resource_logs
        ]
    }


def _log(log: Any) -> Json:
    return {
        "timeUnixNano": str(log.time_unix_nano),
        "observedTimeUnixNano": str(log.observed_time_unix_nano),
        "eventName": log.event_name,
        "body": _value(log.body),
        "attributes": _pairs(log.attributes),
    }


def _metrics(body: bytes) -> Json:
    request = ExportMetricsServiceRequest.FromString(body)
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": _pairs(group.resource.attributes)},
                "scopeMetrics": [
                    {"metrics": [_metric(metric) for metric in scope.metrics]}
                    for scope in group.scope_metrics
                ],
            }
            for group in request.resource_metrics
        ]
    }


def _metric(metric: Any) -> Json:
    """A metric; of sums and histograms the points as well, without their buckets."""
    kind = metric.WhichOneof("data")
    if kind not in ("sum", "histogram"):
        return {"name": metric.name}
    data = getattr(metric, kind)
    return {
        "name": metric.name,
        kind: {
            "aggregationTemporality": data.aggregation_temporality,
            "dataPoints": [Raw(_encode(_point(point))) for point in data.data_points],
        },
    }


def _point(point: Any) -> Json:
    told: Json = {
        "attributes": _pairs(point.attributes),
        "startTimeUnixNano": str(point.start_time_unix_nano),
        "timeUnixNano": str(point.time_unix_nano),
    }
    names = {"as_int": "asInt", "as_double": "asDouble", "sum": "sum"}
    set_fields = {field.name: value for field, value in point.ListFields()}
    return told | {json: set_fields[name] for name, json in names.items() if name in set_fields}


_REQUESTS: Final = {"traces": _traces, "logs": _logs, "metrics": _metrics}


def _pairs(pairs: Any) -> list[Json]:
    return [{"key": pair.key, "value": _value(pair.value)} for pair in pairs]


def _value(value: Any) -> Json:
    """An OTLP value; of bytes nothing but that they are there."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return {"stringValue": value.string_value}
    if kind == "int_value":
        return {"intValue": str(value.int_value)}
    if kind == "double_value":
        return {"doubleValue": value.double_value}
    if kind == "bool_value":
        return {"boolValue": value.bool_value}
    if kind == "array_value":
        return {"arrayValue": {"values": [_value(one) for one in value.array_value.values]}}
    if kind == "kvlist_value":
        return {"kvlistValue": {"values": _pairs(value.kvlist_value.values)}}
    return {}
