"""How many spans a second the receiver keeps, in how much memory, and whether all of them count.

Starts `tachlog serve` with an archive of its own, sends it OTLP over HTTP from several connections
as fast as it answers, in protobuf as exporters do, every tenth batch twice; then asks the archive
for each session. Prints one JSON object. The load is made in other processes of this machine, which
share its processors with the service.

    python bench/receive.py [--seconds 20] [--connections 4] [--spans 512] [--session-spans 128]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

AT_WORK = 8
"""Sessions that one sender has at work at a time."""

PROTOBUF = {"Content-Type": "application/x-protobuf"}


class Sent(NamedTuple):
    """What one sender sent: spans, how often each session got a model call, seconds by request."""

    spans: int
    calls: Counter[str]
    waited: list[float]
    refused: int


def batch(
    dice: random.Random, sender: int, number: int, spans: int, session_spans: int
) -> tuple[bytes, Counter[str]]:
    """One request: half model calls, half tool calls, of sessions that this sender has at work."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
    )

    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    service = group.resource.attributes.add()
    service.key, service.value.string_value = "service.name", "bench"
    scope = group.scope_spans.add()
    calls: Counter[str] = Counter()
    now = time.time_ns() - spans * 1_000_000
    # Some sessions are at work for a while, then others are.
    turn = number * spans // (AT_WORK * session_spans)
    working = [f"{sender}-{turn * AT_WORK + each}" for each in range(AT_WORK)]
    for index in range(spans):
        session = dice.choice(working)
        span = scope.spans.add()
        span.trace_id, span.span_id = dice.randbytes(16), dice.randbytes(8)
        span.start_time_unix_nano = now + index * 1_000_000
        span.end_time_unix_nano = span.start_time_unix_nano + 900_000
        told: dict[str, str | int] = {"gen_ai.conversation.id": session}
        if index % 2:
            span.name = "execute_tool Read"
            told |= {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "Read",
                "gen_ai.tool.call.id": dice.randbytes(8).hex(),
                "gen_ai.tool.call.arguments": '{"path":"src/shop.py"}',
            }
        else:
            span.name = "chat gpt-5"
            calls[session] += 1
            told |= {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-5",
                "gen_ai.response.model": "gpt-5",
                "gen_ai.response.id": f"resp_{dice.randbytes(12).hex()}",
                "gen_ai.usage.input_tokens": 1000,
                "gen_ai.usage.output_tokens": 100,
                "server.address": "api.openai.com",
            }
        for key, value in told.items():
            pair = span.attributes.add()
            pair.key = key
            if isinstance(value, int):
                pair.value.int_value = value
            else:
                pair.value.string_value = value
    return request.SerializeToString(), calls


def prepared(sender: int, options: argparse.Namespace) -> list[tuple[bytes, Counter[str]]]:
    """Batches that are made before the clock runs."""
    dice = random.Random(sender)
    return [
        batch(dice, sender, number, options.spans, options.session_spans)
        for number in range(options.batches)
    ]


def send(
    sender: int,
    port: int,
    options: argparse.Namespace,
    ready: multiprocessing.synchronize.Barrier,
) -> Sent:
    """Send batches until the time is over; every tenth is sent again."""
    batches = prepared(sender, options)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    sent, calls, waited, refused = 0, Counter[str](), [], 0
    ready.wait()
    until = time.monotonic() + options.seconds
    for number, (body, told) in enumerate(batches):
        if time.monotonic() > until:
            break
        for _ in range(2 if number % 10 == 9 else 1):
            while True:
                begun = time.monotonic()
                connection.request("POST", "/v1/traces", body, PROTOBUF)
                answer = connection.getresponse()
                answer.read()
                waited.append(time.monotonic() - begun)
                if answer.status == 200:
                    break
                refused += 1
                time.sleep(float(answer.headers.get("Retry-After", "1")))
        sent += options.spans
        calls += told
    else:
        print(f"sender {sender} had no more to send: --batches is too small")
    return Sent(sent, calls, waited, refused)


def _send(arguments: tuple[int, int, argparse.Namespace], ready: object, out: object) -> None:
    out.put(send(*arguments, ready))  # type: ignore[attr-defined, arg-type]


def tree_kib(pid: int) -> int:
    """The memory of a process and its children, in KiB; what they share counts for each."""
    total = 0
    for each in [pid, *children(pid)]:
        try:
            status = Path(f"/proc/{each}/status").read_text()
        except OSError:
            continue
        total += sum(
            int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")
        )
    return total


def children(pid: int) -> list[int]:
    """The processes below one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *children(int(child))]
    return found


def cpu_seconds(pids: list[int]) -> float:
    """The processor time that processes have used, as long as they live."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def told_calls(port: int) -> Counter[str]:
    """Model calls by session, as the service tells."""
    told: Counter[str] = Counter()
    after = ""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("GET", f"/api/v1/sessions?limit=500{after}")
        page = json.load(connection.getresponse())
        told.update({each["session_id"]: each["model_calls"] for each in page["sessions"]})
        if page["next"] is None:
            return told
        after = f"&after={page['next']}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--spans", type=int, default=512, help="in one request")
    parser.add_argument("--session-spans", type=int, default=128, help="about, of a session")
    parser.add_argument("--batches", type=int, default=200, help="made by each connection")
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as directory:
        env = {**os.environ, "HOME": directory, "TACHLOG_SERVE__FOLLOW": "false"}
        command = [
            Path(sysconfig.get_path("scripts"), "tachlog"),
            *("serve", "--port", "0", "--no-token", "--db", f"{directory}/bench.db"),
        ]
        service = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        try:
            assert service.stdout is not None
            port = urlsplit(service.stdout.readline().strip()).port
            assert port is not None
            ready, out = spawn.Barrier(options.connections + 1), spawn.Queue()
            senders = [
                spawn.Process(target=_send, args=((number, port, options), ready, out))
                for number in range(options.connections)
            ]
            for sender in senders:
                sender.start()
            ready.wait()
            begun, load = time.monotonic(), os.getloadavg()[0]
            started = cpu_seconds([service.pid])
            before = peak = tree_kib(service.pid)
            results: list[Sent] = []
            while len(results) < len(senders):
                peak = max(peak, tree_kib(service.pid))
                while not out.empty():
                    results.append(out.get())
                time.sleep(0.2)
            seconds = time.monotonic() - begun
            writing, reading = cpu_seconds([service.pid]), cpu_seconds(children(service.pid))
            for sender in senders:
                sender.join()
            sent = sum((each.calls for each in results), Counter[str]())
            kept = told_calls(port)
            waited = sorted(wait for each in results for wait in each.waited)
            spans = sum(each.spans for each in results)
            print(
                json.dumps(
                    {
                        "spans_per_second": round(spans / seconds),
                        "spans": spans,
                        "seconds": round(seconds, 1),
                        "requests": len(waited),
                        "refused": sum(each.refused for each in results),
                        "request_p50_ms": round(1000 * waited[len(waited) // 2]),
                        "request_p95_ms": round(1000 * waited[len(waited) * 95 // 100]),
                        "lost": sum((sent - kept).values()),
                        "doubled": sum((kept - sent).values()),
                        "memory_before_mib": before // 1024,
                        "memory_peak_mib": peak // 1024,
                        "cpu_us_per_span": {
                            "answering_and_writing": round(1e6 * (writing - started) / spans),
                            "reading": round(1e6 * reading / spans),
                        },
                        "load_before": round(load, 2),
                        "processors": os.cpu_count(),
                    }
                )
            )
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(30)


if __name__ == "__main__":
    main()
