"""What a session was called, who started it and how it ended come from its log alone."""

import pytest

from sessions_by_hand import Told
from tachlog.metrics.facts import first_told, kind_of, last_told, outcome_reasons, title_of
from tachlog.metrics.timing import timeline_of
from tachlog.model import Outcome, Target

TEST = Target("command", "npm test", 1, "check_failed", 0b10)


def reasons(told: Told) -> list[str]:
    """Return how a session ended."""
    session = told.session()
    return outcome_reasons(session, timeline_of(session).uses)


def test_the_persons_title_comes_first() -> None:
    """The latest title of the person wins, then the agent's latest, then the first prompt's."""
    told = Told()
    assert title_of(told.session()) is None
    told.mark(5, "title.prompt", "later words")
    told.mark(1, "title.prompt", "first words")
    assert title_of(told.session()) == "first words"
    told.mark(3, "title.ai", "Newer of the agent")
    told.mark(2, "title.ai", "Older of the agent")
    assert title_of(told.session()) == "Newer of the agent"
    told.mark(4, "title.custom", "Mine")
    told.mark(6, "title.custom", "Mine, renamed")
    assert title_of(told.session()) == "Mine, renamed"


def test_facts_are_told_first_or_last() -> None:
    """Where an agent began and where it ended are both to be had; an untold fact is None."""
    told = Told()
    told.mark(2, "cwd", "/shop/api")
    told.mark(1, "cwd", "/shop")
    session = told.session()
    assert (first_told(session, "cwd"), last_told(session, "cwd")) == ("/shop", "/shop/api")
    assert (first_told(session, "branch"), last_told(session, "branch")) == (None, None)


@pytest.mark.parametrize(
    ("entrypoints", "kind"),
    [
        ([], "interactive"),
        (["cli"], "interactive"),
        (["claude-vscode"], "interactive"),
        (["sdk-cli"], "headless"),
        (["sdk-py"], "headless"),
        (["exec"], "headless"),
        (["sdk-cli", "cli"], "interactive"),
    ],
)
def test_the_entrypoint_tells_the_kind(entrypoints: list[str], kind: str) -> None:
    """A session is headless when all that the log names of its starts had no person."""
    told = Told()
    for when, entrypoint in enumerate(entrypoints):
        told.mark(when, "entrypoint", entrypoint)
    assert kind_of(told.session()) == kind


def test_a_thread_with_a_parent_is_a_sub_agent() -> None:
    """A sub-agent is one however its parent was started."""
    told = Told(parent="s0")
    told.mark(0, "entrypoint", "sdk-cli")
    assert kind_of(told.session()) == "sub-agent"


def test_a_session_of_which_nothing_more_is_known_was_left() -> None:
    """Without a commit, a check, a limit or an interruption the person just left."""
    told = Told()
    told.prompt(0)
    told.reply(1)
    assert reasons(told) == ["left"]


def test_what_was_produced_comes_before_how_it_stopped() -> None:
    """All reasons are told; the outcome is the first of them."""
    told = Told()
    told.reply(1)
    told.tool(2, 3, target=TEST)
    told.mark(4, "commit", "1a2b3c4")
    told.mark(5, "pull_request", "https://example.com/7")
    told.mark(6, "limit", "resets 8am")
    told.mark(7, "interrupted", "7")
    assert reasons(told) == [
        "pull_request_opened",
        "commit_made",
        "limit_hit",
        "interrupted",
        "check_passed",
    ]


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("git commit", "success", "commit_made"),
        ("git add && git commit && git push", "success", "commit_made"),
        ("gh pr create", "success", "pull_request_opened"),
        ("git commit", "error", "left"),
        ("git commit-graph", "success", "left"),
        ("gh pr view", "success", "left"),
    ],
)
def test_commands_that_worked_tell_what_was_produced(
    name: str, outcome: Outcome, reason: str
) -> None:
    """A commit or a pull request made by a command counts when the command succeeded."""
    told = Told()
    told.tool(0, 1, "Bash", outcome, target=Target("command", name, 1))
    told.tool(2, 3, "Write", target=Target("file", "git commit", 2))
    assert reasons(told) == [reason]


@pytest.mark.parametrize(("mark", "reason"), [("limit", "limit_hit"), ("interrupted",) * 2])
def test_a_session_that_went_on_did_not_end_so(mark: str, reason: str) -> None:
    """A limit or an interruption counts while no reply came after the last of them."""
    told = Told()
    told.reply(1)
    told.mark(2, mark, "first")
    assert reasons(told) == [reason]
    told.reply(3)
    assert reasons(told) == ["left"]
    told.mark(4, mark, "second")
    assert reasons(told) == [reason]


@pytest.mark.parametrize(
    ("outcome", "exit_code", "reason"),
    [
        ("success", 0, "check_passed"),
        ("error", 1, "check_failed"),
        ("error", 127, "check_failed"),
        ("user_rejected", None, "check_passed"),
        ("unfinished", None, "check_passed"),
    ],
)
def test_the_last_check_that_ended_decides(
    outcome: Outcome, exit_code: int | None, reason: str
) -> None:
    """Of several checks the last that ran to an end says whether the work was good."""
    told = Told()
    told.tool(0, 1, "Bash", "error", target=TEST, exit_code=1)
    told.tool(2, 3, "Bash", target=TEST, exit_code=0)
    told.tool(4, 5, "Bash", outcome, target=TEST, exit_code=exit_code)
    told.tool(6, 7, "Bash", "error")
    assert reasons(told) == [reason]
