"""What tests stand on: a clean home, the installed command, the real logs if there are any."""

import os
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

import golden
import influxdb
import postgresql
import serving
import tachlog as package
from tachlog.stores import Store, open_store

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


def unmeasured() -> dict[str, str]:
    """The environment without what makes a process measure its coverage, which imports much."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


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


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Give the URL of a PostgreSQL server, which is stopped after the last test."""
    with postgresql.running() as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """Give the URL of an empty PostgreSQL archive."""
    with postgresql.schema_in(postgresql_server) as url:
        yield url


@pytest.fixture(scope="session")
def influx() -> Iterator[influxdb.Influx]:
    """Give a running InfluxDB, which is stopped after the last test."""
    with influxdb.running() as server:
        yield server


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Served]:
    """Give a running `tachlog serve` with an archive of its own, stopped after the last test."""
    with serving.serving(tmp_path_factory.mktemp("served")) as found:
        yield found


class Archives:
    """Archives of one kind: new ones, and more openings of them; all are closed after the test."""

    def __init__(self, urls: Iterator[str]) -> None:
        self._urls = urls
        self._opened: list[Store] = []

    def url(self) -> str:
        """Where an empty archive is, a new one each time."""
        return next(self._urls)

    def open(self, url: str) -> Store:
        """Open an archive."""
        store = open_store(url)
        self._opened.append(store)
        return store

    def new(self) -> Store:
        """An empty archive."""
        return self.open(self.url())

    def close(self) -> None:
        """Close what was opened."""
        for store in self._opened:
            store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def archives(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archives]:
    """Give archives of each kind that there is."""
    with ExitStack() as after:

        def urls() -> Iterator[str]:
            for number in count(1):
                if request.param == "sqlite":
                    yield str(tmp_path / "archives" / f"{number}.db")
                else:
                    server = request.getfixturevalue("postgresql_server")
                    yield after.enter_context(postgresql.schema_in(server))

        found = Archives(urls())
        after.callback(found.close)
        yield found
