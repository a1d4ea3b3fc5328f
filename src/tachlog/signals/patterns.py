"""Asks a text many patterns at once.

One RE2 set finds all patterns of a question in a single pass over the bytes, about a hundred times
faster than Python's `re`, and in linear time, so that no user's pattern can stall a run. Patterns
that RE2 cannot hold (look-around, back-references) are asked one by one with `re`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import re2

_MEMORY = 64 << 20  # bytes that the automaton of one question may grow to


class PatternSet:
    """Patterns of one question, told apart by their position; letter case does not count."""

    __slots__ = ("_set", "_set_positions", "_slow")

    def __init__(self, patterns: Sequence[str]) -> None:
        """Compile the patterns; ValueError names one that is no regular expression."""
        options = re2.Options()
        options.case_sensitive = False
        options.max_mem = _MEMORY
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        self._set_positions: list[int] = []
        self._slow: list[tuple[int, re.Pattern[bytes]]] = []
        for position, pattern in enumerate(patterns):
            try:
                self._set.Add(pattern)
                self._set_positions.append(position)
            except re2.error:
                self._slow.append((position, _slow_pattern(pattern)))
        self._set.Compile()

    def positions(self, raw: bytes) -> list[int]:
        """Return the positions of the patterns that occur in UTF-8 text, in no particular order."""
        known = self._set_positions
        found = [known[index] for index in self._set.Match(raw) or ()]
        if self._slow:
            found += [position for position, pattern in self._slow if pattern.search(raw)]
        return found


def _slow_pattern(pattern: str) -> re.Pattern[bytes]:
    try:
        return re.compile(pattern.encode(), re.IGNORECASE)
    except re.error as problem:
        raise ValueError(f"not a regular expression: {pattern!r}: {problem}") from None
