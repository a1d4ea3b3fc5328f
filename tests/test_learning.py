"""What an archive learns of its reported counts, and its estimates made anew by it."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from archives import (
    MEASURER,
    archive_of,
    as_session,
    assistant,
    at,
    contents,
    jsonl,
    portion_of,
    read_in,
    user,
)
from conftest import Archives
from tachlog.analysis.selection import Selection
from tachlog.analysis.turns import turns_of
from tachlog.config import Config
from tachlog.config.keys import Estimates
from tachlog.data import estimators
from tachlog.estimate import estimate_output
from tachlog.metrics.calibration import Learned
from tachlog.model import Features
from tachlog.pipeline import bring_up_to_date
from tachlog.stores import Store, open_store
from tachlog.stores.archive import SqlArchive

MODEL = "claude-opus-4-5-20251101"
WORDS = "so we go on and look at what is there "


def written(characters: int) -> str:
    """Words of so many characters, without symbols."""
    return (WORDS * (characters // len(WORDS) + 1))[:characters]


def estimate(characters: int) -> int:
    """What such a reply is estimated at by the shipped factors."""
    return estimate_output(Features(text=characters), MODEL)


def reply(session: str, number: int, factor: float, *, final: bool = True) -> dict[str, Any]:
    """A reply whose true count is the estimate times a factor; told only where it is final."""
    size = 400 + 37 * number
    return assistant(
        session,
        f"u-{session}-{number}",
        at(number // 60, number % 60),
        f"msg_{session}_{number}",
        output=round(estimate(size) * factor) if final else 1,
        content=[{"type": "text", "text": written(size)}],
        stop="end_turn" if final else None,
    )


def logs(directory: Path, factor: float = 1.4) -> list[Path]:
    """Three sessions: counted ones, a copy of one that goes on, and one with placeholders only."""
    first = [user("s1", "p1", at(0), "go on")]
    first += [reply("s1", n, factor) for n in range(30)]
    second = as_session(first[:8], "s2") + [reply("s2", n, factor) for n in range(40, 75)]
    second += [assistant("s2", "u-empty", at(59), "msg_empty", content=[])]
    third = [user("s3", "p3", at(1), "go on")]
    third += [reply("s3", n, factor, final=False) for n in range(9)]
    return [
        jsonl(directory / f"{name}.jsonl", records)
        for name, records in (("s1", first), ("s2", second), ("s3", third))
    ]


def output_of(store: Store, session: str) -> tuple[int, int]:
    """A session's output tokens, and how many of them are estimated."""
    (found,) = [m for m in store.sessions(Selection()) if m.session_id == session]
    use = found.models[MODEL]
    return use.output, use.estimated


def shipped_output() -> int:
    """What the placeholders of `logs` come to by the shipped factors."""
    return sum(estimate(400 + 37 * n) for n in range(9))


@pytest.fixture
def store() -> Any:
    """An archive that vanishes."""
    opened = open_store("private:")
    yield opened
    opened.close()


def test_every_archive_learns(tmp_path: Path, archives: Archives) -> None:
    """Archives of every kind come to the same corrections and the same rows."""
    files = logs(tmp_path)
    store = archives.new()
    read_in(store, files)
    learned = store.learn(MEASURER)
    assert {**contents(store), "steps": learned.steps} == learned_archive(files, None, every=False)


def test_estimates_follow_what_was_reported(tmp_path: Path, store: Store) -> None:
    """Where counts are 1.4 times their estimates, what nobody counted is estimated so too."""
    read_in(store, logs(tmp_path))
    assert output_of(store, "s3") == (shipped_output(), shipped_output())
    learned = store.learn(MEASURER)
    output, estimated = output_of(store, "s3")
    assert output == estimated == pytest.approx(1.4 * shipped_output(), rel=0.01)
    assert learned == store.learned()
    assert learned.version == 1
    assert learned.name == Learned(7, learned.steps).name != Learned().name
    assert learned.correction("claude_code", MODEL) == pytest.approx(1.4, rel=0.006)


def test_everything_tells_the_same_estimate(tmp_path: Path, store: Store) -> None:
    """Session, calls, cost and timeline agree after the estimates were made anew."""
    read_in(store, logs(tmp_path))
    learned = store.learn(MEASURER)
    assert isinstance(store, SqlArchive)
    found = store.session("s3")
    assert found is not None
    metrics, session = found
    measured = MEASURER.learning(learned).session(session)
    told = msgspec.structs.replace(measured.metrics, project=metrics.project)
    assert told == metrics
    rows = store.database.rows("SELECT sum(settled_output), sum(cost_nanousd) FROM calls")
    sessions = store.sessions(Selection())
    assert rows[0] == (
        sum(m.models[MODEL].output for m in sessions),
        sum(m.models[MODEL].cost_nanousd or 0 for m in sessions),
    )
    steps = [step for turn in turns_of(session, learned) for step in turn.steps]
    assert sum(step.output or 0 for step in steps) == metrics.models[MODEL].output


