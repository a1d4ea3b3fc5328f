"""What failed, what an assistant shows, and how patterns are configured."""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog import signals
from tachlog.model import BEHAVIORS, ERROR_CLASSES
from tachlog.signals.patterns import PatternSet

ANY_TEXT = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "<tool_use_error>String to replace not found in file.\nString: 401</tool_use_error>",
            "edit_conflict",
        ),
        ("<tool_use_error>Found 3 matches of the string to replace, but …", "edit_conflict"),
        ("<tool_use_error>File has been modified since read, either by …", "edit_conflict"),
        (
            "apply_patch verification failed: Error: Failed to find expected lines in a.py",
            "edit_conflict",
        ),
        ("<tool_use_error>File does not exist. Did you mean a.py?</tool_use_error>", "not_found"),
        ("<tool_use_error>Path does not exist: /a/b</tool_use_error>", "not_found"),
        ("<tool_use_error>Error: No such tool available: Foo</tool_use_error>", "not_found"),
        ("Agent type 'explorer' not found. Available agents: a, b", "not_found"),
        ("ENOENT: no such file or directory, access '/a'", "not_found"),
        ("<tool_use_error>File has not been read yet. Read it first …", "validation"),
        ("<tool_use_error>InputValidationError: Read failed due to …", "validation"),
        ("No changes to make: old_string and new_string are exactly the same.", "validation"),
        ("EISDIR: illegal operation on a directory, read", "validation"),
        ("File content (31234 tokens) exceeds maximum allowed tokens (25000)", "validation"),
        ("Permission to use Bash with command rm has been denied.", "permission_denied"),
        (
            "Claude requested permissions to write to /etc, but you haven't granted it",
            "permission_denied",
        ),
        ("Remove-Item on system path 'A:' is blocked.", "permission_denied"),
        ("Denied by preToolUse hook", "permission_denied"),
        ("Command timed out after 2m 0.0s", "timeout"),
        ("Request failed with status code 404", "not_found"),
        ("Request failed with status code 403", "auth_failure"),
        ("Request failed with status code 418", "validation"),
        ("MCP error -32001: Request timed out", "timeout"),
        ("connect ECONNREFUSED 127.0.0.1:5432", "network"),
        ("rate limit, slow down", "rate_limit"),
        ("unauthorized", "auth_failure"),
        ("schema validation failed", "validation"),
        ("deadline passed", "timeout"),
        ("the network is down", "network"),
        ("tool failed", "tool_error"),
        ("something odd", "tool_error"),
        ("", "tool_error"),
    ],
)
def test_the_words_of_a_tool_name_the_class(text, found):
    """An error of a tool without an exit code is told by what the agent or the tool says."""
    assert signals.error_class(text, tool=True) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}', "overloaded"),
        ('API Error: 429 {"type":"error","error":{"type":"rate_limit_error"}}', "rate_limit"),
        ('API Error: 500 {"type":"error","error":{"type":"api_error"}}', "server_error"),
        ("API Error: 502 Bad Gateway", "server_error"),
        ("API Error: 401 OAuth token has expired · Please run /login", "auth_failure"),
        ("API Error: 400 messages.1: bad block", "validation"),
        ("API Error: 400 prompt is too long: 210000 tokens > 200000", "context_overflow"),
        ("Prompt is too long", "context_overflow"),
        ("This model's maximum context length is 128000 tokens", "context_overflow"),
        ("You've hit your limit · resets 8am (UTC)", "rate_limit"),
        ("Claude AI usage limit reached|1760000000", "rate_limit"),
        ("Credit balance is too low", "rate_limit"),
        ("API Error (Connection error.)", "network"),
        ("Request timed out", "timeout"),
        ("", "unknown"),
        ("Something went wrong", "unknown"),
    ],
)
def test_the_words_of_an_api_name_the_class(text, found):
    """A failed model call is told by its words; unknown is what is left."""
    assert signals.error_class(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Exit code 1", "command_failed"),
        ("Exit code 1\nsomething broke", "command_failed"),
        ("Exit code 1\nError: connect ECONNREFUSED 127.0.0.1:3000", "network"),
        ("Exit code 6\ncurl: (6) Could not resolve host: x.example", "network"),
        ("Exit code 128\nfatal: could not read Username for 'https://x': …", "auth_failure"),
        ("Exit code 1\ngh: API rate limit exceeded for user", "rate_limit"),
        ("Exit code 127\n(eval):1: command not found: docker", "not_found"),
        ("Exit code 127", "not_found"),
        ("Exit code 126\nbash: ./x: Permission denied", "permission_denied"),
        ("Exit code 2\nls: a: No such file or directory", "not_found"),
        ("Exit code 128\nfatal: pathspec 'x' did not match any files", "not_found"),
        ("Exit code 1\nModuleNotFoundError: No module named 'x'", "not_found"),
        ("Exit code 1\n(eval):1: no matches found: docs/*.rst", "not_found"),
        ("Exit code 1\nzsh:1: no matches found: api/items?page=2", "validation"),
        ("Exit code 1\njq not found\n", "not_found"),
        ("Exit code 1\nerror: label 'x' not found\n", "not_found"),
        ("Exit code 1\nerror: unknown rules: 'a,b'", "validation"),
        ("Exit code 128\nfatal: a tag named 'v2' already exists", "validation"),
        ("Exit code 2\n@@: command not found\nsyntax error near unexpected token", "validation"),
        ("Exit code 1\nFailed to find expected lines in a.py:\n  x = 1", "edit_conflict"),
        ("Exit code 1\nssh: connect to host x port 22: Operation timed out", "network"),
        ("Exit code 1\n< HTTP/2 500 Internal Server Error", "server_error"),
        ('Exit code 1\n{"message":"Unauthorized","statusCode":401}', "auth_failure"),
        ("Exit code 2\na.ts(3,1): error TS2307: Cannot find module './b'", "command_failed"),
        ("Exit code 1\n--- FAIL: TestWait (2s)\n  timed out after 2s", "command_failed"),
        ("Exit code 1\nAssertionError: user not found in list", "command_failed"),
        (
            "Exit code 1\nGraphQL: Could not resolve to a Repository with the name 'a/b'",
            "not_found",
        ),
        ("Exit code 1\nCONFLICT (content): Merge conflict in a.py", "edit_conflict"),
        ("Exit code 1\n ! [rejected] main -> main (fetch first)", "edit_conflict"),
        ("Exit code 1\nrm: a: Permission denied", "permission_denied"),
        ("Exit code 2\nbash: -c: line 1: syntax error near unexpected token `('", "validation"),
        ("Exit code 1\nerror: unknown option '--foo'", "validation"),
        ("Exit code 124", "timeout"),
        ("Exit code 124\nconnect ECONNREFUSED", "timeout"),
        ("Exit code 143\nCommand timed out after 2m 0.0s", "timeout"),
        ("Exit code 137", "timeout"),
        ("Exit code 137\nconnect ECONNREFUSED 127.0.0.1:3000", "network"),
        ("Exit code 1\nthe author said 401 times: invalid schema, timeout", "command_failed"),
        ("Exit code 1\nString to replace not found in file", "command_failed"),
    ],
)
def test_the_output_of_a_command_is_searched_for_what_failures_say(text, found):
    """Behind an exit code only tell-tale lines count, since output may speak of anything."""
    assert signals.error_class(text, tool=True) == found


