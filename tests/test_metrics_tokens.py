"""Tokens are counted once per call, in disjoint buckets, estimated only where no API counted."""

from typing import Any

import pytest

from sessions_by_hand import MODEL, Told, text
from tachlog.estimate import estimate_output
from tachlog.metrics import ModelUse, Settled
from tachlog.metrics.timing import timeline_of
from tachlog.metrics.tokens import main_model, model_uses, settle, settled_usage
from tachlog.model import Features, Usage


def per_token(
    usage: Usage, model: str, provider: str | None, at_us: int, *, tier: str | None
) -> int | None:
    """Price every token of a known model with one nano-dollar, tenfold in the tier `priority`."""
    if model == "unheard-of":
        return None
    return usage.total * (10 if tier == "priority" else 1)


def uses(told: Told, price: Any = per_token) -> tuple[dict[str, ModelUse], int]:
    """Return the use of each model and the number of replaced placeholders."""
    calls = timeline_of(told.session()).calls
    return model_uses(calls, [settle(call, price) for call in calls])


def one(told: Told) -> tuple[Usage, int]:
    """Return how the tokens of the only call count, and how many of them are estimated."""
    (call,) = told.session().calls.values()
    return settled_usage(call)


def test_a_final_count_is_taken_as_it_is() -> None:
    """A reply with a stop reason has its output counted by the API, however much is visible."""
    told = Told()
    usage = Usage(input=3, cache_read=100, cache_write=20, output=4, reasoning=2)
    told.reply(1, usage=usage, features=text(4_000))
    assert one(told) == (usage, 0)


def test_an_unfinished_count_is_replaced_by_its_estimate() -> None:
    """A placeholder gives way to the estimate of what is visible; nothing is added to it."""
    told = Told()
    features = Features(text=900, thinking=300, tool_text=200, tools=1, keys=2)
    told.reply(1, usage=Usage(input=3, output=8, reasoning=1), features=features, stop=None)
    estimate = estimate_output(features, MODEL)
    assert estimate > 8
    assert one(told) == (Usage(input=3, output=estimate), estimate)


def test_an_unfinished_count_above_the_estimate_stands() -> None:
    """What the API had counted when the reply began is never more than the truth."""
    told = Told()
    told.reply(1, usage=Usage(output=5_000), features=text(40), stop=None)
    assert one(told) == (Usage(output=5_000), 0)


def test_a_call_without_usage_has_its_output_estimated() -> None:
    """What such a call read is in no log: its input is nothing, and all of its tokens estimated."""
    told = Told()
    told.reply(1, usage=None, features=text(4_000), stop="stop")
    estimate = estimate_output(text(4_000), MODEL)
    assert one(told) == (Usage(output=estimate), estimate)


def test_the_features_of_all_records_are_estimated_together() -> None:
    """A reply of several records has each part counted, also when one was told twice."""
    told = Told()
    told.reply(1, key="a", usage=Usage(output=1), features=text(700), stop=None)
    told.reply(1, key="a", usage=Usage(output=1), features=text(700), stop=None)
    told.reply(2, key="a", usage=Usage(output=1), features=text(900), stop=None)
    assert one(told)[1] == estimate_output(text(1_600), MODEL)


def test_models_add_up_their_calls() -> None:
    """Each bucket of a model is the sum over its calls; other models are apart."""
    told = Told()
    told.reply(1, usage=Usage(1, 20, 300, 4_000, 100, 7))
    told.reply(2, usage=Usage(2, 30, 400, 5_000))
    told.reply(3, usage=Usage(9), model="gpt-5", provider="openai")
    assert uses(told) == (
        {
            MODEL: ModelUse(
                "anthropic", 2, 3, 50, 700, 100, 9_000, reasoning=7, cost_nanousd=9_753
            ),
            "gpt-5": ModelUse("openai", 1, 9, cost_nanousd=9),
        },
        0,
    )


def test_reasoning_is_unknown_until_a_call_tells_it() -> None:
    """A model that never says how much it thought has None, not zero."""
    told = Told()
    told.reply(1)
    assert uses(told)[0][MODEL].reasoning is None


def test_estimates_are_marked_priced_and_counted() -> None:
    """An estimated output has its price, and the number of replaced placeholders is told."""
    told = Told()
    told.reply(1, usage=Usage(input=100, output=2), features=text(4_000), stop=None)
    told.reply(2, usage=None, features=text(4_000))
    estimate = estimate_output(text(4_000), MODEL)
    models, placeholders = uses(told)
    assert models[MODEL].estimated == 2 * estimate
    assert models[MODEL].cost_nanousd == models[MODEL].total == 100 + 2 * estimate
    assert placeholders == 1


def test_a_reported_cost_wins() -> None:
    """What the log says that a call cost is taken, and marked; the others are priced."""
    told = Told()
    told.reply(1, cost_nanousd=777)
    told.reply(2, tier="priority")
    use = uses(told)[0][MODEL]
    assert (use.cost_nanousd, use.reported_cost_calls, use.unpriced_calls) == (777 + 150, 1, 0)


def test_one_call_is_settled_as_in_the_sum() -> None:
    """What a call counts for by itself is what it adds to its model."""
    told = Told()
    told.reply(1, usage=Usage(input=100, output=2), features=text(4_000), stop=None)
    (call,) = told.session().calls.values()
    use = uses(told)[0][MODEL]
    assert settle(call, per_token) == Settled(use.output, use.estimated, use.cost_nanousd)
    assert settle(call, None).cost_nanousd is None


def test_a_call_without_a_price_is_told() -> None:
    """No price is no zero: the cost is None, calls and tokens without one are counted."""
    told = Told()
    told.reply(1, model="unheard-of")
    use = uses(told)[0]["unheard-of"]
    assert (use.cost_nanousd, use.unpriced_calls, use.unpriced_tokens) == (None, 1, 15)


def test_without_prices_only_reported_costs_count() -> None:
    """Nothing is priced when no prices are at hand."""
    told = Told()
    told.reply(1, cost_nanousd=5)
    told.reply(2)
    use = uses(told, None)[0][MODEL]
    assert (use.cost_nanousd, use.unpriced_calls, use.unpriced_tokens) == (5, 1, 15)


@pytest.mark.parametrize(
    ("models", "main"),
    [
        ({}, None),
        ({"b": ModelUse("", 3), "a": ModelUse("", 2, 900)}, "b"),
        ({"b": ModelUse("", 2, 5), "a": ModelUse("", 2, 4)}, "b"),
        ({"b": ModelUse("", 2, 5), "a": ModelUse("", 2, output=5)}, "a"),
    ],
)
def test_the_main_model_has_most_calls_then_tokens(
    models: dict[str, ModelUse], main: str | None
) -> None:
    """Calls decide, then tokens, then the name; a session without calls has no model."""
    assert main_model(models) == main
