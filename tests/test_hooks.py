"""Hooks: put into the agent's settings and out again, handed on fast, told as exact states."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from threading import Event, Thread
from time import time_ns
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from archives import assistant, jsonl, tool_use, user
from archives import at as clock
from sessions_by_hand import SECOND, at
from sessions_by_hand import Told as Logged
from tachlog.analysis.hooked import state_now
from tachlog.analysis.live import LiveSession, live_session, live_sessions, live_threads
from tachlog.analysis.states import Usual
from tachlog.cli.calling import Caller
from tachlog.cli.running import run
from tachlog.cli.top_rows import rows_of
from tachlog.config import Config
from tachlog.config.keys import Alerts
from tachlog.hooks import hand_on
from tachlog.hooks.agents import AGENTS, CLAUDE_CODE
from tachlog.hooks.editing import NotEditable
from tachlog.hooks.facts import Asking, Fact, Hooked, Spool, after, folded
from tachlog.hooks.settings import command_of, found_in, with_hooks, without_hooks
from tachlog.notify.evaluating import evaluate_rules, rules_in_force
from tachlog.pipeline import bring_up_to_date
from tachlog.stores import open_store
from tachlog.watching import Step, follow, named

RECORDED = Path(__file__).parent / "data" / "hooks"
TRUTH = [
    (told.parent, moment)
    for told in sorted(RECORDED.glob("*/truth.json"))
    for moment in json.loads(told.read_text())["moments"]
]
USUAL = Usual({"Bash": 3 * SECOND}, 10 * SECOND)


def recorded(case: Path, folder: Path, moment: dict[str, Any]) -> list[LiveSession]:
    """The threads of a recording that are not over, by what was written until a moment."""
    for path in case.rglob("*.jsonl"):
        name = str(path.relative_to(case))
        lines, most = path.read_text().splitlines(), moment.get("lines", {}).get(name)
        if "lines" in moment and name != "spool.jsonl":
            kept = lines[: most or 0]
        else:
            kept = [line for line in lines if is_before(line, moment["at_us"])]
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join(f"{line}\n" for line in kept))
    spool = folder / "spool.jsonl"
    with closing(open_store("private:")) as store:
        logs = [str(each) for each in folder.rglob("*.jsonl") if each != spool]
        bring_up_to_date(store, logs, Config())
        store.keep_hooked(Spool(str(spool)).look(), moment["at_us"])
        return live_sessions(store, moment["at_us"])


def is_before(line: str, at_us: int) -> bool:
    """Whether a record was written before a moment; those without a time were."""
    told = json.loads(line)
    if "at_us" in told:
        return bool(told["at_us"] <= at_us)
    when = told.get("timestamp")
    return when is None or datetime.fromisoformat(when).timestamp() * 1e6 <= at_us


@pytest.mark.parametrize(
    ("case", "moment"), TRUTH, ids=lambda each: each.name if isinstance(each, Path) else None
)
def test_the_real_agents_are_told_as_they_were(
    case: Path, moment: dict[str, Any], tmp_path: Path
) -> None:
    """What an agent did at a moment is told, exactly; only an answer that was given is not."""
    found = {each.session_id: each for each in recorded(case, tmp_path, moment)}
    told = found.get(moment["session"])
    if moment["state"] == "ended":
        assert told is None
        return
    assert told is not None
    if not moment["hooks"]:
        assert (told.state, told.tool) == ("waiting_approval", moment["tool"])
        assert "of the answer no hook tells" in told.basis
        return
    assert (told.state, told.tool) == (moment["state"], moment["tool"])


def fact(event: str, second: float, tool: str | None = None, **more: Any) -> Fact:
    """What a hook told of the session s1."""
    return Fact(at(second), "claude_code", "s1", event, tool=tool, **more)


def heard(*facts: Fact) -> Hooked:
    """What facts of one thread come to."""
    known: dict[tuple[str, str], Hooked] = {}
    (key,) = folded(known, facts)
    return known[key]


def running(told: Logged) -> Logged:
    """A prompt and a reply that asks for a command, whose result is not there."""
    told.prompt(0)
    told.tool(5, tool="Bash", call=told.reply(3, 5, stop="tool_use"))
    return told


@pytest.mark.parametrize(
    ("facts", "now", "kind", "what"),
    [
        ([fact("PreToolUse", 5.1, "Bash", call="c1")], 100, "tool", "Bash runs"),
        ([fact("PreToolUse", 5.1, "Bash", call="c1")], 400, "stalled", "Bash runs for 7 min"),
        ([fact("PreToolUse", 5.1, "ExitPlanMode", call="c1")], 60, "waiting_prompt", "asks"),
        ([fact("PermissionRequest", 5.2, "Bash")], 8, "waiting_approval", "asked for permission"),
        (
            [fact("PreToolUse", 5.1, "Bash", call="c1"), fact("PermissionRequest", 5.2, "Bash")],
            30,
            "tool",
            "Bash runs",
        ),
        (
            [
                fact("PreToolUse", 5.1, "Bash", call="c1"),
                fact("Notification", 11, kind="permission_prompt"),
            ],
            3000,
            "waiting_approval",
            "asked for permission",
        ),
        (
            [
                fact("PreToolUse", 5.1, "Read", call="c2"),
                fact("PermissionRequest", 5.2, "Bash"),
                fact("PostToolUse", 6, "Read", call="c2"),
            ],
            9,
            "waiting_approval",
            "asked for permission",
        ),
        ([fact("PostToolUse", 9, "Bash", call="c1")], 12, "model", "the model is to answer"),
        ([fact("PostToolUseFailure", 9, "Bash", call="c1")], 12, "model", "is to answer"),
        ([fact("StopFailure", 9)], 12, "waiting_prompt", "its turn failed"),
        ([fact("SessionStart", 9, kind="resume")], 12, "waiting_prompt", "waits for a prompt"),
        ([fact("Notification", 70, kind="idle_prompt")], 80, "waiting_prompt", "waits for a"),
        ([fact("SessionEnd", 9)], 12, "ended", "its session was closed"),
    ],
)
def test_hooks_say_what_the_log_cannot(facts: list[Fact], now: float, kind: str, what: str) -> None:
    """An open call runs or waits; a turn or a session is over: as the agent itself told it."""
    state = state_now(running(Logged()).session(), at(now), USUAL, "interactive", heard(*facts))
    assert state is not None
    assert (state.kind, state.is_exact) == (kind, True)
    assert what in state.basis
    assert state.basis.endswith("exact (hook)")


@pytest.mark.parametrize(
    "facts",
    [
        [fact("UserPromptSubmit", 1)],
        [fact("SessionStart", 9, kind="compact")],
        [fact("SessionEnd", 5000)],
        [fact("Notification", 9, kind="auth_success")],
    ],
)
def test_what_hooks_do_not_tell_the_log_does(facts: list[Fact]) -> None:
    """Older than the log, from the future, or of no meaning: the log alone is believed."""
    session = running(Logged()).session()
    state = state_now(session, at(60), USUAL, "interactive", heard(*facts))
    assert state == state_now(session, at(60), USUAL, "interactive", None)
    assert state is not None
    assert (state.kind, state.is_exact) == ("waiting_approval", False)


def test_a_refused_call_is_over_when_the_log_has_its_result() -> None:
    """No hook tells that a person refused; the result does, and who asked asks no more."""
    told = Logged()
    told.prompt(0)
    told.tool(5, 20, call=told.reply(3, 5, stop="tool_use"))
    asked = heard(
        fact("PermissionRequest", 5.2, "Bash"), fact("Notification", 12, kind="permission_prompt")
    )
    state = state_now(told.session(), at(21), USUAL, "interactive", asked)
    assert state is not None
    assert (state.kind, state.is_exact) == ("model", False)


def test_a_headless_session_waits_for_nobody() -> None:
    """Its turn's end is its end; that it began anew says nothing of what it waits for."""
    session = running(Logged()).session()
    over = state_now(session, at(12), USUAL, "headless", heard(fact("Stop", 9)))
    begun = state_now(
        session, at(12), USUAL, "headless", heard(fact("SessionStart", 9, kind="resume"))
    )
    assert over is not None
    assert over.kind == "ended"
    assert begun == state_now(session, at(12), USUAL, "headless", None)


