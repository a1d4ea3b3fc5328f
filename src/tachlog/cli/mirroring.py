"""The verb `query`, and what is told of mirrors: what a run fed them with, how they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tachlog import figures as fmt
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Misuse
from tachlog.cli.table import Column, table

if TYPE_CHECKING:
    from tachlog.mirrors import Followed
    from tachlog.stores import Store
    from tachlog.stores.following import Lag


def followed(ask: Ask, store: Store) -> list[str]:
    """Feed the mirrors; a line for each that lacked something."""
    if not ask.config.storage.mirrors:
        return []
    from tachlog.mirrors import follow

    return [_followed(one) for one in follow(store, ask.config, ask.caller.now_us)]


def _followed(one: Followed) -> str:
    written = one.written
    if one.fault is not None:
        waiting = f"; {fmt.plural(one.behind, 'session')} wait" if one.behind else ""
        return f"mirror {one.fault}{waiting}"
    told = [f"{fmt.plural(one.threads, 'session')}, {fmt.plural(written.points, 'point')} written"]
    if written.expired:
        told.append(f"{written.expired:,} older than it keeps")
    if written.dropped:
        told.append(f"{written.dropped:,} refused")
    if one.behind:
        told.append(f"{fmt.plural(one.behind, 'session')} left for the next run")
    if written.note:
        told.append(written.note)
    return f"mirror {one.name}: {'; '.join(told)}"


def standing(lags: Sequence[Lag], width: int) -> list[str]:
    """How each mirror stands; its last fault on lines of its own."""
    lines = []
    for lag in lags:
        lines.append(f"  {lag.name}: {_standing(lag)}")
        if lag.fault is not None:
            fault = f"last fault: {lag.fault.removeprefix(f'{lag.name}: ')}"
            lines += [f"    {line}" for line in fmt.wrap(fault, width - 4)]
    return lines


def _standing(lag: Lag) -> str:
    from tachlog.analysis.units import rfc3339

    if lag.written_us is None and lag.failed_us is None:
        return f"not fed yet, {fmt.plural(lag.behind, 'session')} wait for the next analyze"
    told = [f"{fmt.plural(lag.behind, 'session')} behind" if lag.behind else "up to date"]
    if lag.written_us is not None:
        told.append(f"last written {rfc3339(lag.written_us)}")
    if lag.expired:
        told.append(f"{lag.expired:,} points older than it keeps")
    if lag.dropped:
        told.append(f"{lag.dropped:,} points refused")
    if lag.failed_us is not None:
        told.append(f"last failed {rfc3339(lag.failed_us)}")
    return "; ".join(told)


def query(ask: Ask) -> Answer:
    """Answer `tachlog query`."""
    from contextlib import closing

    from tachlog.stores.influxdb import open_mirror

    with closing(open_mirror(_chosen(ask))) as mirror:
        rows = mirror.query(ask.options.question)
    return Answer(rows, lambda: _rows(rows, ask.width))


def _chosen(ask: Ask) -> str:
    """The URL of the mirror that is asked: the one that is named, else the first."""
    from tachlog.stores import shown

    urls = [mirror.url for mirror in ask.config.storage.mirrors]
    wanted = ask.options.mirror
    if wanted is None:
        if not urls:
            raise Misuse("there is no mirror: set [[storage.mirrors]] or give one with --mirror")
        return urls[0]
    return next((url for url in urls if shown(url) == wanted), str(wanted))


def _rows(rows: Sequence[dict[str, Any]], width: int) -> Iterator[str]:
    if not rows:
        yield "no rows"
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    yield from table([Column(name) for name in names], cells, width)


def _cell(value: object) -> str:
    return "" if value is None else fmt.plain(str(value))
