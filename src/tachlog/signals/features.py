"""Counts what a token estimator needs of a text."""

from __future__ import annotations

from string import ascii_letters, whitespace
from typing import Final

_CONTINUATION: Final = bytes(range(0x80, 0xC0))  # all bytes of a UTF-8 character but its first
_NO_SYMBOLS: Final = (ascii_letters + whitespace).encode() + bytes(range(0x80, 0x100))


def text_features(text: str) -> tuple[int, int, int]:
    """Return a text's characters, its UTF-8 bytes beyond one per character, its ASCII symbols.

    Symbols are digits and punctuation: beside words they are what tokens are made of.
    """
    characters = len(text)
    raw = text.encode("utf-8", "surrogatepass")
    return characters, len(raw) - characters, len(raw.translate(None, _NO_SYMBOLS))


def json_features(raw: bytes) -> tuple[int, int, int, int, int]:
    r"""Return characters, object keys, wide bytes, symbols and escapes of a tool's JSON input.

    Counted on the bytes: punctuation is included, an escape is one character. Exact for compact
    JSON in UTF-8 without `\u` escapes. Approximate otherwise: a character told as `\uXXXX` is
    counted as narrow, as two when it needs a surrogate pair, and as part of the text when its
    backslash is escaped; a text that begins with a colon counts as a key; a key with white space
    before its colon is missed, as is one whose last character is a backslash or a quote.
    """
    escapes = raw.count(b"\\")
    characters, wide = len(raw), 0
    symbols = len(raw.translate(None, _NO_SYMBOLS))
    keys = raw.count(b'":')
    if not raw.isascii():
        wide = characters - len(raw.translate(None, _CONTINUATION))
        characters -= wide
    if escapes:
        escapes = max(escapes - raw.count(b"\\\\"), 0)
        symbols = max(symbols - escapes, 0)
        characters = max(characters - escapes - 4 * raw.count(b"\\u"), 0)
        keys = max(keys - raw.count(b'\\":'), 0)
    return characters, keys, wide, symbols, escapes
