"""What a provider, or another program, says was used, held against what the archive tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from msgspec import Struct

from tachlog import __version__
from tachlog.analysis.units import share

Cause = Literal[
    "agree",
    "estimated",
    "other_name",
    "other_price",
    "no_price",
    "lines_counted_again",
    "more_there",
    "more_here",
    "not_here",
    "not_there",
]
"""Why two figures differ, as far as they show it themselves; `CAUSES` has the words."""

CAUSES: Mapping[Cause, str] = {
    "agree": "they agree",
    "estimated": "output that no API reported is estimated here",
    "other_name": "the same tokens under another model's name",
    "other_price": "the same tokens at another price",
    "no_price": "no price is known here",
    "lines_counted_again": "there, lines of one call without a request id count again",
    "more_there": "calls that no log here tells: another machine, or none wrote them",
    "more_here": "calls that are not billed there: a subscription, another account",
    "not_here": "no log here tells of this model on this day",
    "not_there": "not there: a subscription, another account, not yet counted",
}
assert set(CAUSES) == set(get_args(Cause))

SAME_COST = 0.005
"""Amounts that differ by less than this share of the greater are the same: prices are rounded."""

LEAST_USD = 0.005

_SEPARATORS = re.compile(r"[-._ /:@]+")
_ASIDE = re.compile(r"\[[^\]]*\]|\([^)]*\)|[-@](?:20\d{6}|20\d{2}-\d{2}-\d{2})\b")


class Figures(Struct, frozen=True):
    """Tokens and dollars of one model on one day; None for what is not told.

    `estimated` is how many of the output tokens no API reported.
    """

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    cost_usd: float | None = None
    estimated: int = 0

    @property
    def prompt(self) -> tuple[int | None, ...]:
        """The tokens that were read."""
        return self.input, self.cache_read, self.cache_write

    @property
    def tokens(self) -> int | None:
        """All tokens; None where none of their buckets is told."""
        told = [n for n in (*self.prompt, self.output) if n is not None]
        return sum(told) if told else None


class Entry(Struct, frozen=True):
    """What one side tells of a model (None: not told) on a day, `2026-11-22`."""

    day: str
    model: str | None
    figures: Figures


class Line(Struct, frozen=True):
    """Both sides of a model on a day; `name_there` is its name on their side, where it is another.

    `difference_tokens` and `difference_usd` are theirs − ours; None where a side tells none.
    """

    day: str
    model: str | None
    theirs: Figures | None
    ours: Figures | None
    difference_tokens: int | None
    difference_usd: float | None
    cause: Cause
    name_there: str | None = None


class Reconciliation(Struct, frozen=True, kw_only=True):
    """The answer of `tachlog reconcile`; the share is of ours, in dollars, else in tokens."""

    tachlog: str = __version__
    prices: str
    time_zone: str
    file: str
    kind: str
    lines: list[Line]
    theirs: Figures
    ours: Figures
    difference_share: float | None
    by_cause: dict[str, int]


def reconcile(
    theirs: Iterable[Entry], ours: Iterable[Entry], *, counts_lines: bool = False
) -> list[Line]:
    """Both sides by day and model.

    Models are the same whatever date, punctuation or order of words their names have; what remains
    is paired where all tokens of a day are equal. `counts_lines`: theirs is a program that knows
    calls only by their request ids.
    """
    left = _by_model(theirs)
    right = _by_model(ours)
    lines = []
    for key in [key for key in left if key in right]:
        lines.append(_line(left.pop(key), right.pop(key), counts_lines))
    for key, entry in list(left.items()):
        twin = next((k for k, o in right.items() if k[0] == key[0] and _is_twin(entry, o)), None)
        if twin is not None:
            lines.append(_line(left.pop(key), right.pop(twin), counts_lines))
    lines += [_line(entry, None, counts_lines) for entry in left.values()]
    lines += [_line(None, entry, counts_lines) for entry in right.values()]
    return sorted(lines, key=lambda line: (line.day, line.model or ""))


def summed(figures: Iterable[Figures]) -> Figures:
    """All figures together; None for what none of them tells."""
    each = list(figures)

    def total(name: str) -> int | None:
        told = [value for one in each if (value := getattr(one, name)) is not None]
        return sum(told) if told else None

    costs = [one.cost_usd for one in each if one.cost_usd is not None]
    return Figures(
        total("input"),
        total("cache_read"),
        total("cache_write"),
        total("output"),
        round(sum(costs), 9) if costs else None,
        sum(one.estimated for one in each),
    )


def difference_share(theirs: Figures, ours: Figures) -> float | None:
    """How much more theirs is than ours, as a share of ours: in dollars, else in tokens."""
    for name in ("cost_usd", "tokens"):
        a, b = getattr(theirs, name), getattr(ours, name)
        if a is not None and b:
            return share(a - b, b)
    return None


def name_key(model: str | None) -> str:
    """What the names of one model have in common: `Claude Haiku 4.5` and its id with a date."""
    words = _SEPARATORS.split(_ASIDE.sub("", (model or "").lower().strip()))
    return " ".join(sorted(word for word in words if word))


def _by_model(entries: Iterable[Entry]) -> dict[tuple[str, str], Entry]:
    found: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = entry.day, name_key(entry.model)
        known = found.get(key)
        if known is not None:
            entry = Entry(entry.day, known.model, summed((known.figures, entry.figures)))
        found[key] = entry
    return found


def _is_twin(a: Entry, b: Entry) -> bool:
    one, other = a.figures, b.figures
    return bool(one.tokens) and (one.prompt, one.output) == (other.prompt, other.output)


def _line(there: Entry | None, here: Entry | None, counts_lines: bool) -> Line:
    named = there or here
    assert named is not None
    theirs = there.figures if there else None
    ours = here.figures if here else None
    is_renamed = bool(there and here and name_key(there.model) != name_key(here.model))
    return Line(
        named.day,
        here.model if here else named.model,
        theirs,
        ours,
        _token_difference(theirs or Figures(), ours or Figures()),
        _cost_difference(theirs or Figures(), ours or Figures()),
        "other_name" if is_renamed else _cause(theirs, ours, counts_lines),
        there.model if there and is_renamed else None,
    )


def _token_difference(theirs: Figures, ours: Figures) -> int | None:
    if theirs.tokens is None or ours.tokens is None:
        return None
    return theirs.tokens - ours.tokens


def _cost_difference(theirs: Figures, ours: Figures) -> float | None:
    if theirs.cost_usd is None or ours.cost_usd is None:
        return None
    return round(theirs.cost_usd - ours.cost_usd, 9)


def _cause(theirs: Figures | None, ours: Figures | None, counts_lines: bool) -> Cause:
    if theirs is None:
        return "not_there"
    if ours is None:
        return "not_here"
    if theirs.tokens is None:
        return _cause_of_cost(theirs, ours, "more_there", "more_here")
    if theirs.prompt == ours.prompt:
        if theirs.output == ours.output:
            return _cause_of_cost(theirs, ours, "other_price", "other_price")
        if ours.estimated and (theirs.output or 0) < (ours.output or 0):
            return "estimated"
    if theirs.tokens > (ours.tokens or 0):
        return "lines_counted_again" if counts_lines else "more_there"
    return "more_here"


def _cause_of_cost(theirs: Figures, ours: Figures, more: Cause, less: Cause) -> Cause:
    """What two amounts say when tokens say nothing."""
    if theirs.cost_usd is None:
        return "agree"
    if ours.cost_usd is None:
        return "no_price"
    far = abs(theirs.cost_usd - ours.cost_usd)
    if far <= max(LEAST_USD, SAME_COST * max(theirs.cost_usd, ours.cost_usd)):
        return "agree"
    return more if theirs.cost_usd > ours.cost_usd else less
