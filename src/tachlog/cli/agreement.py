"""`doctor --reconcile`: where several tellings of one session agree, where not, and likely why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.agreement import Alone, Difference, Kind, SessionAgreement, agreements
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.naming import agent_name, words
from tachlog.cli.table import Column, table

MOST_SESSIONS = 12
COMPARED = (
    "compared: what the log of a session, its telemetry, its metrics and what its run printed tell"
    " of the same calls, with each other (tachlog reconcile compares a bill or an export with the"
    " archive)"
)

_NAMES: dict[Kind, str] = {
    "model_calls": "model call",
    "sums": "sum of calls",
    "tool_calls": "tool call",
    "prompts": "prompt",
    "failures": "failure",
    "compactions": "compaction",
}
_PLURALS = {"sums": "sums of calls"}
_COLUMNS = (
    Column("TOLD BY"),
    Column("CALLS", right=True),
    Column("SUMS", right=True),
    Column("TOOLS", right=True),
    Column("PROMPTS", right=True, spare=1),
    Column("FAILURES", right=True, spare=2),
    Column("COMPACTIONS", right=True, spare=3),
    Column("INPUT", right=True, spare=4),
    Column("CACHE READ", right=True, spare=4),
    Column("WRITTEN", right=True, spare=4),
    Column("OUTPUT", right=True, spare=4),
    Column("TOKENS", right=True),
)


class Agreements(Struct, frozen=True):
    """The sessions that several tellings tell, those that differ most first.

    `agree` of them tell the same tokens in all that they tell both.
    """

    sessions: list[SessionAgreement]
    agree: int


def tellings(ask: Ask) -> Answer:
    """Answer `tachlog doctor --reconcile`."""
    stated = []
    if ask.has_archive:
        with ask.store() as store:
            stated = store.stated()
    sessions = agreements(stated)
    found = Agreements(sessions, sum(not one.differences for one in sessions))
    return Answer(found, lambda: _lines(found, ask))


def _lines(found: Agreements, ask: Ask) -> Iterator[str]:
    told = fmt.plural(len(found.sessions), "session")
    yield fmt.line([("TELLINGS", "bold"), f" {told} told by several"], ask.width, ask.has_color)
    yield from fmt.wrap(COMPARED, ask.width)
    if not found.sessions:
        yield "no session is told by more than one of its log, telemetry, metrics and printed runs"
        return
    yield f"{found.agree:,} of {len(found.sessions):,} agree in the tokens of all that several tell"
    shown = found.sessions if ask.options.all else found.sessions[:MOST_SESSIONS]
    for session in shown:
        yield ""
        yield from (fmt.clip(line, ask.width) for line in _session(session, ask))
    if len(shown) < len(found.sessions):
        yield ""
        yield f"{len(found.sessions) - len(shown):,} more: --all"


def _session(session: SessionAgreement, ask: Ask) -> Iterator[str]:
    name = f"{agent_name(session.agent)} {fmt.plain(session.session_id)}"
    yield fmt.line([(name, "bold")], ask.width, ask.has_color)
    rows = []
    for telling, told in [*session.tellings.items(), ("counted", session.counted)]:
        counts = [
            told.model_calls,
            told.sums,
            told.tool_calls,
            told.prompts,
            told.failures,
            told.compactions,
            told.input,
            told.cache_read,
            told.cache_write,
            told.output,
            told.tokens,
        ]
        rows.append([telling, *(f"{count:,}" if count else "" for count in counts)])
    yield from (f"  {line}" for line in table(_COLUMNS, rows, ask.width - 2))
    if session.matched:
        same = ", ".join(_counted(kind, count) for kind, count in session.matched.items())
        yield f"  told by several: {same}"
    for one in session.alone:
        yield from _wrapped(_only(one), ask.width)
    for text in _differing(session.differences):
        yield from _wrapped(text, ask.width)


def _wrapped(text: str, width: int) -> Iterator[str]:
    first, *rest = fmt.wrap(text, width - 4)
    yield f"  {first}"
    yield from (f"    {line}" for line in rest)


def _counted(kind: Kind, count: int) -> str:
    return fmt.plural(count, _NAMES[kind], _PLURALS.get(kind))


def _only(one: Alone) -> str:
    tokens = f", {one.tokens:,} tokens" if one.tokens else ""
    aside = "" if one.counted else ", not counted"
    return f"{one.telling} alone: {_counted(one.kind, one.count)}{tokens}{aside}: {one.cause}"


def _differing(differences: Iterable[Difference]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for one in differences:
        groups[one.telling, one.cause].append(one)
    for (telling, cause), same in groups.items():
        count = max(one.count for one in same)
        each = ", ".join(f"{one.tokens:+,} {words(one.bucket)}" for one in same)
        told = each.replace("-", "\N{MINUS SIGN}")
        yield f"{telling} differs by {told} tokens in {fmt.plural(count, 'call')}: {cause}"
