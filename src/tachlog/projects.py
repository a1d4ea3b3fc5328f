"""Which project a working directory belongs to, told from git's own files; git is never run.

The user's map decides first, then the remote `origin` (`host/owner/name`, without credentials),
then the directory of the main worktree, then the last part of the path. Worktrees, sub-directories
and clones are one project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_URL = re.compile(r"^(?:[a-z+]+://)?(?:[^@/]*@)?([^/:]+)(?::\d+)?[:/](.+?)(?:\.git)?/?$", re.I)
_REMOTE = re.compile(r'^\s*\[remote "origin"\]\s*$(?:\n(?!\s*\[).*)*?\n\s*url\s*=\s*(\S+)', re.M)


NAMED = "project:"
"""What a working directory begins with that another machine told by its project alone."""


def project_of(cwd: str, named: Mapping[str, str] | None = None) -> str:
    """The project of a working directory; `named` maps directories to the user's names for them."""
    if cwd.startswith(NAMED):
        return cwd.removeprefix(NAMED)
    plain = cwd.rstrip("/\\") or cwd
    for directory in sorted(named or (), key=len, reverse=True):
        root = str(Path(directory).expanduser()).rstrip("/\\")
        if plain == root or plain.startswith((root + "/", root + "\\")):
            return (named or {})[directory]
    try:
        found = _from_git(Path(plain)) if Path(plain).is_absolute() else None
    except OSError:
        found = None
    return found or re.split(r"[/\\]", plain)[-1] or plain


def _from_git(cwd: Path) -> str | None:
    for directory in (cwd, *cwd.parents):
        git = directory / ".git"
        if git.is_dir():
            return _remote(git) or directory.name
        if git.is_file():
            return _from_worktree(git) or directory.name
    return None


def _from_worktree(link: Path) -> str | None:
    """The project of a linked worktree, whose `.git` is a file that names the main one."""
    text = link.read_text("utf-8", "replace").strip()
    if not text.startswith("gitdir:"):
        return None
    own = (link.parent / text.removeprefix("gitdir:").strip()).resolve()
    common = own / "commondir"
    main = (
        (own / common.read_text("utf-8", "replace").strip()).resolve() if common.is_file() else own
    )
    return _remote(main) or (main.parent.name if main.name == ".git" else None)


def _remote(git: Path) -> str | None:
    config = git / "config"
    if not config.is_file():
        return None
    found = _REMOTE.search(config.read_text("utf-8", "replace"))
    return plain_remote(found.group(1)) if found else None


def plain_remote(url: str) -> str | None:
    """`host/owner/name` of a remote's URL, without user and password; None for a local path."""
    found = _URL.match(url)
    if found is None or url.startswith(("/", ".", "file:")):
        return None
    return f"{found.group(1).lower()}/{found.group(2).strip('/')}"
