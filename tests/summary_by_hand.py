"""Sessions measured by hand, and an archive that holds them: for tests of what is told of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any

from msgspec.structs import replace

from tachlog.analysis.selection import Input, Marked, Quarter, Roots, Selection, StoredStep
from tachlog.analysis.standing import KeptAdvice, Standing
from tachlog.analysis.trace import Trace
from tachlog.analysis.unlogged import SideCall
from tachlog.hooks.facts import Hooked, Key
from tachlog.metrics import QUARTER_US, ModelUse, SessionMetrics, Sketch, TimeSplit, ToolStats
from tachlog.metrics.calibration import SHIPPED, Learned
from tachlog.metrics.sketch import exact_quantile, sketch_of
from tachlog.sessions import Session

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
DOLLAR = 1_000_000_000
VIENNA = "Europe/Vienna"
MODEL = "claude-opus-4-5-20251101"
INPUT = Input(files=2, records=100, parsed=80, duplicates=10, skipped=9, problems=1)


def at(text: str) -> int:
    """Return a time in UTC such as `2026-11-20T12:00` in µs since the epoch."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


NOW = at("2026-11-20T12:00")


def tool(count: int = 1, *, errors: int = 0, us: Sequence[int] = (), **facts: Any) -> ToolStats:
    """Return the figures of a tool; what did not fail succeeded, `us` are its durations."""
    return ToolStats(
        **{
            "category": "shell",
            "count": count,
            "success_count": count - errors,
            "error_count": errors,
            "timed": len(us),
            "total_us": sum(us),
            "p95_us": exact_quantile(us, 0.95),
            "sketch": sketch_of(us),
            **facts,
        }
    )


def use(calls: int = 1, *, cost: int | None = DOLLAR, **facts: Any) -> ModelUse:
    """Return the use of a model: a thousand tokens a call, for one dollar in all."""
    return ModelUse(
        **{
            "provider": "anthropic",
            "calls": calls,
            "input": 100 * calls,
            "cache_read": 700 * calls,
            "cache_write": 150 * calls,
            "output": 50 * calls,
            "cost_nanousd": cost,
            "unpriced_calls": calls if cost is None else 0,
            "unpriced_tokens": 1_000 * calls if cost is None else 0,
            **facts,
        }
    )


def thread(
    session_id: str = "s1",
    start: str | None = "2026-11-18T09:00",
    *,
    of: str | None = None,
    minutes: int = 10,
    models: Mapping[str, ModelUse] | None = None,
    tools: Mapping[str, ToolStats] | None = None,
    us: Sequence[int] = (),
    **facts: Any,
) -> SessionMetrics:
    """Return a thread; `of` makes it a sub-agent's, `us` are its response times."""
    models = {MODEL: use()} if models is None else models
    tools = tools or {}
    start_us = None if start is None else at(start)
    errors = sum(stats.error_count for stats in tools.values())
    decided = sum(stats.success_count for stats in tools.values())
    calls = sum(one.calls for one in models.values())
    return SessionMetrics(
        **{
            "agent": "claude_code",
            "session_id": session_id,
            "root": of or session_id,
            "parent": of,
            "title": f"Work on {session_id}",
            "project": "shop",
            "kind": "interactive" if of is None else "sub-agent",
            "model": next(iter(models), None),
            "provider": "anthropic" if models else None,
            "models": dict(models),
            "start_us": start_us,
            "end_us": None if start_us is None else start_us + minutes * 60 * SECOND,
            "active_us": minutes * 30 * SECOND,
            "time_split": TimeSplit(
                model=minutes * 12 * SECOND,
                tool=minutes * 12 * SECOND,
                person=minutes * 6 * SECOND,
                idle=minutes * 30 * SECOND,
            )
            if of is None
            else None,
            "messages": 2 * calls,
            "prompts": calls,
            "calls": calls,
            "tool_calls": sum(stats.count for stats in tools.values()),
            "op_successes": calls + decided,
            "op_errors": errors,
            "response_n": len(us),
            "response_us": sum(us),
            "response_p95_us": exact_quantile(us, 0.95),
            "response_sketch": sketch_of(us),
            "tools": dict(tools),
            "errors": {"command_failed": errors} if errors else {},
            **facts,
        }
    )


