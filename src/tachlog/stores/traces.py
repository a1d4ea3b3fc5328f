"""The operations of many threads at once, with only the columns that a question takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from operator import itemgetter

from tachlog.analysis.selection import Roots, Selection, StoredStep
from tachlog.analysis.trace import Trace, TracedCall, TracedUse
from tachlog.model import ERROR_CLASSES, OUTCOMES, TARGET_KINDS, UNTIMED_US
from tachlog.stores.database import LISTED_TEXTS, Database, listed
from tachlog.stores.reading import operations_filter, threads_filter
from tachlog.stores.rows import Row


def traces(database: Database, names: Mapping[int, str], selection: Selection) -> list[Trace]:
    """The selected operations of each thread, threads in order of agent and id."""
    test, values = operations_filter(database, selection)

    def asked(columns: str, table: str, joined: str = "") -> defaultdict[int, list[Row]]:
        found: defaultdict[int, list[Row]] = defaultdict(list)
        for thread, *row in database.rows(
            f"SELECT o.thread, {columns} FROM {table} o{joined} WHERE {test}"
            " ORDER BY o.at_us, o.key",
            values,
        ):
            found[thread].append(tuple(row))
        return found

    calls = asked(
        "o.key, o.at_us, o.model, o.provider, coalesce(o.input, 0), coalesce(o.cache_read, 0),"
        " coalesce(o.cache_write, 0), coalesce(o.cache_write_1h, 0), o.settled_output,"
        " o.cost_nanousd, coalesce(o.response_us, 0)",
        "calls",
    )
    uses = asked(
        "o.key, o.at_us, o.tool, o.outcome, o.call, o.input_digest, o.output_bytes,"
        " o.duration_ms, o.end_us, o.approval_ms, o.target_kind, x.text, o.error_class,"
        " o.fingerprint, e.text",
        "tool_calls",
        " LEFT JOIN texts x ON x.key = o.target LEFT JOIN texts e ON e.key = o.excerpt",
    )
    failures = asked("o.at_us, coalesce(o.retry_after_ms, 0), o.error_class", "failures")
    prompts = asked("o.at_us", "prompts")
    compactions = asked("o.at_us", "compactions")
    return [
        Trace(
            agent,
            root,
            session_id,
            [
                TracedCall(key, at_us, names[model], names[provider], *rest)
                for key, at_us, model, provider, *rest in calls.get(thread, [])
            ],
            [_use(row, names) for row in uses.get(thread, []) if row[2] is not None],
            [
                (at_us, wait_ms, ERROR_CLASSES[found])
                for at_us, wait_ms, found in failures.get(thread, [])
            ],
            [at_us for (at_us,) in prompts.get(thread, [])],
            [at_us for (at_us,) in compactions.get(thread, [])],
        )
        for thread, agent, root, session_id in database.rows(
            "SELECT id, agent, root, session_id FROM threads ORDER BY agent, session_id"
        )
        if thread in calls or thread in uses or thread in failures
    ]


def steps(
    database: Database,
    names: Mapping[int, str],
    selection: Selection,
    roots: Roots = None,
) -> list[StoredStep]:
    """Tool calls in the order of their threads: of these sessions, or of the selection's time."""
    if roots is None:
        test, values = operations_filter(database, selection)
    else:
        of, values = threads_filter(database, selection, by_start=True)
        test = (
            "o.thread IN (SELECT s.thread FROM agent_telemetry_summaries s"
            f" WHERE s.root IN {LISTED_TEXTS} AND {of})"
        )
        values = [listed(roots), *values]
    found = database.rows(
        "SELECT t.session_id, t.agent, t.root, o.tool, o.input_digest, o.outcome, o.at_us"
        " FROM tool_calls o JOIN threads t ON t.id = o.thread"
        f" WHERE o.tool IS NOT NULL AND {test} ORDER BY o.thread, o.at_us, o.key",
        values,
    )
    found.sort(key=itemgetter(0, 1))
    return [
        StoredStep(at_us, names[tool], digest, OUTCOMES[outcome], root, session_id)
        for session_id, _, root, tool, digest, outcome, at_us in found
    ]


def _use(row: Row, names: Mapping[int, str]) -> TracedUse:
    key, at_us, tool, outcome, call, digest, output_bytes, duration_ms, end_us, *rest = row
    waited_ms, target_kind, target, error_class, fingerprint, excerpt = rest
    is_reported = duration_ms is not None
    return TracedUse(
        key,
        at_us,
        names[tool],
        OUTCOMES[outcome],
        call,
        digest,
        output_bytes,
        duration_ms * 1_000 if is_reported else _between(at_us, end_us),
        is_reported,
        None if waited_ms is None else waited_ms * 1_000,
        None if target_kind is None else TARGET_KINDS[target_kind],
        target,
        None if error_class is None else ERROR_CLASSES[error_class],
        fingerprint,
        excerpt,
    )


def _between(at_us: int, end_us: int | None) -> int:
    return 0 if end_us is None or end_us < UNTIMED_US else max(0, end_us - at_us)
