"""The project of a working directory, told from git's files without running git."""

from __future__ import annotations

from pathlib import Path

import pytest

from tachlog.projects import plain_remote, project_of

CONFIG = '[core]\n\tbare = false\n[remote "origin"]\n\turl = {}\n\tfetch = +refs/*:refs/*\n'


def repository(directory: Path, url: str | None = None) -> Path:
    """Make what looks like a clone."""
    git = directory / ".git"
    git.mkdir(parents=True)
    if url is not None:
        (git / "config").write_text(CONFIG.format(url))
    return directory


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("git@github.com:acme/shop.git", "github.com/acme/shop"),
        ("https://github.com/acme/shop", "github.com/acme/shop"),
        ("https://ana:ghp_secret@GitHub.com/acme/shop.git/", "github.com/acme/shop"),
        ("ssh://git@git.acme.example:2222/team/sub/shop.git", "git.acme.example/team/sub/shop"),
        ("https://git.acme.example:8443/shop.git", "git.acme.example/shop"),
        ("/srv/git/shop.git", None),
        ("../shop", None),
        ("file:///srv/git/shop.git", None),
        ("nonsense", None),
    ],
)
def test_a_remote_is_told_without_credentials(url: str, plain: str | None) -> None:
    """Host, owner and name; nothing of who may log in; a local path is no remote."""
    assert plain_remote(url) == plain


def test_a_clone_is_called_by_its_remote(tmp_path: Path) -> None:
    """Sub-directories and other clones of one remote are one project."""
    url = "git@github.com:acme/shop.git"
    one = repository(tmp_path / "one", url)
    two = repository(tmp_path / "elsewhere" / "two", url.replace("git@", "https://u:p@"))
    (one / "src" / "cart").mkdir(parents=True)
    for cwd in (one, one / "src" / "cart", one / "gone" / "since", two, f"{one}/"):
        assert project_of(str(cwd)) == "github.com/acme/shop"


def test_a_clone_without_a_remote_is_called_by_its_directory(tmp_path: Path) -> None:
    """Neither a missing config nor one of another remote names a project."""
    assert project_of(str(repository(tmp_path / "shop") / "src")) == "shop"
    other = repository(tmp_path / "till")
    (other / ".git" / "config").write_text('[remote "upstream"]\n\turl = git@h:a/b.git\n')
    assert project_of(str(other)) == "till"
    local = repository(tmp_path / "desk", "/srv/git/desk.git")
    assert project_of(str(local)) == "desk"


def test_a_worktree_is_its_main_worktree(tmp_path: Path) -> None:
    """A linked worktree, whose `.git` is a file, has the remote or the name of the main one."""
    for name, url, project in (
        ("shop", "git@github.com:acme/shop.git", "github.com/acme/shop"),
        ("till", None, "till"),
    ):
        main = repository(tmp_path / name, url)
        linked = main / ".git" / "worktrees" / "fix"
        linked.mkdir(parents=True)
        (linked / "commondir").write_text("../..\n")
        tree = tmp_path / f"{name}-fix"
        tree.mkdir()
        (tree / ".git").write_text(f"gitdir: {linked}\n")
        assert project_of(str(tree / "src")) == project


def test_a_submodule_is_a_project_of_its_own(tmp_path: Path) -> None:
    """A submodule's `.git` file leads to a directory without a common one."""
    modules = tmp_path / "shop" / ".git" / "modules" / "lib"
    modules.mkdir(parents=True)
    (modules / "config").write_text(CONFIG.format("git@github.com:acme/lib.git"))
    tree = tmp_path / "shop" / "lib"
    tree.mkdir()
    (tree / ".git").write_text("gitdir: ../.git/modules/lib")
    assert project_of(str(tree)) == "github.com/acme/lib"
    (modules / "config").unlink()
    assert project_of(str(tree)) == "lib"


@pytest.mark.parametrize("text", ["", "nonsense", "gitdir: /gone/since/then"])
def test_a_broken_link_is_called_by_its_directory(tmp_path: Path, text: str) -> None:
    """A `.git` file that leads nowhere still marks where a project begins."""
    (tmp_path / "shop" / "src").mkdir(parents=True)
    (tmp_path / "shop" / ".git").write_text(text)
    assert project_of(str(tmp_path / "shop" / "src")) == "shop"


@pytest.mark.parametrize(
    ("cwd", "project"),
    [
        ("/home/ana/shop", "shop"),
        ("/home/ana/shop/", "shop"),
        ("C:\\Users\\ana\\shop", "shop"),
        ("/", "/"),
        ("shop", "shop"),
        ("/nowhere/" + "x" * 5_000, "x" * 5_000),
    ],
)
def test_a_directory_of_another_machine_is_called_by_its_last_part(cwd: str, project: str) -> None:
    """What is not there, or cannot be looked at, has the name that its path ends with."""
    assert project_of(cwd) == project


def test_the_users_names_decide_first(tmp_path: Path, home: Path) -> None:
    """The longest directory that is named wins, over git too; a name is no prefix of another."""
    shop = repository(tmp_path / "shop", "git@github.com:acme/shop.git")
    named = {str(tmp_path): "work", str(shop): "till", "~/notes/": "notes", "D:\\src": "games"}
    assert project_of(str(shop / "src"), named) == "till"
    assert project_of(str(tmp_path / "other"), named) == "work"
    assert project_of(f"{tmp_path}/shop-two", {str(shop): "till"}) == "shop-two"
    assert project_of(f"{home}/notes/2026", named) == "notes"
    assert project_of("D:\\src\\tetris", named) == "games"


def test_a_directory_of_another_system_is_not_looked_for_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read in a repository, a path of Windows is no directory of that repository."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    assert project_of("C:\\Users\\ana\\git\\shop") == "shop"
    assert project_of("git/shop") == "shop"
