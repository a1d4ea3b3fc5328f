"""Worlds of healthy sessions in which a few habits cost money: what recommendations are about.

Each habit goes through sessions of one agent in one project, most through four to nine; `must`
names the recommendations (`advice:…`, by their types) that have to be made of it, `may` those that
may be made as well. `cache_prefix` is not planted: the logs that healthy sessions are drawn from
lose their cache without a pause themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from planted.conversation import Conversation, Setting, Use
from planted.faults import MINUTE_US, Planted
from planted.healthy import weighed
from planted.world import BEGIN_US, DAY_US, JUDGED_US, Team, World, some_start, world_of
from tachlog.demo.dice import Dice
from tachlog.demo.hours import DAYS
from tachlog.model import Target, key_of

Habit = Callable[[Conversation, Dice], list[Conversation] | None]
"""What a session does of it; gives its sub-agents. The dice are alike in all its sessions."""


def failing_command(talk: Conversation, dice: Dice) -> None:
    """A command fails with the same text, each time that it is run."""
    name = f"make {dice.pick(('db', 'e2e', 'docs', 'proto'))}"
    use = Use(
        tool="Bash",
        outcome="error",
        error_class="network",
        text=f"{name} refused",
        target=Target("command", name, key_of(name)),
        duration_ms=talk.dice.between(500, 9_000),
    )
    for _ in range(talk.dice.between(4, 8)):
        talk.use(use, talk.reply())
        talk.step()


def failing_tool(talk: Conversation, dice: Dice) -> None:
    """A tool fails half of the time or more, with several texts."""
    share = dice.between(50, 95) / 100
    for _ in range(talk.dice.between(8, 14)):
        fails = talk.dice.chance(share)
        text = f"wiki {talk.dice.between(1, 30)}"
        outcome = "error" if fails else "success"
        talk.use(
            Use(tool="mcp__wiki__get", outcome=outcome, error_class="timeout", text=text),
            talk.reply(),
        )


def repeating(talk: Conversation, dice: Dice) -> None:
    """The same call four to ten times in a row."""
    use = Use(tool=dice.pick(("Grep", "Bash")), digest=talk.key("again"), duration_ms=300)
    for _ in range(talk.dice.between(4, 10)):
        talk.use(use, talk.reply())


def full_context(talk: Conversation, dice: Dice) -> None:
    """The context is filled and compacted two to four times."""
    for _ in range(talk.dice.between(2, 4)):
        talk.context = int(0.8 * talk.window)
        for _ in range(talk.dice.between(2, 6)):
            talk.step()
        talk.compact()


def missing_paths(talk: Conversation, dice: Dice) -> None:
    """The same two paths, which do not exist, are asked for again and again."""
    for number in range(talk.dice.between(3, 6)):
        path = f"src/legacy/module{number % 2}.py"
        use = Use(
            tool="Read",
            outcome="error",
            error_class="not_found",
            digest=key_of(talk.setting.project, path),
            text="no such file",
            target=Target("file", path, key_of(talk.setting.project, path)),
            duration_ms=5,
        )
        talk.use(use, talk.reply())
        talk.step()


def rereading(talk: Conversation, dice: Dice) -> None:
    """The same file is read four to eight times, and not changed in between."""
    path = "docs/architecture.md"
    use = Use(
        tool="Read",
        digest=key_of(talk.setting.project, path),
        target=Target("file", path, key_of(talk.setting.project, path)),
        duration_ms=9,
        output_bytes=9_000,
    )
    for _ in range(talk.dice.between(4, 8)):
        talk.use(use, talk.reply())
        talk.use(Use(tool="Grep", duration_ms=20), talk.reply())


def oversized(talk: Conversation, dice: Dice) -> None:
    """A tool answers with 60 to 200 kB, which later calls read again."""
    for _ in range(talk.dice.between(4, 8)):
        size = talk.dice.between(60_000, 200_000)
        talk.use(Use(tool="WebFetch", output_bytes=size, duration_ms=900), talk.reply())
        talk.context += size // 4
        for _ in range(talk.dice.between(3, 8)):
            talk.step()


def cold_cache(talk: Conversation, dice: Dice) -> None:
    """Pauses of ten to fifty minutes, after which the whole context is written again."""
    talk.context = max(talk.context, 60_000)
    for _ in range(talk.dice.between(3, 5)):
        talk.wait(talk.dice.between(10, 50) * MINUTE_US // 1000)
        talk.prompt()
        talk.reply(cached=0.02)
        talk.step()


def retrying(talk: Conversation, dice: Dice) -> None:
    """30 to 60 times a call fails and is made again after another one."""
    for _ in range(talk.dice.between(30, 60)):
        tool, digest = talk.dice.pick(("Bash", "Read", "Grep")), talk.key("retried")
        call = talk.reply()
        for _ in range(2):
            text = f"no {talk.dice.between(1, 400)}"
            talk.use(Use(tool=tool, outcome="error", digest=digest, text=text), call)
            talk.use(Use(tool="TodoWrite", duration_ms=2), call)


def polling(talk: Conversation, dice: Dice) -> None:
    """Looks ten to thirty times whether a command in the background has ended."""
    talk.turn(1)
    digest = talk.key("poll")
    for _ in range(talk.dice.between(10, 30)):
        use = Use(tool="BashOutput", digest=digest, duration_ms=talk.dice.between(50, 900))
        talk.use(use, talk.reply())


def asking_again(talk: Conversation, dice: Dice) -> None:
    """The same question to a tracker, between reads, four to eight times in a turn."""
    use = Use(
        tool="mcp__tracker__list", digest=talk.key("again"), output_bytes=900, duration_ms=400
    )
    for _ in range(talk.dice.between(4, 8)):
        talk.use(use, talk.reply())
        talk.use(Use(tool="Grep", duration_ms=20), talk.reply())


def left_open(talk: Conversation, dice: Dice) -> None:
    """Two to four times taken up again after 70 minutes to ten hours, with a cold cache."""
    talk.context = max(talk.context, 60_000)
    for _ in range(talk.dice.between(2, 4)):
        talk.wait(talk.dice.between(70, 600) * MINUTE_US // 1000)
        talk.prompt()
        talk.reply(cached=0.02)
        talk.step()


def switching_models(talk: Conversation, dice: Dice) -> None:
    """Two to five times the model is changed, and reads nothing from its cache."""
    talk.context = max(talk.context, 40_000)
    names = ("claude-opus-4-5", "claude-sonnet-4-5")
    for number in range(talk.dice.between(2, 5)):
        told = talk.setting
        talk.setting = Setting(
            told.agent, told.project, names[number % 2], told.session_id, told.parent
        )
        talk.reply(cached=0.0)
        talk.step()


def small_question(talk: Conversation, dice: Dice) -> None:
    """One question to a dear model, answered at once."""
    told = talk.setting
    talk.setting = Setting(told.agent, told.project, "claude-opus-4-5", told.session_id)
    talk.prompt()
    talk.reply(stop="end_turn")


def slow_command(talk: Conversation, dice: Dice) -> None:
    """A command of 80 to 300 seconds, three to five times."""
    name = f"make {dice.pick(('all', 'image', 'check'))}"
    target = Target("command", name, key_of(name))
    for _ in range(talk.dice.between(3, 5)):
        took_ms = talk.dice.between(80_000, 300_000)
        talk.use(Use(tool="Bash", target=target, duration_ms=took_ms), talk.reply())
        talk.step()


def waiting_for_consent(talk: Conversation, dice: Dice) -> None:
    """Three to six calls that wait a minute to five for a consent that is given."""
    for _ in range(talk.dice.between(3, 6)):
        waited_ms = talk.dice.between(60_000, 300_000)
        talk.use(Use(tool="mcp__deploy__plan", approval_ms=waited_ms), talk.reply())


def losing_connections(talk: Conversation, dice: Dice) -> None:
    """Three to eight model calls fail for reasons outside."""
    error = dice.pick(("overloaded", "network", "rate_limit"))
    for _ in range(talk.dice.between(3, 8)):
        talk.fail(error)
        talk.reply()


def broken_off(talk: Conversation, dice: Dice) -> None:
    """A person breaks the session off before anything was changed."""
    talk.prompt()
    for _ in range(talk.dice.between(3, 12)):
        talk.use(Use(tool=talk.dice.pick(("Read", "Grep"))), talk.reply())
    talk.wait(2_000)
    talk.mark("interrupted", "by the person")


def delegating(talk: Conversation, dice: Dice) -> list[Conversation]:
    """Three to six sub-agents that make one or two tool calls each."""
    told, found = talk.setting, []
    for number in range(talk.dice.between(3, 6)):
        talk.use(Use(tool="Task", duration_ms=20_000), talk.reply())
        own = f"{told.session_id}/a{number}"
        setting = Setting(told.agent, told.project, told.model, own, told.session_id)
        sub = Conversation(Dice(f"habits/{own}"), setting, talk.now_us - 19_000_000)
        sub.mark("agent_type", "looker")
        sub.prompt(by_person=False)
        for _ in range(sub.dice.between(1, 2)):
            sub.use(Use(tool="Grep", duration_ms=30), sub.reply())
        sub.reply(stop="end_turn")
        found.append(sub)
    return found


def loading(talk: Conversation, dice: Dice) -> None:
    """An MCP server is loaded and not called."""
    talk.mark("mcp_server", "jira")


class Kind(NamedTuple):
    """A habit, what else may be recommended of it, and through how many sessions it goes.

    One that is `whole` is all that its sessions do.
    """

    habit: Habit
    may: str = ""
    least: int = 4
    most: int = 9
    whole: bool = False


HABITS: Final[dict[str, Kind]] = {
    "repeated_failure": Kind(failing_command, "retry_reduction flaky_network"),
    "tool_optimization": Kind(
        failing_tool, "slow_tool repeated_failure retry_reduction flaky_network"
    ),
    "retry_reduction": Kind(
        retrying, "tool_optimization repeated_failure repeated_call", least=12, most=18
    ),
    "loop": Kind(repeating, "repeated_call"),
    "polling": Kind(polling),
    "repeated_call": Kind(asking_again),
    "context_pressure": Kind(full_context),
    "missing_path": Kind(missing_paths, "repeated_failure"),
    "reread_file": Kind(rereading, "repeated_call"),
    "oversized_output": Kind(oversized, "context_pressure"),
    "cache_idle": Kind(cold_cache, "cache_return", least=5),
    "cache_return": Kind(left_open, "cache_idle", least=5),
    "cache_model_switch": Kind(switching_models),
    "model_choice": Kind(small_question, least=24, most=40, whole=True),
    "slow_tool": Kind(slow_command),
    "approval_wait": Kind(waiting_for_consent),
    "flaky_network": Kind(losing_connections, "retry_reduction"),
    "abandoned_session": Kind(broken_off, least=10, most=18, whole=True),
    "subagent_cost": Kind(delegating, "model_choice"),
    "unused_mcp": Kind(loading, least=10, most=20),
}


def habits_of(
    seed: int, kinds: frozenset[str] = frozenset(HABITS), *, sessions: int = 160
) -> World:
    """Five weeks with eight to twelve habits of these kinds; of every third seed with none."""
    dice = Dice(f"habits/{seed}")
    world = world_of(seed, sessions=sessions, only=())
    team = Team(Dice(f"planted/{seed}"))
    count = min(len(kinds), dice.between(8, 12)) if seed % 3 else 0
    for kind in dice.sample(sorted(kinds), count):
        habit, may, least, most, whole = HABITS[kind]
        project, agent, ids = dice.pick(team.projects), weighed(dice, team.agents), []
        for place in range(dice.between(least, most)):
            own = Dice(f"habits/{seed}/{kind}/{place}")
            setting = team.some(own, f"h{seed}-{kind}-{place}", agent, project)
            talk = Conversation(own, setting, some_start(own))
            if not whole:
                talk.turn(own.between(2, 12))
                talk.prompt()
            subs = habit(talk, Dice(f"habits/{seed}/{kind}"))
            if not whole:
                talk.turn(own.between(1, 4))
            world.threads.extend(each.events for each in (talk, *(subs or ())))
            ids.append(setting.session_id)
        world.faults.append(
            Planted(
                kind=kind,
                begin_us=JUDGED_US,
                end_us=BEGIN_US + DAYS * DAY_US,
                must=frozenset({f"advice:{kind}"}),
                may=frozenset(f"advice:{each}" for each in may.split()),
                sessions=frozenset(ids),
                size=len(ids),
            )
        )
    return world
