"""The package keeps its shape: imports point downwards, modules stay small, named, described."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"

# From the top down, as docs/design.md says: a module imports from its own row and the rows below.
LAYERS = (
    {"__init__", "__main__"},
    {"cli", "web", "api"},
    {
        "pipeline",
        "mirrors",
        "shipping",
        "privacy",
        "upgrade",
        "retention",
        "watching",
        "receive",
        "scraping",
        "notify",
        "config",
        "demo",
        "charts",
        "grafana",
        "report",
    }
    | {"statements", "service"},
    {"engines", "export", "stores", "glance"},
    {"analysis"},
    {"metrics", "pricing", "projects"},
    {"sessions", "operations", "identity", "agreement"},
    {"sources", "chat"},
    {"signals", "redact", "records", "secrecy", "providers", "verdicts", "estimate", "tellings"},
    {"frames", "discovery"},
    {"model", "data", "mappings", "settings", "client", "passwords", "hooks", "figures"}
    | {"posting"},
)
PLACED = frozenset[str]().union(*LAYERS)
# The example logs are written from the nouns alone, so that they cannot share a reader's mistake.
ALLOWED = {"demo": {"model"}}
FREE_NAMES = {"__version__"}  # what any module may take from the package itself
MOST_LINES = 400
NAMELESS = {"utils", "helpers", "common", "base", "manager", "misc"}

Modules = Mapping[str, str]
"""Dotted module names (a package's `__init__` under the package's name) and their source text."""


def read_modules(source: Path) -> dict[str, str]:
    """Return every module under `source`."""
    modules = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = path.read_text(encoding="utf-8")
    return modules


def layer_name(module: str) -> str:
    """Return the part of a dotted name that the layers speak of."""
    return module.split(".")[1] if "." in module else "__init__"


def rank(module: str) -> int:
    """Return the module's row in `LAYERS`, counted from the top."""
    name = layer_name(module)
    rows = [row for row, names in enumerate(LAYERS) if name in names]
    assert rows, f"{module}: give {name} a place in LAYERS and in docs/design.md"
    return rows[0]


