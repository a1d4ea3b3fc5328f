"""Decides how a finished tool call ended, from its exit code and what such a code means."""

from __future__ import annotations

from tachlog.model import Outcome

_FLAG_SPEAKS = 1  # bit 0: code 0 is never an error, so it says that output may come with the "no"
_BIT_101 = 62  # Rust's code for a failed check; the mask has to fit an SQL integer


def code_bit(code: int) -> int:
    """Return the bit of a mask of exit codes: bit n for 1 <= n < 62, and bit 62 for code 101.

    Other codes have none.
    """
    if 0 < code < _BIT_101:
        return 1 << code
    return 1 << _BIT_101 if code == 101 else 0


def codes_mask(codes: tuple[int, ...], *, speaks: bool = False) -> int:
    """Return the mask of exit codes that mean "no"; `speaks` when output may come with them."""
    mask = _FLAG_SPEAKS if speaks else 0
    for code in codes:
        mask |= code_bit(code)
    return mask


def outcome(
    call_no_kind: Outcome | None,
    call_no_codes: int,
    reported: Outcome,
    exit_code: int | None,
    output_empty: bool,
) -> Outcome:
    """Return how a tool call ended, given what its target says of its exit codes.

    An `error` with an exit code among `call_no_codes` is a "no". A command that is silent when it
    says no (`grep` that finds nothing) must have been so: a message means that something failed.
    """
    if reported != "error" or call_no_kind is None or exit_code is None:
        return reported
    if not call_no_codes & code_bit(exit_code):
        return reported
    if call_no_kind == "expected_negative" and not (output_empty or call_no_codes & _FLAG_SPEAKS):
        return reported
    return call_no_kind
