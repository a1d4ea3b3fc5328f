"""The user's own price file, which wins over the price library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from tachlog.model import digest_of
from tachlog.pricing.names import Reading, provider_id, spellings, tier_of
from tachlog.pricing.table import STANDARD, Prices, midnight_us

AMOUNT_KEYS = {
    "input_mtok": "USD per million fresh input tokens",
    "output_mtok": "USD per million output tokens, reasoning included",
    "cache_read_mtok": "USD per million tokens read from a cache; default 0.1 × input_mtok",
    "cache_write_mtok": "USD per million tokens written to a cache; default 1.25 × input_mtok",
    "cache_write_1h_mtok": "the same for an hour; default 2 × input_mtok",
    "web_searches_kcount": "USD per 1,000 web searches; default 10",
    "requests_kcount": "USD per 1,000 model calls; default 0",
}
"""What a `[[price]]` and a `[[price.band]]` may charge; the first two are required in both."""

PRICE_KEYS = {
    "model": "the model's name as the log writes it, or with `*` for any characters; required",
    "provider": "only for calls through this provider; default any",
    "tier": "only for this tier: standard, batch, flex, priority, fast; default any",
    "since": "first day (UTC) of this price, as 2026-01-31; default always",
    "band": "a [[price.band]] for prompts above a size; it prices the whole call",
    **AMOUNT_KEYS,
}
"""What a `[[price]]` may say."""

BAND_KEYS = {
    "above": "the band holds for prompts with more tokens than this, cache included; required",
    **AMOUNT_KEYS,
}
"""What a `[[price.band]]` may say."""


class PriceFileError(ValueError):
    """The user's price file cannot be used; the message says where and what to do."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")


class _Amounts(Struct, frozen=True, kw_only=True):
    input_mtok: Decimal
    output_mtok: Decimal
    cache_read_mtok: Decimal | None = None
    cache_write_mtok: Decimal | None = None
    cache_write_1h_mtok: Decimal | None = None
    web_searches_kcount: Decimal | None = None
    requests_kcount: Decimal | None = None

    def prices(self) -> Prices:
        """Return the amounts that are given."""
        amounts = ((unit, getattr(self, unit)) for unit in AMOUNT_KEYS)
        return {unit: usd for unit, usd in amounts if usd is not None}


class Band(_Amounts, frozen=True, kw_only=True):
    """Prices of a whole call whose prompt has more than `above` tokens."""

    above: int


class Override(_Amounts, frozen=True, kw_only=True):
    """One `[[price]]` of the file."""

    model: str
    provider: str | None = None
    tier: str | None = None
    since: date | None = None
    band: tuple[Band, ...] = ()

    @property
    def since_us(self) -> int:
        """When the price begins, in microseconds since the epoch; far in the past for always."""
        return -(1 << 63) if self.since is None else midnight_us(self.since)

    def bands(self) -> tuple[tuple[int, Prices], ...]:
        """Return the prices by the size of the prompt, ascending from 0."""
        steps = sorted((band.above, band.prices()) for band in self.band)
        return ((0, self.prices()), *steps)

    def applies(self, named: Iterable[Reading], tier: str) -> bool:
        """Whether the price is meant for a model under one of its readings, and for the tier."""
        if self.tier is not None and tier_of(self.tier) != tier:
            return False
        pattern = re.compile(re.escape(self.model.lower()).replace(r"\*", ".*"))
        return any(
            self._is_sold_by(reading.provider)
            and any(pattern.fullmatch(name) for name in spellings(reading.model))
            for reading in named
        )

    def _is_sold_by(self, provider: str | None) -> bool:
        if self.provider is None:
            return True
        return provider is not None and provider_id(provider) == provider_id(self.provider.lower())

    @property
    def precision(self) -> tuple[bool, bool, bool, int]:
        """By which of two prices that apply the narrower one is told: it compares greater."""
        exact = "*" not in self.model
        return exact, self.provider is not None, self.tier is not None, self.since_us


class Overrides(Struct, frozen=True):
    """The prices of a file; `label` names the file's content in the price version."""

    entries: tuple[Override, ...] = ()
    label: str = ""

    def applying(self, named: Iterable[Reading], tier: str = STANDARD) -> tuple[Override, ...]:
        """Return the prices that are meant for a model and tier, the narrowest last."""
        readings = tuple(named)
        found = [entry for entry in self.entries if entry.applies(readings, tier)]
        return tuple(sorted(found, key=lambda entry: entry.precision))


class _File(Struct, frozen=True):
    price: tuple[Override, ...] = ()


def load_overrides(path: Path) -> Overrides:
    """Read a price file in TOML.

    It is a list of `[[price]]` with the keys of `PRICE_KEYS`, each with any number of
    `[[price.band]]` with the keys of `BAND_KEYS`. Of several prices for a call the narrower wins:
    an exact model over a pattern, then one with a provider, one with a tier, the latest `since`.

    Raises PriceFileError when the file cannot be read, holds an unknown key (the message names the
    nearest known one) or an amount that is not a number of dollars.
    """
    import tomllib

    try:
        raw = path.read_bytes()
        tree = tomllib.loads(raw.decode(), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PriceFileError(path, f"cannot be read: {reason}") from error
    _check_keys(path, tree, {"price": ""}, "the file")
    for price in _tables(tree, "price"):
        _check_keys(path, price, PRICE_KEYS, "[[price]]")
        for band in _tables(price, "band"):
            _check_keys(path, band, BAND_KEYS, "[[price.band]]")
    try:
        entries = msgspec.convert(tree, _File).price
    except msgspec.ValidationError as error:
        raise PriceFileError(path, str(error)) from error
    for entry in entries:
        for amounts in (entry, *entry.band):
            for unit, usd in amounts.prices().items():
                if not usd.is_finite() or usd < 0:
                    raise PriceFileError(path, f"{unit} of {entry.model} is no amount: {usd}")
    return Overrides(entries, f"{path.name} {digest_of(raw) >> 31:08x}")


def _tables(parent: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    found = parent.get(key)
    return [table for table in found if isinstance(table, dict)] if isinstance(found, list) else []


def _check_keys(
    path: Path, table: Mapping[str, object], known: Mapping[str, str], place: str
) -> None:
    from difflib import get_close_matches

    for key in table:
        if key not in known:
            nearest = get_close_matches(key, known, n=1, cutoff=0)[0]
            raise PriceFileError(path, f"unknown key {key} in {place}; did you mean {nearest}?")
