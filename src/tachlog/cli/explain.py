"""The verb `explain`: from the lines of the logs to the figures of one session."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.context import context_report
from tachlog.analysis.derivation import Figure, Step, derive
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.naming import resolve
from tachlog.cli.show import PrunedView, pruned_line, pruned_view

VALUE = 15
"""Columns of the values."""


class Explanation(Struct, frozen=True):
    """What is told of a session: the files that tell it, and its figures step by step.

    `shared` has the sessions that own what its log tells too, and how many operations. `pruned`
    says which of its operations were deleted: they count, and are not among the steps.
    """

    session_id: str
    files: list[str]
    shared: dict[str, int]
    figures: list[Figure]
    pruned: PrunedView | None = None


def explain(ask: Ask) -> Answer:
    """Answer `tachlog explain`."""
    with ask.store() as store:
        session_id = resolve(store.find(ask.options.id), ask.options.id)
        found = store.session(session_id)
        assert found is not None, "a session that was found has a row"
        paths = store.files_of(session_id)
        shared = store.shared(session_id)
        learned = store.learned()
        pruned = pruned_view(store.past.of(session_id))
        reports = [report for report in store.files() if report.path in paths]
    metrics, session = found
    factors = ask.config.analysis.complexity_factors
    context = context_report(session, learned)
    is_pruned = pruned is not None
    figures = derive(metrics, session, reports, factors, shared, context, is_pruned=is_pruned)
    explanation = Explanation(session_id, paths, shared, figures, pruned)
    return Answer(explanation, lambda: _lines(explanation, ask))


def _lines(found: Explanation, ask: Ask) -> Iterator[str]:
    yield fmt.line([(found.session_id, "bold")], ask.width, ask.has_color)
    yield from (f"  {fmt.plain(path)}" for path in found.files)
    if found.pruned is not None:
        yield fmt.line([pruned_line(found.pruned, ask)], ask.width, False)
    for figure in found.figures:
        yield ""
        heading = f"{figure.name}: {_value(figure.value, figure.unit)}"
        yield fmt.line([(heading, "bold"), (f"  {figure.basis}", "dim")], ask.width, ask.has_color)
        for step in figure.steps:
            yield fmt.line([_step(step, figure.unit)], ask.width, ask.has_color)


def _step(step: Step, unit: str) -> str:
    number = (
        f"{step.value:,.4f}" if unit == "dollars" and step.sign != "of" else f"{step.value:,.0f}"
    )
    sign = {"-": "−", "of": "·"}.get(step.sign, step.sign)
    return f"  {sign} {number:>{VALUE}}  {step.what}"


def _value(value: float | None, unit: str) -> str:
    match unit:
        case "share":
            return fmt.percent(value)
        case "dollars":
            return fmt.money(value)
        case "ms":
            return fmt.duration(None if value is None else value / 1000)
        case _:
            return fmt.NONE if value is None else f"{value:,.0f}"