def test_learning_again_changes_nothing(tmp_path: Path, store: Store) -> None:
    """Without news the factors keep their version, and every row stays as it is."""
    read_in(store, logs(tmp_path))
    first = store.learn(MEASURER)
    before = contents(store)
    assert store.learn(MEASURER.learning(first)) == first
    assert contents(store) == before


def test_the_version_rises_when_a_factor_moves(tmp_path: Path, store: Store) -> None:
    """More counts that say otherwise move the correction, and with it what was estimated before."""
    read_in(store, logs(tmp_path / "a"))
    first = store.learn(MEASURER)
    before = output_of(store, "s3")[0]
    more = [reply("s9", n, 0.8) for n in range(200)]
    read_in(store, [jsonl(tmp_path / "s9.jsonl", more)])
    second = store.learn(MEASURER.learning(first))
    assert second.version == 2
    assert output_of(store, "s3")[0] < before


def test_too_few_counts_teach_nothing(tmp_path: Path, store: Store) -> None:
    """Below fifty counted replies the shipped factors stand, under their own name."""
    files = logs(tmp_path)
    read_in(store, [files[0], files[2]])
    assert store.learn(MEASURER) == Learned()
    assert store.learned().name == str(estimators().checked)


def test_the_shipped_factors_alone(tmp_path: Path, store: Store) -> None:
    """Who wants the shipped factors gets them back, and what was learned when they want it."""
    paths = [str(path) for path in logs(tmp_path)]
    bring_up_to_date(store, paths, Config(), jobs=1)
    corrected = output_of(store, "s3")
    assert corrected[0] > shipped_output()
    shipped = Config(estimates=Estimates(factors="shipped"))
    bring_up_to_date(store, paths, shipped, jobs=1)
    assert output_of(store, "s3") == (shipped_output(), shipped_output())
    assert store.learned().name == str(estimators().checked)
    bring_up_to_date(store, paths, Config(), jobs=1)
    assert output_of(store, "s3") == corrected


def test_a_process_that_knows_less_measures_again(tmp_path: Path, store: Store) -> None:
    """What was measured before another process learned is not kept as it was measured."""
    files = logs(tmp_path)
    read_in(store, files[:2])
    late = portion_of(files[2], store)
    store.learn(MEASURER)
    store.write([late], MEASURER)
    assert output_of(store, "s3")[0] == pytest.approx(1.4 * shipped_output(), rel=0.01)


def test_a_failure_leaves_all_as_it_was(tmp_path: Path, store: Store) -> None:
    """Learning is one transaction: when it fails, estimates and factors stay what they were."""
    read_in(store, logs(tmp_path))
    before = contents(store)

    class Broken(type(MEASURER)):  # type: ignore[misc]
        def learning(self, learned: Learned) -> Any:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.learn(Broken(MEASURER.price, MEASURER.project))
    assert contents(store) == before
    assert store.learned() == Learned()


@pytest.mark.parametrize("seed", range(6))
def test_the_way_of_reading_teaches_nothing(tmp_path: Path, seed: int) -> None:
    """In any order, in any portions, learning between them or only at the end: the same archive."""
    files = logs(tmp_path)
    expected = learned_archive(files, None, every=False)
    random = Random(seed)
    mixed = random.sample(files, len(files))
    size = random.choice([2_000, 9_000, None])
    found = learned_archive(mixed, size, every=random.random() < 0.5)
    assert found == expected
    assert found != archive_of(files)


def learned_archive(files: Sequence[Path], size: int | None, *, every: bool) -> dict[str, Any]:
    """What an archive holds that learned after every file, or after the last."""
    store = open_store("private:")
    try:
        for file in files:
            read_in(store, [file], portion_bytes=size)
            if every:
                store.learn(MEASURER.learning(store.learned()))
        learned = store.learn(MEASURER.learning(store.learned()))
        return {**contents(store), "steps": learned.steps}
    finally:
        store.close()


def test_real_logs_in_any_order(corpus_dir: Path) -> None:
    """Real logs of three agents, in random orders and portions, come to the same estimates."""
    folders = [
        corpus_dir / "pi/badlogic__pi-mono",
        corpus_dir / "claude-code/chiphuyen__sniffly",
        corpus_dir / "codex/Ogekuri__useReq",
    ]
    files = sorted(path for folder in folders for path in folder.rglob("*.jsonl"))
    assert files
    found = []
    for seed in range(3):
        store = open_store("private:")
        size = (None, 400_000, 90_000)[seed]
        read_in(store, Random(seed).sample(files, len(files)), portion_bytes=size)
        learned = store.learn(MEASURER)
        tokens = {m.session_id: (m.total_tokens, m.models) for m in store.sessions(Selection())}
        found.append((learned, tokens))
        store.close()
    assert found[0][0].steps
    assert found[0] == found[1] == found[2]
