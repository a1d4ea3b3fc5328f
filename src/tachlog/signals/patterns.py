"""Asks a text many patterns at once.

RE2 sets find all patterns of a question in a few passes over the bytes, about a hundred times
faster than Python's `re`, and in linear time, so that no user's pattern can stall a run. Patterns
that RE2 cannot hold (look-around, back-references) are refused for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

_MEMORY = 16 << 20  # bytes that one automaton may grow to
_TOGETHER = 16
"""Patterns of one automaton. It is made as texts are met, and one of all patterns is the product of
those of its parts: for the 81 of errors six are made in a third of the time (measured 2026-11-22 on
the 274 errors of 96 MB of logs: 65 ms, then 22 ms)."""


class PatternSet:
    """Patterns of one question, told apart by their position; letter case does not count."""

    __slots__ = ("_sets",)

    def __init__(self, patterns: Sequence[str]) -> None:
        """Compile the patterns; ValueError names one that RE2 does not take."""
        self._sets: list[tuple[re2.Set, int]] = []
        for start in range(0, len(patterns), _TOGETHER):
            together = re2.Set.SearchSet(_options())
            for pattern in patterns[start : start + _TOGETHER]:
                try:
                    together.Add(pattern)
                except re2.error:
                    raise ValueError(
                        f"not a regular expression of RE2: {pattern!r} (look-around and"
                        " back-references are none)"
                    ) from None
            together.Compile()
            self._sets.append((together, start))

    def positions(self, raw: bytes) -> Iterator[int]:
        """Tell the positions of the patterns that occur in UTF-8 text, in order.

        Who needs the first only spares those behind it.
        """
        for together, start in self._sets:
            yield from sorted(start + index for index in together.Match(raw) or ())


def _options() -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.max_mem = _MEMORY
    options.log_errors = False
    return options
