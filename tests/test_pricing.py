"""Prices of model calls: golden amounts computed by hand, the user's price file, properties.

An amount in a comment reads tokens × nano-dollars per token; $1 per million tokens is 1,000
nano-dollars per token. Prices were looked up in the vendors' lists as genai-prices 0.2.3 has them.
"""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog.pricing import (
    BAND_KEYS,
    PRICE_KEYS,
    LibraryError,
    PriceBook,
    PriceFileError,
    Usage,
    load_overrides,
    price,
    price_version,
)
from tachlog.pricing.amendments import amendments
from tachlog.pricing.book import round_half_even
from tachlog.pricing.library import package_directory, read_table, version_of
from tachlog.pricing.table import Hours, Since, Tiered, bands

ONE_EACH = Usage(input=1, cache_read=1, cache_write=1, output=1)

SEEN = [
    ("claude-fable-5", "anthropic"),
    ("claude-haiku-4-5-20251001", "anthropic"),
    ("claude-opus-4-5-20251101", "anthropic"),
    ("claude-opus-4-6", "anthropic"),
    ("claude-opus-4-6-thinking", "anthropic"),
    ("claude-opus-4-8", "anthropic"),
    ("claude-opus-4.8", "github-copilot"),
    ("claude-opus-5", "anthropic"),
    ("claude-sonnet-4-20250514", "anthropic"),
    ("claude-sonnet-4-5-20250929", "anthropic"),
    ("claude-sonnet-4-6", "anthropic"),
    ("claude-sonnet-5", "anthropic"),
    ("deepseek-v4-flash", "deepseek"),
    ("deepseek-v4-pro", "deepseek"),
    ("deepseek/deepseek-chat", None),
    ("gemini-2.5-flash", "google"),
    ("gemini-3.1-pro-preview", "github-copilot"),
    ("gemini-3-pro-preview", "google"),
    ("glm-4.7", "zhipu"),
    ("glm-5.1", "zhipu"),
    ("gpt-4", "openai"),
    ("gpt-4.1-mini-2025-04-14", "openai"),
    ("gpt-4o-mini", "openai"),
    ("gpt-5-2025-08-07", "openai"),
    ("gpt-5.1-codex", "openai"),
    ("gpt-5.1-codex-max", "openai"),
    ("gpt-5.3-codex", "opencode"),
    ("gpt-5.4", "github-copilot"),
    ("gpt-5.5", "openai"),
    ("litellm_proxy/claude-3-5-haiku-20241022", None),
    ("litellm_proxy/claude-sonnet-4-20250514", None),
    ("litellm_proxy/deepseek-chat", "litellm"),
    ("MiniMax-M2.7", "minimax"),
    ("openai/gpt-4o-mini", None),
]
"""Models and providers of real logs that have a price."""

UNPRICED = [
    ("<synthetic>", "anthropic"),
    ("codex-auto-review", "openai"),
    ("glm-4.7-flash", "zhipu"),
    ("default", "unknown"),
    ("test-model", None),
    ("", None),
]
"""Names from real logs that have no price today."""


def us(moment: str) -> int:
    """Return a UTC time such as `2026-03-13T00:00` in microseconds since the epoch."""
    return round(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1_000_000)


NOW = us("2026-11-20T12:00")


def book(tmp_path: Path, text: str) -> PriceBook:
    """Return a price book with a price file of the given text."""
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return PriceBook(load_overrides(path))


def test_every_bucket_has_its_own_price() -> None:
    """Fresh input, cache reads, 5-minute and 1-hour writes and output are priced apart."""
    # Opus 4.5, USD per million: 5, read 0.5, write 6.25 (5 minutes) and 10 (1 hour), output 25.
    # 1,000×5,000 + 10,000×500 + 1,500×6,250 + 500×10,000 + 300×25,000
    # = 5,000,000 + 5,000,000 + 9,375,000 + 5,000,000 + 7,500,000
    usage = Usage(input=1_000, cache_read=10_000, cache_write=2_000, output=300, cache_write_1h=500)
    assert price(usage, "claude-opus-4-5-20251101", "anthropic", NOW) == 31_875_000


