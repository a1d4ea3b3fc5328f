"""A session drawn over time: who worked when, what failed, how full the context was, turn by turn.

Silences of five minutes and more take one column of the chart, so that the work fills it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from typing import NamedTuple

from tachlog import figures as fmt
from tachlog.analysis.turns import Step, Turn

LABEL = 9
HOUR_CELLS = 16
"""Columns from one time of day to the next."""

SILENCE_US = 5 * 60 * 1_000_000
MOST_SPELLS = 10
GAP = "┊"
MOST_ALIKE = 3
SLOW_US = 30 * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Spell(NamedTuple):
    """A time of work between two silences, and the columns that it takes."""

    start_us: int
    end_us: int
    column: int
    width: int

    def column_of(self, at_us: int) -> int:
        """The column of a moment of it."""
        length = max(1, self.end_us - self.start_us)
        return self.column + min(self.width - 1, (at_us - self.start_us) * self.width // length)


def spells_of(steps: Sequence[Step], width: int) -> list[Spell]:
    """The times of work, at most ten, over the columns that there are."""
    busy = sorted((step.at_us, step.end_us) for step in steps if step.kind != "wait")
    silence_us = SILENCE_US
    while len(joined := _joined(busy, silence_us)) > MOST_SPELLS:
        silence_us *= 2
    room = width - (len(joined) - 1)
    total = sum(end - start for start, end in joined) or 1
    spells, column = [], 0
    left_us, left = total, room
    for place, (start, end) in enumerate(joined):
        rest = len(joined) - place - 1
        share = round(left * (end - start) / left_us) if left_us else left
        taken = left if not rest else max(1, min(left - rest, share))
        spells.append(Spell(start, end, column, taken))
        column += taken + 1
        left -= taken
        left_us -= end - start
    return spells


def _joined(busy: Iterable[tuple[int, int]], silence_us: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in busy:
        if joined and start - joined[-1][1] < silence_us:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


class Agent(NamedTuple):
    """When a sub-agent worked, and what it is called."""

    start_us: int
    end_us: int
    label: str


def chart(
    turns: Sequence[Turn], agents: Sequence[Agent], zone: tzinfo, width: int
) -> Iterator[str]:
    """The chart: hours, turns, model, tools, waits, errors, context, sub-agents."""
    steps = [step for turn in turns for step in turn.steps]
    room = width - LABEL
    spells = spells_of(steps, room)
    if not spells:
        return
    yield _row("", _hours(spells, room, zone))
    spans = [(turn.start_us, turn.end_us, str(turn.number)) for turn in turns]
    yield _row("turns", _brackets(spans, spells, room))
    for label, kind in (("model", "reply"), ("tools", "tool")):
        busy = [(step.at_us, step.end_us) for step in steps if step.kind == kind]
        if busy:
            yield _row(label, _load(busy, spells, room))
    waits = [step for step in steps if step.approval_us or step.kind == "wait"]
    if waits:
        yield _row("you", _marks(((_wait_mark(step), step.at_us) for step in waits), spells, room))
    failed = [step for step in steps if step.failed]
    if failed:
        yield _row("errors", _marks((("✗", step.at_us) for step in failed), spells, room))
    yield from _context(steps, spells, room)
    if agents:
        yield _row("agents", _brackets(sorted(agents), spells, room))


def _row(label: str, cells: Sequence[str]) -> str:
    return f"{label:{LABEL}}{''.join(cells)}".rstrip()


def _blank(spells: Sequence[Spell], width: int) -> list[str]:
    cells = [" "] * width
    for spell in spells[1:]:
        cells[spell.column - 1] = GAP
    return cells


def _place(at_us: int, spells: Sequence[Spell]) -> int:
    """The column of a moment; one in a silence goes to the work before it."""
    before = [spell for spell in spells if spell.start_us <= at_us]
    spell = before[-1] if before else spells[0]
    return spell.column_of(min(max(at_us, spell.start_us), spell.end_us))


def _hours(spells: Sequence[Spell], width: int, zone: tzinfo) -> list[str]:
    """The time of day where each spell begins, the date where it changes, and between."""
    cells = [" "] * width
    free = 0
    day = None
    for spell in spells:
        between_us = HOUR_CELLS * (spell.end_us - spell.start_us) // spell.width
        clock = "%H:%M" if between_us >= 60_000_000 or spell.width < HOUR_CELLS else "%H:%M:%S"
        for column in range(spell.column, spell.column + spell.width, HOUR_CELLS):
            if column < free:
                continue
            offset = (column - spell.column) * (spell.end_us - spell.start_us) // spell.width
            at = _local(spell.start_us + offset, zone)
            told = f"{at:{clock}}" if at.date() == day else f"{at.day} {at:%b} {at:{clock}}"
            if column + len(told) > width:
                continue
            day = at.date()
            cells[column : column + len(told)] = told
            free = column + len(told) + 1
    return cells


def _local(at_us: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)


def _brackets(
    spans: Iterable[tuple[int, int, str]], spells: Sequence[Spell], width: int
) -> list[str]:
    """A bracket for each span that finds its place free, with its label where there is room."""
    cells = _blank(spells, width)
    for start_us, end_us, label in spans:
        first, last = _place(start_us, spells), _place(end_us, spells)
        if cells[first] not in (" ", GAP):
            continue
        for column in range(first, last + 1):
            if cells[column] != GAP:
                cells[column] = "─"
        cells[first] = "├" if last > first else "│"
        if last > first:
            cells[last] = "┤"
        if last - first > fmt.cells(label) == len(label):
            cells[first + 1 : first + 1 + len(label)] = label
    return cells


def _load(spans: Iterable[tuple[int, int]], spells: Sequence[Spell], width: int) -> list[str]:
    """How much of each column's time the spans cover, as blocks; a trace is shown as the least."""
    covered = [0.0] * width
    per_column = {spell: max(1, spell.end_us - spell.start_us) / spell.width for spell in spells}
    for start, end in _joined(sorted(spans), 0):
        for spell in spells:
            first, last = max(start, spell.start_us), min(end, spell.end_us)
            if first > last:
                continue
            size = per_column[spell]
            for column in range(spell.column_of(first), spell.column_of(last) + 1):
                begin = spell.start_us + (column - spell.column) * size
                overlap = min(last, begin + size) - max(first, begin)
                covered[column] += max(overlap, 1.0) / size
    cells = _blank(spells, width)
    for column, share in enumerate(covered):
        if share > 0:
            height = min(len(fmt.SPARKS) - 1, int(share * len(fmt.SPARKS)))
            cells[column] = fmt.SPARKS[height]
    return cells


