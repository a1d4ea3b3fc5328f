"""Which spans tell a model call of their own, and which repeat one that is told inside of them.

Spans of one call nest: a framework's span around a client's, an agent's total around its calls.
Each telling is an event that cannot be taken back, so this decides with what was read before:

- a span that encloses a call told before is its wrapper and tells nothing (exporters write a span
  when it ends, so what is inside comes first);
- a call inside of a span that was told before (an export ordered by start) is another telling of
  that call: it has its key, so that both count once, with the greater usage.

A span without tokens whose time and model cover those of a metered call is its wrapper too: some
exports cut the tie between them (Phoenix with OpenRouter, measured: three spans in two traces).
Reading in neither order, or past the limits of the state, a wrapper may be told beside its call.
"""

from __future__ import annotations

from typing import Final, TypeVar

from msgspec import Struct, field

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_MOST_SPANS: Final = 4096
_MOST_TRACES: Final = 512
_MOST_TIMES: Final = 64
_MOST_TOOLS: Final = 256
_ROUNDING_US: Final = 1000
"""Exports may round times to milliseconds."""


class Timed(Struct, array_like=True):
    """When a call that was told ran, and whether it reported tokens."""

    key: int
    model: str
    start_us: int
    end_us: int
    metered: bool


class ToolParts(Struct, array_like=True):
    """What the spans inside of a tool's span told: whether it was let run, and how it ended."""

    refused_by: str | None = None
    approval_ms: int | None = None
    end_us: int | None = None
    success: bool = True
    duration_ms: int | None = None
    error: str = ""


class State(Struct):
    """What reading one file needs to know of the spans that came before.

    `inside` maps a span to the told call that it is, or lies in; `above` holds spans that enclose
    a told call; `recent` the calls told last; `sessions` the session of a trace; `tools` what
    is known of tools by their span, until that is read.
    """

    inside: dict[int, int] = field(default_factory=dict)
    above: dict[int, None] = field(default_factory=dict)
    recent: list[Timed] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    tools: dict[int, ToolParts] = field(default_factory=dict)

    def parts(self, tool: int | None) -> ToolParts:
        """What is known of a tool, to be added to; nothing is kept without its span."""
        found = self.tools.get(tool) if tool is not None else None
        if found is None:
            found = ToolParts()
            if tool is not None:
                _keep(self.tools, tool, found, _MOST_TOOLS)
        return found

    def session(self, trace: str, named: str | None) -> str:
        """The session of a span: as named, else as named before in the trace, else the trace."""
        if named:
            _keep(self.sessions, trace, named, _MOST_TRACES)
            return named
        return self.sessions.get(trace, trace)

    def passes(self, span: int, parent: int | None) -> None:
        """Note a span that tells no call: what lies in it lies in what it lies in."""
        if parent is None:
            return
        if span in self.above:
            _keep(self.above, parent, None, _MOST_SPANS)
        if (outer := self.inside.get(parent)) is not None:
            _keep(self.inside, span, outer, _MOST_SPANS)

    def wraps(self, span: int, call: Timed) -> bool:
        """Whether a span repeats a call that was told before it."""
        if span in self.above:
            return True
        return not call.metered and any(
            told.metered and told.key != call.key and _covers(call, told) for told in self.recent
        )

    def tells(self, span: int, parent: int | None, call: Timed) -> int:
        """Note a call that is told; gives the key to tell it by: its own, or that around it."""
        outer = self.inside.get(parent) if parent is not None else None
        if outer is None and call.metered:
            around = (t for t in self.recent if not t.metered and _covers(t, call))
            outer = next((told.key for told in around), None)
        key = call.key if outer is None else outer
        _keep(self.inside, span, key, _MOST_SPANS)
        if parent is not None:
            _keep(self.above, parent, None, _MOST_SPANS)
        self.recent = [*self.recent[1 - _MOST_TIMES :], call]
        return key


def _covers(outer: Timed, inner: Timed) -> bool:
    return (
        outer.model == inner.model
        and outer.start_us - _ROUNDING_US <= inner.start_us
        and inner.end_us <= outer.end_us + _ROUNDING_US
    )


def _keep(into: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    into[key] = value
    while len(into) > most:
        del into[next(iter(into))]
