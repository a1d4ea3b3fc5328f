"""What reading a rollout needs to know of the lines before: thread, turn, response, totals."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from tachlog.model import Target, Thread, key_of

AGENT: Final = "codex"

_UNIQUE: Final = 16
"""Characters from which an id is one that no other session has: some back-ends count `call_1`."""
_MOST_TURNS: Final = 64
_MOST_CALLS: Final = 256
_MOST_PROCESSES: Final = 64


class Response(Struct):
    """The response of the model that items and usage belong to now.

    `closed`: its usage came behind its items, so the next item begins another response. `broken`:
    something was said to the model since, so the next item does as well.
    """

    key: int
    first_us: int
    last_us: int
    has_items: bool = False
    has_usage: bool = False
    closed: bool = False
    broken: bool = False
    searches: int = 0


class Asked(Struct):
    """A tool call that waits for its output, and what events told of its end already."""

    tool: str
    at_us: int
    target: Target | None = None
    exit_code: int | None = None
    duration_ms: int | None = None
    failed: bool | None = None
    denied: bool = False
    declined: bool = False
    approval_us: int | None = None


class Compacted(Struct):
    """A compaction whose outcome the next token count tells."""

    key: int
    at_us: int
    tokens_before: int | None


class State(Struct):
    """All that is carried from line to line.

    `scope` is the id of the session whose header came last: in copied history that of the session
    that it was copied from; `copied` counts such headers. `own_from` is the ordinal of the first
    line that is no copied history. `used` counts the calls of the turn whose usage was told,
    `unused` the responses since without, `prompts` what was said since the last response: an
    impatient person may say one thing twice, but not at one moment: `said` has the last one's text
    and time. `counts` keeps `used` of the turns before. `exact`: usage is told by
    `token_usage_record`s, so that token counts repeat it. `totals` are the running totals that were
    told last, `search` is the id of a web search whose item has none.
    """

    thread: Thread | None = None
    scope: str = ""
    copied: int = 0
    own_from: int = 0
    inherited: bool = False
    provider: str = ""
    model: str = "unknown"
    tier: str | None = None
    branch: str | None = None
    cwd: str | None = None
    names: str = "title.ai"

    at_us: int = 0
    at_same: int = 0

    turn: str = ""
    used: int = 0
    unused: int = 0
    prompts: int = 0
    said: tuple[int, int] = (0, 0)
    counts: dict[str, int] = field(default_factory=dict)
    usage_first: bool = False
    response: Response | None = None
    first: Response | None = None

    totals: tuple[int, ...] | None = None
    exact: bool = False
    last_response: str | None = None
    context: int | None = None
    compacted: Compacted | None = None

    asked: dict[str, Asked] = field(default_factory=dict)
    processes: dict[int, Target] = field(default_factory=dict)
    search: str | None = None

    titled: bool = False
    plan: str | None = None
    quotas: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """The id that what is told without an id of its own is keyed with."""
        return self.turn or self.scope

    def record_key(self, at_us: int, kind: str) -> int:
        """The key of a record: thread, kind and time, and its number among those of that time."""
        self.at_same = self.at_same + 1 if at_us == self.at_us else 0
        self.at_us = at_us
        session = self.thread.session_id if self.thread else ""
        return key_of(AGENT, session, kind, str(at_us), str(self.at_same))

    def id_key(self, name: str) -> int:
        """The key of something that has an id, which may be unique within its session only."""
        return key_of(AGENT, name) if len(name) >= _UNIQUE else key_of(AGENT, self.scope, name)

    def place_key(self, kind: str, *more: str) -> int:
        """The key of something without an id: what it is, and how far its turn had come.

        A fork's copy of it stands at the same place of the same turn.
        """
        return key_of(AGENT, kind, self.anchor, f"{self.used}.{self.unused}", *more)

    def enter_turn(self, turn: str | None) -> None:
        """A turn begins, or goes on."""
        if turn is None or turn == self.turn or len(turn) < _UNIQUE:
            return
        if self.turn:
            self.counts[self.turn] = self.used
            while len(self.counts) > _MOST_TURNS:
                del self.counts[next(iter(self.counts))]
        self.turn = turn
        self.used, self.unused, self.prompts = self.counts.get(turn, 0), 0, 0
        self.response = self.first = None

    def item(self, at_us: int, digest: int) -> Response:
        """The response that an item, known by its digest, belongs to."""
        now = self.response
        if now is None or now.closed or now.broken:
            now = self._begin(at_us, digest)
        now.has_items = True
        now.last_us = max(now.last_us, at_us)
        return now

    def spend(self, at_us: int, digest: int) -> Response:
        """The response that a usage belongs to.

        Usage came before the items of its response until about 0.58, behind them since (measured
        on 0.34 to 0.169): behind items without usage it is theirs, unless this version tells it
        first.
        """
        now = self.response
        if now is not None and now.has_items and not now.has_usage and not self.usage_first:
            now.closed = True
        else:
            now = self._begin(at_us, digest)
        now.has_usage = True
        self.used += 1
        self.unused = 0
        return now

    def interrupt(self) -> None:
        """Something was said to the model: what it says next is another response."""
        if self.response is not None:
            self.response.broken = True

    def _begin(self, at_us: int, digest: int) -> Response:
        before = self.response
        if before is not None and not before.has_usage:
            self.unused += 1
        self.prompts = 0
        start = "" if self.turn else str(digest)
        self.response = Response(self.place_key("response", start), at_us, at_us)
        self.first = self.first or self.response
        return self.response

    def ask(self, call_id: str, asked: Asked) -> None:
        """A tool call waits for its output."""
        self.asked[call_id] = asked
        while len(self.asked) > _MOST_CALLS:
            del self.asked[next(iter(self.asked))]

    def runs_on(self, process: int, target: Target) -> None:
        """A command goes on in the background, for later calls to look after."""
        self.processes[process] = target
        while len(self.processes) > _MOST_PROCESSES:
            del self.processes[next(iter(self.processes))]