def test_a_silent_model_is_judged_by_the_log() -> None:
    """Hooks say that the model is to answer; that it has not for an hour, the log says."""
    told = Logged()
    told.prompt(0)
    asked = heard(fact("UserPromptSubmit", 0.1))
    late = state_now(told.session(), at(3600), USUAL, "interactive", asked)
    assert late is not None
    assert (late.kind, late.is_exact) == ("stalled", False)
    assert state_now(Logged().session(), at(1), USUAL, "interactive", asked) is None


def test_the_end_of_a_call_may_be_told_before_its_beginning() -> None:
    """Hooks run beside the agent: a call whose end was told does not begin any more."""
    ended = after(Hooked(), fact("PostToolUse", 9, "Read", call="c1"))
    assert after(ended, fact("PreToolUse", 9.1, "Read", call="c1")) == ended
    reminded = after(Hooked(), fact("Notification", 9, kind="permission_prompt"))
    assert after(reminded, fact("PostToolUse", 9.5, "Read")).asking is None


def handed(spool: Path, told: object, *words: str) -> subprocess.CompletedProcess[str]:
    """Run what the agent runs, with an event on its standard input."""
    command = [sys.executable, "-I", "-S", hand_on.__file__, str(spool), "claude_code", *words]
    given = told if isinstance(told, str) else json.dumps(told)
    return subprocess.run(command, input=given, text=True, capture_output=True, check=False)