def test_the_ends_of_a_long_output_are_searched():
    """What stands in the middle of a long output is not looked at, what stands at its end is."""
    filler = "x\n" * 2000
    sign = "connect ECONNREFUSED 127.0.0.1:3000"
    assert signals.error_class(f"Exit code 1\n{filler}{sign}", tool=True) == "network"
    assert signals.error_class(f"Exit code 1\n{filler}{sign}\n{filler}") == "command_failed"


@pytest.mark.parametrize(
    ("status", "error_type", "text", "found"),
    [
        (429, None, "", "rate_limit"),
        (429, None, "prompt is too long", "rate_limit"),
        (402, None, "", "rate_limit"),
        (401, None, "connection refused", "auth_failure"),
        (403, None, "", "auth_failure"),
        (404, None, "", "not_found"),
        (408, None, "", "timeout"),
        (524, None, "", "timeout"),
        (400, None, "", "validation"),
        (400, None, "Prompt is too long", "context_overflow"),
        (400, None, "Your credit balance is too low", "rate_limit"),
        (413, None, "", "context_overflow"),
        (500, None, "", "server_error"),
        (500, None, "Overloaded", "overloaded"),
        (503, None, "", "overloaded"),
        (529, None, "", "overloaded"),
        (200, None, "rate limited", "rate_limit"),
        (None, "overloaded_error", "", "overloaded"),
        (None, "rate_limit_error", "timeout", "rate_limit"),
        (None, "RateLimitError", "", "rate_limit"),
        (None, "authentication_error", "", "auth_failure"),
        (None, "authentication_failed", "", "auth_failure"),
        (None, "invalid_request_error", "", "validation"),
        (None, "invalid_request", "prompt is too long: 3 > 2", "context_overflow"),
        (None, "ENOENT", "", "not_found"),
        (None, "ECONNREFUSED", "", "network"),
        (None, "billing_error", "", "rate_limit"),
        (None, "ShellError", "", "command_failed"),
        (None, "ShellError", "connect ECONNREFUSED", "network"),
        (None, "edit_no_occurrence_found", "", "edit_conflict"),
        (None, "TIMEOUT", "", "timeout"),
        (None, "error", "", "unknown"),
        (None, "", "", "unknown"),
        (None, "never heard of", "Overloaded", "overloaded"),
        (529, "invalid_request_error", "", "overloaded"),
    ],
)
def test_structured_facts_decide_before_the_text(status, error_type, text, found):
    """A status, then an error type, decides; the text only makes a broad one more exact."""
    assert signals.error_class(text, status=status, error_type=error_type) == found


