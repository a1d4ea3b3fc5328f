"""What calls cost is held against a second pricing, which knows nothing of the package."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archives import assistant, jsonl
from tachlog.config import Config, load
from tachlog.pipeline import bring_up_to_date
from tachlog.pricing import Usage, price
from tachlog.pricing.amendments import amendments
from tachlog.pricing.library import package_directory, read_table
from tachlog.pricing.overrides import Override
from tachlog.pricing.table import bands
from tachlog.stores import Store, open_store
from tachlog.stores.archive import SqlArchive
from truth import claude_code
from truth.prices import ALWAYS, LIST, Price, Rates, Used, nanousd
from truth.transcript import transcripts

OWN = Path(__file__).with_name("corpus")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stored(NamedTuple):
    """A call of an archive: what it used, what it costs there, what its log reports."""

    agent: str
    used: Used
    cost_nanousd: int | None
    reported_nanousd: int | None


def calls_of(store: Store) -> Iterator[Stored]:
    """Every model call of an archive."""
    assert isinstance(store, SqlArchive)
    names = dict(store.database.rows("SELECT id, text FROM names"))
    for agent, model, provider, tier, at_us, hour, *counts, cost, reported in store.database.rows(
        "SELECT t.agent, o.model, o.provider, o.tier, o.at_us, coalesce(o.cache_write_1h, 0),"
        " coalesce(o.input, 0), coalesce(o.cache_read, 0), coalesce(o.cache_write, 0),"
        " o.settled_output, coalesce(o.web_searches, 0), o.cost_nanousd, o.reported_nanousd"
        " FROM calls o JOIN threads t ON t.id = o.thread"
    ):
        fresh, read, written, output, searches = counts
        used = Used(
            names[model],
            names[provider],
            names.get(tier),
            EPOCH + timedelta(microseconds=at_us),
            fresh,
            read,
            written,
            min(hour, written),
            output,
            searches,
        )
        yield Stored(agent, used, cost, reported)


def call(key: str, at: str, model: str, **usage: Any) -> dict[str, Any]:
    """A reply of Claude Code with a final count."""
    record = assistant("rules", key, at, f"m-{key}")
    record["message"]["model"] = model
    record["message"]["usage"] = {"input_tokens": 10, "output_tokens": 50, **usage}
    return record


def rules() -> list[dict[str, Any]]:
    """A call for each rule that a transcript of Claude Code can bring up."""
    lives = {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 700}
    written = {"cache_creation_input_tokens": 1_000, "cache_creation": lives}
    long = {"cache_read_input_tokens": 200_001, **written}
    advisor = {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 900}
    opus, sonnet = "claude-opus-4-6", "claude-sonnet-4-20250514"
    return [
        call("a", "2026-02-10T09:00:00Z", "claude-opus-4-5-20251101", **written),
        call("b", "2026-03-12T23:59:59Z", opus, **long),
        call("c", "2026-03-13T00:00:00Z", opus, **long),
        call("d", "2025-08-11T23:59:59Z", sonnet, **long),
        call("e", "2025-08-12T00:00:00Z", sonnet, **long),
        call("f", "2026-06-23T09:00:00Z", "claude-opus-4-8", speed="fast", **written),
        call("g", "2026-06-23T09:00:01Z", "claude-opus-4-8", service_tier="batch", **written),
        call("h", "2026-02-10T09:00:01Z", opus, speed="fast", **written),
        call(
            "i",
            "2026-02-10T09:00:02Z",
            "claude-haiku-4-5-20251001",
            server_tool_use={"web_search_requests": 7},
            iterations=[{**advisor, "output_tokens": 80}],
        ),
        call("j", "2025-09-05T12:00:00Z", "deepseek-chat"),
        call("k", "2025-09-29T12:00:00Z", "deepseek-chat", cache_read_input_tokens=900),
        call("l", "2026-04-24T12:00:00Z", "deepseek-chat", cache_read_input_tokens=900),
    ]


@pytest.fixture(scope="module", params=["rules", "cases", "corpus"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a log with every rule, all our cases, and the real logs."""
    if request.param == "corpus":
        found: Path = request.getfixturevalue("corpus_dir")
        return found
    if request.param == "cases":
        return OWN
    folder = tmp_path_factory.mktemp("rules")
    jsonl(folder / "claude-code" / "rules.jsonl", rules())
    return folder


@pytest.fixture(scope="module")
def calls(place: Path) -> list[Stored]:
    """Give the calls of an archive of these logs, which are read once."""
    store = open_store("private:")
    bring_up_to_date(store, [str(place)], Config(), jobs=1)
    found = list(calls_of(store))
    store.close()
    assert found
    return found


def test_every_call_costs_what_the_vendors_list_says(calls: list[Stored]) -> None:
    """To the nano-dollar, by its own date, tier and size; what neither prices is no zero."""
    priced = 0
    for agent, used, cost, reported in calls:
        usage = Usage(*used[4:7], used.output, used.hour, None, used.searches)
        at_us = (used.at - EPOCH) // timedelta(microseconds=1)
        ours = price(usage, used.model, used.provider, at_us, tier=used.tier)
        theirs = nanousd(used)
        assert ours == theirs, (agent, used)
        assert cost == (theirs if reported is None else reported), (agent, used)
        priced += theirs is not None
    assert priced >= len(rules()) - 1


