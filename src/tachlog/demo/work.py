"""Ordinary work: what an agent does between a prompt and the end of its turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tachlog.demo.delegation import compact, delegate
from tachlog.demo.incidents import reject
from tachlog.demo.services import ask, issue, plan, web_fetch, web_search
from tachlog.demo.team import SAYINGS, SUB_TASKS, SUMMARIES, THOUGHTS
from tachlog.demo.threads import Thread
from tachlog.demo.transcripts import Transcript
from tachlog.demo.workbench import Tool, Workbench

# How often each activity is chosen, as cumulative shares.
HABITS: tuple[tuple[float, str], ...] = (
    (0.22, "read"),
    (0.28, "read_several"),
    (0.36, "grep"),
    (0.39, "glob"),
    (0.59, "edit"),
    (0.74, "shell"),
    (0.83, "check"),
    (0.855, "finds_nothing"),
    (0.885, "failure"),
    (0.905, "edit_conflict"),
    (0.91, "missing_file"),
    (0.925, "write"),
    (0.965, "plan"),
    (0.972, "web_search"),
    (0.98, "web_fetch"),
    (0.992, "issue"),
    (1.0, "ask"),
)
LOOKING_AROUND: tuple[tuple[float, str], ...] = (
    (0.5, "read"),
    (0.62, "read_several"),
    (0.86, "grep"),
    (0.93, "glob"),
    (0.96, "missing_file"),
    (1.0, "shell"),
)
SINGLE_CALLS: dict[str, Callable[[Workbench], Tool]] = {
    "read": Workbench.read,
    "glob": Workbench.glob,
    "shell": Workbench.shell,
    "finds_nothing": Workbench.shell_finds_nothing,
    "failure": Workbench.failure,
    "missing_file": Workbench.missing_file,
    "write": Workbench.write,
    "plan": plan,
    "web_search": web_search,
    "web_fetch": web_fetch,
    "issue": issue,
    "ask": ask,
}
FULL_CONTEXT = 160_000


def think(bench: Workbench, *, hidden: bool) -> str | None:
    """Thinking before a call: its text, "" where only its signature is logged, or none."""
    dice = bench.dice
    if not dice.chance(0.55):
        return None
    return "" if hidden else bench.fill(dice.pick(THOUGHTS))


def say(bench: Workbench, tool: str) -> str:
    """What the agent says before it calls a tool; mostly nothing."""
    sayings = SAYINGS.get(tool, ())
    return bench.fill(bench.dice.pick(sayings)) if sayings and bench.dice.chance(0.4) else ""


def call(thread: Thread, bench: Workbench, tools: Sequence[Tool]) -> None:
    """One model call that leads to tool calls."""
    text = say(bench, tools[0].name)
    thread.reply(text, tools, think(bench, hidden=thread.dialect.modern))


def act(thread: Thread, bench: Workbench, habits: tuple[tuple[float, str], ...] = HABITS) -> None:
    """Do one thing, and what follows from it."""
    dice = bench.dice
    at = dice.random()
    activity = next(name for share, name in habits if at < share)
    match activity:
        case "read_several":
            files = dice.sample(bench.files, dice.between(2, 4))
            call(thread, bench, [bench.read(file) for file in files])
        case "grep":
            call(thread, bench, [bench.grep(finds=dice.chance(0.88))])
        case "edit":
            edit = bench.edit()
            call(thread, bench, [bench.approved(edit) if dice.chance(0.07) else edit])
        case "check":
            passes = dice.chance(0.68)
            call(thread, bench, [bench.check(passes=passes)])
            if not passes:
                call(thread, bench, [bench.edit()])
        case "edit_conflict":
            conflict = bench.edit_conflict()
            call(thread, bench, [conflict])
            path = conflict.arguments["file_path"]
            again = next(file for file in bench.files if file.path == path)
            call(thread, bench, [bench.read(again)])
            call(thread, bench, [bench.edit()])
        case _:
            call(thread, bench, [SINGLE_CALLS[activity](bench)])


def turn(
    session: Transcript, prompt: str, steps: int, *, queued_ms: int = 0, rejects: bool = False
) -> None:
    """A whole turn: the prompt, the work, and what the agent says at the end."""
    session.prompt(prompt, queued_ms=queued_ms)
    for _ in range(steps):
        act(session.main, session.bench)
        if session.main.context.size > FULL_CONTEXT:
            compact(session)
    if rejects:
        reject(session, session.bench.shell())
        session.prompt(session.bench.fill("no, leave that. Just tell me what is open"))
    finish(session)


def finish(session: Transcript) -> None:
    """The agent sums up and ends its turn."""
    text = session.bench.fill(session.dice.pick(SUMMARIES))
    session.main.reply(text, (), think(session.bench, hidden=session.dialect.modern))
    session.end_turn()


def pause(session: Transcript, low_s: int = 20, high_s: int = 290) -> None:
    """The person reads, thinks and types."""
    session.main.idle(session.dice.between(low_s, high_s) * 1_000)


def send_agents(session: Transcript, count: int, steps: int) -> None:
    """Let sub-agents work, one after the other."""
    dice, bench = session.dice, session.bench
    for kind, description, prompt in dice.sample(SUB_TASKS, count):

        def work(sub: Thread) -> str:
            for _ in range(steps):
                act(sub, bench, LOOKING_AROUND)
            report = bench.fill(dice.pick(SUMMARIES))
            sub.reply(report)
            return report

        agent = delegate(session, kind, bench.fill(description), bench.fill(prompt), work)
        call(session.main, bench, [agent])