def test_cache_prices_are_multiples_of_input_where_the_table_has_none() -> None:
    """Without cache prices a read costs 0.1, a write 1.25 and an hour's write 2 times the input."""
    # Claude 2: input 8. 1,000×800 + 600×10,000 + 400×16,000 = 800,000 + 6,000,000 + 6,400,000
    usage = Usage(cache_read=1_000, cache_write=1_000, cache_write_1h=400)
    assert price(usage, "claude-2", "anthropic", NOW) == 13_200_000


def test_an_hours_write_is_never_more_than_all_writes() -> None:
    """A 1-hour count beyond the total of cache writes is cut to the total."""
    # 100×10,000
    usage = Usage(cache_write=100, cache_write_1h=500)
    assert price(usage, "claude-opus-4-5", None, NOW) == 1_000_000


@pytest.mark.parametrize(
    ("usage", "amount"),
    [
        # 200,000×5,000 + 1,000×25,000
        (Usage(input=200_000, output=1_000), 1_025_000_000),
        # one token more: 200,001×10,000 + 1,000×37,500
        (Usage(input=200_001, output=1_000), 2_037_510_000),
        # cache counts as prompt: 1×10,000 + 150,000×1,000 + 40,000×12,500 + 10,000×20,000
        (
            Usage(input=1, cache_read=150_000, cache_write=50_000, cache_write_1h=10_000),
            850_010_000,
        ),
    ],
)
def test_a_long_prompt_raises_the_price_of_the_whole_call(usage: Usage, amount: int) -> None:
    """Above 200,000 prompt tokens Opus 4.6 cost 10/37.50 instead of 5/25, for every token."""
    assert price(usage, "claude-opus-4-6", "anthropic", us("2026-03-01T00:00")) == amount


def test_openai_has_its_band_at_272_000() -> None:
    """GPT-5.5 costs 5/30 up to 272,000 prompt tokens and 10/45 above."""
    # 272,000×5,000 + 10×30,000, then 272,001×10,000 + 10×45,000
    assert price(Usage(input=272_000, output=10), "gpt-5.5", "openai", NOW) == 1_360_300_000
    assert price(Usage(input=272_001, output=10), "gpt-5.5", "openai", NOW) == 2_720_460_000


def test_a_call_is_priced_at_its_own_date() -> None:
    """Opus 4.6 lost its long-context band at UTC midnight of 2026-03-13."""
    usage = Usage(input=300_000)
    # 300,000×10,000, then 300,000×5,000
    before = price(usage, "claude-opus-4-6", None, us("2026-03-12T23:59:59.999999"))
    after = price(usage, "claude-opus-4-6", None, us("2026-03-13T00:00"))
    assert (before, after) == (3_000_000_000, 1_500_000_000)


@pytest.mark.parametrize(
    ("moment", "nano_per_token"),
    [
        ("2026-05-10T02:00", 435),
        ("2026-08-16T23:59:59.999999", 435),
        ("2026-08-17T00:59:59.999999", 660),
        ("2026-08-17T01:00", 1_320),
        ("2026-09-10T04:00", 660),
        ("2026-09-10T06:00", 1_320),
        ("2026-09-10T10:00", 660),
    ],
)
def test_peak_hours_hold_only_since_they_were_introduced(moment: str, nano_per_token: int) -> None:
    """DeepSeek V4 Pro costs double at 01–04 and 06–10 UTC, but not before 2026-08-17."""
    assert price(Usage(input=1), "deepseek-v4-pro", "deepseek", us(moment)) == nano_per_token


@pytest.mark.parametrize(("tokens", "amount"), [(4, 14), (12, 44), (8, 29), (1, 4), (0, 0)])
def test_an_amount_is_rounded_once_half_to_even(tokens: int, amount: int) -> None:
    """At 3.625 nano-dollars per token 4 tokens (14.5) cost 14 and 12 tokens (43.5) cost 44."""
    usage = Usage(cache_read=tokens)
    assert price(usage, "deepseek-v4-pro", "deepseek", us("2026-05-10T12:00")) == amount


def test_web_searches_cost_a_cent() -> None:
    """A web search costs $10 per 1,000, by the table or where the table has no price for it."""
    # 3×10,000,000
    usage = Usage(web_searches=3)
    assert price(usage, "claude-sonnet-4-6", "anthropic", NOW) == 30_000_000
    assert price(usage, "claude-3-haiku-20240307", "anthropic", NOW) == 30_000_000


