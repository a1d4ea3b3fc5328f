"""What leaves a text, what stays in it, and that nothing else happens to it."""

import random
import re
import string
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog import redact as module
from tachlog.redact import redact

CASES = Path(__file__).parent / "data" / "redact"
TABLE = tomllib.loads((Path(module.__file__).with_name("data") / "secrets.toml").read_text("utf-8"))

FILLINGS_PER_CASE = 3
MARKER = re.compile(r"\[redacted:([a-z0-9-]+)\]")

LETTERS, DIGITS = string.ascii_letters, string.digits
CLASSES = {
    "alnum": LETTERS + DIGITS,
    "letters": LETTERS,
    "digit": DIGITS,
    "hex": DIGITS + "abcdef",
    "lownum": string.ascii_lowercase + DIGITS,
    "upnum": string.ascii_uppercase + DIGITS,
    "b32low": string.ascii_lowercase + "234567",
    "b32": string.ascii_uppercase + "234567",
    "b58": "".join(c for c in LETTERS + DIGITS if c not in "0OIl"),
    "b64": LETTERS + DIGITS + "+/",
    "url": LETTERS + DIGITS + "_-",
    "pass": LETTERS + DIGITS * 2 + "!#%^*_+=.-~",
}
WORDS = ("swordfish", "letmein", "dragonfly", "sunshine", "monkeywrench", "trustnoone", "princess")
BLANK = re.compile(rf"\{{({'|'.join(CLASSES)}|uuid|word):(\d+)\}}")


