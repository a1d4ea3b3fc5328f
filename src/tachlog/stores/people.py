"""Who may use an archive over the network: users who sign in, tokens that programs carry.

Passwords are kept as argon2 hashes, made above; tokens as SHA-256 digests, since they are long and
drawn by lot.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import uuid4

from msgspec import Struct

from tachlog.analysis.units import rfc3339
from tachlog.stores.database import Database

Role = Literal["member", "lead", "operator", "admin"]
Grant = Literal["ingest", "read", "admin"]


class User(Struct, frozen=True):
    """Somebody; without a password nobody signs in as them. Times are RFC 3339.

    `password` is its hash. Who signed in before `signed_out_us` has to do it again.
    """

    id: str
    name: str
    role: Role
    created_at: str
    password: str | None
    signed_out_us: int


class Token(Struct, frozen=True):
    """What a program may do that carries this token: `scope` is ingest, read or admin.

    `revoked_at` is None while it holds. What is sent with it is the work of `owner`.
    """

    name: str
    scope: str
    created_at: str
    revoked_at: str | None
    owner: str | None = None


class Act(Struct, frozen=True):
    """Something that somebody changed: `what` was done, `about` whom or what."""

    at: str
    by: str
    what: str
    about: str


_USER: Final = "id, name, role, created_at, password, signed_out_us"
_TOKEN: Final = "name, scope, created_at, revoked_at, owner"


class People:
    """The users and tokens of an archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def users(self) -> list[User]:
        """Everybody, by name."""
        return self._users("true ORDER BY name")

    def user(self, name: str) -> User | None:
        """Somebody by their name."""
        return next(iter(self._users("name = ?", name)), None)

    def user_of(self, user_id: str) -> User | None:
        """Somebody by their id."""
        return next(iter(self._users("id = ?", user_id)), None)

    def _users(self, test: str, *values: str) -> list[User]:
        found = self._database.rows(f"SELECT {_USER} FROM users WHERE {test}", values)
        return [User(str(row[0]), row[1], row[2], str(row[3]), row[4], row[5]) for row in found]

    def add_user(self, name: str, role: Role, password: str, by: str, now_us: int) -> bool:
        """Add somebody with the hash of a password; False when there is such a name."""
        with self._database.transaction():
            if self.user(name) is not None:
                return False
            row = (str(uuid4()), name, role, rfc3339(now_us), password, 0)
            self._database.insert("users", _USER, [row])
            self._note(by, "added user", f"{name} ({role})", now_us)
        return True

    def set_password(self, name: str, password: str, by: str, now_us: int) -> bool:
        """Give somebody another password (its hash), which ends where they are signed in."""
        return self._change(name, "password", password, by, "gave a password to", now_us)

    def set_role(self, name: str, role: Role, by: str, now_us: int) -> bool:
        """Give somebody another role; False when nobody of that name signs in."""
        return self._change(name, "role", role, by, f"made {role}", now_us)

    def sign_out(self, name: str, now_us: int) -> bool:
        """End everywhere where somebody is signed in."""
        return self._change(name, "signed_out_us", now_us, name, "signed out", now_us)

    def signed_in(self, name: str, now_us: int) -> None:
        """Note that somebody signed in."""
        with self._database.transaction():
            self._note(name, "signed in", name, now_us)

    def _change(
        self, name: str, column: str, value: str | int, by: str, what: str, now_us: int
    ) -> bool:
        with self._database.transaction():
            known = self.user(name)
            if known is None or known.password is None:
                return False
            self._database.run(f"UPDATE users SET {column} = ? WHERE id = ?", (value, known.id))
            self._note(by, what, name, now_us)
        return True

    def remove_user(self, name: str, by: str, now_us: int) -> bool:
        """Take somebody's way in; they stay in the alerts that they acknowledged. False: no such.

        Whoever acknowledged something keeps the row, without a password.
        """
        with self._database.transaction():
            known = self.user(name)
            if known is None or known.password is None:
                return False
            acknowledged = self._database.rows(
                "SELECT 1 FROM telemetry_alerts WHERE acknowledged_by = ? LIMIT 1", (known.id,)
            )
            if acknowledged:
                self._database.run("UPDATE users SET password = NULL WHERE id = ?", (known.id,))
            else:
                self._database.run("DELETE FROM users WHERE id = ?", (known.id,))
            self._note(by, "removed user", name, now_us)
        return True

    def tokens(self) -> list[Token]:
        """Every token, by name; what they read themselves nobody knows."""
        found = self._database.rows(f"SELECT {_TOKEN} FROM tokens ORDER BY name")
        return [_token(row) for row in found]

    def add_token(
        self, name: str, scope: Grant, token: str, by: str, now_us: int, owner: str | None = None
    ) -> bool:
        """Let a token in; False when there is one of that name, revoked or not."""
        with self._database.transaction():
            if self._database.rows("SELECT 1 FROM tokens WHERE name = ?", (name,)):
                return False
            self._database.insert(
                "tokens",
                "digest, name, scope, created_at, owner",
                [(digest_of_token(token), name, scope, rfc3339(now_us), owner)],
            )
            whose = f" for {owner}" if owner else ""
            self._note(by, "made token", f"{name} ({scope}){whose}", now_us)
        return True

    def revoke_token(self, name: str, by: str, now_us: int) -> bool:
        """Let a token in no more; False when none of that name holds."""
        with self._database.transaction():
            holds = self._database.rows(
                "SELECT 1 FROM tokens WHERE name = ? AND revoked_at IS NULL", (name,)
            )
            if not holds:
                return False
            self._database.run(
                "UPDATE tokens SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL",
                (rfc3339(now_us), name),
            )
            self._note(by, "revoked token", name, now_us)
        return True

    def token(self, digest: str) -> Token | None:
        """The token with this digest, if it holds."""
        found = self._database.rows(
            f"SELECT {_TOKEN} FROM tokens WHERE digest = ? AND revoked_at IS NULL", (digest,)
        )
        return _token(found[0]) if found else None

    def acts(self, most: int) -> list[Act]:
        """What people changed, the latest first."""
        return [
            Act(rfc3339(at_us), by, what, about)
            for at_us, by, what, about in self._database.rows(
                f'SELECT at_us, "by", what, about FROM acts ORDER BY at_us DESC, about LIMIT {most}'
            )
        ]

    def note(self, by: str, what: str, about: str, now_us: int) -> None:
        """Note that somebody did something that is no change of people."""
        with self._database.transaction():
            self._note(by, what, about, now_us)

    def _note(self, by: str, what: str, about: str, now_us: int) -> None:
        noted(self._database, by, what, about, now_us)


def noted(database: Database, by: str, what: str, about: str, now_us: int) -> None:
    """Note in the record of changes that somebody did something; in a transaction."""
    database.insert("acts", 'at_us, "by", what, about', [(now_us, by, what, about)])


def _token(row: Sequence[Any]) -> Token:
    name, scope, created_at, revoked_at, owner = row
    revoked = None if revoked_at is None else str(revoked_at)
    return Token(name, scope, str(created_at), revoked, owner)


def digest_of_token(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
