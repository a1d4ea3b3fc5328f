"""What fails: tools, the same failure again and again, paths that are not there, the network."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from tachlog import data
from tachlog.analysis.advice.material import DECIDED, Case, Group, Material, group, is_file_tool
from tachlog.analysis.claims import Claim
from tachlog.analysis.trace import Trace, TracedUse
from tachlog.analysis.view import most_first
from tachlog.data import tool_category
from tachlog.data.agents import AGENTS
from tachlog.model import ErrorClass

MOST_CHARACTERS: Final = 50
MOST_NAMES: Final = 3
RETRIED_WITHIN: Final = 3
ASKED_AGAIN: Final = 2
OUTSIDE: Final = frozenset({"rate_limit", "overloaded", "server_error", "timeout", "network"})


def gist(excerpt: str) -> str:
    """The telling part of an error text: from `Error: ` on where it says so, not too long."""
    text = excerpt[max(0, excerpt.find("Error: ")) :]
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS].rstrip()}…"


def named(names: Counter[str]) -> str:
    """The most frequent names, each as code."""
    first = sorted(names, key=lambda name: (-names[name], name))[:MOST_NAMES]
    return ", ".join(f"`{name}`" for name in first)


def failing_tools(material: Material) -> Iterator[Group]:
    """Decided calls by tool."""
    calls: defaultdict[str, list[tuple[Trace, TracedUse]]] = defaultdict(list)
    for trace, use in material.uses():
        if use.outcome in DECIDED:
            calls[use.tool].append((trace, use))
    for tool, decided in calls.items():
        failed = [(trace, use) for trace, use in decided if use.outcome == "error"]
        if failed:
            error_class, count = _most_frequent(use.error_class for _, use in failed)
            yield group(
                tool,
                [material.case(trace, use) for trace, use in failed],
                (trace.root for trace, _ in decided),
                tool,
                calls=len(decided),
                errors=len(failed),
                error_rate=round(len(failed) / len(decided), 6),
                error_class=error_class,
                error_class_count=count,
                remedy=_remedy(error_class),
            )


def retries(material: Material) -> Iterator[Group]:
    """Failures that were followed by the same again."""
    trees = material.trees
    threads = [m for tree in trees for m in tree.threads]
    if not trees:
        return
    cases = [
        material.case(trace, use)
        for trace in material.traces
        for place, use in enumerate(trace.uses)
        if use.outcome == "error"
        and any(
            (later.tool, later.input_digest) == (use.tool, use.input_digest)
            for later in islice(trace.uses, place + 1, place + 1 + RETRIED_WITHIN)
        )
    ]
    cases += [case for trace in material.traces for case, _ in _failures(trace) if case.claim.us]
    errors = most_first(sum((Counter(m.errors) for m in threads), Counter()))
    retries = sum(m.retries for m in threads)
    error_class: str = next(iter(errors), "unknown")
    yield group(
        "sessions",
        cases,
        [tree.head.root for tree in trees],
        sessions=len(trees),
        sessions_with_retries=sum(any(m.retries for m in tree.threads) for tree in trees),
        retries=retries,
        avg_retries=round(retries / len(trees), 6),
        error_class=error_class,
        remedy=_remedy(error_class),
    )


def same_failures(material: Material) -> Iterator[Group]:
    """Failures of a tool that read alike."""
    alike: defaultdict[tuple[str, str, int], list[tuple[Trace, TracedUse]]] = defaultdict(list)
    calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
    targets: defaultdict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
    for trace, use in material.uses():
        if use.outcome not in DECIDED:
            continue
        calls[use.tool][trace.root] += 1
        targets[use.tool, use.target][trace.root] += 1
        if use.outcome == "error" and use.fingerprint and use.error_class:
            alike[use.tool, use.error_class, use.fingerprint].append((trace, use))
    for (tool, error_class, fingerprint), failed in alike.items():
        hit = {use.target for _, use in failed}
        target = next(iter(hit)) if len(hit) == 1 else None
        chances = calls[tool] if target is None else targets[tool, target]
        text = min((use.excerpt for _, use in failed if use.excerpt), default="")
        yield group(
            f"{tool} {fingerprint:016x}",
            [material.case(trace, use) for trace, use in failed],
            chances.elements(),
            tool,
            what=tool if target is None else f"`{target}` ({tool})",
            failures=len(failed),
            of=chances.total(),
            share=round(len(failed) / chances.total(), 6),
            error_class=error_class,
            fingerprint=f"{fingerprint:016x}",
            text=gist(text) if text else error_class,
            remedy=_remedy(error_class),
        )


def missing_paths(material: Material) -> Iterator[Group]:
    """Paths that a project does not have, asked for twice or more."""
    asked: defaultdict[tuple[str, str], list[Case]] = defaultdict(list)
    chances: defaultdict[str, Counter[str]] = defaultdict(Counter)
    there = set[tuple[str, str]]()
    for trace, use in material.uses():
        project = material.project(trace)
        if project is None or use.target_kind != "file" or not use.target:
            continue
        chances[project][trace.root] += 1
        if use.outcome == "success":
            there.add((project, use.target))
        elif use.error_class == "not_found" and is_file_tool(use):
            asked[project, use.target].append(material.case(trace, use))
    for project, of in chances.items():
        paths = Counter(
            {
                path: len(cases)
                for (found, path), cases in asked.items()
                if found == project and len(cases) >= ASKED_AGAIN and (found, path) not in there
            }
        )
        if paths:
            yield group(
                project,
                [case for path in paths for case in asked[project, path]],
                of.elements(),
                project=project,
                asked=paths.total(),
                paths=len(paths),
                paths_told="a path" if len(paths) == 1 else f"{len(paths)} paths",
                do="does" if len(paths) == 1 else "do",
                names=named(paths),
            )


def flaky_network(material: Material) -> Iterator[Group]:
    """Failures for reasons outside, of model calls and of tools that reach out.

    Commands of a shell are not among them: what one could not reach is told of that command.
    """
    cases: defaultdict[str, list[tuple[Case, ErrorClass]]] = defaultdict(list)
    chances: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for trace in material.traces:
        model = f"{AGENTS.get(trace.agent, trace.agent)}'s model calls"
        chances[model][trace.root] += len(trace.calls) + len(trace.failures)
        cases[model] += [each for each in _failures(trace) if each[1] in OUTSIDE]
        for use in trace.uses:
            if tool_category(use.tool) == "shell":
                continue
            chances[use.tool][trace.root] += use.outcome in DECIDED
            if use.outcome == "error" and use.error_class in OUTSIDE:
                cases[use.tool].append((material.case(trace, use), use.error_class))
    for what, failed in cases.items():
        if failed:
            error_class, count = _most_frequent(found for _, found in failed)
            yield group(
                what,
                [case for case, _ in failed],
                chances[what].elements(),
                what=what,
                failures=len(failed),
                error_class=error_class,
                error_class_count=count,
                remedy=_remedy(error_class),
            )


def _failures(trace: Trace) -> Iterator[tuple[Case, ErrorClass]]:
    """Failed model calls with the waits after them."""
    for place, (at_us, wait_ms, error_class) in enumerate(trace.failures):
        key = (f"failure {trace.session_id} {place}", at_us)
        yield Case(key, trace.root, Claim(us=wait_ms * 1_000)), error_class


def _most_frequent(classes: Iterable[ErrorClass | None]) -> tuple[str, int]:
    return next(iter(most_first(Counter(found or "unknown" for found in classes)).items()))


def _remedy(error_class: str) -> str:
    remedies = {str(name): text for name, text in data.advice().remedies.items()}
    return remedies.get(error_class, remedies["unknown"])
