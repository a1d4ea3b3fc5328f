"""Judges whether a value that stands where a secret could stand is one.

Code, prose and configuration talk about secrets without telling one: placeholders, references,
words and counts are none. Which words those are is data: data/secrets.toml.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

Test: TypeAlias = Literal["any", "password", "secret", "random", "key"]

_TABLE = Path(__file__).with_name("data") / "secrets.toml"


@cache
def table_of() -> dict[str, Any]:
    """What secrets look like: data/secrets.toml."""
    return tomllib.loads(_TABLE.read_text("utf-8"))


@dataclass(frozen=True)
class Place:
    """How a value stands in its text, as far as that tells a secret from talk about one."""

    quoted: bool
    tight: bool
    shouted: bool
    after: str

    @property
    def told(self) -> bool:
        """Whether it can only be the value, as in the environment: `NAME=value`."""
        return self.tight and self.shouted

    @property
    def literal(self) -> bool:
        """Whether a bare word is the value itself, rather than code or prose that names one."""
        return self.quoted or self.told


def is_secret(value: str, test: Test, place: Place) -> bool:
    """Whether `value`, standing at `place`, passes `test` (see data/secrets.toml)."""
    if test != "any" and (_is_reference(value) or (not place.told and _is_name(value))):
        return False
    if _is_placeholder(value):
        return False
    if test == "any":
        return True
    if test == "password":
        return _is_password(value, place)
    if test == "secret":
        return _looks_random(value, 6) or (place.told and len(value) >= 6)
    if test == "key":
        return len(value) >= 20 and _looks_random(value, 20) and not _HEXADECIMAL.fullmatch(value)
    return _looks_random(value, 8)


def _is_password(value: str, place: Place) -> bool:
    """Whether a value that is no placeholder or reference can be a password that someone chose."""
    words = value.split()
    if value.lower().rstrip(".:!") in words_of().not_values or not words:
        return False
    if len(words) > 1:
        return not all(_PROSE_WORD.fullmatch(word.strip(".,:;!?()")) for word in words)
    if place.literal:
        return len(value) >= 3
    if value.isdigit():
        return len(value) >= 4 and not _PROSE_GOES_ON.match(place.after)
    if not value.isalpha():
        return len(value) >= 4 and not _AMOUNT.fullmatch(value)
    if place.tight:
        return len(value) >= 4 and place.after[:1] not in (")", ",", "(", "[", ".")
    return len(value) >= 6 and place.after[:1] in ("", "\n", "\r") and value.islower()


def _looks_random(value: str, least: int) -> bool:
    """Whether `value` holds at least `least` characters that no one would write as words.

    Its alphanumeric runs are told apart: words, camel case and words with a number at the end are
    what people write; six characters or more of anything else are not.
    """
    if len(value) < least or len(set(value)) < 6 or _DATE.match(value):
        return False
    unwordy = 0
    for run in set(_RUN.findall(value)):
        unwordy += len(run) if _is_unwordy(run) else 0
    return unwordy >= 6


def _is_unwordy(run: str) -> bool:
    if len(run) < 4 or run.isdigit() or not run.isascii():
        return False
    if len(run) >= 28 or not _WORDY.fullmatch(run) or _UNSPOKEN.search(run):
        return True
    return len(run) >= 10 and len(run) < 3 * len(_HUMP.findall(run))


def _is_placeholder(value: str) -> bool:
    """Whether `value` only shows where a secret would stand, or where one was taken out."""
    if len(set(value)) <= 1 and not value.isdigit():
        return True
    return bool(_PLACEHOLDER.match(value) or _STAND_IN.search(value)) or not any(
        map(str.isalnum, value)
    )


def _is_reference(value: str) -> bool:
    """Whether `value` is code, a path or a name through which a secret is had."""
    name, assigns, _ = value.partition("=")
    if assigns and _is_name(name):
        return True
    if _CODE.match(value) or _SHOUTED_NAME.fullmatch(value):
        return True
    path = _PATH.match(value)
    return bool(path) and not any(map(_is_unwordy, _RUN.findall(value)))


def _is_name(value: str) -> bool:
    """Whether `value` is itself the name of a secret: `user_password`, `apiKey`, `Password?`."""
    if _NOT_OF_A_NAME.search(value):
        return False
    return any(_SECRET_NAME.fullmatch(word) for word in _HUMP.findall(value))


_RUN = re.compile(r"[A-Za-z0-9]+|[^\x00-\x7f]+")
_WORDY = re.compile(
    r"(?:[a-z]+|[A-Z]+|[a-z]?(?:[A-Z]{1,4}(?=[A-Z][a-z])|[A-Z]?[a-z]{2,}+)++[A-Z]{0,4})\d{0,4}"
    r"|(?:[A-Z]?[a-z]{2,}+)++\d{1,2}(?:[A-Z][a-z]++)++|\d+[A-Za-z]{0,3}"
)
_HUMP = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_PROSE_WORD = re.compile(r"(?:[^\W\d_]|[-'’])*\d{0,4}")
_UNSPOKEN = re.compile(r"[bcdfghjklmnpqrstvwxz]{7}", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[0-9a-fA-F-]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:$|[T ])")
_AMOUNT = re.compile(r"[\d.,:+%*/-]+[a-zA-Z]{0,2}")
_PROSE_GOES_ON = re.compile(r"[ ,][A-Za-z]")
_PLACEHOLDER = re.compile(
    r"\[redacted:[a-z0-9-]+\]?$|\[?\(?(?:redacted|masked|hidden|secret|filtered|removed)\)?\]?$"
    r"|[<{\[(?]|\$[({]|\$[A-Za-z_]\w*(?![\w$])|%[A-Za-z_]\w*%|%\(?\w*\)?[sdrv]$|@\w+@$"
    r"|__\w+__$|my[-_](?:api|secret|token|key|pass)|your[-_ ]?(?:api|secret|token|key|pass|own)"
    r"|(?:insert|enter|replace|put)[-_ ][^/]*(?:here|key|token)",
    re.IGNORECASE,
)
_STAND_IN = re.compile(
    r"x{6}|X{6}|^.{0,16}[xX]{4,}$|\*{3}|\.{3}|…|•{2}|[-_](?:your|YOUR)[-_]|placeholder|PLACEHOLDER|[-_](?:here|HERE)$"
    r"|\{\{?\s*[A-Za-z_][\w. ]*\}"
)
_CODE = re.compile(
    r"[A-Za-z_$][\w$]*(?:(?:\.|::|->|\?\.)[A-Za-z_$][A-Za-z_$]*\d?)*[(\[]"
    r"|[A-Za-z_$][A-Za-z_$]*\d?(?:(?:\.|::|->|\?\.)[A-Za-z_$][A-Za-z_$]*\d?)+$"
    r"|[A-Za-z][A-Za-z0-9+.-]*://[^@]*$|(?:await|new|not|lambda|function|typeof|async)\b"
)
_SHOUTED_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_NOT_OF_A_NAME = re.compile(r"[^A-Za-z_. ?:!-]")
_SECRET_NAME = re.compile(
    r"(?:api|access|auth|user|db|my)?"
    r"(?:pass(?:word|wd|phrase)?|pwd|pw|secret|token|key|cred|credential|auth)s?",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?:~|\.{1,2})?/|[A-Za-z]:\\")


@dataclass(frozen=True)
class _Words:
    """What stands before a name that keeps no secret, and what stands where no value does."""

    not_before: re.Pattern[str]
    not_values: frozenset[str]


@cache
def words_of() -> _Words:
    """The words that tell talk about secrets from secrets."""
    table = table_of()
    return _Words(
        re.compile(table["assignment"]["not_before"]), frozenset(table["words"]["not_values"])
    )
