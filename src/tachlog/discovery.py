"""Find where agents keep their logs on this machine."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tachlog.model import Problem

LOG_NAME = re.compile(
    r"[^.].*\.(?:(?:jsonl|ndjson|json|csv|tsv|traj|eval)(?:[.-]\d+)*(?:\.(?:gz|zst|zstd))?"
    r"|db|sqlite3?|vscdb)|[^.][^.]*\.(?:gz|zst|zstd)",
    re.IGNORECASE,
)
"""Names that may be logs, rotated (`agent.jsonl.1`) and compressed ones too, and databases; no
hidden files."""

SKIPPED_DIRECTORIES = {".git", "node_modules"}


class Place(Struct, frozen=True):
    """Where an agent keeps its logs: in one of `bases` or wherever `variable` says, then `below`.

    A base begins with `{home}`, with `{config}` ($XDG_CONFIG_HOME, else ~/.config), or, on Windows
    only, with `{roaming}` (%APPDATA%, else ~/AppData/Roaming) or `{local}` (%LOCALAPPDATA%, else
    ~/AppData/Local); one below `{home}/Library` is for macOS only. `variable` may hold several
    paths between commas. `below` may hold `*`, which stands for one name; then only what exists is
    listed, files as well.
    """

    agent: str
    bases: tuple[str, ...]
    below: str
    variable: str | None = None


class Found(Struct, frozen=True):
    """A directory where an agent's logs are, or would be.

    `why` is "default" or what named it: an environment variable, a key of the configuration. `walk`
    gives so many `files` there and these `problems`. `agent` is None where anybody's may be.
    """

    agent: str | None
    directory: Path
    why: str
    exists: bool
    files: int
    problems: tuple[Problem, ...] = ()


class MissingPath(Exception):
    """A path that was asked for is not there."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        if os.path.islink(self.path):
            return f"{self.path} is a link to nothing: mend or remove it"
        return f"{self.path} is not there: check the name"


EDITORS = ("{config}", "{home}/Library/Application Support", "{roaming}")
"""Where editors keep their data, on Linux, macOS and Windows."""