@pytest.mark.parametrize("found", [name for name in ERROR_CLASSES if name != "unknown"])
def test_a_class_named_as_error_type_is_that_class(found):
    """A log that uses our names is taken at its word."""
    assert signals.error_class("", error_type=found) == found


@given(
    ANY_TEXT,
    st.none() | st.integers(),
    st.none() | ANY_TEXT,
    st.none() | st.integers(),
    st.booleans(),
)
def test_any_error_has_a_class(text, status, error_type, exit_code, tool):
    """No text, status, type or code raises, and each gives one of the classes."""
    assert (
        signals.error_class(
            text, status=status, error_type=error_type, exit_code=exit_code, tool=tool
        )
        in ERROR_CLASSES
    )


def test_real_errors_of_tools_are_named(corpus_dir: Path):
    """Of the real errors of tools that no person caused, nearly all have a telling class."""
    named, left = 0, []
    for path in corpus_dir.glob("claude-code/*/**/*.jsonl"):
        if "/shape-" in str(path):
            continue
        for text in _tool_errors(path):
            if "user doesn't want to" in text or "Sibling tool call" in text:
                continue
            if signals.error_class(text, tool=True) in ("tool_error", "unknown"):
                left.append(text[:80])
            else:
                named += 1
    assert named > 100
    assert len(left) <= 0.08 * named, left


def _tool_errors(path):
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if '"is_error":true' not in line:
            continue
        try:
            content = json.loads(line)["message"]["content"]
        except (ValueError, KeyError):
            continue
        for block in content:
            if block.get("is_error") and isinstance(block.get("content"), str):
                yield block["content"]


def shown(text):
    """Return the names of the behaviours that a text shows."""
    mask = signals.behaviors(text)
    return [name for bit, name in enumerate(BEHAVIORS) if mask >> bit & 1]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Let me retry.", ["retry"]),
        ("My second ATTEMPT", ["retry"]),
        ("I'll use the ripgrep fallback instead", ["fallback"]),
        ("It is unclear what you mean, could you clarify?", ["clarification"]),
        ("I'm searching, looking, finding", ["exploration"]),
        ("Retrying: an alternative for an ambiguous thing; Looking …", list(BEHAVIORS)),
        ("All done.", []),
        ("", []),
        ("日本語 retry", ["retry"]),
    ],
)
def test_words_show_behaviors(text, names):
    """A behaviour is shown by its words in any letter case, and any number of them at once."""
    assert shown(text) == names


@given(ANY_TEXT)
def test_any_text_shows_a_mask_of_behaviors(text):
    """No text raises, and no bit is set that stands for nothing."""
    assert 0 <= signals.behaviors(text) < 1 << len(BEHAVIORS)


@pytest.fixture
def shipped_patterns():
    """Put the shipped patterns back after a test that configured others."""
    yield
    signals.configure()


@pytest.mark.usefixtures("shipped_patterns")
def test_a_users_patterns_stand_beside_the_shipped_ones():
    """Configured patterns name errors before the shipped ones do, and add to behaviours."""
    signals.configure({"auth_failure": ["vault sealed"]}, {"clarification": ["which one"]})
    assert signals.error_class("Exit code 1\nconnection refused: Vault Sealed") == "auth_failure"
    assert signals.error_class("Exit code 1\nconnection refused") == "network"
    assert shown("Which one, retry?") == ["retry", "clarification"]


@pytest.mark.parametrize(
    ("errors", "behaviors", "message"),
    [
        ({"nonsense": ["x"]}, {}, "'nonsense' is none of rate_limit, timeout"),
        ({}, {"laziness": ["x"]}, "'laziness' is none of retry, fallback"),
        ({"timeout": ["("]}, {}, r"not a regular expression of RE2: '\('"),
        ({}, {"retry": ["(?=a)(a+)+$"]}, "look-around and back-references are none"),
        ({}, {"retry": [r"(\w+) \1"]}, "look-around and back-references are none"),
    ],
)
def test_what_cannot_be_configured_is_refused_by_name(errors, behaviors, message):
    """An unknown name or a broken expression is refused with its name, and nothing changes."""
    with pytest.raises(ValueError, match=message):
        signals.configure(errors, behaviors)
    assert signals.error_class("Overloaded") == "overloaded"


def test_workers_get_the_users_patterns_as_their_initializer():
    """A pool whose initializer is `configure` classifies with the user's patterns."""
    with ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signals.configure,
        initargs=({"overloaded": ["llama is tired"]}, {}),
    ) as pool:
        assert pool.submit(signals.error_class, "llama is tired").result(60) == "overloaded"
    assert signals.error_class("llama is tired") == "unknown"


def test_patterns_are_told_apart_by_their_position():
    """Positions are those of the list, in order."""
    patterns = PatternSet(["b", "ac", "é", "zz"])
    assert list(patterns.positions("aB acÉ".encode())) == [0, 1, 2]
    assert list(patterns.positions(b"")) == []


def test_rows_carry_the_version_of_the_signals():
    """The version is a positive number."""
    assert signals.VERSION >= 1
