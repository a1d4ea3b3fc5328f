"""Takes secrets out of text, so that a title, an excerpt or a target can be kept.

What secrets look like is data, with the source of each shape: data/secrets.toml. docs/design.md has
the measurements that spoke against the detectors of others.

A secret is found in one of three ways:

- *tokens* give themselves away by how they begin (`ghp_…`, `AKIA…`, a JWT's `eyJhbGci…`);
- *contexts* are places where only a secret can stand (a URL's password, an `Authorization`
  header, a private key block, `mysql -p…`);
- *assignments* give a value to a name that says what it is (`DB_PASSWORD=…`, `"api_key": "…"`,
  `--token …`), which is also how code, prose and configuration talk about secrets without telling
  one; so here the value is judged: placeholders, references, words and counts stay.

Two RE2 sets look for all beginnings, each in one pass; nearly every text ends there, unchanged.
Only the rules that they name run. All scanning is RE2's, and linear in the text whatever it holds;
a value is judged on its first `_JUDGED` bytes.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import re2

Test: TypeAlias = Literal["any", "password", "secret", "random", "key"]
Span: TypeAlias = tuple[int, int]

_TABLE = Path(__file__).with_name("data") / "secrets.toml"

# Where a token may begin: after anything but a word character, or after an escape that ends in one.
_BOUNDARY = r"(?:^|[^A-Za-z0-9_]|\\[abfnrtv]|\\u[0-9a-f]{4}|%[0-9A-Fa-f]{2}|\x1b\[[0-9;]*m)"
_CLOSERS = r"""["'`\]\\]*"""
_ASSIGNS = r"[ \t]*(?:=>|:=|[!=]?==?|:|%3[DdAa])[ \t]*"
_FLAG = r"""(?:^|[\s"'\[,(=])--?[A-Za-z0-9_.-]*?"""
_FLAG_GAP = r"""(?:[ \t]+|["'\\]*,[ \t]*)"""
_ARGUMENT = r"""["'][A-Za-z0-9_.-]*?"""
_ARGUMENT_GAP = r"""\\*["'],[ \t]*"""

_JUDGED = 256
_LOOK_BACK = 40


def redact(text: str) -> str:
    """`text` with each secret replaced by a marker, `[redacted:KIND]`; the rest is unchanged.

    Idempotent, and the same for the same text; raises on nothing, lone surrogates included. KIND is
    a word of data/secrets.toml, such as `github-token` or `password`. Text is best redacted before
    it is cut to length; a token that was cut is still found if 16 or so characters are left.
    """
    data = text.encode("utf-8", "surrogatepass")
    detector = _detector()
    if not (detector.begins.Match(data) or detector.stands.Match(data)):
        return text
    while spans := _merged(detector.findings(data)):
        data = _marked(data, spans)
    return data.decode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class _Rule:
    """One way to find a kind of secret: what the prefilter looks for, and what decides."""

    kind: str
    find: str
    pattern: str
    test: Test
    judged_as: Callable[["_Rule", bytes, Any], Span | None]

    @cached_property
    def compiled(self) -> Any:
        """The deciding pattern, compiled when it is first needed (the table holds hundreds)."""
        return re2.compile(self.pattern.encode(), _options())

    def spans(self, data: bytes) -> Iterator[Span]:
        """Where in `data` the secrets are, from left to right."""
        position = 0
        while match := self.compiled.search(data, position):
            span = self.judged_as(self, data, match)
            if span:
                yield span
            position = max(match.end(), span[1] if span else 0)


@dataclass(frozen=True)
class _Finding:
    """A secret in a text: where it is, in bytes, and the rule that found it."""

    start: int
    end: int
    precedence: int
    kind: str


@dataclass(frozen=True)
class _Detector:
    """The table, ready for use, behind two prefilters (one automaton would be their product)."""

    begins: Any
    stands: Any
    tokens: tuple[_Rule, ...]
    places: tuple[_Rule, ...]

    def findings(self, data: bytes) -> Iterator[_Finding]:
        """What the rules find, each on its own; earlier rules take precedence."""
        for prefilter, rules, first in (
            (self.begins, self.tokens, 0),
            (self.stands, self.places, len(self.tokens)),
        ):
            for index in prefilter.Match(data) or ():
                for start, end in rules[index].spans(data):
                    yield _Finding(start, end, first + index, rules[index].kind)


@cache
def _detector() -> _Detector:
    tokens, places = tuple(_token_rules(_table())), tuple(_place_rules(_table()))
    return _Detector(_prefilter(tokens), _prefilter(places), tokens, places)


def _prefilter(rules: tuple[_Rule, ...]) -> Any:
    prefilter = re2.Set.SearchSet(_options())
    for rule in rules:
        prefilter.Add(rule.find.encode())
    prefilter.Compile()
    return prefilter


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(_TABLE.read_text("utf-8"))


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = 8 << 20
    return options


def _token_rules(table: dict[str, Any]) -> Iterator[_Rule]:
    for shape in table["tokens"]["shapes"]:
        begins = shape.get("find", f"{_BOUNDARY}{shape['head']}")
        whole = f"{_BOUNDARY}({shape['head']}{shape['tail']})"
        yield _Rule(shape["kind"], begins, whole, shape.get("test", "random"), _in_group)


def _place_rules(table: dict[str, Any]) -> Iterator[_Rule]:
    for place in table["context"]:
        yield _Rule(place["kind"], place["find"], place["pattern"], place["test"], _in_group)
    names = table["assignment"]
    for family in names["family"]:
        name = f"(?i:(?:{family['names']}){names['suffixes']})"
        assigned = f"({name}){_CLOSERS}{_ASSIGNS}"
        yield _Rule(family["kind"], assigned, assigned, family["test"], _after_name)
        flagged = f"{_FLAG}({name}){_FLAG_GAP}"
        yield _Rule(family["kind"], flagged, flagged, family["test"], _after_name)
        argument = f"{_ARGUMENT}({name}){_ARGUMENT_GAP}"
        yield _Rule(family["kind"], argument, argument, "random", _after_name)


def _merged(findings: Iterable[_Finding]) -> list[_Finding]:
    """What to replace, ascending: findings that touch are one, named by the widest of them."""
    merged: list[_Finding] = []
    for finding in sorted(findings, key=lambda f: (f.start, -f.end, f.precedence)):
        last = merged[-1] if merged else None
        if last is None or finding.start > last.end:
            merged.append(finding)
        elif finding.end > last.end:
            wider = finding if finding.end - finding.start > last.end - last.start else last
            merged[-1] = replace(wider, start=last.start, end=finding.end)
    return merged


def _marked(data: bytes, findings: list[_Finding]) -> bytes:
    parts: list[bytes] = []
    position = 0
    for finding in findings:
        parts += data[position : finding.start], b"[redacted:", finding.kind.encode(), b"]"
        position = finding.end
    return b"".join((*parts, data[position:]))


@dataclass(frozen=True)
class _Place:
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


_GIVEN = _Place(quoted=True, tight=True, shouted=True, after="")


def _in_group(rule: _Rule, data: bytes, match: Any) -> Span | None:
    """The first group that took part in a token's or a context's match."""
    groups = map(match.span, range(1, rule.compiled.groups + 1))
    start, end = next((start, end) for start, end in groups if start >= 0)
    return (start, end) if _is_secret(_judged(data, start, end), rule.test, _GIVEN) else None


def _after_name(rule: _Rule, data: bytes, match: Any) -> Span | None:
    """The value that follows a name, as `name = value`, `"name": "value"` or `--name value`."""
    name_start, name_end = match.span(1)
    before = _text(data[max(0, name_start - _LOOK_BACK) : name_start])
    if _IN_A_MARKER.search(before) or _words().not_before.search(before):
        return None
    start = match.end()
    separator = data[name_end:start]
    if b":" in separator and (annotation := _ANNOTATION.match(data, start)):
        start = annotation.end()
    value = _VALUE.match(data, start)
    if value is None:
        return None
    quoted = value.lastgroup != "bare"
    start, end = value.span(value.lastgroup or 0)
    cut = not quoted and end - start == _JUDGED
    if not quoted and not cut:
        end = start + len(data[start:end].rstrip(b")]}.,:;"))
    place = _Place(
        quoted=quoted,
        tight=not separator.strip(b" \t,\"'`\\]") or separator.endswith(b"="),
        shouted=data[name_start:name_end].isupper(),
        after=_text(data[end : end + 2]),
    )
    if not _is_secret(_judged(data, start, end), rule.test, place):
        return None
    rest = _BARE_REST.match(data, end) if cut else None
    return start, rest.end() if rest else end


_IN_A_MARKER = re.compile(r"\[redacted:[a-z0-9-]*$")
_ANNOTATION = re.compile(rb"""[A-Za-z][\w.\[\]| ]{0,40}=[ \t]*(?=[bru]?["'])""")
_VALUE = re.compile(
    rb"""[bBfFrRuU@]{0,2}(?:
      \\+["'](?P<escaped>[^"'\\\r\n]*+)
    | "(?P<double>[^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+)
    | '(?P<single>[^'\\\r\n]*+(?:\\.[^'\\\r\n]*+)*+)
    | `(?P<backtick>[^`\r\n]*+)
    ) | (?P<bare>[^\s"'`,;&|<>\\]{1,%d})"""
    % _JUDGED,
    re.VERBOSE,
)
_BARE_REST = re.compile(rb"""[^\s"'`,;&|<>\\]*""")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _judged(data: bytes, start: int, end: int) -> str:
    return _text(data[start : min(end, start + _JUDGED)])


def _is_secret(value: str, test: Test, place: _Place) -> bool:
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


def _is_password(value: str, place: _Place) -> bool:
    """Whether a value that is no placeholder or reference can be a password that someone chose."""
    words = value.split()
    if value.lower().rstrip(".:!") in _words().not_values or not words:
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
def _words() -> _Words:
    table = _table()
    return _Words(
        re.compile(table["assignment"]["not_before"]), frozenset(table["words"]["not_values"])
    )
