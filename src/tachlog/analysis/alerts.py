"""What needs a person's eye now: the user's two rules on the figures of the last five minutes.

Names, severities and thresholds are the user's (docs/design.md, "Recommendations", checked
2026-11-22); the thresholds come from the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

LEAST_OPERATIONS = 5
"""Below that a single failure would be a high error rate."""


class Thresholds(Protocol):
    """The thresholds of the rules, as `[alerts]` of the configuration has them."""

    @property
    def error_rate_threshold(self) -> float:
        """The error rate above which `high_error_rate` fires."""
        ...

    @property
    def token_spike_multiplier(self) -> float:
        """How many times the usual tokens per minute `token_spike` takes."""
        ...


class Alert(Struct, frozen=True):
    """Something that fires; `context` holds the figures that it rests on."""

    type: str
    severity: str
    message: str
    context: dict[str, int | float]


def high_error_rate(
    errors: int, operations: int, minutes: int, thresholds: Thresholds
) -> Iterator[Alert]:
    """Too many operations failed."""
    if operations < LEAST_OPERATIONS:
        return
    rate, limit = errors / operations, thresholds.error_rate_threshold
    if rate > limit:
        yield Alert(
            type="high_error_rate",
            severity="warning",
            message=(
                f"Error rate at {rate * 100:.1f} % (threshold: {limit * 100:g} %):"
                f" {errors:,} of {operations:,} operations in the last {minutes} minutes"
            ),
            context={
                "error_rate": round(rate, 6),
                "threshold": limit,
                "errors": errors,
                "operations": operations,
                "minutes": minutes,
            },
        )


def token_spike(rate: float, usual: float | None, thresholds: Thresholds) -> Iterator[Alert]:
    """Tokens flow much faster than usual; `usual` is None where too little is known of that."""
    multiple = thresholds.token_spike_multiplier
    if usual and rate > usual * multiple:
        yield Alert(
            type="token_spike",
            severity="info",
            message=(
                f"Token usage {rate / usual:.1f} × the average: {rate:,.0f} tokens a minute,"
                f" {usual:,.0f} usually (threshold: {multiple:g} ×)"
            ),
            context={
                "tokens_per_minute": round(rate, 3),
                "average": round(usual, 3),
                "multiplier": multiple,
            },
        )