def quarter(when: str, model: str | None = MODEL, **facts: Any) -> Quarter:
    """Return what happened in the quarter hour that holds a time."""
    return Quarter(at(when) // (900 * SECOND), model, **facts)


def steps(
    session_id: str, *tools: str, root: str | None = None, failed: int = -1
) -> list[StoredStep]:
    """Return calls of tools one after the other, all with different input; one of them failed."""
    return [
        StoredStep(
            n,
            name,
            n + 1,
            "error" if n == failed else "success",
            root or session_id,
            session_id,
        )
        for n, name in enumerate(tools)
    ]


class Unadvised:
    """Advice of which nothing is kept and nobody said anything."""

    def standings(self) -> list[Standing]:
        """Nothing was said."""
        return []

    def keep(self, standing: Standing) -> None:
        """Forget it."""

    def kept(self, name: bytes) -> KeptAdvice | None:
        """None."""
        return None

    def answers(self) -> list[bytes]:
        """None."""
        return []

    def renewed(self, name: bytes, make: Callable[[], bytes], now_us: int) -> bytes:
        """Make it, and do not keep it."""
        return make()


class Shelf:
    """An archive of what was put into it; quarters follow from threads unless they are given."""

    def __init__(
        self,
        threads: Iterable[SessionMetrics] = (),
        *,
        quarters: Sequence[Quarter] | None = None,
        responses: Sequence[tuple[int, int]] = (),
        steps: Sequence[StoredStep] = (),
        traces: Sequence[Trace] = (),
        read: Input = INPUT,
    ) -> None:
        self.threads = list(threads)
        self.kept_quarters = quarters
        self.kept_responses = responses
        self.kept_steps = steps
        self.kept_traces = traces
        self.read = read

    def deleted_before_us(self) -> int | None:
        """Nothing was deleted."""
        return None

    def traces(self, selection: Selection) -> list[Trace]:
        """What was put into it."""
        return list(self.kept_traces)

    @property
    def advising(self) -> Unadvised:
        """Nothing is kept of advice."""
        return Unadvised()

    def hooked(self, since_us: int) -> dict[Key, Hooked]:
        """No hook told anything."""
        return {}

    def marked(self, mark: str, since_us: int) -> list[Marked]:
        """No log tells anything of itself."""
        return []

    def learned(self) -> Learned:
        """Nothing was learned."""
        return SHIPPED

    def sessions(self, selection: Selection) -> list[SessionMetrics]:
        """The threads that begin in the selection."""
        return [m for m in self.threads if _within(m.start_us or 0, selection)]

    def without_needless_paths(self, selection: Selection) -> Selection:
        """The same: nothing was read of any file."""
        return selection

    def side_calls(self, selection: Selection) -> list[SideCall]:
        """None."""
        return []

    def kept(self, name: bytes, make: Callable[[], bytes]) -> bytes:
        """Nothing is kept: it is made each time."""
        return make()

    def session(self, session_id: str) -> tuple[SessionMetrics, Session] | None:
        """Nothing: these sessions have figures and no operations."""
        return None

    def active(self, after_us: int, until_us: int) -> int:
        """How many sessions have threads that did something then."""
        return len(
            {
                (m.agent, m.root)
                for m in self.threads
                if (m.end_us or 0) > after_us and (m.start_us or 0) < until_us
            }
        )

    def complexity(self, selection: Selection) -> list[tuple[int, int, int]]:
        """Each main conversation by itself."""
        return [
            (m.start_us // QUARTER_US, 1, m.complexity_score)
            for m in self.sessions(selection)
            if m.parent is None and m.start_us is not None
        ]

    def tools_between(self, selection: Selection, edges: Sequence[int]) -> dict[int, set[str]]:
        """The tools of the steps in the selection between each two moments."""
        steps = [step for step in self.kept_steps if _within(step.at_us, selection)]
        return {
            since: {step.tool for step in steps if since <= step.at_us < until}
            for since, until in pairwise(edges)
        }

    def hours(self, selection: Selection) -> list[Quarter]:
        """The quarter hours in the selection under the first of their hour."""
        kept = self.quarters(selection)
        return [replace(q, quarter=q.quarter // 4 * 4, model=None) for q in kept]

    def quarters(self, selection: Selection) -> list[Quarter]:
        """The quarter hours in the selection."""
        kept = self.kept_quarters
        found = [q for m in self.threads for q in _quarters(m)] if kept is None else kept
        return [q for q in found if _within(q.quarter * 900 * SECOND, selection)]

    def response_times(self, selection: Selection) -> list[tuple[int, Sketch]]:
        """The response times in the selection, each in its quarter hour."""
        return [
            (at_us // QUARTER_US, sketch_of([response_us]))
            for at_us, response_us in self.kept_responses
            if _within(at_us, selection)
        ]

    def parts(self, selection: Selection, most: int) -> Iterator[list[SessionMetrics]]:
        """Each session alone, in order of root."""
        found = sorted(self.sessions(selection), key=lambda m: (m.root, m.agent))
        for _, threads in groupby(found, key=lambda m: (m.root, m.agent)):
            yield list(threads)

    def steps(self, selection: Selection, roots: Roots = None) -> list[StoredStep]:
        """The steps of these sessions, or all."""
        return [step for step in self.kept_steps if roots is None or step.root in roots]

    def input(self, selection: Selection) -> tuple[Input, dict[str, Input]]:
        """What was read, all of it from one source."""
        return self.read, {"claude_code": self.read} if self.read.files else {}


def _within(at_us: int, selection: Selection) -> bool:
    since, until = selection.since_us, selection.until_us
    return (since is None or at_us >= since) and (until is None or at_us < until)


def _quarters(m: SessionMetrics) -> list[Quarter]:
    if m.start_us is None:
        return []
    place = m.start_us // (900 * SECOND)
    errors = sum(stats.error_count for stats in m.tools.values())
    return [
        *(
            Quarter(
                place,
                name,
                calls=one.calls,
                input=one.input,
                cache_read=one.cache_read,
                cache_write=one.cache_write,
                output=one.output,
                cost_nanousd=one.cost_nanousd or 0,
                unpriced_calls=one.unpriced_calls,
            )
            for name, one in m.models.items()
        ),
        Quarter(
            place,
            None,
            tool_calls=m.tool_calls,
            tool_successes=m.op_successes - m.calls,
            tool_errors=errors,
            failures=m.op_errors - errors,
        ),
    ]