def _marks(marks: Iterable[tuple[str, int]], spells: Sequence[Spell], width: int) -> list[str]:
    """Marks at their moments, and beside them what they say where there is room."""
    cells = _blank(spells, width)
    placed = [(text, _place(at_us, spells)) for text, at_us in marks]
    for text, column in placed:
        cells[column] = text[0]
    for text, column in placed:
        for start in (column, column + 1 - len(text)):
            end = start + len(text)
            if start >= 0 and end <= width and _is_free(cells[start:end], text[0]):
                cells[start:end] = text if start == column else f"{text[2:]} {text[0]}"
                break
    return cells


def _is_free(cells: Iterable[str], mark: str) -> bool:
    """Whether nothing but one mark stands there."""
    return [cell for cell in cells if cell != " "] == [mark]


def _wait_mark(step: Step) -> str:
    waited_us = step.approval_us or step.duration_us or 0
    return f"⏸ {fmt.duration(waited_us / 1e6)}"


def _context(steps: Sequence[Step], spells: Sequence[Spell], width: int) -> Iterator[str]:
    """The context of the calls as a sparkline, `│` where it was compacted."""
    peaks: dict[int, int] = {}
    for step in steps:
        if step.kind == "reply" and step.context:
            column = _place(step.end_us, spells)
            peaks[column] = max(peaks.get(column, 0), step.context)
    if not peaks:
        return
    cells = _blank(spells, width)
    most = max(peaks.values())
    for column, context in peaks.items():
        cells[column] = fmt.SPARKS[min(len(fmt.SPARKS) - 1, context * len(fmt.SPARKS) // most)]
    for step in steps:
        if step.kind == "compaction":
            cells[_place(step.at_us, spells)] = "│"
    yield _row("context", cells)
    compacted = sum(step.kind == "compaction" for step in steps)
    told = f"at most {fmt.short_count(most)} tokens"
    if compacted:
        told += f", compacted {fmt.plural(compacted, 'time')}"
    yield fmt.clip(" " * LABEL + told, LABEL + width)


def turn_lines(turns: Sequence[Turn], zone: tzinfo, width: int, room: int | None) -> Iterator[str]:
    """The turns with their steps: all of them, or the telling ones that fit into `room` lines."""
    told = [
        [_turn_line(turn, zone, width), *_step_lines(turn, zone, width, room)] for turn in turns
    ]
    if room is None or sum(map(len, told)) <= room:
        for lines in told:
            yield from lines
        return
    yield from _fitting(turns, told, max(room, 6))


def _step_lines(turn: Turn, zone: tzinfo, width: int, room: int | None) -> list[str]:
    if room is None:
        return [_step_line(step, zone, width) for step in turn.steps]
    lines = []
    for _, alike in groupby(filter(_is_telling, turn.steps), key=_likeness):
        steps = list(alike)
        lines += [_step_line(step, zone, width) for step in steps[:MOST_ALIKE]]
        if len(steps) > MOST_ALIKE:
            until = _local(steps[-1].at_us, zone)
            lines.append(
                f"{'':25}  … {len(steps) - MOST_ALIKE:,} more like it until {until:%H:%M:%S}"
            )
    return lines


def _likeness(step: Step) -> tuple[str | None, ...]:
    return (step.kind, step.name, step.error_class, step.outcome)


def _is_telling(step: Step) -> bool:
    """Whether a step is worth a line of its own where there is no room for all."""
    return (
        step.failed
        or step.kind in ("compaction", "wait")
        or step.outcome == "check_failed"
        or (step.kind == "tool" and (step.duration_us or 0) >= SLOW_US)
    )


def _fitting(turns: Sequence[Turn], told: Sequence[list[str]], room: int) -> Iterator[str]:
    """The turns with the most errors and the longest ones, in order; the others are counted."""
    order = sorted(
        range(len(turns)),
        key=lambda place: (-turns[place].errors, turns[place].start_us - turns[place].end_us),
    )
    chosen = sorted(order[: max(1, room // 3)])
    each = max(1, (room - 1) // len(chosen))
    for place in chosen:
        yield from told[place][:each]
    steps = sum(max(0, len(told[place]) - each) for place in chosen)
    left = ((len(turns) - len(chosen), "turn"), (steps, "step"))
    rest = [fmt.plural(count, noun) for count, noun in left if count]
    yield f"{' and '.join(rest)} more: --all"


def _turn_line(turn: Turn, zone: tzinfo, width: int) -> str:
    counts = [
        fmt.plural(turn.count("reply"), "model call"),
        fmt.plural(turn.count("tool"), "tool call"),
    ]
    if turn.errors:
        counts.append(fmt.plural(turn.errors, "error"))
    took = fmt.duration((turn.end_us - turn.start_us) / 1e6)
    at = _local(turn.start_us, zone)
    return fmt.clip(f"{turn.number:>4}  {at:%H:%M:%S}  {took:>7}  {', '.join(counts)}", width)


def _step_line(step: Step, zone: tzinfo, width: int) -> str:
    at = _local(step.at_us, zone)
    took = "" if step.duration_us is None else fmt.duration(step.duration_us / 1e6)
    return fmt.clip(f"      {at:%H:%M:%S}  {took:>7}    {fmt.plain(_what(step))}", width)


def _what(step: Step) -> str:
    tellers: dict[str, Callable[[Step], str]] = {
        "prompt": lambda s: f"prompt, {s.characters:,} characters",
        "reply": _reply,
        "tool": _tool,
        "failure": lambda s: _joined_words("✗ model call", s.error_class, s.outcome, s.excerpt),
        "compaction": _compaction,
        "wait": lambda s: "waiting for you",
    }
    return tellers[step.kind](step)


def _reply(step: Step) -> str:
    context = "" if step.context is None else f"reads {fmt.short_count(step.context)}, "
    return f"{step.name}: {context}writes {fmt.short_count(step.output or 0)}"


def _tool(step: Step) -> str:
    sign = "✗ " if step.failed else ""
    outcome = "" if step.outcome in ("success", "error") else (step.outcome or "").replace("_", " ")
    excerpt = step.excerpt if step.failed else ""
    return _joined_words(
        f"{sign}{step.name} {step.about or ''}".rstrip(), step.error_class, outcome, excerpt
    )


def _compaction(step: Step) -> str:
    before, after = (None if n is None else fmt.short_count(n) for n in (step.context, step.output))
    told = f"{before} → {after} tokens" if before and after else f"from {before} tokens"
    return f"context compacted: {told}" if before else "context compacted"


def _joined_words(*texts: str | None) -> str:
    return "  ".join(text for text in texts if text)