PLACES = (
    # Claude Code: its CLAUDE_CONFIG_DIR and logs of 1.0.17 to 2.1.330; checked 2026-11-22.
    Place("claude_code", ("{config}/claude", "{home}/.claude"), "projects", "CLAUDE_CONFIG_DIR"),
    # Claude Desktop runs Claude Code in local agent mode, with a configuration per session. The
    # layout is that of paths in public reports and tools; checked 2026-11-22.
    *(
        Place(
            "claude_code",
            (
                "{home}/Library/Application Support/Claude",
                "{config}/Claude",
                "{roaming}/Claude",
            ),
            f"local-agent-mode-sessions/{session}/.claude/projects",
        )
        for session in ("*/*/local_*", "*/*/agent/local_*")
    ),
    # Codex: its CODEX_HOME and rollouts of 0.34 to 0.169; checked 2026-11-22.
    *(
        Place("codex", ("{home}/.codex",), below, "CODEX_HOME")
        for below in ("sessions", "archived_sessions")
    ),
    # pi: docs/environment-variables.md and docs/sessions.md of 1.5.2; checked 2026-11-22.
    Place("pi", ("{home}/.pi/agent",), "sessions", "PI_CODING_AGENT_DIR"),
    Place("pi", (), "", "PI_CODING_AGENT_SESSION_DIR"),
    # GitHub Copilot CLI: paths in its logs of 1.0.74, COPILOT_HOME of its help; checked 2026-11-22.
    Place("copilot_cli", ("{home}/.copilot",), "session-state", "COPILOT_HOME"),
    # Gemini CLI: its chatRecordingService.ts and paths.ts; checked 2026-11-22.
    Place("gemini_cli", ("{home}",), ".gemini/tmp", "GEMINI_CLI_HOME"),
    # Qwen Code: QWEN_HOME and QWEN_RUNTIME_DIR of 0.24.4; checked 2026-11-22.
    Place("qwen_code", ("{home}/.qwen",), "projects", "QWEN_HOME"),
    Place("qwen_code", (), "projects", "QWEN_RUNTIME_DIR"),
    # Kimi CLI: its share.py and metadata.py of 1.51; checked 2026-11-22.
    Place("kimi_cli", ("{home}/.kimi",), "sessions", "KIMI_SHARE_DIR"),
    # Kimi Code CLI: KIMI_CODE_HOME of 2.1.0; checked 2026-11-22.
    Place("kimi_code", ("{home}/.kimi-code",), "sessions", "KIMI_CODE_HOME"),
    # OpenCode: a database, before 1.2 a tree of files, there on every system (opencode.ai/docs/
    # troubleshooting); OPENCODE_DB names another database (its database.ts); checked 2026-11-22.
    *(
        Place("opencode", ("{home}/.local/share",), f"opencode/{below}", "XDG_DATA_HOME")
        for below in ("opencode*.db", "storage/session", "storage/message")
    ),
    Place("opencode", (), "", "OPENCODE_DB"),
    # OpenHands: locations.py of its CLI, docs.openhands.dev/openhands/usage/cli/resume; checked
    # 2026-11-22.
    Place("openhands", ("{home}/.openhands",), "conversations", "OPENHANDS_PERSISTENCE_DIR"),
    Place("openhands", (), "", "OPENHANDS_CONVERSATIONS_DIR"),
    # mini-swe-agent: the last run lies in its configuration directory, which is that of
    # platformdirs, or ~/.config on macOS as well (its __init__.py); checked 2026-11-22.
    Place(
        "mini_swe_agent",
        (
            "{config}/mini-swe-agent",
            "{home}/Library/Application Support/mini-swe-agent",
            "{local}/mini-swe-agent/mini-swe-agent",
        ),
        "*.traj.json",
        "MSWEA_GLOBAL_CONFIG_DIR",
    ),
    # Of frameworks whose logs lie beside the project: where their variables say. Inspect AI:
    # inspect.aisi.org.uk/reference/inspect_ai.log.html; SWE-agent: swe-agent.com/latest/reference/
    # env; checked 2026-11-22.
    Place("inspect_ai", (), "", "INSPECT_LOG_DIR"),
    Place("swe_agent", (), "", "SWE_AGENT_TRAJECTORY_DIR"),
    # Amp: the paths in its program, the same on every system; checked 2026-11-22.
    Place("amp", ("{home}/.local/share",), "amp/threads", "XDG_DATA_HOME"),
    # Droid: FACTORY_HOME_OVERRIDE and the folder in its program; checked 2026-11-22.
    Place("droid", ("{home}",), ".factory/sessions", "FACTORY_HOME_OVERRIDE"),
    # Goose: its paths.rs, which prefers the XDG folders on macOS too; checked 2026-11-22.
    Place("goose", ("{home}/.local/share",), "goose/sessions", "XDG_DATA_HOME"),
    Place(
        "goose",
        ("{home}/Library/Application Support/Block/goose", "{roaming}/Block/goose/data"),
        "sessions",
    ),
    Place("goose", (), "data/sessions", "GOOSE_PATH_ROOT"),
    # Cline, Roo Code, Kilo Code: the storage of VS Code and of the editors made of it (Insiders,
    # VSCodium, Cursor, Windsurf …), each with a folder of its own name, and of their servers. The
    # extensions' names and folders: disk.ts of Cline, storage.ts of Roo Code; checked 2026-11-22.
    *(
        Place(agent, bases, f"{editor}/User/globalStorage/{extension}/tasks")
        for agent, extension in (
            ("cline", "saoudrizwan.claude-dev"),
            ("roo_code", "rooveterinaryinc.roo-cline"),
            ("kilo_code", "kilocode.kilo-code"),
        )
        for bases, editor in (
            (EDITORS, "*"),
            (("{home}",), ".*-server*/data"),
            (("{home}/.local/share",), "code-server*"),
        )
    ),
    # Cursor and its preview: public code that reads its database; checked 2026-11-22.
    Place("cursor", EDITORS, "Cursor*/User/globalStorage/state.vscdb"),
    # Cline's CLI, 2.18 and 3.0; the third version's sessions; checked 2026-11-22.
    *(
        Place("cline", ("{home}/.cline/data",), below, "CLINE_DATA_DIR")
        for below in ("tasks", "sessions")
    ),
)