@pytest.mark.parametrize(
    ("model", "tier", "moment", "amount"),
    [
        # Opus 4.8 in fast mode, 10 + 1 + 12.50 + 50
        ("claude-opus-4-8", "fast", "2026-06-23T12:00", 73_500),
        ("claude-opus-4-8-fast", None, "2026-06-23T12:00", 73_500),
        # Opus 4.8 in a batch, half of 5 + 0.50 + 6.25 + 25
        ("claude-opus-4-8", "batch", "2026-11-01T12:00", 18_375),
        # … and before genai-prices vouches for batches, the standard price being the same
        ("claude-opus-4-8", "batch", "2026-06-23T12:00", 18_375),
        # capacity bought in advance has no list price of its own
        ("claude-opus-4-8", "priority", "2026-06-23T12:00", 36_750),
        # GPT-5, flex: half of 1.25 + 0.125 + 10, and half of 1.25 × 1.25 for the write
        ("gpt-5", "flex", "2026-11-01T12:00", 6_469),
        # GPT-5, priority: 2.50 + 0.25 + 3.125 + 20
        ("gpt-5", "Priority", "2026-11-01T12:00", 25_875),
        ("gpt-5", "default", "2026-11-01T12:00", 12_938),
        ("gpt-5", "auto", "2026-11-01T12:00", 12_938),
    ],
)
def test_tiers_have_their_own_prices(
    model: str, tier: str | None, moment: str, amount: int
) -> None:
    """Batch, flex, priority and fast calls are priced by their own rates."""
    assert price(ONE_EACH, model, None, us(moment), tier=tier) == amount


@pytest.mark.parametrize(
    ("model", "tier", "moment"),
    [
        ("claude-opus-4-5", "fast", "2026-11-01T12:00"),
        ("claude-opus-4-5", "turbo", "2026-11-01T12:00"),
        # the standard price was another one when genai-prices verified the batch price
        ("claude-opus-4-6", "batch", "2026-02-20T12:00"),
    ],
)
def test_a_tier_without_a_price_is_not_priced_as_another(
    model: str, tier: str, moment: str
) -> None:
    """A tier of which no price is known at the time of the call has None."""
    assert price(ONE_EACH, model, "anthropic", us(moment), tier=tier) is None


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("claude-opus-4-6", "anthropic"),
        ("claude-opus-4-6", None),
        ("claude-opus-4-6", "unknown"),
        ("Claude-Opus-4-6", "Anthropic"),
        ("claude-opus-4-6[1m]", "anthropic"),
        ("claude-opus-4-6-20260205", None),
        ("claude-opus-4-6-thinking", None),
        ("claude-opus-4-6-high", "cursor"),
        ("claude-opus-4.6", "github-copilot"),
        ("anthropic/claude-opus-4-6", None),
        ("anthropic/claude-opus-4.6", "openrouter"),
        ("openrouter/anthropic/claude-opus-4.6", None),
        ("litellm_proxy/claude-opus-4-6", None),
        ("litellm_proxy/anthropic/claude-opus-4-6", "litellm"),
        ("claude-opus-4-6@20260205", None),
        ("claude-opus-4-6@default", "google-vertex"),
        ("publishers/anthropic/models/claude-opus-4-6", None),
        ("projects/p/locations/l/publishers/anthropic/models/claude-opus-4-6", None),
        ("global.anthropic.claude-opus-4-6-v1:0", None),
        ("claude-opus-4-6", "opencode"),
    ],
)
def test_a_model_has_one_price_under_all_its_names(model: str, provider: str | None) -> None:
    """Dates, context and thinking suffixes, gateways and clouds do not change what is priced."""
    # 5 + 0.50 + 6.25 + 25
    assert price(ONE_EACH, model, provider, NOW) == 36_750


@pytest.mark.parametrize(
    "model",
    [
        "us.anthropic.claude-opus-4-6-v1:0",
        "bedrock/us.anthropic.claude-opus-4-6-v1:0",
        "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1:0",
    ],
)
def test_regional_inference_on_bedrock_costs_a_tenth_more(model: str) -> None:
    """A regional inference profile of Bedrock has its own price."""
    # 1.1 × (5 + 0.50 + 6.25 + 25)
    assert price(ONE_EACH, model, None, NOW) == 40_425


