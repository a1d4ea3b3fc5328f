"""Logs of pi, Copilot CLI, Gemini CLI and OpenCode make one archive, however they are read."""

import json
from pathlib import Path
from typing import Any

import pytest

from archives import archive_of, read_in
from tachlog.analysis.selection import Selection
from tachlog.stores import Store, open_store

CASES = Path(__file__).parent / "corpus"
TOLD_IN_SEVERAL = {
    "pi/fork": ("original.jsonl", "fork.jsonl", "older.jsonl"),
    "opencode/fork": ("original.json", "fork.json"),
    "opencode/tree": ("msg_1.json", "ses_a.json", "prt_1.json"),
}
GROWING = {
    "gemini_cli/document/session.json": ("messages",),
    "opencode/reasoning/inside.json": ("messages",),
}


def files_of(case: str) -> list[Path]:
    """Return the files of a case."""
    return [CASES / case / name for name in TOLD_IN_SEVERAL[case]]


def total_of(store: Store) -> int:
    """Return the tokens of all threads."""
    return sum(metrics.total_tokens for metrics in store.sessions(Selection()))


@pytest.mark.parametrize("case", TOLD_IN_SEVERAL)
def test_order_of_files_does_not_show(case: str) -> None:
    """The same files read in either order make the same archive."""
    files = files_of(case)
    assert archive_of(files) == archive_of(files[::-1])


@pytest.mark.parametrize(("case", "tokens"), [("pi/fork", 14_941), ("opencode/fork", 641)])
def test_copied_calls_count_once(case: str, tokens: int) -> None:
    """What a fork copied adds nothing; what it did itself does."""
    store = open_store("private:")
    read_in(store, files_of(case))
    assert total_of(store) == tokens
    store.close()


def test_a_session_told_by_transcript_and_telemetry_counts_once() -> None:
    """Telemetry adds no call, tokens or failure to a transcript of the same session, in any order.

    Session 4 of the recording has three failed requests; telemetry knows one of them.
    """
    transcript = CASES / "claude_code/recorded_2.1.330/5e551000-0000-4000-8000-000000000004.jsonl"
    told = CASES / "otlp/recorded_claude_code_2.1.330"
    telemetry = [told / "logs.jsonl", told / "traces.jsonl"]
    figures = []
    for files in ([transcript], [transcript, *telemetry], [*telemetry, transcript]):
        store = open_store("private:")
        read_in(store, files)
        (found,) = (m for m in store.sessions(Selection()) if m.session_id == transcript.stem)
        figures.append((found.total_tokens, found.calls, found.failures))
        store.close()
    assert figures[0] == figures[1] == figures[2]


@pytest.mark.parametrize("name", GROWING)
def test_document_that_grows_is_as_if_read_once(tmp_path: Path, name: str) -> None:
    """A document that is read while it grows tells in the end what it tells as a whole."""
    whole: dict[str, Any] = json.loads((CASES / name).read_text())
    path = tmp_path / Path(name).name
    grown, at_once = open_store("private:"), open_store("private:")
    for length in range(1, len(whole["messages"]) + 1):
        path.write_text(json.dumps(whole | {"messages": whole["messages"][:length]}))
        read_in(grown, [path])
    read_in(at_once, [path])
    assert total_of(grown) == total_of(at_once) > 0
    assert grown.input(Selection())[0] == at_once.input(Selection())[0]
    grown.close()
    at_once.close()


@pytest.mark.parametrize(
    "name",
    [
        "pi/stopped/session.jsonl",
        "copilot_cli/legs/events.jsonl",
        "gemini_cli/rewrites/session.jsonl",
    ],
)
def test_lines_that_are_appended_are_as_if_read_once(tmp_path: Path, name: str) -> None:
    """A file that is read line by line as it grows makes the archive that it makes as a whole."""
    lines = (CASES / name).read_bytes().splitlines(keepends=True)
    path = tmp_path / Path(name).name
    grown = open_store("private:")
    with path.open("ab", buffering=0) as file:
        for line in lines:
            file.write(line)
            read_in(grown, [path])
    at_once = open_store("private:")
    read_in(at_once, [path])
    assert total_of(grown) == total_of(at_once) > 0
    assert grown.input(Selection())[0] == at_once.input(Selection())[0]
    grown.close()
    at_once.close()
