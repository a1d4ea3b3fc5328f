"""What every handler of a rollout's records tells with: the state, the events, the thread."""

from __future__ import annotations

from typing import Final

from tachlog.model import Event, Features, Mark, Reading, Reply, Thread, Usage, key_of
from tachlog.providers import provider_of
from tachlog.sources.codex.state import AGENT, Response, State

_NOTHING: Final = Features()


class Telling:
    """Adds events of one thread to `reading`, with what `state` knows."""

    def __init__(self, state: State, reading: Reading) -> None:
        self.state = state
        self.reading = reading

    @property
    def thread(self) -> Thread:
        """The thread of the file; records before its header were refused."""
        assert self.state.thread is not None, "a header came before"
        return self.state.thread

    def tell(self, event: Event) -> None:
        """Add an event."""
        self.reading.events.append(event)

    def mark(self, at_us: int, name: str, value: str) -> None:
        """Add a fact about the thread."""
        self.tell(Mark(self.thread, at_us, name, value))

    def reply(
        self,
        response: Response,
        at_us: int,
        part: str | bytes,
        *,
        usage: Usage | None = None,
        features: Features = _NOTHING,
        behaviors: int = 0,
        alias: int | None = None,
        ttft_ms: int | None = None,
    ) -> None:
        """One telling of a model call."""
        state = self.state
        self.tell(
            Reply(
                response.key,
                self.thread,
                at_us,
                key_of(AGENT, str(response.key), str(part)),
                state.model,
                state.provider or provider_of(state.model),
                usage,
                features,
                None if usage is None else "completed",
                alias,
                behaviors=behaviors,
                ttft_ms=ttft_ms,
                branch=state.branch,
                tier=state.tier,
                copied=state.copied,
            )
        )
