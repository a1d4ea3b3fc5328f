"""The generator's only source of chance: seeded, and alike on every Python and machine.

Only `Random.random` and `Random.getrandbits` are used, whose sequences Python keeps stable for a
seed (library reference of `random`, "Notes on Reproducibility", checked 2026-11-22), and no
function of the machine's mathematics library.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

_BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TO_BASE58 = bytes(_BASE58[value % 58] for value in range(256))
_TO_BASE64 = bytes(_BASE64[value % 64] for value in range(256))

Quantiles = tuple[tuple[float, int], ...]
"""Points (probability, value) of a distribution, from probability 0 to 1, both rising."""


class Dice:
    """Chance for one session, so that sessions do not depend on each other."""

    def __init__(self, seed: str) -> None:
        source = Random(seed)
        self.random = source.random
        self._bits = source.getrandbits

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random() < probability

    def pick(self, among: Sequence[T]) -> T:
        """One of them, each alike likely."""
        return among[int(self.random() * len(among))]

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.random() * (high - low + 1))

    def spread(self, quantiles: Quantiles) -> int:
        """A value of a distribution given by its quantiles, straight between them."""
        at = self.random()
        above = next(place for place, (share, _) in enumerate(quantiles) if at < share)
        (low_p, low), (high_p, high) = quantiles[above - 1], quantiles[above]
        return low + int((at - low_p) / (high_p - low_p) * (high - low))

    def sample(self, among: Sequence[T], count: int) -> list[T]:
        """Up to `count` different ones, in the order drawn."""
        left = list(among)
        return [left.pop(int(self.random() * len(left))) for _ in range(min(count, len(left)))]

    def hex(self, digits: int) -> str:
        """An id of hexadecimal digits."""
        return f"{self._bits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        """A version 4 UUID."""
        digits = f"{self._bits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def base58(self, length: int) -> str:
        """An id of letters and digits that cannot be confused."""
        return self._bits(8 * length).to_bytes(length).translate(_TO_BASE58).decode("ascii")

    def base64(self, length: int) -> str:
        """Characters that look like encoded bytes."""
        return self._bits(8 * length).to_bytes(length).translate(_TO_BASE64).decode("ascii")
