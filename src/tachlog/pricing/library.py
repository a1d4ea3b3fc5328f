"""Reads the price table of the library genai-prices without importing the library.

Importing genai_prices costs about 300 ms (pydantic and an HTTP client); running its generated
module `genai_prices/data.py` alone costs about 20. That module holds nothing but calls of
constructors (`Provider`, `ModelInfo`, `ClauseEquals` …). Here it runs with constructors of our own,
which keep what a price needs and drop the descriptions. Checked with genai-prices 0.2.3 on
2026-11-22.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from tachlog.pricing.table import (
    DAY_US,
    Conditional,
    Hours,
    Matcher,
    Model,
    Provider,
    Rates,
    Since,
    Table,
    Tiered,
    Variant,
    When,
    midnight_us,
)


class LibraryError(Exception):
    """The price library cannot be used: it is missing, or laid out in a way unknown here."""


def package_directory() -> Path:
    """Return where the library is installed, without importing it.

    Raises LibraryError when it is not.
    """
    from importlib.util import find_spec

    spec = find_spec("genai_prices")
    if spec is None or spec.origin is None:
        raise LibraryError("genai-prices is not installed; tachlog takes its prices from it")
    return Path(spec.origin).parent


def version_of(package: Path) -> str:
    """Return the version of the installed library from the name of its metadata directory."""
    found = sorted(package.parent.glob("genai_prices-*.dist-info"))
    return (
        found[-1].name.removesuffix(".dist-info").split("-")[1] if found else "of unknown version"
    )


@cache
def read_table(package: Path) -> Table:
    """Run the library's generated `data.py` with our constructors and return its table.

    A process reads it once: an installed library does not change under it.

    Raises LibraryError when the file uses a constructor or a property that is not known here.
    """
    from importlib.machinery import SourceFileLoader

    def import_module(
        name: str,
        globals_: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        names: Iterable[str] | None = (),
        level: int = 0,
    ) -> object:
        if level:
            return SimpleNamespace(__all__=tuple(_CONSTRUCTORS), **_CONSTRUCTORS)
        return builtins.__import__(name, globals_, locals_, tuple(names or ()), level)

    module = "genai_prices.data"
    space: dict[str, object] = {
        "__name__": module,
        "__builtins__": {**vars(builtins), "__import__": import_module},
    }
    try:
        code = SourceFileLoader(module, str(package / "data.py")).get_code(module)
        assert code is not None
        exec(code, space)
        return Table(tuple(space["providers"]))  # type: ignore[arg-type]
    except (OSError, NameError, TypeError, KeyError) as error:
        raise LibraryError(
            f"genai-prices {version_of(package)} is laid out in a way that this tachlog does not "
            f"know ({error}); install the release of it that tachlog asks for"
        ) from error


def _provider(
    *,
    id: str,
    models: Iterable[Model] = (),
    model_match: Matcher | None = None,
    provider_match: Matcher | None = None,
    fallback_model_providers: Iterable[str] | None = None,
    **_described: object,
) -> Provider:
    fallbacks = tuple(fallback_model_providers or ())
    return Provider(id, tuple(models), model_match, provider_match, fallbacks)


def _model(
    *,
    id: str,
    match: Matcher,
    prices: Rates | Iterable[Conditional] = (),
    price_variants: Iterable[Variant] | None = None,
    **_described: object,
) -> Model:
    entries = (Conditional(prices),) if isinstance(prices, dict) else tuple(prices)
    return Model(id, match, entries, tuple(price_variants or ()))  # type: ignore[arg-type]


def _rates(**units: Decimal | Tiered | None) -> Rates:
    return {unit: usd for unit, usd in units.items() if usd is not None}


def _tiered(*, base: Decimal, tiers: Iterable[tuple[int, Decimal]]) -> Tiered:
    return Tiered(base, tuple(sorted(tiers)))


def _tier(*, start: int, price: Decimal) -> tuple[int, Decimal]:
    return start, price


def _conditional(*, prices: Rates, constraint: When = None) -> Conditional:
    return Conditional(prices, constraint)


def _variant(*, when: Mapping[str, str], prices: Rates, constraint: When = None) -> Variant:
    return Variant(when, prices, constraint)


def _since(*, start_date: date) -> Since:
    return Since(midnight_us(start_date))


def _hours(*, start_time: time, end_time: time) -> Hours:
    return Hours(_clock_us(start_time), _clock_us(end_time))


def _clock_us(clock: time) -> int:
    offset = clock.utcoffset()
    seconds = clock.hour * 3600 + clock.minute * 60 + clock.second
    return (seconds - (int(offset.total_seconds()) if offset else 0)) * 1_000_000 % DAY_US


def _starts_with(*, starts_with: str) -> Matcher:
    prefix = starts_with.lower()
    return lambda text: text.startswith(prefix)


def _ends_with(*, ends_with: str) -> Matcher:
    suffix = ends_with.lower()
    return lambda text: text.endswith(suffix)


def _contains(*, contains: str) -> Matcher:
    part = contains.lower()
    return lambda text: part in text


def _equals(*, equals: str) -> Matcher:
    whole = equals.lower()
    return lambda text: text == whole


def _regex(*, regex: str) -> Matcher:
    return lambda text: re.search(regex, text) is not None


def _any_of(*, or_: list[Matcher]) -> Matcher:
    return lambda text: any(matches(text) for matches in or_)


def _all_of(*, and_: list[Matcher]) -> Matcher:
    return lambda text: all(matches(text) for matches in and_)


def _dropped(**_described: object) -> None:
    return None


_CONSTRUCTORS: dict[str, Callable[..., object]] = {
    "Provider": _provider,
    "ModelInfo": _model,
    "ModelPrice": _rates,
    "TieredPrices": _tiered,
    "Tier": _tier,
    "ConditionalPrice": _conditional,
    "PriceVariant": _variant,
    "StartDateConstraint": _since,
    "TimeOfDateConstraint": _hours,
    "ClauseStartsWith": _starts_with,
    "ClauseEndsWith": _ends_with,
    "ClauseContains": _contains,
    "ClauseEquals": _equals,
    "ClauseRegex": _regex,
    "ClauseOr": _any_of,
    "ClauseAnd": _all_of,
    "UsageExtractor": _dropped,
    "UsageExtractorMapping": _dropped,
    "ArrayMatch": _dropped,
}
