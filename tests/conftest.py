"""What tests stand on: a clean home, the installed command, the real logs if there are any."""

import os
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

import golden
import tachlog as package

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "../shared/corpus"

KEPT_VARIABLES = {"PATH", "TMPDIR", "LD_LIBRARY_PATH"}
KEPT_PREFIXES = ("COVERAGE_", "HYPOTHESIS_", "OPENBLAS_", "PYTEST_", "PYTHON")

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


class Ran(NamedTuple):
    """What a finished command left behind."""

    stdout: str
    stderr: str
    code: int


Run = Callable[..., Ran]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--wheel`, with which `make test` makes sure that it tests what users install."""
    parser.addoption("--wheel", action="store_true", help="refuse to test the source tree")


def pytest_configure(config: pytest.Config) -> None:
    """Stop a run that asked for the installed package and would test the source tree."""
    tested = Path(package.__file__).resolve()
    if config.getoption("--wheel") and tested.is_relative_to(ROOT / "src"):
        raise pytest.UsageError(f"--wheel: {tested} is the source tree, not an installed wheel")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the test an empty home and none of this machine's settings, logs or zone (it is UTC)."""
    directory = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name not in KEPT_VARIABLES and not name.startswith(KEPT_PREFIXES):
                environment.delenv(name)
        environment.setenv("HOME", str(directory))
        environment.setenv("TZ", "UTC")
        time.tzset()
        yield directory
    time.tzset()


@pytest.fixture(autouse=True)
def mappings() -> None:
    """Put the mappings of the cases in force; a command that ran in this process had its own."""
    golden.configure()


@pytest.fixture
def tachlog(home: Path) -> Run:
    """Return a function that runs the installed command as a user would, in the empty home.

    `run(*arguments, env=…, cwd=…, check=…)`: `env` is added to the clean environment, `cwd` is the
    home unless given, and with `check` (the default) an exit code other than 0 fails the test.
    """
    command = Path(sysconfig.get_path("scripts")) / "tachlog"

    def run(
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path = home,
        check: bool = True,
    ) -> Ran:
        done = subprocess.run(
            [command, *arguments],
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        if check and done.returncode != 0:
            pytest.fail(f"tachlog {arguments} ended with {done.returncode}:\n{done.stderr}")
        return Ran(done.stdout, done.stderr, done.returncode)

    return run


@pytest.fixture(scope="session")
def corpus_dir() -> Path:
    """Return the directory of real agent logs, or skip the test where there is none."""
    if not CORPUS.is_dir():
        pytest.skip("real logs are not beside this checkout: ../shared/corpus")
    return CORPUS.resolve()
