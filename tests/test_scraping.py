"""Prometheus fetches `/metrics`: what is told, how it grows, and what promtool says of it."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from time import monotonic, sleep
from typing import Any

import msgspec
import pytest

from archives import MEASURER, assistant, at, jsonl, read_in, tool_result, tool_use, user
from conftest import ROOT
from influxdb import free_port, program
from serving import Served, serving
from tachlog.scraping.exposition import Family, Sample, written
from tachlog.scraping.families import grown
from tachlog.scraping.growth import (
    MOST_MODELS,
    MOST_TOOLS,
    OTHER,
    Admitted,
    Counts,
    Growth,
    Kept,
    Key,
)
from tachlog.stores import Cut, Store, open_store

CASES = ROOT / "tests" / "corpus"
RULES = ROOT / "deploy" / "prometheus"
BEGIN_US = round(datetime.fromisoformat(at(0)).timestamp()) * 1_000_000
OPUS = "claude-opus-4-5-20251101"


def promtool(*words: str, given: str = "") -> str:
    """What Debian's promtool finds wrong: nothing."""
    path = which("promtool", path="/usr/bin:/usr/local/bin")
    if path is None:
        pytest.fail("promtool is missing: apt-get install prometheus (make test does so as root)")
    done = subprocess.run(
        [path, *words], input=given, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def told_at(store: Store, minute: int, growth: Growth) -> Counts:
    """What has grown when it is looked at so many minutes after the first record of the logs."""
    return growth.look(store.counting, BEGIN_US + minute * 60_000_000)


COST = Key("tachlog_cost_nanousd", (("model", OPUS), ("provider", "anthropic")))


def test_counters_begin_at_nothing_and_never_fall(tmp_path: Path) -> None:
    """History is no growth; what came since is counted once; what is deleted lowers nothing."""
    with closing(open_store(str(tmp_path / "a.db"))) as store:
        growth = Growth()
        records = [user("s", "u1", at(0), "begin"), assistant("s", "a1", at(0, 5), "m1")]
        read_in(store, [jsonl(tmp_path / "s.jsonl", records)])
        assert told_at(store, 1, growth)[COST] == 0
        one = store.counting.held().cost_nanousd
        records += [
            assistant("s", "a2", at(2), "m2", content=[tool_use("t1", "Read", file_path="a")]),
            tool_result("s", "r1", at(2, 5), "t1", "File does not exist.", error=True),
        ]
        read_in(store, [jsonl(tmp_path / "s.jsonl", records)])
        later = told_at(store, 3, growth)
        assert later[COST] == one > 0
        read = (("tool", "Read"), ("outcome", "error"))
        assert later[Key("tachlog_tool_calls_total", read)] == 1
        failed = (("class", "not_found"), ("of", "tool"))
        assert later[Key("tachlog_errors_total", failed)] == 1
        cut = Cut(BEGIN_US + 60_000_000, "UTC", "storage.retention_days", BEGIN_US + 60_000_000)
        assert store.past.prune(MEASURER, cut, store.past.old(cut.cut_us).threads) > 0
        assert told_at(store, 4, growth) == later
        read_in(store, [jsonl(tmp_path / "t.jsonl", [assistant("t", "b1", at(20), "m3")])])
        assert told_at(store, 21, growth)[COST] == 2 * one
        assert told_at(store, 7 * 24 * 60, growth)[COST] == 2 * one


def test_a_call_is_in_the_buckets_of_the_convention(tmp_path: Path) -> None:
    """Input has its cached tokens; a run's total and a call without tokens are in no bucket."""
    claude = jsonl(
        tmp_path / "s.jsonl",
        [user("s", "u1", at(0), "begin"), assistant("s", "a1", at(0, 2), "m1")],
    )
    unmetered = jsonl(tmp_path / "rows.ndjson", [agent_log(usage=None, response_time=None)])
    run = CASES / "gemini_cli" / "headless" / "output.jsonl"
    streamed = CASES / "otlp" / "claude_code_spans" / "input.jsonl"
    with closing(open_store(str(tmp_path / "a.db"))) as store:
        read_in(store, [claude, unmetered, run, streamed])
        counts = Growth(with_history=True).look(store.counting, BEGIN_US)
    text = written(grown(counts))
    about = 'gen_ai_operation_name="chat",gen_ai_provider_name="anthropic",'
    about += f'gen_ai_request_model="{OPUS}"'
    tokens = f"gen_ai_client_token_usage_bucket{{{about},gen_ai_token_type"
    assert f'{tokens}="input",le="1024.0"}} 0\n' in text
    assert f'{tokens}="input",le="4096.0"}} 1\n' in text
    assert f'{tokens}="output",le="64.0"}} 1\n' in text
    seconds = "gen_ai_client_operation_duration_seconds"
    assert f'{seconds}_bucket{{{about},le="1.28"}} 0\n' in text
    assert f'{seconds}_bucket{{{about},le="2.56"}} 1\n' in text
    assert f"{seconds}_sum{{{about}}} 2\n" in text
    assert 'tachlog_tokens_total{model="gemini-2.5-pro",provider="google",type="output"}' in text
    gemini = f"{{{about.replace('anthropic', 'gcp.gen_ai').replace(OPUS, 'gemini-2.5-pro')}"
    assert f'gen_ai_client_token_usage_count{gemini},gen_ai_token_type="output"}} 1\n' in text
    assert f'gen_ai_client_token_usage_count{gemini},gen_ai_token_type="input"' not in text
    first = "gen_ai_client_operation_time_to_first_chunk_seconds_bucket"
    newer = about.replace(OPUS, "claude-opus-5")
    assert f'{first}{{{newer},le="0.32"}} 0\n' in text
    assert f'{first}{{{newer},le="0.64"}} 1\n' in text
    assert f"{first}{{{about}" not in text
    house = 'gen_ai_provider_name="house",gen_ai_request_model="house-1"'
    assert f'{house},gen_ai_token_type="output",le="+Inf"}} 1\n' in text
    assert f'{house},gen_ai_token_type="input"' not in text
    assert f"{seconds}_count" in text
    assert f'{seconds}_count{{gen_ai_operation_name="chat",{house}' not in text
    assert 'tachlog_unpriced_calls_total{model="house-1",provider="house"} 1\n' in text
    promtool("check", "metrics", given=text)


def agent_log(**more: Any) -> dict[str, Any]:
    """A reply as other systems hand it in."""
    usage = more.pop("usage")
    return {
        "id": 1,
        "session_id": "desk-1",
        "provider": "house",
        "model": "house-1",
        "log_timestamp": at(0, 10),
        "created_at": at(0, 10),
        "structured_data": {
            "payload": {"content": "I look it up first."},
            "role": "assistant",
            **({"usage": usage} if usage else {}),
        },
        "tool_calls": None,
        **more,
    }


def test_labels_stay_few_whatever_is_read(tmp_path: Path) -> None:
    """The first models and the tools called most are told by name, all others as other."""
    rows = [
        agent_log(
            usage={"input_tokens": 1, "output_tokens": 1},
            id=number,
            model=f"m-{number}",
            tool_calls={"name": f"t-{number}", "input": {}, "content": "x", "is_error": False},
        )
        for number in range(MOST_MODELS + 20)
    ]
    with closing(open_store(str(tmp_path / "a.db"))) as store:
        read_in(store, [jsonl(tmp_path / "rows.ndjson", rows)])
        counts = Growth(with_history=True).look(store.counting, BEGIN_US)
        assert sum(store.counting.held().tokens.values()) == 2 * len(rows)
    labels = [dict(key.labels) for key in counts]
    models = {each["model"] for each in labels if "model" in each}
    tools = {each["tool"] for each in labels if "tool" in each}
    assert (len(models), len(tools)) == (MOST_MODELS + 1, MOST_TOOLS + 1)
    assert OTHER in models & tools
    counted = [value for key, value in counts.items() if key.family == "tachlog_tokens_total"]
    assert sum(counted) == 2 * len(rows)


def test_what_was_kept_goes_on(tmp_path: Path) -> None:
    """Counters that are kept and taken up again grow by what came, as those that never rested."""
    with closing(open_store(str(tmp_path / "a.db"))) as store:
        awake = Growth(with_history=True)
        resting: Kept | None = None
        days_later = "2026-11-21T09:00:00Z"
        for minute, moment, name in (
            (1, at(0), "s"),
            (11, at(10), "t"),
            (3 * 24 * 60 + 1, days_later, "u"),
        ):
            log = jsonl(tmp_path / f"{name}.jsonl", [assistant(name, name, moment, name)])
            read_in(store, [log])
            growth = Growth(resting, with_history=True)
            assert told_at(store, minute, growth) == told_at(store, minute, awake)
            kept = msgspec.json.encode(growth.kept())
            resting = msgspec.json.decode(kept, type=Kept)
        assert growth.look(store.counting, BEGIN_US)[COST] == store.counting.held().cost_nanousd
        assert resting is not None
        assert len(resting.most) == 1
        assert resting.since_us == BEGIN_US


def test_labels_have_few_values() -> None:
    """A name that was told stays; one too many is another; what breaks a line is written as is."""
    admitted = Admitted(2)
    assert [admitted.admit(name) for name in "abca"] == [("a",), ("b",), (OTHER,), ("a",)]
    text = written([Family("a", "gauge", "b", [Sample(1.5, (("c", 'd"\\\ne'),))])])
    assert text.endswith('a{c="d\\"\\\\\\ne"} 1.5\n')


def test_the_archive_tells_what_happened(tmp_path: Path) -> None:
    """A quarter hour has its model calls with tokens and price."""
    log = jsonl(
        tmp_path / "projects" / "a" / "s.jsonl",
        [
            user("s", "u1", at(0), "begin"),
            assistant("s", "a1", at(0, 5), "m1"),
        ],
    )
    with closing(open_store(str(tmp_path / "a.db"))) as store:
        read_in(store, [log])
        (quarter,) = store.counting.marks(0)
        (found,) = store.counting.happened(quarter).calls
        held = store.counting.held()
        assert (held.sessions, held.calls, held.tokens["output"]) == (1, 1, found.output)
        assert held.cost_nanousd == found.cost_nanousd


def test_the_rules_are_good() -> None:
    """The shipped recording and alert rules are what Prometheus takes."""
    assert "8 rules found" in promtool("check", "rules", str(RULES / "tachlog.rules.yml"))


BEHAVIOUR = """
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'tachlog_tool_calls_total{tool="Bash", outcome="error"}'
        values: '0+4x70'
      - series: 'tachlog_tool_calls_total{tool="Bash", outcome="success"}'
        values: '0+6x70'
      - series: 'tachlog_tool_calls_total{tool="Read", outcome="error"}'
        values: '0 1x70'
      - series: 'tachlog_cost_usd_total{model="m", provider="p"}'
        values: '0+1x70'
      - series: 'tachlog_part_ok{part="reader", instance="a"}'
        values: '1x10 0x60'
    alert_rule_test:
      - eval_time: 30m
        alertname: TachlogToolFails
        exp_alerts:
          - exp_labels: {tool: Bash, severity: warning}
            exp_annotations: {summary: "40% of the calls of Bash fail"}
      - eval_time: 12m
        alertname: TachlogPartFails
        exp_alerts: []
      - eval_time: 30m
        alertname: TachlogPartFails
        exp_alerts:
          - exp_labels: {part: reader, instance: a, severity: warning}
            exp_annotations: {summary: "reader of tachlog does not do its work at a"}
    promql_expr_test:
      - expr: tachlog:cost_usd:increase1h
        eval_time: 65m
        exp_samples: [{labels: "tachlog:cost_usd:increase1h", value: 60}]
"""


def test_the_rules_do_what_they_say(tmp_path: Path) -> None:
    """A tool that fails often is told; one failure is not, nor a part that rests a moment."""
    path = tmp_path / "rules_test.yml"
    path.write_text(BEHAVIOUR.replace("RULES", str(RULES / "tachlog.rules.yml")))
    promtool("test", "rules", str(path))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, int]]:
    """A service with an AgentLog inbox, and the port of a Prometheus that scrapes it."""
    home = tmp_path_factory.mktemp("watched")
    port = free_port()
    with serving(home) as served:
        config = (RULES / "prometheus.yml").read_text().replace(": 15s", ": 1s")
        config = config.replace("localhost:8377", f"127.0.0.1:{served.port}")
        config = config.replace("/etc/prometheus/tachlog.token", str(home / "token"))
        config = config.replace("tachlog.rules.yml", str(RULES / "tachlog.rules.yml"))
        (home / "token").write_text(served.token or "")
        (home / "prometheus.yml").write_text(config)
        with program(
            "prometheus",
            "prometheus",
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ):
            until = monotonic() + 30
            while not ready(port):
                assert monotonic() < until
                sleep(0.05)
            yield served, port


