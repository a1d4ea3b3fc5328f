"""Counts what a token estimator needs of a text."""

from __future__ import annotations


def text_features(text: str) -> tuple[int, int]:
    """Return a text's characters and its UTF-8 bytes beyond one per character.

    At once for ASCII; else the text is encoded.
    """
    if text.isascii():
        return len(text), 0
    return len(text), len(text.encode("utf-8", "surrogatepass")) - len(text)


def json_features(raw: bytes) -> tuple[int, int, int]:
    r"""Return characters, object keys and wide bytes of JSON, such as the input of a tool.

    Counted on the bytes: punctuation is included, an escape is one character. Exact for compact
    JSON in UTF-8 without `\u` escapes. Approximate otherwise: a character told as `\uXXXX` is
    counted as narrow, as two when it needs a surrogate pair, and as part of the text when its
    backslash is escaped; a text that begins with a colon counts as a key; a key with white space
    before its colon is missed, as is one whose last character is a backslash or a quote.
    """
    escapes = raw.count(b"\\")
    characters, wide = len(raw), 0
    keys = raw.count(b'":')
    if escapes:
        escapes -= raw.count(b"\\\\")
        characters -= escapes + 4 * raw.count(b"\\u")
        keys -= raw.count(b'\\":')
    if not raw.isascii():
        wide = len(raw) - len(raw.translate(None, _CONTINUATION))
        characters -= wide
    return max(characters, 0), max(keys, 0), wide


_CONTINUATION = bytes(range(0x80, 0xC0))  # all bytes of a UTF-8 character but its first
