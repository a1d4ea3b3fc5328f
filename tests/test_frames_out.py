"""Results as data frames: one row per thing, plain columns, times as timestamps."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from summary_by_hand import MODEL, NOW, SECOND, Shelf, thread, tool, use
from tachlog.analysis import frames_out
from tachlog.analysis.gathering import build
from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import TelemetryResult
from tachlog.metrics import Anomaly, ErrorCluster


@pytest.fixture
def result() -> TelemetryResult:
    """Return a result with a session, its sub-agent and a thread that did nothing."""
    shelf = Shelf(
        [
            thread("s0", None, models={}, time_split=None),
            thread(
                "s1",
                tools={"Bash": tool(2, us=[SECOND], errors=1), "Read": tool(1)},
                models={MODEL: use(2)},
                anomalies=[Anomaly("loop", 3, 3, start_us=NOW, count=3)],
                clusters=[ErrorCluster("network", 7, "Bash", "curl", 1, NOW, NOW, "refused")],
                commits=["abc"],
            ),
            thread("s1/a", of="s1"),
        ]
    )
    return build(shelf, Selection(), time_zone="UTC", prices="list", generated_at_us=NOW)


def test_sessions_are_rows(result: TelemetryResult) -> None:
    """Each thread is a row; members of members are columns with both names."""
    table = result.to_arrow()
    nothing, main, sub = table.to_pylist()
    assert main["session_id"] == "s1"
    assert main["start_time"] == datetime(2026, 11, 18, 9, tzinfo=UTC)
    assert (main["tokens_output"], main["tree_threads"], main["time_split_model"]) == (
        100,
        2,
        120.0,
    )
    assert (sub["parent_session_id"], sub["tree_threads"], sub["time_split_model"]) == (
        *("s1", None),
        None,
    )
    assert (nothing["start_time"], main["commits"]) == (None, ["abc"])
    assert {str(field.type) for field in table.schema} == {
        *("string", "int64", "double", "list<item: string>"),
        "timestamp[us, tz=UTC]",
    }


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("tools", [("s1", "tool", "Bash"), ("s1", "tool", "Read")]),
        ("models", [("s1", "model", MODEL), ("s1/a", "model", MODEL)]),
        ("errors", [("s1", "excerpt", "refused")]),
        ("anomalies", [("s1", "start", datetime(2026, 11, 20, 12, tzinfo=UTC))]),
    ],
)
def test_other_tables(
    result: TelemetryResult, table: str, rows: list[tuple[str, str, object]]
) -> None:
    """Tools, models, errors and anomalies are tables of their own, with the session they are of."""
    found = result.to_arrow(table).to_pylist()
    assert [(row["session_id"], rows[0][1], row[rows[0][1]]) for row in found] == rows


def test_pandas_and_polars_hold_the_same(result: TelemetryResult) -> None:
    """Both frames have the rows and columns of the Arrow table."""
    columns = result.to_arrow("tools").column_names
    pandas, polars = result.to_pandas("tools"), result.to_polars("tools")
    assert list(pandas.columns) == polars.columns == columns
    assert list(pandas["count"]) == polars["count"].to_list() == [2, 1]


def test_an_empty_result_has_its_columns() -> None:
    """Without sessions the tables are empty, not shapeless."""
    nothing = build(Shelf(), Selection(), time_zone="UTC", prices="", generated_at_us=NOW)
    for table in frames_out.TABLES:
        found = nothing.to_arrow(table)
        assert found.num_rows == 0
        assert "session_id" in found.column_names


def test_an_unknown_table_is_refused(result: TelemetryResult) -> None:
    """The message names the tables that there are."""
    with pytest.raises(ValueError, match="turns: no such table; there are sessions, tools, models"):
        result.to_arrow("turns")


@pytest.mark.parametrize("package", ["pyarrow", "pandas", "polars"])
def test_a_missing_extra_is_named(
    result: TelemetryResult, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the package the error says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    convert = {"pyarrow": result.to_arrow, "pandas": result.to_pandas, "polars": result.to_polars}
    with pytest.raises(frames_out.MissingExtraError, match=r"pip install 'tachlog\[dataframes\]'"):
        convert[package]()


def test_a_summary_loads_no_data_frames() -> None:
    """Summaries are made without any of the heavy packages."""
    heavy = "{'pyarrow', 'pandas', 'polars', 'rich', 'numpy', 'zoneinfo.tzdata'}"
    code = f"import sys, tachlog.analysis.overview; assert not {heavy} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
