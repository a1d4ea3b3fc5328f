"""Says what an error was about and what an assistant's words show it doing.

The patterns are those of `data/errors.toml` and `data/behaviors.toml`, and the user's beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from tachlog import data
from tachlog.model import BEHAVIORS, ERROR_CLASSES, ErrorClass
from tachlog.signals.exits import exit_code as exit_code_of
from tachlog.signals.patterns import PatternSet

WINDOW = 1000
"""Characters at either end of an error that are looked at: what failed is told first or last."""

Extra = Mapping[str, Sequence[str]]
"""A user's patterns by error class or behaviour."""


class Signals:
    """The patterns in force; they do not change once made."""

    __slots__ = ("_behavior_bits", "_behaviors", "_classes", "_errors", "_where")

    def __init__(
        self, extra_errors: Extra | None = None, extra_behaviors: Extra | None = None
    ) -> None:
        """Join the shipped patterns and the user's; ValueError names what cannot be used."""
        errors: list[tuple[str, ErrorClass, str]] = [
            (pattern, ERROR_CLASSES[_position(name, ERROR_CLASSES)], "output")
            for name, patterns in (extra_errors or {}).items()
            for pattern in patterns
        ]
        errors += _shipped_errors()
        self._classes = tuple(found for _, found, _ in errors)
        self._where = tuple(where for _, _, where in errors)
        self._errors = PatternSet([pattern for pattern, _, _ in errors])
        behaviors = [
            (pattern, 1 << _position(name, BEHAVIORS))
            for table in (data.behaviors().behaviors, extra_behaviors or {})
            for name, patterns in table.items()
            for pattern in patterns
        ]
        self._behavior_bits = tuple(bit for _, bit in behaviors)
        self._behaviors = PatternSet([pattern for pattern, _ in behaviors])

    def behaviors(self, text: str) -> int:
        """Return a mask of what the text shows: bit i for `BEHAVIORS[i]`."""
        mask = 0
        for position in self._behaviors.positions(text.encode("utf-8", "surrogatepass")):
            mask |= self._behavior_bits[position]
        return mask

    def error_class(
        self,
        text: str,
        *,
        status: int | None = None,
        error_type: str | None = None,
        exit_code: int | None = None,
        tool: bool = False,
    ) -> ErrorClass:
        """Return what an error was about; only for text that is known to be an error.

        Decided by, in this order:

        1. an HTTP status, or an error type that the log names, made more exact by the text where
           the table says so (a 400 whose text says that the prompt is too long);
        2. an exit code with a meaning of its own (124 of `timeout`, 126 and 127 of the shell);
        3. the signatures of the text: the user's, then the shipped ones in their order. In the
           output of a command (there is an exit code) only those that a program's failure is told
           by count, since output may speak of anything;
        4. for an exit code: a kill from outside is a timeout, else `command_failed`;
        5. `tool_error` for a tool, `unknown` for anything else.
        """
        if exit_code is None:
            exit_code = exit_code_of(text)
        table = data.errors()
        structured = class_of_status(status) or (class_of_type(error_type) if error_type else None)
        if structured is not None:
            finer = table.refine.get(structured)
            found = self._signature(text, exit_code is not None, finer) if finer else None
            return found or structured
        if exit_code is None:
            return self._signature(text, False) or ("tool_error" if tool else "unknown")
        return (
            table.exit_codes.get(exit_code)
            or self._signature(text, True)
            or table.exit_codes_weak.get(exit_code, "command_failed")
        )

    def _signature(
        self, text: str, output: bool, allowed: Sequence[ErrorClass] = ERROR_CLASSES
    ) -> ErrorClass | None:
        """Return the class of the first signature in the text, of those that may count."""
        if len(text) > 2 * WINDOW:
            text = f"{text[:WINDOW]}\n{text[-WINDOW:]}"
        for position in self._errors.positions(text.encode("utf-8", "surrogatepass")):
            if output and self._where[position] != "output":
                continue
            found = self._classes[position]
            if found in allowed:
                return found
        return None


_in_force: Signals | None = None


def configure(extra_errors: Extra | None = None, extra_behaviors: Extra | None = None) -> None:
    """Put the user's patterns beside the shipped ones, for all of this process.

    Names are error classes and behaviours, values regular expressions without regard to letter
    case; those of errors are asked before the shipped ones. It takes plain mappings, so that a pool
    hands it to its workers: `initializer=signals.configure, initargs=(errors, behaviors)`. Raises
    ValueError for an unknown name or a broken expression.
    """
    global _in_force  # noqa: PLW0603 - set once, before a process reads its first record
    own = extra_errors or extra_behaviors
    _in_force = Signals(extra_errors, extra_behaviors) if own else _shipped()


def in_force() -> Signals:
    """Return the patterns of this process, the shipped ones when nothing was configured."""
    return _in_force or _shipped()


@cache
def _shipped() -> Signals:
    return Signals()


@lru_cache(maxsize=1024)
def class_of_status(status: int | None) -> ErrorClass | None:
    """Return what an HTTP status stands for; None when it is no error or not told."""
    if status is None:
        return None
    text = str(status)
    return next(
        (found for pattern, found in data.errors().statuses if re.fullmatch(pattern, text)), None
    )


@lru_cache(maxsize=1024)
def class_of_type(error_type: str) -> ErrorClass | None:
    """Return the class that an error type names; None when it is not known."""
    return _types().get(_plain_type(error_type))


@cache
def _types() -> Mapping[str, ErrorClass]:
    return {
        _plain_type(name): found
        for found, names in data.errors().types.items()
        for name in (found, *names)
    }


def _plain_type(error_type: str) -> str:
    """Return `RateLimitError`, `rate_limit_error` and `RATE LIMIT` all as `ratelimit`."""
    plain = "".join(filter(str.isalnum, error_type)).lower()
    return plain.removesuffix("error").removesuffix("exception") or plain


def _shipped_errors() -> list[tuple[str, ErrorClass, str]]:
    table = data.errors()
    errors: list[tuple[str, ErrorClass, str]] = []
    for signature in table.signature:
        if signature.statuses:
            errors += [
                (rf"{table.status_words}(?:{pattern})\b", found, "agent")
                for pattern, found in table.statuses
            ]
        errors += [(text, signature.error_class, signature.where) for text in signature.patterns]
    return errors


def _position(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise ValueError(f"{name!r} is none of {', '.join(names)}")
    return names.index(name)
