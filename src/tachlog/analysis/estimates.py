"""How much of the tokens is estimated, by what, and how far off that may be.

Rules: docs/tokens.md, checked 2026-11-22.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from msgspec import Struct

from tachlog import __version__
from tachlog.analysis.archive import Archive
from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import SelectionView, selection_view
from tachlog.analysis.units import rfc3339, share
from tachlog.data import estimator_factors
from tachlog.metrics import ModelUse

UNNAMED: Final = "unknown"
"""What a model is called that no record names."""


class EstimateRow(Struct, frozen=True, kw_only=True):
    """The calls of one agent with one model: what of their output was estimated.

    `basis` is learned (the archive's own counts correct the shipped factors, by `correction`),
    shipped, or other (no calls of the model's family were ever measured, or the log names no
    model, so that its family is a guess). Nine of ten sessions are off by no more than
    `expected_error`; None where that is not known.
    """

    agent: str
    model: str
    family: str
    basis: str
    correction: float
    calls: int
    output: int
    estimated: int
    expected_error: float | None


class Estimates(Struct, frozen=True, kw_only=True):
    """The answer of `tachlog cost --estimates`: the rows with the most estimated tokens first.

    `revision` counts how often the archive's corrections moved. `expected_error` is what the rows'
    come to, each weighed by what it estimates; of the output and of all tokens it is a share.
    """

    tachlog: str = __version__
    generated_at: str
    estimates: str
    revision: int
    selection: SelectionView
    rows: list[EstimateRow]
    total_tokens: int
    output: int
    estimated: int
    estimated_share: float | None
    expected_error: float | None


def estimates_of(archive: Archive, selection: Selection, *, generated_at_us: int) -> Estimates:
    """What of the selected calls' tokens no API reported."""
    learned = archive.learned()
    uses: dict[tuple[str, str], list[ModelUse]] = defaultdict(list)
    for spending in archive.spending(selection, "agent"):
        uses[str(spending.group), spending.model].append(spending.use)
    rows = [
        _row(agent, model, found, learned.correction(agent, model))
        for (agent, model), found in uses.items()
        if any(use.estimated for use in found)
    ]
    rows.sort(key=lambda row: (-row.estimated, row.agent, row.model))
    everything = [use for found in uses.values() for use in found]
    estimated = sum(row.estimated for row in rows)
    known = [row for row in rows if row.expected_error is not None]
    off = sum(row.estimated * (row.expected_error or 0) for row in known)
    output = sum(use.output for use in everything)
    return Estimates(
        generated_at=rfc3339(generated_at_us),
        estimates=learned.name,
        revision=learned.version,
        selection=selection_view(selection),
        rows=rows,
        total_tokens=sum(use.total for use in everything),
        output=output,
        estimated=estimated,
        estimated_share=share(estimated, output),
        expected_error=share(round(off), sum(row.estimated for row in known)),
    )


def _row(agent: str, model: str, uses: list[ModelUse], correction: float) -> EstimateRow:
    factors = estimator_factors(model)
    is_learned = correction != 1.0
    error = factors.learned_error if is_learned else factors.error
    if model == UNNAMED:
        error = None
    return EstimateRow(
        agent=agent,
        model=model,
        family=factors.name,
        basis="learned" if is_learned else "other" if error is None else "shipped",
        correction=correction,
        calls=sum(use.calls for use in uses),
        output=sum(use.output for use in uses),
        estimated=sum(use.estimated for use in uses),
        expected_error=error,
    )
