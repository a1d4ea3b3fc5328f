"""Says what a tool call was about: a command, a file, a host, an MCP tool, a sub-agent."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from tachlog.data import MCP_PREFIX, tool_category
from tachlog.model import Target, TargetKind, digest_of
from tachlog.redact import redact
from tachlog.signals.programs import Command
from tachlog.signals.shell import read_line, read_words
from tachlog.signals.wording import clean, cut

MOST_CHARACTERS = 120  # of a target's name
_PATH_PARTS = 3  # of a path outside of the working and the home directory
_CACHED_CHARACTERS = 200  # of a command line that is remembered
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
_HOME = re.compile(r"(?:(?:[a-z]:|/mnt/[a-z]|/[a-z])?/(?:home|Users)/[^/]+|/root)(?=/|\Z)")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_HOST = re.compile(r"(?:[A-Za-z][\w+.-]*://)?(?:[^/?#@\s]*@)?([^/?#@\s]+)")


class _Input(Struct, gc=False):
    """The fields that name a target, of any tool; anything may stand in them."""

    command: Any = None
    commands: Any = None
    cmd: Any = None
    script: Any = None
    code: Any = None
    file_path: Any = None
    filePath: Any = None
    absolute_path: Any = None
    notebook_path: Any = None
    target_file: Any = None
    relativeWorkspacePath: Any = None
    filename: Any = None
    file: Any = None
    files: Any = None
    path: Any = None
    dir_path: Any = None
    patch: Any = None
    patchText: Any = None
    input: Any = None
    url: Any = None
    uri: Any = None
    subagent_type: Any = None
    agent_type: Any = None
    agent: Any = None
    agent_name: Any = None
    workdir: Any = None


_INPUT = msgspec.json.Decoder(_Input)
_FIELDS = frozenset(_Input.__struct_fields__)


def target(tool: str, raw_input: bytes, cwd: str | None = None) -> Target | None:
    """Return what a tool call was about, given the JSON of its input; None when it does not say.

    The name is redacted and has at most 120 characters. The digest is of the whole command, path,
    address or name, whatever tool it was given to. Never raises.
    """
    category = tool_category(tool)
    if category == "mcp":
        return _mcp_target(tool.strip())
    if category == "plan":
        return None
    given = _decoded(raw_input)
    if isinstance(given, str):
        return _patched(given, cwd)
    if category == "shell":
        return _command(given)
    if category == "agent":
        return _agent(given)
    if category == "web":
        return _address(given)
    if category == "search":
        return _file(given, cwd) or _path_target(".", cwd)
    if category in ("file_read", "file_edit"):
        return _file(given, cwd)
    return _file(given, cwd) or _address(given) or _command(given)


def _decoded(raw: bytes) -> _Input | str:
    """Return the fields of an input, or its text when it is one: a patch, a freeform input."""
    try:
        return _INPUT.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    text = bytes(raw).decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict):
        return _Input(**{name: value[name] for name in _FIELDS & value.keys()})
    return value if isinstance(value, str) else _Input()


def _text(*values: object) -> str:
    """Return the first value that is a text with something in it, else an empty one."""
    for value in values:
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _listed(value: object) -> list[Any]:
    """Return a list as it is, and for anything else an empty one."""
    return value if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    """Return the texts in a list, if it is one: the commands of one call."""
    return [each for each in _listed(value) if isinstance(each, str) and each.strip()]


def _command(given: _Input) -> Target | None:
    command = given.command if given.command is not None else given.cmd
    if isinstance(command, list):
        words = [word for word in command if isinstance(word, str) and word]
        return _run_target(read_words(words), "\x1f".join(words))
    whole = _text(command, given.script) or " && ".join(_texts(given.commands))
    read = _line_target if len(whole) <= _CACHED_CHARACTERS else _line_target.__wrapped__
    return read(whole)


@lru_cache(maxsize=4096)
def _line_target(whole: str) -> Target | None:
    """Return the target of a command line; agents repeat themselves."""
    return _run_target(read_line(whole), whole)


def _run_target(run: Command | None, whole: str) -> Target | None:
    if run is None:
        return None
    if run.names[0] == "apply_patch" and (patched := _patched(whole, None)):
        return patched
    name = _clean_name(" && ".join(run.names))
    return Target("command", name, _digest(whole), run.no_kind, run.no_codes)


def _file(given: _Input, cwd: str | None) -> Target | None:
    path = _text(
        given.file_path,
        given.path,
        given.filePath,
        given.absolute_path,
        given.notebook_path,
        given.target_file,
        given.relativeWorkspacePath,
        given.dir_path,
        given.filename,
        given.file,
        *_texts([file.get("path") for file in _listed(given.files) if isinstance(file, dict)]),
    )
    if path:
        return _path_target(path, cwd)
    return _patched(_text(given.patch, given.patchText, given.input), cwd)


@lru_cache(maxsize=8192)
def _path_target(path: str, cwd: str | None) -> Target:
    return _target("file", _short_path(path, cwd), _whole_path(path, cwd))


def _patched(patch: str, cwd: str | None) -> Target | None:
    """Return the first file that a patch changes; the digest is of all of them."""
    paths = _PATCHED.findall(patch)
    if not paths:
        return None
    name = _short_path(paths[0].strip(), cwd)
    more = f" +{len(paths) - 1}" if len(paths) > 1 else ""
    return _target("file", name + more, "\x1f".join(_whole_path(path, cwd) for path in paths))


def _address(given: _Input) -> Target | None:
    url = _text(given.url, given.uri)
    found = _HOST.match(url.strip())
    return _target("url", found[1].lower(), url.strip()) if found else None


def _agent(given: _Input) -> Target | None:
    name = _text(given.subagent_type, given.agent_type, given.agent_name, given.agent)
    return _target("agent", name.strip(), name.strip()) if name else None


@lru_cache(maxsize=4096)
def _mcp_target(tool: str) -> Target:
    name = tool[len(MCP_PREFIX) :].replace("__", ".", 1)
    return _target("mcp", name, name)


def _target(kind: TargetKind, name: str, whole: str) -> Target:
    return Target(kind, _clean_name(name), _digest(whole))


def _digest(whole: str) -> int:
    return digest_of(whole.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=8192)
def _clean_name(name: str) -> str:
    return cut(redact(clean(name[: 4 * MOST_CHARACTERS])), MOST_CHARACTERS)


def _whole_path(path: str, cwd: str | None) -> str:
    """Return a path in one form for all tools: absolute where that is known, with slashes."""
    path = _slashed(path)
    if cwd and not _is_absolute(path):
        path = f"{_slashed(cwd)}/{path}"
    if "/./" in path or "/../" in path or path[-1:] in (".", "/"):
        return _resolved(path)
    return path


def _resolved(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] not in ("", ".."):
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    return ("/" if path[:1] == "/" else "") + "/".join(parts)


def _short_path(path: str, cwd: str | None) -> str:
    """Return a path below the working directory, else below home, else its last three parts.

    Also its last three parts when it would be too long for a name.
    """
    path = _slashed(path)
    short = path.rstrip("/") or "/"
    if _is_absolute(path):
        below = _slashed(cwd).rstrip("/") if cwd else ""
        home = _HOME.match(short)
        if below and (short == below or short.startswith(below + "/")):
            short = short[len(below) + 1 :]
        elif home:
            short = "~" + short[home.end() :]
        elif short.count("/") > _PATH_PARTS:
            return _last_parts(short)
    else:
        short = short.removeprefix("./")
    return (_last_parts(short) if len(short) > MOST_CHARACTERS else short) or "."


def _last_parts(path: str) -> str:
    return "…/" + "/".join(path.split("/")[-_PATH_PARTS:])


def _is_absolute(path: str) -> bool:
    return path[:1] in "/~" or path[1:3] == ":/"


def _slashed(path: str) -> str:
    """Return a path with slashes and, on Windows, a small drive letter."""
    if _DRIVE.match(path) or ("\\" in path and "/" not in path):
        path = path.replace("\\", "/")
    return path[0].lower() + path[1:] if path[1:2] == ":" else path
