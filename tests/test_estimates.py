"""`tachlog cost --estimates`: what is estimated, by what, and how far off that may be."""

from collections.abc import Sequence

import pytest

from screens import Desk
from summary_by_hand import Shelf, use
from tachlog.analysis.estimates import Estimates, estimates_of
from tachlog.analysis.selection import By, Selection, Shifts, Spending
from tachlog.cli.estimates import cells
from tachlog.data import estimator_factors
from tachlog.metrics.calibration import Learned

OPUS = "claude-opus-4-5"


class Found(Shelf):
    """An archive that gives these groups, and has learned this."""

    def __init__(self, found: list[Spending], learned: Learned) -> None:
        super().__init__()
        self.found = found
        self.taught = learned

    def spending(
        self, selection: Selection, by: By, cuts: Sequence[int] = (), shifts: Shifts | None = None
    ) -> list[Spending]:
        """Give the groups."""
        assert by == "agent"
        return self.found

    def learned(self) -> Learned:
        """Give what it has learned."""
        return self.taught


def estimates(found: list[Spending], learned: Learned = Learned()) -> Estimates:  # noqa: B008 (frozen)
    """What is told of the groups."""
    return estimates_of(Found(found, learned), Selection(), generated_at_us=0)


def spent(agent: str, model: str, output: int, estimated: int) -> Spending:
    """The calls of an agent with a model."""
    return Spending(agent, None, model, use(output=output, estimated=estimated))


def test_rows_say_what_they_rest_on() -> None:
    """Learned, shipped, or a family that nobody measured: each with its expected error."""
    learned = Learned(3, {"claude_code": {OPUS: 10}})
    found = estimates(
        [
            spent("pi", OPUS, 50, 10),
            spent("claude_code", OPUS, 900, 600),
            spent("goose", "qwen3-coder", 40, 40),
            spent("codex", "gpt-5", 10_000, 0),
        ],
        learned,
    )
    claude = estimator_factors(OPUS)
    assert [
        (row.agent, row.family, row.basis, row.estimated, row.expected_error) for row in found.rows
    ] == [
        ("claude_code", "claude", "learned", 600, claude.learned_error),
        ("goose", "other", "other", 40, None),
        ("pi", "claude", "shipped", 10, claude.error),
    ]
    assert found.rows[0].correction == pytest.approx(1.1046, rel=1e-4)
    assert (found.output, found.estimated, found.revision) == (10_990, 650, 3)
    assert found.estimated_share == round(650 / 10_990, 6)
    assert found.estimates == learned.name
    assert claude.error
    assert claude.learned_error
    off = 600 * claude.learned_error + 10 * claude.error
    assert found.expected_error == pytest.approx(off / 610, abs=0.001)


def test_of_a_model_without_a_name_no_error_is_claimed() -> None:
    """Nobody can have measured it, and what an archive learned of it may be of many models."""
    for learned in (Learned(), Learned(3, {"tau_bench": {"unknown": 10}})):
        found = estimates([spent("tau_bench", "unknown", 40, 40)], learned)
        assert (found.rows[0].expected_error, found.expected_error) == (None, None)
    assert "names no model" in " ".join(
        cells(estimates([spent("tau_bench", "unknown", 9, 9)]).rows[0])
    )


def test_nothing_estimated() -> None:
    """Where all is counted there is no row, and nothing to expect."""
    found = estimates([spent("codex", "gpt-5", 10_000, 0)])
    assert (found.rows, found.estimated_share, found.expected_error) == ([], 0, None)
    assert estimates([]).estimated_share is None


def test_a_row_shows_what_it_rests_on() -> None:
    """The last columns say how far off it may be, and whose counts it rests on."""
    learned = Learned(1, {"pi": {OPUS: -5}})
    found = estimates(
        [spent(agent, model, 9, 9) for agent, model in (("a", OPUS), ("pi", OPUS), ("b", "glm"))],
        learned,
    )
    assert [cells(row)[-2:] for row in found.rows] == [
        ["± 9 %", "claude"],
        ["not known", "no model like it was measured"],
        ["± 10 %", "claude, your own counts say -5%"],
    ]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give a home whose sessions are in the archive; tests only look at it."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.write()
    assert desk.run("analyze").code == 0
    return desk


def test_the_command_tells_when_nothing_is_estimated(desk: Desk) -> None:
    """Of a selection that the logs count from end to end the command says so."""
    shown = desk.run("cost", "--estimates", "--model", "nobodys")
    assert shown.out == "nothing is estimated: the logs report the tokens of every call\n"