def home_of(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The home directory that agents take: %USERPROFILE% on Windows, else $HOME."""
    return Path(environ.get("USERPROFILE" if platform == "win32" else "HOME") or Path.home())


def discover(
    environ: Mapping[str, str],
    home: Path,
    places: Sequence[Place] = PLACES,
    platform: str = sys.platform,
) -> list[Found]:
    """Return the places where agents' logs are or would be on this machine, each directory once.

    An environment variable that is set replaces the defaults of its place. `platform` is that of
    `sys.platform`.
    """
    return [
        look(found.directory, found.why, found.agent) if found.exists else found
        for found in directories(environ, home, places, platform)
    ]


def directories(
    environ: Mapping[str, str],
    home: Path,
    places: Sequence[Place] = PLACES,
    platform: str = sys.platform,
) -> Iterator[Found]:
    """The same places, not looked at.

    There is no file where a directory would be, nor a pattern that nothing fits.
    """
    seen: set[str] = set()
    for place in places:
        why, bases = _bases(place, environ, home, platform)
        for base in bases:
            pattern = "*" in place.below
            fitting = sorted(base.glob(place.below)) if pattern else [base / place.below]
            for directory in fitting or [base / place.below]:
                real = os.path.realpath(directory)
                if real not in seen:
                    seen.add(real)
                    is_file = not pattern and place.below and os.path.isfile(directory)
                    exists = bool(fitting) and not is_file
                    yield Found(place.agent, directory, why, exists, 0)


def _bases(
    place: Place, environ: Mapping[str, str], home: Path, platform: str
) -> tuple[str, list[Path]]:
    named = environ.get(place.variable, "") if place.variable else ""
    listed = [part.strip() for part in named.split(",") if part.strip()]
    if place.variable and listed:
        return place.variable, [_under(home, text) for text in listed if "://" not in text]
    starts = {
        "home": str(home),
        "config": environ.get("XDG_CONFIG_HOME") or str(home / ".config"),
        "roaming": environ.get("APPDATA") or str(home / "AppData" / "Roaming"),
        "local": environ.get("LOCALAPPDATA") or str(home / "AppData" / "Local"),
    }
    bases = [base for base in place.bases if _is_for(base, platform)]
    return "default", [Path(base.format(**starts)) for base in bases]


def _is_for(base: str, platform: str) -> bool:
    if base.startswith("{home}/Library/"):
        return platform == "darwin"
    return platform == "win32" or not base.startswith(("{roaming}", "{local}"))


def _under(home: Path, text: str) -> Path:
    return home / text[2:] if text.startswith("~/") else home if text == "~" else Path(text)


def look(directory: Path, why: str, agent: str | None = None) -> Found:
    """What is at a place."""
    if (problem := _unseen(directory)) is not None:
        return Found(agent, directory, why, True, 0, (problem,))
    if not os.path.exists(directory):
        return Found(agent, directory, why, False, 0)
    found = list(walk([str(directory)]))
    problems = tuple(each for each in found if isinstance(each, Problem))
    return Found(agent, directory, why, True, len(found) - len(problems), problems)


def _unseen(directory: Path) -> Problem | None:
    """Why a place cannot be looked at though it may be there."""
    try:
        os.stat(directory)
    except (FileNotFoundError, NotADirectoryError):
        for path in (directory, *directory.parents):
            if path.is_symlink() and not path.exists():
                return _problem(str(path), "is a link to nothing")
    except OSError as error:
        return _problem(str(directory), f"cannot be looked at ({error.strerror})")
    return None


def walk(paths: Sequence[str]) -> Iterator[str | Problem]:
    """Return an iterator over the absolute paths of the files that `paths` name, each once.

    A file is taken whatever it is called. Of a directory, what is called like a log anywhere below
    it is taken in the order of the paths: links are followed but no directory is entered twice, and
    `.git` and `node_modules` are left out. What cannot be listed, has a name that is no UTF-8, or
    is no file though called like a log, comes as a Problem of the source "discovery".
    Raises MissingPath at once, before anything is walked.
    """
    roots = [os.path.abspath(path) for path in paths]
    for path, root in zip(paths, roots, strict=True):
        if _is_missing(root):
            raise MissingPath(path)
    return _below(roots)


def _is_missing(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False  # it is there, and reading it will say what is wrong
    return False


def _below(roots: Sequence[str]) -> Iterator[str | Problem]:
    """Yield what is at and below the roots; a path that ends with a separator is a directory."""
    given: set[str] = set()
    entered: set[tuple[int, int]] = set()
    waiting = list[str | Problem](
        os.path.join(root, "") if os.path.isdir(root) else root for root in reversed(roots)
    )
    while waiting:
        item = waiting.pop()
        if isinstance(item, Problem):
            yield item
        elif not (item.isascii() or _is_text(item)):
            readable = os.fsencode(item).decode("utf-8", "backslashreplace").rstrip(os.sep)
            yield _problem(readable, "has a name that is no UTF-8: rename it")
        elif item.endswith(os.sep):
            waiting.extend(reversed(_listed(item, entered)))
        elif item not in given:
            given.add(item)
            yield item


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _listed(directory: str, entered: set[tuple[int, int]]) -> list[str | Problem]:
    """Return what a directory holds in the order of the paths, nothing if it was entered before."""
    try:
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in entered:
            return []
        entered.add((status.st_dev, status.st_ino))
        with os.scandir(directory) as entries:
            items = [item for entry in entries if (item := _sighted(entry)) is not None]
    except OSError as error:
        return [_problem(directory.rstrip(os.sep), f"cannot be listed ({error.strerror})")]
    return sorted(items, key=lambda item: item if isinstance(item, str) else item.path)


def _sighted(entry: os.DirEntry[str]) -> str | Problem | None:
    """Return a log's path, a directory's with a separator behind it, or what is wrong with it."""
    is_log = LOG_NAME.fullmatch(entry.name) is not None
    try:
        if is_log and entry.is_file():
            return entry.path
        if entry.is_dir():
            return None if entry.name in SKIPPED_DIRECTORIES else os.path.join(entry.path, "")
        if not is_log:
            return None
        detail = "is a link to nothing" if entry.is_symlink() else "is not a regular file"
    except OSError as error:
        detail = f"cannot be followed ({error.strerror})"
    return _problem(entry.path, detail) if is_log else None


def _problem(path: str, detail: str) -> Problem:
    return Problem(source="discovery", path=path, offset=0, kind="unreadable", detail=detail)
