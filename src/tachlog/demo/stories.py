"""The sessions that are told in every set of example logs, each of which shows something."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from tachlog.demo.delegation import compact
from tachlog.demo.dialects import V2_0_76, V2_1_49, V2_1_92, V2_1_138, V2_1_218, V2_1_330
from tachlog.demo.dice import Dice
from tachlog.demo.hours import Calendar
from tachlog.demo.incidents import (
    api_errors,
    background_task_ended,
    damage,
    give_up,
    interject,
    interrupt,
    reject,
)
from tachlog.demo.services import plan
from tachlog.demo.team import BILLING, PLATFORM, SHOP
from tachlog.demo.transcripts import Transcript
from tachlog.demo.truth import Cluster, moment
from tachlog.demo.work import act, call, finish, pause, send_agents, turn

Story = Callable[[Dice, Calendar], Iterator[Transcript]]


def flaky_checkout(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """The database is not running: seventeen failed commands; a review and a pull request."""
    task = SHOP.tasks[0]
    session = Transcript(SHOP, V2_1_218, dice, calendar.workday(1, 13, 20), branch=task.branch)
    main, bench = session.main, session.bench
    session.open()
    session.prompt(task.prompts[0])
    send_agents(session, 2, 5)
    session.name(task.title)
    start_ms = main.now_ms
    commands = ("npm run db:migrate", "npm run db:seed", "npm run db:reset")
    for attempt in range(17):
        command = commands[attempt % 3]
        call(main, bench, [bench.refused_connection(command)])
    burst = Cluster("network", 17, moment(start_ms), moment(main.now_ms))
    main.tally.clusters.append(burst)
    finish(session)
    pause(session)
    session.prompt("docker compose up -d db works now, please go on")
    for step in range(9):
        if step == 4:
            interject(session, "and leave the snapshot files alone")
        act(main, bench)
    background_task_ended(session)
    finish(session)
    pause(session)
    turn(session, task.prompts[1], 7, queued_ms=42_000)
    pause(session)
    turn(session, task.prompts[2], 5)
    session.prompt(task.prompts[3])
    title = "checkout: reset the payment mock between tests"
    command = f'gh pr create --title "{title}" --fill'
    call(main, bench, [bench.ran(command, "Open a pull request", f"{SHOP.remote}/pull/412")])
    session.pull_request(412)
    finish(session)
    session.rename("Flaky checkout test (PR 412)")
    yield session


def ledger_migration(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """A long day's work: full context twice, a cache that went cold, costs kept in the log."""
    task = BILLING.tasks[0]
    session = Transcript(BILLING, V2_1_330, dice, calendar.workday(3, 8, 40), branch=task.branch)
    session.open()
    for number, prompt in enumerate(task.prompts):
        turn(session, prompt, 11)
        if number == 0:
            session.name(task.title)
        if number in (1, 4):
            session.main.context.add(70_000)
        if number == 2:
            session.main.idle(47 * 60_000)
        pause(session, 120, 900)
        if number == 5:
            compact(session, "manual")
    yield session


