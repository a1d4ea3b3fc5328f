"""Prices of model calls in integer nano-dollars, by model, provider, tier and time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property, lru_cache
from math import lcm

from msgspec import Struct

from tachlog.model import Usage
from tachlog.pricing.amendments import amended, amendments
from tachlog.pricing.library import package_directory, read_table, version_of
from tachlog.pricing.names import (
    Reading,
    is_free,
    names,
    provider_id,
    readings,
    spellings,
    tier_of,
)
from tachlog.pricing.overrides import Override, Overrides
from tachlog.pricing.table import DAY_US, STANDARD, Model, Prices, Provider, Table, bands

CACHE_READ = Decimal("0.1")
CACHE_WRITE_5M = Decimal("1.25")
CACHE_WRITE_1H = Decimal(2)
"""Multiples of the input price where a table has no price for cache tokens: Anthropic's, from
https://platform.claude.com/docs/en/build-with-claude/prompt-caching (checked 2026-11-22)."""

WEB_SEARCHES_KCOUNT = Decimal(10)
"""USD per 1,000 web searches where a table has none: the list price of Anthropic and of OpenAI,
https://platform.claude.com/docs/en/about-claude/pricing (checked 2026-11-22)."""

NANO_PER_MTOK = 1_000
NANO_PER_KCOUNT = 1_000_000
MODELS_KEPT = 4096


class Card(Struct, frozen=True):
    """What one unit of each bucket costs, in nano-dollars divided by `per`.

    `output` is None for models that have no price for output (embeddings).
    """

    per: int
    input: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int | None
    web_search: int
    request: int

    def cost(self, usage: Usage) -> int | None:
        """Return the price of a call in nano-dollars, rounded once, half to even."""
        output = self.output
        if output is None:
            if usage.output:
                return None
            output = 0
        written = usage.cache_write
        kept = min(usage.cache_write_1h, written)
        total = (
            usage.input * self.input
            + usage.cache_read * self.cache_read
            + usage.output * output
            + self.request
        )
        if written:
            total += (written - kept) * self.cache_write_5m + kept * self.cache_write_1h
        if usage.web_searches:
            total += usage.web_searches * self.web_search
        return total if self.per == 1 else round_half_even(total, self.per)


FREE = Card(1, 0, 0, 0, 0, 0, 0, 0)


class RateCard(Struct, frozen=True):
    """Cards by the size of the prompt: `cards[i]` for prompts above `limits[i - 1]` tokens."""

    limits: tuple[int, ...]
    cards: tuple[Card, ...]


class Schedule(Struct, frozen=True):
    """The rate cards of one model, provider and tier over time.

    `cards[i][j]` holds from `dates_us[i - 1]` on, daily from `clock_us[j - 1]` on (microseconds
    since the epoch, and since UTC midnight). None stands for a time without a known price.
    """

    dates_us: tuple[int, ...]
    clock_us: tuple[int, ...]
    cards: tuple[tuple[RateCard | None, ...], ...]

    def at(self, at_us: int) -> RateCard | None:
        """Return the rate card of a moment."""
        day = self.cards[bisect_right(self.dates_us, at_us)]
        return day[bisect_right(self.clock_us, at_us % DAY_US)] if self.clock_us else day[0]


