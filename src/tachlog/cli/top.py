"""The verb `top`: which agents wait for somebody, and what the others do."""

from __future__ import annotations

import os
import threading
from argparse import Namespace
from collections import deque
from contextlib import closing
from time import time_ns
from typing import TYPE_CHECKING

from tachlog import figures as fmt
from tachlog.cli.answering import Ask, as_json
from tachlog.cli.calling import Caller
from tachlog.cli.top_rows import Row, heading, rows_of

if TYPE_CHECKING:
    from tachlog.stores import Store


def top(options: Namespace, caller: Caller) -> int:
    """Run `tachlog top` until it is left; without a terminal tell once."""
    from tachlog.stores import open_store

    ask = Ask(options, caller)
    with closing(open_store(ask.config.storage.url)) as store:
        if options.json or not caller.out.isatty():
            _tell_once(ask, store)
        else:
            _run(ask, store)
    return 0


def _tell_once(ask: Ask, store: Store) -> None:
    from tachlog.analysis.live import live_session, live_threads
    from tachlog.hooks.facts import Spool, spool_path
    from tachlog.pipeline import bring_up_to_date
    from tachlog.watching import discovered

    places = discovered(ask.caller.environ, ask.config)()
    there = [place for place in places if "://" in place or os.path.exists(place)]
    bring_up_to_date(store, there, ask.config)
    now_us = time_ns() // 1000
    if heard := Spool(spool_path(ask.caller.environ)).look():
        store.keep_hooked(heard, now_us)
    found = live_threads(store, now_us)
    if ask.options.json:
        ask.caller.out.write(as_json([live_session(each) for each in found]))
        return
    rows = rows_of(found, now_us)
    ask.caller.out.write(fmt.plain(heading(rows)) + "\n")
    for row in rows:
        told = f"{'needs you' if row.needs else 'works':10}{row.title} · {row.agent}: {row.doing}"
        ask.caller.out.write(fmt.plain(f"{told}, {row.since} ({row.basis})") + "\n")


def _run(ask: Ask, store: Store) -> None:
    """Show the screen, and follow the logs meanwhile."""
    from tachlog.analysis.live import live_threads
    from tachlog.cli.top_screen import Top
    from tachlog.hooks.facts import spool_path
    from tachlog.watching import discovered, follow

    one_at_a_time = threading.Lock()

    def look() -> list[Row]:
        now_us = time_ns() // 1000
        with one_at_a_time:
            return rows_of(live_threads(store, now_us), now_us)

    told: deque[str] = deque([""], maxlen=1)
    stop = threading.Event()
    following = threading.Thread(
        target=follow,
        args=(
            ask.config.storage.url,
            discovered(ask.caller.environ, ask.config),
            ask.config,
        ),
        kwargs={
            "stop": stop,
            "told": lambda step: told.append(step.fault or step.notes.get("", "")),
            "jobs": 1,
            "hooks": spool_path(ask.caller.environ),
        },
        daemon=True,
    )
    following.start()
    try:
        Top(look, lambda: told[0]).run()
    finally:
        stop.set()
        following.join()