def tool_loop(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """The same failing command five times in a row, in a version that never tells final usage."""
    session = Transcript(SHOP, V2_1_49, dice, calendar.workday(6, 10, 5), branch="fix/orders")
    main, bench = session.main, session.bench
    session.open()
    turn(session, SHOP.tasks[3].prompts[0], 5)
    pause(session)
    session.prompt("run the report for october")
    command = "node scripts/report.mjs --month 2026-10 --format csv"
    text = "TypeError: rows is not iterable\n    at file:///home/dev/code/shop/lib/csv.js:12:21"
    failing = bench.failed(command, "Write the report", 1, text, "command_failed")
    for _ in range(5):
        call(main, bench, [failing])
    call(main, bench, [bench.edit()])
    send_agents(session, 1, 6)
    finish(session)
    session.name("October report")
    yield session


def edit_conflicts(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """The person edits the same files as the agent, so that its edits do not match."""
    task = BILLING.tasks[3]
    session = Transcript(BILLING, V2_1_92, dice, calendar.workday(8, 14, 10), branch=task.branch)
    bench = session.bench
    session.open()
    turn(session, task.prompts[0], 4)
    session.name(task.title)
    pause(session)
    session.prompt(task.prompts[1])
    for _ in range(5):
        conflict = bench.edit_conflict()
        call(session.main, bench, [conflict])
        call(session.main, bench, [bench.read()])
    call(session.main, bench, [bench.check(passes=False)])
    call(session.main, bench, [bench.edit()])
    call(session.main, bench, [bench.check(passes=True)])
    finish(session)
    yield session


def rate_limits(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """A storm of rate limits and an overloaded service, and in the end the agent gives up."""
    session = Transcript(PLATFORM, V2_1_138, dice, calendar.workday(2, 9, 30))
    main = session.main
    session.open()
    turn(session, PLATFORM.tasks[0].prompts[0], 6)
    pause(session)
    session.prompt(PLATFORM.tasks[0].prompts[1])
    start_ms = main.now_ms
    api_errors(session, "rate_limit", 8, retry_after_s=20)
    burst = Cluster("rate_limit", 8, moment(start_ms), moment(main.now_ms))
    main.tally.clusters.append(burst)
    act(main, session.bench)
    api_errors(session, "overloaded", 3)
    act(main, session.bench)
    api_errors(session, "network", 2)
    act(main, session.bench)
    api_errors(session, "server_error", 1)
    finish(session)
    session.name("Limits per tenant")
    pause(session)
    session.prompt(PLATFORM.tasks[0].prompts[2])
    api_errors(session, "overloaded", 10)
    text = 'API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":'
    give_up(session, f'{text}"Overloaded"}}}}', "overloaded", "overloaded", 529)
    yield session


def limits_and_logins(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """Three tiny sessions that end at once: a usage limit, an expired login, too long a prompt."""
    limit = Transcript(BILLING, V2_1_218, dice, calendar.workday(4, 17, 45))
    limit.open()
    limit.prompt("add a test for the empty account")
    text = "You've hit your limit · resets 8pm (UTC)"
    give_up(limit, text, "rate_limit", "rate_limit", 429)
    yield limit
    login = Transcript(SHOP, V2_1_49, dice, calendar.workday(7, 8, 2))
    login.open()
    login.prompt("good morning, what is left from yesterday?")
    text = (
        'API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"OAuth '
        'token has expired. Please obtain a new token or refresh your existing token."}}'
    )
    give_up(login, f"{text} · Please run /login", "authentication_failed", "auth_failure", 401)
    yield login
    long = Transcript(PLATFORM, V2_1_92, dice, calendar.workday(11, 15, 20))
    long.open()
    turn(long, "summarise the access log in tmp/access.log", 3)
    pause(long)
    long.prompt("read all of it, not only the beginning")
    give_up(long, "Prompt is too long", "invalid_request", "context_overflow", None)
    yield long


def forks(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """A session goes on twice from the same point; another is resumed under a new id."""
    task = SHOP.tasks[1]
    first = Transcript(SHOP, V2_1_218, dice, calendar.workday(5, 9, 15), branch=task.branch)
    first.open()
    turn(first, task.prompts[0], 6)
    first.name(task.title)
    pause(first)
    turn(first, task.prompts[1], 4)
    pause(first)
    turn(first, task.prompts[2], 5)
    yield first
    other = first.forked(dice, calendar.workday(5, 11, 40), turn=1)
    turn(other, "different idea: let the cheapest coupon win. try that instead", 6)
    other.name("Coupon stacking, cheapest wins")
    yield other
    evening = Transcript(PLATFORM, V2_1_330, dice, calendar.workday(10, 16, 30))
    evening.open()
    turn(evening, PLATFORM.tasks[1].prompts[0], 7)
    yield evening
    morning = evening.forked(dice, calendar.workday(9, 8, 10))
    turn(morning, PLATFORM.tasks[1].prompts[1], 5)
    morning.name(PLATFORM.tasks[1].title)
    yield morning


def old_version(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """A build machine with an old version: sub-agents beside the session, a summary as title."""
    task = BILLING.tasks[2]
    session = Transcript(BILLING, V2_0_76, dice, calendar.workday(15, 11), branch=task.branch)
    session.open()
    turn(session, task.prompts[0], 6)
    pause(session)
    session.prompt(task.prompts[1])
    call(session.main, session.bench, [plan(session.bench)])
    send_agents(session, 1, 5)
    for _ in range(5):
        act(session.main, session.bench)
    finish(session)
    session.name(task.title)
    yield session


def slow_answer(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """One model call takes four minutes, the others seconds."""
    session = Transcript(SHOP, V2_1_138, dice, calendar.workday(4, 10, 50))
    session.open()
    turn(session, SHOP.tasks[2].prompts[0], 14)
    pause(session)
    turn(session, SHOP.tasks[2].prompts[1], 10)
    session.prompt(SHOP.tasks[2].prompts[2])
    session.main.reply("", [session.bench.check(passes=True)], slow_ms=236_000)
    finish(session)
    session.name(SHOP.tasks[2].title)
    yield session


def changed_minds(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """The person refuses calls, stops a running one, and stops the model while it writes."""
    session = Transcript(PLATFORM, V2_1_218, dice, calendar.workday(6, 15, 30), branch="main")
    main, bench = session.main, session.bench
    session.open()
    turn(session, PLATFORM.tasks[2].prompts[0], 5)
    pause(session)
    session.prompt(PLATFORM.tasks[2].prompts[2])
    deploy = bench.ran("./deploy.sh staging", "Deploy to staging", "deployed")
    reject(session, deploy, "not without --dry-run")
    session.prompt("with --dry-run please")
    main.reply("", [bench.interrupted(bench.ran("./deploy.sh --dry-run", "Try it", ""))])
    interrupt(session, for_tool=True)
    session.prompt("it hangs in the health check, look there")
    main.reply("I'll look at the health check. It polls the", broken_off=True)
    interrupt(session)
    session.prompt("wait, only read, do not change anything")
    call(main, bench, [bench.grep(finds=False)])
    act(main, bench)
    denied = bench.ran("kubectl delete pod gateway-0", "Restart the gateway", "")
    text = "Permission to use Bash with command kubectl delete pod gateway-0 has been denied."
    call(main, bench, [bench.answered_with_error(denied, text, "permission_denied")])
    finish(session)
    session.name(PLATFORM.tasks[2].title)
    yield session


def leaked_token(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """A push fails, and its error text holds something that looks like a token."""
    session = Transcript(SHOP, V2_1_330, dice, calendar.workday(2, 16, 20), branch="chore/deps")
    bench = session.bench
    session.open()
    session.prompt("push the branch")
    address = f"https://x-access-token:{planted_secret()}@github.com/example-team/shop"
    text = f"remote: Invalid username or token.\nfatal: Authentication failed for '{address}/'"
    push = bench.failed("git push", "Push the branch", 128, text, "auth_failure")
    call(session.main, bench, [push])
    finish(session)
    session.name("Push the dependency branch")
    yield session


def planted_secret() -> str:
    """Looks like a token and is none; put together here so that nobody's scanner takes fright."""
    return "gh" + "p_" + "".join(("Zq7Lw2", "Nf8KtV", "b3XcR5", "yHd9Js", "4MgP6a", "EuW1oT"))


def compacting_copy(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """A compaction whose summary a copy of the whole thread wrote, in a file of its own."""
    task = BILLING.tasks[1]
    session = Transcript(BILLING, V2_1_138, dice, calendar.workday(12, 9, 50), branch=task.branch)
    session.open()
    turn(session, task.prompts[0], 8)
    session.main.context.add(120_000)
    pause(session)
    turn(session, task.prompts[1], 5)
    compact(session, copies=True)
    pause(session)
    turn(session, task.prompts[2], 4)
    session.name(task.title)
    yield session


def damaged_file(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """A crash tore a line; two records share another; the last line lacks its end."""
    session = Transcript(PLATFORM, V2_1_92, dice, calendar.workday(13, 13, 35))
    session.open()
    turn(session, "why is the build slow since last week?", 5)
    damage(session)
    pause(session)
    turn(session, "use the module cache then", 3)
    session.unterminated = True
    yield session


def tiny_sessions(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """A question and its answer; a prompt that was stopped before anything was said."""
    question = Transcript(BILLING, V2_1_218, dice, calendar.workday(1, 9, 5))
    question.open()
    question.prompt("which port does the test database use?")
    question.main.reply("5432, as set in `docker-compose.yml`.", (), "")
    question.end_turn()
    yield question
    stopped = Transcript(SHOP, V2_1_49, dice, calendar.workday(9, 12, 58))
    stopped.open()
    stopped.prompt("hi")
    interrupt(stopped)
    yield stopped


def still_running(dice: Dice, calendar: Calendar) -> Iterator[Transcript]:
    """A session at work when the logs end: its last tool call has no result yet."""
    task = SHOP.tasks[3]
    start_ms = calendar.before_the_end(19)
    session = Transcript(SHOP, V2_1_330, dice, start_ms, branch=task.branch)
    session.open()
    session.prompt(task.prompts[2])
    while session.main.now_ms < calendar.before_the_end(4):
        act(session.main, session.bench)
        pause(session, 5, 40)
    session.name(task.title)
    running = msgspec.structs.replace(session.bench.check(passes=True), outcome="unfinished")
    call(session.main, session.bench, [running])
    yield session


STORIES: tuple[Story, ...] = (
    flaky_checkout,
    ledger_migration,
    tool_loop,
    edit_conflicts,
    rate_limits,
    limits_and_logins,
    forks,
    old_version,
    slow_answer,
    changed_minds,
    leaked_token,
    compacting_copy,
    damaged_file,
    tiny_sessions,
    still_running,
)
