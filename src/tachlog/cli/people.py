"""The verbs `user` and `token`: who may use the archive over the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Caller, Misuse, Unanswered
from tachlog.cli.table import Column, table
from tachlog.stores import open_store
from tachlog.stores.people import People, Token, User
from tachlog.stores.schema import LOCAL_USER

NAME_CHARACTERS = 100


class Person(Struct, frozen=True):
    """A user: their name and role, since when, and whether they can sign in."""

    name: str
    role: str
    created_at: str
    signs_in: bool


class NewToken(Struct, frozen=True):
    """A token that was just made; it is never shown again."""

    name: str
    scope: str
    token: str


class Named(Struct, frozen=True):
    """Who or what was changed."""

    name: str


def user(ask: Ask) -> Answer:
    """Answer `tachlog user`."""
    if ask.options.what in ("export", "erase"):
        from tachlog.cli import personal

        return (personal.export if ask.options.what == "export" else personal.erase)(
            ask, _name(ask)
        )
    with _people(ask) as people:
        if ask.options.what == "list":
            return _users(people, ask)
        name, now_us = _name(ask), ask.caller.now_us
        match ask.options.what:
            case "add":
                done = people.add_user(name, ask.options.role, _hashed(ask), LOCAL_USER, now_us)
                told = f"{name} can sign in, as {ask.options.role}"
            case "passwd":
                done = people.set_password(name, _hashed(ask), LOCAL_USER, now_us)
                told = f"{name} signs in with the new password"
            case "role":
                done = people.set_role(name, ask.options.role, LOCAL_USER, now_us)
                told = f"{name} is {ask.options.role}"
            case _:
                done = people.remove_user(name, LOCAL_USER, now_us)
                told = f"{name} cannot sign in any more"
        if not done and ask.options.what == "add":
            raise Unanswered(f"there is a user {name!r} already; remove it first, or name another")
        if not done:
            raise Unanswered(f"nobody called {name!r} signs in; tachlog user list tells who")
        found = people.user(name) if ask.options.what == "add" else None
    return Answer(Named(name) if found is None else _person(found), lambda: [told])


def token(ask: Ask) -> Answer:
    """Answer `tachlog token`."""
    with _people(ask) as people:
        if ask.options.what == "list":
            return _tokens(people, ask)
        name = _name(ask)
        if ask.options.what == "revoke":
            if not people.revoke_token(name, LOCAL_USER, ask.caller.now_us):
                raise Unanswered(f"no token {name!r} holds; tachlog token list tells which do")
            return Answer(Named(name), lambda: [f"the token {name} lets nobody in any more"])
        from tachlog.passwords import new_token

        made = NewToken(name, ask.options.scope, new_token())
        now_us, scope = ask.caller.now_us, ask.options.scope
        owner = ask.options.user
        if owner is not None and people.user(owner) is None:
            raise Unanswered(f"there is no user {owner!r}; tachlog user add makes one")
        if not people.add_token(name, scope, made.token, LOCAL_USER, now_us, owner):
            raise Unanswered(f"there is or was a token {name!r} already; give another name")
    notes = ["it is shown this once; send it as the header  Authorization: Bearer TOKEN"]
    return Answer(made, lambda: [made.token], () if ask.options.json else notes)


@contextmanager
def _people(ask: Ask) -> Iterator[People]:
    """The users and tokens of the archive, which is made where there is none."""
    store = open_store(ask.config.storage.url)
    try:
        yield store.people
    finally:
        store.close()


def _name(ask: Ask) -> str:
    names: Sequence[str] = ask.options.name
    if len(names) != 1:
        raise Misuse(f"{ask.options.what} takes one NAME")
    name = names[0].strip()
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise Misuse(f"a name has 1 to {NAME_CHARACTERS} characters that can be printed")
    return name


def _hashed(ask: Ask) -> str:
    """The hash of a password that is asked for; raises `Misuse` for one that is too short."""
    from tachlog.passwords import SHORTEST, hash_of

    password = _password(ask.caller)
    if len(password) < SHORTEST:
        raise Misuse(f"a password has at least {SHORTEST} characters")
    return hash_of(password)


def _person(user: User) -> Person:
    return Person(user.name, user.role, user.created_at, user.password is not None)


def _password(caller: Caller) -> str:
    """The password: asked for at a terminal, else the first line of standard input."""
    if caller.into is None:
        raise Misuse("give the password on standard input")
    if not caller.into.isatty():
        return caller.into.readline().rstrip("\r\n")
    from getpass import getpass

    password = getpass("password: ")
    if getpass("again: ") != password:
        raise Misuse("these are two different passwords")
    return password


def _users(people: People, ask: Ask) -> Answer:
    found = [_person(each) for each in people.users()]
    rows = [(each.name, each.role, each.created_at[:10], _yes(each.signs_in)) for each in found]
    return Answer(found, _listed(("NAME", "ROLE", "SINCE", "SIGNS IN"), rows, ask))


def _tokens(people: People, ask: Ask) -> Answer:
    found: list[Token] = people.tokens()
    rows = [
        (
            each.name,
            each.scope,
            each.owner or "",
            each.created_at[:10],
            _yes(each.revoked_at is None),
        )
        for each in found
    ]
    return Answer(found, _listed(("NAME", "SCOPE", "WORK OF", "SINCE", "HOLDS"), rows, ask))


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def _listed(
    names: Sequence[str], rows: Sequence[Sequence[str]], ask: Ask
) -> Callable[[], Iterator[str]]:
    def lines() -> Iterator[str]:
        if not rows:
            yield "none"
            return
        plain = [[fmt.plain(cell) for cell in row] for row in rows]
        yield from table([Column(name) for name in names], plain, ask.width, ask.has_color)

    return lines
