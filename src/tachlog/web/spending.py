"""What model calls used and cost: by day, model, project, agent and more; budgets; limits."""

from __future__ import annotations

from tachlog.analysis.budget import BudgetView, budgets_of
from tachlog.analysis.selection import By
from tachlog.analysis.spending import Costs, costs_of
from tachlog.pricing import PriceBook, load_overrides
from tachlog.web.endpoints import Asked, Endpoint, NoParameters
from tachlog.web.sessions import Filters, selection_of


class Cut(Filters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A selection, and what it is divided by."""

    by: By = "day"


def book_of(asked: Asked[Filters] | Asked[NoParameters]) -> PriceBook:
    """The prices in force."""
    own = asked.config.prices.file
    return PriceBook(load_overrides(own) if own else None)


def cost(asked: Asked[Cut]) -> Costs:
    """The same as `tachlog cost`."""
    book = book_of(asked)
    return costs_of(
        asked.store,
        selection_of(asked),
        asked.query.by,
        asked.config.billing,
        time_zone=asked.config.display.time_zone,
        prices=book.version,
        price=book.price,
        generated_at_us=asked.now_us,
    )


def budget(asked: Asked[NoParameters]) -> BudgetView:
    """The same as `tachlog budget`."""
    return budgets_of(
        asked.store,
        asked.config.budget,
        asked.config.billing,
        time_zone=asked.config.display.time_zone,
        prices=book_of(asked).version,
        now_us=asked.now_us,
    )


COST = Endpoint(
    "/api/v1/cost", "tokens and cost, divided", cost, Costs, Cut, every_s=60, sight="own"
)
BUDGET = Endpoint("/api/v1/budget", "budgets, limits, projections", budget, BudgetView, every_s=60)
ENDPOINTS = [COST, BUDGET]
