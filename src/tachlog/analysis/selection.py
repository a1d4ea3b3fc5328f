"""Which part of the archive a question is about."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, get_args

from msgspec import Struct

from tachlog.analysis.sequences import Step
from tachlog.metrics import ModelUse

By = Literal[
    "day",
    "week",
    "month",
    "model",
    "provider",
    "agent",
    "project",
    "branch",
    "pr",
    "session",
    "subagent",
    "tool",
]
BYS: tuple[By, ...] = get_args(By)
PERIODS = frozenset({"day", "week", "month"})

NUMBER_NOT_TOLD = "?"
"""The pull request of a session that opened one, where its log does not name it."""


class Selection(Struct, frozen=True):
    """Filters that all must hold; None filters nothing.

    `since_us` (inclusive) and `until_us` (exclusive) select sessions by their start, operations by
    their own time. `paths` selects the sessions told by those files, `user` those told
    by what belongs to somebody, `host` those told on a machine. A sub-agent belongs to a
    selection when its root does, except for `agent`, `model` and `provider`, which each thread
    answers itself.
    """

    since_us: int | None = None
    until_us: int | None = None
    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    project: str | None = None
    complexity: str | None = None
    user: str | None = None
    host: str | None = None
    paths: tuple[str, ...] | None = None


Shifts = Callable[[int, int], list[tuple[int, int]]]
"""For two quarter hours, from when on between them the clocks of a zone are how many quarter hours
ahead of UTC."""

Place = tuple[int, str, str]
"""Where a session stands in lists: its start (µs, 0 if it is not known), its id, its agent."""

Roots = Collection[str] | None
"""The root ids of some sessions; None: no matter which."""


class Quarter(Struct, frozen=True, array_like=True):
    """What happened in one quarter hour (UTC; `quarter` × 900 s since the epoch) with one model.

    Tool calls count for the quarter in which they started and have `model` None, as have failures
    of model calls. Sums only, so that quarters add up to hours and days of every time zone.
    `tokens` are settled (placeholders replaced by estimates), `estimated` the part no API reported;
    `cost_nanousd` sums the priced calls, `unpriced_calls` counts the others.
    """

    quarter: int
    model: str | None
    calls: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    estimated: int = 0
    cost_nanousd: int = 0
    unpriced_calls: int = 0
    response_n: int = 0
    response_us: int = 0
    tool_calls: int = 0
    tool_successes: int = 0
    tool_errors: int = 0
    failures: int = 0

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input + self.cache_read + self.cache_write + self.output


class Spending(Struct, frozen=True, array_like=True):
    """The calls of one group with one model.

    `group` and `within` are, by day, week or month: the quarter hour (UTC, × 900 s since the
    epoch); by branch: its name, and the project; by session: the id of the main conversation, and
    the agent; by pull request: `owner/name#number` or `NUMBER_NOT_TOLD`; by sub-agent: its type;
    else the name. None is for calls that belong to none. `period` counts the moments that the
    question named and that lie before the calls, or at them; `first_us` is the time of the first,
    or when its quarter hour began.
    """

    group: int | str | None
    within: str | None
    model: str
    use: ModelUse
    period: int = 0
    first_us: int = 0


class Told(Struct, frozen=True):
    """A fact (a `Mark`) that logs of an agent tell, and of how many main conversations."""

    agent: str
    value: str
    sessions: int


class Marked(Struct, frozen=True):
    """A fact (a `Mark`) that a log of an agent tells, and when it was first and last told (µs)."""

    agent: str
    value: str
    first_us: int
    last_us: int


class StoredStep(Step, frozen=True, gc=False):
    """A step with its thread's `session_id` and the session `root` that the thread belongs to."""

    root: str
    session_id: str


class Match(Struct, frozen=True):
    """Something that was looked for by its name: a session, project, tool, model or error.

    `id` and `agent` are those of a session.
    """

    kind: str
    name: str
    id: str | None = None
    agent: str | None = None


class Input(Struct, frozen=True):
    """What was read: records = parsed + duplicates + skipped + problems, in all and by source."""

    files: int = 0
    records: int = 0
    parsed: int = 0
    duplicates: int = 0
    skipped: int = 0
    problems: int = 0


class FileReport(Struct, frozen=True):
    """One file as the archive knows it.

    `unknown` and `skipped` count records by kind; `note` says why a file was not read; `tail_bytes`
    wait for the rest of a torn last record.
    """

    path: str
    source: str | None
    size: int
    offset: int
    tail_bytes: int
    records: int
    parsed: int
    duplicates: int
    skipped: dict[str, int]
    unknown: dict[str, int]
    problems: list[tuple[int, str, str]]
    note: str | None
    threads: int
    read_us: int
