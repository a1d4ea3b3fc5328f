"""What admins see and change: people, tokens, rules and channels of alerts; who did what."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from tachlog import retention
from tachlog.cli.alert_lines import HISTORY_DAYS, ChannelView, channel_views
from tachlog.config import ConfigError
from tachlog.notify.accepting import accept
from tachlog.notify.channels import ChannelError
from tachlog.notify.sending import send_test
from tachlog.passwords import SHORTEST, hash_of, new_token
from tachlog.stores import Store
from tachlog.stores.notices import Notices
from tachlog.stores.people import Act, Grant, Role
from tachlog.web.alerting import RuleView, rule_views
from tachlog.web.changes import Change, Done, Nothing, Wanted
from tachlog.web.endpoints import Asked, Endpoint, NoParameters
from tachlog.web.keeping import Keeping, keeping
from tachlog.web.problems import Refusal

DAY_US: Final = 86_400_000_000
MOST_ACTS: Final = 200
NAME: Final = r"^[^\x00-\x1f\x7f-\x9f/]{1,100}$"

Name = Annotated[str, Meta(pattern=NAME)]
Password = Annotated[str, Meta(min_length=SHORTEST, max_length=1000)]


class UserView(Struct, frozen=True):
    """Somebody who can sign in, or could: what they may do, since when."""

    name: str
    role: Role
    created_at: str
    signs_in: bool


class TokenView(Struct, frozen=True):
    """What a program carries; `revoked_at` is null while it holds."""

    name: str
    scope: str
    created_at: str
    revoked_at: str | None
    owner: str | None


class AdminView(Struct, frozen=True):
    """Everything that admins look after; `acts` are the latest first.

    `people` are those of whom something is kept, users and others.
    """

    users: list[UserView]
    people: list[str]
    tokens: list[TokenView]
    rules: list[RuleView]
    channels: list[ChannelView]
    keeping: Keeping
    acts: list[Act]


class NewUser(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to add."""

    name: Name
    password: Password
    role: Role = "member"


class NewRole(Struct, frozen=True, forbid_unknown_fields=True):
    """The role to give somebody."""

    role: Role


class NewPassword(Struct, frozen=True, forbid_unknown_fields=True):
    """The password to give somebody."""

    password: Password


class WantedToken(Struct, frozen=True, forbid_unknown_fields=True):
    """A token to make; what is sent with it is the work of `owner`."""

    name: Name
    scope: Grant = "ingest"
    owner: Name | None = None


class MadeToken(Struct, frozen=True):
    """A token that was just made; it is never shown again."""

    name: str
    scope: str
    token: str


class Value(Struct, frozen=True, forbid_unknown_fields=True):
    """The value to give a rule; without one it is accepted as it is."""

    value: float | None = None


def admin(asked: Asked[NoParameters]) -> AdminView:
    """What there is to look after."""
    store = asked.store
    entries = Notices(store.alerting).entries(asked.now_us - HISTORY_DAYS * DAY_US)
    return AdminView(
        [
            UserView(each.name, each.role, each.created_at, each.password is not None)
            for each in store.people.users()
        ],
        store.personal.people(),
        [
            TokenView(each.name, each.scope, each.created_at, each.revoked_at, each.owner)
            for each in store.people.tokens()
        ],
        rule_views(asked),
        channel_views(asked.config.channels, entries),
        keeping(store, asked.config, is_set=retention.is_asked_for(asked.loaded)),
        store.people.acts(MOST_ACTS),
    )


def add_user(store: Store, wanted: Wanted[NewUser]) -> UserView:
    """Let somebody sign in."""
    given = wanted.body
    hashed = hash_of(given.password)
    if not store.people.add_user(given.name, given.role, hashed, wanted.by, wanted.now_us):
        raise Refusal(409, f"there is a user {given.name!r} already")
    added = store.people.user(given.name)
    assert added is not None
    return UserView(added.name, added.role, added.created_at, True)


def set_role(store: Store, wanted: Wanted[NewRole]) -> Done:
    """Give somebody another role."""
    name, role = wanted.place["name"], wanted.body.role
    if name == wanted.by and role != "admin":
        raise Refusal(409, "another admin can take this role from you; you yourself cannot")
    _found(name, store.people.set_role(name, role, wanted.by, wanted.now_us))
    return Done(f"{name} is {role}")


