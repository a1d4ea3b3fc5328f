"""The context is the most that one call had to read, beside its model's window."""

from sessions_by_hand import MODEL, Told
from tachlog.data import context_window
from tachlog.metrics import Context
from tachlog.metrics.context import context_of
from tachlog.model import Usage


def context(told: Told, compactions: int = 0) -> Context:
    """Return the context of what was told."""
    return context_of(told.session().calls.values(), compactions)


def test_the_peak_is_the_largest_prompt() -> None:
    """Fresh tokens and both kinds of cached ones are read; the output is not."""
    told = Told()
    told.reply(1, usage=Usage(1_000, 20_000, 3_000, 99_000))
    told.reply(2, usage=Usage(500, 20_000, 0, 10))
    assert context(told, 2) == Context(24_000, context_window(MODEL), 2)


def test_the_window_is_that_of_the_peaks_model() -> None:
    """When models change, the one that read most has the window."""
    told = Told()
    told.reply(1, usage=Usage(input=9_000), model="gpt-4o")
    told.reply(2, usage=Usage(input=100))
    assert context(told) == Context(9_000, context_window("gpt-4o"), 0)


def test_calls_that_tell_nothing_have_no_peak() -> None:
    """No usage, and a usage of nothing, tell no peak: None, not zero."""
    told = Told()
    told.reply(1, usage=None)
    told.reply(2, usage=Usage(output=300))
    assert context(told, 1) == Context(None, None, 1)


def test_a_peak_above_the_window_leaves_it_unknown() -> None:
    """A call that read more than its model is said to hold had a larger window than is known."""
    told = Told()
    told.reply(1, usage=Usage(input=700_000))
    assert context(told) == Context(700_000, None, 0)


def test_an_unheard_of_model_has_no_window() -> None:
    """The peak is told, its share is not."""
    told = Told()
    told.reply(1, usage=Usage(input=700), model="unheard-of")
    assert context(told) == Context(700, None, 0)
