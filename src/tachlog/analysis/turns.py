"""A session as it went: its turns, and in each the prompts, model calls, tool calls and waits.

A turn begins when a person speaks and lasts until the person speaks again. In a thread in which no
person speaks (a sub-agent's), every prompt begins one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from tachlog.analysis.units import optional_rfc3339, rfc3339, seconds
from tachlog.metrics.calibration import SHIPPED, Learned
from tachlog.metrics.timing import Timeline, execution_us, timeline_of
from tachlog.metrics.tokens import settled_usage
from tachlog.model import Compaction, Failure, Usage
from tachlog.operations import Call, ToolUse
from tachlog.sessions import Session

LONG_WAIT_US = 60 * 1_000_000
"""A person's silence from here on is a wait that is worth telling."""

Kind = Literal["prompt", "reply", "tool", "failure", "compaction", "wait"]


class Step(Struct, frozen=True):
    """One thing that happened, beginning at `at_us`; `duration_us` is None where nothing tells it.

    `name` is the model, the tool or the error class, `about` what a tool was for; `outcome` is the
    tool call's, or the reply's stop reason. `context` and `output` are a reply's tokens.
    `characters` are a prompt's, `approval_us` a tool call's wait for consent.
    """

    kind: Kind
    at_us: int
    duration_us: int | None = None
    name: str | None = None
    about: str | None = None
    outcome: str | None = None
    error_class: str | None = None
    excerpt: str | None = None
    context: int | None = None
    output: int | None = None
    characters: int | None = None
    approval_us: int | None = None

    @property
    def end_us(self) -> int:
        """When it was over."""
        return self.at_us + (self.duration_us or 0)

    @property
    def failed(self) -> bool:
        """Whether it counts as an error."""
        return self.kind == "failure" or self.outcome == "error"


class Turn(Struct, frozen=True):
    """What followed one prompt, in order; `number` counts from 1."""

    number: int
    steps: tuple[Step, ...]

    @property
    def start_us(self) -> int:
        """When it began."""
        return self.steps[0].at_us

    @property
    def end_us(self) -> int:
        """When its last work was over."""
        return worked_until_us(self.steps)

    def count(self, kind: Kind) -> int:
        """How many steps of a kind it has."""
        return sum(step.kind == kind for step in self.steps)

    @property
    def errors(self) -> int:
        """How many steps failed."""
        return sum(step.failed for step in self.steps)


def worked_until_us(steps: Sequence[Step]) -> int:
    """When the last prompt, reply, call or failure was over.

    A compaction or a wait is no work, unless there is nothing else.
    """
    work = [step.end_us for step in steps if step.kind not in ("wait", "compaction")]
    return max(work, default=steps[0].at_us)


class StepView(Struct, frozen=True, omit_defaults=True):
    """A step as JSON tells it: times RFC 3339, durations seconds, tokens and characters counted."""

    kind: str
    start: str
    duration: float | None = None
    name: str | None = None
    about: str | None = None
    outcome: str | None = None
    error_class: str | None = None
    excerpt: str | None = None
    context_tokens: int | None = None
    output_tokens: int | None = None
    characters: int | None = None
    approval: float | None = None


class TurnView(Struct, frozen=True):
    """A turn as JSON tells it."""

    number: int
    start: str | None
    end: str | None
    duration: float
    model_calls: int
    tool_calls: int
    errors: int
    steps: list[StepView]


def turns_of(session: Session, learned: Learned = SHIPPED) -> list[Turn]:
    """The turns of a session in order.

    A reply belongs to the turn in which it was written, though it may have been asked for before.
    What its log does not count is estimated by what the archive has `learned`.
    """
    steps = sorted(_steps(session, timeline_of(session), learned), key=lambda pair: pair[0])
    by_person = any(prompt.by_person for prompt in session.prompts.values())
    begins = {
        prompt.at_us for prompt in session.prompts.values() if prompt.by_person or not by_person
    }
    turns: list[list[Step]] = []
    for _, step in steps:
        if not turns or (step.kind == "prompt" and step.at_us in begins):
            if turns:
                _add_wait(turns[-1], step.at_us)
            turns.append([])
        turns[-1].append(step)
    return [Turn(number, tuple(found)) for number, found in enumerate(turns, 1)]


_Place = tuple[int, int]
"""When a step shows in the log (µs), and its rank among those of the same moment."""


def _steps(session: Session, timeline: Timeline, learned: Learned) -> Iterator[tuple[_Place, Step]]:
    agent = session.thread.agent
    for prompt in session.prompts.values():
        yield (prompt.at_us, 0), Step("prompt", prompt.at_us, characters=prompt.characters)
    for compaction in session.compactions.values():
        yield (compaction.at_us, 1), _compaction(compaction)
    for call, response in zip(timeline.calls, timeline.responses, strict=True):
        duration_us = response.duration_us if response.timed else None
        usage, _ = settled_usage(call, learned.correction(agent, call.model))
        yield (call.first_us, 2), _reply(call, usage, response.start_us, duration_us)
    for use in timeline.uses:
        yield (use.at_us, 3), _tool(use)
    for failure in timeline.failures:
        yield (failure.at_us, 4), _failure(failure)


def _reply(call: Call, usage: Usage, start_us: int, duration_us: int | None) -> Step:
    return Step(
        "reply",
        start_us,
        duration_us,
        name=call.model,
        outcome=call.stop_reason,
        context=usage.prompt or None,
        output=usage.output,
    )


def _tool(use: ToolUse) -> Step:
    return Step(
        "tool",
        use.at_us,
        execution_us(use),
        name=use.tool,
        about=use.target.name if use.target else None,
        outcome=use.outcome,
        error_class=use.error_class if use.outcome == "error" else None,
        excerpt=use.excerpt,
        approval_us=None if use.approval_ms is None else use.approval_ms * 1000,
    )


def _failure(failure: Failure) -> Step:
    return Step(
        "failure",
        failure.at_us,
        name=failure.model,
        error_class=failure.error_class,
        excerpt=failure.excerpt,
        outcome=None if failure.status is None else f"HTTP {failure.status}",
    )


def _compaction(compaction: Compaction) -> Step:
    return Step(
        "compaction",
        compaction.at_us,
        name=compaction.trigger,
        context=compaction.tokens_before,
        output=compaction.tokens_after,
    )


def _add_wait(turn: list[Step], until_us: int) -> None:
    """Add the person's silence between the end of a turn and the next prompt, if it was long."""
    since_us = worked_until_us(turn)
    if until_us - since_us >= LONG_WAIT_US:
        place = len(turn)
        while turn[place - 1].kind == "compaction" and turn[place - 1].at_us > since_us:
            place -= 1
        turn.insert(place, Step("wait", since_us, until_us - since_us))


def turn_view(turn: Turn) -> TurnView:
    """The view of a turn."""
    return TurnView(
        turn.number,
        rfc3339(turn.start_us),
        optional_rfc3339(turn.end_us),
        seconds(turn.end_us - turn.start_us),
        turn.count("reply"),
        turn.count("tool"),
        turn.errors,
        [step_view(step) for step in turn.steps],
    )


def step_view(step: Step) -> StepView:
    """The view of a step."""
    return StepView(
        step.kind,
        rfc3339(step.at_us),
        None if step.duration_us is None else seconds(step.duration_us),
        step.name,
        step.about,
        step.outcome,
        step.error_class,
        step.excerpt,
        step.context,
        step.output,
        step.characters,
        None if step.approval_us is None else seconds(step.approval_us),
    )
