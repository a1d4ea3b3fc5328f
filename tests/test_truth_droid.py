"""Sessions of Droid are read as a second count says."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

import tachlog
from tachlog.discovery import discover
from tachlog.engines.work import chunks_of
from tachlog.frames import head
from tachlog.sessions import Sessions, fold, merge_sessions
from tachlog.sources import detect
from tachlog.sources.droid import SOURCE
from truth import droid as second

CASES = Path(__file__).parent / "corpus/droid"
RECORDED = sorted(CASES.glob("recorded_*/*.json*"))
RECORDED = [path for path in RECORDED if path.name != "truth.json"]
SESSION = CASES / "session/11111111-1111-4111-8111-000000000001.jsonl"


def told_by(folder: str) -> list[Path]:
    """The files of a case."""
    return sorted(path for path in (CASES / folder).iterdir() if path.name != "expected.json")


def read_all(paths: Iterable[Path]) -> Sessions:
    """What the source makes of files."""
    sessions: Sessions = {}
    for path in map(str, paths):
        state = SOURCE.state()
        for chunk in chunks_of(SOURCE, SOURCE.frame(path, head(path)), path):
            fold(SOURCE.read(chunk, state).events, sessions)
    return sessions


@pytest.mark.parametrize(
    "paths",
    [RECORDED, told_by("session"), told_by("session") + told_by("fork")],
    ids=["recorded", "session", "fork"],
)
def test_sessions_are_counted_alike(paths: list[Path]) -> None:
    """Calls, tokens, prompts, tools and failed tools are those of the second count."""
    truth = second.count(paths)
    told = tachlog.analyze(paths, jobs=1).totals
    assert {name: getattr(told.tokens, name) for name in second.NAMES} == dict(truth.tokens)
    assert told.tokens.estimated == 0
    assert told.model_calls == len(truth.calls)
    used = {name: usage.count for name, usage in told.tool_usage.items()}
    assert used == Counter(truth.tools.values())
    sessions = read_all(paths)
    assert {t.session_id: t.parent for t in sessions} == truth.sessions
    assert len({key for s in sessions.values() for key in s.prompts}) == len(truth.prompts)
    failed = {k for s in sessions.values() for k, use in s.tools.items() if use.end_us}
    assert len(failed) == len(truth.tools)
    bad = [u for s in sessions.values() for u in s.tools.values() if u.reported != "success"]
    assert len({use.key for use in bad}) == len(truth.failed)


def test_longer_snapshots_replace_shorter_ones(tmp_path: Path) -> None:
    """Settings that have grown replace the former totals, in whatever order both are read."""
    session = tmp_path / SESSION.name
    settings = tmp_path / f"{SESSION.stem}.settings.json"
    session.write_bytes(SESSION.read_bytes())
    told = json.loads((SESSION.parent / settings.name).read_text())
    settings.write_text(json.dumps(told))
    (after,) = read_all([session, settings]).values()
    told["tokenUsage"] = {"inputTokens": 100, "outputTokens": 30}
    settings.write_text(json.dumps(told))
    (before,) = read_all([session, settings]).values()
    assert merge_sessions(before, after) == merge_sessions(after, before)
    assert merge_sessions(before, after).calls == after.calls


def test_settings_alone_tell_what_was_used() -> None:
    """Where the session itself is gone, what it used is still told."""
    (session,) = read_all([SESSION.with_suffix(".settings.json")]).values()
    (call,) = session.calls.values()
    assert call.usage is not None
    assert (call.usage.total, call.final) == (6340, True)


LINE = b'{"type":"session_start","id":"x","title":"","owner":"ana"}'


@pytest.mark.parametrize(
    ("name", "start", "claimed"),
    [
        ("x.jsonl", LINE, True),
        ("x.jsonl", LINE.replace(b"title", b"label"), False),
        ("x.json", LINE, False),
        ("x.settings.json", b'{"tokenUsage": {}}', True),
        ("x.settings.json", b'{"providerLock": "openai"}', True),
        ("x.settings.json", b'{"editor": "vi"}', False),
        ("x.settings.json", b'{"assistantActiveTimeMs": 1, "tok', True),
        ("x.settings.json", b'{"editor', False),
    ],
)
def test_what_is_claimed(name: str, start: bytes, claimed: bool) -> None:
    """A session's first line tells it, and its own fields its settings."""
    assert (detect(name, start) is SOURCE) == claimed


@pytest.mark.parametrize(
    ("environ", "below"), [({}, ""), ({"FACTORY_HOME_OVERRIDE": "~/other"}, "other")]
)
def test_places(tmp_path: Path, environ: dict[str, str], below: str) -> None:
    """Sessions are found in the home directory, or in that which the variable names."""
    sessions = tmp_path / below / ".factory/sessions"
    (sessions / "-home-ana").mkdir(parents=True)
    (sessions / "-home-ana/x.jsonl").touch()
    assert [each.directory for each in discover(environ, tmp_path) if each.files] == [sessions]
