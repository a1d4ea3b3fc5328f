"""What is installed is whole: the command, the types, the data, one version."""

import subprocess
import sys
from importlib.metadata import entry_points, requires, version
from importlib.resources import files
from pathlib import Path

import tachlog as package
from conftest import Run

SOURCE = Path(__file__).resolve().parents[1] / "src/tachlog"


def test_the_package_carries_what_is_not_code() -> None:
    """Every file of the source tree that is no module is installed with it, byte for byte."""
    carried = [
        path.relative_to(SOURCE)
        for path in SOURCE.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    ]
    assert Path("py.typed") in carried
    installed = files("tachlog")
    for path in carried:
        assert installed.joinpath(*path.parts).read_bytes() == (SOURCE / path).read_bytes()


def test_the_package_has_one_version() -> None:
    """The module and the distribution name the same version."""
    assert package.__version__ == version("tachlog")


def test_all_extras_are_in_all() -> None:
    """`pip install tachlog[all]` brings what each extra brings."""
    brought: dict[str, set[str]] = {}
    for requirement in requires("tachlog") or []:
        package_name, _, extra = requirement.partition("; extra == ")
        brought.setdefault(extra.strip("'"), set()).add(package_name)
    needed = brought.pop("")
    everything = brought.pop("all")
    assert {"sql", "dataframes"} <= brought.keys()
    assert everything == set().union(*brought.values())
    assert not needed & everything


def test_the_command_is_the_package() -> None:
    """The installed command starts this package's `main`."""
    (command,) = entry_points(group="console_scripts", name="tachlog")
    assert command.value == "tachlog.cli:main"


def test_the_package_runs_as_a_module(tachlog: Run) -> None:
    """`python -m tachlog` is the command."""
    ran = subprocess.run(
        [sys.executable, "-m", "tachlog", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == tachlog("--version").stdout