def lines(name: str) -> list[str]:
    """The cases of a data file, still to be filled."""
    text = (CASES / f"{name}.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def filled(template: str, seed: int = 0) -> str:
    """`template` with its blanks filled: the same characters for the same seed."""
    generator = random.Random(f"{seed} {template}")

    def fill(blank: re.Match[str]) -> str:
        name, length = blank[1], int(blank[2])
        if name == "word":
            return "".join(generator.choice(WORDS) for _ in range(length))
        if name == "uuid":
            digits = "".join(generator.choice(CLASSES["hex"]) for _ in range(32))
            return re.sub(r"(.{8})(.{4}).(.{3}).(.{3})", r"\1-\2-4\3-a\4-", digits)
        made = [generator.choice(CLASSES[name]) for _ in range(length)]
        if name == "pass":
            made[0], made[1], made[-1] = "P", "7", "w"
        return "".join(made)

    return BLANK.sub(fill, template).replace("⏎", "\n")


def parts(text: str) -> tuple[str, list[str]]:
    """A filled case as (the text itself, the secrets in it)."""
    return re.sub("[«»]", "", text), re.findall("«(.*?)»", text, re.DOTALL)


def survives(secret: str, redacted: str) -> bool:
    """Whether eight characters of the secret in a row (or all, if fewer) are still there."""
    left, width = MARKER.sub("", redacted), min(8, len(secret))
    return any(secret[i : i + width] in left for i in range(len(secret) - width + 1))


def fillings(name: str) -> Iterator[str]:
    """Every case of a data file, filled in a few ways."""
    return (filled(line, seed) for line in lines(name) for seed in range(FILLINGS_PER_CASE))


def bare_tokens() -> list[str]:
    """The cases that are nothing but a secret."""
    return [line for line in lines("secrets") if re.fullmatch("«[^«»⏎]*»", line)]


SURROUNDINGS = {
    "JSON": '{{"level": "error", "detail": "{}", "code": 401}}',
    "JSON in JSON": '{{"content": "{{\\"detail\\": \\"{}\\"}}"}}',
    "shell": "curl -fsS https://api.example.com/v1/items --data '{}' | jq .",
    "environment": "PATH=/usr/bin:/bin\nSOME_VALUE={}\nLANG=C.UTF-8",
    "traceback": '  File "app.py", line 3, in main\n    login("{}")\nValueError: {}',
    "log line": "2026-11-22T10:00:00Z ERROR api: refused {}, retrying in 2 s",
    "YAML": "service:\n  value: {}\n  port: 8080\n",
    "URL": "GET https://api.example.com/v1?value={}&page=2 HTTP/1.1",
    "escaped line feed": "first line\\n{}\\nlast line",
    "terminal colours": "\x1b[31m{}\x1b[0m",
    "prose": "I pasted `{}` into the settings (it works).",
    "percent-encoded": "redirect=%2Fhome%3Fv%3D{}",
}


def test_secrets_leave() -> None:
    """Of some 340 shapes of secrets, at least 99 % lose every eight characters in a row."""
    cases = [parts(text) for text in fillings("secrets")]
    missed = [text for text, secrets in cases if any(survives(s, redact(text)) for s in secrets)]
    assert len(lines("secrets")) >= 200
    assert all(secrets for _, secrets in cases)
    assert len(missed) <= 0.01 * len(cases), missed


def test_lookalikes_stay() -> None:
    """Of some 290 texts that hold no secret, at most 1 % are changed."""
    texts = list(fillings("lookalikes"))
    changed = [redact(text) for text in texts if redact(text) != text]
    assert len(lines("lookalikes")) >= 200
    assert len(changed) <= 0.01 * len(texts), changed


@pytest.mark.parametrize("surrounding", SURROUNDINGS)
def test_tokens_leave_any_surrounding(surrounding: str) -> None:
    """A token is found wherever agents show one, and what surrounds it stays."""
    missed = []
    for template in bare_tokens():
        token, _ = parts(filled(template))
        redacted = redact(SURROUNDINGS[surrounding].format(token, token))
        kept = SURROUNDINGS[surrounding].split("{}")[0].replace("{{", "{")
        assert redacted.startswith(kept)
        if survives(token, redacted):
            missed.append((token, redacted))
    assert len(missed) <= 0.01 * len(bare_tokens()), missed


def test_every_kind_of_the_table_is_found() -> None:
    """Each kind that data/secrets.toml names is the name of something that a case loses."""
    found = {
        kind for text in fillings("secrets") for kind in MARKER.findall(redact(parts(text)[0]))
    }
    shapes, families = TABLE["tokens"]["shapes"], TABLE["assignment"]["family"]
    assert {rule["kind"] for rule in (*shapes, *TABLE["context"], *families)} <= found


def test_the_table_says_where_its_shapes_come_from() -> None:
    """Every shape has a source of a known sort, and the table the day they were checked."""
    rules = (*TABLE["tokens"]["shapes"], *TABLE["context"], TABLE["assignment"])
    named = (*TABLE["sources"], "practice", "issuer", "syntax")
    assert TABLE["checked"] <= date.today()  # noqa: DTZ011
    assert [rule["source"] for rule in rules if not rule["source"].startswith(named)] == []


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("push with ghp_{alnum:36}.", "push with [redacted:github-token]."),
        ("x sk-ant-api03-{url:93}AA y", "x [redacted:anthropic-key] y"),
        ("AKIA{b32:16}, a1B2", "[redacted:aws-access-key], a1B2"),
        ("mysql://u:{pass:9}@h/d", "mysql://u:[redacted:url-password]@h/d"),
        ("Authorization: Bearer {alnum:40}", "Authorization: Bearer [redacted:authorization]"),
        ('"password": "{word:1}", "n": 1', '"password": "[redacted:password]", "n": 1'),
        ("DB_PASSWORD={word:1}\nDEBUG=1", "DB_PASSWORD=[redacted:password]\nDEBUG=1"),
        ("api_key: {alnum:32}", "api_key: [redacted:api-key]"),
        ("ACME_KEY={alnum:40}", "ACME_KEY=[redacted:key]"),
        ("tool --token {alnum:30} --fast", "tool --token [redacted:token] --fast"),
        ("Cookie: a={alnum:9}; b=c\r\n", "Cookie: [redacted:cookie]\r\n"),
    ],
)
def test_a_marker_says_what_was_there(template: str, expected: str) -> None:
    """The secret alone is replaced, by a marker with its kind."""
    assert redact(filled(template)) == expected


def test_findings_that_overlap_are_one() -> None:
    """A token that is also a password is replaced once, by its more telling name."""
    token = filled("glpat-{url:20}")
    assert redact(f"password={token}") == "password=[redacted:gitlab-token]"


def test_findings_that_touch_are_one() -> None:
    """A token at the edge of a wider secret does not leave two markers side by side."""
    cookie = filled("sid={alnum:20}; hub=ghp_{alnum:36}")
    assert redact(f"Cookie: {cookie}") == "Cookie: [redacted:cookie]"


