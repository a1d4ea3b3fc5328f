"""What model calls cost at list price: `price(usage, model, provider, at)` → nano-dollars or None.

Prices come from the library genai-prices, applied offline at the date of the call, and from the
user's own price file. The figures are list prices (*at API prices*), not what was billed.
"""

from functools import cache

from tachlog.model import Usage
from tachlog.pricing.book import PriceBook
from tachlog.pricing.library import LibraryError
from tachlog.pricing.overrides import (
    BAND_KEYS,
    PRICE_KEYS,
    Overrides,
    PriceFileError,
    load_overrides,
)

__all__ = [
    "BAND_KEYS",
    "PRICE_KEYS",
    "LibraryError",
    "Overrides",
    "PriceBook",
    "PriceFileError",
    "Usage",
    "load_overrides",
    "price",
    "price_version",
]


@cache
def _shipped() -> PriceBook:
    return PriceBook()


def price(
    usage: Usage, model: str, provider: str | None, at_us: int, *, tier: str | None = None
) -> int | None:
    """Price a call without any prices of the user's own; see `PriceBook.price`."""
    return _shipped().price(usage, model, provider, at_us, tier=tier)


def price_version() -> str:
    """Return the name of the prices that `price` uses, to be shown in every output."""
    return _shipped().version