@pytest.mark.parametrize(
    ("model", "provider", "amount"),
    [
        # GLM-5.1 at Z.AI: 1.40 + 0.26 + 1.25 × 1.40 + 4.40
        ("glm-5.1", None, 7_810),
        ("glm-5.1", "anthropic", 7_810),
        ("glm-5.1", "zhipu", 7_810),
        ("glm-5.1-20260406", "z-ai", 7_810),
        ("z-ai/glm-5.1", None, 7_810),
        # … and at Zhipu: 0.828 + 0.179 + 1.25 × 0.828 + 3.31
        ("glm-5.1", "bigmodel", 5_352),
        # GPT-5.2 under the compact date that OpenRouter writes: 1.75 + 0.175 + 1.25 × 1.75 + 14
        ("gpt-5.2-20251211", "openai", 18_112),
        # GPT-4o has no rate at Copilot: 2.50 + 1.25 + 1.25 × 2.50 + 10 at its vendor
        ("gpt-4o", "github-copilot", 16_875),
        # Fast mode as a model of its own at Copilot
        ("claude-opus-4.8-fast", "github-copilot", 73_500),
    ],
)
def test_the_seller_decides_the_price(model: str, provider: str | None, amount: int) -> None:
    """The provider's own list comes first; resellers and unknown gateways pass the vendor's on."""
    assert price(ONE_EACH, model, provider, NOW) == amount


def test_a_host_of_open_models_does_not_sell_at_the_makers_price() -> None:
    """A model that its host does not list has no price, although its maker has one."""
    assert price(ONE_EACH, "deepseek-v4-pro", "groq", NOW) is None
    assert price(ONE_EACH, "groq/deepseek-v4-pro", "litellm", NOW) is None
    assert price(ONE_EACH, "deepseek-v4-pro", "litellm", NOW) is not None


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("qwen3:8b", "ollama"),
        ("ollama/qwen3:8b", None),
        ("ollama_chat/claude-like:7b", "litellm"),
        ("qwen/qwen3-coder-30b", "LMStudio"),
        ("anything.gguf", "llama.cpp"),
        ("deepseek/deepseek-r1:free", None),
        ("z-ai/glm-4.5-air:free", "kilocode"),
    ],
)
def test_local_models_and_free_offers_cost_nothing(model: str, provider: str | None) -> None:
    """What runs on the user's machine, or is offered without charge, costs 0: a known price."""
    usage = Usage(input=1_000_000, output=1_000_000, web_searches=1)
    assert price(usage, model, provider, NOW) == 0


@pytest.mark.parametrize(("model", "provider"), UNPRICED)
def test_no_known_price_is_none(model: str, provider: str | None) -> None:
    """Placeholders and models without a published price have no price, which is not zero."""
    assert price(ONE_EACH, model, provider, NOW) is None


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("claude-opus-9", "anthropic"),
        ("claude-opus-6-20270101", None),
        ("gpt-9", "openai"),
        ("gemini-9-pro", "google"),
        ("gpt-oss:120b-cloud", "ollama"),
        ("qwen3-coder:480b-cloud", "ollama"),
        ("whisper-1", "openai"),
    ],
)
def test_a_newer_model_is_not_priced_as_an_older_one(model: str, provider: str) -> None:
    """A model that the table does not know, or has no token price for, has None."""
    assert price(ONE_EACH, model, provider, NOW) is None


def test_embeddings_have_no_price_for_output() -> None:
    """A model without an output price is priced as long as it has no output."""
    # 1,000×20
    assert price(Usage(input=1_000), "text-embedding-3-small", None, NOW) == 20_000
    assert price(Usage(input=1_000, output=1), "text-embedding-3-small", None, NOW) is None


@pytest.mark.parametrize(("model", "provider"), SEEN)
def test_the_models_of_real_logs_have_a_price(model: str, provider: str | None) -> None:
    """Every model seen in real logs is priced, except those listed as unpriced."""
    amount = price(ONE_EACH, model, provider, us("2026-06-15T12:00"))
    assert amount is not None
    assert amount > 0


def test_the_version_names_library_and_month() -> None:
    """The price version says which release was used, as in `genai-prices 0.2.3 (2026-11)`."""
    release = version_of(package_directory())
    assert price_version().startswith(f"genai-prices {release}")
    assert price_version().partition(" (")[2] in {"2026-11)", ""}


