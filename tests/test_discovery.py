"""Agents' logs are found where agents put them, and directories are walked whatever is in them."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tachlog.discovery import PLACES, Found, MissingPath, Place, discover, home_of, walk
from tachlog.model import Problem

CLAUDE = [place for place in PLACES if place.agent == "claude_code" and place.variable]
DESKTOP = [place for place in PLACES if place.agent == "claude_code" and not place.variable]


def put(*paths: Path) -> None:
    """Write small files, with the directories that they need."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}\n")


def names(items: Iterable[str | Problem], below: Path) -> list[str]:
    """Return the paths of files relative to a directory; there must be no problems."""
    listed = list(items)
    files = [item for item in listed if isinstance(item, str)]
    assert files == listed
    return [os.path.relpath(file, below) for file in files]


def existing(found: Iterable[Found]) -> list[Found]:
    """Return what was found and exists."""
    return [each for each in found if each.exists]


# Where agents keep their logs


def test_defaults_are_listed_whether_they_exist_or_not(tmp_path: Path) -> None:
    """Without a variable both directories of Claude Code are named, with what they hold."""
    put(
        tmp_path / ".claude/projects/-a/s.jsonl",
        tmp_path / ".claude/projects/-a/s/subagents/a.jsonl",
    )
    assert discover({}, tmp_path, CLAUDE) == [
        Found("claude_code", tmp_path / ".config/claude/projects", "default", False, 0),
        Found("claude_code", tmp_path / ".claude/projects", "default", True, 2),
    ]


def test_configuration_directory_may_be_moved(tmp_path: Path) -> None:
    """XDG_CONFIG_HOME says where ~/.config is."""
    put(tmp_path / "xdg/claude/projects/-a/s.jsonl")
    (found,) = existing(discover({"XDG_CONFIG_HOME": str(tmp_path / "xdg")}, tmp_path))
    assert found.directory == tmp_path / "xdg/claude/projects"


def test_variable_replaces_the_defaults(tmp_path: Path) -> None:
    """CLAUDE_CONFIG_DIR names one or more directories; the defaults are then not looked at."""
    put(tmp_path / ".claude/projects/-a/s.jsonl", tmp_path / "b/projects/-a/s.jsonl")
    environ = {"CLAUDE_CONFIG_DIR": f" {tmp_path}/b, ,~/c,~,{tmp_path}/b/,/nowhere"}
    why = "CLAUDE_CONFIG_DIR"
    assert discover(environ, tmp_path, CLAUDE) == [
        Found("claude_code", tmp_path / "b/projects", why, True, 1),
        Found("claude_code", tmp_path / "c/projects", why, False, 0),
        Found("claude_code", tmp_path / "projects", why, False, 0),
        Found("claude_code", Path("/nowhere/projects"), why, False, 0),
    ]


@pytest.mark.parametrize("value", ["", " ", ",", " , "])
def test_empty_variable_is_none(tmp_path: Path, value: str) -> None:
    """A variable that names nothing leaves the defaults."""
    assert discover({"CLAUDE_CONFIG_DIR": value}, tmp_path) == discover({}, tmp_path)


def test_linked_directories_are_one(tmp_path: Path) -> None:
    """Two names of one directory are found once, under the first."""
    put(tmp_path / ".config/claude/projects/-a/s.jsonl")
    (tmp_path / ".claude").symlink_to(tmp_path / ".config/claude")
    (found,) = discover({}, tmp_path, CLAUDE)
    assert found.directory == tmp_path / ".config/claude/projects"


@pytest.mark.parametrize(
    ("platform", "base", "environ"),
    [
        ("darwin", "Library/Application Support/Claude", {}),
        ("linux", ".config/Claude", {}),
        ("win32", "AppData/Roaming/Claude", {}),
        ("win32", "roaming/Claude", {"APPDATA": "{home}/roaming"}),
    ],
)
def test_desktop_sessions_are_found(
    tmp_path: Path, platform: str, base: str, environ: dict[str, str]
) -> None:
    """Claude Desktop's local sessions are found on each system, in folders of any name."""
    sessions = tmp_path / base / "local-agent-mode-sessions/account/organisation"
    put(
        sessions / "local_1/.claude/projects/-a/s.jsonl",
        sessions / "local_1/audit.jsonl",
        sessions / "agent/local_ditto_2/.claude/projects/-a/s.jsonl",
    )
    given = {name: value.format(home=tmp_path) for name, value in environ.items()}
    found = existing(discover(given, tmp_path, platform=platform))
    assert [(each.agent, each.files) for each in found] == [("claude_code", 1)] * 2
    assert found[0].directory == sessions / "local_1/.claude/projects"


