"""What the user pays providers, beside what was used: what was spent, what a plan was good for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, tzinfo

from msgspec import Struct

from tachlog.analysis.archive import Archive
from tachlog.analysis.billing import Billing
from tachlog.analysis.selection import Selection, Spending
from tachlog.analysis.units import dollars, rfc3339
from tachlog.analysis.windows import midnight_us
from tachlog.providers import provider_of

DAY_US = 86_400_000_000
DAYS_PER_MONTH = 365.2425 / 12


class PlanUse(Struct, frozen=True):
    """A subscription in the selected time, from `start` to `end`.

    `used_usd` is what its calls cost at API prices, `paid_usd` the part of the monthly price that
    falls to that time; `leverage` is used ÷ paid, None when nothing was paid.
    """

    provider: str
    name: str
    usd_per_month: float
    start: str
    end: str
    used_usd: float
    paid_usd: float
    leverage: float | None


class UnmatchedBill(Struct, frozen=True):
    """A bill of a provider of which the archive has no call, and the `nearest` that it has."""

    provider: str
    nearest: str | None


def unmatched(billing: Sequence[Billing], archive: Archive) -> list[UnmatchedBill]:
    """The bills that no call of the archive can be paid by, each provider once.

    A bill may name a model where its provider is meant (`claude`).
    """
    if not billing:
        return []
    known = archive.providers()
    return [
        UnmatchedBill(name, _nearest(name, known))
        for name in dict.fromkeys(bill.provider for bill in billing)
        if name not in known
    ]


def _nearest(name: str, known: Sequence[str]) -> str | None:
    from difflib import get_close_matches

    meant = provider_of(name)
    if meant in known:
        return meant
    return next(iter(get_close_matches(name.lower(), known, n=1, cutoff=0)), None)


def has_plan(billing: Sequence[Billing], today: date) -> bool:
    """Whether any provider is paid by the month: then minutes and limits say more than dollars."""
    return any(
        bill.plan == "subscription" and (bill.since is None or bill.since <= today)
        for bill in billing
    )


class Bills:
    """The bills of the configuration; `cuts` are the moments from which another one may hold."""

    def __init__(self, billing: Sequence[Billing], zone: tzinfo) -> None:
        since = [0 if bill.since is None else midnight_us(bill.since, zone) for bill in billing]
        self._bills = sorted(zip(since, billing, strict=True), key=lambda entry: entry[0])
        self.cuts = tuple(sorted({since_us for since_us in since if since_us}))

    def at(self, provider: str, period: int) -> Billing | None:
        """How a provider is paid after so many of the cuts."""
        from_us = self.cuts[period - 1] if period else 0
        held = [b for us, b in self._bills if b.provider == provider and us <= from_us]
        return held[-1] if held else None

    def spent_nanousd(self, found: Spending) -> int | None:
        """What was billed by use; None where the configuration does not say how it is paid."""
        bill = self.at(found.use.provider, found.period)
        if bill is None:
            return None
        return (found.use.cost_nanousd or 0) if bill.plan == "api" else 0

    def plans(self, found: Sequence[Spending], selection: Selection, now_us: int) -> list[PlanUse]:
        """The subscriptions that were paid in the selected time.

        None where a part of the provider's calls is selected, as its price is that of all.
        """
        if selection != Selection(
            selection.since_us, selection.until_us, provider=selection.provider
        ):
            return []
        uses = []
        for since_us, bill in self._bills:
            if selection.provider not in (None, bill.provider):
                continue
            own = [each for each in found if self.at(each.use.provider, each.period) is bill]
            first_us = min((each.first_us for each in own), default=now_us)
            start_us = max(since_us, selection.since_us or 0) or first_us
            later = [us for us, b in self._bills if b.provider == bill.provider and us > since_us]
            end_us = min(now_us, selection.until_us or now_us, *later)
            if bill.usd_per_month is not None and start_us < end_us:
                uses.append(_plan_use(bill, bill.usd_per_month, own, start_us, end_us))
        return uses


def _plan_use(
    bill: Billing, usd_per_month: float, own: Sequence[Spending], start_us: int, end_us: int
) -> PlanUse:
    paid = usd_per_month * (end_us - start_us) / DAY_US / DAYS_PER_MONTH
    used = dollars(sum(each.use.cost_nanousd or 0 for each in own))
    return PlanUse(
        provider=bill.provider,
        name=bill.name or bill.provider,
        usd_per_month=usd_per_month,
        start=rfc3339(start_us),
        end=rfc3339(end_us),
        used_usd=used,
        paid_usd=round(paid, 2),
        leverage=round(used / paid, 3) if paid else None,
    )