def test_only_facts_are_handed_on(tmp_path: Path) -> None:
    """Session, event, name and id of the tool; nothing of what was said, written or done."""
    spool = tmp_path / "hooks.jsonl"
    told = {
        "session_id": "s1",
        "hook_event_name": "PostToolUse",
        "tool_name": "Bash",
        "tool_use_id": "c1",
        "cwd": "/home/ana/secret",
        "prompt": "secret",
        "tool_input": {"command": "secret"},
        "tool_response": {"stdout": "secret"},
        "reason": "a secret reason",
    }
    done = handed(spool, told)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    line = json.loads(spool.read_text())
    assert abs(line.pop("at_us") - time_ns() // 1000) < 60 * SECOND
    assert line == {
        "agent": "claude_code",
        "session": "s1",
        "event": "PostToolUse",
        "tool": "Bash",
        "call": "c1",
    }
    assert spool.stat().st_mode & 0o777 == 0o600


def test_what_is_no_event_is_no_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are cut, words of the agent's own vocabulary are kept; without a session: nothing."""
    event = {"session_id": "s" * 300, "hook_event_name": "SessionEnd", "reason": "clear"}
    told = hand_on.fact_of({**event, "agent_id": "a1"}, "claude_code", 5)
    assert told == {
        "at_us": 5,
        "agent": "claude_code",
        "session": "s" * 200,
        "event": "SessionEnd",
        "sub": "a1",
        "kind": "clear",
    }
    assert "kind" not in (hand_on.fact_of({**event, "reason": "Go away"}, "x", 5) or {"kind": 0})
    assert hand_on.fact_of([], "x", 5) is None
    assert hand_on.fact_of({"session_id": "s1", "hook_event_name": ""}, "x", 5) is None
    spool = tmp_path / "hooks.jsonl"
    for text, words in (("{}", 2), (json.dumps(event), 1), (json.dumps(event), 2)):
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(text.encode())))
        hand_on.main([str(spool), "claude_code"][:words])
    assert len(spool.read_text().splitlines()) == 1