def test_pricing_a_call_does_not_import_the_library() -> None:
    """Neither genai_prices nor what it depends on is imported to price a call."""
    program = (
        "import sys, tachlog.pricing as p\n"
        "assert p.price(p.Usage(input=1), 'claude-opus-4-5', None, 0) == 5000\n"
        "assert p.price_version()\n"
        "print(sorted({'genai_prices', 'pydantic', 'httpx', 'httpx2'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"[]\n", b"")


@pytest.mark.parametrize("moment", ["2026-02-20T12:00", "2026-06-15T12:00", "2026-11-20T08:30"])
def test_prices_agree_with_the_library_itself(moment: str) -> None:
    """For all models of the main vendors the amount is the one that genai-prices computes.

    Those apart whose price we amend; `test_truth_prices.py` has these.
    """
    from genai_prices import Usage as LibraryUsage
    from genai_prices.data import providers

    vendors = {"anthropic", "openai", "x-ai", "moonshotai", "zai"}
    mended = {(entry.provider, entry.model) for entry in amendments().price}
    sold = [
        (one, model)
        for one in providers
        if one.id in vendors
        for model in one.models
        if (one.id, model.id) not in mended
    ]
    compared = 0
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    for vendor, model in sold:
        units = model.get_prices(at).__dict__.keys()
        if units >= {"input_mtok", "cache_read_mtok", "output_mtok"}:
            for tokens in (1_000, 150_000, 300_000):
                result = model.calc_price(
                    LibraryUsage(input_tokens=tokens + 7, cache_read_tokens=7, output_tokens=11),
                    vendor,
                    genai_request_timestamp=at,
                )
                ours = price(
                    Usage(input=tokens, cache_read=7, output=11), model.id, vendor.id, us(moment)
                )
                assert ours == round(result.total_price * 10**9), (vendor.id, model.id, tokens)
                compared += 1
    assert compared > 300


OWN = """
[[price]]
model = "glm-5.1"
input_mtok = 1
output_mtok = 2.5

[[price]]
model = "claude-opus-4-5"
since = 2026-06-01
input_mtok = 4
output_mtok = 20
cache_read_mtok = 0.4
cache_write_mtok = 5
cache_write_1h_mtok = 8
web_searches_kcount = 12
requests_kcount = 2

[[price]]
model = "house-*"
input_mtok = 0.5
output_mtok = 1
[[price.band]]
above = 1000
input_mtok = 1
output_mtok = 2

[[price]]
model = "house-coder"
provider = "zai"
tier = "batch"
input_mtok = 0.25
output_mtok = 0.5

[[price]]
model = "qwen3:8b"
provider = "ollama"
input_mtok = 0.001
output_mtok = 0.001
"""


@pytest.mark.parametrize(
    ("usage", "model", "provider", "tier", "moment", "amount"),
    [
        # 1 + 0.1 + 1.25 + 2.50
        (ONE_EACH, "glm-5.1", "zai", None, "2026-01-01T00:00", 4_850),
        (ONE_EACH, "GLM-5.1", None, "batch", "2026-01-01T00:00", 4_850),
        # the library until the price file's date: 5 + 0.50 + 6.25 + 25, then 4 + 0.40 + 5 + 20 and
        # $2 per 1,000 calls
        (ONE_EACH, "claude-opus-4-5-20251101", None, None, "2026-05-31T23:59", 36_750),
        (ONE_EACH, "claude-opus-4-5-20251101", None, None, "2026-06-01T00:00", 2_029_400),
        # 10×8,000 + 2×12,000,000 + 2,000,000
        (
            Usage(cache_write=10, cache_write_1h=10, web_searches=2),
            "anthropic/claude-opus-4-5",
            None,
            None,
            "2026-06-01T00:00",
            26_080_000,
        ),
        # 1,000×500, then 1,001×1,000 and 1×2,000
        (Usage(input=1_000), "house-chat", None, None, "2026-01-01T00:00", 500_000),
        (Usage(input=1_001, output=1), "house-chat", "me", None, "2026-01-01T00:00", 1_003_000),
        # the narrower of two prices: 4×250
        (Usage(input=4), "house-coder", "z-ai", "batch", "2026-01-01T00:00", 1_000),
        (Usage(input=4), "house-coder", "z-ai", "standard", "2026-01-01T00:00", 2_000),
        (Usage(input=4), "house-coder", None, "batch", "2026-01-01T00:00", 2_000),
        # electricity
        (Usage(input=7), "qwen3:8b", "ollama", None, "2026-01-01T00:00", 7),
        (Usage(input=7), "qwen3:8b", "lmstudio", None, "2026-01-01T00:00", 0),
        # a model of which the file does not speak
        (ONE_EACH, "claude-opus-4-6", None, None, "2026-11-01T00:00", 36_750),
    ],
)
def test_the_users_prices_win(
    tmp_path: Path,
    usage: Usage,
    model: str,
    provider: str | None,
    tier: str | None,
    moment: str,
    amount: int,
) -> None:
    """A price file wins over the library from its date on, for its model, provider and tier."""
    assert book(tmp_path, OWN).price(usage, model, provider, us(moment), tier=tier) == amount


def test_a_price_file_can_add_a_time_before_which_nothing_is_known(tmp_path: Path) -> None:
    """A model that only the file knows has no price before the file's date."""
    own = book(
        tmp_path,
        "[[price]]\nmodel = 'new'\nsince = 2026-06-01\ninput_mtok = 1\noutput_mtok = 1\n",
    )
    assert own.price(ONE_EACH, "new", None, us("2026-05-31T23:59")) is None
    assert own.price(ONE_EACH, "new", None, us("2026-06-01T00:00")) == 3_350


def test_brackets_in_a_models_name_are_plain_characters(tmp_path: Path) -> None:
    """Only `*` has a meaning in a model of the price file."""
    own = book(tmp_path, "[[price]]\nmodel = 'a[1m]*'\ninput_mtok = 1\noutput_mtok = 1\n")
    assert own.price(Usage(input=1), "a[1m]-x", None, NOW) == 1_000
    assert own.price(Usage(input=1), "a1", None, NOW) is None


def test_the_version_changes_with_the_price_file(tmp_path: Path) -> None:
    """The price version names the file and its content, and the library alone for an empty book."""
    first = book(tmp_path, OWN).version
    second = book(tmp_path, OWN + "\n").version
    assert first.startswith(f"{price_version()} + prices.toml ")
    assert first != second
    assert PriceBook().version == price_version()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[prices]]\nmodel = 'a'\n", "unknown key prices in the file; did you mean price?"),
        (
            "[[price]]\nmodel = 'a'\ninput = 1\n",
            r"unknown key input in \[\[price\]\]; did you mean input_mtok?",
        ),
        (
            "[[price]]\nmodel = 'a'\ninput_mtok = 1\noutput_mtok = 1\n"
            "[[price.band]]\nabov = 1\ninput_mtok = 1\noutput_mtok = 1\n",
            r"unknown key abov in \[\[price.band\]\]; did you mean above?",
        ),
        ("[[price]]\nmodel = 'a'\ninput_mtok = 1\n", "output_mtok"),
        ("[[price]]\ninput_mtok = 1\noutput_mtok = 1\n", "model"),
        ("price = 3\n", "price"),
        ("[[price]]\nmodel = 'a'\ninput_mtok = true\noutput_mtok = 1\n", "input_mtok"),
        ("[[price]]\nmodel = 'a'\ninput_mtok = -1\noutput_mtok = 1\n", "input_mtok of a"),
        ("[[price]]\nmodel = 'a'\ninput_mtok = nan\noutput_mtok = 1\n", "input_mtok of a"),
        (
            "[[price]]\nmodel = 'a'\ninput_mtok = 1\noutput_mtok = 1\n"
            "[[price.band]]\nabove = 1\ninput_mtok = 1\noutput_mtok = inf\n",
            "output_mtok of a",
        ),
        ("[[price]\n", "cannot be read"),
    ],
)
def test_a_wrong_price_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A price file that is not understood is an error that says where and names the nearest key."""
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PriceFileError, match=message) as caught:
        load_overrides(path)
    assert str(path) in str(caught.value)


def test_an_unreadable_price_file_is_refused(tmp_path: Path) -> None:
    """A price file that is absent or not text is an error."""
    with pytest.raises(PriceFileError, match="cannot be read"):
        load_overrides(tmp_path / "absent.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PriceFileError, match="cannot be read"):
        load_overrides(tmp_path / "bytes.toml")


def test_every_documented_key_is_accepted(tmp_path: Path) -> None:
    """The documented keys are those that a price file may hold."""
    values = {"model": '"a"', "provider": '"p"', "tier": '"batch"', "since": "2026-01-01"}
    price_lines = [f"{key} = {values.get(key, 3)}" for key in PRICE_KEYS if key != "band"]
    band_lines = [f"{key} = 4" for key in BAND_KEYS]
    text = "\n".join(["[[price]]", *price_lines, "[[price.band]]", *band_lines])
    own = book(tmp_path, text)
    # 1×3,000 + 3,000,000, then 5×4,000 + 4,000,000
    assert own.price(Usage(input=1), "a", "p", NOW, tier="batch") == 3_003_000
    assert own.price(Usage(input=5), "a", "p", NOW, tier="batch") == 4_020_000


counts = st.integers(min_value=0, max_value=10**7)
usages = st.builds(
    lambda fresh, read, write, out, hour, searches: Usage(
        input=fresh,
        cache_read=read,
        cache_write=write,
        output=out,
        cache_write_1h=hour * write // 100,
        web_searches=searches,
    ),
    counts,
    counts,
    counts,
    counts,
    st.integers(0, 100),
    st.integers(0, 50),
)
FLAT = st.sampled_from(["claude-opus-4-5", "claude-fable-5", "gpt-5.3-codex", "glm-5.1"])
PRICED = st.sampled_from([model for model, provider in SEEN if provider != "litellm"])
MOMENTS = st.integers(min_value=us("2025-01-01T00:00"), max_value=us("2027-06-01T00:00"))


def plus(one: Usage, other: Usage) -> Usage:
    """Return the sum of two usages, bucket by bucket."""
    return Usage(
        input=one.input + other.input,
        cache_read=one.cache_read + other.cache_read,
        cache_write=one.cache_write + other.cache_write,
        output=one.output + other.output,
        cache_write_1h=one.cache_write_1h + other.cache_write_1h,
        web_searches=one.web_searches + other.web_searches,
    )


def amount(usage: Usage, model: str, at_us: int) -> int:
    """Return the price of a call that has one."""
    found = price(usage, model, None, at_us)
    assert found is not None
    return found


@given(usages, usages, FLAT, MOMENTS)
def test_cost_is_additive_where_no_band_is_crossed(
    one: Usage, other: Usage, model: str, at_us: int
) -> None:
    """Two calls cost together what one call of both would, but for the rounding of each."""
    apart = amount(one, model, at_us) + amount(other, model, at_us)
    assert abs(apart - amount(plus(one, other), model, at_us)) <= 1


@given(usages, usages, PRICED, MOMENTS)
def test_more_tokens_never_cost_less(one: Usage, more: Usage, model: str, at_us: int) -> None:
    """A price is never negative and grows with every bucket, over the edges of bands as well."""
    assert 0 <= amount(one, model, at_us) <= amount(plus(one, more), model, at_us)


@given(usages, st.sampled_from(UNPRICED), MOMENTS)
def test_what_has_no_price_has_none_for_any_usage(
    usage: Usage, unpriced: tuple[str, str | None], at_us: int
) -> None:
    """No usage gives a price to a model without one, not even an empty one."""
    assert price(usage, *unpriced, at_us) is None
    assert price(Usage(), *unpriced, at_us) is None


@given(usages, PRICED, MOMENTS)
def test_a_price_does_not_depend_on_what_was_priced_before(
    usage: Usage, model: str, at_us: int
) -> None:
    """A fresh price book and a much used one tell the same amount."""
    assert FRESH.price(usage, model, None, at_us) == price(usage, model, None, at_us)


FRESH = PriceBook()


@given(st.text(max_size=60), st.none() | st.text(max_size=20), st.none() | st.text(max_size=10))
def test_any_name_is_answered(model: str, provider: str | None, tier: str | None) -> None:
    """Whatever stands in a log as model, provider or tier has an amount or none, never an error."""
    found = price(ONE_EACH, model, provider, NOW, tier=tier)
    assert found is None or found >= 0


@given(st.integers(0, 10**15), st.integers(1, 10**6))
def test_half_goes_to_even(amount_: int, per: int) -> None:
    """Integer rounding is what decimal arithmetic calls half-even."""
    assert round_half_even(amount_, per) == round(Decimal(amount_) / Decimal(per))


DATA = """
import datetime
from decimal import Decimal
from .types import *