def test_a_pattern_that_nothing_fits_is_listed_as_it_is(tmp_path: Path) -> None:
    """What was looked for and is not there is told with its stars, once for each start of it."""
    sessions = "Claude/local-agent-mode-sessions"
    assert discover({}, tmp_path, DESKTOP, "linux") == [
        Found("claude_code", tmp_path / ".config" / sessions / below, "default", False, 0)
        for below in ("*/*/local_*/.claude/projects", "*/*/agent/local_*/.claude/projects")
    ]


@pytest.mark.parametrize(
    ("agent", "file", "environ"),
    [
        ("pi", ".pi/agent/sessions/--home--/a.jsonl", {}),
        ("pi", "moved/sessions/--home--/a.jsonl", {"PI_CODING_AGENT_DIR": "{home}/moved"}),
        ("pi", "moved/--home--/a.jsonl", {"PI_CODING_AGENT_SESSION_DIR": "{home}/moved"}),
        ("copilot_cli", ".copilot/session-state/x/events.jsonl", {}),
        ("copilot_cli", "moved/session-state/x/events.jsonl", {"COPILOT_HOME": "{home}/moved"}),
        ("gemini_cli", ".gemini/tmp/x/chats/session-a.json", {}),
        ("gemini_cli", "moved/.gemini/tmp/x/chats/a.jsonl", {"GEMINI_CLI_HOME": "{home}/moved"}),
        ("qwen_code", ".qwen/projects/-home-ana/chats/a.jsonl", {}),
        ("qwen_code", ".qwen/projects/-home-ana/subagents/a/agent-b.jsonl", {}),
        ("qwen_code", "moved/projects/-home-ana/chats/a.jsonl", {"QWEN_HOME": "{home}/moved"}),
        ("qwen_code", "moved/projects/x/chats/a.jsonl", {"QWEN_RUNTIME_DIR": "{home}/moved"}),
        ("kimi_cli", ".kimi/sessions/9f2a/5d1e/wire.jsonl", {}),
        ("kimi_cli", "moved/sessions/9f2a/5d1e/wire.jsonl", {"KIMI_SHARE_DIR": "{home}/moved"}),
        ("kimi_code", ".kimi-code/sessions/wd_a_1/session_b/agents/main/wire.jsonl", {}),
        (
            "kimi_code",
            "moved/sessions/a/b/agents/main/wire.jsonl",
            {"KIMI_CODE_HOME": "{home}/moved"},
        ),
        ("opencode", ".local/share/opencode/opencode.db", {}),
        ("opencode", "data/opencode/opencode-dev.db", {"XDG_DATA_HOME": "{home}/data"}),
        ("opencode", ".local/share/opencode/storage/session/x/ses_a.json", {}),
        ("opencode", ".local/share/opencode/storage/message/ses_a/msg_a.json", {}),
        ("cursor", ".config/Cursor/User/globalStorage/state.vscdb", {}),
        ("cline", ".cline/data/tasks/1/ui_messages.json", {}),
        ("cline", "moved/sessions/1/1.messages.json", {"CLINE_DATA_DIR": "{home}/moved"}),
        ("opencode", "other.db", {"OPENCODE_DB": "{home}/other.db"}),
        ("openhands", ".openhands/conversations/a/base_state.json", {}),
        ("openhands", "d/conversations/a/b.json", {"OPENHANDS_PERSISTENCE_DIR": "{home}/d"}),
        ("openhands", "d/a/base_state.json", {"OPENHANDS_CONVERSATIONS_DIR": "{home}/d"}),
        ("mini_swe_agent", ".config/mini-swe-agent/last_mini_run.traj.json", {}),
        ("mini_swe_agent", "d/last_mini_run.traj.json", {"MSWEA_GLOBAL_CONFIG_DIR": "{home}/d"}),
        ("inspect_ai", "d/a.eval", {"INSPECT_LOG_DIR": "{home}/d"}),
        ("swe_agent", "d/me/a/a.traj", {"SWE_AGENT_TRAJECTORY_DIR": "{home}/d"}),
    ],
)
def test_agents_keep_their_logs_here(
    tmp_path: Path, agent: str, file: str, environ: dict[str, str]
) -> None:
    """Each agent's logs are found in its own place, or where its variable says."""
    put(tmp_path / file)
    given = {name: value.format(home=tmp_path) for name, value in environ.items()}
    (found,) = existing(discover(given, tmp_path))
    assert (found.agent, found.files) == (agent, 1)
    assert found.why == next(iter(environ), "default")
    assert (tmp_path / file).is_relative_to(found.directory)


