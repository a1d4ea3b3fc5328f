"""Several tellings of one session: which operations are the same, what each comes to, what counts.

A session may be told by its agent's log, by telemetry and by what a headless run printed. Each
telling is kept as it is; what counts is decided from all of them together, so that neither the
order nor the portions in which they are read show. Operations are the same that share an id, else
those that are alike, in the order of their times: two of one telling are never one.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from tachlog.model import RUN_TOTALS, TELLINGS, Compaction, Failure, Prompt, Telling, Usage
from tachlog.operations import Call, ToolUse, ended_rank

Operation = Call | ToolUse | Prompt | Failure | Compaction


class Said(Struct, frozen=True):
    """One operation as one telling tells it: in which threads, of which trees of threads."""

    telling: Telling
    threads: tuple[int, ...]
    trees: tuple[str, ...]
    operation: Any

    @property
    def name(self) -> tuple[int, Telling]:
        """What no other has: its key and who tells it."""
        return self.operation.key, self.telling


class Likeness(Struct, frozen=True):
    """When two operations of one kind, told by two tellings, are the same.

    `names` are the ids of an operation; `alike` says what two have in common that share none (None:
    nothing), from the surest likeness to the weakest; `nearly` what only counts within a thread, of
    the fuller telling's and of the other one's, which may not know all.
    """

    names: Callable[[Any], tuple[int, ...]]
    alike: tuple[_Trait, ...]
    nearly: tuple[tuple[_Trait, _Trait], ...] = ()


_Trait = Callable[[Any], Hashable]


def counted(told: Sequence[Said], likeness: Likeness) -> dict[tuple[int, Telling], int | None]:
    """What each operation of some trees of threads counts as: its key in the fullest telling.

    The fullest telling's operations count by themselves, those of the others where no fuller one
    tells them. What does not count has None: a sum of calls that another telling tells one by one
    or a fuller one sums up; and a prompt, or anything printed, that fuller tellings do not have
    while they tell others of its kind, since they would have it too.
    """
    result: dict[tuple[int, Telling], int | None] = {}
    standing: list[Said] = []
    names: dict[int, int] = {}
    single = {one.telling for one in told if _has_usage(one.operation, summed=False)}
    for telling in TELLINGS:
        mine = sorted((one for one in told if one.telling == telling), key=_in_time)
        pairs = _paired(standing, names, mine, likeness)
        summed = any(_has_usage(one.operation, summed=True) for one in standing)
        full = summed or any(_tells_all(one.operation) for one in standing)
        for one in mine:
            key = pairs.get(one.name)
            if _is_sum(one.operation):
                covered = summed or bool(single - {telling})
            else:
                covered = full and (telling == "printed" or isinstance(one.operation, Prompt))
            if key is None and not covered:
                key = one.operation.key
                standing.append(one)
            if key is not None:
                names.update(dict.fromkeys(likeness.names(one.operation), key))
            result[one.name] = key
    return result


def _in_time(one: Said) -> tuple[int, int]:
    return one.operation.at_us, one.operation.key


def _is_sum(operation: Operation) -> bool:
    return isinstance(operation, Call) and operation.stop_reason == RUN_TOTALS


def _has_usage(operation: Operation, *, summed: bool) -> bool:
    if not isinstance(operation, Call) or operation.usage is None:
        return False
    return _is_sum(operation) == summed


def _tells_all(operation: Operation) -> bool:
    """Whether a coarser telling could add nothing to operations like this one."""
    return not isinstance(operation, Call) or operation.usage is not None


def _paired(
    standing: Sequence[Said], names: dict[int, int], mine: Sequence[Said], likeness: Likeness
) -> dict[tuple[int, Telling], int]:
    """The key of the standing operation that each of one telling is; each is taken once.

    By id first; then by each likeness, within the same thread before the whole tree, the first in
    time with the first.
    """
    pairs: dict[tuple[int, Telling], int] = {}
    for one in mine:
        for name in likeness.names(one.operation):
            if name in names:
                pairs.setdefault(one.name, names[name])
    taken = set(pairs.values())
    standing = sorted(standing, key=_in_time)
    rounds = [(alike, alike, where) for alike in likeness.alike for where in (_threads, _trees)]
    rounds += [(theirs, ours, _threads) for theirs, ours in likeness.nearly]
    for theirs, ours, places in rounds:
        if len(pairs) == len(mine):
            break
        free: dict[Hashable, deque[int]] = defaultdict(deque)
        for one in standing:
            if one.operation.key not in taken and (what := theirs(one.operation)) is not None:
                for place in places(one):
                    free[place, what].append(one.operation.key)
        for one in mine:
            what = ours(one.operation)
            for place in places(one) if one.name not in pairs else ():
                waiting = free.get((place, what), deque())
                while waiting and waiting[0] in taken:
                    waiting.popleft()
                if waiting and one.name not in pairs:
                    pairs[one.name] = waiting[0]
                    taken.add(waiting[0])
    return pairs


def _threads(one: Said) -> tuple[Hashable, ...]:
    return one.threads


def _trees(one: Said) -> tuple[Hashable, ...]:
    return one.trees


def filled(base: Operation, echoes: Iterable[Operation]) -> Operation:
    """An operation as its fullest telling tells it, with what only others of it know.

    Of model calls the usage with the most output counts, as a whole; of tool calls each half is
    that of the fullest telling that has it, unless another explains how it ended.
    """
    for echo in echoes:
        base = _filled(base, echo)
    return base


def _filled(base: Operation, echo: Operation) -> Operation:
    changes: dict[str, Any] = {
        name: getattr(echo, name)
        for name in base.__struct_fields__
        if name not in _OWN and getattr(base, name) is None
    }
    if isinstance(base, Call) and isinstance(echo, Call):
        changes |= _usage_of_both(base, echo)
    elif isinstance(base, ToolUse) and isinstance(echo, ToolUse):
        changes |= _halves_of_both(base, echo)
    return replace(base, **changes)


def _usage_of_both(base: Call, echo: Call) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "behaviors": base.behaviors | echo.behaviors,
        "parts": {**echo.parts, **base.parts},
        "output_min": min(base.output_min, echo.output_min),
        "output_max": max(base.output_max, echo.output_max),
    }
    if base.model == "unknown":
        changes |= {"model": echo.model, "provider": echo.provider}
    if fullness(echo.usage) > fullness(base.usage):
        changes |= {
            "usage": echo.usage,
            "usage_us": echo.usage_us,
            "output_last": echo.output_last,
        }
    return changes


def fullness(usage: Usage | None) -> tuple[int, int, bool, int]:
    """By which one of two usages of a call is taken: the greater."""
    if usage is None:
        return (-1, -1, False, 0)
    return (usage.output, usage.total, usage.reasoning is not None, usage.cache_write_1h)


def _halves_of_both(base: ToolUse, echo: ToolUse) -> dict[str, Any]:
    changes: dict[str, Any] = {"output_bytes": max(base.output_bytes, echo.output_bytes)}
    if base.tool is None:
        changes |= {name: getattr(echo, name) for name in _CALL_HALF}
    elif base.target is None or base.target.kind == "none":
        changes["target"] = echo.target or base.target
    if ended_rank(echo) < ended_rank(base):
        changes |= {name: getattr(echo, name) for name in _RESULT_HALF}
        changes["end_us"] = echo.end_us if base.end_us is None else base.end_us
    return changes


_CALL_HALF: Final = ("at_us", "tool", "call", "input_bytes", "input_digest", "target")
_RESULT_HALF: Final = ("reported", "exit_code", "error_class", "fingerprint", "excerpt")
_OWN: Final = frozenset(("alias", "usage", "end_us", *_CALL_HALF, *_RESULT_HALF))
"""What belongs to a telling, or is decided together with other fields."""


def _call_names(call: Call) -> tuple[int, ...]:
    return (call.key,) if call.alias is None else (call.key, call.alias)


def _key_alone(operation: Operation) -> tuple[int, ...]:
    return (operation.key,)


def _same_usage(call: Call) -> Hashable:
    usage = call.usage
    if usage is None or call.stop_reason == RUN_TOTALS:
        return None
    return (usage.input, usage.cache_read, usage.cache_write, usage.output)


def _same_sums(call: Call) -> Hashable:
    """Telemetry may not tell what was written to a cache apart from what was read of it."""
    usage = call.usage
    if usage is None or call.stop_reason == RUN_TOTALS:
        return None
    return (usage.prompt, usage.output)


def _same_input(use: ToolUse) -> Hashable:
    return (use.tool, use.input_digest) if use.tool and use.input_digest else None


def _tool(use: ToolUse) -> Hashable:
    return use.tool


def _tool_without_input(use: ToolUse) -> Hashable:
    return None if use.input_digest else use.tool


def _status(failure: Failure) -> Hashable:
    return failure.status


def _without_status(failure: Failure) -> Hashable:
    return type(failure) if failure.status is None else None


def _size(compaction: Compaction) -> Hashable:
    return compaction.tokens_before


LIKENESSES: Final[dict[type, Likeness]] = {
    Call: Likeness(_call_names, (_same_usage, _same_sums)),
    ToolUse: Likeness(
        _key_alone,
        (_same_input,),
        ((_tool, _tool_without_input), (_tool_without_input, _tool)),
    ),
    Prompt: Likeness(_key_alone, (lambda prompt: prompt.characters,)),
    Failure: Likeness(
        _key_alone, (), ((_status, _status), (type, _without_status), (_without_status, type))
    ),
    Compaction: Likeness(_key_alone, (), ((_size, _size), (type, type))),
}
"""What makes two tellings of an operation the same, by its kind."""
