"""How a provider is paid: one `[[billing]]` of the configuration."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct


class Billing(Struct, frozen=True, forbid_unknown_fields=True):
    """From `since` on (None: always) a price by the month, or billed by use at list prices."""

    provider: str
    plan: Literal["subscription", "api"]
    usd_per_month: Annotated[float, Meta(ge=0)] | None = None
    since: date | None = None
    name: str | None = None