def imported(module: str, modules: Modules, packages: frozenset[str]) -> Iterator[str]:
    """Yield each module of ours that `module` imports: anywhere in it, for types as well."""
    for node in ast.walk(ast.parse(modules[module], module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            start = module.split(".") if module in packages else module.split(".")[:-1]
            above = start[: len(start) - node.level + 1] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            if not ours(origin):
                continue
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                if inner in modules or (origin == "tachlog" and alias.name in PLACED):
                    yield inner
                elif not (origin == "tachlog" and alias.name in FREE_NAMES):
                    yield origin


def ours(module: str) -> bool:
    """Return whether a dotted name lies in this package."""
    return module == "tachlog" or module.startswith("tachlog.")


def import_graph(modules: Modules) -> dict[str, set[str]]:
    """Return for each module the modules of ours that it imports."""
    packages = frozenset(name.rpartition(".")[0] for name in modules) | {"tachlog"}
    return {name: set(imported(name, modules, packages)) - {name} for name in modules}


def upward(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the imports that point upwards, or at what the importing module must not know."""
    return [
        f"{module} imports {target}"
        for module, targets in graph.items()
        for target in sorted(targets)
        if rank(target) < rank(module)
        or layer_name(target)
        not in ALLOWED.get(layer_name(module), {layer_name(target)}) | {layer_name(module)}
    ]


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the modules of one import cycle, first and last the same; none when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def misnamed(modules: Modules) -> list[str]:
    """Return the modules whose name says nothing about what is in them."""
    return [name for name in modules if NAMELESS & set(name.split("."))]


def undescribed(modules: Modules) -> list[str]:
    """Return the modules whose docstring does not begin with one sentence on a line of its own."""
    return [name for name, text in modules.items() if not is_described(text)]


def is_described(text: str) -> bool:
    """Return whether a module's docstring begins with one sentence on a line of its own."""
    first, *rest = (ast.get_docstring(ast.parse(text)) or "").split("\n")
    one_sentence = first.endswith((".", "?")) and ". " not in first
    return one_sentence and (not rest or not rest[0])


def test_imports_point_downwards() -> None:
    """Every import in the package is of the same layer or a lower one."""
    assert upward(import_graph(read_modules(SOURCE))) == []


def test_imports_form_no_cycle() -> None:
    """No module imports itself by way of others, not even lazily or for types."""
    assert cycle(import_graph(read_modules(SOURCE))) == []


def test_modules_are_short() -> None:
    """No module is longer than can be read in one sitting."""
    lengths = {name: text.count("\n") for name, text in read_modules(SOURCE).items()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_modules_are_named_for_what_they_hold() -> None:
    """No module has a name under which anything could be put."""
    assert misnamed(read_modules(SOURCE)) == []


def test_modules_say_what_they_are_for() -> None:
    """Each module's docstring begins with one sentence on a line of its own."""
    assert undescribed(read_modules(SOURCE)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import tachlog.stores.sqlite",
        "import tachlog.stores as kept",
        "from tachlog.stores import sqlite",
        "from tachlog import stores",
        "from tachlog import analyze",
        "from tachlog import pipeline  # which is not there yet",
        "from .. import stores",
        "from ..stores.sqlite import SqliteStore",
        "def lazily():\n    from tachlog.stores import open_store",
        "if TYPE_CHECKING:\n    from tachlog.stores import Store",
    ],
)
def test_an_import_that_points_upwards_is_found(statement: str) -> None:
    """A metric that knows the stores or the package's face is reported, however it imports them."""
    modules = {
        "tachlog": "",
        "tachlog.stores": "",
        "tachlog.stores.sqlite": "",
        "tachlog.metrics": "",
        "tachlog.metrics.tokens": statement,
    }
    found = upward(import_graph(modules))
    assert len(found) == 1
    assert found[0].startswith("tachlog.metrics.tokens imports tachlog")


@pytest.mark.parametrize(
    "statement",
    [
        "import json",
        "from tachlog import __version__, model",
        "from tachlog.model import Usage",
        "from . import timing",
        "from .timing import split",
        "from ..data import tool_categories",
    ],
)
def test_an_import_that_points_downwards_is_fine(statement: str) -> None:
    """Lower layers, siblings, the version and other packages may be imported by a metric."""
    modules = {
        "tachlog.data": "",
        "tachlog.model": "",
        "tachlog.metrics.timing": "",
        "tachlog.metrics.tokens": statement,
    }
    assert upward(import_graph(modules)) == []


def test_the_examples_know_the_nouns_only() -> None:
    """An example generator that looks at a reader is reported, though the reader lies below it."""
    modules = {
        "tachlog.model": "",
        "tachlog.sources.agent_log": "",
        "tachlog.demo.story": "",
        "tachlog.demo.write": "import tachlog.model\nfrom tachlog.demo import story",
        "tachlog.demo.wrong": "from tachlog.sources import agent_log",
    }
    assert upward(import_graph(modules)) == ["tachlog.demo.wrong imports tachlog.sources.agent_log"]


def test_an_import_cycle_is_found() -> None:
    """Two siblings that import each other are reported, also when one of them does so lazily."""
    modules = {
        "tachlog.identity": "from tachlog.sessions import build",
        "tachlog.sessions": "def late():\n    from tachlog import identity",
    }
    assert set(cycle(import_graph(modules))) == {"tachlog.identity", "tachlog.sessions"}


def test_a_module_without_a_layer_is_found() -> None:
    """A new module must be given its place before it can be imported."""
    with pytest.raises(AssertionError, match="give terminal a place"):
        rank("tachlog.terminal")


def test_a_name_that_says_nothing_is_found() -> None:
    """A module called helpers is reported, at whatever depth."""
    assert misnamed({"tachlog.cli.helpers": "", "tachlog.cli.look": ""}) == ["tachlog.cli.helpers"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import json",
        '"""Tokens"""',
        '"""Count tokens. Sum them."""',
        '"""Count tokens\nby kind."""',
        '"""Count tokens.\nSum them."""',
    ],
)
def test_a_missing_description_is_found(text: str) -> None:
    """A docstring that is missing, no sentence, or more than one on the first line is reported."""
    assert undescribed({"tachlog.metrics.tokens": text}) == ["tachlog.metrics.tokens"]


def test_a_description_may_go_on_after_a_blank_line() -> None:
    """What follows the first sentence is free."""
    assert is_described('"""Count tokens.\n\nEach call once. Copies never."""')
