"""What a session was and how it ended, as its log tells: title, kind, outcome, where it ran.

Rules: docs/design.md, "The nouns" (kind and outcome of a session), checked 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tachlog.operations import ToolUse
from tachlog.sessions import Session

HEADLESS_ENTRYPOINTS = frozenset({"-p", "exec", "codex_exec", "headless"})
"""Ways to start an agent without a person, beside `sdk-cli`, `sdk-py`, `sdk-ts` … (seen in
logs)."""


COMMITTING = frozenset({"git commit", "jj commit", "sl commit", "hg commit"})
PROPOSING = frozenset({"gh pr create", "glab mr create", "hub pull-request", "az repos pr create"})
"""Commands that make a commit, and that open a pull request, when they succeed (their manuals)."""


def title_of(session: Session) -> str | None:
    """The latest title that the person gave, else the agent's, else the first prompt's words."""
    for name in ("title.custom", "title.ai"):
        if titles := session.told(name):
            return titles[-1]
    return first_told(session, "title.prompt")


def first_told(session: Session, name: str) -> str | None:
    """The value of a mark that was told first."""
    spans = session.marks.get(name, {})
    return min(spans, key=lambda value: (spans[value].first_us, value), default=None)


def last_told(session: Session, name: str) -> str | None:
    """The value of a mark that was told last."""
    values = session.told(name)
    return values[-1] if values else None


def kind_of(session: Session) -> str:
    """What kind of session it is: `sub-agent`, `headless` or `interactive`.

    Headless when every entrypoint that the log names starts the agent without a person.
    """
    if session.thread.sidechain:
        return "sub-agent"
    entrypoints = session.marks.get("entrypoint", {})
    headless = [e.startswith("sdk") or e in HEADLESS_ENTRYPOINTS for e in entrypoints]
    return "headless" if headless and all(headless) else "interactive"


def outcome_reasons(session: Session, uses: Sequence[ToolUse]) -> list[str]:
    """Say in every way how a session ended, the most telling first: that one is its outcome.

    What it produced comes before how it stopped, and how it stopped before what its checks said:
    `pull_request_opened`, `commit_made`, `limit_hit`, `interrupted`, `check_failed` or
    `check_passed`, and `left` when the log tells none of them. A limit or an interruption that the
    session went on from, with another reply, is not how it ended. The check is the last test,
    linter or build that ran.
    """
    reasons = []
    commands = _commands_done(uses)
    if session.marks.get("pull_request") or commands & PROPOSING:
        reasons.append("pull_request_opened")
    if session.marks.get("commit") or commands & COMMITTING:
        reasons.append("commit_made")
    if _ended_by(session, "limit"):
        reasons.append("limit_hit")
    if _ended_by(session, "interrupted"):
        reasons.append("interrupted")
    check = last_check(uses)
    if check is not None:
        reasons.append("check_passed" if check.outcome == "success" else "check_failed")
    return reasons or ["left"]


def _commands_done(uses: Iterable[ToolUse]) -> set[str]:
    """The parts of all command lines that succeeded, each a program with its sub-command."""
    lines = {
        use.target.name
        for use in uses
        if use.reported == "success" and use.target is not None and use.target.kind == "command"
    }
    return {part for line in lines for part in line.split(" && ")}


def _ended_by(session: Session, mark: str) -> bool:
    spans = session.marks.get(mark)
    if not spans:
        return False
    last_us = max(span.last_us for span in spans.values())
    return all(call.first_us <= last_us for call in session.calls.values())


def last_check(uses: Iterable[ToolUse]) -> ToolUse | None:
    """The last call of a command that checks, among those that ran to an end."""
    checks = [
        (use.end_us or use.at_us, use.key, use)
        for use in uses
        if use.target is not None and use.target.no_kind == "check_failed"
    ]
    checks.sort(reverse=True)
    decided = ("success", "check_failed", "error")
    return next((use for *_, use in checks if use.outcome in decided), None)