EAST = datetime.timezone(datetime.timedelta(hours=2))
providers = [
    Provider(
        id='maker',
        name='Maker',
        provider_match=ClauseAnd(
            and_=[ClauseContains(contains='MAK'), ClauseEndsWith(ends_with='r')]
        ),
        models=[
            ModelInfo(
                id='night',
                match=ClauseRegex(regex='^night'),
                prices=[
                    ConditionalPrice(prices=ModelPrice(input_mtok=Decimal('1'))),
                    ConditionalPrice(
                        constraint=TimeOfDateConstraint(
                            start_time=datetime.time(1, tzinfo=EAST),
                            end_time=datetime.time(3, 30),
                        ),
                        prices=ModelPrice(input_mtok=Decimal('2')),
                    ),
                ],
                price_variants=[
                    PriceVariant(
                        when={'processing': 'batch'},
                        prices=ModelPrice(input_mtok=Decimal('0.5'), output_mtok=None),
                    ),
                    PriceVariant(
                        when={'route': 'batch'}, prices=ModelPrice(input_mtok=Decimal('9'))
                    ),
                ],
            ),
            ModelInfo(
                id='later',
                match=ClauseEquals(equals='Later'),
                prices=[
                    ConditionalPrice(
                        constraint=StartDateConstraint(start_date=datetime.date(2026, 1, 1)),
                        prices=ModelPrice(
                            input_mtok=TieredPrices(
                                base=Decimal('1'),
                                tiers=[
                                    Tier(start=20, price=Decimal('3')),
                                    Tier(start=10, price=Decimal('2')),
                                ],
                            )
                        ),
                    ),
                ],
            ),
            ModelInfo(id='unsold', match=ClauseEquals(equals='unsold')),
        ],
    ),
    Provider(id='shop', fallback_model_providers=['absent', 'maker'], models=[]),
]
"""


def test_a_table_is_read_with_all_its_conditions(tmp_path: Path) -> None:
    """Zones, windows over midnight, unsorted bands, contexts and fallbacks mean what they say."""
    (tmp_path / "data.py").write_text(DATA, encoding="utf-8")
    table = read_table(tmp_path)
    maker, shop = table.providers
    night, later, unsold = maker.models
    assert table.provider("a-maker") is maker
    assert table.provider("making") is None
    assert night.prices[1].when == Hours(23 * 3_600_000_000, 12_600_000_000)
    inputs = [
        night.standard(us(f"2026-05-01T{clock}"))["input_mtok"]
        for clock in ("22:59", "23:00", "03:29", "03:30")
    ]
    assert inputs == [1, 2, 2, 1]
    assert night.rates(us("2026-05-01T12:00"), "batch") == {"input_mtok": Decimal("0.5")}
    assert night.rates(us("2026-05-01T12:00"), "flex") is None
    assert later.prices[0].when == Since(us("2026-01-01T00:00"))
    assert later.standard(0)["input_mtok"] == Tiered(
        Decimal(1), ((10, Decimal(2)), (20, Decimal(3)))
    )
    assert [(above, prices["input_mtok"]) for above, prices in bands(later.standard(0))] == [
        (0, Decimal(1)),
        (10, Decimal(2)),
        (20, Decimal(3)),
    ]
    assert unsold.rates(NOW) == {}
    assert table.find(shop, "nights") is night
    assert table.find(shop, "days") is None


@pytest.mark.parametrize(
    "text", ["providers = [Company()]", "prices = []", "from .types import *\nTier(beginning=1)"]
)
def test_an_unknown_layout_is_an_error_that_names_the_release(tmp_path: Path, text: str) -> None:
    """A library laid out in another way stops with what to do instead of pricing wrongly."""
    package = tmp_path / "genai_prices"
    package.mkdir()
    (package / "data.py").write_text(text, encoding="utf-8")
    with pytest.raises(LibraryError, match="genai-prices of unknown version"):
        read_table(package)
    (tmp_path / "genai_prices-9.1.dist-info").mkdir()
    with pytest.raises(LibraryError, match=r"genai-prices 9\.1 .* install the release"):
        read_table(package)


def test_a_missing_library_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library there is no price and no version, but an error that says so."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "genai_prices", raising=False)
    with pytest.raises(LibraryError, match="not installed"):
        package_directory()
