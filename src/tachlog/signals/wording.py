"""Turns a text into what may be kept of it: a fingerprint, an excerpt, a title."""

from __future__ import annotations

import re
from functools import cache

from tachlog import data
from tachlog.model import digest_of
from tachlog.redact import redact

FINGERPRINT_CHARACTERS = 300
_CONTEXT = 6  # times the limit of an excerpt that is redacted, so that no secret is cut in two
_LEAST_CONTEXT = 1500  # characters
_LONGEST_TAIL = 24  # characters of a word that may be dropped to end an excerpt at a word

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])?"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
# Control, invisible, direction and unpaired characters; white space is not among them.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u200b-\u200f\u202a-\u202e\u2060"
    r"\u2066-\u2069\ufeff\ud800-\udfff]"
)
_JSON_MARKS = str.maketrans(dict.fromkeys('{}[]",:', " "))
_EDGES = ".,:;!?()[]{}<>|=*-—…•·"
_OPEN_QUOTES = {"'": "'", '"': '"', "`": "`", "“": "”", "‘": "’", "«": "»"}
_MASK = "#"
_HARNESS = "<tool_use_error>"

_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]*)[^<>]*>")
_MARKUP = re.compile(r"</?[A-Za-z][\w.:-]*(?:\s[^<>]*)?/?>")
_BULLETS = re.compile(r"^[\s#>*•\-–—=_~|`]+")
_COMMAND_NAME = re.compile(r"<command-name>\s*(/?[^<\s]{1,80})\s*</command-name>")
_COMMAND_ARGS = re.compile(r"<command-args>([^<]*)")
_MOST_WRAPPERS = 50


def fingerprint(text: str) -> int:
    """Return a 63-bit digest that the same failure elsewhere has as well.

    Of the first 300 characters (of a tool's own complaint the first line, since more quotes the
    input), in lower case, with numbers, times, ids, paths, addresses and quoted names masked.
    """
    return digest_of(" ".join(_masked(text)).encode("utf-8", "surrogatepass"))


def _masked(text: str) -> list[str]:
    head = text[: 2 * FINGERPRINT_CHARACTERS]
    if "\x1b" in head:
        head = _ESCAPES.sub("", head)
    head = head[:FINGERPRINT_CHARACTERS].strip()
    if head.startswith(_HARNESS):
        head = head.partition("\n")[0].removesuffix("</tool_use_error>")
    if '{"' in head:
        head = head.translate(_JSON_MARKS)
    words: list[str] = []
    closing = ""
    for word in head.lower().split():
        if closing:
            closing = "" if closing in word else closing
            continue
        if word.isalpha():
            words.append(word)
            continue
        if word[0] in _OPEN_QUOTES:
            quote = _OPEN_QUOTES[word[0]]
            if quote not in word[1:] and _closes(head, word, quote):
                closing = quote
            plain = ""
        else:
            plain = word.strip(_EDGES)
        if plain.replace("_", "").replace("-", "").replace("'", "").isalpha():
            words.append(plain)
        elif (plain or word[0] in _OPEN_QUOTES) and words[-1:] != [_MASK]:
            words.append(_MASK)
    return words


def _closes(head: str, word: str, quote: str) -> bool:
    """Return whether a quote that a word opens is closed within the text."""
    start = head.lower().find(word)
    return head.find(quote, start + len(word)) >= 0


def excerpt(text: str, limit: int = 200) -> str:
    """Return the beginning of a text on one line, without secrets, of at most `limit` characters.

    Escapes and control characters are removed first, then it is redacted over more text than it
    shows, then white space is folded and the end put at a word.
    """
    context = max(_CONTEXT * limit, _LEAST_CONTEXT)
    window = clean(text[:context])
    shown = _folded(window)
    if len(text) > context and len(shown) < limit:
        shown = shown.rpartition(" ")[0] + " …"
    return cut(shown, limit)


def title(text: str, limit: int = 80) -> str | None:
    """Return the first words of what a person said, without secrets; None when nothing is left.

    What agents put around it is skipped (`data/prompts.toml`). A slash command with arguments is
    told with them; without, it is no title.
    """
    spoken = _spoken(text)
    if not spoken:
        return None
    window = clean(spoken[: max(_CONTEXT * limit, _LEAST_CONTEXT)])
    window = _pasted().sub(" ", _MARKUP.sub(" ", redact(window)))
    words = _BULLETS.sub("", _folded(window))
    return cut(words, limit) if any(map(str.isalnum, words)) else None


def _spoken(text: str) -> str:
    """Return a prompt from where the person's own words begin; "" when there are none."""
    prompts = data.prompts()
    tags = _dropped_tags()
    command = ""
    for _ in range(_MOST_WRAPPERS):
        text = text.lstrip()
        if text.startswith(prompts.not_spoken):
            return ""
        found = _TAG.match(text)
        if found is None:
            break
        name = found[2].lower()
        if name == "command-name" and (named := _COMMAND_NAME.match(text)):
            command = named[1]
        elif name == "command-args" and (given := _COMMAND_ARGS.match(text)):
            arguments = given[1].strip()
            return f"{command} {arguments}".strip() if arguments else ""
        text = text[found.end() :]
        if not found[1] and name in tags:
            end = text.find(f"</{found[2]}>")
            if end < 0:
                return ""
            text = text[end:]
    return text


@cache
def _dropped_tags() -> frozenset[str]:
    return frozenset(tag.lower() for tag in data.prompts().tags)


@cache
def _pasted() -> re.Pattern[str]:
    return re.compile(data.prompts().pasted)


def clean(text: str) -> str:
    """Return a text without terminal escapes, control, invisible and unpaired characters."""
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPES.sub("", text)
    return _UNSEEN.sub("", text)


def _folded(text: str) -> str:
    """Return a text without secrets on one line.

    Folding may bring together what a secret needs to be seen, so the outcome is redacted again.
    """
    folded = " ".join(redact(text).split())
    return redact(folded) if folded != text else folded


def cut(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters, ended at a word, with … where it was cut."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    space = kept.rfind(" ", max(0, limit - 1 - _LONGEST_TAIL))
    if space > 0 and text[limit - 1] != " ":
        kept = kept[:space]
    return kept.rstrip(" .,;:-…") + "…"
