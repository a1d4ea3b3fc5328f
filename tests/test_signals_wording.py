"""What is kept of a text: a fingerprint, an excerpt, a title."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog import signals
from tachlog.redact import redact

ANY_TEXT = st.text(st.characters(codec=None))
TOKEN = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2eF4hJ6"
SECRETS = [
    TOKEN,
    "sk-ant-"
    + "api03-"
    + "q8Zr2Lw5Xc7Vb9Nm4Kj1Hg6Fd3Sa0PoIuYtReWq-q8Zr2Lw5Xc7Vb9Nm4Kj1Hg6Fd3Sa0PoIuYtReWqAA",
    "AKIA" + "QWERTZ7UIOPAS2DF",
    "glpat-" + "x9Kq3Lm7Rt2Vw5Yz8Bn4",
]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Exit code 1\nfailed after 12.5 s", "Exit code 2\nfailed after 7 s"),
        ("No such file: /home/a/x.py", "No such file: /srv/b/y/z.py"),
        ("No such file: C:\\a\\x.py", "No such file: D:\\b\\y.py"),
        ("cannot find 'foo'", 'cannot find "bar baz"'),
        ("cannot find `foo bar`.", "cannot find “x”."),
        ("at 2026-11-22T10:00:00Z: timeout", "at 2025-01-02T03:04:05.678Z: timeout"),
        ("GET https://a.example/x?y=1 failed", "GET http://b.example failed"),
        ("id 8f14e45f-ceea-467f-a0e6-d3b1c2f4a5b6 gone", "id 0a1b2c3d gone"),
        ("Error: it broke", "error:  it\nBROKE"),
        ("\x1b[31mError:\x1b[0m it broke", "Error: it broke"),
        (
            "<tool_use_error>String to replace not found\nString: a b",
            "<tool_use_error>String to replace not found\nString: c",
        ),
        ("x " * 200 + "tail one", "x " * 200 + "another end"),
        (
            'API Error: 429 {"error":{"type":"rate_limit_error"},"request_id":"req_011A"}',
            'API Error: 429 {"error":{"type":"rate_limit_error"},"request_id":"req_022B"}',
        ),
    ],
)
def test_the_same_failure_elsewhere_has_the_same_fingerprint(one, other):
    """Numbers, times, ids, paths, addresses, quoted names and colours do not count."""
    assert signals.fingerprint(one) == signals.fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("File does not exist", "File has not been read yet"),
        ("connection refused", "connection reset"),
        ("don't touch it's end", "don't touch it's start"),
        ('API Error: 500 {"type":"api_error"}', 'API Error: 529 {"type":"overloaded_error"}'),
        ("", "x"),
    ],
)
def test_different_failures_have_different_fingerprints(one, other):
    """The words count."""
    assert signals.fingerprint(one) != signals.fingerprint(other)


@given(ANY_TEXT)
def test_any_text_has_a_fingerprint(text):
    """No text raises, and a fingerprint fits an SQL integer."""
    assert 0 <= signals.fingerprint(text) < 1 << 63


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short", 200, "short"),
        ("", 200, ""),
        ("  a\n\n\tb   c ", 200, "a b c"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07plain\x9b2K", 200, "red plain"),
        ("a\x00b\x07c\x7f\u200bd\ufeff\u202e", 200, "abcd"),
        ("lone \ud800 end", 200, "lone end"),
        ("one two three four", 12, "one two…"),
        ("one two, three", 9, "one two…"),
        ("unbreakable" * 10, 20, ("unbreakable" * 2)[:19] + "…"),
    ],
)
def test_an_excerpt_is_one_clean_line(text, limit, expected):
    """Escapes and control characters are gone, white space is folded, the end is at a word."""
    assert signals.excerpt(text, limit) == expected


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("before", [0, 150, 185, 195, 199])
def test_no_secret_is_in_an_excerpt_wherever_it_is_cut(secret, before):
    """A secret that the limit would cut in two does not show its beginning."""
    text = "x " * (before // 2) + secret + " end" * 100
    shown = signals.excerpt(text)
    assert secret[:12] not in shown
    assert len(shown) <= 200


def test_a_secret_cannot_hide_behind_escapes():
    """Colours and invisible characters inside a secret are removed before it is looked for."""
    hidden = f"token \x1b[1m{TOKEN[:9]}\x1b[0m{TOKEN[9:20]}\u200b{TOKEN[20:]}"
    assert TOKEN[:9] not in signals.excerpt(hidden)


def test_a_secret_behind_the_window_is_not_shown():
    """Where white space brings the end of what was looked at near, its last word is dropped."""
    text = "a" + " " * 1490 + TOKEN
    shown = signals.excerpt(text)
    assert TOKEN[:6] not in shown
    assert shown.endswith("…")


@given(ANY_TEXT, st.sampled_from(SECRETS), ANY_TEXT, st.integers(10, 300))
def test_an_excerpt_never_holds_what_redaction_removes(before, secret, after, limit):
    """Redacting an excerpt again changes nothing, and it keeps its limit."""
    shown = signals.excerpt(f"{before} {secret} {after}", limit)
    assert secret not in shown
    assert len(shown) <= limit
    assert redact(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fix the login page", "Fix the login page"),
        ("# Plan\n\nAdd  a\nbutton", "Plan Add a button"),
        ("<system-reminder>be nice</system-reminder>\nDo it", "Do it"),
        ("<system-reminder>x</system-reminder><ide_opened_file>y</ide_opened_file> Do it", "Do it"),
        ("<local-command-caveat>Caveat: …</local-command-caveat>", None),
        ("<command-name>/clear</command-name>\n <command-message>clear</command-message>", None),
        (
            "<command-message>review</command-message>\n<command-name>/review</command-name>\n"
            "<command-args>this branch</command-args>",
            "/review this branch",
        ),
        ("<command-name>/x</command-name><command-args> </command-args>", None),
        ("<command-args>alone</command-args>", "alone"),
        ("<local-command-stdout>Bye!</local-command-stdout>", None),
        ("<task-notification>\n<task-id>1</task-id>", None),
        ("<objective>\nAdd a <b>button</b>\n</objective>", "Add a button"),
        ("<bash-input>git status</bash-input>", "git status"),
        (
            "Caveat: The messages below were generated by the user while running local commands. x",
            None,
        ),
        ("[Request interrupted by user for tool use]", None),
        ("This session is being continued from a previous conversation that ran out", None),
        ("[Image #1] what is this?", "what is this?"),
        ("[Image #1]", None),
        ("look at [Pasted text #2 +31 lines] please", "look at please"),
        ("# AGENTS.md instructions for /a\n…", None),
        ("- [ ] a task", "[ ] a task"),
        ("a < b and c > d", "a < b and c > d"),
        ("…", None),
        ("", None),
        (f"use {TOKEN} now", None),
    ],
)
def test_a_title_is_the_first_words_of_the_person(text, expected):
    """What agents put around a prompt is skipped; nothing is left of what no person wrote."""
    found = signals.title(text)
    if TOKEN in text:
        assert found.startswith("use ")
        assert found.endswith(" now")
        assert TOKEN[:8] not in found
    else:
        assert found == expected


def test_a_title_is_short():
    """A title ends at a word within its limit."""
    found = signals.title("many words " * 50, limit=40)
    assert found == "many words many words many words many…"


@given(
    ANY_TEXT
    | st.lists(st.sampled_from(["<a>", "</a>", "<command-name>", "[Image", "]", "x", "<"])).map(
        "".join
    )
)
def test_any_prompt_has_a_title_or_none(text):
    """No text raises; a title is never empty, never long, and valid UTF-8."""
    found = signals.title(text)
    assert found is None or 0 < len(found) <= 80
    (found or "").encode()


def test_a_title_has_no_secret_that_its_tags_hide():
    """Tags inside a secret do not keep it from being seen."""
    assert TOKEN not in (signals.title(f"{TOKEN[:10]}<b>{TOKEN[10:]}") or "")
