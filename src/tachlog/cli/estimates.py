"""What `tachlog cost --estimates` shows: how much is estimated, by what, how far off it may be."""

from __future__ import annotations

from collections.abc import Iterator

from tachlog import figures as fmt
from tachlog.analysis.estimates import UNNAMED, EstimateRow, Estimates, estimates_of
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.naming import agent_name, model_name
from tachlog.cli.table import Column, table

_COLUMNS = (
    Column("MODEL", least=16),
    Column("AGENT"),
    Column("CALLS", right=True, spare=2),
    Column("OUTPUT", right=True),
    Column("ESTIMATED", right=True),
    Column("SHARE", right=True),
    Column("EXPECTED ERROR", right=True),
    Column("BY", spare=3),
)


_MEASURED = (
    "Expected error: nine of ten sessions are off by no more than that, measured on public logs of"
    " other projects."
)
_UNMEASURED = "How far off that may be is not known: no counted calls of these models are public."


def estimates(ask: Ask) -> Answer:
    """Answer `tachlog cost --estimates`."""
    selection = ask.selection()
    with ask.store() as store:
        found = estimates_of(store, selection, generated_at_us=ask.caller.now_us)
    return Answer(found, lambda: _lines(found, ask))


def _lines(found: Estimates, ask: Ask) -> Iterator[str]:
    if not found.rows:
        yield "nothing is estimated: the logs report the tokens of every call"
        return
    title = "OUTPUT TOKENS that no log reports"
    yield fmt.line([(title, "bold"), f" · factors {found.estimates}"], ask.width, ask.has_color)
    yield ""
    yield from table(_COLUMNS, [cells(row) for row in found.rows], ask.width, ask.has_color)
    yield ""
    whole = fmt.percent(found.estimated / found.total_tokens)
    known = found.expected_error is not None
    yield from fmt.wrap(
        f"{fmt.count(found.estimated)} of {fmt.count(found.output)} output tokens are estimated,"
        f" {fmt.percent(found.estimated_share)} of them and {whole} of all tokens."
        f" {_MEASURED if known else _UNMEASURED}",
        ask.width,
    )


def cells(row: EstimateRow) -> list[str]:
    """A row of the table."""
    error = row.expected_error
    return [
        model_name(row.model),
        agent_name(row.agent),
        fmt.short_count(row.calls),
        fmt.short_count(row.output),
        fmt.short_count(row.estimated),
        fmt.percent(row.estimated / row.output),
        "not known" if error is None else f"± {fmt.percent(error, 0)}",
        _by(row),
    ]


def _by(row: EstimateRow) -> str:
    """What the estimate rests on."""
    if row.basis == "learned":
        return f"{row.family}, your own counts say {row.correction - 1:+.0%}"
    if row.basis == "shipped":
        return row.family
    return "the log names no model" if row.model == UNNAMED else "no model like it was measured"