class PriceBook:
    """Prices from the installed library, with the user's own on top.

    The library is read when the first call is priced (about 20 ms); a call of a model, provider and
    tier that was priced before costs about a microsecond.
    """

    def __init__(self, overrides: Overrides | None = None) -> None:
        self._overrides = overrides or Overrides()
        self._schedule: Callable[[str, str | None, str | None], Schedule | None]
        self._schedule = lru_cache(MODELS_KEPT)(self._draw_up)

    @cached_property
    def _table(self) -> Table:
        return amended(read_table(package_directory()), amendments().price)

    @property
    def version(self) -> str:
        """The name of all prices in use, such as `genai-prices 0.2.3 (2026-11)`."""
        release = version_of(package_directory())
        month = names().released.get(release)
        library = f"genai-prices {release}" + (f" ({month})" if month else "")
        return f"{library} + {self._overrides.label}" if self._overrides.label else library

    def price(
        self,
        usage: Usage,
        model: str,
        provider: str | None,
        at_us: int,
        *,
        tier: str | None = None,
    ) -> int | None:
        """Return what a call costs at list price, in nano-dollars; None when no price is known.

        `model`, `provider` and `tier` are taken as logs write them; a call in Claude's fast mode
        (`speed: fast`) has the tier `fast`. `at_us` is the time of the call in microseconds since
        the epoch. Counts are not negative; a `cache_write_1h` beyond `cache_write` is cut to it.
        Local models and free offers cost 0. A tier without a known price is not priced as another.
        """
        schedule = self._schedule(model, provider, tier)
        if schedule is None:
            return None
        rate_card = schedule.at(at_us)
        if rate_card is None:
            return None
        limits = rate_card.limits
        if not limits:
            return rate_card.cards[0].cost(usage)
        prompt = usage.input + usage.cache_read + usage.cache_write
        return rate_card.cards[bisect_left(limits, prompt)].cost(usage)

    def _draw_up(self, model: str, provider: str | None, tier: str | None) -> Schedule | None:
        named = tuple(readings(model, provider))
        asked = tier_of(tier)
        own = self._overrides.applying(named, asked)
        always_own = any(entry.since is None for entry in own)
        found = None if always_own else self._listed(named, asked)
        if not own and found is None:
            return None
        dates_us = sorted({entry.since_us for entry in own if entry.since is not None})
        clock_us: list[int] = []
        if isinstance(found, _Listed):
            dates_us = sorted({*dates_us, *found.model.dates_us()})
            clock_us = sorted(found.model.clock_us() - {0})
        first_us = dates_us[0] - DAY_US if dates_us else 0
        cards = tuple(
            tuple(_rate_card(own, found, day_us + clock) for clock in (0, *clock_us))
            for day_us in (first_us, *dates_us)
        )
        return Schedule(tuple(dates_us), tuple(clock_us), cards)

    def _listed(self, named: tuple[Reading, ...], tier: str) -> _Listed | RateCard | None:
        """Return how the library lists a model under the first of its readings that it knows."""
        any_vendor = True
        for reading in named:
            if is_free(reading):
                return RateCard((), (FREE,))
            if reading.provider is None:
                seller = self._vendor(reading.model) if any_vendor else None
            else:
                seller = self._table.provider(provider_id(reading.provider))
                if seller is not None and seller.id not in names().any_vendor.providers:
                    any_vendor = False
            if seller is not None and (found := self._sold(seller, reading.model, tier)):
                return found
        return None

    def _vendor(self, model: str) -> Provider | None:
        for prefix, vendor in names().vendors.items():
            if model.startswith(prefix):
                return self._table.provider(vendor)
        return self._table.vendor(model)

    def _sold(self, seller: Provider, model: str, tier: str) -> _Listed | None:
        for spelling in spellings(model):
            exact = any(one.id.lower() == spelling for one in seller.models)
            if not exact and spelling.startswith("claude-") and spelling.endswith("-fast"):
                spelling, tier = spelling.removesuffix("-fast"), "fast"
            found = self._table.find(seller, spelling)
            if found is not None and any(entry.rates for entry in found.prices):
                if tier in names().tiers.committed.get(seller.id, ()):
                    tier = STANDARD
                return _Listed(found, tier)
        return None


class _Listed(Struct, frozen=True):
    """A model in the library, and the tier in which it was called."""

    model: Model
    tier: str


def round_half_even(amount: int, per: int) -> int:
    """Return amount ÷ per as the nearest integer, of two equally near ones the even one."""
    whole, rest = divmod(amount, per)
    return whole + (2 * rest > per or (2 * rest == per and whole % 2 == 1))


def _rate_card(
    own: tuple[Override, ...], found: _Listed | RateCard | None, at_us: int
) -> RateCard | None:
    """Return the rate card of a moment: the user's narrowest price, else the listed one."""
    current = [entry for entry in own if entry.since_us <= at_us]
    if current:
        return _ruled(current[-1].bands())
    if isinstance(found, _Listed):
        rates = found.model.rates(at_us, found.tier)
        return _ruled(bands(rates)) if rates else None
    return found


def _ruled(steps: tuple[tuple[int, Prices], ...]) -> RateCard | None:
    cards = [_card(prices) for _, prices in steps if "input_mtok" in prices]
    if len(cards) < len(steps):
        return None
    return RateCard(tuple(above for above, _ in steps[1:]), tuple(cards))


def _card(prices: Prices) -> Card:
    fresh = prices["input_mtok"]
    write_5m = prices.get("cache_write_mtok", fresh * CACHE_WRITE_5M)
    output = prices.get("output_mtok")
    amounts = [
        fresh * NANO_PER_MTOK,
        prices.get("cache_read_mtok", fresh * CACHE_READ) * NANO_PER_MTOK,
        prices.get("cache_write_5m_mtok", write_5m) * NANO_PER_MTOK,
        prices.get("cache_write_1h_mtok", fresh * CACHE_WRITE_1H) * NANO_PER_MTOK,
        (output or Decimal(0)) * NANO_PER_MTOK,
        prices.get("web_searches_kcount", WEB_SEARCHES_KCOUNT) * NANO_PER_KCOUNT,
        prices.get("requests_kcount", Decimal(0)) * NANO_PER_KCOUNT,
    ]
    ratios = [amount.as_integer_ratio() for amount in amounts]
    per = lcm(*(below for _, below in ratios))
    fresh_n, read, short, hour, out, search, request = (
        top * (per // below) for top, below in ratios
    )
    return Card(per, fresh_n, read, short, hour, None if output is None else out, search, request)
