"""Sessions that ended long ago are deleted with all their figures; their keys and files stay known.

What is left of such a thread is a remainder of nothing: its logs, told again, add nothing, and who
resumes it begins anew.
"""

from __future__ import annotations

from collections.abc import Collection

from tachlog.metrics import SessionMetrics
from tachlog.metrics.remainder import Remainder
from tachlog.sessions import Session
from tachlog.stores import Cut, Measure, figures, quarters
from tachlog.stores.database import LISTED, Database, listed
from tachlog.stores.loading import load_session
from tachlog.stores.pruning import leave
from tachlog.stores.words import Words


def ended(database: Database, before_us: int) -> list[int]:
    """The threads of sessions that had ended, sub-agents and all, before a moment.

    What has no time is of no age.
    """
    found = database.rows(
        f"SELECT thread FROM {figures.TABLE} s JOIN"
        f" (SELECT root, agent FROM {figures.TABLE} GROUP BY root, agent HAVING max(end_us) < ?) o"
        " ON o.root = s.root AND o.agent = s.agent ORDER BY s.root, s.agent, thread",
        (before_us,),
    )
    return [int(thread) for (thread,) in found]


def forget(
    database: Database, words: Words, measure: Measure, cut: Cut, threads: Collection[int]
) -> int:
    """Delete all that is kept of threads but their keys, in a transaction.

    Gives how many sessions they were: threads that are nobody's sub-agents. Where they were forked
    from stays, as it decides who owns what others tell.
    """
    where = f"thread IN {LISTED}"
    these = (listed(threads),)
    with database.transaction():
        ((sessions,),) = database.rows(
            "SELECT count(*) FROM threads WHERE parent IS NULL AND id IN"
            f" (SELECT thread FROM {figures.TABLE} WHERE {where})",
            these,
        )
        cuts: dict[int, int] = dict(
            database.rows(f"SELECT thread, cut_us FROM remainders WHERE {where}", these)
        )
        for thread in threads:
            session = load_session(database, words, thread)
            empty = Session(session.thread)
            nothing = measure.session(empty).metrics
            cut_us = max(cut.cut_us, cuts.get(thread, 0))
            left = Remainder(nothing, [], nothing, [], empty, cut_us, cut.zone)
            leave(database, cut, thread, session, left)
        change = figures.next_change(database)
        quarters.keep(database, words, {thread: [] for thread in threads}, (), change)
        database.run(f"DELETE FROM marks WHERE name <> 'forked_from' AND {where}", these)
        for table in ("said", "told"):
            database.run(f"DELETE FROM {table} WHERE {where}", these)
        figures.drop(database, threads)
    return int(sessions)


def stays_forgotten(database: Database, told: dict[int, SessionMetrics]) -> set[int]:
    """Those of these threads that were forgotten, and of which nothing new is told."""
    silent = [
        thread
        for thread, m in told.items()
        if not (m.calls or m.tool_calls or m.prompts or m.failures or m.context.compactions)
    ]
    if not silent:
        return set()
    return {
        int(thread)
        for (thread,) in database.rows(
            f"SELECT thread FROM remainders WHERE thread IN {LISTED} AND thread NOT IN"
            f" (SELECT thread FROM {figures.TABLE})",
            (listed(silent),),
        )
    }


def forgotten_before_us(database: Database) -> int | None:
    """The time before which whole sessions were deleted, the latest; None where all are there."""
    ((cut_us,),) = database.rows(
        "SELECT max(cut_us) FROM remainders"
        f" WHERE thread NOT IN (SELECT thread FROM {figures.TABLE})"
    )
    return None if cut_us is None else int(cut_us)
