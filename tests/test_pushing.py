"""`tachlog export --format otlp`: metrics that a real collector understands, told anew."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import rotel
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from archives import assistant, jsonl, read_in, tool_result, tool_use, user
from influxdb import free_port
from receivers import Posted, Receiver, Reply, answering, receiving
from screens import NOW, Desk
from tachlog.receive.protobuf import as_json
from tachlog.scraping.growth import Growth
from tachlog.scraping.otlp import Collector, collector_of, request
from tachlog.stores import open_store

OPUS = "claude-opus-4-5-20251101"
BEGIN = datetime(2026, 10, 5, 9, tzinfo=UTC)
TAKEN: Reply = (200, {}, b"")


@pytest.fixture(scope="module")
def collector() -> Iterator[tuple[str, Receiver]]:
    """A real collector (Rotel) on this machine, and the receiver that it hands everything on to."""
    port = free_port()
    with receiving() as receiver:
        words = (
            f"--otlp-http-endpoint=127.0.0.1:{port}",
            f"--otlp-grpc-endpoint=127.0.0.1:{free_port()}",
            "--exporter=otlp",
            "--otlp-exporter-protocol=http",
            f"--otlp-exporter-endpoint=http://{receiver.place}",
            "--batch-timeout=20ms",
        )
        program = Path(rotel.__file__).with_name("rotel-agent")
        with subprocess.Popen(
            [program, "start", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield f"http://127.0.0.1:{port}", receiver
            finally:
                process.terminate()
                process.wait(20)


def turn(session: str, begin: datetime) -> list[dict[str, Any]]:
    """A prompt, a call that reads a file that is not there, and the next call."""

    def after(seconds: int) -> str:
        return (begin + timedelta(seconds=seconds)).isoformat()

    missing = "File does not exist."
    return [
        user(session, f"{session}-u", after(0), "begin"),
        assistant(
            session,
            f"{session}-a",
            after(2),
            f"{session}-m",
            content=[tool_use(f"{session}-t", "Read", file_path="a")],
        ),
        tool_result(session, f"{session}-r", after(3), f"{session}-t", missing, error=True),
        assistant(session, f"{session}-b", after(7), f"{session}-n"),
    ]


def read(path: Path, session: str, begin: datetime) -> int:
    """Read a turn into the archive of a path; what all its calls cost now, in nano-dollars."""
    with closing(open_store(str(path))) as store:
        read_in(store, [jsonl(path.with_name(f"{session}.jsonl"), turn(session, begin))])
        return store.counting.held().cost_nanousd


def group_of(posted: Posted) -> Any:
    """The resource of a request and its metrics."""
    is_zipped = posted.headers.get("content-encoding") == "gzip"
    body = gzip.decompress(posted.body) if is_zipped else posted.body
    (group,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    return group


def told(posted: Posted) -> dict[str, Any]:
    """The metrics of a request by name."""
    (scope,) = group_of(posted).scope_metrics
    return {metric.name: metric for metric in scope.metrics}


def awaited(receiver: Receiver, number: int) -> Posted:
    """What a receiver got, once it has so many requests."""
    until = monotonic() + 30
    while len(receiver.posted) < number:
        assert monotonic() < until
        sleep(0.02)
    return receiver.posted[number - 1]


def attributes(point: Any) -> dict[str, str]:
    """The attributes of a point or a resource."""
    return {pair.key: pair.value.string_value for pair in point.attributes}


def test_a_collector_understands_what_it_is_told(
    collector: tuple[str, Receiver], tmp_path: Path
) -> None:
    """Sums from one start on: the same when told twice, more by what came, not by old history."""
    url, receiver = collector
    archive, desk = tmp_path / "a.db", Desk(tmp_path)
    words = ("export", "--format", "otlp", "--db", str(archive), "--endpoint", url)
    one = read(archive, "s", BEGIN)
    assert desk.run(*words).code == 0
    first = awaited(receiver, 1)
    assert first.path == "/v1/metrics"
    resource = attributes(group_of(first).resource)
    assert resource["service.name"] == "tachlog"
    metrics = told(first)
    (cost,) = metrics["tachlog.cost.usd"].sum.data_points
    assert metrics["tachlog.cost.usd"].sum.is_monotonic
    assert metrics["tachlog.cost.usd"].sum.aggregation_temporality == 2
    assert (cost.as_double, attributes(cost)) == (
        one / 1e9,
        {"model": OPUS, "provider": "anthropic"},
    )
    assert cost.start_time_unix_nano == BEGIN.timestamp() * 1e9 < cost.time_unix_nano
    usage = metrics["gen_ai.client.token.usage"]
    assert usage.unit == "{token}"
    points = {attributes(each)["gen_ai.token.type"]: each for each in usage.histogram.data_points}
    assert [(points[kind].count, points[kind].sum) for kind in ("input", "output")] == [
        (2, 2 * 1110),
        (2, 2 * 50),
    ]
    assert list(points["input"].explicit_bounds[:4]) == [1, 4, 16, 64]
    assert points["input"].bucket_counts[6] == 2
    duration = metrics["gen_ai.client.operation.duration"]
    (point,) = duration.histogram.data_points
    assert (duration.unit, point.count, point.sum) == ("s", 2, 6.0)
    assert attributes(point) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": OPUS,
    }
    (failed,) = metrics["tachlog.errors"].sum.data_points
    assert (failed.as_int, attributes(failed)) == (1, {"class": "not_found", "of": "tool"})

    answer = json.loads(desk.run(*words, "--json", now=NOW + timedelta(minutes=1)).out)
    again = told(awaited(receiver, 2))
    assert answer["points"] == sum(
        len((each.histogram if each.HasField("histogram") else each.sum).data_points)
        for each in again.values()
    )
    (same,) = again["tachlog.cost.usd"].sum.data_points
    assert same.as_double == cost.as_double
    assert same.start_time_unix_nano == cost.start_time_unix_nano
    assert same.time_unix_nano > cost.time_unix_nano

    assert read(archive, "now", NOW) == 2 * one
    assert read(archive, "older", BEGIN + timedelta(days=1)) == 3 * one
    assert desk.run(*words, now=NOW + timedelta(days=2)).code == 0
    (more,) = told(awaited(receiver, 3))["tachlog.cost.usd"].sum.data_points
    assert more.as_double == 2 * one / 1e9


def test_what_a_collector_answers_is_told(tmp_path: Path) -> None:
    """A busy one is asked again; what one refuses, in part or whole, is told with its words."""
    archive, desk = tmp_path / "a.db", Desk(tmp_path)
    read(archive, "s", BEGIN)
    partial = ExportMetricsServiceResponse()
    partial.partial_success.rejected_data_points = 3
    partial.partial_success.error_message = "no histograms here"
    warned = ExportMetricsServiceResponse()
    warned.partial_success.error_message = "slow down"
    replies: list[Reply] = [
        (503, {"Retry-After": "0"}, b""),
        (200, {}, partial.SerializeToString()),
        (200, {}, warned.SerializeToString()),
        (400, {}, b"what is this?"),
        (200, {}, b"<html>"),
    ]
    seen: list[Posted] = []
    with answering(replies, seen) as url:
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x=1",
        }
        words = ("export", "--format", "otlp", "--db", str(archive))
        runs = [desk.run(*words, **env) for _ in range(4)]
    assert [each.code for each in runs] == [1, 0, 1, 1]
    assert "it refused 3 of them" in runs[0].out
    assert "the collector says: no histograms here" in runs[0].err
    assert "the collector says: slow down" in runs[1].err
    assert "refuses: 400 what is this?" in runs[2].err
    assert "does not speak OTLP" in runs[3].err
    assert len(seen) == 5
    assert seen[0].headers["content-type"] == "application/x-protobuf"
    assert (seen[0].path, seen[0].headers["api-key"], seen[0].headers["x"]) == (
        "/v1/metrics",
        "a b",
        "1",
    )


def test_where_to_send_is_found_as_exporters_do() -> None:
    """What is given, else the variable for metrics as it is, else the common one with its path."""
    common = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318/", "OTEL_EXPORTER_OTLP_HEADERS": "k=v"}
    own = {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://b/push",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "k=w",
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "2500",
    }
    assert collector_of({}, None, None) is None
    assert collector_of(common, None, None) == Collector("http://a:4318/v1/metrics", {"k": "v"})
    assert collector_of({**common, **own}, None, None) == Collector(
        "https://b/push", {"k": "w"}, 2.5
    )
    given = collector_of({**common, **own}, "http://c:4318", "x=1,y=2")
    assert given == Collector("http://c:4318/v1/metrics", {"x": "1", "y": "2"}, 2.5)
    for endpoint, headers in (("c:4318", None), ("http://", None), ("http://c", "words")):
        with pytest.raises(ValueError, match=r"is no address|is written name=value"):
            collector_of({}, endpoint, headers)


def test_what_says_nothing_to_a_collector_is_refused(tmp_path: Path) -> None:
    """A selection, hints and a directory do not go with it; an address does not go with files."""
    push = ("export", "--format", "otlp", "--endpoint", "http://127.0.0.1:9")
    desk = Desk(tmp_path)
    for words, message in (
        ((*push, "--since", "7d"), "--since does not go with --format otlp"),
        ((*push, "--hints"), "--hints does not go"),
        ((*push, tmp_path), "DIR does not go"),
        (("export", "--format", "otlp"), "--endpoint: the collector's address"),
        ((*push[:4], "127.0.0.1"), "is no address of a collector"),
        (("export", tmp_path, *push[3:]), "go with --format otlp"),
        (("export",), "DIR is missing"),
    ):
        ran = desk.run(*map(str, words))
        assert ran.code == 2, words
        assert message in ran.err


def test_tachlog_does_not_count_itself(tmp_path: Path) -> None:
    """What an archive tells a collector is nobody's work where another tachlog receives it."""
    path, now_us = tmp_path / "a.db", round(BEGIN.timestamp() + 60) * 1_000_000
    read(path, "s", BEGIN)
    with closing(open_store(str(path))) as store:
        growth = Growth(with_history=True)
        counts = growth.look(store.counting, now_us)
        body = request(counts, "archive", growth.kept().since_us, now_us)
    sent = tmp_path / "sent.jsonl"
    sent.write_bytes(as_json("metrics", body.SerializeToString()))
    with closing(open_store(str(tmp_path / "b.db"))) as other:
        read_in(other, [sent])
        assert (other.counting.held().files, other.counting.held().calls) == (1, 0)