def set_password(store: Store, wanted: Wanted[NewPassword]) -> Done:
    """Give somebody another password, which ends it wherever they are signed in."""
    name, hashed = wanted.place["name"], hash_of(wanted.body.password)
    _found(name, store.people.set_password(name, hashed, wanted.by, wanted.now_us))
    return Done(f"{name} signs in with the new password")


def remove_user(store: Store, wanted: Wanted[Nothing]) -> Done:
    """Take somebody's way in."""
    name = wanted.place["name"]
    if name == wanted.by:
        raise Refusal(409, "another admin can take your way in; you yourself cannot")
    _found(name, store.people.remove_user(name, wanted.by, wanted.now_us))
    return Done(f"{name} cannot sign in any more")


def _found(name: str, changed: bool) -> None:
    if not changed:
        raise Refusal(404, f"nobody called {name[:100]!r} signs in")


def add_token(store: Store, wanted: Wanted[WantedToken]) -> MadeToken:
    """Make a token, shown this once."""
    given, token, people = wanted.body, new_token(), store.people
    if given.owner is not None and people.user(given.owner) is None:
        raise Refusal(404, f"there is no user {given.owner!r}")
    if not people.add_token(given.name, given.scope, token, wanted.by, wanted.now_us, given.owner):
        raise Refusal(409, f"there is or was a token {given.name!r} already: give another name")
    return MadeToken(given.name, given.scope, token)


def revoke_token(store: Store, wanted: Wanted[Nothing]) -> Done:
    """Let a token in no more."""
    name = wanted.place["name"]
    if not store.people.revoke_token(name, wanted.by, wanted.now_us):
        raise Refusal(404, f"no token {name[:100]!r} holds")
    return Done(f"the token {name} lets nobody in any more")


def accept_rule(store: Store, wanted: Wanted[Value]) -> Done:
    """Let a rule tell people, with a value of one's own."""
    name = wanted.place["name"]
    try:
        told = accept(wanted.loaded, name, wanted.body.value).told
    except KeyError:
        raise Refusal(404, f"there is no rule {name[:100]!r} in force") from None
    except (ValueError, ConfigError) as error:
        raise Refusal(409, str(error)) from None
    store.people.note(wanted.by, "set a rule", told, wanted.now_us)
    return Done(told)


def test_channel(store: None, wanted: Wanted[Nothing]) -> Done:
    """Send a message that says that the channel works."""
    name = wanted.place["name"]
    channel = next((each for each in wanted.loaded.config.channels if each.name == name), None)
    if channel is None:
        raise Refusal(404, f"there is no channel {name[:100]!r}")
    try:
        send_test(channel, wanted.now_us)
    except ChannelError as error:
        raise Refusal(409, f"{name}: {error}") from None
    return Done(f"sent to {name}")


ADMIN: Final = Endpoint(
    "/api/v1/admin",
    "people, tokens, rules, channels, what was changed",
    admin,
    AdminView,
    every_s=5,
)
ENDPOINTS: Final = [ADMIN]
_AT: Final = "/api/v1/admin"
CHANGES: Final = [
    Change(f"{_AT}/users", "let somebody sign in", add_user, NewUser, UserView, (409,)),
    Change(f"{_AT}/users/{{name}}/role", "give a role", set_role, NewRole, Done, (404, 409)),
    Change(
        f"{_AT}/users/{{name}}/password", "give a password", set_password, NewPassword, Done, (404,)
    ),
    Change(f"{_AT}/users/{{name}}/remove", "take a way in", remove_user, Nothing, Done, (404, 409)),
    Change(f"{_AT}/tokens", "make a token", add_token, WantedToken, MadeToken, (404, 409)),
    Change(
        f"{_AT}/tokens/{{name}}/revoke",
        "let a token in no more",
        revoke_token,
        Nothing,
        Done,
        (404,),
    ),
    Change(
        f"{_AT}/rules/{{name}}/accept",
        "let a rule tell people, as it is or with another value",
        accept_rule,
        Value,
        Done,
        (404, 409),
        configures=True,
    ),
    Change(
        f"{_AT}/channels/{{name}}/test",
        "send a message that says that the channel works",
        test_channel,
        Nothing,
        Done,
        (404, 409),
        writes=False,
    ),
]
