"""What holds of every cost: it adds up, no order changes it, and a count that is none is none."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archives import assistant, jsonl, read_in, user
from tachlog.analysis.selection import BYS, By, Selection
from tachlog.analysis.spending import costs_of
from tachlog.pricing import price
from tachlog.stores import open_store

MODELS = ("claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929", "mystery-1")
COUNT = st.integers(0, 400_000)

Log = list[dict[str, Any]]


@st.composite
def sessions(draw: st.DrawFn) -> dict[str, Log]:
    """A few sessions, each with a few calls of any size, on any of three days.

    The first call of each has a price and an output, so that none costs nothing.
    """
    logs: dict[str, Log] = {}
    for number in range(draw(st.integers(2, 4))):
        name = f"s{number}"
        at = f"2026-11-1{draw(st.integers(0, 2))}T09:00:00.000Z"
        log = [user(name, f"{name}-u", at, "Go")]
        for call in range(draw(st.integers(1, 3))):
            key = f"{name}-{call}"
            branch = draw(st.sampled_from(["main", "fix"]))
            record = assistant(name, key, at, f"m-{key}", gitBranch=branch)
            record["message"]["model"] = draw(st.sampled_from(MODELS)) if call else MODELS[0]
            record["message"]["usage"] = {
                "input_tokens": draw(COUNT),
                "cache_read_input_tokens": draw(COUNT),
                "cache_creation_input_tokens": draw(COUNT),
                "output_tokens": 1 + draw(COUNT),
            }
            log.append(record)
        logs[name] = log
    return logs


def costs(logs: dict[str, Log], by: By, *, names: Sequence[str] = ()) -> bytes:
    """What `tachlog cost --json` tells of logs that are read in this order."""
    with TemporaryDirectory() as directory:
        store = open_store("private:")
        paths = [jsonl(Path(directory) / f"{n}.jsonl", logs[n]) for n in names or logs]
        read_in(store, paths)
        found = costs_of(
            store,
            Selection(),
            by,
            time_zone="Europe/Vienna",
            prices="prices",
            price=price,
            generated_at_us=0,
        )
        store.close()
    return msgspec.json.encode(found)


def nanousd(answer: bytes) -> dict[str | None, int]:
    """The cost of each row."""
    rows = json.loads(answer)["rows"]
    return {row["key"]: round((row["cost_usd"] or 0) * 1e9) for row in rows}


@settings(max_examples=12, deadline=None)
@given(sessions(), st.sampled_from(["day", "model", "branch", "agent"]), st.data())
def test_cost_adds_up_over_disjoint_sets(logs: dict[str, Log], by: By, data: st.DataObject) -> None:
    """The rows of some sessions and of the others add up to the rows of all, to the nano-dollar."""
    names = list(logs)
    some = names[: data.draw(st.integers(1, len(names) - 1))]
    others = [name for name in names if name not in some]
    parts = [nanousd(costs(logs, by, names=part)) for part in (some, others)]
    whole = nanousd(costs(logs, by))
    keys = {key for part in parts for key in part}
    assert all(sum(part.values()) > 0 for part in parts)
    assert whole == {key: sum(part.get(key, 0) for part in parts) for key in keys}


@settings(max_examples=12, deadline=None)
@given(sessions(), st.sampled_from(BYS), st.integers())
def test_no_order_of_reading_changes_a_cost(logs: dict[str, Log], by: By, seed: int) -> None:
    """The whole answer is the same, byte for byte."""
    names = list(logs)
    random.Random(seed).shuffle(names)
    assert costs(logs, by, names=names) == costs(logs, by)


BUCKETS = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
)


@settings(max_examples=12, deadline=None)
@given(sessions(), st.sampled_from(BUCKETS), st.integers(1, 400_000))
def test_more_tokens_never_cost_less(logs: dict[str, Log], bucket: str, more: int) -> None:
    """One call with more of any kind: its row costs more, and no other row changes."""
    before = nanousd(costs(logs, "session"))
    name = next(iter(logs))
    logs[name][1]["message"]["usage"][bucket] += more
    after = nanousd(costs(logs, "session"))
    assert after.pop(name) > before.pop(name)
    assert after == before


OPUS = "claude-opus-4-5-20251101"
SONNET = "claude-sonnet-4-5-20250929"
LIFETIMES = {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}
ADVISOR = {
    "type": "advisor_message",
    "model": OPUS,
    "input_tokens": 1_000,
    "output_tokens": 100,
}


@pytest.mark.parametrize(
    ("model", "usage", "expected"),
    [
        # Opus 4.5, USD per million: 5, 5-minute write 6.25, 1-hour write 10, output 25.
        # 10×5,000 + 100×6,250 + 200×10,000 + 50×25,000
        (
            OPUS,
            {"cache_creation_input_tokens": 300, "cache_creation": LIFETIMES},
            {OPUS: 3_925_000},
        ),
        # 10×5,000 + 50×25,000 + 3 searches of a cent
        (OPUS, {"server_tool_use": {"web_search_requests": 3}}, {OPUS: 31_300_000}),
        # Fast mode of Opus 4.8 is 10 and 50: 10×10,000 + 50×50,000
        ("claude-opus-4-8", {"speed": "fast"}, {"claude-opus-4-8": 2_600_000}),
        # Batch is half: 10×2,500 + 50×12,500
        (OPUS, {"service_tier": "batch"}, {OPUS: 650_000}),
        # Sonnet 4.5 is 3 and 15: 10×3,000 + 50×15,000; the advisor 1,000×5,000 + 100×25,000
        (SONNET, {"iterations": [ADVISOR]}, {SONNET: 780_000, OPUS: 7_500_000}),
        # Beyond 200,000 tokens of prompt the whole call is 6 and 22.50
        (SONNET, {"input_tokens": 200_001}, {SONNET: 200_001 * 6_000 + 50 * 22_500}),
    ],
)
def test_what_a_transcript_tells_of_a_call_decides_its_price(
    tmp_path: Path, model: str, usage: dict[str, Any], expected: dict[str, int]
) -> None:
    """Lifetimes of the cache, searches, fast mode, batch, advisors, long prompts: from log to row.

    The list prices are https://platform.claude.com/docs/en/about-claude/pricing, 2026-11-22.
    """
    record = assistant("a", "a1", "2026-11-10T09:00:05Z", "m-1")
    record["message"] |= {"model": model}
    record["message"]["usage"] = {"input_tokens": 10, "output_tokens": 50, **usage}
    store = open_store("private:")
    read_in(store, [jsonl(tmp_path / "a.jsonl", [record])])
    found = {each.model: each.use.cost_nanousd for each in store.spending(Selection(), "model")}
    store.close()
    assert found == expected


BAD = ["-1", "1e30", "NaN", "Infinity", '"many"', "1.5", str(2**63)]


@pytest.mark.parametrize("count", BAD)
@pytest.mark.parametrize("field", BUCKETS)
def test_a_count_that_is_none_is_a_problem(tmp_path: Path, field: str, count: str) -> None:
    """The record is counted as a problem, and neither its tokens nor a cost of it are told."""
    good = [user("a", "u", "2026-11-10T09:00:00Z", "Go")]
    good.append(assistant("a", "a1", "2026-11-10T09:00:05Z", "m-1"))
    bad = json.dumps(assistant("a", "a2", "2026-11-10T09:00:09Z", "m-2"))
    known = good[1]["message"]["usage"][field]
    path = jsonl(tmp_path / "a.jsonl", good)
    path.write_text(
        path.read_text() + bad.replace(f'"{field}": {known}', f'"{field}": {count}') + "\n"
    )
    store = open_store("private:")
    read_in(store, [path])
    (found,) = store.spending(Selection(), "model")
    total, _ = store.input(Selection())
    # Opus 4.5: 10×5,000 + 1,000×500 + 100×6,250 + 50×25,000
    assert (found.use.calls, found.use.cost_nanousd, total.problems) == (1, 2_425_000, 1)
    store.close()
