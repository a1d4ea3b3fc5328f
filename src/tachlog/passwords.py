"""Passwords and tokens: made, hashed, and compared in a time that tells nothing of them."""

from __future__ import annotations

import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 10
"""Characters of the shortest password (NIST SP 800-63B-4 asks for 8 at least beside other means,
checked 2026-11-22)."""

TOKEN_PREFIX: Final = "tachlog_"
_hasher: Final = PasswordHasher()
_NOBODY: Final = _hasher.hash(secrets.token_urlsafe())


def hash_of(password: str) -> str:
    """The argon2id hash of a password."""
    return _hasher.hash(password)


def is_password(kept: str | None, given: str) -> bool:
    """Whether a password is the one of a hash; as slow where there is none."""
    try:
        _hasher.verify(kept or _NOBODY, given)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def new_token() -> str:
    """A token, drawn by lot."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)
