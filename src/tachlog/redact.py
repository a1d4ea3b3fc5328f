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

For each way an RE2 set of few patterns looks for anything that may be one; nearly every text ends
there, unchanged. Else another set says which rules to ask, and only those run. All scanning is
RE2's, and linear in the text whatever it holds; a value is judged on its first `_JUDGED` bytes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, TypeAlias

import re2

from tachlog.secrecy import Place, Test, is_secret, table_of, words_of

Span: TypeAlias = tuple[int, int]

# Where a token may begin: after anything but a word character, or after an escape that ends in one.
_BOUNDARY = r"(?:^|[^A-Za-z0-9_]|\\[abfnrtv]|\\u[0-9a-f]{4}|%[0-9A-Fa-f]{2}|\x1b\[[0-9;]*m)"
_CLOSERS = r"""["'`\]\\]*"""
_ASSIGNS = r"[ \t]*(?:=>|:=|[!=]?==?|:|%3[DdAa])[ \t]*"
_FLAG = r"""(?:^|[\s"'\[,(=])--?[A-Za-z0-9_.-]*?"""
_FLAG_GAP = r"""(?:[ \t]+|["'\\]*,[ \t]*)"""
_ARGUMENT = r"""["'][A-Za-z0-9_.-]*?"""
_ARGUMENT_GAP = r"""\\*["'],[ \t]*"""
_AROUND_NAMES = (("", _CLOSERS + _ASSIGNS), (_FLAG, _FLAG_GAP), (_ARGUMENT, _ARGUMENT_GAP))

_JUDGED = 256
_LOOK_BACK = 40


def redact(text: str) -> str:
    """`text` with each secret replaced by a marker, `[redacted:KIND]`; the rest is unchanged.

    Idempotent, and the same for the same text; raises on nothing, lone surrogates included. KIND is
    a word of data/secrets.toml, such as `github-token` or `password`. Text is best redacted before
    it is cut to length; a token that was cut is still found if 16 or so characters are left.
    """
    whole = data = text.encode("utf-8", "surrogatepass")
    while spans := _merged(_findings(data)):
        data = _marked(data, spans)
    return text if data is whole else data.decode("utf-8", "surrogatepass")


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
class _Way:
    """Rules of one kind behind two prefilters: `hint` finds all that `which` tells apart by rule.

    The patterns of a hint share what they have in common, so that its automaton is made in a third
    of the time (measured 2026-11-22), which is most of what a run's first thousand texts cost.
    """

    hint: Any
    which: Any
    rules: tuple[_Rule, ...]


def _findings(data: bytes) -> Iterator[_Finding]:
    """What the rules find, each on its own; earlier rules take precedence."""
    first = 0
    for way in _ways():
        if way.hint.Match(data):
            for index in way.which.Match(data) or ():
                rule = way.rules[index]
                for start, end in rule.spans(data):
                    yield _Finding(start, end, first + index, rule.kind)
        first += len(way.rules)


@cache
def _ways() -> tuple[_Way, ...]:
    """The table, ready for use (one automaton of all of it would be their product)."""
    table = table_of()
    return (
        _way(_token_hints(table), _token_rules(table)),
        _way(None, _context_rules(table)),
        _way(_assignment_hints(table), _assignment_rules(table)),
    )


def _way(hints: Iterable[str] | None, rules: Iterable[_Rule]) -> _Way:
    rules = tuple(rules)
    which = _prefilter(rule.find for rule in rules)
    return _Way(which if hints is None else _prefilter(hints), which, rules)


def _prefilter(patterns: Iterable[str]) -> Any:
    prefilter = re2.Set.SearchSet(_options())
    for pattern in patterns:
        prefilter.Add(pattern.encode())
    prefilter.Compile()
    return prefilter


def _options() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = 8 << 20
    return options


def _token_hints(table: dict[str, Any]) -> list[str]:
    shapes = table["tokens"]["shapes"]
    heads = "|".join(shape["head"] for shape in shapes if "find" not in shape)
    return [f"{_BOUNDARY}(?:{heads})", *(shape["find"] for shape in shapes if "find" in shape)]


def _token_rules(table: dict[str, Any]) -> Iterator[_Rule]:
    for shape in table["tokens"]["shapes"]:
        begins = shape.get("find", f"{_BOUNDARY}{shape['head']}")
        whole = f"{_BOUNDARY}({shape['head']}{shape['tail']})"
        yield _Rule(shape["kind"], begins, whole, shape.get("test", "random"), _in_group)


def _context_rules(table: dict[str, Any]) -> Iterator[_Rule]:
    for place in table["context"]:
        yield _Rule(place["kind"], place["find"], place["pattern"], place["test"], _in_group)


def _assignment_hints(table: dict[str, Any]) -> list[str]:
    names = table["assignment"]
    families = "|".join(family["names"] for family in names["family"])
    name = f"(?i:(?:{families}){names['suffixes']})"
    return [before + name + after for before, after in _AROUND_NAMES]


def _assignment_rules(table: dict[str, Any]) -> Iterator[_Rule]:
    names = table["assignment"]
    for family in names["family"]:
        name = f"((?i:(?:{family['names']}){names['suffixes']}))"
        for before, after in _AROUND_NAMES:
            test: Test = "random" if before == _ARGUMENT else family["test"]
            pattern = before + name + after
            yield _Rule(family["kind"], pattern, pattern, test, _after_name)


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


_GIVEN = Place(quoted=True, tight=True, shouted=True, after="")


def _in_group(rule: _Rule, data: bytes, match: Any) -> Span | None:
    """The first group that took part in a token's or a context's match."""
    groups = map(match.span, range(1, rule.compiled.groups + 1))
    start, end = next((start, end) for start, end in groups if start >= 0)
    return (start, end) if is_secret(_judged(data, start, end), rule.test, _GIVEN) else None


def _after_name(rule: _Rule, data: bytes, match: Any) -> Span | None:
    """The value that follows a name, as `name = value`, `"name": "value"` or `--name value`."""
    name_start, name_end = match.span(1)
    before = _text(data[max(0, name_start - _LOOK_BACK) : name_start])
    if _IN_A_MARKER.search(before) or words_of().not_before.search(before):
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
    place = Place(
        quoted=quoted,
        tight=not separator.strip(b" \t,\"'`\\]") or separator.endswith(b"="),
        shouted=data[name_start:name_end].isupper(),
        after=_text(data[end : end + 2]),
    )
    if not is_secret(_judged(data, start, end), rule.test, place):
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
