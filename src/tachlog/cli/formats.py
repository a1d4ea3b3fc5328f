"""The verb `formats`: which log formats there are, and how one file would be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from textwrap import wrap

from msgspec import Struct

from tachlog.cli.answering import Answer, Ask


class Format(Struct, frozen=True):
    """What is known of one log format and from where; `skips` has the reason for each kind."""

    name: str
    title: str
    revision: int
    lives: str
    tokens: str
    proof: str
    evidence: list[str]
    skips: dict[str, str]
    gaps: list[str]


def known_formats() -> list[Format]:
    """Every format by name."""
    from tachlog.sources import all_sources

    return [
        Format(
            source.name,
            source.title,
            source.revision,
            source.lives,
            source.tokens,
            source.proof,
            list(source.evidence),
            dict(source.skips),
            list(source.gaps),
        )
        for _, source in sorted(all_sources().items())
    ]


def formats(ask: Ask) -> Answer:
    """Answer `tachlog formats`."""
    path = getattr(ask.options, "try")
    return _listed(ask) if path is None else _tried(ask, path)


def _listed(ask: Ask) -> Answer:
    """The formats that there are."""
    found = known_formats()

    def lines() -> Iterator[str]:
        for number, each in enumerate(found):
            if number:
                yield ""
            yield f"{each.title} ({each.name}, revision {each.revision})"
            yield from _told("logs", each.lives, ask.width)
            yield from _told("tokens", each.tokens, ask.width)
            yield from _told("proof", each.proof, ask.width)
            for heading, texts in (("from", each.evidence), ("gaps", each.gaps)):
                for text in texts:
                    yield from _told(heading, text, ask.width)
                    heading = ""
            if each.skips:
                yield from _told("skips", ", ".join(each.skips), ask.width)

    return Answer(found, lines)


def _told(heading: str, text: str, width: int) -> list[str]:
    plain = text.replace("`", "")
    return wrap(
        plain,
        width,
        initial_indent=f"  {heading:8}",
        subsequent_indent=" " * 10,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _tried(ask: Ask, path: str) -> Answer:
    """How one file would be read, with the user's own formats and patterns."""
    from tachlog.engines.trial import lines_of, try_file
    from tachlog.engines.work import prepare
    from tachlog.pipeline import setup_of

    prepare(setup_of(ask.config))
    trial = try_file(path if "://" in path else os.path.abspath(path))
    return Answer(trial, lambda: lines_of(trial), code=1 if trial.note else 0)