@pytest.mark.parametrize(
    "editor",
    [
        f"{base}/{name}"
        for base in (".config", "Library/Application Support", "AppData/Roaming")
        for name in ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
    ]
    + [".vscode-server/data", ".vscode-server-insiders/data", ".local/share/code-server"],
)
@pytest.mark.parametrize(
    ("agent", "extension"),
    [
        ("cline", "saoudrizwan.claude-dev"),
        ("roo_code", "rooveterinaryinc.roo-cline"),
        ("kilo_code", "kilocode.kilo-code"),
    ],
)
def test_extensions_are_found_in_every_editor(
    tmp_path: Path, editor: str, agent: str, extension: str
) -> None:
    """Tasks of an extension are found in whichever editor, and only editors that exist are told."""
    tasks = tmp_path / editor / "User/globalStorage" / extension / "tasks"
    put(tasks / "1767261600000/ui_messages.json")
    systems = {"Library": "darwin", "AppData": "win32"}
    platform = systems.get(editor.partition("/")[0], "linux")
    (found,) = existing(discover({}, tmp_path, platform=platform))
    assert (found.agent, found.directory, found.files) == (agent, tasks, 1)


@pytest.mark.parametrize(
    ("platform", "agent", "file", "environ"),
    [
        (
            "darwin",
            "cursor",
            "Library/Application Support/Cursor/User/globalStorage/state.vscdb",
            {},
        ),
        ("darwin", "goose", "Library/Application Support/Block/goose/sessions/a.jsonl", {}),
        ("win32", "goose", "AppData/Roaming/Block/goose/data/sessions/a.jsonl", {}),
        ("darwin", "mini_swe_agent", ".config/mini-swe-agent/last_mini_run.traj.json", {}),
        (
            "darwin",
            "mini_swe_agent",
            "Library/Application Support/mini-swe-agent/last_mini_run.traj.json",
            {},
        ),
        (
            "win32",
            "mini_swe_agent",
            "AppData/Local/mini-swe-agent/mini-swe-agent/last_mini_run.traj.json",
            {},
        ),
        (
            "win32",
            "mini_swe_agent",
            "here/mini-swe-agent/mini-swe-agent/last_mini_run.traj.json",
            {"LOCALAPPDATA": "{home}/here"},
        ),
    ],
)
def test_places_differ_between_systems(
    tmp_path: Path, platform: str, agent: str, file: str, environ: dict[str, str]
) -> None:
    """What lies where only another system keeps it is not looked at."""
    put(tmp_path / file)
    given = {name: value.format(home=tmp_path) for name, value in environ.items()}
    (found,) = existing(discover(given, tmp_path, platform=platform))
    assert (found.agent, found.files) == (agent, 1)
    others = {"linux", "darwin", "win32"} - {platform}
    if ".config" not in file:
        for other in others:
            assert existing(discover(given, tmp_path, platform=other)) == []


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize(
    "file",
    [
        ".claude/projects/-a/s.jsonl",
        ".codex/sessions/2026/a.jsonl",
        ".codex/archived_sessions/a.jsonl",
        ".copilot/session-state/x/events.jsonl",
        ".gemini/tmp/x/chats/session-a.json",
        ".qwen/projects/x/chats/a.jsonl",
        ".kimi/sessions/x/y/context.jsonl",
        ".pi/agent/sessions/--home--/a.jsonl",
        ".local/share/opencode/opencode.db",
        ".local/share/goose/sessions/a.jsonl",
        ".openhands/conversations/a/base_state.json",
    ],
)
def test_most_agents_keep_their_logs_in_one_place_on_every_system(
    tmp_path: Path, platform: str, file: str
) -> None:
    """What lies below the home directory on Linux does so on macOS and Windows."""
    put(tmp_path / file)
    (found,) = existing(discover({}, tmp_path, platform=platform))
    assert found.files == 1


