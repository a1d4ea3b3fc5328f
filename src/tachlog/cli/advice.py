"""The verb `advice`: what to change, what to say of it, whether it helped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

from tachlog import data
from tachlog import figures as fmt
from tachlog.analysis.advice.report import AdviceReport, AnsweredView, answered_view, report_of
from tachlog.analysis.plans import has_plan
from tachlog.analysis.shapes import Recommendation, Saving
from tachlog.analysis.standing import Standing, StandingKind
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Misuse, Unanswered
from tachlog.cli.look import nothing
from tachlog.cli.moments import moment_us
from tachlog.cli.naming import ShortIds
from tachlog.cli.parser import near
from tachlog.stores import Store

DAY_US: Final = 86_400_000_000
SNOOZED_DAYS: Final = 30
SHORT_ID: Final = 6
_INDENT: Final = 3


def advice(ask: Ask) -> Answer:
    """Answer `tachlog advice`."""
    what, *words = ask.options.what or ["list"]
    doing = _DOING.get(what)
    if doing is None:
        raise Misuse(
            f"there is no {what!r} of advice{near(what, _DOING)}: give {', '.join(_DOING)}"
        )
    return doing(ask, words)


def _list(ask: Ask, words: Sequence[str]) -> Answer:
    if words:
        raise Misuse(f"{words[0]!r} is not expected here")
    with ask.store() as store:
        found = _report(ask, store)
    if ask.options.markdown:
        return Answer(found, lambda: _markdown(found))
    return Answer(found, lambda: _lines(found, ask))


def _show(ask: Ask, words: Sequence[str]) -> Answer:
    with ask.store() as store:
        found = _report(ask, store)
    each = _one(found, words)
    if isinstance(each, AnsweredView):
        return Answer(each, lambda: _answered_lines([each], ask))
    return Answer(each, lambda: _shown(each, found, ask))


def _dismiss(ask: Ask, words: Sequence[str]) -> Answer:
    return _say(ask, words, "dismissed", None)


def _snooze(ask: Ask, words: Sequence[str]) -> Answer:
    now_us = ask.caller.now_us
    if ask.options.until is None:
        return _say(ask, words, "snoozed", now_us + (ask.options.days or SNOOZED_DAYS) * DAY_US)
    if ask.options.days is not None:
        raise Misuse("--until and --days are two ways of saying the same: give one")
    try:
        until_us = moment_us(ask.options.until, now_us, ask.zone, day_ends=True)
    except ValueError as error:
        raise Misuse(f"--until: {error}") from None
    if until_us <= now_us:
        raise Misuse("--until is not in the future")
    return _say(ask, words, "snoozed", until_us)


def _done(ask: Ask, words: Sequence[str]) -> Answer:
    return _say(ask, words, "done", None)


def _say(ask: Ask, words: Sequence[str], state: StandingKind, until_us: int | None) -> Answer:
    with ask.store() as store:
        each = _one(_report(ask, store), words)
        standing = Standing(
            each.id,
            each.type,
            each.about,
            each.message,
            state,
            "local",
            ask.caller.now_us,
            until_us,
            ask.options.note,
        )
        store.advising.keep(standing)
    view = answered_view(standing, None)
    return Answer(view, lambda: _answered_lines([view], ask))


def _report(ask: Ask, store: Store) -> AdviceReport:
    return report_of(store, ask.selection(), ask.caller.now_us)


def _has_plan(ask: Ask) -> bool:
    return has_plan(
        ask.config.billing, datetime.fromtimestamp(ask.caller.now_us / 1e6, ask.zone).date()
    )


def _one(found: AdviceReport, words: Sequence[str]) -> Recommendation | AnsweredView:
    if len(words) != 1:
        raise Misuse("give the id of one recommendation, or the beginning of it")
    known: list[Recommendation | AnsweredView] = [*found.recommendations, *found.answered]
    fitting = [each for each in known if each.id.startswith(words[0])]
    if len(fitting) != 1:
        raise Unanswered(f"{words[0]}: {'no' if not fitting else 'more than one'} such advice")
    return fitting[0]


def _lines(found: AdviceReport, ask: Ask) -> Iterator[str]:
    if not found.sessions:
        yield nothing(ask)
        return
    if not found.recommendations:
        yield f"nothing to recommend in {_of(found, ask)}"
    ids = ShortIds(session for each in found.recommendations for session in each.sessions)
    for number, each in enumerate(found.recommendations, 1):
        yield from _wrapped(f"{number}  ", each.message, ask)
        seen = ", ".join(ids[session] for session in each.sessions)
        saving = saving_told(each.saving, _has_plan(ask))
        sure = f"confidence {each.confidence} · effort {each.effort}"
        yield from _wrapped("   ", f"{saving} · {sure}", ask)
        yield f"   {each.id[:SHORT_ID]} · seen in {seen}"
        yield ""
    yield from _answered_lines(found.answered, ask)
    if found.recommendations:
        first = found.recommendations[0].id[:SHORT_ID]
        yield f"of {_of(found, ask)}"
        yield f"tachlog advice show {first} · dismiss, snooze, done ID · docs/advice.md"


def _of(found: AdviceReport, ask: Ask) -> str:
    since = f" since {fmt.day(found.since, ask.zone)}" if found.since else ""
    return f"{fmt.plural(found.sessions, 'session')}{since}"


def _shown(each: Recommendation, found: AdviceReport, ask: Ask) -> Iterator[str]:
    kind = next(kind for kind in data.advice().kinds if kind.type == each.type)
    yield from _wrapped("", each.message, ask)
    yield ""
    yield f"{each.type.replace('_', ' ')}, {each.id}: {kind.rule}"
    yield f"saving: {saving_told(each.saving, _has_plan(ask))}: {each.saving.basis}"
    yield f"confidence {each.confidence}, effort {each.effort}; measured: {kind.measure}"
    for name, value in each.evidence.items():
        number = f"{value:,}" if isinstance(value, int | float) else fmt.plain(value)
        yield f"  {name.replace('_', ' ')}: {number}"
    for session in each.sessions:
        yield f"  {fmt.plain(session)}  {fmt.plain(found.titles.get(session, ''))}".rstrip()
    if each.instruction:
        yield ""
        yield from _wrapped("to tell the agent: ", each.instruction, ask)


def saving_told(saving: Saving, has_plan: bool = False) -> str:
    """What may be saved in a week of work, in a few words; with a plan, time and shares first."""
    cost = minutes = tokens = ""
    if saving.usd_per_week is not None and saving.usd_per_week >= 0.005:
        cost = fmt.money(saving.usd_per_week)
    if saving.minutes_per_week >= 1:
        minutes = fmt.duration(saving.minutes_per_week * 60)
    if saving.tokens_per_week >= 1000:
        tokens = f"{fmt.short_count(saving.tokens_per_week)} tokens"
    if has_plan:
        cost = cost and f"{cost} at API prices"
        parts = [minutes, _share_told(saving), cost, tokens]
    else:
        parts = [cost, minutes, tokens]
    told = ", ".join(filter(None, parts))
    if not told:
        return "saving not estimated"
    return f"up to {told} a week of work (over {fmt.plural(saving.weeks, 'week')})"


def _share_told(saving: Saving) -> str:
    """How much of the weekly limit, where logs tell that, else of what is used."""
    if saving.limit_share:
        return f"{fmt.percent(saving.limit_share)} of the weekly limit"
    return f"{fmt.percent(saving.use_share)} of the use" if saving.use_share else ""


def _answered_lines(answered: Sequence[AnsweredView], ask: Ask) -> Iterator[str]:
    for each in answered:
        when = fmt.day(each.at, ask.zone)
        until = f" until {fmt.day(each.until, ask.zone)}" if each.until else ""
        note = f": {fmt.plain(each.note)}" if each.note else ""
        yield f"{each.id[:SHORT_ID]} {each.state}{until} by {each.by} on {when}{note}"
        yield from _wrapped("   ", each.message, ask)
        if each.effect is not None:
            yield from _wrapped("   ", effect_told(each), ask)
        yield ""


def effect_told(each: AnsweredView) -> str:
    """Whether it helped, and the numbers for it."""
    effect = each.effect
    assert effect is not None
    kind = next(kind for kind in data.advice().kinds if kind.type == each.type)
    numbers = (
        f"{kind.measure}: {_number(effect.before)} in {effect.sessions_before} sessions before,"
        f" {_number(effect.since)} in {effect.sessions_since} since"
    )
    chance = "" if effect.p_value is None else f" (p = {effect.p_value:.2g})"
    return f"{effect.verdict}: {numbers}{chance}"


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.3g}"


def _markdown(found: AdviceReport) -> Iterator[str]:
    instructions = list(
        dict.fromkeys(e.instruction for e in found.recommendations if e.instruction)
    )
    if not instructions:
        yield "nothing that belongs into an agent's instructions"
        return
    yield "## How to work here"
    yield ""
    for instruction in instructions:
        yield f"- {fmt.plain(instruction)}"


def _wrapped(head: str, text: str, ask: Ask) -> Iterator[str]:
    first, *rest = fmt.wrap(fmt.plain(text), ask.width - max(_INDENT, len(head)))
    yield f"{head}{first}"
    yield from (f"{' ' * (len(head) if len(head) <= _INDENT else 0)}{line}" for line in rest)


_DOING: Final[dict[str, Callable[[Ask, Sequence[str]], Answer]]] = {
    "list": _list,
    "show": _show,
    "dismiss": _dismiss,
    "snooze": _snooze,
    "done": _done,
}
