"""What is paid and what may be used: `[[billing]]` and `[budget]` of the configuration."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct


class Billing(Struct, frozen=True, forbid_unknown_fields=True):
    """How a provider is paid from `since` on (None: always).

    A subscription has a price by the month, else it is billed by use at list prices.
    """

    provider: str
    plan: Literal["subscription", "api"]
    usd_per_month: Annotated[float, Meta(ge=0)] | None = None
    since: date | None = None
    name: str | None = None


Amount = Annotated[float, Meta(gt=0)]


class Budget(Struct, frozen=True, kw_only=True):
    """What may be used before tachlog warns, in dollars at API prices; None: no such budget."""

    usd_per_day: Annotated[
        Amount | None,
        Meta(description="budget of a day, at API prices", extra={"unit": "USD"}),
    ] = None
    usd_per_week: Annotated[
        Amount | None,
        Meta(description="budget from Monday to Sunday, at API prices", extra={"unit": "USD"}),
    ] = None
    usd_per_session: Annotated[
        Amount | None,
        Meta(
            description="budget of one session with its sub-agents, at API prices",
            extra={"unit": "USD"},
        ),
    ] = None