def test_the_home_directory_is_the_one_of_the_system() -> None:
    """Agents on Windows take %USERPROFILE%, whatever a shell there calls HOME."""
    environ = {"HOME": "/home/ana", "USERPROFILE": "/users/ana"}
    assert home_of(environ, "win32") == Path("/users/ana")
    assert home_of(environ, "linux") == home_of(environ, "darwin") == Path("/home/ana")
    assert home_of({}) == Path.home()


def test_a_variable_with_an_address_names_no_directory(tmp_path: Path) -> None:
    """Inspect AI may log to a bucket: that is no place on this machine."""
    given = {"INSPECT_LOG_DIR": "s3://bucket/logs"}
    assert all("s3" not in str(each.directory) for each in discover(given, tmp_path))


def test_a_place_is_a_row(tmp_path: Path) -> None:
    """Another agent is found by adding its place."""
    put(tmp_path / ".other/logs/a.ndjson")
    places = [Place("other", ("{home}/.other",), "logs", "OTHER_HOME")]
    found = [Found("other", tmp_path / ".other/logs", "default", True, 1)]
    assert discover({}, tmp_path, places) == found
    (moved,) = discover({"OTHER_HOME": "/elsewhere"}, tmp_path, places)
    assert (moved.directory, moved.why) == (Path("/elsewhere/logs"), "OTHER_HOME")


def test_a_file_in_place_of_a_directory_is_no_place(tmp_path: Path) -> None:
    """A file where a directory should be does not exist as a place."""
    put(tmp_path / ".claude/projects")
    assert existing(discover({}, tmp_path)) == []


# Walking


def test_logs_are_taken_in_the_order_of_their_paths(tmp_path: Path) -> None:
    """All that may be a log below a directory is given once, sorted as whole paths."""
    logs = [
        "a-b.jsonl",
        "a/b/c.db",
        "a/b/c.json",
        "a/b.jsonl",
        "a.JSONL",
        "b/x.ndjson.gz",
        "x.jsonl/y.csv",
    ]
    logs += [
        "r/agent.jsonl.1",
        "r/agent.jsonl-20260102.gz",
        "r/agent.json.2.zst",
        "é.tsv",
        ".c/d.json",
        "r/state.vscdb",
        "r/opencode.db",
        "r/goose.SQLite",
        "r/run.eval",
        "r/rollout.jsonl.zst",
        "agent.gz",
    ]
    others = [".git/x.json", "a/node_modules/x.json", ".x.jsonl.swp", ".#x.jsonl", "x.txt", "x.log"]
    others += ["x.db-wal", "x.db-shm", "x.sqlite-journal", "x.log.gz", ".gz"]
    others += ["x.jsonl.tmp", "x.tar.gz", "x.jsonl~", "json", ".jsonl", "x.json.tmp-12", "x.db-wal"]
    put(*(tmp_path / name for name in [*logs, *others]))
    assert names(walk([str(tmp_path)]), tmp_path) == sorted(logs)


def test_named_files_are_taken_whatever_they_are(tmp_path: Path) -> None:
    """A file that was asked for is given under its absolute path, and only once."""
    put(tmp_path / "notes.txt", tmp_path / "d/a.jsonl", tmp_path / "d/.hidden.jsonl")
    os.mkfifo(tmp_path / "pipe")
    os.chdir(tmp_path)
    asked = ["notes.txt", "d/../d/a.jsonl", "d", "./pipe", "d/.hidden.jsonl", "d"]
    expected = ["notes.txt", "d/a.jsonl", "pipe", "d/.hidden.jsonl"]
    assert list(walk(asked)) == [str(tmp_path / name) for name in expected]


def test_directory_without_logs_is_empty(tmp_path: Path) -> None:
    """A directory without logs gives nothing, and no paths give nothing."""
    put(tmp_path / "a/readme.md")
    assert list(walk([str(tmp_path)])) == []
    assert list(walk([])) == []


@pytest.mark.parametrize("name", ["absent", "absent/x.jsonl", "file.txt/x.jsonl", "link", "a\0b"])
def test_missing_path_is_told_before_anything_is_walked(tmp_path: Path, name: str) -> None:
    """A path that is not there, or a link to nothing, is misuse and named as it was given."""
    put(tmp_path / "file.txt")
    (tmp_path / "link").symlink_to("nowhere")
    told = "is a link to nothing: mend or" if name == "link" else "is not there: check the name"
    with pytest.raises(MissingPath, match=told) as raised:
        walk([str(tmp_path), f"{tmp_path}/{name}"])
    assert raised.value.path == f"{tmp_path}/{name}"


