"""Who may use an archive over the network: users who sign in, tokens that programs carry.

Passwords are kept as argon2 hashes, made above; tokens as SHA-256 digests, since they are long and
drawn by lot.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal
from uuid import uuid4

from msgspec import Struct

from tachlog.analysis.units import rfc3339
from tachlog.stores.database import Database

Role = Literal["member", "lead", "operator", "admin"]
Grant = Literal["ingest", "read", "admin"]


class User(Struct, frozen=True):
    """Somebody; without a password nobody signs in as them. Times are RFC 3339."""

    id: str
    name: str
    role: str
    created_at: str
    password: str | None


class Token(Struct, frozen=True):
    """What a program may do that carries this token: `scope` is ingest, read or admin.

    `revoked_at` is None while it holds.
    """

    name: str
    scope: str
    created_at: str
    revoked_at: str | None


_USER: Final = "id, name, role, created_at, password"
_TOKEN: Final = "name, scope, created_at, revoked_at"


class People:
    """The users and tokens of an archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def users(self) -> list[User]:
        """Everybody, by name."""
        return [
            User(str(row[0]), row[1], row[2], str(row[3]), row[4])
            for row in self._database.rows(f"SELECT {_USER} FROM users ORDER BY name")
        ]

    def user(self, name: str) -> User | None:
        """Somebody by their name."""
        return next((user for user in self.users() if user.name == name), None)

    def add_user(self, name: str, role: Role, password: str, now_us: int) -> bool:
        """Add somebody with the hash of a password; False when there is such a name."""
        with self._database.transaction():
            if self._database.rows("SELECT 1 FROM users WHERE name = ?", (name,)):
                return False
            self._database.insert(
                "users", _USER, [(str(uuid4()), name, role, rfc3339(now_us), password)]
            )
        return True

    def remove_user(self, name: str) -> bool:
        """Take somebody's way in; they stay in the alerts that they acknowledged. False: no such.

        Whoever acknowledged something keeps the row, without a password.
        """
        with self._database.transaction():
            found = self._database.rows(
                "SELECT id FROM users WHERE name = ? AND password IS NOT NULL", (name,)
            )
            if not found:
                return False
            ((user,),) = found
            acknowledged = self._database.rows(
                "SELECT 1 FROM telemetry_alerts WHERE acknowledged_by = ? LIMIT 1", (user,)
            )
            if acknowledged:
                self._database.run("UPDATE users SET password = NULL WHERE id = ?", (user,))
            else:
                self._database.run("DELETE FROM users WHERE id = ?", (user,))
        return True

    def tokens(self) -> list[Token]:
        """Every token, by name; what they read themselves nobody knows."""
        return [
            Token(row[0], row[1], str(row[2]), None if row[3] is None else str(row[3]))
            for row in self._database.rows(f"SELECT {_TOKEN} FROM tokens ORDER BY name")
        ]

    def add_token(self, name: str, scope: Grant, token: str, now_us: int) -> bool:
        """Let a token in; False when there is one of that name, revoked or not."""
        with self._database.transaction():
            if self._database.rows("SELECT 1 FROM tokens WHERE name = ?", (name,)):
                return False
            self._database.insert(
                "tokens",
                "digest, name, scope, created_at",
                [(digest_of_token(token), name, scope, rfc3339(now_us))],
            )
        return True

    def revoke_token(self, name: str, now_us: int) -> bool:
        """Let a token in no more; False when none of that name holds."""
        with self._database.transaction():
            holds = self._database.rows(
                "SELECT 1 FROM tokens WHERE name = ? AND revoked_at IS NULL", (name,)
            )
            self._database.run(
                "UPDATE tokens SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL",
                (rfc3339(now_us), name),
            )
        return bool(holds)

    def token(self, digest: str) -> Token | None:
        """The token with this digest, if it holds."""
        found = self._database.rows(
            f"SELECT {_TOKEN} FROM tokens WHERE digest = ? AND revoked_at IS NULL", (digest,)
        )
        return Token(found[0][0], found[0][1], str(found[0][2]), None) if found else None


def digest_of_token(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