def ready(port: int) -> bool:
    """Whether Prometheus answers questions."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready").close()
    except OSError:
        return False
    return True


def asked(port: int, question: str) -> list[Any]:
    """What Prometheus answers."""
    words = urllib.parse.urlencode({"query": question})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{words}") as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
    return found


def awaited(port: int, question: str) -> list[Any]:
    """The answer of Prometheus once there is one."""
    until = monotonic() + 30
    while not (found := asked(port, question)):
        assert monotonic() < until, question
        sleep(0.1)
    return found


def test_prometheus_scrapes_a_running_tachlog(watched: tuple[Served, int]) -> None:
    """The shipped scrape configuration and rules find tachlog, and what is sent to it grows."""
    served, port = watched
    awaited(port, "tachlog_build_info")
    now = datetime.now(UTC).isoformat()
    usage = {"input_tokens": 812, "output_tokens": 31, "total_tokens": 843}
    times = {"log_timestamp": now, "created_at": now, "response_time": 1250}
    record = agent_log(usage=usage, provider="openai", model="gpt-5-mini", **times)
    sent = served.ask(
        "/api/v1/agent-logs",
        "POST",
        json.dumps(record) + "\n",
        {"Content-Type": "application/x-ndjson"},
    )
    assert sent.status == 200, sent.body
    text = served.ask("/metrics")
    assert (text.status, text.headers["content-type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    promtool("check", "metrics", given=text.body.decode())
    assert awaited(port, "tachlog_archive_sessions == 1")
    assert awaited(port, 'gen_ai_client_token_usage_count{gen_ai_token_type="input"} == 1')
    assert awaited(port, "tachlog:cost_usd:increase1h")
    assert asked(port, "tachlog_part_ok == 0") == []


def test_metrics_are_for_those_who_may_read(watched: tuple[Served, int]) -> None:
    """Without a token nobody is told."""
    served, _ = watched
    assert served.ask("/metrics", token=False).status == 401