def test_path_that_cannot_be_followed_is_not_missing(tmp_path: Path) -> None:
    """A link that leads to itself is given, so that reading it tells what is wrong."""
    (tmp_path / "x.jsonl").symlink_to("x.jsonl")
    assert list(walk([str(tmp_path / "x.jsonl")])) == [str(tmp_path / "x.jsonl")]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    """A linked directory is walked where its link stands; one that was entered is not again."""
    put(tmp_path / "logs/a/x.jsonl", tmp_path / "outside/y.jsonl")
    (tmp_path / "logs/a/up").symlink_to(tmp_path / "logs")
    (tmp_path / "logs/out").symlink_to(tmp_path / "outside")
    (tmp_path / "logs/out2").symlink_to(tmp_path / "outside")
    (tmp_path / "logs/z.jsonl").symlink_to(tmp_path / "outside/y.jsonl")
    assert names(walk([str(tmp_path / "logs")]), tmp_path / "logs") == [
        "a/x.jsonl",
        "out/y.jsonl",
        "z.jsonl",
    ]


def test_what_is_no_file_is_a_problem(tmp_path: Path) -> None:
    """Links to nothing, circular links and pipes called like logs are told in their place."""
    put(tmp_path / "m.jsonl")
    (tmp_path / "a.jsonl").symlink_to("nowhere")
    (tmp_path / "b.jsonl").symlink_to("b.jsonl")
    os.mkfifo(tmp_path / "p.jsonl")
    (tmp_path / "other").symlink_to("other")
    (tmp_path / "others").symlink_to("nowhere")
    first, second, log, third = walk([str(tmp_path)])
    assert log == str(tmp_path / "m.jsonl")
    assert first == Problem(
        "discovery", str(tmp_path / "a.jsonl"), 0, "unreadable", "is a link to nothing"
    )
    assert isinstance(second, Problem)
    assert second.detail.startswith("cannot be followed (")
    assert isinstance(third, Problem)
    assert third.detail == "is not a regular file"


def test_directory_that_cannot_be_listed_is_a_problem(tmp_path: Path) -> None:
    """A directory that vanishes while its parent is walked does not end the walk."""
    put(tmp_path / "a.jsonl", tmp_path / "b/x.jsonl", tmp_path / "c.jsonl")
    items = walk([str(tmp_path)])
    assert next(items) == str(tmp_path / "a.jsonl")
    (tmp_path / "b/x.jsonl").unlink()
    (tmp_path / "b").rmdir()
    problem, last = items
    assert isinstance(problem, Problem)
    assert problem.path == str(tmp_path / "b")
    assert problem.detail == "cannot be listed (No such file or directory)"
    assert last == str(tmp_path / "c.jsonl")


@contextmanager
def forbidden(path: Path) -> Iterator[None]:
    """Take away the right to a path, also from root, who is nobody meanwhile."""
    user, mode = os.geteuid(), path.stat().st_mode
    path.chmod(0)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(mode)


def test_forbidden_directory_is_a_problem() -> None:
    """A directory without read permission is told, and counted as no file."""
    with TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o755)
        put(home / ".claude/projects/a/x.jsonl")
        with forbidden(home / ".claude/projects/a"):
            (problem,) = walk([name])
            (found,) = existing(discover({}, home))
    assert isinstance(problem, Problem)
    assert problem.detail == "cannot be listed (Permission denied)"
    assert (found.files, found.problems) == (0, (problem,))


def test_a_place_that_cannot_be_looked_at_says_why() -> None:
    """A directory behind a forbidden one, and one that is a link to nothing, are told as such."""
    with TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o755)
        put(home / ".claude/projects/a/x.jsonl")
        (home / ".codex").symlink_to("moved")
        with forbidden(home / ".claude"):
            claude, codex, _ = existing(discover({}, home))
    assert [problem.detail for problem in claude.problems] == [
        "cannot be looked at (Permission denied)"
    ]
    assert [(problem.path, problem.detail) for problem in codex.problems] == [
        (str(home / ".codex"), "is a link to nothing")
    ]


def test_real_logs_are_found(corpus_dir: Path) -> None:
    """Every transcript of the real logs is given."""
    logs = {str(path) for path in (corpus_dir / "claude-code").rglob("*.jsonl")}
    assert logs
    assert logs <= set(walk([str(corpus_dir)]))