def test_an_agent_never_feels_a_hook(tmp_path: Path) -> None:
    """Without a spool's directory, with nonsense, even with tachlog gone: silent, and 0."""
    for told in ("", "[1]", '{"session_id": "s1"}', '{"session_id": 1, "hook_event_name": "x"}'):
        done = handed(tmp_path / "hooks.jsonl", told)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "hooks.jsonl").exists()
    event = {"session_id": "s1", "hook_event_name": "Stop"}
    for done in (handed(tmp_path / "gone" / "h", event), handed(tmp_path / "h", event, "more")):
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for python in (sys.executable, str(tmp_path / "no-python")):
        command = command_of(CLAUDE_CODE, str(tmp_path / "h"), python).replace("hand_on", "gone")
        ran = subprocess.run(
            ["/bin/sh", "-c", command], input="{}", text=True, capture_output=True, check=False
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_hooks_load_almost_nothing() -> None:
    """What an agent runs for each event loads neither tachlog nor any package."""
    listing = "import sys; exec(open(sys.argv[1]).read(), {}); print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", listing, hand_on.__file__],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert {"json", "re", "time"} <= loaded
    assert not loaded & {"tachlog", "msgspec", "argparse", "subprocess", "pathlib", "typing"}


def test_a_full_spool_begins_anew_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one is kept beside it; who follows reads the rest of it, and then the new one."""
    path = tmp_path / "hooks.jsonl"
    spool = Spool(str(path))
    assert spool.look() == {}
    monkeypatch.setattr(hand_on, "MOST_BYTES", 400)
    seen: list[int] = []
    for number in range(20):
        told = {"at_us": number, "agent": "claude_code", "session": f"s{number}", "event": "Stop"}
        hand_on.append(str(path), told)
        if number % 3 == 0:
            seen += [each.at_us for each in spool.look().values()]
    seen += [each.at_us for each in spool.look().values()]
    assert seen == list(range(20))
    assert spool.look() == {}
    assert {each.name for each in tmp_path.iterdir()} == {"hooks.jsonl", "hooks.jsonl.1"}
    assert all(each.stat().st_size < 800 for each in tmp_path.iterdir())
    spool.forget()
    assert len(spool.look()) > 4


def test_a_spool_may_hold_anything(tmp_path: Path) -> None:
    """Lines that are no facts are passed over, a torn one is waited for, a cut one read anew."""
    path = tmp_path / "hooks.jsonl"
    good = b'{"at_us":5,"agent":"claude_code","session":"s1","event":"Stop"}\n'
    path.write_bytes(b"\xff\xfe\n[]\n{}\n" + good[:20])
    spool = Spool(str(path))
    assert spool.look() == {}
    with path.open("ab") as file:
        file.write(good[20:])
    assert [each.at_us for each in spool.look().values()] == [5]
    path.write_bytes(good.replace(b"5", b"7"))
    assert [each.at_us for each in spool.look().values()] == [7]
    path.unlink()
    path.mkdir()
    assert spool.look() == {}


def test_the_archive_keeps_what_was_told_last(tmp_path: Path) -> None:
    """A row a thread: the later one stays, whoever writes; what is two days old goes."""
    with closing(open_store(str(tmp_path / "a.db"))) as store:
        now = store.last_change()
        key, other = ("claude_code", "s1"), ("claude_code", "s2")
        day_us = 86_400 * SECOND
        store.keep_hooked({key: Hooked(5 * day_us, "Stop"), other: Hooked(day_us)}, day_us)
        store.keep_hooked({key: Hooked(4 * day_us, "PreToolUse")}, day_us)
        assert store.hooked(0)[key].event == "Stop"
        assert set(store.hooked(2 * day_us)) == {key}
        store.keep_hooked({}, 4 * day_us)
        assert set(store.hooked(0)) == {key}
        assert store.last_change() == now + 3


def settings(home: Path) -> Path:
    """The agent's settings as somebody wrote them."""
    path = home / ".claude" / "settings.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text('{\n\t"model": "opus", "n": 1e3,\n\t"hooks": {"Stop": [{"hooks": []}]}\n}\n')
    return path