def test_findings_that_reach_over_each_other_are_one() -> None:
    """Where one finding ends inside another, both leave together, named by the wider one."""
    value = filled("k9Xw2Qp7Ta4-fm2_{alnum:60},{alnum:60}")
    assert redact(f"api_key={value} end") == "api_key=[redacted:flyio-token] end"


@pytest.mark.parametrize("kept", [20, 24, 32, 48])
def test_a_token_that_was_cut_is_still_one(kept: int) -> None:
    """An excerpt that ends inside a token does not show its beginning."""
    token = filled("github_pat_{alnum:22}_{alnum:59}")
    assert redact(f"error: bad token {token[: kept + 11]}") == (
        "error: bad token [redacted:github-token]"
    )


def test_a_quote_that_was_cut_still_ends() -> None:
    """A quoted password that the excerpt cut off is replaced up to the end."""
    assert redact(filled('{"password": "{pass:12}')) == '{"password": "[redacted:password]'


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ('"passphrase": "correct horse 7battery8 staple"', True),
        ('"password": "must be at least eight long"', False),
        ('"password": " "', False),
        ("password: 2468", True),
        ("password: 2468 characters at most", False),
        ("password: 8-64", False),
        ("password: swordfish", True),
        ("password: swordfish is not good enough", False),
        ("login(password=swordfish)", False),
        ("GET /login?password=swordfish", True),
        ("password = /etc/app/password.txt", False),
        ("password=" + "*" * 12, False),
        ("password: пароль-123", True),
    ],
)
def test_a_password_is_told_from_talk_about_one(text: str, leaves: bool) -> None:
    """A weak password leaves where it can only be one; prose, code, paths and limits stay."""
    assert (redact(text) != text) is leaves


def test_markers_stay() -> None:
    """A text that was redacted elsewhere, or twice, is left alone."""
    text = "password=[redacted:password] token: [redacted:token], Authorization: [redacted]"
    assert redact(text) == text


@pytest.mark.parametrize("name", ["secrets", "lookalikes"])
def test_redacting_twice_is_redacting_once(name: str) -> None:
    """No case changes again once it has been redacted."""
    once = [redact(parts(text)[0]) for text in fillings(name)]
    assert [redact(text) for text in once] == once


FRAGMENTS = [
    *(parts(filled(line))[0] for line in lines("secrets")),
    *(filled(line) for line in lines("lookalikes")),
    *("password", "token", "secret", "api_key", "auth", "--password", "Cookie: ", "Bearer "),
    *("=", ":", " ", "\n", '"', "'", "\\", "\\n", ",", ";", "@", "://", "[", "]", "{", "}", "$"),
    *("[redacted:token]", "[redacted:", "é", "\ud800", "\x00", "•••", "x"),
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join))
def test_any_mixture_is_redacted_once_and_for_all(text: str) -> None:
    """Whatever stands side by side, redacting again changes nothing."""
    once = redact(text)
    assert redact(once) == once


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_taken(text: str) -> None:
    """Lone surrogates, control characters and the like raise nothing and are not lost."""
    assert redact(text) == text or MARKER.search(redact(text))


@given(st.text(alphabet=f"{LETTERS} .,;!?\n", max_size=300))
def test_plain_words_stay(text: str) -> None:
    """A text without digits, signs or names of secrets is returned as it is."""
    harmless = re.sub("(?i)bearer|basic|phrase|mnemonic|cookie", "", text)
    assert redact(harmless) == harmless


def test_a_long_secret_leaves_whole() -> None:
    """A value is replaced to its end, however long it is."""
    assert redact(filled("SECRET={alnum:100000} next")) == "SECRET=[redacted:secret] next"


@pytest.mark.parametrize(
    "hostile",
    ["token=", 'password="', "://a:b@", "-----BEGIN PRIVATE KEY-----", "--password ", "\\", "Qa1"],
)
def test_a_secret_behind_hostile_text_leaves(hostile: str) -> None:
    """Repetition that would drown a backtracking pattern hides nothing behind it."""
    secret = filled("ghp_{alnum:36}")
    assert secret not in redact(f"{hostile * 2000}\n{secret}")
