"""Exit codes are read as agents write them, and some of them say no."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog import signals
from tachlog.verdicts import outcome

ANY_TEXT = st.text(st.characters(codec=None))


def bash(command):
    """Return the target of a shell call."""
    return signals.target("Bash", json.dumps({"command": command}).encode())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Exit code 127\nbash: x: command not found", 127),
        ("Exit code 1", 1),
        ("Error: Exit code 2\nx", 2),
        ("Chunk ID: 5\nWall time: 0.1 seconds\nProcess exited with code 3\nOutput:\nx", 3),
        ("Command: x\nOutput: y\nExit Code: 4\nSignal: 0", 4),
        ("some output\n\n\nCommand exited with code 5", 5),
        ("out\n<shellId: 7 completed with exit code 6>", 6),
        ("[The command completed with exit code 8.]", 8),
        ("Exit code -1", -1),
        ("make: *** [test] Error 2\nexit status 1", None),
        ("we talked about Exit code 3", None),
        ("The process exited with code 3 yesterday" + " and more" * 60, None),
        ("all fine", None),
        ("", None),
    ],
)
def test_an_exit_code_is_read_as_agents_write_it(text, code):
    """Only the places and words in which agents tell an exit code count."""
    assert signals.exit_code(text) == code


@given(ANY_TEXT)
def test_any_text_has_an_exit_code_or_none(text):
    """No text raises."""
    assert isinstance(signals.exit_code(text), int | None)


def ended(command, code, *, output_empty=True, reported="error"):
    """Return the outcome of a command that ended with an exit code."""
    found = bash(command)
    return outcome(found.no_kind, found.no_codes, reported, code, output_empty)


@pytest.mark.parametrize(
    ("command", "code", "empty", "outcome"),
    [
        ("grep -rn foo src", 1, True, "expected_negative"),
        ("grep -rn foo src", 2, False, "error"),
        ("cd src && grep -rn foo .", 1, True, "expected_negative"),
        ("cd nowhere && grep -rn foo .", 1, False, "error"),
        ("echo '--- a ---'; rg foo", 1, False, "expected_negative"),
        ("echo '--- a ---' && rg foo", 1, False, "expected_negative"),
        ("grep -q foo a && echo found", 1, True, "expected_negative"),
        ("make install; grep foo a", 1, False, "expected_negative"),
        ("test -f x; grep foo a", 1, False, "error"),
        ("git pull && grep foo a", 1, False, "error"),
        ("diff a b", 1, False, "expected_negative"),
        ("diff a b", 2, False, "error"),
        ("test -f x", 1, True, "expected_negative"),
        ("[ -f x ]", 1, True, "expected_negative"),
        ("[[ -f x ]] && ls", 1, True, "error"),
        ("cmp a b", 1, True, "expected_negative"),
        ("which docker", 1, True, "expected_negative"),
        ("command -v docker", 1, True, "expected_negative"),
        ("pgrep -f server", 1, True, "expected_negative"),
        ("git diff --exit-code", 1, False, "expected_negative"),
        ("git diff", 1, False, "error"),
        ("git rev-parse -q --verify HEAD~9", 1, True, "expected_negative"),
        ("git rev-parse HEAD", 1, True, "error"),
        ("git merge-base --is-ancestor a b", 1, True, "expected_negative"),
        ("git check-ignore x", 1, True, "expected_negative"),
        ("git ls-files --error-unmatch x", 1, True, "expected_negative"),
        ("systemctl is-active x", 3, True, "expected_negative"),
        ("ls | xargs grep foo", 123, True, "error"),
        ("xargs grep foo < list", 1, True, "error"),
        ("pytest -q", 1, False, "check_failed"),
        ("pytest -q", 2, False, "check_failed"),
        ("pytest -q", 3, False, "error"),
        ("python3.12 -m pytest", 1, False, "check_failed"),
        ("uv run pytest", 1, False, "check_failed"),
        ("npm test", 1, False, "check_failed"),
        ("npm run lint:fix", 2, False, "check_failed"),
        ("npm run start", 1, False, "error"),
        ("npm install", 1, False, "error"),
        ("pnpm --filter web typecheck", 1, False, "check_failed"),
        ("yarn jest", 1, False, "check_failed"),
        ("yarn biome check", 1, False, "check_failed"),
        ("pnpm prettier --check .", 1, False, "check_failed"),
        ("bun mocha", 1, False, "check_failed"),
        ("npx tsc --noEmit", 2, False, "check_failed"),
        ("npx -y playwright test", 1, False, "check_failed"),
        ("hatch run test", 1, False, "check_failed"),
        ("go test ./...", 1, False, "check_failed"),
        ("cargo test", 101, False, "check_failed"),
        ("cargo clippy -- -D warnings", 101, False, "check_failed"),
        ("cargo test", 102, False, "error"),
        ("cargo test", 1, False, "error"),
        ("ruff check .", 1, False, "check_failed"),
        ("eslint .", 2, False, "error"),
        ("make -C web lint test", 2, False, "check_failed"),
        ("make deploy", 2, False, "error"),
        ("./gradlew clean :app:test", 1, False, "check_failed"),
        ("mvn -q test", 1, False, "check_failed"),
        ("mise run test:integration", 1, False, "check_failed"),
        ("node --test", 1, False, "check_failed"),
        ("python manage.py test", 1, False, "check_failed"),
        ("python manage.py migrate", 1, False, "error"),
        ("cd a && export B=1 && pytest && git push", 1, False, "check_failed"),
        ("npm run fmt && npm run lint && npm start", 1, False, "check_failed"),
        ("git pull && pytest && git push", 1, False, "error"),
        ("git pull && pytest", 1, False, "check_failed"),
        ("pytest | tail -5", 1, False, "error"),
        ("set -o pipefail; pytest | tail -5", 1, False, "check_failed"),
        ("set -euo pipefail\ncat a | tail -5", 1, False, "error"),
        ("pytest; git status", 1, False, "error"),
        ("git status; pytest", 1, False, "check_failed"),
        ("pytest || true", 1, False, "error"),
        ("foo || pytest", 1, False, "check_failed"),
        ("timeout 60 pytest", 124, False, "error"),
        ("timeout 60 pytest", 1, False, "check_failed"),
        ("bash -lc 'cd a && pytest'", 1, False, "check_failed"),
        ("pytest", None, False, "error"),
        ("pytest", 0, False, "error"),
        ("rm x", 1, False, "error"),
    ],
)
def test_some_exit_codes_say_no_and_not_failed(command, code, empty, outcome):
    """What a code means is decided by the command that decides the line, and by its silence."""
    assert ended(command, code, output_empty=empty) == outcome


@pytest.mark.parametrize("reported", ["success", "user_rejected", "user_interrupted", "unfinished"])
def test_only_errors_are_decided_again(reported):
    """What the log reports otherwise stays."""
    assert ended("pytest", 1, reported=reported) == reported


def test_an_error_without_a_target_stays():
    """A call of which nothing is known keeps its outcome."""
    assert outcome(None, 0, "error", 1, True) == "error"


def test_a_mask_of_exit_codes_fits_an_sql_integer():
    """Code 101 has a bit of its own below the sign bit."""
    codes = bash("cargo test").no_codes
    assert 0 < codes < 1 << 63