class Terminal(StringIO):
    """A person at a terminal who types a line."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def hooks(home: Path, *words: str, into: StringIO | None = None) -> tuple[int, str, str]:
    """Run `tachlog hooks`: exit code, answer, what it said beside."""
    out, err = StringIO(), StringIO()
    code = run(["hooks", *words], Caller({"HOME": str(home)}, 0, out, err, into or StringIO()))
    return code, out.getvalue(), err.getvalue()


def test_hooks_are_put_in_and_taken_out_again(home: Path) -> None:
    """The change is shown and asked about; what is taken out leaves the file as it was."""
    path = settings(home)
    path.chmod(0o640)
    before = path.read_bytes()
    code, out, err = hooks(home, "install", "claude-code")
    assert (code, path.read_bytes()) == (2, before)
    assert '"PreToolUse": [' in out
    assert "--yes writes it without asking" in err
    assert hooks(home, "install", "claude-code", into=Terminal("n\n"))[0] == 2
    assert path.read_bytes() == before
    code, out, err = hooks(home, "install", "claude-code", into=Terminal("y\n"))
    assert (code, err) == (0, f"write this to {path}? [y/N] ")
    assert out.endswith(f"{path}: hooks for 10 of 10 events\n")
    written = path.read_bytes()
    told = json.loads(written)
    assert (told["model"], len(told["hooks"]["Stop"])) == ("opus", 2)
    assert path.stat().st_mode & 0o777 == 0o640
    assert hooks(home, "install", "claude-code", "--yes") == (
        0,
        f"{path}: hooks for 10 of 10 events\n",
        "",
    )
    assert path.read_bytes() == written
    status = json.loads(hooks(home, "status", "claude-code", "--json")[1])
    assert (status["installed"], status["current"]) == (list(told["hooks"]), True)
    spool = Path(status["spool"])
    assert spool.parent.stat().st_mode & 0o777 == 0o700
    spool.write_text("")
    assert hooks(home, "remove", "claude-code", "--yes")[0] == 0
    assert path.read_bytes() == before
    assert not spool.exists()
    assert "not installed" in hooks(home, "remove", "claude-code")[1]


def test_the_installed_command_is_what_the_agent_runs(home: Path) -> None:
    """Where nobody had settings they are made; their command hands an event on to the spool."""
    assert hooks(home, "install", "claude-code", "--yes", "--json")[0] == 0
    told = json.loads((home / ".claude" / "settings.json").read_text())
    (group,) = told["hooks"]["Notification"]
    assert group["matcher"] == "permission_prompt|idle_prompt"
    event = '{"session_id": "s1", "hook_event_name": "Stop"}'
    (hook,) = group["hooks"]
    assert hook["async"] is True
    assert "async" not in told["hooks"]["SessionEnd"][0]["hooks"][0]
    subprocess.run(["/bin/sh", "-c", hook["command"]], input=event, text=True, check=True)
    spool = Spool(shlex.split(hook["command"])[4])
    assert [each.event for each in spool.look().values()] == ["Stop"]
    moved = command_of(CLAUDE_CODE, str(home / "elsewhere"))
    path = home / ".claude" / "settings.json"
    path.write_text(with_hooks(CLAUDE_CODE, path.read_text(), moved))
    assert "of another tachlog: install them again" in hooks(home, "status", "claude-code")[1]
    assert hooks(home, "install", "claude-code", "--yes")[0] == 0
    assert len(found_in(path.read_text())) == len(CLAUDE_CODE.events)


def test_each_agent_has_its_hooks_where_it_looks_for_them(home: Path) -> None:
    """Codex and Gemini CLI run the same command for their own events; one spool serves all."""
    path = settings(home)
    assert hooks(home, "install", "claude-code", "--yes")[0] == 0
    found = {}
    for agent, place in (("codex", ".codex/hooks.json"), ("gemini-cli", ".gemini/settings.json")):
        code, out, _ = hooks(home, "install", agent, "--yes")
        assert code == 0
        assert ("review" in out) == (agent == "codex")
        found[agent] = json.loads((home / place).read_text())["hooks"]
        assert [*found[agent]] == [*AGENTS[agent].events]
    (asked,) = found["gemini-cli"]["Notification"]
    assert asked["matcher"] == "ToolPermission"
    (hook,) = found["codex"]["Stop"][0]["hooks"]
    assert "async" not in hook
    spool = Path(shlex.split(hook["command"])[4])
    event = '{"session_id": "s1", "hook_event_name": "Stop"}'
    subprocess.run(["/bin/sh", "-c", hook["command"]], input=event, text=True, check=True)
    for agent in ("claude-code", "codex"):
        assert hooks(home, "remove", agent, "--yes")[0] == 0
        assert spool.exists()
    assert hooks(home, "remove", "gemini-cli", "--yes")[0] == 0
    assert not spool.exists()
    assert not found_in(path.read_text())


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"hooks": []}', '{"hooks": {"Stop": {}}}', '{"a": 1, "a": 2}', "// x\n{}"]
)
def test_settings_that_are_not_understood_stay_as_they_are(home: Path, text: str) -> None:
    """What is no JSON object of the known shape is told, and not touched."""
    path = settings(home)
    path.write_text(text)
    code, _, err = hooks(home, "install", "claude-code", "--yes")
    assert (code, path.read_text()) == (1, text)
    assert "nothing was changed" in err
    path.write_bytes(b"\xff")
    assert hooks(home, "status", "claude-code")[0] == 1


def test_what_others_changed_meanwhile_is_not_lost(home: Path) -> None:
    """Between the question and the answer the agent wrote its settings: nothing is written."""
    path = settings(home)

    class Slow(Terminal):
        def readline(self, *_: Any) -> str:
            path.write_text('{"model": "haiku"}')
            return "y\n"

    code, _, err = hooks(home, "install", "claude-code", into=Slow())
    assert (code, path.read_text()) == (1, '{"model": "haiku"}')
    assert "changed meanwhile" in err


def test_settings_behind_a_link_stay_behind_it(home: Path) -> None:
    """Who keeps settings elsewhere finds them there, changed; nothing is left beside them."""
    path = settings(home)
    real = home / "dotfiles.json"
    path.rename(real)
    path.symlink_to(real)
    assert hooks(home, "install", "claude-code", "--yes")[0] == 0
    assert path.is_symlink()
    assert found_in(real.read_text())
    assert os.listdir(path.parent) == ["settings.json"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
_groups = st.lists(st.dictionaries(st.sampled_from(["hooks", "matcher"]), _json), min_size=1)


@hypothesis_settings(max_examples=40)
@given(
    st.dictionaries(st.text(max_size=5), _json),
    st.dictionaries(st.sampled_from([*CLAUDE_CODE.events, "Setup"]), _groups, min_size=1)
    | st.none(),
    st.sampled_from([None, 1, 4, "\t"]),
    st.booleans(),
)
def test_any_settings_come_back_to_the_letter(
    told: dict[str, Any], groups: dict[str, Any] | None, indent: Any, is_ascii: bool
) -> None:
    """All but our hooks means what it meant, and without them is what it was."""
    if groups is not None:
        told["hooks"] = groups
    elif "hooks" in told:
        del told["hooks"]
    text = json.dumps(told, indent=indent, ensure_ascii=is_ascii) + "\n"
    installed = with_hooks(CLAUDE_CODE, text, "a/tachlog/hooks/hand_on.py b")
    assert with_hooks(CLAUDE_CODE, installed, "a/tachlog/hooks/hand_on.py b") == installed
    again = with_hooks(CLAUDE_CODE, installed, "c/tachlog/hooks/hand_on.py d")
    assert {each.command for each in found_in(again)} == {"c/tachlog/hooks/hand_on.py d"}
    assert without_hooks(again) == without_hooks(installed) == text
    meant = json.loads(installed)
    hooks = meant.pop("hooks")
    assert meant == {key: value for key, value in told.items() if key != "hooks"}
    for event, wanted in (groups or {}).items():
        assert hooks[event][: len(wanted)] == wanted
        assert len(hooks[event]) == len(wanted) + (event in CLAUDE_CODE.events)


def test_a_text_that_is_no_object_is_refused() -> None:
    """The message says what is wrong."""
    with pytest.raises(NotEditable, match="no JSON object"):
        without_hooks("1")


def test_followers_take_up_what_hooks_tell(home: Path) -> None:
    """A fact is in the archive soon; a fault of the archive loses none."""
    spool = home / "hooks.jsonl"
    archive = str(home / "a.db")
    asks = [tool_use("t1", "Bash", command="make deploy")]
    moment = datetime.fromtimestamp(time_ns() / 1e9 - 2).astimezone().isoformat()
    log = jsonl(
        home / "logs" / "s1.jsonl",
        [
            user("s1", "u1", moment, "Go"),
            assistant("s1", "a1", moment, "m1", content=asks, stop="tool_use"),
        ],
    )
    hand_on.append(
        str(spool),
        {
            "at_us": time_ns() // 1000,
            "agent": "claude_code",
            "session": "s1",
            "event": "PermissionRequest",
            "tool": "Bash",
        },
    )
    stop, found = Event(), []

    def told(step: Step) -> None:
        with closing(open_store(archive)) as store:
            found.extend(live_threads(store, time_ns() // 1000) if store.hooked(0) else [])
        if found or step.fault:
            stop.set()

    following = Thread(
        target=follow,
        args=(archive, named([str(log)]), Config()),
        kwargs={"stop": stop, "told": told, "hooks": str(spool)},
    )
    following.start()
    following.join(30)
    assert not following.is_alive()
    assert live_session(found[0]).basis.endswith("exact (hook)")
    (row,) = rows_of(found[:1], time_ns() // 1000)
    assert row.doing == "asks: Bash make deploy"


def test_who_waits_for_a_minute_is_told_once_that_is_wanted(tmp_path: Path) -> None:
    """The rules are off until they are accepted; an alert begins with the wait and ends with it."""
    asks = [tool_use("t1", "Bash", command="make deploy")]
    jsonl(
        tmp_path / "s1.jsonl",
        [
            user("s1", "u1", clock(19), "Go"),
            assistant("s1", "a1", clock(20), "m1", content=asks, stop="tool_use"),
        ],
    )
    names = ("waiting_for_you", "turn_finished")
    assert not [each for each in rules_in_force(Config()) if each.name in names]
    config = Config(alerts=Alerts(accepted=names))
    rules = [each for each in rules_in_force(config) if each.name in names]
    asked_us = round(datetime.fromisoformat(clock(20)).timestamp() * SECOND) + SECOND
    key = ("claude_code", "s1")
    with closing(open_store("private:")) as store:
        bring_up_to_date(store, [str(tmp_path)], Config())

        def fired(seconds: float, told: Hooked) -> list[tuple[str, str]]:
            now_us = asked_us + round(seconds * SECOND)
            store.keep_hooked({key: told}, now_us)
            found = evaluate_rules(store, rules, UTC, now_us)
            return [(each.alert.rule, each.alert.state) for each in found]

        asking = Asking(asked_us, "Bash", asked_us + 6 * SECOND)
        waits = Hooked(asked_us, "PermissionRequest", "Bash", asking)
        assert fired(50, waits) == []
        assert fired(70, waits) == [("waiting_for_you", "firing")]
        assert fired(90, waits) == []
        over = Hooked(asked_us + 100 * SECOND, "Stop")
        assert fired(101, over) == [("waiting_for_you", "resolved")]
        assert fired(130, over) == [("turn_finished", "firing")]
