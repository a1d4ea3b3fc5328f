"""Sessions of every day, as many as are wanted."""

from __future__ import annotations

from collections.abc import Iterator

from tachlog.demo.dialects import DIALECTS, V2_1_330, Dialect
from tachlog.demo.dice import Dice, Quantiles
from tachlog.demo.hours import Calendar
from tachlog.demo.incidents import api_errors, run_command
from tachlog.demo.team import PROJECTS
from tachlog.demo.transcripts import Transcript
from tachlog.demo.work import finish, pause, send_agents, turn

# Characters of a session.
SIZES: Quantiles = ((0, 8_000), (0.5, 90_000), (0.9, 500_000), (0.99, 1_500_000), (1, 2_500_000))
VERSIONS: tuple[tuple[float, Dialect], ...] = tuple(
    zip((0.06, 0.20, 0.34, 0.50, 0.75, 1.0), DIALECTS, strict=True)
)
MARGIN_MS = 3_600_000


def some_transcripts(dice: Dice, calendar: Calendar, left: int) -> Iterator[Transcript]:
    """A session of at most about a fifth of the characters that are left; perhaps a fork of it."""
    budget = min(dice.spread(SIZES), max(left // 5, 20_000))
    if dice.chance(0.08):
        yield nightly_job(dice, calendar, budget)
        return
    at = dice.random()
    dialect = next(dialect for share, dialect in VERSIONS if at < share)
    project = dice.pick(PROJECTS)
    task = dice.pick(project.tasks)
    mode = "default" if dice.chance(0.6) else "acceptEdits"
    session = Transcript(
        project,
        dialect,
        dice,
        calendar.some_time(dice),
        branch=task.branch,
        permission_mode=mode,
    )
    session.open()
    if dice.chance(0.1):
        run_command(session, "clear", "")
    for number, prompt in enumerate((*task.prompts, *SMALL_TALK * 40)):
        if number and (
            session.size > budget or session.main.now_ms > calendar.until_ms - MARGIN_MS
        ):
            break
        _some_turn(session, dice, prompt, budget)
        if number == 0:
            session.name(task.title)
    yield session
    later_ms = session.main.now_ms + dice.between(60_000, 3_000_000)
    if dialect.modern and later_ms < calendar.until_ms - MARGIN_MS and dice.chance(0.04):
        other = session.forked(dice, later_ms)
        turn(other, "go on from here", dice.between(1, 4))
        yield other


def _some_turn(session: Transcript, dice: Dice, prompt: str, budget: int) -> None:
    prompt = session.bench.fill(prompt)
    if dice.chance(0.05):
        session.prompt(prompt)
        api_errors(session, dice.pick(("rate_limit", "overloaded", "network")), dice.between(1, 3))
        send_agents(session, 1, dice.between(2, 6))
        finish(session)
    else:
        steps = 1 if session.size + 30_000 > budget else dice.between(2, 12)
        queued_ms = dice.between(2_000, 90_000) if dice.chance(0.06) else 0
        turn(session, prompt, steps, queued_ms=queued_ms, rejects=dice.chance(0.03))
    pause(session, 10, 240 if dice.chance(0.85) else 2_400)


def nightly_job(dice: Dice, calendar: Calendar, budget: int) -> Transcript:
    """A job without a person that runs at night."""
    project = dice.pick(PROJECTS)
    session = Transcript(
        project,
        V2_1_330,
        dice,
        calendar.some_night(dice),
        model=V2_1_330.sub_agent_model,
        permission_mode="bypassPermissions",
        entrypoint="sdk-cli",
    )
    session.open()
    steps = 3 if budget < 40_000 else 12
    turn(session, "Run the checks on main. When one fails, find the commit that broke it.", steps)
    return session


SMALL_TALK = (
    "ok, continue",
    "and the tests?",
    "why did you change {noun} there?",
    "please make the names clearer",
    "now the same for the other caller",
    "looks good, go on",
    "can you explain the last change in two sentences?",
    "undo the last edit, it was fine before",
)
