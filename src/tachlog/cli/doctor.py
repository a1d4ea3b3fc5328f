"""The verb `doctor`: what was found, read, skipped and not understood, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.cost_check import CostComparison, TokenCheck, compare
from tachlog.analysis.drift import Drift, VersionCounts, drifts
from tachlog.analysis.plans import UnmatchedBill, unmatched
from tachlog.analysis.selection import FileReport, Input, Selection
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.blocks import unmatched_bill
from tachlog.cli.cross_checks import CostCheck, blocks, session_costs
from tachlog.cli.naming import agent_name
from tachlog.model import NOTES, is_note
from tachlog.records import is_unread
from tachlog.stores import Store, schema, shown
from tachlog.stores.following import Lag

REMEDIES = {
    "damaged_line": "the agent wrote half a record, perhaps as it was killed: nothing to do",
    "unexpected_shape": "no record as the format has them: please report it with the format's name",
}
"""What to do about a kind of problem."""

TORN = "the rest of its last record is not written yet: the next analyze reads on"
UNKNOWN = "as this version does not know these kinds: please report them"
UNREAD = "as they are not of the shape that the format has; the rest of these records was read"
DRIFT = "as newer versions of an agent tell less than older ones did: please report it"
MISSING = {
    "usage": ("usage", "replies"),
    "stop_reason": ("stop reasons", "replies"),
    "result": ("results", "tool calls"),
    "duration": ("durations", "tool results"),
}
"""How a measure of drift is called, and what it is a share of."""

MOST_FILES = 12
MOST_PROBLEMS = 3
MOST_KINDS = 6


class Unwalked(Struct, frozen=True):
    """What discovery met and could not look into, and why."""

    path: str
    detail: str


class Place(Struct, frozen=True):
    """A directory where logs are, or would be; `why` it was looked at.

    `agent` is None for the paths that the person's configuration names.
    """

    agent: str | None
    directory: str
    why: str
    exists: bool
    files: int
    problems: list[Unwalked]


class ArchiveReport(Struct, frozen=True):
    """The archive: `bytes` with what belongs to it, `version` of the tables that tachlog knows."""

    url: str
    exists: bool
    bytes: int
    version: int


class ProblemView(Struct, frozen=True):
    """A piece of a file that could not be read; `offset` in bytes (rows, in a table)."""

    offset: int
    kind: str
    detail: str
    remedy: str | None


class FileView(Struct, frozen=True):
    """One file: records = parsed + duplicates + skipped + problems; a torn tail is none yet."""

    path: str
    source: str | None
    size: int
    read_to: int
    tail_bytes: int
    records: int
    parsed: int
    duplicates: int
    skipped: dict[str, int]
    unknown: dict[str, int]
    problems: list[ProblemView]
    note: str | None
    threads: int

    @property
    def has_finding(self) -> bool:
        """Whether there is more to say than that it was read."""
        return bool(self.problems or self.unknown or self.note or self.tail_bytes)


class FormatDrift(Struct, frozen=True):
    """What each version of an agent told, and the `warnings` where a newer one tells less."""

    versions: list[VersionCounts]
    warnings: list[Drift]


class Doctor(Struct, frozen=True):
    """Everything that `doctor` knows.

    `reported_costs` are of the newest sessions that report one, `reported_calls` of single calls,
    `reported_tokens` of sessions whose log tells running totals; `unmatched_billing` has the
    `[[billing]]` of providers of which the archive has no call.
    """

    tachlog: str
    places: list[Place]
    archive: ArchiveReport
    mirrors: list[Lag]
    input: Input
    by_source: dict[str, Input]
    files: list[FileView]
    reported_costs: list[CostCheck]
    reported_calls: list[CostComparison]
    reported_tokens: list[TokenCheck]
    unmatched_billing: list[UnmatchedBill]
    format_drift: FormatDrift


def doctor(ask: Ask) -> Answer:
    """Answer `tachlog doctor`."""
    if ask.options.reconcile:
        from tachlog.cli.agreement import tellings

        return tellings(ask)
    found = examine(ask)
    return Answer(found, lambda: _lines(found, ask))


def examine(ask: Ask) -> Doctor:
    """Look at the machine and at the archive."""
    from tachlog import __version__

    total, by_source = Input(), dict[str, Input]()
    files: list[FileReport] = []
    costs: list[CostCheck] = []
    versions: list[VersionCounts] = []
    calls: list[CostComparison] = []
    tokens: list[TokenCheck] = []
    mirrors: list[Lag] = []
    bills: list[UnmatchedBill] = []
    if ask.has_archive:
        with ask.store() as store:
            total, by_source = store.input(Selection())
            files = store.files()
            costs = session_costs(store)
            tokens = store.reported_tokens()
            calls = compare(store.reported_calls(), ask.book.price)
            versions = store.by_version()
            mirrors = _mirrors(ask, store)
            bills = unmatched(ask.config.billing, store)
    return Doctor(
        __version__,
        _places(ask),
        _archive(ask),
        mirrors,
        total,
        by_source,
        [file_view(report) for report in files],
        costs,
        calls,
        tokens,
        bills,
        FormatDrift(versions, drifts(versions)),
    )


def _places(ask: Ask) -> list[Place]:
    from tachlog.discovery import discover, home_of, look

    environ = ask.caller.environ
    home = home_of(environ)
    own = [
        look(Path(path), "sources.paths") for path in ask.config.sources.paths if "://" not in path
    ]
    return [
        Place(
            found.agent,
            str(found.directory),
            found.why,
            found.exists,
            found.files,
            [Unwalked(problem.path, problem.detail) for problem in found.problems],
        )
        for found in [*discover(environ, home), *own]
    ]


def _mirrors(ask: Ask, store: Store) -> list[Lag]:
    if not ask.config.storage.mirrors:
        return []
    from tachlog.mirrors import lags

    return lags(store, ask.config)


def _archive(ask: Ask) -> ArchiveReport:
    size = 0
    if ask.has_archive:
        with ask.store() as store:
            size = store.size()
    return ArchiveReport(shown(ask.config.storage.url), ask.has_archive, size, schema.VERSION)


def file_view(report: FileReport) -> FileView:
    """What is told of one file."""
    return FileView(
        report.path,
        report.source,
        report.size,
        report.offset,
        report.tail_bytes,
        report.records,
        report.parsed,
        report.duplicates,
        report.skipped,
        report.unknown,
        [
            ProblemView(offset, kind, detail, REMEDIES.get(kind))
            for offset, kind, detail in report.problems
        ],
        report.note,
        report.threads,
    )


def _lines(found: Doctor, ask: Ask) -> Iterator[str]:
    for place, (heading, lines) in enumerate(_blocks(found, ask)):
        if place:
            yield ""
        yield fmt.line([(heading, "bold")], ask.width, ask.has_color)
        for line in lines:
            yield fmt.clip(line, ask.width)


def _blocks(found: Doctor, ask: Ask) -> Iterator[tuple[str, list[str]]]:
    width = max((fmt.cells(_whose(place)) for place in found.places), default=0)
    yield "PLACES", [line for place in found.places for line in _place(place, width)]
    yield "ARCHIVE", [_archive_line(found.archive)]
    if found.mirrors:
        from tachlog.cli.mirroring import standing

        yield "MIRRORS", standing(found.mirrors, ask.width)
    if not found.archive.exists:
        return
    yield "READ", _read(found)
    if found.format_drift.warnings:
        yield f"DRIFT, {DRIFT}", [_drift(warning) for warning in found.format_drift.warnings]
    skipped, unknown = _kinds(found.files)
    if skipped:
        yield "SKIPPED, as these kinds carry no telemetry", _counted(skipped, ask.width)
    if kinds := _of_sort(unknown, "unknown"):
        yield f"UNKNOWN, {UNKNOWN}", _counted(kinds, ask.width)
    if parts := _of_sort(unknown, "unread"):
        yield f"UNREAD PARTS, {UNREAD}", _counted(parts, ask.width)
    if notes := _of_sort(unknown, "noted"):
        yield "NOTES on records that were read", _noted(notes)
    findings = [file for file in found.files if file.has_finding or ask.options.all]
    if findings:
        shown = findings if ask.options.all else findings[:MOST_FILES]
        lines = [line for file in shown for line in _file(file)]
        if len(shown) < len(findings):
            lines.append(f"  {len(findings) - len(shown):,} more: --all")
        yield f"FILES {len(findings):,} of {len(found.files):,}", lines
    if found.unmatched_billing:
        yield (
            "BILLING of no call",
            [f"  {unmatched_bill(bill)}" for bill in found.unmatched_billing],
        )
    yield from blocks(found.reported_costs, found.reported_calls, found.reported_tokens)


def _whose(place: Place) -> str:
    return "your own" if place.agent is None else agent_name(place.agent)


def _place(place: Place, width: int) -> Iterator[str]:
    state = fmt.plural(place.files, "file") if place.exists else "not there"
    why = "" if place.why == "default" else f" ({place.why})"
    yield f"  {fmt.left(_whose(place), width)}  {state:>10}  {fmt.plain(place.directory)}{why}"
    for problem in place.problems[:MOST_PROBLEMS]:
        yield f"    {fmt.plain(problem.path)} {problem.detail}"
    if len(place.problems) > MOST_PROBLEMS:
        yield f"    {len(place.problems) - MOST_PROBLEMS:,} more that could not be walked"


def _archive_line(archive: ArchiveReport) -> str:
    if not archive.exists:
        return f"  {archive.url}: not there yet, tachlog analyze makes it"
    return f"  {archive.url}: {fmt.size(archive.bytes)}, version {archive.version}"


def _read(found: Doctor) -> list[str]:
    if len(found.by_source) < 2:
        return [f"  {_equation(found.input, found.files)}"]
    width = max(map(len, found.by_source))
    of = {name: [f for f in found.files if f.source == name] for name in found.by_source}
    return [
        *(
            f"  {fmt.left(name, width)}  {_equation(read, of[name])}"
            for name, read in found.by_source.items()
        ),
        f"  {fmt.left('all', width)}  {_equation(found.input, found.files)}",
    ]


def _equation(read: Input, files: Sequence[FileView]) -> str:
    unread = sum(_of_sort(file.unknown, "unread").total() for file in files)
    return (
        f"{read.records:,} records in {fmt.plural(read.files, 'file')} = {read.parsed:,} parsed"
        f" + {read.duplicates:,} copies + {read.skipped:,} skipped"
        f" + {fmt.plural(read.problems, 'problem')}"
        + (f"; {fmt.plural(unread, 'part')} unread" if unread else "")
    )


def _drift(drift: Drift) -> str:
    versions = f"{drift.first} to {drift.last}" if drift.first != drift.last else drift.first
    what, of = MISSING[drift.measure]
    return (
        f"  {agent_name(drift.agent)} {versions}: {what} told for {fmt.percent(drift.share, 0)} of"
        f" {drift.n:,} {of}, before {fmt.percent(drift.before, 0)} of {drift.before_n:,}"
    )


def _kinds(files: Sequence[FileView]) -> tuple[Counter[str], Counter[str]]:
    skipped, unknown = Counter[str](), Counter[str]()
    for file in files:
        skipped.update(file.skipped)
        unknown.update(file.unknown)
    return skipped, unknown


def _of_sort(kinds: Mapping[str, int], sort: str) -> Counter[str]:
    """Of what `unknown` counts: kinds that no one knows, parts that were not read, or notes."""
    return Counter({kind: n for kind, n in kinds.items() if _sort(kind) == sort})


def _sort(kind: str) -> str:
    if is_unread(kind):
        return "unread"
    return "noted" if is_note(kind) else "unknown"


def _counted(kinds: Counter[str], width: int) -> list[str]:
    told = [f"{kind} {count:,}" for kind, count in kinds.most_common(MOST_KINDS)]
    rest = kinds.total() - sum(count for _, count in kinds.most_common(MOST_KINDS))
    if rest:
        told.append(f"{len(kinds) - MOST_KINDS} more kinds {rest:,}")
    return [f"  {line}" for line in fmt.wrap(" · ".join(told), width - 2)]


def _noted(notes: Counter[str]) -> list[str]:
    return [
        f"  {fmt.plain(kind)} {count:,}: {NOTES[kind.rpartition('/')[2]]}"
        for kind, count in notes.most_common()
    ]


def _file(file: FileView) -> Iterator[str]:
    yield f"  {fmt.plain(file.path)}"
    if file.note:
        yield f"    not read: {file.note}"
        return
    for sort in ("unknown", "unread", "noted"):
        if kinds := _of_sort(file.unknown, sort):
            yield f"    {sort}: {', '.join(f'{kind} {n:,}' for kind, n in kinds.items())}"
    for problem in file.problems[:MOST_PROBLEMS]:
        yield f"    {problem.kind} at byte {problem.offset:,}: {fmt.plain(problem.detail)}"
        if problem.remedy:
            yield f"      {problem.remedy}"
    if len(file.problems) > MOST_PROBLEMS:
        yield f"    {fmt.plural(len(file.problems) - MOST_PROBLEMS, 'more problem')}"
    if file.tail_bytes:
        yield f"    {fmt.size(file.tail_bytes)} wait at its end: {TORN}"
