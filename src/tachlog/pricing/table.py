"""A table of list prices: providers, their models, and what those cost when.

The rules are those of the library genai-prices (0.2.3, checked 2026-11-22), with two deliberate
differences where its layout cannot say what its own comments say:

- A price for certain hours of the day that follows dated prices holds only from the last of those
  dates on; the library applies DeepSeek's peak hours of August 2026 to all earlier days as well.
- The rates of a tier (batch, flex, priority, fast) that the library dates by the day on which it
  verified them hold for earlier calls too, while the standard price was the same as on that day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from msgspec import Struct

DAY_US = 86_400_000_000
STANDARD = "standard"
TIER_KEYS = frozenset({"service_tier", "processing", "speed"})
"""The request properties by which the library tells tiers apart."""

Matcher = Callable[[str], bool]
Prices = Mapping[str, Decimal]
"""USD by unit: `input_mtok` per million fresh input tokens, `web_searches_kcount` per 1,000 …"""


class Tiered(Struct, frozen=True):
    """A price that depends on the size of the prompt: `steps` are (tokens, USD), ascending.

    A step holds for the whole request once the prompt has more than its tokens.
    """

    base: Decimal
    steps: tuple[tuple[int, Decimal], ...]

    def for_prompt(self, above: int) -> Decimal:
        """Return the price of a prompt above a step (or 0) and not above the next one."""
        return next((usd for start, usd in reversed(self.steps) if start <= above), self.base)


class Since(Struct, frozen=True):
    """From a UTC midnight on, in microseconds since the epoch."""

    us: int


class Hours(Struct, frozen=True):
    """Daily from `start_us` to before `end_us`, microseconds since UTC midnight."""

    start_us: int
    end_us: int

    def contain(self, at_us: int) -> bool:
        """Whether a moment lies in the window, which may reach over midnight."""
        clock = at_us % DAY_US
        if self.start_us <= self.end_us:
            return self.start_us <= clock < self.end_us
        return clock >= self.start_us or clock < self.end_us


When = Since | Hours | None
Rates = Mapping[str, Decimal | Tiered]


class Conditional(Struct, frozen=True):
    """Rates with the times at which they hold."""

    rates: Rates
    when: When = None


class Variant(Struct, frozen=True):
    """Rates that replace standard ones for requests with the property `context`."""

    context: Mapping[str, str]
    rates: Rates
    when: When = None

    @property
    def verified_us(self) -> int:
        """The first moment for which the library vouches for these rates."""
        return self.when.us if isinstance(self.when, Since) else 0


class Model(Struct, frozen=True):
    """A model as one provider sells it; later prices win over earlier ones."""

    id: str
    match: Matcher
    prices: tuple[Conditional, ...]
    variants: tuple[Variant, ...] = ()

    def dates_us(self) -> set[int]:
        """Return the UTC midnights at which a price may change."""
        times = [entry.when for entry in self.prices] + [entry.when for entry in self.variants]
        return {when.us for when in times if isinstance(when, Since)}

    def clock_us(self) -> set[int]:
        """Return the times of day at which a price may change."""
        windows = [entry.when for entry in self.prices if isinstance(entry.when, Hours)]
        return {edge for window in windows for edge in (window.start_us, window.end_us)}

    def standard(self, at_us: int) -> Rates:
        """Return the standard rates at a moment, the first ones where none is said to hold."""
        for index in range(len(self.prices) - 1, -1, -1):
            if _holds(self.prices, index, at_us):
                return self.prices[index].rates
        return self.prices[0].rates if self.prices else {}

    def rates(self, at_us: int, tier: str = STANDARD) -> Rates | None:
        """Return the rates of a tier at a moment; None where the table does not know the tier."""
        standard = self.standard(at_us)
        if tier == STANDARD:
            return standard
        named = [variant for variant in self.variants if _names_tier(variant.context, tier)]
        if not named:
            return None
        current = [variant for variant in named if variant.verified_us <= at_us]
        if not current:
            first = min(named, key=lambda variant: variant.verified_us)
            if self.standard(first.verified_us) != standard:
                return None
            current = [first]
        merged = dict(standard)
        for variant in reversed(current):
            merged.update(variant.rates)
        return merged


class Provider(Struct, frozen=True):
    """A company that sells calls of models, under its id in the library."""

    id: str
    models: tuple[Model, ...]
    sells: Matcher | None = None
    is_called: Matcher | None = None
    falls_back_to: tuple[str, ...] = ()

    def find(self, name: str) -> Model | None:
        """Return the model of that very id, else the first one whose pattern takes the name."""
        exact = next((model for model in self.models if model.id.lower() == name), None)
        return exact or next((model for model in self.models if model.match(name)), None)


class Table(Struct, frozen=True):
    """All providers, in the library's order."""

    providers: tuple[Provider, ...]

    def provider(self, name: str) -> Provider | None:
        """Return the provider with that id, else the first that is known under such a name."""
        exact = next((one for one in self.providers if one.id == name), None)
        return exact or next(
            (one for one in self.providers if one.is_called is not None and one.is_called(name)),
            None,
        )

    def vendor(self, model: str) -> Provider | None:
        """Return the provider to which a bare model name belongs."""
        return next(
            (one for one in self.providers if one.sells is not None and one.sells(model)), None
        )

    def find(self, provider: Provider, model: str) -> Model | None:
        """Return a provider's model, or that of the providers whose models it resells."""
        if found := provider.find(model):
            return found
        for other in filter(None, map(self.provider, provider.falls_back_to)):
            if found := other.find(model):
                return found
        return None


def bands(rates: Rates) -> tuple[tuple[int, Prices], ...]:
    """Split rates by the size of the prompt: (tokens, prices above them), ascending from 0."""
    starts = {
        start for rate in rates.values() if isinstance(rate, Tiered) for start, _ in rate.steps
    }
    return tuple(
        (
            above,
            {
                unit: rate.for_prompt(above) if isinstance(rate, Tiered) else rate
                for unit, rate in rates.items()
            },
        )
        for above in sorted(starts | {0})
    )


def midnight_us(day: date) -> int:
    """Return the UTC midnight at which a day begins, in microseconds since the epoch."""
    return (day.toordinal() - date(1970, 1, 1).toordinal()) * DAY_US


def _holds(prices: tuple[Conditional, ...], index: int, at_us: int) -> bool:
    match prices[index].when:
        case None:
            return True
        case Since(us=us):
            return at_us >= us
        case Hours() as hours:
            dates = [entry.when.us for entry in prices[:index] if isinstance(entry.when, Since)]
            return hours.contain(at_us) and all(at_us >= us for us in dates)


def _names_tier(context: Mapping[str, str], tier: str) -> bool:
    return context.keys() <= TIER_KEYS and set(context.values()) == {tier}
