"""The SQL of docs/analytics.md, run as it stands, agrees with what tachlog itself answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from archives import read_in
from tachlog.analysis.gathering import build
from tachlog.analysis.selection import Selection
from tachlog.analysis.spending import costs_of
from tachlog.analysis.summary import TelemetryResult
from tachlog.config import Config
from tachlog.demo import write_demo
from tachlog.export import Wish, export
from tachlog.pricing import price
from tachlog.stores import Store, open_store

PAGE = Path(__file__).resolve().parents[1] / "docs" / "analytics.md"
QUESTIONS = dict(
    re.findall(
        r"^## ([^\n]*\?)\n(?:(?!^## ).)*?```sql\n(.*?)```", PAGE.read_text("utf-8"), re.S | re.M
    )
)

Rows = list[tuple[Any, ...]]


class Scene(NamedTuple):
    """An archive of the example logs, what tachlog tells of it, and where its export lies."""

    store: Store
    result: TelemetryResult
    directory: Path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return the example logs, read in and exported."""
    directory = tmp_path_factory.mktemp("analytics")
    write_demo(directory / "logs")
    store = open_store("private:")
    read_in(store, sorted(path for path in (directory / "logs").rglob("*.*") if path.is_file()))
    result = build(store, Selection(), time_zone="UTC", prices="", generated_at_us=0)
    export(store, directory / "telemetry", Wish("parquet", False, Selection(), {}))
    yield Scene(store, result, directory)
    store.close()


@pytest.fixture
def ask(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that answers the question with these words in its heading."""
    monkeypatch.chdir(scene.directory)

    def answered(words: str) -> Rows:
        (sql,) = [sql for heading, sql in QUESTIONS.items() if words in heading]
        return duckdb.connect().execute(sql).fetchall()

    return answered


def test_there_are_five_questions() -> None:
    """Every question of the page is asked below."""
    assert len(QUESTIONS) == 5


def test_cost_by_day_and_model(scene: Scene, ask: Any) -> None:
    """Calls, tokens and cost of each day and model are those of `tachlog cost`, to the digit."""
    config = Config().billing
    told = costs_of(
        scene.store,
        Selection(),
        "day",
        config,
        time_zone="UTC",
        prices="",
        price=price,
        generated_at_us=0,
    )
    wanted = {
        (row.key, model): (use.calls, use.total_tokens, use.cost_usd)
        for row in told.rows
        for model, use in row.models.items()
    }
    found = {
        (str(day), model): (calls, tokens, None if cost is None else float(cost))
        for day, model, calls, tokens, cost in ask("cost a day")
    }
    assert found == wanted
    assert len(found) > 20


def test_tools(scene: Scene, ask: Any) -> None:
    """Calls, errors, error rates and times of each tool are those of `tachlog tools`."""
    usage = scene.result.totals.tool_usage
    found = ask("tools fail")
    assert {row[0] for row in found} == usage.keys()
    for tool, calls, errors, error_rate, total_ms, _ in found:
        told = usage[tool]
        assert (calls, errors) == (told.count, told.error_count)
        assert error_rate == _rest(told.success_rate)
        assert total_ms or pytest.approx(told.total_time) == 0


def _rest(share: float | None) -> Any:
    return None if share is None else pytest.approx(1 - share, abs=2e-6)


def test_dearest_sessions(scene: Scene, ask: Any) -> None:
    """The dearest trees have the threads, tokens and cost that their sessions show."""
    trees = {s.session_id: s for s in scene.result.sessions if s.tree is not None}
    found = ask("sessions cost most")
    assert len(found) == 10
    for root, project, threads, tokens, cost in found:
        tree = trees[root].tree
        assert tree is not None
        assert (trees[root].project, tree.threads, tree.tokens) == (project, threads, tokens)
        assert tree.cost_usd == float(cost)
    costs = [s.tree.cost_usd for s in trees.values() if s.tree and s.tree.cost_usd is not None]
    assert [float(row[4]) for row in found] == sorted(costs, reverse=True)[:10]


def test_cache_by_project(scene: Scene, ask: Any) -> None:
    """The cache hit rates of projects add up from the sessions' tokens."""
    read: Counter[str | None] = Counter()
    whole: Counter[str | None] = Counter()
    for session in scene.result.sessions:
        read[session.project] += session.tokens.cache_read
        whole[session.project] += session.tokens.total - session.tokens.output
    wanted = {name: (read[name], round(read[name] / whole[name], 6)) for name in whole}
    assert {project: (tokens, rate) for project, tokens, rate in ask("prompt cache")} == wanted


def test_errors(scene: Scene, ask: Any) -> None:
    """Errors by class are those of `tachlog errors`."""
    found = {name: count for name, count, _ in ask("fails most")}
    assert found == scene.result.totals.error_breakdown


def test_sums_of_money_are_exact(scene: Scene, ask: Any) -> None:
    """What all days cost is what the archive's nano-dollars add up to."""
    nanousd = sum(
        use.cost_nanousd or 0
        for m in scene.store.sessions(Selection())
        for use in m.models.values()
    )
    assert sum(row[4] for row in ask("cost a day") if row[4] is not None) == Decimal(
        nanousd
    ).scaleb(-9)
