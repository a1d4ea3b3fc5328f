"""What `doctor` holds against each other: what logs report, and what their calls come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.cost_check import DIFFERS, CostComparison, TokenCheck
from tachlog.analysis.selection import Selection
from tachlog.analysis.view import cost_usd
from tachlog.cli.naming import agent_name
from tachlog.stores import Store

COSTS_CHECKED = 50
MOST_SHOWN = 12


class CostCheck(Struct, frozen=True):
    """A session's cost as its log reports it beside what its calls cost at API prices."""

    session_id: str
    reported_usd: float
    computed_usd: float | None


def session_costs(store: Store) -> list[CostCheck]:
    """The costs that the logs of the newest sessions report, their sub-agents included.

    Without copies of a session that went another way: those count on from what it had cost.
    """
    threads = store.sessions(Selection())
    mains = [m for m in threads if m.parent is None][-COSTS_CHECKED:]
    checks = []
    for m in mains:
        found = store.session(m.session_id)
        told = found[1].told("reported_cost") if found else []
        if told and not store.shared(m.session_id):
            uses = [use for t in threads if t.root == m.root for use in t.models.values()]
            most = max(int(nanousd) for nanousd in told)
            checks.append(CostCheck(m.session_id, most / 1e9, cost_usd(uses)))
    return checks


def blocks(
    costs: Sequence[CostCheck], calls: Sequence[CostComparison], tokens: Sequence[TokenCheck]
) -> Iterator[tuple[str, list[str]]]:
    """What agrees and what differs, each with its heading."""
    if costs:
        yield "COSTS that logs report for sessions, beside ours", _costs(costs)
    if calls:
        yield "COSTS that logs report for calls, at API prices", _call_costs(calls)
    if tokens:
        yield "TOKENS that logs report for sessions, beside ours", _tokens(tokens)


def _costs(checks: Sequence[CostCheck]) -> list[str]:
    differing = [check for check in checks if _differs(check)]
    agree = f"{len(checks) - len(differing):,} of {len(checks):,} agree"
    return [
        f"  {agree} within {fmt.percent(DIFFERS, 0)}",
        *(
            f"  {check.session_id}: reported {fmt.money(check.reported_usd)}, at API prices"
            f" {fmt.money(check.computed_usd)}"
            for check in differing[:MOST_SHOWN]
        ),
    ]


def _differs(check: CostCheck) -> bool:
    if check.computed_usd is None:
        return True
    return abs(check.reported_usd - check.computed_usd) > DIFFERS * check.reported_usd


def _call_costs(found: Sequence[CostComparison]) -> list[str]:
    differing = [each for each in found if each.differs]
    agree = f"{len(found) - len(differing):,} of {fmt.plural(len(found), 'model')} agree"
    return [
        f"  {agree} within {fmt.percent(DIFFERS, 0)}; what the log reports counts",
        *(
            f"  {agent_name(each.agent)} {fmt.plain(each.model)},"
            f" {fmt.plural(each.calls, 'call')}: reported {fmt.money(each.reported_usd)},"
            f" at API prices {fmt.money(each.computed_usd)}"
            f" ({fmt.signed_percent(each.difference or 0)})"
            for each in differing[:MOST_SHOWN]
        ),
    ]


def _tokens(checks: Sequence[TokenCheck]) -> list[str]:
    differing = [check for check in checks if check.reported != check.counted]
    return [
        f"  {len(checks) - len(differing):,} of {len(checks):,} agree",
        *(
            f"  {check.session_id}: reported {check.reported:,}, counted {check.counted:,}"
            for check in differing[:MOST_SHOWN]
        ),
    ]
