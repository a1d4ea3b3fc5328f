"""Real logs in ten random orders and portions: the same totals, estimates included."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

from archives import MEASURER, read_in
from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import summarize, totals_of
from tachlog.stores import open_store

ORDERS = 10
MOST_BYTES = 120_000
FILES_OF_A_FOLDER = 6
PORTIONS = (None, 30_000, 2_000)


def files_of(corpus: Path) -> list[Path]:
    """A few small files of each folder of real logs."""
    found: list[Path] = []
    for folder in sorted(path for path in corpus.iterdir() if path.is_dir()):
        small = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.stat().st_size)
        some = [p for p in small if p.stat().st_size <= MOST_BYTES]
        found += random.Random(len(some)).sample(some, min(len(some), FILES_OF_A_FOLDER))
    return found


def test_real_logs_come_to_the_same_in_ten_orders_and_portions(corpus_dir: Path) -> None:
    """Tokens, cost, estimates and what they were learned of, to the last one."""
    files = files_of(corpus_dir)
    assert len(files) > 40
    answers = []
    for seed in range(ORDERS):
        order = list(files)
        random.Random(seed).shuffle(order)
        with closing(open_store("private:")) as store:
            read_in(store, order, portion_bytes=PORTIONS[seed % len(PORTIONS)])
            learned = store.learn(MEASURER)
            totals = totals_of(summarize(store, Selection()))
            answers.append((totals, learned.steps))
    assert answers[0][0].total_tokens > 1_000_000
    assert answers[0][0].tokens.estimated > 0
    assert all(answer == answers[0] for answer in answers)