def test_transcripts_are_priced_by_what_they_tell(place: Path, calls: list[Stored]) -> None:
    """Buckets, the hour's writes, fast mode, batches, searches, advisors: as the second count."""
    folders = [*place.glob("claude-code*"), *place.glob("claude_code")]
    paths = [path for folder in folders for path in transcripts(folder)]
    truth = Counter(
        (
            *(call.model or "unknown", call.tier),
            *(call.tokens.input, call.tokens.cache_read, call.tokens.cache_write),
            min(call.hour, call.tokens.cache_write),
            call.searches,
        )
        for call in claude_code.count(paths).calls.values()
        if call.tokens.total > call.tokens.output
    )
    assert truth
    ours = Counter(
        (used.model, used.tier, used.fresh, used.read, used.written, used.hour, used.searches)
        for agent, used, _, _ in calls
        if agent == "claude_code" and used.fresh + used.read + used.written
    )
    assert truth - ours == Counter()
    assert place == OWN or ours - truth == Counter(), (
        "only our cases have telemetry of Claude Code besides"
    )


NAMES = sorted(name for name in LIST if name.startswith(("claude-", "gpt-", "gemini-", "kimi-")))
RETIRED = {"claude-sonnet-4", "claude-3-7-sonnet", "claude-3-5-sonnet", "claude-3-5-haiku"}
"""Models that were retired before the library began to list batches: no price, and never zero."""

BATCHES = defaultdict(lambda: EPOCH)
"""Since when the price of a batch is known: as long as the standard one is what it is today."""

BATCHES["claude-opus-4-6"] = BATCHES["claude-sonnet-4-6"] = datetime(2026, 3, 13, tzinfo=UTC)


@pytest.mark.parametrize("entry", amendments().price, ids=lambda e: f"{e.model} {e.since}")
def test_an_amendment_says_what_the_library_does_not(entry: Override) -> None:
    """It names a model that the library has, and is to go once the library says the same."""
    table = read_table(package_directory())
    provider = table.provider(entry.provider or "")
    assert provider is not None
    model = next(model for model in provider.models if model.id == entry.model)
    listed = dict(bands(model.standard(entry.since_us)))
    assert {above: dict(prices) for above, prices in entry.bands()} != {
        above: {unit: usd for unit, usd in prices.items() if unit in entry.prices()}
        for above, prices in listed.items()
    }


COUNT = st.one_of(st.integers(0, 2_000), st.integers(0, 400_000))


@st.composite
def used_calls(draw: st.DrawFn) -> Used:
    """A call of any listed model, size, tier that its vendor sells, and time since 2025."""
    model = draw(st.sampled_from(NAMES))
    tiers = [None, "standard", *(tier for price in LIST[model] for tier, _ in price.times)]
    written = draw(COUNT)
    return Used(
        model,
        "",
        draw(st.sampled_from(tiers)),
        datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 14_000))),
        draw(COUNT),
        draw(COUNT),
        written,
        draw(st.integers(0, written)),
        draw(COUNT),
        0,
    )


@settings(max_examples=300, deadline=None)
@given(used_calls())
def test_any_call_costs_what_the_vendors_list_says(used: Used) -> None:
    """Each band, tier and lifetime of the cache of each listed model, at any date.

    OpenAI sells no priority for long prompts (its page: "excludes long context").
    """
    assume(used.tier != "priority" or used.fresh + used.read + used.written <= 272_000)
    at_us = (used.at - EPOCH) // timedelta(microseconds=1)
    usage = Usage(*used[4:7], used.output, used.hour)
    unknown = used.tier == "batch" and (used.model in RETIRED or used.at < BATCHES[used.model])
    expected = None if unknown else nanousd(used)
    assert price(usage, used.model, None, at_us, tier=used.tier) == expected


@pytest.mark.parametrize("provider", ["ollama", "lmstudio", "llama.cpp", "vllm"])
def test_local_models_are_free_in_both(provider: str) -> None:
    """Whatever the model's name is elsewhere."""
    used = Used("deepseek-v4-flash", provider, None, EPOCH, 900, 0, 0, 0, 90, 0)
    assert price(Usage(900, output=90), used.model, provider, 0) == nanousd(used) == 0


OWN_PRICES = """
[[price]]
model = "claude-*"
input_mtok = 7
output_mtok = 30
cache_read_mtok = 0.9

[[price.band]]
above = 100_000
input_mtok = 9
output_mtok = 40
cache_read_mtok = 1.1

[[price]]
model = "claude-opus-4-8"
tier = "batch"
input_mtok = 1
output_mtok = 2
cache_read_mtok = 0.5

[[price]]
model = "claude-opus-4-6"
since = 2026-03-13
input_mtok = 3
output_mtok = 4
cache_read_mtok = 0.25
"""
ALL = Price(ALWAYS, Rates("7", "0.9", "30"), 100_000, Rates("9", "1.1", "40"))
OWN_LIST = {
    "claude-opus-4-6": (ALL, Price("2026-03-13", Rates("3", "0.25", "4"))),
    "claude-opus-4-8": (ALL,),
    "claude-opus-4-5": (ALL,),
    "claude-sonnet-4": (ALL,),
    "claude-haiku-4-5": (ALL,),
}
BATCH = {"claude-opus-4-8": (Price(ALWAYS, Rates("1", "0.5", "2")),)}


def test_the_users_prices_win_over_both_lists(tmp_path: Path) -> None:
    """By pattern, by tier, from a date on, by the size of the prompt; the others stay listed."""
    own = tmp_path / "own.toml"
    own.write_text(OWN_PRICES, encoding="utf-8")
    log = jsonl(tmp_path / "logs" / "rules.jsonl", rules())
    store = open_store("private:")
    config = load(os.environ, flags={"prices.file": ("test", own)}).config
    bring_up_to_date(store, [str(log)], config, jobs=1)
    calls = list(calls_of(store))
    store.close()
    assert len(calls) == len(rules()) + 1
    for _, used, cost, _ in calls:
        listed = BATCH if used.tier == "batch" else OWN_LIST
        plain = used._replace(tier=None)
        assert cost == (nanousd(plain, listed) or nanousd(used)), used
