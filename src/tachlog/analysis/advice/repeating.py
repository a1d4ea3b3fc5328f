"""What is done again for nothing: identical calls in a row, looking again, reading again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from tachlog.analysis.advice.failing import named
from tachlog.analysis.advice.material import Case, Group, Material, group, is_file_tool
from tachlog.analysis.trace import TracedUse
from tachlog.data import ends, repeats_by_nature, waits

LEAST_RUN: Final = 3


def loops(material: Material) -> Iterator[Group]:
    """Runs of identical calls of tools that do something."""
    return _runs(material, polling=False)


def polling(material: Material) -> Iterator[Group]:
    """Runs of identical calls of tools that look whether something is done."""
    return _runs(material, polling=True)


def _runs(material: Material, polling: bool) -> Iterator[Group]:
    cases: defaultdict[str, list[Case]] = defaultdict(list)
    runs, chances = Counter[str](), defaultdict[str, Counter[str]](Counter)
    for trace in material.traces:
        for (tool, digest), same in groupby(trace.uses, key=_identity):
            run = list(same)
            if waits(tool) is not polling or ends(tool):
                continue
            chances[tool][trace.root] += len(run)
            if digest and len(run) >= LEAST_RUN:
                runs[tool] += 1
                cases[tool] += [material.case(trace, use) for use in run[1:]]
    for tool, repeated in cases.items():
        sessions = len({case.session for case in repeated})
        yield group(
            tool,
            repeated,
            chances[tool].elements(),
            tool,
            repeats=len(repeated),
            runs=runs[tool],
            runs_told=f"{runs[tool]:,} run" + "s" * (runs[tool] != 1),
            sessions_told=f"{sessions:,} session" + "s" * (sessions != 1),
        )


def _identity(use: TracedUse) -> tuple[str, int]:
    return use.tool, use.input_digest


def repeated_calls(material: Material) -> Iterator[Group]:
    """Calls that gave the same answer again, by tool."""
    uses = {use.key: (trace, use) for trace, use in material.uses()}
    cases: defaultdict[str, list[Case]] = defaultdict(list)
    for _, found in material.found:
        if found.kind == "repeated" and found.key in uses:
            trace, use = uses[found.key]
            if not repeats_by_nature(use.tool):
                cases[use.tool].append(material.case(trace, use))
    chances: defaultdict[str, list[str]] = defaultdict(list)
    for trace, use in uses.values():
        chances[use.tool].append(trace.root)
    for tool, repeated in cases.items():
        yield group(tool, repeated, chances[tool], tool, repeats=len(repeated))


def rereading(material: Material) -> Iterator[Group]:
    """Files that were read again while the context still held them, by project."""
    uses = {use.key: (trace, use) for trace, use in material.uses() if is_file_tool(use)}
    cases: defaultdict[str, list[Case]] = defaultdict(list)
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, found in material.found:
        if found.kind == "reread" and found.key in uses:
            trace, use = uses[found.key]
            project = material.project(trace)
            if project is not None and use.target:
                cases[project].append(material.case(trace, use))
                names[project][use.target] += 1
    chances: defaultdict[str | None, list[str]] = defaultdict(list)
    for trace, _ in uses.values():
        chances[material.project(trace)].append(trace.root)
    for project, reads in cases.items():
        yield group(
            project,
            reads,
            chances[project],
            project=project,
            reads=len(reads),
            names=named(names[project]),
        )
