"""Prices that the library lacks, put into its table: `data/prices.toml`, each with its source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tachlog.pricing.overrides import Override
from tachlog.pricing.table import Conditional, Model, Provider, Rates, Since, Table, Tiered

FILE = Path(__file__).parents[1] / "data" / "prices.toml"


class Amendments(Struct, frozen=True, forbid_unknown_fields=True):
    """The file; `checked` is when its sources were looked up."""

    source: str
    checked: date
    price: tuple[Override, ...]


@cache
def amendments() -> Amendments:
    """Return the shipped file."""
    import tomllib

    tree = tomllib.loads(FILE.read_text(encoding="utf-8"), parse_float=Decimal)
    return msgspec.convert(tree, Amendments)


def amended(table: Table, prices: Sequence[Override]) -> Table:
    """Return the table with these prices, each from its date on instead of what it says."""
    return Table(tuple(_provider(provider, prices) for provider in table.providers))


def _provider(provider: Provider, prices: Sequence[Override]) -> Provider:
    own = [price for price in prices if price.provider == provider.id]
    if not own:
        return provider
    return replace(provider, models=tuple(_model(model, own) for model in provider.models))


def _model(model: Model, prices: Sequence[Override]) -> Model:
    later = [
        Conditional(_rates(price), Since(price.since_us))
        for price in prices
        if price.model == model.id
    ]
    return replace(model, prices=(*model.prices, *later)) if later else model


def _rates(price: Override) -> Rates:
    """Return what each unit costs by the size of the prompt."""
    (_, base), *beyond = price.bands()
    return {
        unit: Tiered(usd, tuple((above, prices[unit]) for above, prices in beyond))
        if beyond
        else usd
        for unit, usd in base.items()
    }
