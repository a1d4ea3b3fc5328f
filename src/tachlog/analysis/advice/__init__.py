"""What to change: few recommendations, each with its evidence, what saves most first.

A kind's groups are found by a pure function of the material; whether a group is enough for advice,
and in which words, is data (`data/advice.toml`). Each case counts for one recommendation only: for
the one that saves most of those that it belongs to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from tachlog import data
from tachlog.analysis.advice import choosing, contexts, failing, repeating, waiting
from tachlog.analysis.advice.material import Case, Facts, Group, Material
from tachlog.analysis.claims import Claim
from tachlog.analysis.shapes import Recommendation, Saving
from tachlog.analysis.standing import Standing
from tachlog.analysis.units import dollars, share
from tachlog.data import AdviceKind
from tachlog.model import key_of

FINDERS: Final[Mapping[str, Callable[[Material], Iterator[Group]]]] = {
    "tool_optimization": failing.failing_tools,
    "retry_reduction": failing.retries,
    "repeated_failure": failing.same_failures,
    "missing_path": failing.missing_paths,
    "loop": repeating.loops,
    "polling": repeating.polling,
    "repeated_call": repeating.repeated_calls,
    "reread_file": repeating.rereading,
    "oversized_output": contexts.oversized_outputs,
    "cache_idle": contexts.after_a_pause,
    "cache_return": contexts.taken_up_again,
    "cache_model_switch": contexts.model_switches,
    "cache_prefix": contexts.changed_prefixes,
    "context_pressure": contexts.full_contexts,
    "model_choice": choosing.dear_models,
    "slow_tool": waiting.slow_commands,
    "approval_wait": waiting.approvals,
    "flaky_network": failing.flaky_network,
    "abandoned_session": choosing.abandoned,
    "subagent_cost": choosing.small_sub_agents,
    "unused_mcp": choosing.unused_servers,
}
"""How the groups of each kind are found."""

MOST_SESSIONS: Final = 5
SURE_SESSIONS: Final = 10
FAIRLY_SURE_SESSIONS: Final = 5
_WORDING: Final = frozenset({"remedy", "habit", "names", "what", "do", "text", "lost"})


class _Draft(NamedTuple):
    kind: AdviceKind
    group: Group
    saved: Claim


def recommend(material: Material) -> list[Recommendation]:
    """All that there is enough evidence for, what saves most first."""
    drafts = [
        _Draft(kind, group, _sum(group.cases))
        for kind in data.advice().kinds
        for group in FINDERS[kind.type](material)
        if is_enough(kind, group.facts)
    ]
    return [_told(draft, material) for draft in sorted(_apart(drafts, material), key=_order)]


def still_told(
    found: Iterable[Recommendation], standings: Iterable[Standing], now_us: int
) -> list[Recommendation]:
    """The first of what nobody dismissed, snoozed or did, as many as `data/advice.toml` says."""
    without = {each.id for each in standings if each.holds(now_us)}
    of_type = Counter[str]()
    few = []
    for each in found:
        if each.id not in without and of_type[each.type] < data.advice().most_of_a_type:
            of_type[each.type] += 1
            few.append(each)
    return few[: data.advice().most]


def id_of(kind: str, about: str) -> str:
    """What a recommendation is called: the same as long as it is about the same."""
    return f"{key_of('advice', kind, about):016x}"[:12]


def is_enough(kind: AdviceKind, facts: Facts) -> bool:
    """Whether a group's numbers reach what its kind asks for."""
    return all(_number(facts, name) >= least for name, least in kind.least.items()) and all(
        _number(facts, name) > bound for name, bound in kind.above.items()
    )


def _number(facts: Facts, name: str) -> float:
    value = facts[name]
    assert not isinstance(value, str), name
    return value


def _order(draft: _Draft) -> tuple[int, int, int, int, int, str]:
    """What saves most first; of equals what more cases speak for, then as the kinds are listed."""
    saved, kind = draft.saved, data.advice().kinds.index(draft.kind)
    cases = len(draft.group.cases)
    return (-(saved.nanousd or 0), -saved.us, -saved.tokens, -cases, kind, draft.group.about)


def _apart(drafts: Iterable[_Draft], material: Material) -> Iterator[_Draft]:
    """Recommendations with no case counted twice; those of which less than half is left go."""
    left = {
        call.key: [call.prompt + call.output, call.nanousd or 0]
        for trace in material.traces
        for call in trace.calls
    }
    told = set[tuple[str, int]]()
    for draft in sorted(drafts, key=_order):
        own = [case for case in draft.group.cases if case.key not in told]
        if 2 * len(own) < len(draft.group.cases):
            continue
        told.update(case.key for case in own)
        yield draft._replace(saved=_sum(own, left))


def _sum(cases: Iterable[Case], left: Mapping[int, list[int]] | None = None) -> Claim:
    """What cases cost; with `left`, of each call no more than is left of it."""
    total = Claim()
    for case in cases:
        claim = case.claim
        if left is not None and case.call is not None and case.call in left:
            rest = left[case.call]
            tokens = min(claim.tokens, rest[0])
            nanousd = None if claim.nanousd is None else min(claim.nanousd, rest[1])
            rest[0] -= tokens
            rest[1] -= nanousd or 0
            claim = Claim(tokens, claim.us, nanousd)
        total += claim
    return total


def _saving(draft: _Draft, material: Material, texts: Mapping[str, object]) -> Saving:
    kind, group, saved = draft
    weeks, (all_nanousd, all_tokens) = material.weeks, material.used
    nanousd, tokens = saved.nanousd, saved.tokens
    agents = set().union(*(material.agents.get(case.session, set()) for case in group.cases))
    limit = material.weekly.get(agents.pop()) if len(agents) == 1 else None
    return Saving(
        None if nanousd is None else round(dollars(nanousd) / weeks, 4),
        round(tokens / weeks),
        round(saved.us / 6e7 / weeks, 1),
        weeks,
        kind.saving.format(**texts),
        share(tokens, all_tokens) if nanousd is None else share(nanousd, all_nanousd),
        None if nanousd is None or not limit else share(nanousd, limit * weeks),
    )


def _told(draft: _Draft, material: Material) -> Recommendation:
    kind, group, _ = draft
    facts = group.facts
    texts = {**facts, "tool": group.tool}
    sessions = Counter[str]()
    for case in group.cases:
        sessions[case.session] += case.count
    heaviest = sorted(sessions, key=lambda session: (-sessions[session], session))
    return Recommendation(
        type=kind.type,
        message=kind.message.format(**texts),
        tool=group.tool,
        evidence={name: value for name, value in facts.items() if not _is_wording(name)},
        sessions=heaviest[:MOST_SESSIONS],
        id=id_of(kind.type, group.about),
        about=group.about,
        saving=_saving(draft, material, texts),
        confidence=_confidence(len(sessions)),
        effort=kind.effort,
        instruction=kind.instruction.format(**texts) if kind.instruction else None,
    )


def _is_wording(name: str) -> bool:
    return name in _WORDING or name.endswith("_told")


def _confidence(sessions: int) -> Literal["low", "medium", "high"]:
    if sessions >= SURE_SESSIONS:
        return "high"
    return "medium" if sessions >= FAIRLY_SURE_SESSIONS else "low"
