"""The verb `report`: a week in three minutes, to read, to send, to print."""

from __future__ import annotations

from pathlib import Path

from tachlog.cli.answering import Answer, Ask, as_json
from tachlog.cli.calling import Misuse, Unanswered
from tachlog.report.rendering import html, markdown
from tachlog.report.weeks import Report, report_of, week_before


def report(ask: Ask) -> Answer:
    """Answer `tachlog report`."""
    time_zone = ask.config.display.time_zone
    week = ask.options.week or week_before(ask.caller.now_us, time_zone)
    with ask.store() as store:
        try:
            found = report_of(
                store,
                week,
                ask.config.billing,
                time_zone=time_zone,
                prices=ask.prices,
                price=ask.book.price,
            )
        except ValueError as error:
            raise Misuse(f"--week: {error}") from None
    form = ask.options.format or "md"
    if form == "pdf":
        return _printed(found, ask.options.out)
    text = {"md": markdown, "html": html, "json": as_json}[form](found)
    if ask.options.out is None:
        return Answer(found, lambda: iter(text.splitlines()))
    Path(ask.options.out).write_text(text, encoding="utf-8")
    return Answer(found, lambda: iter([f"{ask.options.out}: {week}"]))


def _printed(found: Report, out: str | None) -> Answer:
    if out is None:
        raise Misuse("--format pdf needs --out: a PDF is no text")
    from tachlog.report.rendering import pdf

    try:
        made = pdf(found)
    except ImportError:
        raise Unanswered(
            "what makes PDFs is not installed: pip install 'tachlog[report]', or take --format html"
            " and print it"
        ) from None
    Path(out).write_bytes(made)
    return Answer(found, lambda: iter([f"{out}: {found.week}"]))
